"""One process at a time writes into the folder of a run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

from chainrule import CheckpointError

from .atomic import telling

NAME = ".lock"

try:
    import fcntl
except ImportError:  # Windows: a folder is not guarded there
    fcntl = None  # type: ignore[assignment]


class Lock:
    """Holds the folder from when it is made until `release` or the end of the process, a kill included.

    Raises:   CheckpointError with the id of the process that holds it, or when the file cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with telling(folder / NAME):
            self._file: IO[str] = (folder / NAME).open("a+", encoding="ascii")
        try:
            self._take()
        except BaseException:
            self._file.close()
            raise

    def _take(self) -> None:
        if fcntl is None:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            holder = self._file.read().strip() or "another"
            hint = "wait until it ends, or take another folder"
            raise CheckpointError(f"{self._folder} is being written by process {holder}", hint=hint) from None
        with telling(self._folder / NAME):
            self._file.truncate(0)
            self._file.write(f"{os.getpid()}\n")
            self._file.flush()

    def release(self) -> None:
        """Let others write. The file stays: to remove one that another process has opened would let two in."""
        if not self._file.closed:
            self._file.truncate(0)
            self._file.close()

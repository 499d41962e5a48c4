"""One process at a time writes into the folder of a run."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from chainrule import CheckpointError
from chainrule.errors import warn

from .atomic import telling

NAME = ".lock"

NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
"""What a file system says that has no locks, as some that are reached through a network."""

try:
    import fcntl
except ImportError:  # Windows: a folder is not guarded there
    fcntl = None  # type: ignore[assignment]


class Lock:
    """Holds the folder from when it is made until `release` or the end of the process, a kill included.

    Where the file system has no locks nothing is held: it warns, and the run goes on.
    Raises:   CheckpointError with the id of the process that holds it, or when the file cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._descriptor: int | None = None
        with telling(self._path):
            while self._descriptor is None:
                self._descriptor = self._open()

    def _open(self) -> int | None:
        """Return the descriptor that holds the file, None when its holder has just removed it."""
        # Its content is overwritten, and so no link is followed to another file.
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        try:
            self._take(descriptor)
            if self._is_there(descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return None

    def _is_there(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        except FileNotFoundError:
            return False

    def _take(self, descriptor: int) -> None:
        if fcntl is None:
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 20).decode(errors="replace").strip()
            who = f"process {holder}" if holder.isdecimal() else "another process"
            hint = "wait until it ends, or take another folder"
            raise CheckpointError(f"{self._path.parent} is being written by {who}", hint=hint) from None
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            warn(
                f"{self._path.parent} is on a file system without locks ({error.strerror}): two processes that write "
                "there at once are not told apart; see to it that one does"
            )
            return
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Let others write. The file goes, and whoever has opened it meanwhile sees that: a lock on it is none."""
        if self._descriptor is not None:
            with suppress(OSError):  # to close it is what counts
                self._path.unlink()
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None

"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from chainrule import CheckpointError


def write(path: Path, content: bytes) -> None:
    """Write a file. Raises:   as `writing`."""
    with writing(path) as file:
        file.write(content)


@contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """Give a temporary file beside it, which is flushed to disk and renamed over the file in the end.

    Whoever reads, now or after a kill, finds the old content or the new.
    Raises:   CheckpointError with the system's reason; the file is as it was, and the temporary one is gone.
    """
    temporary = path.with_name(f".{path.name}.part")
    with telling(path):
        try:
            # What a kill left there goes, and so does a link that would lead elsewhere.
            temporary.unlink(missing_ok=True)
            with temporary.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        _flush_folder(path.parent)


def append(path: Path, line: str) -> None:
    """Add a line to a file, or none of it. Raises:   CheckpointError."""
    with telling(path):
        before = path.stat().st_size if path.exists() else 0
        try:
            with path.open("ab") as file:
                file.write(line.encode())
        except BaseException:
            with suppress(OSError):
                os.truncate(path, before)
            raise


@contextmanager
def telling(path: Path, verb: str = "written") -> Iterator[None]:
    """Turn what the system refuses into a CheckpointError that names the file."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise CheckpointError(f"{path} cannot be {verb}: {reason}", hint=_what_to_do(verb)) from error


def _what_to_do(verb: str) -> str:
    if verb == "written":
        return "make room, or write elsewhere; what was there before is as it was"
    return "name the folder of a run"


def _flush_folder(folder: Path) -> None:
    """Flush the new name to disk, where a folder can be opened (on Windows it cannot)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system that flushes no folders
            raise
    finally:
        os.close(descriptor)

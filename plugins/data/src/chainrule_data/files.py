"""What the readers share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from chainrule import Array, DataError

GZIP = b"\x1f\x8b"
"""How a gzipped file begins."""
LIMIT = 4 << 30
"""Bytes of one array that are read into memory at most; a larger one belongs on disk, memory-mapped."""


@contextmanager
def reading(path: Path, *failures: type[Exception]) -> Iterator[None]:
    """Turn what the operating system and a decoder raise into a DataError that names the file."""
    try:
        yield
    except DataError as error:
        raise error if str(path) in error.where else error.within(str(path)) from error.__cause__
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file", hint="a path in a recipe is relative to the recipe") from error
    except failures + (OSError, EOFError) as error:  # noqa: RUF005 - mypy follows a sum of tuples, no unpacking
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        raise DataError(f"{path}: cannot be read: {reason}", hint="it may be damaged, or of another format") from error


def check_declared(path: Path, position: str, declared: int) -> None:
    """Refuse to reserve memory for what a header promises beyond the limit. Raises:   DataError."""
    if declared > LIMIT:
        raise DataError(
            f"{path}, {position}",
            expected=f"at most {LIMIT:,} bytes of an array in memory",
            got=f"a header that declares {declared:,}",
            hint="what stays on disk may be larger: an idx file that is not gzipped, or a table",
        )


def check_numbers(place: str, array: Array, kinds: str) -> None:
    """Refuse an array of other kinds of NumPy's than these, numbers and words. Raises:   DataError."""
    if array.dtype.kind not in kinds or array.ndim == 0:
        expected = "an array of real numbers, or of words" if "U" in kinds else "an array of real numbers"
        raise DataError(place, expected=expected, got=f"{array.dtype} {array.shape}")


def temporary_file() -> IO[bytes]:
    """Return a file for the numbers of a large table, which is gone with its last user. Raises:   DataError."""
    with telling_of_room():
        return TemporaryFile()


@contextmanager
def telling_of_room() -> Iterator[None]:
    """Turn what a full disk raises into a DataError."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        hint = "the variable TMPDIR names another folder"
        raise DataError(
            "temporary files", expected="room for the numbers of a large table", got=reason, hint=hint
        ) from error

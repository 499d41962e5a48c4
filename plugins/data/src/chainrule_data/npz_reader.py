"""NumPy's npz files."""

from __future__ import annotations

import lzma
import math
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import Array, DataError, Dataset

from .files import check_declared, check_numbers, reading

HEADER_LIMIT = 1 << 16
"""Bytes of an array's header; NumPy writes 128."""


def read_npz(
    path: Path, x: str = "x", y: str | None = "y", x_test: str | None = None, y_test: str | None = None
) -> Dataset:
    """Read arrays by their keys in the file; `y` may be None for samples without targets. Nothing is unpickled.

    Raises:   DataError for a missing key, a damaged or truncated file, an array of objects, or one that declares
              another size than the file holds, or more than fits in memory.
    """
    path = Path(path)
    # zipfile raises RuntimeError for an encrypted member and NotImplementedError for an unknown compression.
    failures = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, ValueError, RuntimeError, struct.error, KeyError)
    with reading(path, *failures), zipfile.ZipFile(path) as archive:
        arrays = {"x": x, "y": y, "x_test": x_test, "y_test": y_test}
        found: dict[str, Any] = {name: _read(path, archive, key) for name, key in arrays.items() if key is not None}
        return Dataset(**{"y": None, **found})


def _read(path: Path, archive: zipfile.ZipFile, key: str) -> Array:
    keys = [name.removesuffix(".npy") for name in archive.namelist()]
    if key not in keys:
        raise DataError(f"{path}: no array {key!r}", hint=f"the file has {', '.join(keys) or 'no arrays'}")
    member = archive.getinfo(f"{key}.npy")
    _check_header(path, archive, member)
    with archive.open(member) as stream:
        array: Array = np.lib.format.read_array(stream, allow_pickle=False)
    return check_numbers(path, key, array)


def _check_header(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Compare what the header declares with the bytes that are there, before any memory is reserved."""
    where = f"array {member.filename}"
    with archive.open(member) as stream:
        start = stream.read(12)
        if len(start) < 12 or start[:6] != b"\x93NUMPY":
            raise DataError(f"{path}, {where}, byte 0", expected="NumPy's magic string", got=repr(start[:6]))
        size = int.from_bytes(start[8:10] if start[6] == 1 else start[8:12], "little")
    if size > HEADER_LIMIT:
        raise DataError(f"{path}, {where}, byte 8", expected=f"a header of at most {HEADER_LIMIT} bytes", got=size)
    with archive.open(member) as stream:
        try:
            major = np.lib.format.read_magic(stream)[0]
            read_header = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
            shape, _, dtype = read_header(stream)
        except Exception as error:  # NumPy evaluates the header as a literal, and a forged one raises anything
            reason = f"{type(error).__name__}: {error}"
            raise DataError(f"{path}, {where}, byte 10: no NumPy header: {reason}") from error
        offset = stream.tell()
    if any(not 0 <= axis < 1 << 62 for axis in shape):
        raise DataError(f"{path}, {where}, byte 10", expected="the axes of an array", got=shape)
    if dtype.hasobject:
        raise DataError(f"{path}, {where}", expected="numbers", got="pickled objects", hint="pickles are never read")
    declared = math.prod(shape) * dtype.itemsize
    if declared != member.file_size - offset:
        there = member.file_size - offset
        raise DataError(
            f"{path}, {where}, byte {offset}", expected=f"the {declared:,} bytes declared", got=f"{there:,}"
        )
    check_declared(path, where, declared)

"""NumPy's npz files."""

from __future__ import annotations

import lzma
import math
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import Array, DataError, Dataset, SettingError

from .files import check_declared, check_numbers, reading
from .labels import read_labels

HEADER_LIMIT = 1 << 16
"""Bytes of an array's header; NumPy writes 128."""


def read_npz(
    path: Path,
    x: str | Sequence[str] = "x",
    y: str | Sequence[str] | None = "y",
    x_test: str | Sequence[str] | None = None,
    y_test: str | Sequence[str] | None = None,
    classes: bool = False,
    x_validation: str | Sequence[str] | None = None,
    y_validation: str | Sequence[str] | None = None,
) -> Dataset:
    """Read arrays by their keys in the file; `y` may be None for samples without targets. Nothing is unpickled.

    A list of keys gives several arrays by name, for a network of several inputs or outputs; those of a test or a
    validation part are in the same order, and have the same names. Targets by name are numbers.
    Labels are read as those of a table: whole numbers become integers, 1.0, too, words and booleans classes in
    alphabetical order, and a column of one label a sample a vector; with `classes`, numbers are names of classes, too.

    Raises:   SettingError; DataError for a missing key, arrays of different lengths, a damaged or truncated file, an
              array of objects, or one that declares another size than the file holds, or more than fits in memory.
    """
    path = Path(path)
    if not isinstance(classes, bool):
        raise SettingError("classes", expected="true or false", got=classes)
    given = {"x": x, "y": y, "x_test": x_test, "y_test": y_test}
    given |= {"x_validation": x_validation, "y_validation": y_validation}
    keys = {part: _keys(part, own) for part, own in given.items() if own is not None or part == "x"}
    for part, theirs in keys.items():
        own = keys.get(part[0], [])
        if own and len(own) != len(theirs):
            expected = f"as many keys as {part[0]} has, for {', '.join(own)}, in this order"
            raise SettingError(part, expected=expected, got=given[part])
    several = any(len(theirs) > 1 for part, theirs in keys.items() if part[0] == "y")
    if several and classes:
        raise SettingError("classes", expected="false, as targets by name have no names of classes", got=classes)
    # zipfile raises RuntimeError for an encrypted member and NotImplementedError for an unknown compression.
    failures = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, ValueError, RuntimeError, struct.error, KeyError)
    with reading(path, *failures), zipfile.ZipFile(path) as archive:
        found = {part: {_place(path, key): _read(path, archive, key) for key in own} for part, own in keys.items()}
        for part, arrays in found.items():
            for place, array in arrays.items():
                check_numbers(place, array, "biufUS" if part.startswith("y") and not several else "biuf")
        targets = [arrays for part, arrays in found.items() if part[0] == "y"]
        names = None
        for same in zip(*map(dict.items, targets), strict=True):
            labels, names = read_labels(dict(same), classes)
            for arrays, (place, _) in zip(targets, same, strict=True):
                arrays[place] = labels[place]
        parts = {part: _by_name(keys, part, list(arrays.values())) for part, arrays in found.items()}
        return Dataset(**{"y": None, **parts}, classes=None if several else names)


def _keys(setting: str, given: Any) -> list[str]:
    """Return one key, or several. Raises:   SettingError."""
    keys = [given] if isinstance(given, str) else given
    fits = isinstance(keys, list | tuple) and keys and all(isinstance(key, str) for key in keys)
    if not fits or len({*keys}) < len(keys):
        expected = "the key of an array, or a list of keys that differ"
        raise SettingError(setting, expected=expected, got=given)
    return list(keys)


def _place(path: Path, key: str) -> str:
    return f"{path}, {key!r}"


def _by_name(keys: Mapping[str, list[str]], part: str, arrays: list[Array]) -> Any:
    """Return the one array of a part, or several by the keys of the training part."""
    names = keys.get(part[0], keys[part])
    return arrays[0] if len(arrays) == 1 else dict(zip(names, arrays, strict=True))


def _read(path: Path, archive: zipfile.ZipFile, key: str) -> Array:
    keys = [name.removesuffix(".npy") for name in archive.namelist()]
    if key not in keys:
        raise DataError(f"{path}: no array {key!r}", hint=f"the file has {', '.join(keys) or 'no arrays'}")
    member = archive.getinfo(f"{key}.npy")
    _check_header(path, archive, member)
    with archive.open(member) as stream:
        array: Array = np.lib.format.read_array(stream, allow_pickle=False)
    return array


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
        hint = "pickles are never read: words are kept as an array of text, dtype U"
        raise DataError(f"{path}, {where}", expected="numbers or text", got="pickled objects", hint=hint)
    declared = math.prod(shape) * dtype.itemsize
    if declared != member.file_size - offset:
        there = member.file_size - offset
        raise DataError(
            f"{path}, {where}, byte {offset}", expected=f"the {declared:,} bytes declared", got=f"{there:,}"
        )
    check_declared(path, where, declared)

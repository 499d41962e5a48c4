"""Tables of comma-separated values."""

from __future__ import annotations

import csv
import difflib
import math
from array import array
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import numpy as np

from chainrule import Array, DataError, Dataset, SettingError

from .files import reading

IN_MEMORY = 1 << 20
"""Numbers that are held in memory; those of a larger table go to a file without a name, and stay there, mapped."""
Row = tuple[int, list[str]]
"""The number of a line in the file, from 1, and its cells."""


def read_csv(
    path: Path, target: str | int | None, header: bool = True, delimiter: str = ",", classes: bool = False
) -> Dataset:
    """Read numbers, one sample a line; `target` is the column of y, by name or by position from 0, None for no y.

    A target of whole numbers, 1 or 1.0, becomes integers, of other numbers float64, of words classes in alphabetical
    order; with `classes`, numbers are names of classes, too, in their own order. Every other column is a feature: x is
    (N, columns - 1), float64; that of a large table is memory-mapped.

    Raises:   SettingError; DataError with line and column for a cell that is no finite number, for a line of another
              length, an empty file, an unknown target, or a header that is a sample.
    """
    path = Path(path)
    if not isinstance(header, bool):
        raise SettingError("header", expected="true or false", got=header)
    if not isinstance(classes, bool):
        raise SettingError("classes", expected="true or false", got=classes)
    if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '\r\n"':
        raise SettingError("delimiter", expected="one character", got=delimiter)
    with reading(path), path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        rows = _rows(path, file, delimiter)
        first = next(rows, None)
        if first is None:
            raise DataError(f"{path}, line 1", expected="a table", got="an empty file")
        names = [name.strip() for name in first[1]] if header else [str(i) for i in range(len(first[1]))]
        column = None if target is None else _target_column(path, names, target, header)
        if header:
            _check_header(f"{path}, line {first[0]}", [name for i, name in enumerate(names) if i != column])
        return _read(path, names, column, rows if header else chain([first], rows), classes)


def _rows(path: Path, file: Iterable[str], delimiter: str) -> Iterator[Row]:
    """Yield each line that is not empty. Raises:   DataError with the line for what is no text or no table."""
    reader = csv.reader(_text(path, file), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, cells
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}", hint="mend the quotes of that line") from error


def _text(path: Path, file: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(file, 1):
        if not line.isascii() and any("\udc80" <= character <= "\udcff" for character in line):
            raise DataError(f"{path}, line {number}", expected="UTF-8 text", got="other bytes", hint="save it as UTF-8")
        yield line


def _check_header(place: str, names: list[str]) -> None:
    """Refuse a sample in place of a header; whole numbers, all different, are taken as names."""
    as_names = len(set(names)) == len(names) and all(name.isdecimal() for name in names)
    if names and not as_names and all(_parse(name) is not None for name in names):
        hint = "header = false reads it as a sample, and target is then a position, such as 0 or -1 (the last)"
        raise DataError(place, expected="the names of the columns", got="numbers", hint=hint)


def _target_column(path: Path, names: list[str], target: str | int, header: bool) -> int:
    if isinstance(target, int) and not isinstance(target, bool):
        if not -len(names) <= target < len(names):
            raise DataError(f"{path}: target", expected=f"a column from 0 to {len(names) - 1}", got=target)
        return target % len(names)
    if not header:
        hint = "with header = false, target is a position, such as 0 or -1 (the last)"
        raise DataError(f"{path}: target", expected="a whole number", got=repr(target), hint=hint)
    if names.count(str(target)) != 1:
        near = difflib.get_close_matches(str(target), names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"the columns are {', '.join(names[:20])}"
        many = "no" if target not in names else "more than one"
        raise DataError(f"{path}, line 1: {many} column {target!r}", hint=hint)
    return names.index(str(target))


def _read(path: Path, names: list[str], column: int | None, rows: Iterable[Row], as_classes: bool) -> Dataset:
    features, codes = array("d"), array("q")
    labels: dict[str, int] = {}  # in the order of their codes, with the line that each first came in
    code_of: dict[str, int] = {}
    number, count = 1, 0
    with ExitStack() as opened:
        file: IO[bytes] | None = None
        for number, cells in rows:
            count += 1
            if len(cells) != len(names):
                raise DataError(f"{path}, line {number}", expected=f"{len(names)} columns", got=len(cells))
            for i, cell in enumerate(cells):
                if i == column:
                    label = cell.strip()
                    labels.setdefault(label, number)
                    codes.append(code_of.setdefault(label, len(code_of)))
                else:
                    features.append(_number(f"{path}, line {number}, column {names[i]!r}", cell))
            if len(features) >= IN_MEMORY:
                file = file or opened.enter_context(_temporary_file())
                _write(features, file)
                del features[:]
        if not count:
            end = f"{path}, line {number + 1}"
            raise DataError(end, expected="at least one row of numbers", got="the end of the file")
        if len(names) == 1 and column is not None:
            raise DataError(f"{path}, line 1", expected="a feature beside the target", got="one column")
        x = _joined(file, features).reshape(count, -1)
    if column is None:
        return Dataset(x, None)
    places = {label: f"{path}, line {line}, column {names[column]!r}" for label, line in labels.items()}
    values, classes = _decode(places, as_classes)
    return Dataset(x, values[np.frombuffer(codes, np.int64)], classes=classes)


def _joined(file: IO[bytes] | None, last: array[float]) -> Array:
    """Return all numbers: those in the file, mapped, the last ones among them, if there is one."""
    if file is None:
        return np.frombuffer(last, np.float64)
    _write(last, file)
    return np.memmap(file, np.float64, "r")


def _temporary_file() -> IO[bytes]:
    with _telling_of_room():
        return TemporaryFile()


def _write(numbers: array[float], file: IO[bytes]) -> None:
    with _telling_of_room():
        numbers.tofile(file)
        file.flush()


@contextmanager
def _telling_of_room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        hint = "the variable TMPDIR names another folder"
        raise DataError(
            "temporary files", expected="room for the numbers of a large table", got=reason, hint=hint
        ) from error


def _number(place: str, cell: str) -> float:
    value = _parse(cell)
    if value is None or not math.isfinite(value):
        raise DataError(place, expected="a finite number", got=repr(cell))
    return value


def _decode(places: dict[str, str], as_classes: bool) -> tuple[Array, tuple[str, ...] | None]:
    """Return the value of each label, and the names of the classes if labels are names.

    `places` has the labels in the order of their codes, each with its place in the file.
    """
    if "" in places:
        raise DataError(f"{places['']}: the target", expected="a value in every row", got="an empty cell")
    numbers = {label: _parse(label) for label in places}
    words = [label for label, number in numbers.items() if number is None]
    if as_classes or len(words) == len(places):
        classes = sorted(places) if words else sorted(places, key=lambda label: numbers[label] or 0)
        code = {name: i for i, name in enumerate(classes)}
        return np.array([code[label] for label in places]), tuple(classes)
    wrong = words or [label for label, number in numbers.items() if number is None or not math.isfinite(number)]
    if wrong:
        hint = "mend the cell; or, if these are names of classes, set classes = true"
        expected = "finite numbers or class names, not both"
        raise DataError(f"{places[wrong[0]]}: the target", expected=expected, got=repr(wrong[0]), hint=hint)
    values = np.array(list(numbers.values()), np.float64)
    whole = (np.abs(values) < 1 << 53) & (values == np.trunc(values))
    return (values.astype(np.int64) if whole.all() else values), None


def _parse(label: str) -> float | None:
    """Return the number that a label is, None for a word; Python reads 1_0 as 10, and a table does not mean that."""
    try:
        return None if "_" in label else float(label)
    except ValueError:
        return None

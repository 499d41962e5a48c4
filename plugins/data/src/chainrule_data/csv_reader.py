"""Tables of comma-separated values."""

from __future__ import annotations

import csv
import difflib
import math
from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from chainrule import Array, DataError, Dataset

from .files import reading


def read_csv(path: Path, target: str | int, header: bool = True, delimiter: str = ",") -> Dataset:
    """Read numbers, one sample a line; `target` is the column of y, by name or by position from 0.

    A target of whole numbers becomes integers, of other numbers float64, of anything else classes in alphabetical
    order. Every other column is a feature: x is (N, columns - 1), float64.

    Raises:   DataError with line and column for a cell that is no finite number, for a line of another length, an
              empty file, or an unknown target.
    """
    path = Path(path)
    with reading(path, csv.Error, UnicodeDecodeError), path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file, delimiter=delimiter, strict=True)
        return _read(path, lines, _numbered(lines), target, header)


def _numbered(lines: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Yield each line that is not empty with its number in the file, from 1."""
    for cells in lines:
        if cells:
            yield lines.line_num, cells  # type: ignore[attr-defined]  # csv.reader has it, its protocol is unnamed


def _read(
    path: Path, lines: Iterator[list[str]], numbered: Iterator[tuple[int, list[str]]], target: str | int, header: bool
) -> Dataset:
    first = next(numbered, None)
    if first is None:
        raise DataError(f"{path}, line 1", expected="a table", got="an empty file")
    number, cells = first
    names = cells if header else [str(i) for i in range(len(cells))]
    column = _target_column(path, names, target, header)
    features, targets, codes = array("d"), array("q"), dict[str, int]()
    rows = numbered if header else _after((number, cells), numbered)
    for number, cells in rows:
        if len(cells) != len(names):
            raise DataError(f"{path}, line {number}", expected=f"{len(names)} columns", got=len(cells))
        for i, cell in enumerate(cells):
            if i == column:
                targets.append(codes.setdefault(cell.strip(), len(codes)))
            else:
                features.append(_number(path, number, names[i], cell))
    if not targets:
        raise DataError(f"{path}, line {number + 1}", expected="at least one row of numbers", got="the end of the file")
    if len(names) == 1:
        raise DataError(f"{path}, line 1", expected="a feature beside the target", got="one column")
    x = np.frombuffer(features, np.float64).reshape(len(targets), -1)
    y, classes = _decode(path, list(codes), np.frombuffer(targets, np.int64))
    return Dataset(x, y, classes=classes)


def _after(first: tuple[int, list[str]], rest: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    yield first
    yield from rest


def _target_column(path: Path, names: list[str], target: str | int, header: bool) -> int:
    if isinstance(target, int) and not isinstance(target, bool):
        if not -len(names) <= target < len(names):
            raise DataError(f"{path}: target", expected=f"a column from 0 to {len(names) - 1}", got=target)
        return target % len(names)
    stripped = [name.strip() for name in names]
    if not header:
        hint = "with header = false, target is a position, such as 0 or -1 (the last)"
        raise DataError(f"{path}: target", expected="a whole number", got=repr(target), hint=hint)
    if target not in stripped:
        near = difflib.get_close_matches(str(target), stripped, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"the columns are {', '.join(stripped[:20])}"
        raise DataError(f"{path}, line 1: no column {target!r}", hint=hint)
    return stripped.index(str(target))


def _number(path: Path, line: int, column: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{path}, line {line}, column {column.strip()!r}", expected="a finite number", got=repr(cell))
    return value


def _decode(path: Path, labels: list[str], codes: Array) -> tuple[Array, tuple[str, ...] | None]:
    """Return y for the labels in order of appearance and each row's code."""
    for kind in (int, float):
        try:
            values = np.array([kind(label) for label in labels], np.int64 if kind is int else np.float64)
        except (ValueError, OverflowError):
            continue
        if not np.isfinite(values).all():
            wrong = labels[int(np.argmin(np.isfinite(values)))]
            raise DataError(f"{path}: the target column", expected="finite numbers or class names", got=repr(wrong))
        return values[codes], None
    classes = sorted(labels)
    if "" in classes:
        raise DataError(f"{path}: the target column", expected="a class in every row", got="an empty cell")
    order = np.array([classes.index(label) for label in labels])
    return order[codes], tuple(classes)

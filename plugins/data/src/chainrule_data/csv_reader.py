"""Tables of comma-separated values."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import numpy as np

from chainrule import Array, DataError, Dataset, SettingError

from .csv_header import Columns, find_columns, is_header, look_ahead
from .csv_index import RowLabels
from .csv_lines import Format, Row, opened
from .labels import decode

IN_MEMORY = 1 << 20
"""Numbers that are held in memory; those of a larger table go to a file without a name, and stay there, mapped."""


def read_csv(
    path: Path,
    target: str | int | None,
    header: bool | None = None,
    delimiter: str | None = None,
    classes: bool = False,
    decimal: str = ".",
    comment: str | None = None,
    columns: Sequence[str] | int | None = None,
    labelled: bool = True,
) -> Dataset:
    """Read numbers, one sample a line; `target` is the column of y, by name or by position from 0, None for no y.

    A target of whole numbers, 1 or 1.0, becomes integers, of other numbers float64, of words classes in alphabetical
    order; with `classes`, numbers are names of classes, too, in their own order. Every other column is a feature: x is
    (N, columns - 1), float64; that of a large table is memory-mapped. A first column without a name has the row labels
    of a data frame, whole numbers or words that all differ, and is left out with a warning.

    The delimiter is a tab in a file of .tsv or .tsv.gz, and a comma in any other, unless `delimiter` says it: " " is
    any run of spaces and tabs. Without `header`, the first line is one where words, and no numbers, stand above
    numbers. Lines that begin with `comment` are left out; a gzipped table is read as it is.

    `columns` are the features of an earlier table, in their order, or their number: a table with a header is taken by
    these names, one without by order, with a warning. What is not `labelled` may have its target or not, and y is None.

    Raises:   SettingError; DataError with line and column for a cell that is no finite number, for a line of another
              length, an empty file, a column without a name that labels no rows, an unknown target or column, and a
              first line that may be names or a sample.
    """
    path = Path(path)
    if header is not None and not isinstance(header, bool):
        raise SettingError("header", expected="true or false", got=header)
    for name, value in (("classes", classes), ("labelled", labelled)):
        if not isinstance(value, bool):
            raise SettingError(name, expected="true or false", got=value)
    _check_columns(columns)
    if delimiter is None:
        delimiter = "\t" if path.name.lower().endswith((".tsv", ".tsv.gz")) else ","
    form = Format(delimiter, decimal, comment, fixed=columns is not None)
    with opened(path) as file:
        rows = form.rows(path, file)
        first = next(rows, None)
        if first is None:
            raise DataError(f"{path}, line 1", expected="a table", got="an empty file")
        following = look_ahead(rows)
        form.check_delimiter(path, first, following)
        named = is_header(path, first, following, form, target, columns) if header is None else header
        found = find_columns(path, first, named, target, columns, labelled)
        return _read(path, found, chain([] if named else [first], following, rows), form, classes)


def _check_columns(columns: Sequence[str] | int | None) -> None:
    names = isinstance(columns, list | tuple) and all(isinstance(name, str) for name in columns)
    if columns is not None and type(columns) is not int and not names:
        raise SettingError("columns", expected="a list of names, or their number", got=columns)


def _read(path: Path, columns: Columns, rows: Iterable[Row], form: Format, as_classes: bool) -> Dataset:
    features, codes = array("d"), array("q")
    labels: dict[str, int] = {}  # in the order of their codes, with the line that each first came in
    code_of: dict[str, int] = {}
    number, count, width, target = 1, 0, len(columns.names), columns.target
    index = RowLabels(path, columns.index)
    with ExitStack() as stack:
        file: IO[bytes] | None = None
        for number, cells in rows:
            count += 1
            if len(cells) != width:
                hint = None if width == 1 else form.hint(cells[0]) if cells[0].strip() else None
                raise DataError(f"{path}, line {number}", expected=f"{width} columns", got=len(cells), hint=hint)
            index.add(number, cells)
            for i in columns.features:
                value = form.number(cells[i])
                if value is None or not math.isfinite(value):
                    error = _no_number(f"{path}, line {number}, column {columns.names[i]!r}", cells[i], i, form)
                    if count == 1 and not columns.named and error.hint is None:
                        error.hint = "without a header, the first line is a sample"
                    raise error
                features.append(value)
            if target is not None:
                label = cells[target].strip()
                labels.setdefault(label, number)
                codes.append(code_of.setdefault(label, len(code_of)))
            if len(features) >= IN_MEMORY:
                file = file or stack.enter_context(_temporary_file())
                _write(features, file)
                del features[:]
        if not count:
            end = f"{path}, line {number + 1}"
            raise DataError(end, expected="at least one row of numbers", got="the end of the file")
        if not columns.features:
            raise DataError(f"{path}, line 1", expected="a feature beside the target", got="one column")
        index.check()
        x = _joined(file, features).reshape(count, -1)
    names = tuple(columns.names[i] for i in columns.features) if columns.named else None
    if target is None:
        return Dataset(x, None, columns=names)
    name = columns.names[target]
    places = {label: f"{path}, line {line}, column {name!r}" for label, line in labels.items()}
    values, classes = decode(places, as_classes, form.number)
    y = values[np.frombuffer(codes, np.int64)]
    return Dataset(x, y, classes=classes, columns=names, target=name if columns.named else None)


def _no_number(place: str, cell: str, column: int, form: Format) -> DataError:
    got = repr(cell) if cell.strip() else "an empty cell"
    return DataError(place, expected="a finite number", got=got, hint=form.hint(cell, column))


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

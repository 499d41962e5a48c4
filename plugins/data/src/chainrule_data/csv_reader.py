"""Tables of comma-separated values."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

import numpy as np

from chainrule import Array, DataError, Dataset, SettingError
from chainrule.rows import Column

from .csv_header import Columns, is_header, look_ahead
from .csv_index import RowLabels
from .csv_lines import Format, Row, opened
from .csv_roles import Cells, Wishes, find_words, roles_of
from .files import telling_of_room, temporary_file
from .labels import decode
from .table_columns import Asked, check_weight, check_weights, dataset_of
from .table_preparation import TablePreparation

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
    standardize: bool | str = False,
    missing: str = "error",
    categories: Sequence[str] | str = (),
    unknown: str = "zeros",
    dates: Sequence[str] = (),
    booleans: Sequence[str] = (),
    drop: Sequence[str] = (),
    identifiers: Sequence[str] = (),
    weights: str | None = None,
    roles: Mapping[str, str] | None = None,
    keep: Sequence[str] = (),
) -> Dataset:
    """Read a table, one sample a line; `target` is the column of y, by name or by position from 0, None for no y.

    A target of whole numbers, 1 or 1.0, becomes integers, of other numbers float64, of words classes in alphabetical
    order; with `classes`, numbers are names of classes, too, in their own order. Every other column is a feature: x is
    (N, features), float64; that of a large table is memory-mapped. A first column without a name has the row labels
    of a data frame, whole numbers or words that all differ, and is left out with a warning.

    The delimiter is a tab in a file of .tsv or .tsv.gz, and a comma in any other, unless `delimiter` says it: " " is
    any run of spaces and tabs. Without `header`, the first line is one where words, and no numbers, stand above
    numbers. Lines that begin with `comment` are left out; a gzipped table is read as it is.

    Features are numbers, but for columns that are named: `categories` are words, "auto" all columns that have one;
    `dates` are those of ISO 8601, as days since 1970; `booleans` are 1 and 0. `drop` and `identifiers` are no features,
    and neither are columns that are not among `columns`, where these are named; `weights` is the column that says how
    often a sample counts, numbers from 0 on. With words, `standardize`, or `missing`
    cells that are none of an "error", x is `Raw`: `TablePreparation` has these settings and `unknown`.

    `columns` may be the features of an earlier table, in their order, or their number, and `roles` those of all its
    columns: a table with a header is taken by these names, one without by order, with a warning. What is not `labelled`
    may have its target or not, and y is None. `keep` are columns whose cells are given beside the samples, as they are.

    Raises:   SettingError; DataError with line and column for a cell that is no finite number, for a line of another
              length, an empty file, a column without a name that labels no rows, an unknown target or column, and a
              first line that may be names or a sample.
    """
    path = Path(path)
    if header is not None and not isinstance(header, bool):
        raise SettingError("header", expected="true or false", got=header)
    wishes = Wishes(categories, dates, booleans, drop, identifiers, weights)
    asked = Asked(target, classes, columns, labelled, wishes, roles, keep)
    preparation = TablePreparation(standardize, missing, unknown)
    if delimiter is None:
        delimiter = "\t" if path.name.lower().endswith((".tsv", ".tsv.gz")) else ","
    form = Format(delimiter, decimal, comment, fixed=asked.features is not None)
    with opened(path) as file:
        rows = form.rows(path, file)
        first = next(rows, None)
        if first is None:
            raise DataError(f"{path}, line 1", expected="a table", got="an empty file")
        following = look_ahead(rows)
        form.check_delimiter(path, first, following)
        named = is_header(path, first, following, form, target, asked.features) if header is None else header
        cells = [cell.strip() for cell in first[1]]
        names = cells if named else [str(i) for i in range(len(cells))]
        found = asked.find(path, f"{path}, line {first[0]}", names, named)
        content = chain([] if named else [first], following, rows)
        if roles is not None or not wishes.automatic:
            return _read(path, found, asked.said, content, form, preparation, asked)
        words = find_words(path, content, found, asked.said, form)
    with opened(path) as file:  # again, as its columns are known now
        rows = form.rows(path, file)
        later = islice(rows, int(named), None)
        return _read(path, found, {**asked.said, **words}, later, form, preparation, asked)


def _read(
    path: Path,
    columns: Columns,
    said: Mapping[str, str],
    rows: Iterable[Row],
    form: Format,
    preparation: TablePreparation,
    asked: Asked,
) -> Dataset:
    features, codes = array("d"), array("q")
    labels: dict[str, int] = {}  # in the order of their codes, with the line that each first came in
    code_of: dict[str, int] = {}
    number, count, width, target = 1, 0, len(columns.names), columns.target
    index = RowLabels(path, columns.index)
    roles = roles_of(columns, said)
    allowed = preparation.missing != "error"
    cells_of = [(i, Cells(roles[columns.names[i]], form, allowed)) for i in columns.features]
    kept: dict[str, list[str]] = {name: [] for name in asked.keep}
    kept_at = [(columns.names.index(name), cells) for name, cells in kept.items()]
    weights, weight = array("d"), asked.weight(columns)
    weight_at = None if weight is None else columns.names.index(weight)
    with ExitStack() as stack:
        file: IO[bytes] | None = None
        for number, cells in rows:
            count += 1
            if len(cells) != width:
                hint = None if width == 1 else form.hint(cells[0]) if cells[0].strip() else None
                raise DataError(f"{path}, line {number}", expected=f"{width} columns", got=len(cells), hint=hint)
            index.add(number, cells)
            for i, column in cells_of:
                value = column.value(cells[i])
                if value is None:
                    name = columns.names[i]
                    place = f"{path}, line {number}, column {name!r}"
                    raise column.refused(place, name, cells[i], i, count == 1 and not columns.named)
                features.append(value)
            for i, texts in kept_at:
                texts.append(cells[i].strip())
            if weight_at is not None:
                cell = cells[weight_at]
                place = f"{path}, line {number}, column {weight!r}"
                weights.append(check_weight(place, form.number(cell), repr(cell) if cell.strip() else "an empty cell"))
            if target is not None:
                label = cells[target].strip()
                labels.setdefault(label, number)
                codes.append(code_of.setdefault(label, len(code_of)))
            if len(features) >= IN_MEMORY:
                file = file or stack.enter_context(temporary_file())
                _write(features, file)
                del features[:]
        if not count:
            end = f"{path}, line {number + 1}"
            raise DataError(end, expected="at least one row of numbers", got="the end of the file")
        if not columns.features:
            raise DataError(f"{path}, line 1", expected="a feature beside the target", got="one column")
        index.check()
        x: Any = _joined(file, features).reshape(count, -1)
    made = partial(
        dataset_of,
        x,
        [Column(columns.names[i], column.words) for i, column in cells_of],
        roles,
        preparation,
        named=columns.named,
        kept=kept or None,
        weights=None if weight is None else check_weights(f"{path}, column {weight!r}", np.array(weights)),
    )
    if target is None:
        return made(None)
    name = columns.names[target]
    places = {label: f"{path}, line {line}, column {name!r}" for label, line in labels.items()}
    values, classes = decode(places, asked.classes, form.number)
    y = values[np.frombuffer(codes, np.int64)]
    return made(y, classes=classes, target=name if columns.named else None)


def _joined(file: IO[bytes] | None, last: array[float]) -> Array:
    """Return all numbers: those in the file, mapped, the last ones among them, if there is one."""
    if file is None:
        return np.frombuffer(last, np.float64)
    _write(last, file)
    return np.memmap(file, np.float64, "r")


def _write(numbers: array[float], file: IO[bytes]) -> None:
    with telling_of_room():
        numbers.tofile(file)
        file.flush()

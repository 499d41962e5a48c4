"""Data frames, of pandas, polars, or any library whose frames give columns by their names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from chainrule import Array, DataError, Dataset, SettingError
from chainrule.frames import WORD, columns_of, is_category, is_frame, kind_of, values_of

from . import typed_tables
from .typed_tables import TEXT, TypedTable, read_typed, with_settings_of_tables

PLACE = "table"
"""What messages call a frame."""


@with_settings_of_tables
def read_frame(table: Any, target: str | int | None, **settings: Any) -> Dataset:
    """Read a data frame, or a mapping of columns, as `read_csv` reads a file; `target` is the column of y.

    Columns are what their types say: numbers, booleans, dates, and categories as words; those of other words are
    named in `categories`, `dates` or `booleans`, or `categories` is "auto". Missing values are None, NaN, NaT and NA.

    Raises:   SettingError for what is no frame; DataError with row, from 0, and column.
    """
    if not isinstance(table, Mapping) and not is_frame(table):
        raise SettingError("table", expected="a data frame, or columns by name", got=type(table).__name__)
    columns = columns_of(PLACE, table)
    values = {name: values_of(f"{PLACE}, column {name!r}", column) for name, column in columns.items()}
    lengths = {name: len(own) for name, own in values.items()}
    if len({*lengths.values()}) > 1:
        raise DataError(PLACE, expected="columns of one length", got=lengths)
    kinds = {name: kind_of(column, values[name]) for name, column in columns.items()}
    kinds = {n: TEXT if kind == WORD and not is_category(columns[n]) else kind for n, kind in kinds.items()}
    types = {name: str(getattr(column, "dtype", kinds[name])) for name, column in columns.items()}
    return read_typed(TypedTable(PLACE, kinds, types, partial(_parts, values)), target, **settings)


def _parts(values: Mapping[str, Array], names: Sequence[str]) -> Iterator[Sequence[Array]]:
    for start in range(0, len(values[names[0]]), typed_tables.ROWS):
        yield [values[name][start : start + typed_tables.ROWS] for name in names]

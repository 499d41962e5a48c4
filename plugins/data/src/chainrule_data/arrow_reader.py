"""Tables of Apache Arrow, through pyarrow: Parquet files, and Arrow's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from chainrule import Array, DataError, Dataset, PluginError
from chainrule.frames import BOOLEAN, DATE, NUMBER, WORD

from . import typed_tables
from .files import reading
from .typed_tables import TEXT, TypedTable, read_typed, with_settings_of_tables


@with_settings_of_tables
def read_parquet(path: Path, target: str | int | None, **settings: Any) -> Dataset:
    """Read a Parquet file, or a folder of them, as `read_csv` reads a table; `target` is the column of y.

    Columns are what their types say: numbers, booleans, dates, and dictionaries as words; those of strings are named in
    `categories`, `dates` or `booleans`, or `categories` is "auto". x of a large table is memory-mapped, in a temporary
    file.

    Raises:   SettingError; PluginError without pyarrow; DataError with row, from 0, and column.
    """
    return _read("parquet", path, target, settings)


@with_settings_of_tables
def read_arrow(path: Path, target: str | int | None, **settings: Any) -> Dataset:
    """Read a file of Arrow, which Feather writes, too, as `read_parquet` reads one of Parquet. Raises:   as that."""
    return _read("ipc", path, target, settings)


def _read(form: str, path: Path, target: str | int | None, settings: dict[str, Any]) -> Dataset:
    path = Path(path)
    with reading(path, _pyarrow().ArrowException):
        table = _opened(path, form)
        kinds = {field.name: _kind(field.type) for field in table.schema}
        types = {field.name: str(field.type) for field in table.schema}
        return read_typed(TypedTable(str(path), kinds, types, partial(_parts, table)), target, **settings)


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.dataset
    except ImportError as error:
        what = "pyarrow, which reads Parquet and Arrow, is not installed"
        raise PluginError(what, hint="pip install pyarrow") from error
    return pyarrow


def _opened(path: Path, form: str) -> Any:
    """Return a data set of pyarrow, of which nothing but the names of its columns is read."""
    arrow = _pyarrow()
    # By default, pyarrow holds a whole Parquet file, and several row groups of the next ones.
    lean = arrow.dataset.ParquetFileFormat(pre_buffer=False, use_buffered_stream=True)
    try:
        return arrow.dataset.dataset(str(path), format=lean if form == "parquet" else form)
    except arrow.ArrowInvalid as error:
        if "duplicate field names" not in str(error):
            raise
        raise DataError(f"{path}: more than one column of one name", hint="give each a name of its own") from error


def _kind(kind: Any) -> str | None:
    """Return what a column of a type of Arrow holds."""
    types = _pyarrow().types
    if types.is_dictionary(kind):
        return WORD if _kind(kind.value_type) is not None else None
    found = {
        NUMBER: types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind),
        BOOLEAN: types.is_boolean(kind),
        DATE: types.is_date(kind) or types.is_timestamp(kind),
        TEXT: types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind),
    }
    return next((name for name, fits in found.items() if fits), None)


def _parts(table: Any, names: Sequence[str]) -> Iterator[Sequence[Array]]:
    rows = typed_tables.ROWS
    for batch in table.to_batches(columns=names, batch_size=rows, batch_readahead=0, fragment_readahead=0):
        yield [column.to_numpy(zero_copy_only=False) for column in batch.columns]

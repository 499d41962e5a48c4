"""Tables of Apache Arrow, through pyarrow: Parquet files, and Arrow's own."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import numpy as np

from chainrule import Array, DataError, Dataset, PluginError, SettingError
from chainrule.errors import warn

from .csv_lines import Format
from .csv_reader import IN_MEMORY
from .files import reading, telling_of_room, temporary_file
from .labels import decode, read_labels

ROWS = 1 << 16
"""Of a table, that are turned into numbers at a time."""
MISSING = "the value is missing: fill it in, or drop the row"


def read_parquet(
    path: Path,
    target: str | int | None,
    classes: bool = False,
    columns: Sequence[str] | int | None = None,
    labelled: bool = True,
) -> Dataset:
    """Read a Parquet file, or a folder of them; `target` is the column of y, by name or position, None for no y.

    Every other column is a feature, of numbers or booleans: x is (N, columns - 1), float64, and that of a large table
    is memory-mapped, in a temporary file. A target of whole numbers becomes integers, of other numbers float64, of
    words or booleans classes in alphabetical order; with `classes`, numbers are names of classes, too.

    `columns` are the features of an earlier table, in their order, or their number. What is not `labelled` may have its
    target or not, and y is None.

    Raises:   SettingError; PluginError without pyarrow; DataError with row and column for a value that is missing or
              not finite, and for columns that are no numbers, are missing, unknown, or there twice.
    """
    return _read("parquet", path, target, classes, columns, labelled)


def read_arrow(
    path: Path,
    target: str | int | None,
    classes: bool = False,
    columns: Sequence[str] | int | None = None,
    labelled: bool = True,
) -> Dataset:
    """Read a file of Arrow, which Feather writes, too, as `read_parquet` reads one of Parquet. Raises:   as that."""
    return _read("ipc", path, target, classes, columns, labelled)


def _read(
    form: str,
    path: Path,
    target: str | int | None,
    as_classes: bool,
    columns: Sequence[str] | int | None,
    labelled: bool,
) -> Dataset:
    path = Path(path)
    for name, value in (("classes", as_classes), ("labelled", labelled)):
        if not isinstance(value, bool):
            raise SettingError(name, expected="true or false", got=value)
    arrow = _pyarrow()
    with reading(path, arrow.ArrowException):
        table = _opened(path, form)
        features, label = _find_columns(path, table.schema, target, columns, labelled)
        x, chunks = _numbers(path, table, features, label)
    if label is None:
        return Dataset(x, None, columns=tuple(features))
    y, names = _labels(
        f"{path}, column {label!r}", arrow.chunked_array(chunks, table.schema.field(label).type), as_classes
    )
    return Dataset(x, y, classes=names, columns=tuple(features), target=label)


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


def _find_columns(
    path: Path, schema: Any, target: str | int | None, known: Sequence[str] | int | None, labelled: bool
) -> tuple[list[str], str | None]:
    """Return the names of the features, in the order of x, and of the target, None where none is wanted.

    Raises:   SettingError; DataError for a column that is missing, unknown, or no numbers.
    """
    names: list[str] = schema.names
    own = list(known) if isinstance(known, list | tuple) and all(isinstance(name, str) for name in known) else None
    if known is not None and type(known) is not int and own is None:
        raise SettingError("columns", expected="a list of names, or their number", got=known)
    size = known if isinstance(known, int) else None if own is None else len(own)
    label = _target(path, names, target, labelled)
    if not labelled and isinstance(target, int) and size is not None and len(names) <= size:
        label = None  # it is no target, but a feature
    features = [name for name in names if name != label]
    if own is not None:
        missing = next((name for name in own if name not in features), None)
        unknown = next((name for name in features if name not in own), None)
        if missing is not None:
            hint = f"the network takes {_listed(own)}"
            raise DataError(f"{path}: no column {missing!r}", hint=hint)
        if unknown is not None:
            hint = f"the network takes {_listed(own)}; leave the column out, or name it as the target"
            raise DataError(f"{path}: unknown column {unknown!r}", hint=hint)
        features = own
    elif size is not None and size == len(features) > 1:
        warn(f"{path}: its columns are taken in their order, as the network does not know them by name")
    if not features:
        raise DataError(f"{path}", expected="a feature beside the target", got="one column" if names else "none")
    for name in features:
        if not _is_numeric(schema.field(name).type):
            hint = "make numbers of the column, or leave it out"
            place = f"{path}, column {name!r}"
            raise DataError(place, expected="numbers or booleans", got=schema.field(name).type, hint=hint)
    return features, label if labelled else None


def _target(path: Path, names: list[str], target: str | int | None, labelled: bool) -> str | None:
    if target is None or target in names:
        return target
    if isinstance(target, str):
        if not labelled:
            return None
        near = difflib.get_close_matches(target, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"the columns are {_listed(names)}"
        raise DataError(f"{path}: no column {target!r}", hint=hint)
    if type(target) is not int or not -len(names) <= target < len(names):
        raise DataError(f"{path}: target", expected=f"a column from 0 to {len(names) - 1}", got=target)
    return names[target]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + (", …" if len(names) > 20 else "")


def _is_numeric(kind: Any) -> bool:
    types = _pyarrow().types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) or types.is_boolean(kind))


def _numbers(path: Path, table: Any, features: list[str], label: str | None) -> tuple[Array, list[Any]]:
    """Return x, mapped where it is large, and the parts of the column of targets. Raises:   DataError."""
    parts: list[Array] = []
    chunks: list[Any] = []
    first, held = 0, 0
    with ExitStack() as stack:
        file: IO[bytes] | None = None
        names = [*features, *([] if label is None else [label])]
        for batch in table.to_batches(columns=names, batch_size=ROWS, batch_readahead=0, fragment_readahead=0):
            parts.append(np.empty((batch.num_rows, len(features))))
            for j, name in enumerate(features):
                parts[-1][:, j] = _values(f"{path}, column {name!r}", batch.column(j), first)
            if label is not None:
                chunks.append(batch.column(len(features)))
            first, held = first + batch.num_rows, held + parts[-1].size
            if held > IN_MEMORY:
                file = file or stack.enter_context(temporary_file())
                _write(parts, file)
                held = 0
        if not first:
            raise DataError(f"{path}", expected="at least one row", got="none")
        if file is None:
            return np.concatenate(parts), chunks
        _write(parts, file)
        return np.memmap(file, np.float64, "r").reshape(first, -1), chunks


def _write(parts: list[Array], file: IO[bytes]) -> None:
    with telling_of_room():
        while parts:
            parts.pop(0).tofile(file)
        file.flush()


def _values(place: str, column: Any, first: int) -> Array:
    """Return numbers, of rows that are counted from `first`. Raises:   DataError for one that is none."""
    arrow = _pyarrow()
    if column.null_count:
        raise DataError(_row(place, column, first), expected="a finite number", got="none", hint=MISSING)
    values: Array = arrow.compute.cast(column, arrow.float64(), safe=False).to_numpy(zero_copy_only=False)
    wrong = ~np.isfinite(values)
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(f"{place}, row {first + row}", expected="a finite number", got=values[row], hint=MISSING)
    return values


def _row(place: str, column: Any, first: int = 0) -> str:
    """Return the place of the first value that is missing."""
    return f"{place}, row {first + int(column.is_null().index(True).as_py())}"


def _labels(place: str, column: Any, as_classes: bool) -> tuple[Array, tuple[str, ...] | None]:
    """Return the targets as those of any table, and the names of their classes. Raises:   DataError."""
    arrow = _pyarrow()
    if column.null_count:
        where = f"{_row(place, column)}: the target"
        raise DataError(where, expected="a value in every row", got="none", hint=MISSING)
    kind = column.type.value_type if arrow.types.is_dictionary(column.type) else column.type
    column = column.cast(arrow.float64() if arrow.types.is_decimal(kind) else kind)
    if _is_numeric(kind):
        found, names = read_labels({place: column.to_numpy()}, as_classes)
        return found[place], names
    if not (arrow.types.is_string(kind) or arrow.types.is_large_string(kind)):
        raise DataError(f"{place}: the target", expected="numbers, booleans or words", got=kind)
    words = arrow.compute.unique(column)
    codes = arrow.compute.index_in(column, value_set=words).to_numpy()
    rows = np.unique(codes, return_index=True)[1]
    labels = [word.strip() for word in words.to_pylist()]
    places: dict[str, str] = {}
    for label, row in zip(labels, rows, strict=True):
        places.setdefault(label, f"{place}, row {row}")
    values, names = decode(places, as_classes, Format().number)
    value_of = dict(zip(places, values, strict=True))
    return np.array([value_of[label] for label in labels])[codes], names

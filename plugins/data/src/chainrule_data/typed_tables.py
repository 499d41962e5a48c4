"""Tables whose columns have types, such as data frames and files of Arrow, as the set that a csv table would be."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, Any, TypeVar

import numpy as np

from chainrule import Array, DataError, Dataset
from chainrule.frames import BOOLEAN, DATE, NUMBER, WORD, Values, kind_of, word
from chainrule.rows import Column

from .csv_index import warn_of_row_labels
from .csv_lines import Format
from .files import telling_of_room, temporary_file
from .labels import decode, read_labels
from .table_columns import WEIGHTS, Asked, check_weight, check_weights, dataset_of
from .table_preparation import HINT, TablePreparation
from .table_roles import Wishes, roles_of

IN_MEMORY = 1 << 20
"""Numbers that are held in memory; those of a larger table go to a file without a name, and stay there, mapped."""
ROWS = 1 << 16
"""Of a table, that are turned into numbers at a time."""
TEXT = "text"
"""The type of words that may be anything: those of few kinds are `WORD`."""
MISSING = "the value is missing: fill it in, or drop the row"

Reader = TypeVar("Reader", bound=Callable[..., Dataset])


@dataclass(frozen=True)
class TypedTable:
    """A table: what messages call it, its columns, and its rows, part by part.

    `kinds` are number, boolean, date, word, or text by the names of the columns, None for what is none of them, which
    `types` shows. `parts` gives the values of the named columns, (rows,) each, in parts of any length.
    """

    place: str
    kinds: Mapping[str, str | None]
    types: Mapping[str, str]
    parts: Callable[[Sequence[str]], Iterator[Sequence[Array]]]


def read_typed(
    table: TypedTable,
    target: str | int | None,
    classes: bool = False,
    columns: Sequence[str] | int | None = None,
    labelled: bool = True,
    standardize: bool = False,
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
    """Return the set of a table; settings and result are those of `read_csv`.

    What a type says need not be said: numbers, booleans, dates, and categories. Other words are `categories`, `dates`
    or `booleans` where they are named, and "auto" takes them for categories.

    Raises:   SettingError; DataError with row, from 0, and column.
    """
    asked = Asked(
        target, classes, columns, labelled, Wishes(categories, dates, booleans, drop, identifiers, weights), roles, keep
    )
    preparation = TablePreparation(standardize, missing, unknown)
    if target is not None and type(target) not in (str, int):
        expected = f"a column from 0 to {len(table.kinds) - 1}"
        raise DataError(f"{table.place}: target", expected=expected, got=target)
    found = asked.find(table.place, table.place, [*table.kinds], named=True)
    warn_of_row_labels(table.place, len(found.index))
    if not found.features:
        raise DataError(table.place, expected="a feature beside the target", got=_count(table.kinds))
    kinds = {found.names[i]: _kind(table, asked, found.names[i]) for i in found.features}
    own_roles = roles_of(found, {**asked.said, **kinds})
    label = None if found.target is None else found.names[found.target]
    weight = asked.weight(found)
    readers = [Values(name, kind) for name, kind in kinds.items()]
    further = list(dict.fromkeys(name for name in (label, weight, *keep) if name is not None))
    x, others = _numbers(table, readers, further, preparation)
    place = f"{table.place}, column {label!r}"
    y, names = (None, None) if label is None else _labels(place, table.types[label], others[label], classes)
    return dataset_of(
        x,
        [Column(reader.name, reader.words) for reader in readers],
        own_roles,
        preparation,
        y,
        target=label,
        classes=names,
        kept={name: [word(value) for value in others[name].tolist()] for name in keep} or None,
        weights=None if weight is None else _weights(table.place, weight, others[weight]),
    )


def with_settings_of_tables(reader: Reader) -> Reader:
    """Give a reader that passes `**settings` on to `read_typed` the signature that it has with them."""
    own, shared = inspect.signature(reader), inspect.signature(read_typed)
    first = [p for p in own.parameters.values() if p.kind is not p.VAR_KEYWORD]
    rest = [p for p in list(shared.parameters.values())[1:] if p.name not in own.parameters]
    reader.__signature__ = own.replace(parameters=[*first, *rest])  # type: ignore[attr-defined]
    return reader


def _count(columns: Mapping[str, Any]) -> str:
    return {0: "none", 1: "one column"}.get(len(columns), "none that is left")


def _kind(table: TypedTable, asked: Asked, name: str) -> str:
    """Return what the column of a feature is to be read as. Raises:   DataError."""
    own, place = table.kinds[name], f"{table.place}, column {name!r}"
    hint = f'drop = ["{name}"] leaves the column out'
    if own is None:
        raise DataError(place, expected="numbers, words, booleans or dates", got=table.types[name], hint=hint)
    if name in asked.said:
        return asked.said[name]
    if own != TEXT:
        return own
    if asked.wishes.automatic:
        return WORD
    hint = f'categories = ["{name}"] takes its words for kinds, {hint}'
    raise DataError(place, expected="numbers, booleans, dates or categories", got=table.types[name], hint=hint)


def _numbers(
    table: TypedTable, readers: Sequence[Values], further: Sequence[str], preparation: TablePreparation
) -> tuple[Array, dict[str, Array]]:
    """Return x, mapped where it is large, and the values of further columns. Raises:   DataError."""
    parts: list[Array] = []
    others: dict[str, list[Array]] = {name: [] for name in further}
    first, held = 0, 0
    with ExitStack() as stack:
        file: IO[bytes] | None = None
        for values in table.parts([*(reader.name for reader in readers), *further]):
            part = np.empty((len(values[0]), len(readers)))
            for j, reader in enumerate(readers):
                part[:, j] = _read(table.place, reader, values[j], first, preparation)
            parts.append(part)
            for name, own in zip(further, values[len(readers) :], strict=True):
                others[name].append(own)
            first, held = first + len(part), held + part.size
            if held > IN_MEMORY:
                file = file or stack.enter_context(temporary_file())
                _write(parts, file)
                held = 0
        if not first:
            raise DataError(table.place, expected="at least one row", got="none")
        joined = {name: np.concatenate(own) for name, own in others.items()}
        if file is None:
            return np.concatenate(parts), joined
        _write(parts, file)
        return np.memmap(file, np.float64, "r").reshape(first, -1), joined


def _write(parts: list[Array], file: IO[bytes]) -> None:
    with telling_of_room():
        while parts:
            parts.pop(0).tofile(file)
        file.flush()


def _read(place: str, reader: Values, values: Array, first: int, preparation: TablePreparation) -> Array:
    """Return numbers that are finite, or missing where they may be. Raises:   DataError."""
    try:
        numbers = reader.read(values, first)
    except DataError as error:
        raise DataError(f"{place}, {error.where}", expected=error.expected, got=error.got) from error
    wrong = np.isinf(numbers) if preparation.missing != "error" else ~np.isfinite(numbers)
    if wrong.any():
        row = int(wrong.argmax())
        got, hint = (f"{numbers[row]}", None) if np.isinf(numbers[row]) else ("none", f"{MISSING}; {HINT}")
        where = f"{place}, row {first + row}, column {reader.name!r}"
        raise DataError(where, expected="a finite number", got=got, hint=hint)
    return numbers


def _weights(place: str, name: str, values: Array) -> Array:
    try:
        found = Values(name, NUMBER).read(values)
    except DataError as error:
        raise DataError(f"{place}, {error.where}", expected=WEIGHTS, got=error.got) from error
    for row in np.flatnonzero(~(found >= 0) | np.isinf(found))[:1]:
        check_weight(f"{place}, row {row}, column {name!r}", found[row], "none" if np.isnan(found[row]) else found[row])
    return check_weights(f"{place}, column {name!r}", found)


def _labels(place: str, shown: str, values: Array, as_classes: bool) -> tuple[Array, tuple[str, ...] | None]:
    """Return the targets as those of any table, and the names of their classes. Raises:   DataError."""
    kind = kind_of(None, values)
    if kind in (None, DATE):
        raise DataError(f"{place}: the target", expected="numbers, booleans or words", got=shown)
    texts: list[str] = [] if values.dtype.kind in "fiub" else [word(value) for value in values.tolist()]
    absent = np.isnan(values) if values.dtype.kind == "f" else np.array([not text for text in texts], bool)
    if absent.any():
        where = f"{place}, row {int(absent.argmax())}: the target"
        raise DataError(where, expected="a value in every row", got="none", hint=MISSING)
    if kind == NUMBER or values.dtype.kind == "b":
        found, names = read_labels({place: Values(place, NUMBER).read(values) if texts else values}, as_classes)
        return found[place], names
    places: dict[str, str] = {}
    for row, text in enumerate(texts):
        places.setdefault(text, f"{place}, row {row}")
    own, names = decode(places, as_classes or kind == BOOLEAN, Format().number)
    code = {text: i for i, text in enumerate(places)}
    return own[[code[text] for text in texts]], names

"""Frames and series as the arrays, or the raw rows, of a data set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import DataError
from ..frames import BOOLEAN, NUMBER, WORD, Values, columns_of, is_category, is_frame, kind_of, values_of, word
from ..rows import Column, Raw

SHOWN = 20
"""Names that a message shows."""


def unframed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return those fields of a data set that become others: x of frames, and targets that are words.

    Frames of complete numbers and booleans become arrays; with words, dates or missing values all are `Raw`. `columns`
    are their names, and `roles` what they hold, where it is not all numbers. Words become classes.
    Raises:   DataError with row and column.
    """
    x, y = (
        {name: part for name, part in fields.items() if name.partition("_")[0] == own and part is not None}
        for own in "xy"
    )
    found = _rows(x) if is_frame(fields["x"]) and not isinstance(fields["x"], Raw) else {}
    name = getattr(fields["y"], "name", None)
    if found and isinstance(name, str):
        found["target"] = name
        if "roles" in found:
            found["roles"] = {**found["roles"], name: "target"}
    found = {key: value for key, value in found.items() if key in x or fields[key] is None}
    return found | (_classes(y, fields["classes"]) if any(map(_has_words, y.values())) else {})


def _rows(x: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts with the columns of the first, in its order."""
    other = next((part for part, frame in x.items() if not is_frame(frame)), None)
    if other is not None:
        raise DataError(other, expected="a data frame, as x", got=f"a {type(x[other]).__name__}")
    given = {part: columns_of(part, frame) for part, frame in x.items()}
    readers = {name: Values(name, _kind(name, column)) for name, column in given["x"].items()}
    if not readers:
        raise DataError("x", expected="a column", got="none")
    numbers = {part: [_read(part, readers[name], columns) for name in readers] for part, columns in given.items()}
    for part, columns in numbers.items():
        lengths = {name: len(column) for name, column in zip(readers, columns, strict=True)}
        if len({*lengths.values()}) > 1:
            raise DataError(part, expected="columns of one length", got=lengths)
    kinds = {name: reader.kind for name, reader in readers.items()}
    complete = not any(np.isnan(column).any() for columns in numbers.values() for column in columns)
    if complete and {*kinds.values()} <= {NUMBER, BOOLEAN}:
        made: dict[str, Any] = {part: np.stack(columns, axis=1) for part, columns in numbers.items()}
    else:
        named = tuple(Column(name, reader.words) for name, reader in readers.items())
        made = {
            part: Raw(np.stack(columns, axis=1, dtype=np.float64, casting="unsafe"), None, named)
            for part, columns in numbers.items()
        }
    roles = {} if {*kinds.values()} == {NUMBER} and complete else {"roles": kinds}
    return {**made, "columns": (*kinds,), **roles}


def _kind(name: str, column: Any) -> str:
    values = values_of(f"x, column {name!r}", column)
    kind = kind_of(column, values)
    if kind is None:
        got = getattr(column, "dtype", values.dtype)
        raise DataError(f"x, column {name!r}", expected="numbers, words, booleans or dates", got=got)
    return kind


def _read(part: str, reader: Values, columns: Mapping[str, Any]) -> Array:
    """Return the numbers of a column; what has a number for each row keeps its dtype."""
    if reader.name not in columns:
        raise DataError(f"{part}: no column {reader.name!r}", hint=f"it has {', '.join([*columns][:SHOWN])}")
    values = values_of(f"{part}, column {reader.name!r}", columns[reader.name])
    if reader.kind in (NUMBER, BOOLEAN) and values.dtype.kind in "fiub":
        return values
    try:
        return reader.read(values)
    except DataError as error:
        raise error.within(part) from error.__cause__


def _has_words(y: Any) -> bool:
    """Return whether targets in memory are words."""
    if not (isinstance(y, np.ndarray | list | tuple) or hasattr(y, "to_list")):
        return False
    if is_category(y):
        return True
    if isinstance(y, list | tuple):
        return any(isinstance(entry, str) for entry in y)
    values = np.asarray(y)
    return values.ndim == 1 and values.dtype.kind in "UO" and kind_of(y, values) == WORD


def _classes(y: Mapping[str, Any], known: tuple[str, ...] | None) -> dict[str, Any]:
    """Return the parts as numbers of classes in alphabetical order, or in that of the names that are known."""
    texts = {part: [word(value) for value in values_of(part, given)] for part, given in y.items()}
    classes = known or tuple(sorted({text for own in texts.values() for text in own if text}))
    code = {name: i for i, name in enumerate(classes)}
    for part, own in texts.items():
        wrong = next((row for row, text in enumerate(own) if text not in code), None)
        if wrong is not None:
            got = repr(own[wrong]) if own[wrong] else "none"
            expected = f"a class of {', '.join(classes[:SHOWN])}"
            raise DataError(f"{part}, row {wrong}", expected=expected, got=got)
    return {**{part: np.array([code[text] for text in own]) for part, own in texts.items()}, "classes": classes}

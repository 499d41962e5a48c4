"""Tables in memory, columns by name, as the rows that a reader would give of a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule import Array, DataError, Dataset, SettingError
from chainrule.admission import as_array
from chainrule.rows import Column, Raw

FEATURES = ("number", "word", "boolean", "date")
EXPECTED = {"number": "numbers", "word": "words", "boolean": "true or false", "date": "dates such as 2024-12-31"}
TRUTH = {"true": 1.0, "yes": 1.0, "1": 1.0, "false": 0.0, "no": 0.0, "0": 0.0}
DAY = np.timedelta64(1, "D")


def rows_of_table(table: Any, roles: Mapping[str, str] | None, prepared: bool) -> Dataset:
    """Return a mapping of columns, a data frame or an array as rows of a set without targets.

    `roles` are those of the training's columns; in their order, others left out, columns are features. With `prepared`
    a preparation is to be applied, and the rows are `Raw`. Words may be anything that has a text; None and NaN are
    missing, and a missing word is the empty one.
    Raises:   DataError for a column that is missing or of another kind; SettingError where no names are known.
    """
    features = {name: role for name, role in (roles or {}).items() if role in FEATURES}
    if not (isinstance(table, Mapping) or hasattr(table, "columns")):
        x = as_array("x", table)
        if features and set(features.values()) != {"number"}:
            expected = f"columns by name, {', '.join([*features][:20])}"
            raise DataError("x", expected=expected, got="an array", hint="a mapping or a data frame has them")
        if features and prepared and x.shape[1:] != (len(features),):
            raise DataError("x", expected=f"{len(features)} columns, {', '.join([*features][:20])}", got=x.shape)
        return Dataset(Raw(x, None, tuple(Column(name) for name in features)) if prepared else x, None)
    if not features:
        hint = "give an array of the features, in their order"
        raise SettingError("x", expected="an array, as the run knows no columns by name", got=type(table), hint=hint)
    there = [str(name) for name in (table if isinstance(table, Mapping) else table.columns)]
    missing = [name for name in features if name not in there]
    if missing:
        raise DataError(f"no column {missing[0]!r}", hint=f"the network takes {', '.join([*features][:20])}")
    words: dict[str, tuple[str, ...]] = {}
    numbers = []
    for name, role in features.items():
        values = [*table[name]]
        if role == "word":
            texts = ["" if _is_missing(value) else _text(value) for value in values]
            words[name] = tuple(dict.fromkeys(texts))
            code = {word: i for i, word in enumerate(words[name])}
            numbers.append(np.array([code[text] for text in texts], np.float64))
        else:
            numbers.append(_numbers(name, values, role))
    if len({len(column) for column in numbers}) != 1:
        lengths = {name: len(column) for name, column in zip(features, numbers, strict=True)}
        raise DataError("x", expected="columns of one length", got=lengths)
    rows = np.stack(numbers, axis=1)
    columns = tuple(Column(name, words.get(name)) for name in features)
    return Dataset(Raw(rows, None, columns) if prepared else rows, None)


def _numbers(name: str, values: list[Any], role: str) -> Array:
    reader: dict[str, Callable[[Any], float]] = {"boolean": _truth, "date": _days}
    found = np.empty(len(values))
    for row, value in enumerate(values):
        try:
            found[row] = np.nan if _is_missing(value) else reader.get(role, float)(value)
        except (TypeError, ValueError, KeyError) as error:
            raise DataError(f"row {row}, column {name!r}", expected=EXPECTED[role], got=repr(value)) from error
    return found


def _is_missing(value: Any) -> bool:
    return value is None or str(value) in ("<NA>", "NaT", "") or value != value  # NaN alone differs from itself


def _text(value: Any) -> str:
    """Return the text that a table would have: a whole number is written without a point."""
    whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return str(int(value)) if whole else str(value).strip()


def _truth(value: Any) -> float:
    return TRUTH[_text(value).casefold()]


def _days(value: Any) -> float:
    """Return the days from 1970-01-01, in UTC where it does not say."""
    if hasattr(value, "timestamp") and getattr(value, "tzinfo", None) is not None:
        return float(value.timestamp()) / 86400
    return float((np.datetime64(value, "us") - np.datetime64(0, "us")) / DAY)

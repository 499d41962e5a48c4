"""Labels: numbers, or names of classes, from cells of a table or from arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from chainrule import Array, DataError
from chainrule.frames import MISSING

from .csv_lines import Format


def decode(
    places: Mapping[str, str], as_classes: bool, number: Callable[[str], float | None]
) -> tuple[Array, tuple[str, ...] | None]:
    """Return the value of each label, and the names of the classes if labels are names.

    `places` has the labels in the order of their codes, each with its place, and `number` is what a label says, None
    for a word. Words are numbered in alphabetical order, numbers that are names in their own, and equal ones
    are one class, 1 and 1.0.
    Raises:   DataError with the place, for a label that is missing, and for numbers beside words.
    """
    for label in places.keys() & MISSING:
        got = repr(label) if label else "an empty cell"
        hint = "the value is missing: fill it in, or drop the row"
        raise DataError(f"{places[label]}: the target", expected="a value in every row", got=got, hint=hint)
    numbers = {label: number(label) for label in places}
    words = [label for label, value in numbers.items() if value is None]
    if as_classes or len(words) == len(places):
        names = {label: _name(label, value) for label, value in numbers.items()}
        value_of = {names[label]: value or 0 for label, value in numbers.items()}
        classes = sorted(value_of) if words else sorted(value_of, key=lambda name: value_of[name])
        code = {name: i for i, name in enumerate(classes)}
        return np.array([code[names[label]] for label in places]), tuple(classes)
    wrong = words or [label for label, value in numbers.items() if value is None or not np.isfinite(value)]
    if wrong:
        hint = "mend the cell; or, if these are names of classes, set classes = true"
        expected = "finite numbers or class names, not both"
        raise DataError(f"{places[wrong[0]]}: the target", expected=expected, got=repr(wrong[0]), hint=hint)
    values = np.array(list(numbers.values()), np.float64)
    return (values.astype(np.int64) if _whole(values) else values), None


def _name(label: str, value: float | None) -> str:
    """Return the name of a class: a number as it is written shortest, where a float holds it exactly."""
    if value is None or not abs(value) < 1 << 53:
        return label
    return str(int(value)) if value.is_integer() else repr(value)


def read_labels(parts: Mapping[str, Array], as_classes: bool) -> tuple[dict[str, Array], tuple[str, ...] | None]:
    """Return arrays of labels as a table's would be read, and the names of their classes; `parts` has them by place.

    One label a sample is a vector, and a column of them becomes one: whole numbers stay or become integers, words and
    booleans classes in alphabetical order; with `as_classes`, numbers are names of classes, too. Any other array of
    numbers stays.
    Raises:   DataError, as `decode`, and for words or classes that are not one label for each sample.
    """
    kinds = {part.dtype.kind for part in parts.values()}
    as_names = as_classes or not kinds.isdisjoint("USb")
    for place, part in parts.items():
        if part.shape[1:] not in ((), (1,)):
            if as_classes or part.dtype.kind in "US":
                got = f"{part.dtype} {part.shape}"
                raise DataError(place, expected="one label for each sample", got=got)
            return dict(parts), None
    if not as_names:
        whole = all(_whole(part) for part in parts.values())
        return {place: _as_integers(part) if whole else part for place, part in parts.items()}, None
    texts = {place: _as_texts(part) for place, part in parts.items()}
    # Both booleans are classes, where one does not occur, too.
    places = {"False": "", "True": ""} if kinds == {"b"} else {}
    for place, labels in texts.items():
        found, rows = np.unique(labels, return_index=True)
        places |= {str(k): f"{place}, row {row}" for k, row in zip(found, rows, strict=True) if str(k) not in places}
    values, classes = decode(places, as_classes, Format().number)
    known = np.array(list(places))
    order = np.argsort(known)
    return {place: values[order][np.searchsorted(known[order], labels)] for place, labels in texts.items()}, classes


def _as_integers(labels: Array) -> Array:
    """Return a vector of integers."""
    labels = labels.reshape(-1)
    return labels.astype(np.int64) if labels.dtype.kind == "f" else labels


def _as_texts(labels: Array) -> Array:
    """Return a vector of words without spaces around them."""
    if labels.dtype.kind == "f" and _whole(labels):
        labels = _as_integers(labels)
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels, "utf-8", "replace")
    return np.char.strip(labels.reshape(-1).astype(str))


def _whole(values: Array) -> bool:
    """Return whether all are whole numbers that an integer holds exactly."""
    if values.dtype.kind in "iu":
        return True
    return bool(((np.abs(values) < 1 << 53) & (values == np.trunc(values))).all())

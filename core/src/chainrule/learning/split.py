"""Which rows of a data set are trained on, which choose between epochs, and which are kept to test."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, random_stream
from ..errors import DataError, SettingError, warn
from ..rows import Rows
from ..settings import integer, one_of, real

SPLITS = ("stratified", "random", "ordered", "none")
SHOWN = 10
"""Classes that a warning names."""
TRAINING, VALIDATION, TEST = PARTS = ("", "_validation", "_test")
"""The parts of a set, each by how the names of its arrays end."""


@dataclass(frozen=True)
class Split:
    """How rows become parts: first the test part, then, of what is left, the validation part; the rest is trained on.

    Raises:   SettingError.
    """

    split: str | None = None
    test_fraction: float = 0.2
    validation_fraction: float = 0.0
    fold: Sequence[int] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.split is not None:
            one_of("split", self.split, SPLITS)
        real("test_fraction", self.test_fraction, above=0, below=1)
        real("validation_fraction", self.validation_fraction, minimum=0, below=1)
        integer("seed", self.seed, minimum=0)
        fold = self.fold
        if fold is None:
            return
        pair = isinstance(fold, tuple | list) and len(fold) == 2 and all(type(number) is int for number in fold)
        if not pair or not (fold[1] >= 2 and 1 <= fold[0] <= fold[1]):
            expected = "which fold it is, from 1, and of how many, such as [1, 5]"
            raise SettingError("fold", expected=expected, got=fold)

    def rows(self, y: Any, size: int, names: Sequence[str] | None, given: Collection[str]) -> dict[str, Array | None]:
        """Return the rows of each part that is made of these, None for all of them; `given` are parts that are there.

        Raises:   SettingError; DataError when a part would be empty.
        """
        left: Array | None = None
        found: dict[str, Array | None] = {}
        if self.fold is not None:
            found[TEST] = test = self._fold(y, size, names)
        elif TEST in given:
            if self.split not in (None, "none") and not self.validation_fraction:
                raise SettingError("split", expected="none: the data come with a test part", got=self.split)
        elif self.split != "none":
            found[TEST] = test = self._taken(y, np.arange(size), names, TEST)
        if found:
            left = np.setdiff1d(np.arange(size), test)
        if self.validation_fraction:
            if VALIDATION in given:
                expected = "0: the data come with a validation part"
                raise SettingError("validation_fraction", expected=expected, got=self.validation_fraction)
            left = np.arange(size) if left is None else left
            found[VALIDATION] = held = self._taken(y, left, names, VALIDATION, quiet=bool(found))
            left = np.setdiff1d(left, held)
        return {TRAINING: left, **found}

    def _kind(self, y: Any) -> str:
        """Return how rows are drawn. Raises:   SettingError for classes that are none."""
        classes = isinstance(y, np.ndarray | Rows) and y.ndim == 1 and y.dtype.kind in "iu"
        kind = self.split if self.split not in (None, "none") else "stratified" if classes else "random"
        if kind == "stratified" and not classes:
            raise SettingError("split", expected="random, ordered or none: the targets are no classes", got=kind)
        return str(kind)

    def _taken(self, y: Any, rows: Array, names: Sequence[str] | None, part: str, quiet: bool = False) -> Array:
        """Return those of the rows that are held back for a part."""
        test, size = part == TEST, len(rows)
        fraction = self.test_fraction if test else self.validation_fraction
        count = round(size * fraction)
        if not 0 < count < size:
            where, hint = ("split", 'use split = "none"') if test else ("validation_fraction", "take another fraction")
            expected = f"a training and a {part[1:]} part"
            raise DataError(where, expected=expected, got=f"{size} rows", hint=hint)
        kind = self._kind(y)
        if kind == "ordered":
            return rows[size - count :]
        rng = random_stream(self.seed, "split" if test else "validation")
        shuffled = rng.permutation(size)
        if kind == "random":
            return np.sort(rows[shuffled[:count]])
        labels = np.asarray(y)[rows]
        shuffled = shuffled[np.argsort(labels[shuffled], kind="stable")]
        alone = _only_members(labels, names)
        if len(alone) and not quiet:
            what = f"in the training part, and the {part[1:]} part says nothing of such a class"
            warn(f"split: {_who(labels[alone], names)} {what}")
        shuffled = shuffled[~np.isin(shuffled, alone)]
        size = len(shuffled)
        count = min(max(1, round(size * fraction)), size - 1)
        # Of rows in the order of their classes, every (size / count)-th: each class has its share to within one row.
        held = shuffled[np.diff((np.arange(size + 1) * count + rng.integers(size)) // size) > 0]
        return np.sort(rows[held])

    def _fold(self, y: Any, size: int, names: Sequence[str] | None) -> Array:
        """Return the rows of one fold: all folds together have each row once, and each class in its share."""
        number, folds = self.fold or (1, 1)
        if size < folds:
            raise DataError("fold", expected=f"a row or more for each of {folds} folds", got=f"{size} rows")
        kind = self._kind(y)
        if kind == "ordered":
            return np.array_split(np.arange(size), folds)[number - 1]
        order = random_stream(self.seed, "folds").permutation(size)
        if kind == "random":
            return np.sort(order[number - 1 :: folds])
        labels = np.asarray(y)
        order = order[np.argsort(labels[order], kind="stable")]
        own = np.sort(order[number - 1 :: folds])
        alone = np.intersect1d(_only_members(labels, names), own)
        if len(alone):
            warn(f"fold {number}: {_who(labels[alone], names)} in its test part, and training knows no such class")
        return own


def _only_members(y: Array, names: Sequence[str] | None) -> Array:
    """Return the rows whose class has no other: in the test part it would be unknown in training.

    Whole numbers without names, some of which do not occur, may be no classes, and numbers that all differ are none.
    Raises:   DataError for named classes that all have one member: no test part is left.
    """
    labels, rows, counts = np.unique(y, return_index=True, return_counts=True)
    if names is not None and counts.max() == 1:
        expected, got = "a class of two samples, for a training and a test part", f"{len(labels)} classes of one each"
        raise DataError("split", expected=expected, got=got, hint='use split = "random" or "none"')
    counted = names is not None or labels.tolist() in ([-1, 1], list(range(len(labels))))
    return rows[counts == 1] if counted and counts.max() > 1 else rows[:0]


def _who(labels: Array, names: Sequence[str] | None) -> str:
    """Return what a message calls classes of one sample each."""
    name_of = dict(enumerate(names or ()))
    called = [name_of.get(label, str(label)) for label in labels.tolist()]
    shown = ", ".join(called[:SHOWN]) + (f" and {len(called) - SHOWN} more" if len(called) > SHOWN else "")
    one, more = f"class {shown} has one sample: it is", f"the classes {shown} have one each: they are"
    return one if len(called) == 1 else more

"""Data sets: rows of samples and targets, in a training and a test part."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .arrays import Array, Shape, random_stream
from .errors import DataError, SettingError
from .settings import integer, one_of, real, sample_shape

CHUNK = 1 << 22
"""Bytes that are read at a time, so that a memory-mapped file stays on disk."""
SPLITS = ("stratified", "random", "ordered", "none")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples and targets.

    x (N, *shape) and y (N, …) are the training part, x_test and y_test the test part, None where there is none;
    `classes` are the names of the classes 0, 1, … Arrays may be memory-mapped.

    Raises:   DataError for parts of unequal length, and for NaN or infinity, with row and column.
    """

    x: Any
    y: Any
    x_test: Any = None
    y_test: Any = None
    classes: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("x", "y", "x_test", "y_test"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, indexable(getattr(self, name)))
        needs_targets = self.x_test is not None and self.y is not None
        if needs_targets != (self.y_test is not None):
            raise DataError("data set", expected="both x_test and y_test, or neither", got="one of them")
        if self.x_test is not None and self.x_test.shape[1:] != self.x.shape[1:]:
            raise DataError("x_test", expected=f"samples of {self.x.shape[1:]}, as in x", got=self.x_test.shape[1:])
        for x, y, part in ((self.x, self.y, "x"), (self.x_test, self.y_test, "x_test")):
            if x is None:
                continue
            if len(x) == 0:
                raise DataError(part, expected="at least one sample", got="none")
            if y is not None and len(x) != len(y):
                raise DataError(part, expected="as many samples as targets", got=f"{len(x)} and {len(y)}")
            check_finite(part, x)
            if y is not None:
                check_finite(part.replace("x", "y"), y)


class Rows:
    """Chosen rows of an array, scaled and shaped batch by batch: the array itself is neither copied nor read whole.

    `rows` are their numbers, or None for all of them. Integers and half-precision numbers that are scaled become
    float32.
    """

    def __init__(self, array: Any, rows: Array | None, scale: float | None = None, shape: Shape | None = None) -> None:
        self._array = array
        self._rows = rows
        self._scale = scale
        self._shape = tuple(array.shape[1:]) if shape is None else shape

    @property
    def shape(self) -> Shape:
        """(N, *shape)."""
        return (len(self), *self._shape)

    def __len__(self) -> int:
        return len(self._array if self._rows is None else self._rows)

    def __getitem__(self, index: Any) -> Array:
        batch = np.asarray(self._array[index if self._rows is None else self._rows[index]])
        batch = batch.reshape(*batch.shape[: batch.ndim + 1 - len(self._array.shape)], *self._shape)
        if self._scale is None:
            return batch
        real_batch = batch if batch.dtype in (np.float32, np.float64) else batch.astype(np.float32)
        return np.asarray(real_batch * self._scale)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self[:] if dtype is None else self[:].astype(dtype)


def prepare(
    dataset: Dataset,
    *,
    scale: float | None = None,
    shape: Sequence[int] | None = None,
    split: str | None = None,
    test_fraction: float = 0.2,
    seed: int = 0,
) -> Dataset:
    """Scale, shape and split a data set; x is scaled and shaped batch by batch.

    `split` is "stratified" (each class in its share; the default for classes), "random" (the default otherwise),
    "ordered" (the last rows are the test part) or "none"; a data set that comes with a test part keeps it.

    Raises:   SettingError; DataError when a part would be empty or the samples do not fit `shape`.
    """
    if scale is not None:
        real("scale", scale)
    if shape is not None:
        shape = sample_shape("shape", shape)
        size = math.prod(dataset.x.shape[1:])
        if math.prod(shape) != size:
            raise DataError("shape", expected=f"{size} numbers a sample", got=f"{math.prod(shape)} in {shape}")
    real("test_fraction", test_fraction, above=0, below=1)
    integer("seed", seed, minimum=0)
    if split is not None:
        one_of("split", split, SPLITS)
    if dataset.x_test is not None:
        if split not in (None, "none"):
            raise SettingError("split", expected="none: the data come with a test part", got=split)
        test = Rows(dataset.x_test, None, scale, shape)
        return replace(dataset, x=Rows(dataset.x, None, scale, shape), x_test=test)
    if split == "none":
        return replace(dataset, x=Rows(dataset.x, None, scale, shape))
    train_rows, test_rows = _split(dataset, split, test_fraction, random_stream(seed, "split"))

    def part(rows: Array) -> tuple[Rows, Any]:
        return Rows(dataset.x, rows, scale, shape), None if dataset.y is None else dataset.y[rows]

    x, y = part(train_rows)
    x_test, y_test = part(test_rows)
    return replace(dataset, x=x, y=y, x_test=x_test, y_test=y_test)


def _split(dataset: Dataset, split: str | None, fraction: float, rng: np.random.Generator) -> tuple[Array, Array]:
    size = len(dataset.x)
    classes = dataset.y is not None and dataset.y.ndim == 1 and dataset.y.dtype.kind in "iu"
    split = split or ("stratified" if classes else "random")
    rows = np.arange(size)
    count = round(size * fraction)
    if not 0 < count < size:
        raise DataError("split", expected="a training and a test part", got=f"{size} rows", hint='use split = "none"')
    if split == "ordered":
        return rows[: size - count], rows[size - count :]
    shuffled = rng.permutation(size)
    if split == "stratified":
        if not classes:
            raise SettingError("split", expected="random, ordered or none: the targets are no classes", got=split)
        shuffled = shuffled[np.argsort(dataset.y[shuffled], kind="stable")]
        # Of rows in the order of their classes, every (size / count)-th: each class has its share to within one row.
        test = np.diff((np.arange(size + 1) * count + rng.integers(size)) // size) > 0
    else:
        test = rows < count
    return np.sort(shuffled[~test]), np.sort(shuffled[test])


def check_finite(name: str, array: Any) -> None:
    """Refuse NaN and infinity, reading a part at a time. Raises:   DataError with row and column."""
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f" or array.size == 0:
        return
    step = max(1, CHUNK // max(1, array[:1].nbytes))
    for start in range(0, len(array), step):
        finite = np.isfinite(array[start : start + step])
        if not finite.all():
            row, *column = (int(i) for i in np.argwhere(~finite)[0])
            value = array[(start + row, *column)]
            place = f"row {start + row}" + (f", column {', '.join(map(str, column))}" if column else "")
            raise DataError(f"{name}, {place}", expected="a finite number", got=value, hint="mend or drop the row")


def indexable(array: Any) -> Any:
    """Return anything with a shape and rows as it is; a list, and a data frame, whose rows have labels, as an array.

    Raises:   DataError for a ragged list.
    """
    rows_by_position = hasattr(array, "shape") and hasattr(array, "__getitem__") and not hasattr(array, "iloc")
    return array if rows_by_position else as_array("data", array)


def as_array(what: str, given: Any) -> Array:
    """Return an array. Raises:   DataError for a ragged list."""
    try:
        return np.asarray(given)
    except ValueError as error:
        raise DataError(f"{what}: {error}", hint="give every row the same length") from error

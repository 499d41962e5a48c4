"""Data sets: rows of samples and targets, in a training and a test part."""

from __future__ import annotations

import math
import mmap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..admission import check_finite, real_array
from ..arrays import Array, Shape, random_stream
from ..errors import DataError, SettingError, warn
from ..rows import Named, Raw, Rows, indexable, labelled
from ..settings import integer, one_of, real, sample_shape
from .preparation import Preparation, applied, learned

IN_MEMORY = 1 << 24
"""Bytes of a part that is scaled, shaped and split at once; a larger one, and a file, is read as it is used."""
SHOWN = 10
"""Classes that a warning names."""
SPLITS = ("stratified", "random", "ordered", "none")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples and targets.

    x (N, *shape) and y (N, …), or several arrays of the same samples by name, are the training part, x_test and y_test
    the test part, None where there is none; `classes` are the names of the classes 0, 1, …; where a table names its
    columns, `columns` are those of the numbers of a sample, whatever shape it is given later, and `target` is that of
    y. `roles` are those of all columns of a table, by name: number, word, boolean and date are features, identifier and
    dropped are left out, and one is the target; `kept` are the texts of columns that were asked for. `preparation` is
    what was learned from the training part, and has made x out of what was read. Arrays may be memory-mapped,
    or any that are read by rows, such as those of h5py and zarr; these become `Rows`.

    Raises:   DataError for what is no array, parts of unequal length, masked entries, NaN and infinity, with row and
              column, and for another number of names than a sample has numbers. What is read by rows is not read here:
              its masked entries are refused when they are.
    """

    x: Any
    y: Any
    x_test: Any = None
    y_test: Any = None
    classes: tuple[str, ...] | None = None
    columns: tuple[str, ...] | None = None
    target: str | None = None
    roles: Mapping[str, str] | None = None
    preparation: Preparation | None = None
    kept: Mapping[str, Sequence[str]] | None = None

    def __post_init__(self) -> None:
        for name in ("x", "y", "x_test", "y_test"):
            if name == "x" or getattr(self, name) is not None:
                object.__setattr__(self, name, indexable(getattr(self, name), name))
        needs_targets = self.x_test is not None and self.y is not None
        if needs_targets != (self.y_test is not None):
            raise DataError("data set", expected="both x_test and y_test, or neither", got="one of them")
        if self.x_test is not None and self.x_test.shape[1:] != self.x.shape[1:]:
            raise DataError("x_test", expected=f"samples of {self.x.shape[1:]}, as in x", got=self.x_test.shape[1:])
        if self.columns is not None and isinstance(self.x, Named):
            raise DataError("columns", expected="one array, whose numbers have them", got="several by name")
        if self.columns is not None and len(self.columns) != math.prod(self.x.shape[1:]):
            expected = f"a name for each of the {math.prod(self.x.shape[1:])} numbers of a sample"
            raise DataError("columns", expected=expected, got=len(self.columns))
        for x, y, part in ((self.x, self.y, "x"), (self.x_test, self.y_test, "x_test")):
            if x is None:
                continue
            if len(x) == 0:
                raise DataError(part, expected="at least one sample", got="none")
            if y is not None and len(x) != len(y):
                raise DataError(part, expected="as many samples as targets", got=f"{len(x)} and {len(y)}")
            for where, array in labelled(part, x):
                if isinstance(array, np.ndarray):
                    check_finite(where, real_array(where, array))
            for where, array in labelled(part.replace("x", "y"), y):
                if isinstance(array, np.ndarray):
                    check_finite(where, array)

    @property
    def input_shape(self) -> Any:
        """The shape of one sample, or of each array by name."""
        return self.x.shape[1] if isinstance(self.x, Named) else tuple(self.x.shape[1:])


def prepare(
    dataset: Dataset,
    *,
    scale: float | None = None,
    shape: Sequence[int] | None = None,
    split: str | None = None,
    test_fraction: float = 0.2,
    seed: int = 0,
    preparation: Preparation | None = None,
) -> Dataset:
    """Split, prepare, scale and shape a data set; x of a file, or over 16 MiB, is made batch by batch.

    `split` is "stratified" (each class in its share; the default for classes), "random" (the default otherwise),
    "ordered" (the last rows are the test part) or "none"; a data set that comes with a test part keeps it. Of a class
    that has one member, stratification leaves it in the training part, with a ChainruleWarning. A `preparation`, or
    that of the reader, learns from the training part alone, unless it has learned before, and is applied to both.

    Raises:   SettingError, for a `scale` beside a preparation, too; DataError when a part would be empty, as where no
              named class has two members to stratify, when the samples do not fit `shape`, or the preparation.
    """
    check_preparation(scale=scale, shape=shape, split=split, test_fraction=test_fraction, seed=seed)
    for name, value in (("scale", scale), ("shape", shape)):
        if value is not None and isinstance(dataset.x, Named):
            raise SettingError(name, expected="none: x are several arrays by name", got=value)
    if preparation is not None or isinstance(dataset.x, Raw):
        if scale is not None:
            raise SettingError("scale", expected="none: the numbers are prepared", got=scale)
        dataset, split = _prepared(dataset, preparation, split, test_fraction, seed), "none"
    if shape is not None:
        shape = sample_shape("shape", shape)
        size = math.prod(dataset.x.shape[1:])
        if math.prod(shape) != size:
            raise DataError("shape", expected=f"{size} numbers a sample", got=f"{math.prod(shape)} in {shape}")
    if dataset.x_test is not None:
        _check_whole(split)
        x, x_test = (_part(array, None, scale, shape) for array in (dataset.x, dataset.x_test))
        return replace(dataset, x=x, x_test=x_test)
    if split == "none":
        return replace(dataset, x=_part(dataset.x, None, scale, shape))
    train, test = _split(dataset, split, test_fraction, random_stream(seed, "split"))
    x, x_test = (_part(dataset.x, rows, scale, shape) for rows in (train, test))
    y, y_test = (None if dataset.y is None else _targets(dataset.y, rows) for rows in (train, test))
    return replace(dataset, x=x, y=y, x_test=x_test, y_test=y_test)


def _check_whole(split: str | None) -> None:
    """Refuse to split what has a test part. Raises:   SettingError."""
    if split not in (None, "none"):
        raise SettingError("split", expected="none: the data come with a test part", got=split)


def _prepared(
    dataset: Dataset, preparation: Preparation | None, split: str | None, fraction: float, seed: int
) -> Dataset:
    """Return the set split, and made by a preparation that has learned from the training part."""
    raw = dataset.x if isinstance(dataset.x, Raw) else Raw(dataset.x, preparation)
    preparation = preparation or raw.preparation
    if isinstance(raw.array, Named) or not isinstance(preparation, Preparation):
        came = "several arrays by name" if isinstance(raw.array, Named) else preparation
        raise SettingError("preparation", expected="a Preparation, of one array", got=came)
    train: Array | None = None
    parts = {"": raw.array}
    if dataset.x_test is not None:
        _check_whole(split)
        parts["_test"] = dataset.x_test.array if isinstance(dataset.x_test, Raw) else dataset.x_test
    elif split != "none":
        train, test = _split(dataset, split, fraction, random_stream(seed, "split"))
        parts["_test"] = Rows(raw.array, test)
    preparation, train = learned(preparation, raw, train)
    parts[""] = parts[""] if train is None else Rows(raw.array, train)
    made: dict[str, Any] = {}
    for name, part in parts.items():
        rows = applied(preparation, part, raw.columns)
        in_memory = _in_memory(raw.array) and rows.nbytes <= IN_MEMORY
        made[f"x{name}"] = np.asarray(rows) if in_memory else rows
    if dataset.y is not None and train is not None:
        made["y"] = _targets(dataset.y, train)
        if dataset.x_test is None and "_test" in parts:
            made["y_test"] = _targets(dataset.y, test)
    columns = preparation.names(tuple(column.name for column in raw.columns) or dataset.columns)
    return replace(dataset, **made, columns=columns, preparation=preparation)


def _part(array: Any, rows: Array | None, scale: float | None, shape: Shape | None) -> Any:
    """Return chosen rows, scaled and shaped: as an array, unless they are many or lie in a file."""
    if isinstance(array, Named):
        return Named({name: _part(own, rows, scale, shape) for name, own in array.arrays.items()})
    part = Rows(array, rows, scale, shape)
    if rows is None and scale is None:
        if not isinstance(array, np.ndarray):
            return part
        if array.flags.c_contiguous or part.nbytes <= IN_MEMORY:
            return array.reshape(part.shape)  # of a mapped file, too, a view
    return np.asarray(part) if _in_memory(array) and part.nbytes <= IN_MEMORY else part


def _targets(y: Any, rows: Array) -> Any:
    if isinstance(y, Named):
        return Named({name: _targets(own, rows) for name, own in y.arrays.items()})
    part = Rows(y, rows)
    return np.asarray(part) if isinstance(y, np.ndarray) or part.nbytes <= IN_MEMORY else part


def _in_memory(array: Any) -> bool:
    """Return whether an array lies in memory, and is no view of a mapped file."""
    while isinstance(array, np.ndarray) and not isinstance(array, np.memmap):
        array = array.base
    return not isinstance(array, np.memmap | Rows | mmap.mmap)


def check_preparation(
    *, scale: Any = None, shape: Any = None, split: Any = None, test_fraction: Any = 0.2, seed: Any = 0
) -> None:
    """Refuse what `prepare` could not do with any data, before they are read. Raises:   SettingError."""
    if scale is not None:
        real("scale", scale)
    if shape is not None:
        sample_shape("shape", shape)
    if split is not None:
        one_of("split", split, SPLITS)
    real("test_fraction", test_fraction, above=0, below=1)
    integer("seed", seed, minimum=0)


def _split(dataset: Dataset, split: str | None, fraction: float, rng: np.random.Generator) -> tuple[Array, Array]:
    size = len(dataset.x)
    classes = isinstance(dataset.y, np.ndarray | Rows) and dataset.y.ndim == 1 and dataset.y.dtype.kind in "iu"
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
        y = np.asarray(dataset.y)
        shuffled = shuffled[np.argsort(y[shuffled], kind="stable")]
        shuffled = shuffled[~np.isin(shuffled, _only_members(y, dataset.classes))]
        size = len(shuffled)
        count = min(max(1, round(size * fraction)), size - 1)
        # Of rows in the order of their classes, every (size / count)-th: each class has its share to within one row.
        test = shuffled[np.diff((np.arange(size + 1) * count + rng.integers(size)) // size) > 0]
    else:
        test = shuffled[:count]
    return np.setdiff1d(rows, test), np.sort(test)


def _only_members(y: Array, names: Sequence[str] | None) -> Array:
    """Return the rows whose class has no other, with a warning: in the test part it would be unknown in training.

    Whole numbers without names, some of which do not occur, may be no classes, and numbers that all differ are none.
    Raises:   DataError for named classes that all have one member: no test part is left.
    """
    labels, rows, counts = np.unique(y, return_index=True, return_counts=True)
    if names is not None and counts.max() == 1:
        expected, got = "a class of two samples, for a training and a test part", f"{len(labels)} classes of one each"
        raise DataError("split", expected=expected, got=got, hint='use split = "random" or "none"')
    counted = names is not None or labels.tolist() in ([-1, 1], list(range(len(labels))))
    alone = rows[counts == 1] if counted and counts.max() > 1 else rows[:0]
    if len(alone):
        name_of = dict(enumerate(names or ()))
        called = [name_of.get(label, str(label)) for label in y[alone].tolist()]
        shown = ", ".join(called[:SHOWN]) + (f" and {len(called) - SHOWN} more" if len(called) > SHOWN else "")
        one, more = f"class {shown} has one sample: it is", f"the classes {shown} have one each: they are"
        who = one if len(called) == 1 else more
        warn(f"split: {who} in the training part, and the test part says nothing of such a class")
    return alone

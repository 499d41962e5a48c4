"""Data sets: rows of samples and targets, in a training, a validation and a test part."""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..admission import check_finite, real_array
from ..arrays import Array, Shape
from ..errors import DataError, SettingError
from ..rows import Column, Named, Raw, Rows, indexable, labelled
from ..settings import real, sample_shape
from .preparation import Preparation, applied, learned
from .split import PARTS, TRAINING, Split
from .unframed import unframed
from .weights import sample_weights

IN_MEMORY = 1 << 24
"""Bytes of a part that is scaled, shaped and split at once; a larger one, and a file, is read as it is used."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples and targets.

    x (N, *shape) and y (N, …), or several arrays of the same samples by name, are the training part, x_test and y_test
    the test part, None where there is none, and so are x_validation and y_validation, by which an epoch may be chosen;
    `classes` are the names of the classes 0, 1, …; where a table names its
    columns, `columns` are those of the numbers of a sample, whatever shape it is given later, and `target` is that of
    y. `roles` are those of all columns of a table, by name: number, word, boolean and date are features, identifier,
    weight and dropped are left out, and one is the target; `kept` are the texts of columns that were asked for.
    `weights`, `weights_validation` and `weights_test` say how often each sample counts, None where each counts once.
    `preparation` is what was learned from the training part, and has made x out of what was read. Arrays may be
    memory-mapped, or any that are read by rows, such as those of h5py and zarr; these become `Rows`.

    x may be a data frame: it becomes an array of numbers, or `Raw` rows where it has words, dates or missing values,
    and has `columns` and `roles` then. Targets that are words become classes in alphabetical order.

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
    x_validation: Any = None
    y_validation: Any = None
    weights: Any = None
    weights_test: Any = None
    weights_validation: Any = None

    def __post_init__(self) -> None:
        for name, value in unframed(vars(self)).items():
            object.__setattr__(self, name, value)
        for part in PARTS:
            for name in (f"x{part}", f"y{part}"):
                if name == "x" or getattr(self, name) is not None:
                    object.__setattr__(self, name, indexable(getattr(self, name), name))
            x, y = getattr(self, f"x{part}"), getattr(self, f"y{part}")
            if (x is not None and self.y is not None) != (y is not None):
                expected = f"both x{part} and y{part}, or neither"
                raise DataError("data set", expected=expected, got="one of them")
            if x is not None and x.shape[1:] != self.x.shape[1:]:
                raise DataError(f"x{part}", expected=f"samples of {self.x.shape[1:]}, as in x", got=x.shape[1:])
            own = self.weights_of(part)
            if own is not None and x is None:
                raise DataError(f"weights{part}", expected="none, as there is no such part", got=f"{len(own)} weights")
        if self.columns is not None and isinstance(self.x, Named):
            raise DataError("columns", expected="one array, whose numbers have them", got="several by name")
        if self.columns is not None and len(self.columns) != math.prod(self.x.shape[1:]):
            expected = f"a name for each of the {math.prod(self.x.shape[1:])} numbers of a sample"
            raise DataError("columns", expected=expected, got=len(self.columns))
        for part, (x, y) in self.parts.items():
            if len(x) == 0:
                raise DataError(f"x{part}", expected="at least one sample", got="none")
            if y is not None and len(x) != len(y):
                raise DataError(f"x{part}", expected="as many samples as targets", got=f"{len(x)} and {len(y)}")
            for where, array in labelled(f"x{part}", x):
                if isinstance(array, np.ndarray):
                    check_finite(where, real_array(where, array))
            for where, array in labelled(f"y{part}", y):
                if isinstance(array, np.ndarray):
                    check_finite(where, array)
            own = self.weights_of(part)
            if own is not None:
                object.__setattr__(self, f"weights{part}", sample_weights(f"weights{part}", own, len(x)))

    @property
    def parts(self) -> dict[str, tuple[Any, Any]]:
        """The x and y of each part that there is, by how their names end: "", "_validation" and "_test"."""
        pairs = {part: (getattr(self, f"x{part}"), getattr(self, f"y{part}")) for part in PARTS}
        return {part: pair for part, pair in pairs.items() if pair[0] is not None}

    def weights_of(self, part: str) -> Array | None:
        """Return how often each sample of a part counts, None where each counts once."""
        weights: Array | None = getattr(self, f"weights{part}")
        return weights

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
    validation_fraction: float = 0.0,
    fold: Sequence[int] | None = None,
    seed: int = 0,
    preparation: Preparation | None = None,
) -> Dataset:
    """Split, prepare, scale and shape a data set; x of a file, or over 16 MiB, is made batch by batch.

    `split` is "stratified" (each class in its share; the default for classes), "random" (the default otherwise),
    "ordered" (the last rows are the test part) or "none"; a data set that comes with a test part keeps it. Of a class
    that has one member, stratification leaves it in the training part, with a ChainruleWarning. After that,
    `validation_fraction` of the training part becomes the validation part in the same way, by default where `split` is
    "none". With `fold`, (2, 5), the test part is the second of five folds of all rows of x, each of which has every
    class in its share: one that the set comes with is left out. A `preparation`, or that of the reader, learns from the
    training part alone, unless it has learned before, and is applied to all.

    Raises:   SettingError, for a `scale` beside a preparation, too; DataError when a part would be empty, as where no
              named class has two members to stratify, when the samples do not fit `shape`, or the preparation.
    """
    parts = Split(split, test_fraction, validation_fraction, fold, seed)
    check_preparation(scale=scale, shape=shape)
    for name, value in (("scale", scale), ("shape", shape)):
        if value is not None and isinstance(dataset.x, Named):
            raise SettingError(name, expected="none: x are several arrays by name", got=value)
    prepares = preparation is not None or isinstance(dataset.x, Raw)
    if prepares and scale is not None:
        raise SettingError("scale", expected="none: the numbers are prepared", got=scale)
    rows = parts.rows(dataset.y, len(dataset.x), dataset.classes, dataset.parts)
    if prepares:
        dataset, rows = _prepared(dataset, preparation, rows), {TRAINING: None}
    if shape is not None:
        shape = sample_shape("shape", shape)
        size = math.prod(dataset.x.shape[1:])
        if math.prod(shape) != size:
            raise DataError("shape", expected=f"{size} numbers a sample", got=f"{math.prod(shape)} in {shape}")
    made: dict[str, Any] = {}
    for part, x, y, weights, own in _sources(dataset, rows):
        made |= {f"x{part}": _part(x, own, scale, shape), f"y{part}": _targets(y, own)}
        made[f"weights{part}"] = _targets(weights, own)
    return replace(dataset, **made)


def _sources(dataset: Dataset, rows: Mapping[str, Array | None]) -> Iterator[tuple[str, Any, Any, Any, Array | None]]:
    """Yield each part, the x, y and weights that it is made of, and which of their rows, None for all."""
    for part in PARTS:
        if part in rows or part in dataset.parts:
            source = TRAINING if part in rows else part
            yield part, *dataset.parts[source], dataset.weights_of(source), rows.get(part)


def _prepared(dataset: Dataset, preparation: Preparation | None, rows: Mapping[str, Array | None]) -> Dataset:
    """Return the set split, and made by a preparation that has learned from the training part."""
    named = tuple(map(Column, dataset.columns or ())) if len(dataset.x.shape) == 2 else ()
    raw = dataset.x if isinstance(dataset.x, Raw) else Raw(dataset.x, preparation, named)
    preparation = preparation or raw.preparation
    if isinstance(raw.array, Named) or not isinstance(preparation, Preparation):
        came = "several arrays by name" if isinstance(raw.array, Named) else preparation
        raise SettingError("preparation", expected="a Preparation, of one array", got=came)
    preparation, taught = learned(preparation, raw, rows[TRAINING])
    made: dict[str, Any] = {}
    for part, x, y, weights, own in _sources(dataset, {**rows, TRAINING: taught}):
        given = x if isinstance(x, Raw) else Raw(x, preparation, raw.columns)
        samples = applied(preparation, given.array if own is None else Rows(given.array, own), given.columns)
        in_memory = _in_memory(given.array) and samples.nbytes <= IN_MEMORY
        made |= {f"x{part}": np.asarray(samples) if in_memory else samples, f"y{part}": _targets(y, own)}
        made[f"weights{part}"] = _targets(weights, own)
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


def _targets(y: Any, rows: Array | None) -> Any:
    if y is None or rows is None:
        return y
    if isinstance(y, Named):
        return Named({name: _targets(own, rows) for name, own in y.arrays.items()})
    part = Rows(y, rows)
    return np.asarray(part) if isinstance(y, np.ndarray) or part.nbytes <= IN_MEMORY else part


def _in_memory(array: Any) -> bool:
    """Return whether an array lies in memory, and is no view of a mapped file."""
    while isinstance(array, np.ndarray) and not isinstance(array, np.memmap):
        array = array.base
    return not isinstance(array, np.memmap | Rows | mmap.mmap)


def check_preparation(*, scale: Any = None, shape: Any = None, **split: Any) -> None:
    """Refuse what `prepare` could not do with any data, before they are read. Raises:   SettingError."""
    if scale is not None:
        real("scale", scale)
    if shape is not None:
        sample_shape("shape", shape)
    Split(**split)

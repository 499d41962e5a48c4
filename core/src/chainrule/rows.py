"""Rows of an array that may be larger than memory, read when they are used."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from .admission import as_array, has_rows
from .arrays import Array, Shape
from .errors import ChainruleError, DataError


class Rows(NDArrayOperatorsMixin):
    """Chosen rows of an array, scaled and shaped when they are read: the array itself is neither copied nor read whole.

    `rows` are their numbers, or None for all of them. Integers and half-precision numbers that are scaled become
    float32. `apply` makes other rows, of `shape`, of those that are read. It is indexed and calculated with
    as the array that it stands for. Indexing reads the rows that the first index chooses; operators, NumPy's functions
    and methods such as `mean` read them all.

    Shapes:   (N, *shape).
    Raises:   DataError for rows that are masked, and for what the library raises.
    """

    def __init__(
        self,
        array: Any,
        rows: Array | None = None,
        scale: float | None = None,
        shape: Shape | None = None,
        apply: Callable[[Array], Array] | None = None,
    ) -> None:
        self._array = array
        self._rows = rows
        self._scale = scale
        self._apply = apply
        with _library(array):
            self._shape = tuple(array.shape[1:]) if shape is None else shape

    @property
    def shape(self) -> Shape:
        """(N, *shape)."""
        return (len(self), *self._shape)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return 1 + len(self._shape)

    @property
    def size(self) -> int:
        """The number of entries."""
        return math.prod(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of what is read."""
        if self._apply is not None:
            return self._read(slice(0, 1)).dtype
        with _library(self._array):
            known = getattr(self._array, "dtype", None)
        dtype = known if isinstance(known, np.dtype) else read(self._array, slice(0, 1)).dtype
        return dtype if self._scale is None else _scaled(dtype)

    @property
    def source(self) -> tuple[Any, Array | None]:
        """The array that is read, and which of its rows, None for all."""
        return self._array, self._rows

    @property
    def nbytes(self) -> int:
        """The bytes of all rows."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return _size(self._array) if self._rows is None else len(self._rows)

    def __repr__(self) -> str:
        return f"Rows(shape={self.shape}, dtype={self.dtype})"

    def __iter__(self) -> Iterator[Any]:
        return (self[row] for row in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        first, *rest = self._first_axis(index)
        if isinstance(first, slice):
            batch = self._read(first)
            return batch[(slice(None), *rest)] if rest else batch
        if first is None:  # an index of all axes at once
            return self._read(slice(None))[index]
        if isinstance(first, int):
            return self._read(np.array([first]))[(0, *rest)]
        batch = self._read(first.reshape(-1))
        return batch[(np.arange(first.size).reshape(first.shape), *rest)] if rest or first.ndim > 1 else batch

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        if copy is False:
            raise ValueError("rows that are read when they are used cannot be had without a copy")
        whole = self._read(slice(None))
        return np.array(whole, dtype) if copy else np.asarray(whole, dtype)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **settings: Any) -> Any:
        if any(isinstance(out, Rows) for out in settings.get("out", ())):
            return NotImplemented  # they cannot be written into
        arrays = [np.asarray(given) if isinstance(given, Rows) else given for given in inputs]
        return getattr(ufunc, method)(*arrays, **settings)

    def __getattr__(self, name: str) -> Any:
        """Return a method or an attribute of the array that the rows are, such as `mean`, `astype` and `T`."""
        if name.startswith("_") or not hasattr(np.ndarray, name):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        whole = np.asarray(self).view()
        whole.flags.writeable = False  # what `sort` did to a copy would be lost without a word
        return getattr(whole, name)

    def _first_axis(self, index: Any) -> tuple[Any, ...]:
        """Return the index of the first axis, a slice, an int or an array of ints, and those of the further axes.

        None in its place stands for an index that does not tell them apart.
        """
        first, *rest = index if isinstance(index, tuple) and index else [index]
        if isinstance(first, slice):
            return first, *rest
        if first is Ellipsis:
            plain = all(isinstance(part, slice | int | np.integer) for part in rest)
            return (slice(None), first, *rest) if plain and len(rest) < self.ndim else (None,)
        if first is None or isinstance(first, bool | np.bool_ | tuple):
            return (None,)
        numbers = np.asarray(first)
        if numbers.dtype.kind == "b":
            if numbers.shape != self.shape[: numbers.ndim]:
                raise IndexError(f"a mask of shape {numbers.shape} does not fit rows of shape {self.shape}")
            return *numbers.nonzero(), *rest
        if numbers.size == 0 and isinstance(first, list):
            numbers = numbers.astype(np.intp)
        return (operator.index(numbers.item()) if numbers.ndim == 0 else numbers, *rest)

    def _read(self, rows: slice | Array) -> Array:
        batch = read(self._array, rows if self._rows is None else self._rows[rows])
        if self._apply is not None:
            batch = self._apply(batch)
        batch = batch.reshape(len(batch), *self._shape)
        if self._scale is None:
            return batch
        return np.asarray(batch.astype(_scaled(batch.dtype), copy=False) * self._scale)


def _scaled(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return dtype if dtype in (np.float32, np.float64) else np.dtype(np.float32)


def read(array: Any, rows: slice | Array) -> Array:
    """Read rows of any array; of a foreign one in the order in which they lie, each once.

    h5py takes no others, and zarr would read a block again and again.

    Raises:   DataError for masked entries, and for what the library raises; IndexError.
    """
    if isinstance(array, np.ndarray | Rows):
        return as_array("data", array[rows])
    size = _size(array)
    if isinstance(rows, slice):
        start, stop, step = rows.indices(size)
        if step > 0:
            return _ask(array, slice(start, max(start, stop), step))
        rows = np.arange(start, stop, step)
    if rows.size == 0:
        return _ask(array, slice(0, 0))
    outside = (rows < -size) | (rows >= size)
    if outside.any():
        raise IndexError(f"row {rows[outside][0]} is out of bounds for {size} rows")
    found, back = np.unique(rows % size, return_inverse=True)
    batch = _ask(array, found)
    return batch if len(back) == len(found) and (np.diff(back) > 0).all() else batch[back]


def _ask(array: Any, rows: slice | Array) -> Array:
    with _library(array):
        batch = array[rows]
    return as_array("data", batch)


def _size(array: Any) -> int:
    with _library(array):
        return int(array.shape[0])


@contextmanager
def _library(array: Any, what: str = "rows of") -> Iterator[None]:
    """Tell what a foreign array raises, asked for its rows or only its shape, as an error of the data."""
    try:
        yield
    except (MemoryError, ChainruleError):
        raise
    except Exception as error:  # of whatever library it comes from
        hint = "np.asarray(x) makes an array of it, where it fits in memory; a file has to stay open"
        raise DataError(f"{what} a {type(array).__name__}: {error}", hint=hint) from error


class Named:
    """Arrays of the same samples by name: x or targets of a network that has several.

    `named["age"]` is an array, `named[rows]` the rows of each; `len` counts samples.
    Raises:   DataError for arrays of different lengths.
    """

    def __init__(self, arrays: Mapping[str, Any], what: str = "data") -> None:
        self.arrays = dict(arrays)
        lengths = {name: len(array) for name, array in arrays.items()}
        if len({*lengths.values()}) != 1:
            raise DataError(what, expected="arrays of the same samples by name", got=lengths)

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, str):
            return self.arrays[index]
        return Named({name: array[index] for name, array in self.arrays.items()})

    def __array__(self, *_: Any, **__: Any) -> Array:
        raise DataError("arrays by name", expected="one array", got=", ".join(self.arrays), hint="give one of them")

    @property
    def shape(self) -> tuple[Any, ...]:
        """The number of samples, and the shape of one of each array by name."""
        return len(self), {name: tuple(array.shape[1:]) for name, array in self.arrays.items()}


def labelled(what: str, given: Any) -> list[tuple[str, Any]]:
    """Return each array with what a message calls it: of several, that has their names."""
    if not isinstance(given, Named):
        return [(what, given)]
    return [(f"{what} {name!r}", array) for name, array in given.arrays.items()]


class Column(NamedTuple):
    """A column of a table: its name, and the words that its numbers are codes of, None where they are numbers."""

    name: str
    words: tuple[str, ...] | None = None


class Raw:
    """Rows as a reader gives them, of which a preparation is to make samples: `chainrule.data.prepare` lets it.

    `array` is read by rows, (N, *shape), NaN where a value is missing; `columns` say what the numbers of a table are.
    Nothing else reads them: what is not prepared would train badly without a word.
    """

    def __init__(self, array: Any, preparation: Any, columns: tuple[Column, ...] = ()) -> None:
        self.array = array
        self.preparation = preparation
        self.columns = columns

    @property
    def shape(self) -> Shape:
        """(N, *shape)."""
        return tuple(self.array.shape)

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, _: Any) -> Any:
        hint = "chainrule.dataset(…) prepares what it reads, and chainrule.data.prepare(data) what is read"
        raise DataError("x", expected="samples", got="rows that are not prepared yet", hint=hint)

    def __array__(self, *_: Any, **__: Any) -> Array:
        return np.asarray(self[:])


def by_name(given: Any) -> dict[str, Any]:
    """Return arrays by name; of one array, it is x."""
    return given.arrays if isinstance(given, Named) else {"x": given}


def rows_of(what: str, given: Any) -> Any:
    """Return what is read by its rows as `Rows`, a memory-mapped array as it is, and anything else as an array.

    Arrays by name are `Named`. Raises:   DataError for what is no array, for arrays of different lengths, for entries
    that are masked, and for what the library raises.
    """
    if type(given) is np.ndarray or isinstance(given, np.memmap | Rows | Named | Raw):
        return given
    if isinstance(given, Mapping) and given:
        return Named({name: indexable(array, f"{what}: {name}") for name, array in given.items()}, what)
    with _library(given, f"{what},"):
        foreign = has_rows(given) and len(given.shape)
    return Rows(given) if foreign else as_array(what, given)


def indexable(given: Any, what: str = "data") -> Any:
    """Return the rows of a set. Raises:   DataError as `rows_of`, and for a single number."""
    rows = rows_of(what, given)
    if len(rows.shape) == 0:
        raise DataError(what, expected="rows of samples", got="a single number")
    return rows


def check_lengths(x: Any, targets: Any, what: str) -> None:
    """Refuse a set without samples, or with another number of targets. Raises:   DataError."""
    if len(x) == 0:
        raise DataError(what, expected="at least one sample", got="none")
    if targets is not None and len(targets) != len(x):
        raise DataError(what, expected=f"{len(x)} targets, one for each sample", got=len(targets))

"""What enters as an array: turned into one of NumPy's, or refused with what would make it one."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

import numpy as np

from .arrays import Array
from .errors import ChainruleError, DataError
from .frames import is_frame, plain_numbers

CHUNK = 1 << 22
"""Bytes that are read at a time, so that a memory-mapped file stays on disk."""
SHOWN = 40
"""Characters of a wrong entry that a message shows."""


def as_array(what: str, given: Any, kind: type[ChainruleError] = DataError) -> Array:
    """Return what was given as a plain array; NumPy's own are not copied, and what lies in a file is read.

    `what` is what a message begins with. Raises:   an error of `kind` for what is no array (None, a generator, a
    dictionary, a sparse matrix), a ragged list, masked entries, whose values mean nothing, and a data frame of words,
    of missing values, or of two columns of one name.
    """
    if type(given) is np.ndarray:
        return given
    if not is_frame(given) and _has_keys(given):
        raise kind(what, expected="an array of numbers", got=f"a {type(given).__name__}", hint=_way_to_an_array(given))
    try:
        if has_rows(given):
            given = given[:] if len(given.shape) else given[()]
        _refuse_masked(what, given, kind)
        array = plain_numbers(what, given, kind) if is_frame(given) else np.asarray(given)
    except (MemoryError, ChainruleError):
        raise
    except Exception as error:  # of whatever library it comes from
        ragged = isinstance(error, ValueError) and isinstance(given, list | tuple)
        hint = "give every row the same length" if ragged else _way_to_an_array(given) or "make it NumPy's first"
        raise kind(f"{what}: {error}", hint=hint) from error
    if array.ndim == 0 and array.dtype.kind in "OUS":
        got = "None" if given is None else f"a {type(given).__name__}"
        raise kind(what, expected="an array of numbers", got=got, hint=_way_to_an_array(given))
    return array


def has_rows(given: Any) -> bool:
    """Return whether something foreign is read by its rows, as arrays of h5py and zarr are, and may lie on disk.

    What is in memory is not: it is an array for the asking.
    """
    if isinstance(given, np.ndarray | np.generic | memoryview) or not _has_shape(given):
        return False
    in_memory = ("__array_interface__", "__dlpack__", "numpy", "iloc", "columns", "toarray", "todense", "to_list")
    return hasattr(given, "__getitem__") and not any(hasattr(given, name) for name in in_memory)


def real_array(what: str, given: Any, kind: type[ChainruleError] = DataError) -> Array:
    """Return an array of real numbers. Raises:   as `as_array`; for another dtype, with what would make it real."""
    array = as_array(what, given, kind)
    if array.dtype.kind not in "fiub":
        got, hint = _unreal(array)
        raise kind(what, expected="real numbers", got=got, hint=hint)
    return array


def check_finite(name: str, array: Any, first: int = 0) -> None:
    """Refuse NaN and infinity, reading a part at a time.

    Raises:   DataError with row, counted from `first`, and column.
    """
    if array.dtype.kind != "f" or array.size == 0:
        return
    step = max(1, CHUNK // max(1, array[:1].nbytes))
    for start in range(0, len(array), step):
        rows = array[start : start + step]
        finite = np.isfinite(rows)
        if not finite.all():
            row, *column = first_place(~finite)
            value = rows[(row, *column)]
            place = f"row {first + start + row}" + (f", column {', '.join(map(str, column))}" if column else "")
            raise DataError(f"{name}, {place}", expected="a finite number", got=value, hint="mend or drop the row")


def first_place(wrong: Array) -> tuple[int, ...]:
    """Return the index of the first entry that is true."""
    return tuple(int(i) for i in np.argwhere(wrong)[0])


def _refuse_masked(what: str, given: Any, kind: type[ChainruleError]) -> None:
    """Refuse masked arrays, and lists that have some: NumPy drops their masks without a word."""
    module = sys.modules.get("numpy.ma")  # loaded by whoever made one
    at = None if module is None else _first_masked(given, module.MaskedArray)
    if at is not None:
        place = f"a masked one at {at[0] if len(at) == 1 else at}"
        hint = "drop the rows that have any, or say what they hold: x.filled(0)"
        raise kind(what, expected="a value in every place", got=place, hint=hint)


def _first_masked(given: Any, masked_array: type[Any]) -> tuple[int, ...] | None:
    if isinstance(given, masked_array):
        mask = np.ma.getmaskarray(given)
        return first_place(mask) if mask.dtype.kind == "b" and mask.any() else None
    if isinstance(given, list | tuple):
        for i, entry in enumerate(given):
            if isinstance(entry, list | tuple | masked_array):
                at = _first_masked(entry, masked_array)
                if at is not None:
                    return (i, *at)
    return None


def _has_keys(given: Any) -> bool:
    """Return whether something holds arrays by name, as dictionaries and the files of npz and h5py do."""
    return isinstance(given, Mapping) or (hasattr(given, "keys") and not _has_shape(given))


def _has_shape(given: Any) -> bool:
    """Return whether something has a shape, even one that it cannot tell: a closed file raises where it is asked."""
    return hasattr(type(given), "shape") or hasattr(given, "shape")


def _way_to_an_array(given: Any) -> str | None:
    """Return what makes an array of something that is none."""
    if hasattr(given, "toarray") or hasattr(given, "todense"):
        return "x.toarray() makes a dense array" if hasattr(given, "toarray") else "x.todense() makes a dense array"
    if hasattr(given, "detach"):
        return "x.detach().numpy() makes an array" if getattr(given, "requires_grad", False) else None
    if _has_keys(given):
        first = next(iter(given), "x")
        return f"choose one of its arrays, such as x[{first!r}], or join columns: np.stack(list(x.values()), axis=1)"
    if isinstance(given, str | bytes):
        return "the name of a file is no data: read it first"
    if isinstance(given, Iterable) and not _has_shape(given) and not isinstance(given, list | tuple):
        return "list(x) makes a list, and np.stack(list(x)) an array"
    return None


def _unreal(array: Array) -> tuple[str, str | None]:
    """Return what an array of another kind than real numbers holds, and what would make real numbers of it."""
    if array.dtype.kind == "O":
        for at, entry in np.ndenumerate(array):
            if not isinstance(entry, Real):
                shown = repr(entry) if len(repr(entry)) <= SHOWN else f"{repr(entry)[:SHOWN]}…"
                got = f"object, with {shown} at {at[0] if len(at) == 1 else at}"
                return got, "every entry has to be a number: mend it, or drop its row"
        return "object", "x.astype(float)"
    hints = {
        "U": "for numbers that are written as text, x.astype(float)",
        "S": "for numbers that are written as text, x.astype(float)",
        "c": "take x.real, x.imag or abs(x)",
        "M": "(x - x.min()) / np.timedelta64(1, 'D') counts days",
        "m": "x / np.timedelta64(1, 'D') counts days",
        "V": "x.astype(float)"
        if array.dtype.names is None
        else "np.stack([x[name] for name in x.dtype.names], axis=-1) makes columns of fields",
    }
    return f"{array.dtype}", hints.get(array.dtype.kind)

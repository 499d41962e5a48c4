"""States as trees: an optimizer's state, and what hooks keep, taken apart into JSON and arrays, and put together.

A tree is made of dictionaries with strings for keys, lists, tuples, None, bool, int, float, str and arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule import Array, CheckpointError

from .tensors import DTYPES

LEVELS = 100
"""How deep a tree may be: whatever is written can be read, however deep the reader itself is called."""
_PLAIN = (bool, int, float, str)


def pack(tree: Any, where: str, arrays: dict[str, Array], depth: int = 0) -> Any:
    """Return what JSON can hold, and add the arrays to `arrays`, under names that begin with `where`.

    Raises:   CheckpointError for anything else, with its place in the tree.
    """
    if depth > LEVELS:
        raise _refused(where, f"at most {LEVELS} levels", "more")
    if tree is None or type(tree) in _PLAIN:
        return tree
    if (type(tree) is np.ndarray or isinstance(tree, np.generic)) and tree.dtype in DTYPES:
        return _pack_array(tree, where, arrays)
    if type(tree) is dict and all(isinstance(key, str) for key in tree):
        return {"dict": {key: pack(value, f"{where}.{key}", arrays, depth + 1) for key, value in tree.items()}}
    if type(tree) in (list, tuple):
        entries = [pack(value, f"{where}[{i}]", arrays, depth + 1) for i, value in enumerate(tree)]
        return {type(tree).__name__: entries}
    got = type(tree).__name__
    if isinstance(tree, np.ndarray):
        got += f" of {tree.dtype}"
    elif isinstance(tree, dict):
        got += " with a key that is no string"
    raise _refused(where, "None, numbers, strings and arrays, in dictionaries, lists and tuples", got)


def _pack_array(array: Any, where: str, arrays: dict[str, Array]) -> dict[str, str]:
    name = where.encode(errors="backslashreplace").decode()
    while name in arrays:  # {"a.b": …} and {"a": {"b": …}}
        name += "'"
    if isinstance(array, np.generic):
        arrays[name] = np.asarray(array)
        return {"scalar": name}
    # A product with a matrix rounds otherwise when the matrix lies otherwise in memory.
    by_columns = array.flags.f_contiguous and not array.flags.c_contiguous
    arrays[name] = array.T if by_columns else array
    return {"by columns" if by_columns else "array": name}


def _refused(where: str, expected: str, got: str) -> CheckpointError:
    return CheckpointError(
        f"{where} cannot be written to a checkpoint", expected=expected, got=got, hint="keep no other"
    )


def unpack(packed: Any, arrays: Mapping[str, Array], depth: int = 0) -> Any:
    """Return the tree. Raises:   KeyError, TypeError, ValueError, AttributeError for what `pack` did not make."""
    if depth > LEVELS:
        raise ValueError(f"a tree of more than {LEVELS} levels")
    if packed is None or type(packed) in _PLAIN:
        return packed
    ((kind, value),) = packed.items()
    if kind == "array":
        return arrays[value]
    if kind == "by columns":
        return arrays[value].T
    if kind == "scalar":
        return arrays[value][()]
    if kind == "dict":
        return {key: unpack(entry, arrays, depth + 1) for key, entry in value.items()}
    return {"list": list, "tuple": tuple}[kind]([unpack(entry, arrays, depth + 1) for entry in value])

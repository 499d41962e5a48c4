"""States as trees: an optimizer's state, and what hooks keep, taken apart into JSON and arrays, and put together.

A tree is made of dictionaries with strings for keys, lists, tuples, None, bool, int, float, str and arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule import Array, CheckpointError

from .tensors import DTYPES

_PLAIN = (bool, int, float, str)


def pack(tree: Any, where: str, arrays: dict[str, Array]) -> Any:
    """Return what JSON can hold, and add the arrays to `arrays`, under names that begin with `where`.

    Raises:   CheckpointError for anything else, with its place in the tree.
    """
    if tree is None or type(tree) in _PLAIN:
        return tree
    if isinstance(tree, np.ndarray | np.generic) and tree.dtype in DTYPES:
        arrays[where] = np.asarray(tree)
        return {"scalar" if isinstance(tree, np.generic) else "array": where}
    if type(tree) is dict and all(isinstance(key, str) for key in tree):
        return {"dict": {key: pack(value, f"{where}.{key}", arrays) for key, value in tree.items()}}
    if type(tree) in (list, tuple):
        return {type(tree).__name__: [pack(value, f"{where}[{i}]", arrays) for i, value in enumerate(tree)]}
    expected = "None, numbers, strings and arrays, in dictionaries, lists and tuples"
    raise CheckpointError(
        f"{where} cannot be written to a checkpoint", expected=expected, got=type(tree).__name__, hint="keep no other"
    )


def unpack(packed: Any, arrays: Mapping[str, Array]) -> Any:
    """Return the tree. Raises:   KeyError, TypeError, ValueError, RecursionError for what `pack` did not make."""
    if packed is None or type(packed) in _PLAIN:
        return packed
    ((kind, value),) = packed.items()
    if kind == "array":
        return arrays[value]
    if kind == "scalar":
        return arrays[value][()]
    if kind == "dict":
        return {key: unpack(entry, arrays) for key, entry in value.items()}
    return {"list": list, "tuple": tuple}[kind](unpack(entry, arrays) for entry in value)

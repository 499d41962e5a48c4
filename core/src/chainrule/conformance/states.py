"""What a checkpoint can hold of an optimizer's state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..arrays import Array
from .outcomes import Failure

PLAIN = (type(None), bool, int, float, str)
DEEPEST = 50


def leaves(state: Any, path: str = "state", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield the path and the value of everything in a state that holds nothing else.

    Raises:   Failure for what a checkpoint cannot hold.
    """
    if depth > DEEPEST:
        raise Failure(f"{path[:40]}… goes on without an end: it holds itself")
    if type(state) is dict:
        for name, value in state.items():
            if type(name) is not str:
                raise Failure(f"{path} has the key {name!r}; a checkpoint writes names, that is, strings")
            yield from leaves(value, f"{path}[{name!r}]", depth + 1)
    elif type(state) in (list, tuple):
        for i, value in enumerate(state):
            yield from leaves(value, f"{path}[{i}]", depth + 1)
    elif type(state) in PLAIN or (_is_numpys(state) and state.dtype.kind in "biuf" and state.dtype.itemsize <= 8):
        yield path, state
    else:
        came = f"an array of {state.dtype}" if _is_numpys(state) else type(state).__name__
        raise Failure(
            f"{path} is {came}; a checkpoint holds dict, list, tuple, None, bool, int, float, str, and NumPy arrays of "
            "bool, whole and real numbers"
        )


def _is_numpys(value: Any) -> bool:
    return type(value) is np.ndarray or isinstance(value, np.generic)


def arrays_in(state: Any) -> list[tuple[str, Array]]:
    """Return the arrays of a state by their paths. Raises:   Failure as `leaves`."""
    return [(path, value) for path, value in leaves(state) if isinstance(value, np.ndarray)]


def written_and_read(state: Any) -> Any:
    """Return a state as a checkpoint gives it back: new containers, and new arrays made from bytes."""
    if isinstance(state, dict):
        return {name: written_and_read(value) for name, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)([written_and_read(value) for value in state])
    if isinstance(state, np.ndarray):
        return np.frombuffer(state.tobytes(), state.dtype).reshape(state.shape).copy()
    return state

"""The shape of a sequence."""

from __future__ import annotations

from chainrule import Layer, Shape, ShapeError


def check_sequence(layer: Layer, input_shape: Shape) -> tuple[int, int]:
    """Return (T, n), and refuse a sample that is no sequence of vectors. Raises:   ShapeError."""
    if len(input_shape) != 2 or min(input_shape) < 1:
        raise ShapeError(
            f"{type(layer).__name__} input",
            expected=("T", "n"),
            got=input_shape,
            hint="a sample is a sequence of at least one vector; embedding makes one of indices",
        )
    T, n = input_shape
    return T, n

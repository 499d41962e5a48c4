"""Other input shapes that a layer takes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ..arrays import Shape
from ..errors import ShapeError
from ..functions.layers import Layer


def neighbours(layer: Layer, shape: Shape) -> Iterator[Shape]:
    """Yield a few shapes near one, of the same rank and no axis like another, that the layer does not refuse."""
    steps = [tuple(1 if i == axis else 0 for i in range(len(shape))) for axis in range(len(shape))]
    steps.append(tuple(range(2, 2 + len(shape))))
    for step in steps:
        near = tuple(axis + more for axis, more in zip(shape, step, strict=True))
        if near != shape and takes(layer, near):
            yield near


def others(layer: Layer, shape: Shape) -> Iterator[Shape]:
    """Yield shapes near one, smaller ones, one alone an axis, and longer ones, that the layer does not refuse."""
    yield from neighbours(layer, shape)
    found = [tuple(max(1, n - 1) for n in shape)]
    found += [tuple(1 if i == axis else n for i, n in enumerate(shape)) for axis in range(len(shape))]
    if shape:
        found.append((4 * shape[0] + 3, *shape[1:]))
    found.append(scaled_up(layer, shape, 700))  # beyond 255 and the sides of a block
    for other in dict.fromkeys(found):
        if other != shape and takes(layer, other):
            yield other


def others_of_several(layer: Layer, shapes: Sequence[Shape]) -> Iterator[tuple[Shape, ...]]:
    """Yield other shapes of several inputs that the layer does not refuse: axes of one length change as one, or alone.

    So the time of a query changes alone, that of keys and values together.
    """
    places = [(i, axis) for i, shape in enumerate(shapes) for axis in range(len(shape))]
    lengths = dict.fromkeys(shapes[i][axis] for i, axis in places)
    groups = [[at for at in places if shapes[at[0]][at[1]] == n] for n in lengths] + [[at] for at in places]
    groups += [[at, next_to] for at in places for next_to in places if at < next_to]
    found = []
    for group in groups:
        for change in (1, -1, None, 3):
            other = [list(shape) for shape in shapes]
            for i, axis in group:
                other[i][axis] = 1 if change is None else max(1, other[i][axis] + change)
            found.append(tuple(map(tuple, other)))
    for made in dict.fromkeys(found):
        if made != tuple(shapes) and takes(layer, *made):
            yield made


def takes(layer: Layer, *shapes: Shape) -> bool:
    """Return whether a layer declares an output shape; errors of another kind than ours are told by errors.shape."""
    try:
        layer.output_shape(*shapes)
        layer.parameter_shapes(*shapes)
    except Exception:
        return False
    return True


def refusal(layer: Layer, *shapes: Shape) -> ShapeError | None:
    """Return the ShapeError with which a layer refuses a shape; None where it takes it."""
    try:
        layer.output_shape(*shapes)
    except ShapeError as error:
        return error
    return None


def scaled_up(layer: Layer, shape: Shape, size: int) -> Shape:
    """Return a shape of about `size` numbers that the layer takes, longer along one axis; else the shape itself."""
    return next(each_scaled_up(layer, shape, size), shape)


def each_scaled_up(layer: Layer, shape: Shape, size: int) -> Iterator[Shape]:
    """Yield the shapes of about `size` numbers that the layer takes, each longer along another axis."""
    factor = max(1, size // max(1, math.prod(shape)))
    for axis in range(len(shape)):
        longer = tuple(n * factor if i == axis else n for i, n in enumerate(shape))
        if takes(layer, longer):
            yield longer

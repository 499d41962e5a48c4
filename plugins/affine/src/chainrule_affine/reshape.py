"""The numbers of a sample in another shape."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from chainrule import Array, Jacobian, Layer, Reshape as ReshapeMap, SettingError, Shape, ShapeError
from chainrule.settings import plain_number


@dataclass(frozen=True)
class Reshape(Layer):
    """The numbers of each sample in another shape, row-major: the last axis runs fastest. It costs what flatten does.

    Formula:  vec(y) = vec(x)
    Shapes:   x (B, …), any shape of as many numbers; y (B, *shape).
    Settings: shape: positive ints, without B; one may be -1, and is what the others leave. n means (n,).
    Jacobian: the identity, in other shapes.
    Raises:   SettingError; ShapeError when x has not as many numbers as the shape, or no multiple of its known axes.
    Source:   course, section 4 (vec), and its inverse.
    """

    shape: Any

    def __post_init__(self) -> None:
        shape = tuple(self.shape) if isinstance(self.shape, tuple | list) else (self.shape,)
        if any(type(axis) is not int or axis < -1 or axis == 0 for axis in shape) or shape.count(-1) > 1:
            expected = "a shape of positive ints, without the batch axis, one of which may be -1"
            raise SettingError("shape", expected=expected, got=self.shape, hint=plain_number(self.shape))
        object.__setattr__(self, "shape", shape)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return `shape`, its -1 found out."""
        size, known = math.prod(input_shape), math.prod(axis for axis in self.shape if axis != -1)
        free = size // known if -1 in self.shape else 1
        if free < 1 or free * known != size:
            many = "a multiple of " if -1 in self.shape else ""
            expected = f"{many}{known} numbers, for {self.shape}"
            raise ShapeError("Reshape input", expected=expected, got=input_shape)
        return tuple(free if axis == -1 else axis for axis in self.shape)

    def forward(self, x: Array) -> Array:
        """Return x as (B, *shape)."""
        return x.reshape(len(x), *self.output_shape(x.shape[1:]))

    def jacobian(self, x: Array, y: Array) -> Jacobian:
        """Return the way back."""
        return Jacobian(ReshapeMap(x.shape[1:], y.shape[1:]))

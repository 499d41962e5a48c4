"""The course's vec: a sample of any shape as one vector."""

from __future__ import annotations

import math
from dataclasses import dataclass

from chainrule import Array, Jacobian, Layer, Reshape, Shape


@dataclass(frozen=True)
class Flatten(Layer):
    """The numbers of each sample in one row, the last axis running fastest. It costs nothing: y shares memory with x.

    Formula:  y = vec(x), row-major
    Shapes:   x (B, …), any shape; y (B, n), n the product of the axes.
    Jacobian: the identity, in other shapes.
    Source:   course, section 4 (vec, whose order it leaves open).
    """

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (n,)."""
        return (math.prod(input_shape),)

    def forward(self, x: Array) -> Array:
        """Return vec(x)."""
        return x.reshape(len(x), math.prod(x.shape[1:]))

    def jacobian(self, x: Array, y: Array) -> Jacobian:
        """Return the way back."""
        return Jacobian(Reshape(x.shape[1:], y.shape[1:]))

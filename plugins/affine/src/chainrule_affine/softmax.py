"""The softmax, whose Jacobian is full."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Array, Jacobian, Layer, Shape, ShapeError


@dataclass(frozen=True)
class Softmax(Layer):
    """A probability distribution along the last axis. For training, cross_entropy on the scores is better behaved.

    Formula:  y[k] = e^x[k] / Σ_j e^x[j]
    Shapes:   x and y (B, …, m).
    Jacobian: ∂y[k]/∂x[v] = y[k] (δ_kv - y[v])
    Raises:   ShapeError when a sample has no axis.
    Source:   course, section 6 (p).
    """

    output_range = (0.0, 1.0)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of x."""
        if not input_shape:
            raise ShapeError("softmax input", expected=("…", "m"), got=input_shape)
        return input_shape

    def forward(self, x: Array) -> Array:
        """Return e^(x - max x) / Σ e^(x - max x): the shift cancels, and nothing overflows."""
        y: Array = np.exp(x - x.max(axis=-1, keepdims=True))
        y /= y.sum(axis=-1, keepdims=True)
        return y

    def jacobian(self, x: Array, y: Array) -> Jacobian:
        """Return diag(y) - y yᵀ."""
        return Jacobian(DiagonalMinusOuter(y))


@dataclass(slots=True, eq=False)
class DiagonalMinusOuter:
    """The symmetric map diag(p) - p pᵀ of each sample, without its m² entries.

    Shapes:   p (B, …, m), as δ and v.
    """

    p: Array

    def vjp(self, delta: Array) -> Array:
        """Return p * (δ - δ·p)."""
        return np.asarray(self.p * (delta - (delta * self.p).sum(axis=-1, keepdims=True)))

    jvp = vjp

"""The last vector of a sequence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Array, Jacobian, Layer, Shape

from .shapes import check_sequence


@dataclass(frozen=True)
class Last(Layer):
    """The vector at the end of each sequence; it costs nothing, as y shares memory with x.

    Formula:  y[k] = x[T - 1, k]
    Shapes:   x (B, T, n); y (B, n).
    Jacobian: ∂y[k]/∂x[t, j] = δ_kj 1[t = T - 1]
    Raises:   ShapeError when a sample is no sequence of vectors.
    Source:   course, section 2 (a selection of entries).
    """

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (n,)."""
        _, n = check_sequence(self, input_shape)
        return (n,)

    def forward(self, x: Array) -> Array:
        """Return the last vectors."""
        return x[:, -1]

    def jacobian(self, x: Array, y: Array) -> Jacobian:
        """Return the way back to the end."""
        return Jacobian(AtEnd(x.shape[1]))


@dataclass(slots=True, eq=False)
class AtEnd:
    """The map from a sequence of `length` vectors to the last of them. Shapes:   v (B, T, n); δ (B, n)."""

    length: int

    def vjp(self, delta: Array) -> Array:
        """Return zeros, with δ at the end."""
        dx = np.zeros((len(delta), self.length, *delta.shape[1:]), delta.dtype)
        dx[:, -1] = delta
        return dx

    def jvp(self, tangent: Array) -> Array:
        """Return v at the end."""
        return tangent[:, -1]

"""The logistic function."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Array, Elementwise


@dataclass(frozen=True)
class Sigmoid(Elementwise):
    """The logistic function φ of each number.

    Formula:  y = φ(x) = 1 / (1 + e^-x)
    Shapes:   x and y (B, …), any shape.
    Jacobian: dy/dx = y (1 - y)
    Source:   course, section 2 (φ).
    """

    output_range = (0.0, 1.0)

    def forward(self, x: Array) -> Array:
        """Return φ(x)."""
        return logistic(x)

    def derivative(self, x: Array, y: Array) -> Array:
        """Return y (1 - y)."""
        return np.asarray(y * (1 - y))


def logistic(x: Array) -> Array:
    """Return φ(x), by exponentials that cannot overflow."""
    return np.asarray(np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x))))

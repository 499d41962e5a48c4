"""The hyperbolic tangent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Array, Elementwise


@dataclass(frozen=True)
class Tanh(Elementwise):
    """The hyperbolic tangent of each number.

    Formula:  y = (e^x - e^-x) / (e^x + e^-x)
    Shapes:   x and y (B, …), any shape.
    Jacobian: dy/dx = 1 - y²
    Source:   course, section 4; by np.tanh, since the literal formula is NaN at x = 1000 (erratum E20).
    """

    output_range = (-1.0, 1.0)

    def forward(self, x: Array) -> Array:
        """Return tanh(x)."""
        return np.tanh(x)

    def derivative(self, x: Array, y: Array) -> Array:
        """Return 1 - y²."""
        return np.asarray(1 - y * y)

"""The rectified linear unit, y = x₊."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Array, Elementwise

from .positive import positive_part


@dataclass(frozen=True)
class ReLU(Elementwise):
    """Each number cut off at 0.

    Formula:  y[k] = max(0, x[k])
    Shapes:   x and y (B, …), any shape.
    Jacobian: ∂y[k]/∂x[v] = δ_kv 1[x[v] > 0]; at the kink, x = 0, it is 0.
    Source:   course, section 4.
    """

    def forward(self, x: Array) -> Array:
        """Return max(0, x)."""
        return positive_part(x)

    def derivative(self, x: Array, y: Array) -> Array:
        """Return 1[x > 0]."""
        return np.asarray(x > 0)

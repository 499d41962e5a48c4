"""The sigmoid linear unit, also called swish."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Array

from .gated import Gated
from .sigmoid import logistic


@dataclass(frozen=True)
class SiLU(Gated):
    """Each number times its logistic function φ.

    Formula:  y = x φ(x), φ(x) = 1 / (1 + e^-x)
    Shapes:   x and y (B, …), any shape.
    Jacobian: dy/dx = φ(x) + x φ(x) (1 - φ(x))
    Source:   Hendrycks and Gimpel (2016), Gaussian error linear units (GELUs), section 2; Ramachandran, Zoph and Le
              (2017), Searching for activation functions, where it is called swish.
    """

    def gate(self, x: Array) -> Array:
        """Return φ(x)."""
        return logistic(x)

    def pull(self, x: Array, gate: Array) -> Array:
        """Return x φ(x) (1 - φ(x))."""
        return np.asarray(x * (gate * (1 - gate)))

"""The Gaussian error linear unit."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chainrule import Array, one_of

from .gated import Gated
from .normal import FAR, normal_cdf
from .sigmoid import logistic

APPROXIMATIONS = ("none", "tanh")
SLOPE = 2 * math.sqrt(2 / math.pi)
CUBE = 0.044715


@dataclass(frozen=True)
class GELU(Gated):
    """Each number times the chance that a standard normal one lies below it.

    Formula:  y = x Φ(x), Φ(x) = (1 + erf(x / √2)) / 2;
              with approximate="tanh", y = x (1 + tanh(u / 2)) / 2 = x φ(u), u = 2 sqrt(2/π) (x + 0.044715 x³)
    Shapes:   x and y (B, …), any shape.
    Jacobian: dy/dx = Φ(x) + x e^(-x²/2) / sqrt(2π); φ(u) + x u' φ(u) (1 - φ(u)), φ the logistic function
    Raises:   SettingError unless `approximate` is "none" or "tanh".
    Source:   Hendrycks and Gimpel (2016), Gaussian error linear units (GELUs), section 2.
    """

    approximate: str = "none"

    def __post_init__(self) -> None:
        one_of("approximate", self.approximate, APPROXIMATIONS)

    def gate(self, x: Array) -> Array:
        """Return Φ(x) or φ(u)."""
        if self.approximate == "none":
            return normal_cdf(x)
        z = within(x)
        return logistic(SLOPE * z * (1 + CUBE * z * z))

    def pull(self, x: Array, gate: Array) -> Array:
        """Return x Φ'(x), or x u' φ(u) (1 - φ(u))."""
        z = within(x)
        if self.approximate == "none":
            return np.asarray(z * np.exp(-0.5 * z * z) * (1 / math.sqrt(2 * math.pi)))
        return np.asarray(z * SLOPE * (1 + 3 * CUBE * z * z) * gate * (1 - gate))


def within(x: Array) -> Array:
    """Return x, or the number of its sign from where on the gate is 0 or 1: no power of it overflows."""
    return np.clip(x, -FAR, FAR)

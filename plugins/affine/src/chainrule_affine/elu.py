"""The exponential linear unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Array, Elementwise, positive_real


@dataclass(frozen=True)
class ELU(Elementwise):
    """The identity above 0, an exponential that saturates at -alpha below.

    Formula:  y = x if x > 0 else alpha (e^x - 1)
    Shapes:   x and y (B, …), any shape.
    Jacobian: dy/dx = 1 if x > 0 else y + alpha; at 0 it is alpha, a kink unless alpha is 1.
    Raises:   SettingError unless alpha is a positive number.
    Source:   course, section 4; Clevert et al. (2016), Fast and accurate deep network learning by ELUs, eq. 15.
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        positive_real("alpha", self.alpha)

    def forward(self, x: Array) -> Array:
        """Return x or alpha (e^x - 1); both branches are evaluated, so the exponent is kept from overflowing."""
        return np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0)))

    def derivative(self, x: Array, y: Array) -> Array:
        """Return 1 or y + alpha."""
        return np.where(x > 0, 1, y + self.alpha)

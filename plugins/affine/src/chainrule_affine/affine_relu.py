"""The affine layer with a ReLU behind it, y = (W x + b)₊."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Array, BatchJacobian

from .positive import positive_part
from .weighted import Weighted
from .weighted_jacobian import WeightedJacobian


@dataclass(frozen=True)
class AffineReLU(Weighted):
    """Affine map of each sample, cut off at 0.

    Formula:  y[k] = max(0, Σ_j W[k, j] x[j] + b[k])
    Shapes:   x (B, n); y (B, units); W (units, n); b (units,).
    Jacobian: that of the affine layer, times the mask 1[y[k] > 0], computed once; where y[k] is 0 it is 0, and so at
              the kink.
    Start:    "he" or "glorot", see `start.draw`; b zero.
    Raises:   SettingError; ShapeError when a sample is not a vector.
    Source:   course, section 4, "AffineReLU Layer Summary"; its first slide leaves out b (erratum E6).
    """

    start: str = "he"

    def forward(self, x: Array, W: Array, b: Array) -> Array:
        """Return (x Wᵀ + 1 bᵀ)₊."""
        y: Array = np.dot(x, W.T)
        y += b
        return positive_part(y, out=y)

    def jacobian(self, x: Array, y: Array, W: Array, b: Array) -> BatchJacobian:
        """Return (δ * M) W, and (δ * M)ᵀ x and 1ᵀ (δ * M) for the parameters, M = 1[y > 0]."""
        return WeightedJacobian(x, W, y > np.zeros((), y.dtype))

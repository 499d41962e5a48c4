"""The affine layer, y = W x + b."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Array, BatchJacobian

from .weighted import Weighted
from .weighted_jacobian import WeightedJacobian


@dataclass(frozen=True)
class Affine(Weighted):
    """Affine map of each sample.

    Formula:  y[k] = Σ_j W[k, j] x[j] + b[k]
    Shapes:   x (B, n); y (B, units); W (units, n); b (units,).
    Jacobian: ∂y[k]/∂x[j] = W[k, j]; ∂y[k]/∂W[u, v] = δ_ku x[v]; ∂y[k]/∂b[u] = δ_ku
    Start:    "glorot" or "he", see `start.draw`; b zero.
    Raises:   SettingError; ShapeError when a sample is not a vector.
    Source:   course, section 4.
    """

    def forward(self, x: Array, W: Array, b: Array) -> Array:
        """Return x Wᵀ + 1 bᵀ."""
        y: Array = np.dot(x, W.T)
        y += b
        return y

    def jacobian(self, x: Array, y: Array, W: Array, b: Array) -> BatchJacobian:
        """Return δ W, and δᵀ x and 1ᵀ δ for the parameters."""
        return WeightedJacobian(x, W)

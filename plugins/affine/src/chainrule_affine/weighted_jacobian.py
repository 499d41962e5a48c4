"""The Jacobian of a matrix that weighs vectors, in one object: a small network has time for no more."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from chainrule import Array, BatchJacobian, Diagonal, Jacobian, LinearMap, Matrix, Outer, Shift
from chainrule.arrays import ones, times


class WeightedJacobian(BatchJacobian):
    """The Jacobian of y = W x + b, or of M * (W x + b) with a mask M, as the maps of `written_out` have it.

    Formula:  δ·J_X = δ W; dW = δᵀ x; db = 1ᵀ δ; of δ * M where there is a mask
    Shapes:   x (B, n); W (units, n); M (B, units), as δ.
    Source:   course, section 4.
    """

    __slots__ = ("W", "mask", "x")

    def __init__(self, x: Array, W: Array, mask: Array | None = None) -> None:
        self.x = x
        self.W = W
        self.mask = mask

    def written_out(self) -> Jacobian:
        """Return the same of ready-made maps."""
        return Jacobian(Matrix(self.W), after=self.after(), W=Outer(self.x), b=Shift(self.W.shape[:1]))

    def after(self) -> LinearMap | None:
        """Return the map of the mask, None where there is none."""
        return None if self.mask is None else Diagonal(self.mask)

    def masked(self, delta: Array) -> Array:
        """Return δ * M."""
        return delta if self.mask is None else times(delta, self.mask)

    def vjp(self, delta: Array, out: Mapping[str, Array] | None = None) -> Array:
        """Return δ W; with `out`, write δᵀ x and 1ᵀ δ."""
        delta = self.masked(delta)
        if out is not None:
            self._write(delta, out)
        passed: Array = np.dot(delta, self.W)
        return passed

    def vjp_params(self, delta: Array, out: Mapping[str, Array]) -> None:
        """Write δᵀ x and 1ᵀ δ."""
        self._write(self.masked(delta), out)

    def _write(self, delta: Array, out: Mapping[str, Array]) -> None:
        try:
            np.dot(delta.T, self.x, out=out["W"])
            np.dot(ones(len(delta), delta.dtype), delta, out=out["b"])
        except ValueError:  # the dtypes are not all the same
            WeightedJacobian(self.x, self.W).written_out().vjp_params(delta, out)

    def jvp(self, tangent: Array | None, params: Mapping[str, Array]) -> Array:
        """Return W v + v_W x + v_b, times M."""
        return self.written_out().jvp(tangent, params)

    def per_sample(self, delta: Array) -> dict[str, Array]:
        """Return δ[b, u] x[b, v] and δ[b]."""
        return self.written_out().per_sample(delta)

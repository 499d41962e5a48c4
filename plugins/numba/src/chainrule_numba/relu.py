"""The rectified linear unit, and the affine layer with one behind it, with compiled kernels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import chainrule_affine
from chainrule import Array, BatchJacobian, Jacobian, LinearMap
from chainrule_affine.weighted_jacobian import WeightedJacobian

from .compiled import Out, kernel, part


@dataclass(frozen=True)
class ReLU(chainrule_affine.ReLU):
    """The layer of chainrule-affine, compiled."""

    def forward(self, x: Array) -> Array:
        """Return max(0, x)."""
        y = np.empty(x.shape, x.dtype)
        cut_off(x.ravel(), y.ravel())
        return y

    def jacobian(self, x: Array, y: Array) -> Jacobian:
        """Return the mask 1[y > 0] as a map."""
        return Jacobian(Positive(y))


@dataclass(frozen=True)
class AffineReLU(chainrule_affine.AffineReLU):
    """The layer of chainrule-affine, compiled."""

    def forward(self, x: Array, W: Array, b: Array) -> Array:
        """Return (x Wᵀ + 1 bᵀ)₊."""
        y: Array = np.dot(x, W.T)
        shift_and_cut_off(np.ascontiguousarray(b), y)
        return y

    def jacobian(self, x: Array, y: Array, W: Array, b: Array) -> BatchJacobian:
        """Return the layer's, with the mask 1[y > 0] computed where it is needed."""
        return PositiveWeighted(x, W, y)


class PositiveWeighted(WeightedJacobian):
    """The Jacobian of (W x + b)₊, whose mask is that of the output, kept in its place."""

    __slots__ = ()
    mask: Array

    def after(self) -> LinearMap:
        """Return the map of the mask 1[y > 0]."""
        return Positive(self.mask)

    def masked(self, delta: Array) -> Array:
        """Return δ where y > 0, and 0 elsewhere."""
        return Positive(self.mask).vjp(delta)


@dataclass(slots=True, eq=False)
class Positive:
    """The diagonal map with 1[y > 0]."""

    y: Array

    def vjp(self, delta: Array) -> Array:
        """Return δ where y > 0, and 0 elsewhere."""
        masked = np.empty(delta.shape, delta.dtype)
        mask(self.y.ravel(), delta.ravel(), masked.ravel())
        return masked

    jvp = vjp  # it is its own transpose


@kernel
def cut_off(x: Array, y: Out) -> None:
    """Write max(0, x); NaN stays NaN."""
    write_positive(x, y)


@part
def write_positive(x: Array, y: Out) -> None:
    """Write max(0, x), as kernels do, which may be into x."""
    zero = x.dtype.type(0)
    for k in range(len(x)):
        y[k] = zero if x[k] <= zero else x[k]


@kernel
def shift_and_cut_off(b: Array, y: Out) -> None:
    """Overwrite y with max(0, y + b)."""
    zero = y.dtype.type(0)
    for j in range(len(y)):
        for k in range(len(b)):
            shifted = y[j, k] + b[k]
            y[j, k] = zero if shifted <= zero else shifted


@kernel
def mask(y: Array, delta: Array, masked: Out) -> None:
    """Write δ where y > 0."""
    zero = delta.dtype.type(0)
    for k in range(len(y)):
        masked[k] = delta[k] if y[k] > 0 else zero

"""An affine map of every position, and the derivative of one function after another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chainrule import Array, BatchJacobian, Jacobian


def every_position(x: Array, A: Array) -> Array:
    """Return x A, (B, T, k), of x (B, T, n) and A (n, k), by one product: NumPy would take one for each sample."""
    B, T, n = x.shape
    return (x.reshape(B * T, n) @ A).reshape(B, T, A.shape[1])


@dataclass(slots=True, eq=False)
class EveryPosition:
    """One matrix for every position, y[i] = W x[i].

    Shapes:   W (units, n); δ (B, T, units); v (B, T, n).
    """

    W: Array

    def vjp(self, delta: Array) -> Array:
        """Return δ W."""
        return every_position(delta, self.W)

    def jvp(self, tangent: Array) -> Array:
        """Return v Wᵀ."""
        return every_position(tangent, self.W.T)


@dataclass(slots=True, eq=False)
class InTurn(BatchJacobian):
    """The product of two Jacobians, J_last · J_first, whose parameters have names of their own."""

    first: Jacobian
    last: Jacobian

    def vjp(self, delta: Array, out: Mapping[str, Array] | None = None) -> Array:
        """Return δ·J_last·J_first; with `out`, overwrite the gradients of both."""
        return self.first.vjp(self.last.vjp(delta, out), out)

    def vjp_params(self, delta: Array, out: Mapping[str, Array]) -> None:
        """Overwrite the gradients of both."""
        self.first.vjp_params(self.last.vjp(delta, out), out)

    def jvp(self, tangent: Array | None, params: Mapping[str, Array]) -> Array:
        """Return J_last·(J_first·v + …) + …; the first is not asked where nothing moves before the last."""
        if tangent is not None or not self.first.params.keys().isdisjoint(params):
            tangent = self.first.jvp(tangent, params)
        return self.last.jvp(tangent, params)

    def per_sample(self, delta: Array) -> dict[str, Array]:
        """Return each sample's gradients of both."""
        return self.first.per_sample(self.last.vjp(delta)) | self.last.per_sample(delta)


@dataclass(slots=True, eq=False)
class BesideMask(BatchJacobian):
    """The Jacobian of a layer's first input, whose second one is a mask and has none."""

    first: BatchJacobian

    def vjp(self, delta: Array, out: Mapping[str, Array] | None = None) -> tuple[Array, None]:
        """Return δ·J of the first, and None for the mask; with `out`, overwrite the gradients."""
        return self.first.vjp(delta, out), None

    def vjp_params(self, delta: Array, out: Mapping[str, Array]) -> None:
        """Overwrite the gradients."""
        self.first.vjp_params(delta, out)

    def jvp(self, tangent: Any, params: Mapping[str, Array]) -> Array:
        """Return J·v of the first and of the parameters."""
        return self.first.jvp(None if tangent is None else tangent[0], params)

    def per_sample(self, delta: Array) -> dict[str, Array]:
        """Return each sample's gradients."""
        return self.first.per_sample(delta)

"""The bilinear map of a convolution, (x, K) → K # x: ways to compute it, and its Jacobian.

Shapes:   x (B, H, W, C); K (k_h, k_w, C, C_out); K # x (B, H', W', C_out).
Source:   course, section 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from chainrule import Array, BatchJacobian, Shift
from chainrule.windows import Walk

from .direct import Direct


class Method(Protocol):
    """A way to compute the bilinear map (x, K) → K # x of pictures with a `plane` (H, W), and its transposes."""

    @property
    def walks(self) -> tuple[Walk, Walk]:
        """How the window walks along each axis."""

    @property
    def plane(self) -> tuple[int, int]:
        """The picture's (H, W)."""

    def forward(self, x: Array, K: Array) -> Array:
        """Return K # x, (B, H', W', C_out)."""

    def backward(self, x: Array, K: Array, delta: Array, dK: Array | None, *, to_input: bool) -> Array | None:
        """Overwrite `dK`, if given, with Σ_j δ_j·J_K; return δ·J_X if `to_input`."""


@dataclass(slots=True, eq=False)
class ConvolutionJacobian(BatchJacobian):
    """The maps of y = K # x + b: it is bilinear in x and K, and so J_X·v = K # v and J_K·V = V # x."""

    method: Method
    x: Array
    K: Array
    bias: Shift | None

    def vjp(self, delta: Array, out: Mapping[str, Array] | None = None) -> Array:
        """Return δ·J_X; with `out`, overwrite the gradients of K and b."""
        self._bias(delta, out)
        dx = self.method.backward(self.x, self.K, delta, None if out is None else out["K"], to_input=True)
        assert dx is not None
        return dx

    def vjp_params(self, delta: Array, out: Mapping[str, Array]) -> None:
        """Overwrite the gradients of K and b."""
        self._bias(delta, out)
        self.method.backward(self.x, self.K, delta, out["K"], to_input=False)

    def jvp(self, tangent: Array | None, params: Mapping[str, Array]) -> Array:
        """Return K # v + V # x + v_b."""
        terms = []
        if tangent is not None:
            terms.append(self.method.forward(tangent, self.K))
        if "K" in params:
            terms.append(self.method.forward(self.x, params["K"]))
        if self.bias is not None and "b" in params:
            terms.append(params["b"])
        return np.asarray(sum(terms[1:], terms[0]))

    def per_sample(self, delta: Array) -> dict[str, Array]:
        """Return each sample's gradients of K and b."""
        direct = Direct(self.method.walks, self.method.plane)
        gradients = {"K": direct.per_sample(self.x, delta, self.K.shape)}
        if self.bias is not None:
            gradients["b"] = self.bias.per_sample(delta)
        return gradients

    def _bias(self, delta: Array, out: Mapping[str, Array] | None) -> None:
        if out is not None and self.bias is not None:
            self.bias.vjp(delta, out["b"])

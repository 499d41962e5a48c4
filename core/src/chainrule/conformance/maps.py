"""A layer's Jacobian as a check calls it, and the arrays that it writes gradients into."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import UnsupportedError
from ..functions.jacobians import BatchJacobian
from ..functions.layers import Layer
from .blame import blame
from .outcomes import Failure


class Maps:
    """A layer's Jacobian, called with blame."""

    def __init__(self, jacobian: Any, layer: Layer) -> None:
        if not isinstance(jacobian, BatchJacobian):
            raise Failure(f"the derivative is a {type(jacobian).__name__}, no BatchJacobian: return Jacobian(…)")
        self.jacobian = jacobian
        self.has_input = not layer.integer_input

    def vjp(self, delta: Array, out: dict[str, Array] | None = None) -> Array:
        """Return δ·J_X."""
        with blame(f"vjp of δ {delta.shape} {delta.dtype}"):
            passed: Array = self.jacobian.vjp(delta, out)
            return passed

    def vjp_params(self, delta: Array, out: dict[str, Array]) -> None:
        """Fill out."""
        with blame(f"vjp_params of δ {delta.shape} {delta.dtype}"):
            self.jacobian.vjp_params(delta, out)

    def jvp(self, tangent: Array | None, tangents: dict[str, Array]) -> Array:
        """Return J·v."""
        with blame("jvp"):
            pushed: Array = self.jacobian.jvp(tangent, tangents)
            return pushed

    def per_sample(self, delta: Array) -> dict[str, Array] | None:
        """Return each sample's gradients; None where the class refuses by name."""
        with blame("per_sample"):
            try:
                return self.jacobian.per_sample(delta)
            except (UnsupportedError, NotImplementedError):
                return None


def empty_out(params: dict[str, Array], fill: float = np.nan) -> dict[str, Array]:
    """Return arrays to write gradients into, views of one flat vector as a network has them, with something in them."""
    size = sum(array.size for array in params.values())
    dtype = next(iter(params.values())).dtype if params else np.float64
    flat, out, start = np.full(size, fill, dtype), {}, 0
    for name, array in params.items():
        out[name] = flat[start : start + array.size].reshape(array.shape)
        start += array.size
    return out

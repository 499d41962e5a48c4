"""What derivatives share that kernels pull back: to push forward, which is rare, they leave to the layer in NumPy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from chainrule import Array, BatchJacobian


class Fused(BatchJacobian, ABC):
    """A Jacobian that makes δ·J_X and the gradients of all parameters at once; `in_numpy` returns NumPy's."""

    def __init__(self, in_numpy: Callable[[], BatchJacobian]) -> None:
        self.in_numpy = in_numpy

    @abstractmethod
    def vjp(self, delta: Array, out: Mapping[str, Array] | None = None) -> Array:
        """Return δ·J_X; with `out`, overwrite the parameters' gradients."""

    def jvp(self, tangent: Any, params: Mapping[str, Array]) -> Array:
        """Return J_X·v + Σ_name J_name·v_name."""
        return self.in_numpy().jvp(tangent, params)

    def per_sample(self, delta: Array) -> dict[str, Array]:
        """Return each sample's gradients."""
        return self.in_numpy().per_sample(delta)

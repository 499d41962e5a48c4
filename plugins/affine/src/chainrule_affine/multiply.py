"""The product of several inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from chainrule import Array, BatchJacobian

from .several import OfOneShape


@dataclass(frozen=True)
class Multiply(OfOneShape):
    """The product of two or more inputs, number by number, from the first to the last: a gate, where one is a sigmoid.

    Formula:  y[k] = x_0[k] x_1[k] ⋯
    Shapes:   x_i and y (B, …), any shape, one for all.
    Jacobian: ∂y[k]/∂x_i[v] = δ_kv Π_(j ≠ i) x_j[k]; no division, and so it holds at 0, too.
    Raises:   ShapeError for one input alone, or inputs of other shapes.
    Source:   Hochreiter and Schmidhuber (1997), Long short-term memory, section 4: multiplicative gates.
    """

    def forward(self, x: Array, /, *others: Array) -> Array:
        """Return x_0 x_1 ⋯."""
        return reduce(np.multiply, others, x)

    def jacobian(self, x: Array, /, *others: Array) -> BatchJacobian:
        """Return the map by the products of the other inputs."""
        return Product((x, *others[:-1]))


class Product(BatchJacobian):
    """The Jacobian of a product: each input's δ is multiplied by all others."""

    __slots__ = ("factors",)

    def __init__(self, factors: tuple[Array, ...]) -> None:
        self.factors = factors

    def _others(self, i: int) -> Array:
        """Return Π_(j ≠ i) x_j."""
        return reduce(np.multiply, [x for j, x in enumerate(self.factors) if j != i])

    def vjp(self, delta: Array, out: Mapping[str, Array] | None = None) -> tuple[Array, ...]:
        """Return δ Π_(j ≠ i) x_j for each input i."""
        return tuple(delta * self._others(i) for i in range(len(self.factors)))

    def jvp(self, tangent: Any, params: Mapping[str, Array]) -> Array:
        """Return Σ_i v_i Π_(j ≠ i) x_j, of those that move."""
        return reduce(np.add, [v * self._others(i) for i, v in enumerate(tangent) if v is not None])

    def per_sample(self, delta: Array) -> dict[str, Array]:
        """Return nothing: there are no parameters."""
        return {}

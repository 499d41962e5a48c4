"""The sum of several inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from chainrule import Array, BatchJacobian

from .several import OfOneShape


@dataclass(frozen=True)
class Add(OfOneShape):
    """The sum of two or more inputs, from the first to the last: where the paths of a `Graph` join.

    Formula:  y[k] = x_0[k] + x_1[k] + …
    Shapes:   x_i and y (B, …), any shape, one for all.
    Jacobian: ∂y[k]/∂x_i[j] = δ_kj, for each input.
    Raises:   ShapeError for one input alone, or inputs of other shapes.
    Source:   course, section 3, "multivariate chain rule"; He et al. (2016), Deep residual learning, eq. 1.
    """

    def forward(self, x: Array, /, *others: Array) -> Array:
        """Return x_0 + x_1 + …."""
        return reduce(np.add, others, x)

    def jacobian(self, x: Array, /, *others: Array) -> BatchJacobian:
        """Return the map that copies δ."""
        return Sum(len(others))


class Sum(BatchJacobian):
    """The Jacobian of a sum of `count` inputs: the identity of each."""

    __slots__ = ("count",)

    def __init__(self, count: int) -> None:
        self.count = count

    def vjp(self, delta: Array, out: Mapping[str, Array] | None = None) -> tuple[Array, ...]:
        """Return δ for each input."""
        return (delta,) * self.count

    def jvp(self, tangent: Any, params: Mapping[str, Array]) -> Array:
        """Return v_0 + v_1 + …, of those that move."""
        return reduce(np.add, [v for v in tangent if v is not None])

    def per_sample(self, delta: Array) -> dict[str, Array]:
        """Return nothing: there are no parameters."""
        return {}

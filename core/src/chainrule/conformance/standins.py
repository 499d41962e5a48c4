"""The plain layers and the loss that stand beside what is looked at. They are proved by core's own cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, Shape
from ..errors import ShapeError
from ..functions.jacobians import BatchJacobian, Diagonal, Jacobian, Matrix, Outer, Scale
from ..functions.layers import Layer
from ..functions.losses import Loss
from ..settings import positive_int, positive_real


@dataclass(frozen=True)
class Scaled(Layer):
    """Each number times a factor of its own.

    Formula:  y[k] = a[k] x[k]
    Shapes:   x and y (B, *S), a (*S).
    Jacobian: ∂y[k]/∂x[v] = δ_kv a[k]; ∂y[k]/∂a[u] = δ_ku x[k]
    Start:    a one.
    """

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of x."""
        return input_shape

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return a, like a sample."""
        return {"a": input_shape}

    def initialize(self, input_shape: Shape, rng: np.random.Generator) -> dict[str, Array]:
        """Return ones."""
        return {"a": np.ones(input_shape)}

    def forward(self, x: Array, a: Array) -> Array:
        """Return a * x."""
        return np.asarray(x * a)

    def jacobian(self, x: Array, y: Array, a: Array) -> Jacobian:
        """Return the diagonal maps."""
        return Jacobian(Diagonal(np.broadcast_to(a, x.shape)), a=Scale(x, a.shape))


@dataclass(frozen=True)
class Mixed(Layer):
    """A matrix times each sample.

    Formula:  y[k] = Σ_j W[k, j] x[j]
    Shapes:   x (B, n); y (B, units); W (units, n).
    Jacobian: ∂y[k]/∂x[j] = W[k, j]; ∂y[k]/∂W[u, v] = δ_ku x[v]
    Start:    W[k, j] = cos(k + j).
    Raises:   SettingError unless units is a positive int; ShapeError when a sample is no vector.
    """

    units: int

    def __post_init__(self) -> None:
        positive_int("units", self.units)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (units,)."""
        if len(input_shape) != 1:
            raise ShapeError("input", expected=("n",), got=input_shape)
        return (self.units,)

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return W."""
        self.output_shape(input_shape)
        return {"W": (self.units, *input_shape)}

    def initialize(self, input_shape: Shape, rng: np.random.Generator) -> dict[str, Array]:
        """Return waves."""
        self.output_shape(input_shape)
        return {"W": np.cos(np.add.outer(np.arange(self.units), np.arange(input_shape[0])))}

    def forward(self, x: Array, W: Array) -> Array:
        """Return W x."""
        return np.asarray(x @ W.T)

    def jacobian(self, x: Array, y: Array, W: Array) -> Jacobian:
        """Return W, and the outer products."""
        return Jacobian(Matrix(W), W=Outer(x))


@dataclass(frozen=True)
class Times(Layer):
    """The product of two inputs, number by number.

    Formula:  y[k] = u[k] v[k]
    Shapes:   u, v and y (B, *S).
    Jacobian: ∂y[k]/∂u[j] = δ_kj v[k]; ∂y[k]/∂v[j] = δ_kj u[k]
    Raises:   ShapeError where the inputs differ in shape.
    """

    def output_shape(self, input_shape: Shape, other: Shape) -> Shape:
        """Return the shape of both."""
        if input_shape != other:
            raise ShapeError("input 1", expected=input_shape, got=other)
        return input_shape

    def forward(self, u: Array, v: Array) -> Array:
        """Return u * v."""
        return np.asarray(u * v)

    def jacobian(self, u: Array, v: Array, y: Array) -> BatchJacobian:
        """Return the factors."""
        return Factors(u, v)


class Factors(BatchJacobian):
    """The Jacobian of a product: each factor is the slope of the other."""

    __slots__ = ("u", "v")

    def __init__(self, u: Array, v: Array) -> None:
        self.u, self.v = u, v

    def vjp(self, delta: Array, out: Mapping[str, Array] | None = None) -> tuple[Array, Array]:
        """Return δ * v and δ * u."""
        return delta * self.v, delta * self.u

    def jvp(self, tangent: tuple[Array | None, Array | None], params: Mapping[str, Array]) -> Array:
        """Return u' * v + u * v'."""
        slopes = zip(tangent, (self.v, self.u), strict=True)
        return np.asarray(sum(moved * slope for moved, slope in slopes if moved is not None))

    def per_sample(self, delta: Array) -> dict[str, Array]:
        """Return nothing: there are no parameters."""
        return {}


@dataclass(frozen=True)
class Wavy(Loss):
    """A smooth loss without targets, whose gradient is another at every score.

    Formula:  l = Σ_k (z_k² / 4 + sin(z_k + k)), z = s / size
    Gradient: ∂l/∂s_k = (z_k / 2 + cos(z_k + k)) / size
    Shapes:   scores (B, *S); targets None.
    Raises:   SettingError unless size > 0.
    """

    size: float = 1.0

    def __post_init__(self) -> None:
        positive_real("size", self.size)

    @classmethod
    def of(cls, scores: Array) -> Wavy:
        """Return the loss whose waves are as long as the largest score: no step then passes over some of them."""
        largest = float(np.abs(scores).max(initial=0.0))
        return cls(2.0 ** round(np.log2(largest)) if 16 < largest < np.inf else 1.0)

    def value(self, scores: Array, targets: Any) -> Array:
        """Return the sum of each point."""
        z = scores.reshape(len(scores), -1) / self.size
        return np.asarray((z * z / 4 + np.sin(z + np.arange(z.shape[1], dtype=z.dtype))).sum(axis=1))

    def gradient(self, scores: Array, targets: Any) -> Array:
        """Return (z / 2 + cos(z + k)) / size."""
        z = scores.reshape(len(scores), -1) / self.size
        slope = z / 2 + np.cos(z + np.arange(z.shape[1], dtype=z.dtype))
        return np.asarray(slope / self.size).reshape(scores.shape)

"""The layer and the loss that a check puts beside the layer it looks at. They are proved by core's own cases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, Shape
from ..functions.jacobians import Diagonal, Jacobian, Scale
from ..functions.layers import Layer
from ..functions.losses import Loss
from ..settings import positive_real


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

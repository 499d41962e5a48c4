"""The layer and the loss that a check puts beside the layer it looks at. They are proved by core's own cases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, Shape
from ..jacobians import Diagonal, Jacobian, Scale
from ..layers import Layer
from ..losses import Loss


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

    Formula:  l = Σ_k (s_k² / 4 + sin(s_k + k))
    Gradient: ∂l/∂s_k = s_k / 2 + cos(s_k + k)
    Shapes:   scores (B, *S); targets None.
    """

    def value(self, scores: Array, targets: Any) -> Array:
        """Return the sum of each point."""
        flat = scores.reshape(len(scores), -1)
        return np.asarray((flat * flat / 4 + np.sin(flat + np.arange(flat.shape[1], dtype=flat.dtype))).sum(axis=1))

    def gradient(self, scores: Array, targets: Any) -> Array:
        """Return s / 2 + cos(s + k)."""
        flat = scores.reshape(len(scores), -1)
        return np.asarray(flat / 2 + np.cos(flat + np.arange(flat.shape[1], dtype=flat.dtype))).reshape(scores.shape)

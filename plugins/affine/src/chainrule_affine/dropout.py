"""Dropout, the stochastic layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Array, Diagonal, Elementwise, Jacobian, Layer, Reshape, Shape, integer, real


@dataclass(frozen=True)
class Dropout(Layer):
    """The identity in prediction; in training each number is dropped with probability `rate` (see DropoutMask).

    Formula:  y = x
    Shapes:   x and y (B, …), any shape.
    Jacobian: the identity; that of a training step is the realized layer's.
    Raises:   SettingError unless 0 ≤ rate < 1.
    Source:   Srivastava et al. (2014), Dropout, section 4, scaled in training instead of prediction.
    """

    stochastic = True

    rate: float

    def __post_init__(self) -> None:
        real("rate", self.rate, minimum=0, below=1)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of x."""
        return input_shape

    def forward(self, x: Array) -> Array:
        """Return x."""
        return x

    def jacobian(self, x: Array, y: Array) -> Jacobian:
        """Return the identity."""
        return Jacobian(Reshape(x.shape[1:], x.shape[1:]))

    def realize(self, rng: np.random.Generator) -> DropoutMask:
        """Return the layer of one step, its seed drawn from `rng`."""
        return DropoutMask(self.rate, int(rng.integers(2**63)))


@dataclass(frozen=True)
class DropoutMask(Elementwise):
    """Dropout with a mask that follows from `seed` and the shape of x.

    Formula:  y = x * m, each m[k] being 0 with probability `rate` and 1 / (1 - rate) otherwise, so that E[y] = x
    Shapes:   x and y (B, …), any shape.
    Jacobian: dy/dx = m
    Raises:   SettingError unless 0 ≤ rate < 1 and the seed is an int of at least 0.
    """

    rate: float
    seed: int

    def __post_init__(self) -> None:
        real("rate", self.rate, minimum=0, below=1)
        integer("seed", self.seed, minimum=0)

    def forward(self, x: Array) -> Array:
        """Return x * m."""
        return np.asarray(x * self.derivative(x, x))

    def linearize(self, x: Array) -> tuple[Array, Jacobian]:
        """Return x * m and m, drawn once."""
        mask = self.derivative(x, x)
        return x * mask, Jacobian(Diagonal(mask))

    def derivative(self, x: Array, y: Array) -> Array:
        """Return m."""
        drawn = np.random.default_rng(self.seed).random(x.shape, np.float32)
        kept: Array = np.asarray(drawn >= self.rate).astype(x.dtype)
        kept *= 1.0 / (1.0 - self.rate)
        return kept

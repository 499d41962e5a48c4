"""What layers share that weigh a vector with one matrix and shift it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Array, BatchJacobian, Layer, Shape, ShapeError, one_of, positive_int

from .start import STARTS, draw


@dataclass(frozen=True)
class Weighted(Layer):
    """A layer with W (units, n) and b (units,), on vectors of n. Raises:   SettingError, ShapeError."""

    units: int
    start: str = "glorot"

    def __post_init__(self) -> None:
        positive_int("units", self.units)
        one_of("start", self.start, STARTS)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (units,)."""
        check_vector(self, input_shape)
        return (self.units,)

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return W (units, n) and b (units,)."""
        self.output_shape(input_shape)
        return {"W": (self.units, *input_shape), "b": (self.units,)}

    def initialize(self, input_shape: Shape, rng: np.random.Generator) -> dict[str, Array]:
        """Draw W as `start` says; b is zero."""
        self.output_shape(input_shape)
        (n,) = input_shape
        return {"W": draw(self.start, (self.units, n), n, self.units, rng), "b": np.zeros(self.units)}

    def linearize(self, x: Array, W: Array, b: Array) -> tuple[Array, BatchJacobian]:
        """Return y and the local derivative; to hand on any arguments takes as long as a small product."""
        y = self.forward(x, W, b)
        return y, self.jacobian(x, y, W, b)


def check_vector(layer: Layer, input_shape: Shape) -> None:
    """Refuse a sample that is no vector. Raises:   ShapeError."""
    if len(input_shape) != 1 or input_shape[0] < 1:
        hint = "put flatten before it, or EachPosition around it for the last axis alone"
        raise ShapeError(f"{type(layer).__name__} input", expected=("n",), got=input_shape, hint=hint)

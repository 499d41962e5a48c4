"""What layers share that normalize along the last axis."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass

import numpy as np

from chainrule import Array, Layer, Shape, ShapeError, positive_real


@dataclass(frozen=True)
class LastAxis(Layer, ABC):
    """A layer with eps and gamma (n,), on vectors of n in any number of axes. Raises:   SettingError, ShapeError."""

    eps: float = 1e-5

    def __post_init__(self) -> None:
        positive_real("eps", self.eps)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of x."""
        if not input_shape or input_shape[-1] < 1:
            raise ShapeError(f"{type(self).__name__} input", expected=("…", "n"), got=input_shape)
        return input_shape

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return gamma (n,)."""
        return {"gamma": self.output_shape(input_shape)[-1:]}

    def initialize(self, input_shape: Shape, rng: np.random.Generator) -> dict[str, Array]:
        """Return ones for gamma."""
        return {"gamma": np.ones(self.output_shape(input_shape)[-1])}


@dataclass(frozen=True)
class ScaledAndShifted(LastAxis, ABC):
    """A layer with eps, gamma (n,) and beta (n,). Raises:   SettingError, ShapeError."""

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return gamma (n,) and beta (n,)."""
        shapes = super().parameter_shapes(input_shape)
        return {**shapes, "beta": shapes["gamma"]}

    def initialize(self, input_shape: Shape, rng: np.random.Generator) -> dict[str, Array]:
        """Return ones for gamma and zeros for beta."""
        return {**super().initialize(input_shape, rng), "beta": np.zeros(input_shape[-1])}

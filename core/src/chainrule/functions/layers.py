"""A layer is a function together with its local derivative."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from ..arrays import Array, Shape
from ..errors import DefinitionError
from .jacobians import BatchJacobian, Diagonal, Jacobian


class Layer(ABC):
    """A function X^i = f(X^(i-1); W^i) of each sample, and its Jacobians.

    Write a frozen dataclass whose fields are the settings; define `output_shape`, `forward` and one of `jacobian` and
    `linearize`, and `parameter_shapes` and `initialize` if there are parameters. Parameters come as keyword arguments.
    A layer holds no state, draws no random numbers outside `initialize` and `realize`, and writes into no array that
    it did not create. float32 in gives float32 out, and float64 gives float64.

    Shapes:   x (B, *input_shape); y (B, *output_shape); a shape never includes B.
    Source:   course, section 3.
    """

    stochastic: bool = False
    """Training draws random numbers: see `realize`."""
    mixes_samples: bool = False
    """An output depends on other samples of the batch."""
    integer_input: bool = False
    """x holds indices: it has no derivative."""
    output_range: tuple[float, float] | None = None
    """Between which two finite numbers every output lies, whatever x is, such as (0, 1); None where there are none."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        unfinished = getattr(cls.forward, "__isabstractmethod__", False) or ABC in cls.__bases__
        if not unfinished and cls.jacobian is Layer.jacobian and cls.linearize is Layer.linearize:
            raise DefinitionError(
                f"layer class {cls.__name__} has no derivative",
                hint="define jacobian(x, y, …) or linearize(x, …); a base class for others names ABC as a base, too",
            )

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    @abstractmethod
    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of y. Raises:   ShapeError for every shape that the layer cannot take."""

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return each parameter's shape by name, allocating nothing. Raises:   ShapeError as `output_shape`."""
        self.output_shape(input_shape)
        return {}

    def initialize(self, input_shape: Shape, rng: np.random.Generator) -> dict[str, Array]:
        """Return fresh float64 starting values by name. Raises:   ShapeError as `output_shape`."""
        self.output_shape(input_shape)
        return {}

    @abstractmethod
    def forward(self, x: Array, /, *args: Any, **params: Any) -> Array:
        """Return y: what prediction runs."""

    def jacobian(self, x: Array, y: Array, /, *args: Any, **params: Any) -> BatchJacobian:
        """Return the local derivative at x, where y = forward(x)."""
        return self.linearize(x, *args, **params)[1]

    def linearize(self, x: Array, /, *args: Any, **params: Any) -> tuple[Array, BatchJacobian]:
        """Return y and the local derivative together: what training runs."""
        y = self.forward(x, *args, **params)
        return y, self.jacobian(x, y, *args, **params)

    def realize(self, rng: np.random.Generator) -> Layer:
        """Return the deterministic layer that one training step differentiates."""
        return self


class Elementwise(Layer):
    """A layer y[k] = f(x[k]): write `forward` and `derivative`, nothing else.

    Formula:  ∂y[k]/∂x[v] = δ_kv f'(x[v])
    Shapes:   x and y (B, …), any shape.
    """

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of x."""
        return input_shape

    @abstractmethod
    def derivative(self, x: Array, y: Array, /) -> Array:
        """Return f'(x), shape of x; a mask of bool will do. y = f(x) is there to be used."""

    def jacobian(self, x: Array, y: Array, /) -> Jacobian:
        """Return the diagonal map of `derivative`."""
        return Jacobian(Diagonal(self.derivative(x, y)))

"""A layer is a function together with its local derivative."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
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

    A layer of several inputs takes them in turn, `forward(q, k, v, /, **params)` and `output_shape(*shapes)`, and its
    Jacobian takes and returns tuples; None stands for an input that has no derivative, or does not move.
    One that remembers what no gradient moves, such as running means, has `statistic_shapes`, `initial_statistics`,
    `predicting`, `realize` and `remembered`: see `Remembering`.

    Shapes:   x (B, *input_shape); y (B, *output_shape); a shape never includes B.
    Source:   course, section 3.
    """

    stochastic: bool = False
    """Training draws random numbers: see `realize`."""
    trains_otherwise: bool = False
    """Training differentiates what `realize` returns; so it is of a stochastic layer, whether this is set or not."""
    mixes_samples: bool = False
    """An output depends on other samples of the batch."""
    integer_input: bool | tuple[bool, ...] = False
    """x holds indices, or is a mask: it has no derivative. Of several inputs, one answer for each or for all.

    There are more answers than inputs where the last inputs may be left out.
    """
    output_range: tuple[float, float] | None = None
    """Between which two finite numbers every output lies, whatever x is, such as (0, 1); None where there are none."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        unfinished = getattr(cls.forward, "__isabstractmethod__", False) or ABC in cls.__bases__
        if not unfinished and cls.jacobian is Layer.jacobian and cls.linearize is Layer.linearize:
            hint = "define jacobian(x, y, …) or linearize(x, …); a base class for others names ABC as a base, too"
            raise DefinitionError(f"layer class {cls.__name__} has no derivative", hint=hint)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    @abstractmethod
    def output_shape(self, input_shape: Shape, /, *others: Any, **_: Any) -> Shape:
        """Return the shape of y. Raises:   ShapeError for every shape that the layer cannot take."""

    def parameter_shapes(self, input_shape: Shape, /, *others: Any, **_: Any) -> dict[str, Shape]:
        """Return each parameter's shape by name, allocating nothing. Raises:   ShapeError as `output_shape`."""
        self.output_shape(input_shape, *others)
        return {}

    def initialize(self, input_shape: Shape, /, *others: Any, **_: Any) -> dict[str, Array]:
        """Return fresh float64 starting values by name, drawn from `rng`, the last argument.

        Raises:   ShapeError as `output_shape`.
        """
        self.output_shape(input_shape, *others[:-1])
        return {}

    @abstractmethod
    def forward(self, x: Array, /, *args: Any, **params: Any) -> Array:
        """Return y: what prediction runs."""

    def jacobian(self, x: Array, y: Array, /, *args: Any, **params: Any) -> BatchJacobian:
        """Return the local derivative at x, where y = forward(x); of several inputs, `jacobian(q, k, v, y, …)`."""
        return self.linearize(x, *args[:-1], **params)[1]

    def linearize(self, x: Array, /, *args: Any, **params: Any) -> tuple[Array, BatchJacobian]:
        """Return y and the local derivative together: what training runs."""
        y = self.forward(x, *args, **params)
        return y, self.jacobian(x, *args, y, **params)

    def realize(self, rng: np.random.Generator) -> Layer:
        """Return the deterministic layer that one training step differentiates."""
        return self

    def statistic_shapes(self, input_shape: Shape, /, *others: Any, **_: Any) -> dict[str, Shape]:
        """Return the shape of each array that the layer remembers, by name. Raises:   ShapeError as `output_shape`."""
        return {}

    def initial_statistics(self, input_shape: Shape, /, *others: Any, **_: Any) -> dict[str, Array]:
        """Return what is remembered before the first step. Raises:   ShapeError as `output_shape`."""
        return {}

    def predicting(self, /, *args: Any, **statistics: Any) -> Layer:
        """Return the layer that predicts with what is remembered: it has the same parameters, and no statistics."""
        return self

    def remembered(self, old: Mapping[str, Array], seen: Mapping[str, Array], /) -> dict[str, Array]:
        """Return the statistics after a step whose Jacobian has `seen`, where they were `old`."""
        return {}

    def least_batch(self, input_shape: Shape, /, *others: Any, **_: Any) -> int:
        """Return of how many samples a batch must be, at least, for a training step."""
        return 1


class Remembering(Layer):
    """A layer with statistics: what it remembers from step to step, and no gradient moves.

    Write `statistic_shapes`, `initial_statistics`, `predicting`, `realize` and `remembered` in place of `forward` and
    `jacobian`. What `realize` returns is differentiated in training, and its Jacobian has `seen`: arrays by name, from
    which `remembered` makes the new statistics. By itself the layer is what the initial statistics make it.
    """

    trains_otherwise = True

    def forward(self, x: Array, /, *args: Any, **params: Any) -> Array:
        """Return what `predicting` with the initial statistics does."""
        return self._at_first(x, *args).forward(x, *args, **params)

    def linearize(self, x: Array, /, *args: Any, **params: Any) -> tuple[Array, BatchJacobian]:
        """Return what `predicting` with the initial statistics does."""
        return self._at_first(x, *args).linearize(x, *args, **params)

    def _at_first(self, *inputs: Array) -> Layer:
        first = self.initial_statistics(*[x.shape[1:] for x in inputs])
        dtype = inputs[0].dtype if inputs[0].dtype.kind == "f" else None
        return self.predicting(**{name: np.asarray(value, dtype) for name, value in first.items()})


def trains_otherwise(layer: Layer) -> bool:
    """Return whether training differentiates what `realize` returns."""
    return layer.trains_otherwise or layer.stochastic


def integers_of(layer: Layer, inputs: int) -> tuple[bool, ...]:
    """Return of each of a layer's inputs whether it has no derivative; a last one that may be left out may be."""
    given = layer.integer_input
    return given[:inputs] if isinstance(given, tuple) else (given,) * inputs


def set_fields(layer: Layer, **values: Any) -> None:
    """Set fields of a layer that is being made, and frozen from then on."""
    for name, value in values.items():
        object.__setattr__(layer, name, value)


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

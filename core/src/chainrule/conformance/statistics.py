"""A layer with statistics as a check sees it: training steps of it, and the layer that predicts after some of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, Shape
from ..errors import SettingError
from ..functions.jacobians import BatchJacobian
from ..functions.layers import Layer, set_fields
from .blame import blame
from .cases import LayerCase
from .outcomes import Failure


def has_statistics(case: LayerCase) -> bool:
    """Return whether a layer remembers something of its training steps."""
    try:
        return bool(case.layer.statistic_shapes(*case.shapes))
    except Exception:  # told by statistics.shapes, or forward.runs
        return type(case.layer).statistic_shapes is not Layer.statistic_shapes


@dataclass(frozen=True)
class Predicting(Layer):
    """What a layer with statistics predicts by, as a layer of settings: `values` are (name, shape, numbers) of each.

    Formula:  that of `layer.predicting(**statistics)`, the statistics in the dtype of x
    Raises:   SettingError unless `layer` is a Layer.
    """

    layer: Layer
    values: tuple[tuple[str, Shape, tuple[float, ...]], ...]

    def __post_init__(self) -> None:
        if not isinstance(self.layer, Layer):
            raise SettingError("layer", expected="a Layer", got=self.layer)
        values = tuple((str(name), tuple(shape), tuple(map(float, numbers))) for name, shape, numbers in self.values)
        made = self.layer.predicting(**arrays_of(values))
        if not isinstance(made, Layer):
            raise Failure(f"predicting(**statistics) returned {type(made).__name__}, no Layer")
        set_fields(
            self,
            values=values,
            stochastic=made.stochastic,
            mixes_samples=made.mixes_samples,
            integer_input=made.integer_input,
            output_range=made.output_range,
        )

    def _made(self, x: Array, params: Mapping[str, Array]) -> Layer:
        dtype = next((a.dtype for a in (x, *params.values()) if a.dtype.kind == "f"), np.dtype(np.float64))
        return self.layer.predicting(**{name: a.astype(dtype) for name, a in arrays_of(self.values).items()})

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return that of the layer."""
        shape: Shape = self.layer.output_shape(input_shape)
        for name, declared in self.layer.statistic_shapes(input_shape).items():
            if declared != arrays_of(self.values)[name].shape:
                raise SettingError("values", expected=declared, got=arrays_of(self.values)[name].shape)
        return shape

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return those of the layer."""
        self.output_shape(input_shape)
        return self.layer.parameter_shapes(input_shape)

    def initialize(self, input_shape: Shape, rng: np.random.Generator) -> dict[str, Array]:
        """Return those of the layer."""
        return self.layer.initialize(input_shape, rng)

    def forward(self, x: Array, /, **params: Array) -> Array:
        """Predict."""
        return self._made(x, params).forward(x, **params)

    def linearize(self, x: Array, /, **params: Array) -> tuple[Array, BatchJacobian]:
        """Predict, and differentiate it."""
        return self._made(x, params).linearize(x, **params)

    def jacobian(self, x: Array, y: Array, /, **params: Array) -> BatchJacobian:
        """Return the derivative of the prediction."""
        return self._made(x, params).jacobian(x, y, **params)


def arrays_of(values: Any) -> dict[str, Array]:
    """Return the statistics as arrays."""
    return {name: np.array(numbers, np.float64).reshape(shape) for name, shape, numbers in values}


def values_of(statistics: Mapping[str, Array]) -> Any:
    """Return statistics as settings."""
    return tuple((name, np.shape(a), tuple(np.ravel(a).tolist())) for name, a in statistics.items())


def started(layer: Layer, shape: Shape) -> dict[str, Array]:
    """Return what is remembered before the first step, fresh and in float64."""
    with blame(f"initial_statistics({shape})"):
        return {name: np.array(value, np.float64) for name, value in layer.initial_statistics(shape).items()}


def seen_by(layer: Layer, x: Array, params: Mapping[str, Array], rng: np.random.Generator) -> dict[str, Array]:
    """Return what one training step sees. Raises:   Failure where that is no dictionary of arrays."""
    with blame("linearize of what realize(rng) returns"):
        _, jacobian = layer.realize(rng).linearize(x, **params)
        seen = jacobian.seen
    if not isinstance(seen, Mapping) or not all(isinstance(value, np.ndarray) for value in seen.values()):
        raise Failure(f"the Jacobian's `seen` is {seen!r}, expected arrays by name")
    return dict(seen)


def remembered(layer: Layer, old: Mapping[str, Array], seen: Mapping[str, Array]) -> dict[str, Array]:
    """Return the statistics after a step, fresh. Raises:   Failure where they have not the shapes of the old ones."""
    with blame("remembered(old, seen)"):
        new = layer.remembered(old, seen)
    came = {name: np.shape(value) for name, value in new.items()} if isinstance(new, Mapping) else type(new).__name__
    expected = {name: value.shape for name, value in old.items()}
    if came != expected:
        raise Failure(f"remembered(old, seen) gives {came}, statistic_shapes declares {expected}")
    return {name: np.array(value, np.float64) for name, value in new.items()}

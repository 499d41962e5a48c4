"""Compositions of layers are layers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from ..arrays import Array, Shape
from ..errors import SettingError, ShapeError
from .backprop import Composition, linearize, split_by_position, wrong_delta
from .jacobians import BatchJacobian
from .layers import Layer

Member = TypeVar("Member")


@dataclass(frozen=True, init=False, repr=False)
class _Members(Layer):
    """What the compositions of several layers share: `Chain(*layers)`, with parameters named `"0.W"`, `"2.b"`."""

    layers: tuple[Layer, ...]

    def __init__(self, *layers: Layer) -> None:
        if not layers:
            raise SettingError("layers", expected="at least one layer", got=layers)
        for i, layer in enumerate(layers):
            check_layer(f"layers[{i}]", layer)
        set_field = object.__setattr__  # the instance is frozen from here on
        set_field(self, "layers", layers)
        set_field(self, "stochastic", any(layer.stochastic for layer in layers))
        set_field(self, "mixes_samples", any(layer.mixes_samples for layer in layers))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.layers))})"

    def input_shapes(self, input_shape: Shape) -> list[Shape]:
        """Return the input shape of each member."""
        raise NotImplementedError

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return the members' shapes, each name after its member's position and a dot."""
        shapes = self.input_shapes(input_shape)
        return _flatten([layer.parameter_shapes(s) for layer, s in zip(self.layers, shapes, strict=True)])

    def initialize(self, input_shape: Shape, rng: np.random.Generator) -> dict[str, Array]:
        """Return the members' starting values, drawn in turn."""
        shapes = self.input_shapes(input_shape)
        return _flatten([layer.initialize(s, rng) for layer, s in zip(self.layers, shapes, strict=True)])

    def realize(self, rng: np.random.Generator) -> Layer:
        """Realize each member."""
        return type(self)(*(layer.realize(rng) for layer in self.layers)) if self.stochastic else self


class Chain(_Members):
    """Layers applied in turn, the output of one being the input of the next.

    Formula:  y = f^q(⋯ f^2(f^1(x; W^1); W^2) ⋯; W^q)
    Jacobian: J = J_q ⋯ J_2 · J_1
    Raises:   SettingError when there is no layer; ShapeError naming both layers where two do not fit.
    Source:   course, section 3.
    """

    def __init__(self, *layers: Layer) -> None:
        super().__init__(*layers)
        for i, layer in enumerate(layers[1:], 1):
            if layer.integer_input:
                hint = "a layer that takes indices comes first"
                raise SettingError(f"layers[{i}]", expected="a layer with a real input", got=layer, hint=hint)
        object.__setattr__(self, "integer_input", layers[0].integer_input)
        object.__setattr__(self, "output_range", layers[-1].output_range)

    def shapes(self, input_shape: Shape) -> list[Shape]:
        """Return the shape between the layers: first the input's, last the output's."""
        shapes = [input_shape]
        for i, layer in enumerate(self.layers):
            try:
                shapes.append(layer.output_shape(shapes[-1]))
            except ShapeError as error:
                source = f"the output of layer {i - 1}, {self.layers[i - 1]!r}" if i else "the input"
                raise error.within(f"layer {i}, {layer!r}, does not take {source}") from None
        return shapes

    def input_shapes(self, input_shape: Shape) -> list[Shape]:
        """Return each layer's input shape."""
        return self.shapes(input_shape)[:-1]

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the last layer's output shape."""
        return self.shapes(input_shape)[-1]

    def forward(self, x: Array, /, **params: Array) -> Array:
        """Return f^q(⋯ f^1(x))."""
        for layer, own in zip(self.layers, split_by_position(params, len(self.layers)), strict=True):
            x = layer.forward(x, **own)
        return x

    def linearize(self, x: Array, /, **params: Array) -> tuple[Array, Composition]:
        """Return the output and the product of the Jacobians."""
        return linearize(self.layers, x, split_by_position(params, len(self.layers)))


class Concat(_Members):
    """Layers applied to the same input, their outputs joined along the last axis.

    Formula:  y = [f^0(x), f^1(x), …]
    Jacobian: J_X = [J_0; J_1; …], so that δ·J_X = Σ_i δ_i·J_i
    Shapes:   x (B, *in); y (B, …, n_0 + n_1 + …); all axes but the last alike.
    Raises:   ShapeError when two outputs differ in another axis than the last.
    """

    def __init__(self, *layers: Layer) -> None:
        super().__init__(*layers)
        if len({layer.integer_input for layer in layers}) > 1:
            raise SettingError("layers", expected="layers that all take integers, or none of them", got=layers)
        object.__setattr__(self, "integer_input", layers[0].integer_input)
        ranges = [layer.output_range for layer in layers if layer.output_range is not None]
        if len(ranges) == len(layers):
            whole = min(low for low, _ in ranges), max(high for _, high in ranges)
            object.__setattr__(self, "output_range", whole)

    def input_shapes(self, input_shape: Shape) -> list[Shape]:
        """Return the one input shape for each layer. Raises:   ShapeError as `output_shape`."""
        self.output_shape(input_shape)
        return [input_shape] * len(self.layers)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the first output's shape with the widths of all."""
        shapes = [layer.output_shape(input_shape) for layer in self.layers]
        for i, shape in enumerate(shapes):
            if not shape or shape[:-1] != shapes[0][:-1]:
                raise ShapeError(
                    f"concat: the output of layer {i}, {self.layers[i]!r}",
                    expected=(*shapes[0][:-1], "n"),
                    got=shape,
                    hint="only the last axis may differ from layer to layer",
                )
        return (*shapes[0][:-1], sum(shape[-1] for shape in shapes))

    def forward(self, x: Array, /, **params: Array) -> Array:
        """Return [f^0(x), f^1(x), …]."""
        parts = zip(self.layers, split_by_position(params, len(self.layers)), strict=True)
        return np.concatenate([layer.forward(x, **own) for layer, own in parts], axis=-1)

    def linearize(self, x: Array, /, **params: Array) -> tuple[Array, Concatenation]:
        """Return the joined outputs and the stacked Jacobians."""
        parts = zip(self.layers, split_by_position(params, len(self.layers)), strict=True)
        outputs, jacobians = zip(*(layer.linearize(x, **own) for layer, own in parts), strict=True)
        shapes = [y.shape for y in outputs]
        return np.concatenate(outputs, axis=-1), Concatenation(self.layers, jacobians, x.shape, shapes)


class Concatenation(BatchJacobian):
    """Jacobians of the same input stacked along the output's last axis.

    `layers` serve error messages alone; `input_shape` and `output_shapes` have the batch axis.
    """

    __slots__ = ("input_shape", "jacobians", "layers", "output_shapes")

    def __init__(
        self,
        layers: tuple[Layer, ...],
        jacobians: tuple[BatchJacobian, ...],
        input_shape: Shape,
        output_shapes: list[Shape],
    ) -> None:
        self.layers = layers
        self.jacobians = jacobians
        self.input_shape = input_shape
        self.output_shapes = output_shapes

    def _split(self, delta: Array) -> list[Array]:
        return np.split(delta, np.cumsum([shape[-1] for shape in self.output_shapes])[:-1], axis=-1)

    def vjp(self, delta: Array, out: Mapping[str, Array] | None = None) -> Array:
        """Return Σ_i δ_i·J_i."""
        outs = [None] * len(self.jacobians) if out is None else split_by_position(out, len(self.jacobians))
        total: Array | None = None
        for i, (jacobian, part, own) in enumerate(zip(self.jacobians, self._split(delta), outs, strict=True)):
            term = jacobian.vjp(part, own)
            if getattr(term, "shape", None) != self.input_shape:
                raise wrong_delta(f"layer {i}, {self.layers[i]!r}, of a concat", term, self.input_shape)
            total = term if total is None else total + term
        assert total is not None
        return total

    def vjp_params(self, delta: Array, out: Mapping[str, Array]) -> None:
        """Overwrite every layer's gradients."""
        outs = split_by_position(out, len(self.jacobians))
        for jacobian, part, own in zip(self.jacobians, self._split(delta), outs, strict=True):
            jacobian.vjp_params(part, own)

    def jvp(self, tangent: Array | None, params: Mapping[str, Array]) -> Array:
        """Return [J_0·v, J_1·v, …]."""
        parts = zip(self.jacobians, split_by_position(params, len(self.jacobians)), self.output_shapes, strict=True)
        moved = [
            np.zeros(shape) if tangent is None and not own else np.broadcast_to(jacobian.jvp(tangent, own), shape)
            for jacobian, own, shape in parts
        ]
        return np.concatenate(moved, axis=-1, dtype=np.result_type(*params.values()) if tangent is None else None)

    def per_sample(self, delta: Array) -> dict[str, Array]:
        """Return every layer's per-sample gradients."""
        parts = zip(self.jacobians, self._split(delta), strict=True)
        return _flatten([jacobian.per_sample(part) for jacobian, part in parts])


@dataclass(frozen=True)
class Residual(Layer):
    """A layer with a shortcut around it; its parameters are those of `inner`.

    Formula:  y = x + f(x; W)
    Jacobian: J_X = I + J_X(f)
    Raises:   ShapeError when the output of `inner` has not the shape of its input.
    Source:   He et al. (2016), Deep residual learning for image recognition, eq. 1.
    """

    inner: Layer

    def __post_init__(self) -> None:
        check_layer("inner", self.inner)
        if self.inner.integer_input:
            raise SettingError("inner", expected="a layer with a real input", got=self.inner)
        for flag in ("stochastic", "mixes_samples"):
            object.__setattr__(self, flag, getattr(self.inner, flag))

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of x."""
        output = self.inner.output_shape(input_shape)
        if output != input_shape:
            raise ShapeError(
                f"residual: the output of {self.inner!r}",
                expected=input_shape,
                got=output,
                hint="x + f(x) needs f(x) in the shape of x",
            )
        return output

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return those of `inner`."""
        self.output_shape(input_shape)
        return self.inner.parameter_shapes(input_shape)

    def initialize(self, input_shape: Shape, rng: np.random.Generator) -> dict[str, Array]:
        """Return those of `inner`."""
        self.output_shape(input_shape)
        return self.inner.initialize(input_shape, rng)

    def forward(self, x: Array, /, **params: Array) -> Array:
        """Return x + f(x)."""
        return np.asarray(x + self.inner.forward(x, **params))

    def linearize(self, x: Array, /, **params: Array) -> tuple[Array, Sum]:
        """Return x + f(x) and I + J."""
        y, jacobian = self.inner.linearize(x, **params)
        return x + y, Sum(jacobian)

    def realize(self, rng: np.random.Generator) -> Layer:
        """Realize `inner`."""
        return Residual(self.inner.realize(rng)) if self.stochastic else self


class Sum(BatchJacobian):
    """The Jacobian of x + f(x), I + J."""

    __slots__ = ("jacobian",)

    def __init__(self, jacobian: BatchJacobian) -> None:
        self.jacobian = jacobian

    def vjp(self, delta: Array, out: Mapping[str, Array] | None = None) -> Array:
        """Return δ + δ·J."""
        through = self.jacobian.vjp(delta, out)
        if getattr(through, "shape", None) != delta.shape:
            raise wrong_delta("the inner layer of a residual", through, delta.shape)
        return delta + through

    def vjp_params(self, delta: Array, out: Mapping[str, Array]) -> None:
        """Overwrite the inner layer's gradients."""
        self.jacobian.vjp_params(delta, out)

    def jvp(self, tangent: Array | None, params: Mapping[str, Array]) -> Array:
        """Return v + J·v."""
        pushed = self.jacobian.jvp(tangent, params)
        return pushed if tangent is None else tangent + pushed

    def per_sample(self, delta: Array) -> dict[str, Array]:
        """Return the inner layer's per-sample gradients."""
        return self.jacobian.per_sample(delta)


def as_chain(layers: Layer | Sequence[Layer]) -> Chain:
    """Return a chain of one layer or of a sequence; a chain is itself. Raises:   SettingError."""
    if isinstance(layers, Chain):
        return layers
    if isinstance(layers, Layer):
        return Chain(layers)
    try:
        members = tuple(layers)
    except TypeError:
        raise SettingError("layers", expected="a list of layers", got=layers) from None
    return Chain(*members)


def largest(layer: Layer, input_shape: Shape) -> int:
    """Return the numbers of the largest array that one sample becomes on its way, those within compositions too."""
    inner: list[tuple[Layer, Shape]] = []
    if isinstance(layer, _Members):
        inner = list(zip(layer.layers, layer.input_shapes(input_shape), strict=True))
    elif isinstance(layer, Residual):
        inner = [(layer.inner, input_shape)]
    ends = math.prod(input_shape), math.prod(layer.output_shape(input_shape))
    return max(*ends, *(largest(member, shape) for member, shape in inner))


def check_layer(name: str, value: Any) -> None:
    """Refuse what is no layer. Raises:   SettingError, with the likely cause."""
    if isinstance(value, Layer):
        return
    hint = f"write {value.__name__}(…)" if isinstance(value, type) and issubclass(value, Layer) else None
    raise SettingError(name, expected="a Layer", got=value, hint=hint)


def _flatten(parts: list[dict[str, Member]]) -> dict[str, Member]:
    return {f"{i}.{name}": value for i, own in enumerate(parts) for name, value in own.items()}

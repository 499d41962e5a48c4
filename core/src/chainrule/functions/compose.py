"""The compositions that need no names: one after the other, side by side, around."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, Shape
from ..errors import SettingError, ShapeError
from .backprop import wrong_delta
from .graph import Composed, Graph, check_layer
from .jacobians import BatchJacobian
from .layers import Layer, set_fields, trains_otherwise


@dataclass(frozen=True, init=False, repr=False)
class Chain(Composed):
    """Layers applied in turn, the output of one being the input of the next; the nodes are their positions.

    Formula:  y = f^q(⋯ f^2(f^1(x; W^1); W^2) ⋯; W^q)
    Jacobian: J = J_q ⋯ J_2 · J_1
    Raises:   SettingError when there is no layer; ShapeError naming both layers where two do not fit.
    Source:   course, section 3.
    """

    layers: tuple[Layer, ...]
    ties: Mapping[str, str] | None

    def __init__(self, *layers: Layer, ties: Mapping[str, str] | None = None) -> None:
        _check_layers(layers)
        for i, layer in enumerate(layers[1:], 1):
            if layer.integer_input:
                hint = "a layer that takes indices comes first"
                raise SettingError(f"layers[{i}]", expected="a layer with a real input", got=layer, hint=hint)
        set_fields(self, ties=ties and {**ties})
        nodes = [(str(i), layer, str(i - 1) if i else "x") for i, layer in enumerate(layers)]
        self._wire(nodes, ("x",), (nodes[-1][0],), ties)

    def _shown(self, members: tuple[Layer, ...]) -> dict[str, Any]:
        return {"layers": members}

    def __repr__(self) -> str:
        ties = [f"ties={self.ties!r}"] if self.ties else []
        return f"Chain({', '.join([*map(repr, self.layers), *ties])})"

    def __hash__(self) -> int:
        return hash(self.layers)


class Join(Layer):
    """Several inputs joined along the last axis.

    Formula:  y = [x_0, x_1, …]
    Jacobian: δ·J_X = the parts of δ, one for each input
    Shapes:   x_i (B, …, n_i); y (B, …, n_0 + n_1 + …).
    Raises:   ShapeError when two inputs differ in another axis than the last.
    """

    def output_shape(self, input_shape: Shape, /, *others: Any, **_: Any) -> Shape:
        """Return the first shape with the widths of all."""
        shapes = (input_shape, *others)
        for i, shape in enumerate(shapes):
            if not shape or shape[:-1] != input_shape[:-1]:
                hint = "only the last axis may differ from input to input"
                raise ShapeError(f"input {i}", expected=(*input_shape[:-1], "n"), got=shape, hint=hint)
        return (*input_shape[:-1], sum(shape[-1] for shape in shapes))

    def forward(self, x: Array, /, *others: Any, **params: Any) -> Array:
        """Return [x_0, x_1, …]."""
        return np.concatenate((x, *others), axis=-1)

    def jacobian(self, x: Array, /, *others: Any, **params: Any) -> BatchJacobian:
        """Return the map that joins tangents, and cuts a delta."""
        return Joined([given.shape for given in (x, *others[:-1])])


class Joined(BatchJacobian):
    """The Jacobian of a join of arrays of these shapes, B included."""

    __slots__ = ("shapes",)

    def __init__(self, shapes: list[Shape]) -> None:
        self.shapes = shapes

    def vjp(self, delta: Array, out: Mapping[str, Array] | None = None) -> Any:
        """Return the parts of δ."""
        parts = np.split(delta, np.cumsum([shape[-1] for shape in self.shapes])[:-1], axis=-1)
        return parts[0] if len(parts) == 1 else tuple(parts)

    def jvp(self, tangent: Any, params: Mapping[str, Array]) -> Array:
        """Return [v_0, v_1, …]."""
        moved = (tangent,) if len(self.shapes) == 1 else tangent
        dtype = np.result_type(*[v for v in moved if v is not None])
        parts = [np.zeros(s, dtype) if v is None else v for v, s in zip(moved, self.shapes, strict=True)]
        return np.concatenate(parts, axis=-1)

    def per_sample(self, delta: Array) -> dict[str, Array]:
        """Return nothing: there are no parameters."""
        return {}


@dataclass(frozen=True, init=False, repr=False)
class Concat(Composed):
    """Layers applied to the same input, their outputs joined along the last axis.

    Formula:  y = [f^0(x), f^1(x), …]
    Jacobian: J_X = [J_0; J_1; …], so that δ·J_X = Σ_i δ_i·J_i
    Shapes:   x (B, *in); y (B, …, n_0 + n_1 + …); all axes but the last alike.
    Raises:   ShapeError when two outputs differ in another axis than the last.
    """

    layers: tuple[Layer, ...]

    def __init__(self, *layers: Layer) -> None:
        _check_layers(layers)
        if len({layer.integer_input for layer in layers}) > 1:
            raise SettingError("layers", expected="layers that all take integers, or none of them", got=layers)
        names = [str(i) for i in range(len(layers))]
        nodes = [(name, layer, "x") for name, layer in zip(names, layers, strict=True)]
        self._wire([*nodes, ("join", Join(), *names)], ("x",), ("join",), None)

    def _shown(self, members: tuple[Layer, ...]) -> dict[str, Any]:
        layers = members[:-1]
        ranges = [layer.output_range for layer in layers if layer.output_range is not None]
        if len(ranges) < len(layers):
            return {"layers": layers}
        return {"layers": layers, "output_range": (min(low for low, _ in ranges), max(high for _, high in ranges))}

    def __repr__(self) -> str:
        return f"Concat({', '.join(map(repr, self.layers))})"


def _check_layers(layers: Sequence[Any]) -> None:
    if not layers:
        raise SettingError("layers", expected="at least one layer", got=layers)
    for i, layer in enumerate(layers):
        check_layer(f"layers[{i}]", layer)


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
        set_fields(
            self,
            stochastic=self.inner.stochastic,
            trains_otherwise=trains_otherwise(self.inner),
            mixes_samples=self.inner.mixes_samples,
        )

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
        return Residual(self.inner.realize(rng)) if self.trains_otherwise else self

    def statistic_shapes(self, input_shape: Shape, /, *others: Any, **_: Any) -> dict[str, Shape]:
        """Return those of `inner`."""
        return self.inner.statistic_shapes(input_shape)

    def initial_statistics(self, input_shape: Shape, /, *others: Any, **_: Any) -> dict[str, Array]:
        """Return those of `inner`."""
        return self.inner.initial_statistics(input_shape)

    def predicting(self, /, *args: Any, **statistics: Array) -> Layer:
        """Give them to `inner`."""
        return Residual(self.inner.predicting(**statistics)) if statistics else self

    def remembered(self, old: Mapping[str, Array], seen: Mapping[str, Array], /) -> dict[str, Array]:
        """Ask `inner`."""
        return self.inner.remembered(old, seen)

    def least_batch(self, input_shape: Shape, /, *others: Any, **_: Any) -> int:
        """Return that of `inner`."""
        return self.inner.least_batch(input_shape)


class Sum(BatchJacobian):
    """The Jacobian of x + f(x), I + J."""

    __slots__ = ("jacobian", "seen")

    def __init__(self, jacobian: BatchJacobian) -> None:
        self.jacobian = jacobian
        self.seen = jacobian.seen

    def vjp(self, delta: Array, out: Mapping[str, Array] | None = None) -> Array:
        """Return δ + δ·J."""
        through = self.jacobian.vjp(delta, out)
        if getattr(through, "shape", None) != delta.shape:
            raise wrong_delta("the inner layer of a residual", through, delta.shape)
        return np.asarray(delta + through)

    def vjp_params(self, delta: Array, out: Mapping[str, Array]) -> None:
        """Overwrite the inner layer's gradients."""
        self.jacobian.vjp_params(delta, out)

    def jvp(self, tangent: Array | None, params: Mapping[str, Array]) -> Array:
        """Return v + J·v."""
        pushed = self.jacobian.jvp(tangent, params)
        return pushed if tangent is None else np.asarray(tangent + pushed)

    def per_sample(self, delta: Array) -> dict[str, Array]:
        """Return the inner layer's per-sample gradients."""
        return self.jacobian.per_sample(delta)


def as_chain(layers: Layer | Sequence[Layer], ties: Mapping[str, str] | None = None) -> Chain | Graph:
    """Return a chain of one layer or of a sequence; a chain or a graph is itself. Raises:   SettingError."""
    if isinstance(layers, Chain | Graph):
        if ties:
            raise SettingError("ties", expected=f"those of the {type(layers).__name__}", got=ties)
        return layers
    if isinstance(layers, Layer):
        return Chain(layers, ties=ties)
    try:
        members = tuple(layers)
    except TypeError:
        raise SettingError("layers", expected="a list of layers", got=layers) from None
    return Chain(*members, ties=ties)


def largest(layer: Layer, *input_shapes: Shape) -> int:
    """Return the numbers of the largest array that one sample becomes on its way, those within compositions too."""
    if isinstance(layer, Composed):
        taken = layer.taken(layer.shapes(*input_shapes))
        return max(largest(member, *shapes) for member, shapes in zip(layer.members, taken, strict=True))
    own = max(map(math.prod, (*input_shapes, layer.output_shape(*input_shapes))))
    inner = getattr(layer, "inner", None)
    return max(own, largest(inner, *input_shapes)) if isinstance(layer, Residual) and inner else own

"""The compositions that need no names: one after the other, and side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, Shape
from ..errors import SettingError, ShapeError
from .around import Around
from .graph import Composed, Graph, check_layer
from .jacobians import BatchJacobian
from .layers import Layer, integers_of
from .wiring import as_list, one_or_all


@dataclass(frozen=True, init=False, repr=False)
class Chain(Composed):
    """Layers applied in turn, the output of one being the input of the next; the nodes are their positions.

    Formula:  y = f^q(⋯ f^2(f^1(x; W^1); W^2) ⋯; W^q)
    Jacobian: J = J_q ⋯ J_2 · J_1
    Raises:   SettingError when there is no layer; ShapeError naming both layers where two do not fit.
    Source:   course, section 3.
    """

    layers: tuple[Layer, ...]
    ties: Mapping[str, str] | None = None

    def __init__(self, *layers: Layer, ties: Mapping[str, str] | None = None) -> None:
        _check_layers(layers)
        for i, layer in enumerate(layers[1:], 1):
            if integers_of(layer, 1)[0]:
                hint = "a layer that takes indices comes first"
                raise SettingError(f"layers[{i}]", expected="a layer with a real input", got=layer, hint=hint)
        nodes = [(str(i), layer, str(i - 1) if i else "x") for i, layer in enumerate(layers)]
        self._wire(nodes, ("x",), (nodes[-1][0],), ties)

    def _shown(self, members: tuple[Layer, ...]) -> dict[str, Any]:
        return {"layers": members}

    def __repr__(self) -> str:
        ties = [f"ties={self.ties!r}"] if self.ties else []
        return f"Chain({', '.join([*map(repr, self.layers), *ties])})"

    def __hash__(self) -> int:
        return hash(self.layers)


@dataclass(frozen=True)
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


@dataclass(eq=False, repr=False)
class Joined(BatchJacobian):
    """The Jacobian of a join of arrays of these shapes, B included."""

    shapes: list[Shape]

    def vjp(self, delta: Array, out: Mapping[str, Array] | None = None) -> Any:
        """Return the parts of δ."""
        return one_or_all(np.split(delta, np.cumsum([shape[-1] for shape in self.shapes])[:-1], axis=-1))

    def jvp(self, tangent: Any, params: Mapping[str, Array]) -> Array:
        """Return [v_0, v_1, …]."""
        moved = as_list(tangent, len(self.shapes))
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
    return max(sizes(layer, *input_shapes))


def sizes(layer: Layer, *input_shapes: Shape) -> list[int]:
    """Return the numbers of each array that one sample becomes on its way: the inputs, then the output of each layer.

    Those within compositions are among them.
    """
    return [*map(math.prod, input_shapes), *_outputs(layer, *input_shapes)]


def _outputs(layer: Layer, *input_shapes: Shape) -> Iterator[int]:
    if isinstance(layer, Around):
        inner_shape, times = layer.inside(*input_shapes)
        yield from (times * numbers for numbers in _outputs(layer.inner, inner_shape))
    elif isinstance(layer, Composed):
        for member, shapes in zip(layer.members, layer.taken(layer.shapes(*input_shapes)), strict=True):
            yield from _outputs(member, *shapes)
        return
    yield math.prod(layer.output_shape(*input_shapes))

"""The driver: multiply the local derivatives together.

Source:   course, section 3, "Batched Forward/Backward/Update".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

import numpy as np

from ..arrays import Array, Shape
from ..errors import ShapeError, UnsupportedError
from .jacobians import BatchJacobian
from .layers import Layer

Gradients = Sequence[Mapping[str, Array] | None]
"""For each layer, the arrays to overwrite by parameter name; None where they are not asked for."""


def linearize(
    layers: Sequence[Layer],
    x: Array,
    parameters: Sequence[Mapping[str, Array]],
    declared: Sequence[Shape] | None = None,
) -> tuple[Array, Composition]:
    """Sweep forward, X^i = f^i(X^(i-1); W^i), and collect the Jacobians on the way.

    Raises:   ShapeError naming the layer whose output has not the shape `declared[i + 1]`; whatever else a layer
              raises goes on with a note that names it.
    """
    jacobians, shapes, B = [], [x.shape], len(x)
    for i, layer in enumerate(layers):
        try:
            x, jacobian = layer.linearize(x, **parameters[i])
        except Exception as error:
            error.add_note(f"in layer {i}, {layer!r}")
            raise
        if declared is not None:
            check_output(layers, i, x, (B, *declared[i + 1]))
        jacobians.append(jacobian)
        shapes.append(x.shape)
    return x, Composition(layers, jacobians, shapes, [bool(own) for own in parameters])


def check_output(layers: Sequence[Layer], i: int, y: Array, expected: Shape) -> None:
    """Refuse an output of layer i that has another shape than declared. Raises:   ShapeError."""
    if getattr(y, "shape", None) != expected:
        raise ShapeError(
            f"the output of layer {i}, {layers[i]!r}",
            expected=expected,
            got=getattr(y, "shape", y),
            hint="that is what its output_shape declares",
        )


class Composition(BatchJacobian):
    """The product of the Jacobians of layers applied in turn, J = J_q ⋯ J_2 · J_1.

    `layers` serve error messages alone; `shapes[i]` is the shape, B included, of the input of layer i, and the last
    one that of the output. `learns[i]` says whether layer i has parameters. They are named by position, dot, name:
    `"0.W"`.
    """

    __slots__ = ("jacobians", "layers", "learns", "shapes")

    def __init__(
        self, layers: Sequence[Layer], jacobians: list[BatchJacobian], shapes: list[Shape], learns: list[bool]
    ) -> None:
        self.layers = layers
        self.jacobians = jacobians
        self.shapes = shapes
        self.learns = learns

    def backward(self, delta: Array, gradients: Gradients, *, to_input: bool) -> Array | None:
        """Sweep backward, δX^(i-1) = δX^i · J_X and dW^i = Σ_j δX^(i,j) · J_W; return δX^0 if `to_input`.

        Raises:   ShapeError naming the layer when a delta has not the shape of what it is the derivative of.
        """
        jacobians, shapes = self.jacobians, self.shapes
        if getattr(delta, "shape", None) != shapes[-1]:
            came, hint = getattr(delta, "shape", delta), "it has the shape of the scores"
            raise ShapeError("the gradient of the loss", expected=shapes[-1], got=came, hint=hint)
        i = 0
        try:
            for i in range(len(jacobians) - 1, -1 if to_input else 0, -1):
                delta = jacobians[i].vjp(delta, gradients[i])
                if getattr(delta, "shape", None) != shapes[i]:
                    raise self._wrong_delta(i, delta)
            if to_input:
                return delta
            i, first = 0, gradients[0]
            if first is not None:
                jacobians[0].vjp_params(delta, first)
            return None
        except UnsupportedError as error:
            self._blame(error, i)
        except Exception as error:
            error.add_note(f"in the backward pass of layer {i}, {self.layers[i]!r}")
            raise

    def vjp(self, delta: Array, out: Mapping[str, Array] | None = None) -> Array:
        """Return δ·J_q ⋯ J_1; with `out`, overwrite every layer's gradients."""
        gradients = [None] * len(self.jacobians) if out is None else split_by_position(out, len(self.jacobians))
        result = self.backward(delta, gradients, to_input=True)
        assert result is not None
        return result

    def vjp_params(self, delta: Array, out: Mapping[str, Array]) -> None:
        """Overwrite every layer's gradients."""
        self.backward(delta, split_by_position(out, len(self.jacobians)), to_input=False)

    def jvp(self, tangent: Array | None, params: Mapping[str, Array]) -> Array:
        """Push the tangent forward: v^i = J_X·v^(i-1) + Σ_name J_name·v_name."""
        i = 0
        try:
            for i, own in enumerate(split_by_position(params, len(self.jacobians))):
                if tangent is not None or own:  # up to here nothing moves
                    tangent = np.broadcast_to(self.jacobians[i].jvp(tangent, own), self.shapes[i + 1])
        except UnsupportedError as error:
            self._blame(error, i)
        return np.zeros(self.shapes[-1]) if tangent is None else tangent

    def per_sample(self, delta: Array) -> dict[str, Array]:
        """Return each parameter's δ_j·J_name, in the order of the layers."""
        found: list[dict[str, Array]] = [{}] * len(self.jacobians)
        i = 0
        try:
            for i in range(len(self.jacobians) - 1, -1, -1):
                if self.learns[i]:
                    found[i] = self.jacobians[i].per_sample(delta)
                if i > 0:
                    delta = self.jacobians[i].vjp(delta)
                    if getattr(delta, "shape", None) != self.shapes[i]:
                        raise self._wrong_delta(i, delta)
        except UnsupportedError as error:
            self._blame(error, i)
        return {f"{i}.{name}": array for i, own in enumerate(found) for name, array in own.items()}

    def _wrong_delta(self, i: int, delta: Array) -> ShapeError:
        return wrong_delta(f"layer {i}, {self.layers[i]!r},", delta, self.shapes[i])

    def _blame(self, error: UnsupportedError, i: int) -> NoReturn:
        raise error.within(f"layer {i}, {self.layers[i]!r}")


def wrong_delta(whose: str, delta: Array, expected: Shape) -> ShapeError:
    """Return the error for a delta that has another shape than the input that it is the derivative to."""
    came, hint = getattr(delta, "shape", delta), "its vjp returns the shape of the layer's input"
    return ShapeError(f"the delta that {whose} passes on", expected=expected, got=came, hint=hint)


def split_by_position(named: Mapping[str, Array], count: int) -> list[dict[str, Array]]:
    """Return {"0.W": …, "2.b": …} as one dictionary of names for each of `count` layers."""
    parts: list[dict[str, Array]] = [{} for _ in range(count)]
    for key, array in named.items():
        position, _, name = key.partition(".")
        parts[int(position)][name] = array
    return parts

"""The driver: multiply the local derivatives together.

Source:   course, section 3, "Batched Forward/Backward/Update".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

from .arrays import Array, Shape
from .errors import ShapeError, UnsupportedError
from .jacobians import BatchJacobian
from .layers import Layer

Gradients = Sequence[Mapping[str, Array] | None]
"""For each layer, the arrays to overwrite by parameter name; None where they are not asked for."""


def linearize(
    layers: Sequence[Layer], x: Array, parameters: Sequence[Mapping[str, Array]]
) -> tuple[Array, Composition]:
    """Sweep forward, X^i = f^i(X^(i-1); W^i), and collect the Jacobians on the way."""
    jacobians, shapes = [], [x.shape]
    for layer, own in zip(layers, parameters, strict=True):
        x, jacobian = layer.linearize(x, **own)
        jacobians.append(jacobian)
        shapes.append(x.shape)
    return x, Composition(layers, jacobians, shapes)


class Composition(BatchJacobian):
    """The product of the Jacobians of layers applied in turn, J = J_q ⋯ J_2 · J_1.

    `layers` serve error messages alone; `shapes[i]` is the shape, B included, of the input of layer i, and the last
    one that of the output. Parameters are named by position, dot, name: `"0.W"`.
    """

    __slots__ = ("jacobians", "layers", "shapes")

    def __init__(self, layers: Sequence[Layer], jacobians: list[BatchJacobian], shapes: list[Shape]) -> None:
        self.layers = layers
        self.jacobians = jacobians
        self.shapes = shapes

    def backward(self, delta: Array, gradients: Gradients, *, to_input: bool) -> Array | None:
        """Sweep backward, δX^(i-1) = δX^i · J_X and dW^i = Σ_j δX^(i,j) · J_W; return δX^0 if `to_input`.

        Raises:   ShapeError naming the layer when a delta has not the shape of what it is the derivative of.
        """
        jacobians, shapes = self.jacobians, self.shapes
        if getattr(delta, "shape", None) != shapes[-1]:
            self._refuse(delta, len(jacobians))
        i = 0
        try:
            for i in range(len(jacobians) - 1, 0, -1):
                delta = jacobians[i].vjp(delta, gradients[i])
                if getattr(delta, "shape", None) != shapes[i]:
                    self._refuse(delta, i)
            i, first = 0, gradients[0]
            if to_input:
                delta = jacobians[0].vjp(delta, first)
                if getattr(delta, "shape", None) != shapes[0]:
                    self._refuse(delta, 0)
                return delta
            if first is not None:
                jacobians[0].vjp_params(delta, first)
            return None
        except UnsupportedError as error:
            self._blame(error, i)

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
                tangent = self.jacobians[i].jvp(tangent, own)
        except UnsupportedError as error:
            self._blame(error, i)
        assert tangent is not None
        return tangent

    def per_sample(self, delta: Array) -> dict[str, Array]:
        """Return each parameter's δ_j·J_name, in the order of the layers."""
        found: list[dict[str, Array]] = [{}] * len(self.jacobians)
        i = 0
        try:
            for i in range(len(self.jacobians) - 1, -1, -1):
                found[i] = self.jacobians[i].per_sample(delta)
                if i > 0:
                    delta = self.jacobians[i].vjp(delta)
        except UnsupportedError as error:
            self._blame(error, i)
        return {f"{i}.{name}": array for i, own in enumerate(found) for name, array in own.items()}

    def _refuse(self, delta: Array, i: int) -> NoReturn:
        last = i == len(self.jacobians)
        raise ShapeError(
            "the gradient of the loss" if last else f"the delta that layer {i}, {self.layers[i]!r}, passes on",
            expected=self.shapes[i],
            got=getattr(delta, "shape", delta),
            hint="it has the shape of the scores" if last else "its vjp returns the shape of the layer's input",
        )

    def _blame(self, error: UnsupportedError, i: int) -> NoReturn:
        raise error.within(f"layer {i}, {self.layers[i]!r}")


def split_by_position(named: Mapping[str, Array], count: int) -> list[dict[str, Array]]:
    """Return {"0.W": …, "2.b": …} as one dictionary of names for each of `count` layers."""
    parts: list[dict[str, Array]] = [{} for _ in range(count)]
    for key, array in named.items():
        position, _, name = key.partition(".")
        parts[int(position)][name] = array
    return parts

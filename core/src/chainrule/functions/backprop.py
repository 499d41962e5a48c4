"""The driver: multiply the local derivatives together.

Source:   course, section 3, "Batched Forward/Backward/Update".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import numpy as np

from ..arrays import Array, Shape
from ..errors import ShapeError, UnsupportedError
from .jacobians import BatchJacobian
from .layers import Layer
from .wiring import Slots, Value, Wiring, as_list, join_names, one_or_all, split_by_name

if TYPE_CHECKING:
    from .graph import Composed

Parts: TypeAlias = Sequence[Mapping[str, Array]]
"""Each layer's own parameters, by name."""


def forward(
    composed: Composed,
    inputs: Sequence[Array],
    parameters: Parts,
    declared: Sequence[Shape] | None = None,
    jacobians: list[BatchJacobian] | None = None,
) -> tuple[list[Any], Sequence[Shape]]:
    """Sweep forward, X^i = f^i(X^(i-1); W^i); return what leaves, and the shapes of all values, B included.

    With a list of `jacobians`, the layers are linearized, and their Jacobians added to it.
    Raises:   ShapeError naming the layer whose output has not its shape in `declared`, B included; whatever else
              `linearize` of a layer raises goes on with a note that names it.
    """
    wiring, values = composed.wiring, list[Any](inputs)
    found = [x.shape for x in inputs] if declared is None else []
    for layer, own, (sources, finished) in zip(composed.members, parameters, wiring.forth, strict=True):
        taken = [values[s] for s in sources] if len(sources) > 1 else (values[sources[0]],)
        if jacobians is None:
            y = layer.forward(*taken, **own)
        else:
            try:
                y, jacobian = layer.linearize(*taken, **own)
            except Exception as error:
                error.add_note(f"in {wiring.where(len(jacobians), layer)}")
                raise
            jacobians.append(jacobian)
        shape = getattr(y, "shape", ())
        if declared is None:
            found.append(shape)
        elif shape != declared[len(values)]:
            raise wrong_output(wiring.where(len(values) - len(inputs), layer), y, declared[len(values)])
        values.append(y)
        for s in finished:
            values[s] = None
    return [values[s] for s in wiring.outputs], found if declared is None else declared


def linearize(
    composed: Composed,
    inputs: Sequence[Array],
    parameters: Parts,
    declared: Sequence[Shape] | None = None,
    learns: tuple[bool, ...] | None = None,
) -> tuple[list[Any], Composition]:
    """Sweep forward, and collect the Jacobians on the way; `learns` says which layers have parameters, if it is known.

    Raises:   as `forward`.
    """
    jacobians: list[BatchJacobian] = []
    ends, shapes = forward(composed, inputs, parameters, declared, jacobians)
    learns = learns or tuple(map(bool, parameters))
    return ends, Composition(composed.members, composed.wiring, jacobians, shapes, learns)


class Composition(BatchJacobian):
    """The product of the Jacobians of layers, J = J_q ⋯ J_2 · J_1; where paths fork and join, the sum over the paths.

    `layers` serve error messages alone; `shapes` are those, B included, of the wiring's values. `learns[i]` says
    whether layer i has parameters. They are named by node, dot, name: `"0.W"`.
    """

    __slots__ = ("jacobians", "layers", "learns", "shapes", "wiring")

    def __init__(
        self,
        layers: Sequence[Layer],
        wiring: Wiring,
        jacobians: list[BatchJacobian],
        shapes: Sequence[Shape],
        learns: tuple[bool, ...],
    ) -> None:
        self.layers = layers
        self.wiring = wiring
        self.jacobians = jacobians
        self.shapes = shapes
        self.learns = learns

    @property
    def seen(self) -> Mapping[str, Array]:  # type: ignore[override]  # it is asked for where a layer remembers, alone
        """What the layers make their statistics of."""
        seen = [jacobian.seen for jacobian in self.jacobians]
        return join_names(self.wiring.names, seen) if any(seen) else {}

    def backward(self, deltas: Sequence[Array], slots: Slots | None, *, to_input: bool) -> list[Array | None]:
        """Sweep backward, δX^(i-1) = δX^i · J_X and dW^i = Σ_j δX^(i,j) · J_W; return δX^0 `to_input`.

        It goes no further back than to what is asked for: layers before the first that learns rest.
        Raises:   ShapeError naming the layer when a delta has not the shape of what it is the derivative of.
        """
        if slots is None:
            return self._sweep(deltas, None, None, to_input=to_input)
        passed = self._sweep(deltas, slots.parts, None, to_input=to_input)
        if slots.ties:
            slots.add_ties()
        return passed

    def _sweep(
        self,
        deltas: Sequence[Array],
        out: Parts | None,
        of_samples: list[dict[str, Array]] | None,
        *,
        to_input: bool,
    ) -> list[Array | None]:
        """Go backward through the nodes, and return the deltas of the inputs.

        The gradients are written into `out`, or those of each sample put in `of_samples`, if there is either. What
        reaches a value by several paths is added up from the last to the first.
        """
        wiring, shapes, jacobians, count = self.wiring, self.shapes, self.jacobians, len(self.wiring.integers)
        flowing: list[Array | None] = [None] * len(shapes)
        for s, delta in zip(wiring.outputs, deltas, strict=True):
            if getattr(delta, "shape", None) != shapes[s]:
                raise wrong_gradient(delta, shapes[s])
            flowing[s] = delta
        learns = None if out is None and of_samples is None else self.learns
        i = 0
        try:
            for i, on, into in wiring.back(learns, to_input):
                came, flowing[count + i] = flowing[count + i], None
                if came is None:  # it reaches nothing but indices
                    came = np.zeros(shapes[count + i], delta.dtype)
                if of_samples is not None and self.learns[i]:
                    of_samples[i] = jacobians[i].per_sample(came)
                if not on:
                    if out is not None:
                        jacobians[i].vjp_params(came, out[i])
                    continue
                passed = jacobians[i].vjp(came, None if out is None else out[i])
                for at, part in zip(into, passed if len(into) > 1 else (passed,), strict=True):
                    if at is None or (part is None and len(into) > 1):
                        continue
                    if getattr(part, "shape", None) != shapes[at]:
                        raise wrong_delta(f"{wiring.where(i, self.layers[i])},", part, shapes[at])
                    before = flowing[at]
                    flowing[at] = part if before is None else before + part
        except UnsupportedError as error:
            self._blame(error, i)
        except Exception as error:
            error.add_note(f"in the backward pass of {wiring.where(i, self.layers[i])}")
            raise
        return flowing[:count]

    def vjp(self, delta: Any, out: Mapping[str, Array] | None = None) -> Any:
        """Return δ·J_q ⋯ J_1; with `out`, overwrite every layer's gradients."""
        slots = None if out is None else Slots(self.wiring, out)
        return one_or_all(self.backward(self._ends(delta), slots, to_input=True))

    def vjp_params(self, delta: Any, out: Mapping[str, Array]) -> None:
        """Overwrite every layer's gradients."""
        self.backward(self._ends(delta), Slots(self.wiring, out), to_input=False)

    def jvp(self, tangent: Any, params: Mapping[str, Array]) -> Any:
        """Push the tangent forward: v^i = J_X·v^(i-1) + Σ_name J_name·v_name."""
        wiring, count = self.wiring, len(self.wiring.integers)
        moved: list[Array | None] = [None] * count if tangent is None else as_list(tangent, count)
        i = 0
        try:
            for i, own in enumerate(wiring.split(wiring.untied(params))):
                before = [moved[s] for s in wiring.sources[i]]
                if own or any(v is not None for v in before):  # else nothing moves here
                    v = self.jacobians[i].jvp(one_or_all(before), own)
                    moved.append(np.broadcast_to(v, self.shapes[count + i]))
                else:
                    moved.append(None)
        except UnsupportedError as error:
            self._blame(error, i)
        ends = [(moved[s], self.shapes[s]) for s in wiring.outputs]
        return one_or_all([np.zeros(shape) if v is None else v for v, shape in ends])

    def per_sample(self, delta: Any) -> dict[str, Array]:
        """Return each parameter's δ_j·J_name, in the order of the layers."""
        own: list[dict[str, Array]] = [{}] * len(self.jacobians)
        self._sweep(self._ends(delta), None, own, to_input=False)
        found = join_names(self.wiring.names, own)
        for name, source, transposed in self.wiring.tied(found):
            part = found.pop(name)
            found[source] = found[source] + (np.moveaxis(part.T, -1, 0) if transposed else part)
        return found

    def _ends(self, delta: Any) -> list[Array]:
        return as_list(delta, len(self.wiring.outputs))

    def _blame(self, error: UnsupportedError, i: int) -> NoReturn:
        raise error.within(self.wiring.where(i, self.layers[i]))


def wrong_output(of: str, y: Any, expected: Shape) -> ShapeError:
    """Return the error for an output that has not its declared shape."""
    came, hint = getattr(y, "shape", ()) or y, "that is what its output_shape declares"
    return ShapeError(f"the output of {of}", expected=expected, got=came, hint=hint)


def wrong_gradient(delta: Any, expected: Shape) -> ShapeError:
    """Return the error for a gradient of the loss that has another shape than the scores."""
    came, hint = getattr(delta, "shape", delta), "it has the shape of the scores"
    return ShapeError("the gradient of the loss", expected=expected, got=came, hint=hint)


def wrong_delta(whose: str, delta: Any, expected: Shape) -> ShapeError:
    """Return the error for a delta that has another shape than the input that it is the derivative to."""
    came, hint = getattr(delta, "shape", delta), "its vjp returns the shape of the layer's input"
    return ShapeError(f"the delta that {whose} passes on", expected=expected, got=came, hint=hint)


def split_by_position(named: Mapping[str, Value], count: int) -> list[dict[str, Value]]:
    """Return {"0.W": …, "2.b": …} as one dictionary of names for each of `count` layers."""
    return split_by_name(named, [str(i) for i in range(count)])

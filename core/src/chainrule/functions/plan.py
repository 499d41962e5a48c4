"""A chain's way there and back for batches of one size, looked up once: a small network's step has time for no more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..arrays import Array, Shape
from ..errors import UnsupportedError
from .backprop import Parts, wrong_delta, wrong_gradient, wrong_output
from .graph import Composed
from .jacobians import BatchJacobian
from .losses import Loss, total
from .wiring import Slots

PLANS = 8
"""Sizes of batches whose plans a network keeps: an epoch has two."""


class Plan:
    """What `backprop` does with a chain as it is computed: that of `Composition`, with nothing left to look up.

    It holds layers, views of θ and shapes, B included. None of them changes while the network lives: layers are frozen,
    and θ is assigned into. Layers that are realized, or predict with statistics, are another chain, and have no plan.
    """

    __slots__ = ("_back", "_chain", "_forth", "_scores")

    def __init__(
        self, chain: Composed, parameters: Parts, shapes: Sequence[Shape], learns: tuple[bool, ...], B: int
    ) -> None:
        self._chain = chain
        shapes = [(B, *shape) for shape in shapes]
        self._forth = list(zip(chain.members, parameters, shapes[1:], strict=True))
        self._scores = shapes[-1]
        # In a chain the value that layer i takes is value i.
        self._back = [(i, shapes[i] if on else None) for i, on, _ in chain.wiring.back(learns, False)]

    def backprop(self, x: Array, targets: Any, loss: Loss, weight: float, slots: Slots) -> float:
        """Return Σ_j l(Net(x_j), y_j), and fill the slots. Raises:   as `Network.backprop`."""
        scores, jacobians = self._linearize(x)
        values, delta = loss.linearize(scores, targets)
        value = total(loss, values, len(x))
        self._backward(jacobians, delta * (1.0 / weight), slots)
        return value

    def _linearize(self, x: Array) -> tuple[Array, list[BatchJacobian]]:
        """Sweep forward, as `backprop.forward`."""
        jacobians: list[BatchJacobian] = []
        for layer, own, shape in self._forth:
            try:
                x, jacobian = layer.linearize(x, **own)
            except Exception as error:
                error.add_note(f"in {self._where(len(jacobians))}")
                raise
            if getattr(x, "shape", ()) != shape:
                raise wrong_output(self._where(len(jacobians)), x, shape)
            jacobians.append(jacobian)
        return x, jacobians

    def _backward(self, jacobians: list[BatchJacobian], delta: Array, slots: Slots) -> None:
        """Sweep backward, as `Composition.backward`."""
        if getattr(delta, "shape", None) != self._scores:
            raise wrong_gradient(delta, self._scores)
        parts = slots.parts
        i = 0
        try:
            for i, taken in self._back:
                if taken is None:  # it is the first that learns, and the last here
                    jacobians[i].vjp_params(delta, parts[i])
                else:
                    delta = jacobians[i].vjp(delta, parts[i])
                    if getattr(delta, "shape", None) != taken:
                        raise wrong_delta(f"{self._where(i)},", delta, taken)
        except UnsupportedError as error:
            raise error.within(self._where(i)) from None
        except Exception as error:
            error.add_note(f"in the backward pass of {self._where(i)}")
            raise
        if slots.ties:
            slots.add_ties()

    def _where(self, i: int) -> str:
        return self._chain.wiring.where(i, self._chain.members[i])

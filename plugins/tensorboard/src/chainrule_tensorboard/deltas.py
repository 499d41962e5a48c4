"""δ by layer: what a backward sweep passes on, watched in the Jacobians themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule import Array, BatchJacobian, Graph, Loss, Network
from chainrule.backprop import Composition


def deltas(network: Network, x: Any, targets: Any, loss: Loss) -> dict[str, Array]:
    """Return δX^i of every layer, the derivative of each sample's own loss to what the layer returns, by its name.

    The layers act as in prediction, and those inside others have the name of these before theirs, as parameters have:
    `"2.0"`. Of the layers before the first that learns there is none, as none is computed in training.

    Formula:  δX^(i-1) = δX^i · J_X, begun with δX^q = ∂l/∂s
    Shapes:   (B, *the shape of the layer's output); positions of a layer that is applied at each are samples of it.
    Raises:   as `Network.linearize`, and what the loss raises.
    Source:   course, section 3, "Batched Forward/Backward/Update".
    """
    scores, jacobian = network.linearize(x, layers=network.as_written())
    delta: Any = loss.gradient(scores, targets)
    found: dict[str, Array] = {}
    _watch(jacobian, "", found)
    if isinstance(network.chain, Graph) and isinstance(delta, Mapping):  # several outputs
        delta = tuple(delta[name] for name in network.chain.outputs)
    jacobian.vjp_params(delta, network.views(np.empty_like(network.theta)))
    return dict(reversed(found.items()))


class Watched(BatchJacobian):
    """A Jacobian that writes down under `name` the δ that it is given."""

    def __init__(self, jacobian: BatchJacobian, name: str, found: dict[str, Array]) -> None:
        self.jacobian = jacobian
        self.name = name
        self.found = found

    def vjp(self, delta: Array, out: Mapping[str, Array] | None = None) -> Any:
        """Return δ·J_X."""
        self.found[self.name] = delta
        return self.jacobian.vjp(delta, out)

    def vjp_params(self, delta: Array, out: Mapping[str, Array]) -> None:
        """Overwrite each `out[name]`."""
        self.found[self.name] = delta
        self.jacobian.vjp_params(delta, out)

    def jvp(self, tangent: Any, params: Mapping[str, Array]) -> Array:
        """Return J·v."""
        return self.jacobian.jvp(tangent, params)


def _watch(jacobian: BatchJacobian, name: str, found: dict[str, Array]) -> None:
    """Put watched Jacobians in the place of those that a composition, or a layer around another, is made of."""
    if isinstance(jacobian, Composition):
        for i, (node, own) in enumerate(zip(jacobian.wiring.names, jacobian.jacobians, strict=True)):
            _watch(own, f"{name}{node}.", found)
            jacobian.jacobians[i] = Watched(own, f"{name}{node}", found)
    else:
        inner = getattr(jacobian, "jacobian", None)
        if isinstance(inner, BatchJacobian):
            _watch(inner, name, found)

"""The total gradient of a network against differences: what the driver makes of a layer's maps."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Array
from ..functions.network import Network
from .blame import blame
from .compare import agree
from .differences import along, assemble, step_of
from .layer_probes import LayerProbe
from .standins import Wavy

SOME = 60
"""How many entries of a parameter are compared."""


def compare_total(probe: LayerProbe, network: Network, x: Any, B: int) -> None:
    """Compare backprop's gradient of the mean loss of B samples with the numerical one. Raises:   Failure."""
    loss = Wavy.of(network.predict(x))
    with blame("backprop of a network with the layer"):
        network.backprop(x, None, loss)
    gradient, theta = network.gradient.copy(), network.theta.copy()
    for name, place in network.slices.items():
        columns, at = [], np.arange(place.start, place.stop)
        if len(at) > SOME:
            at = np.sort(probe.rng.permutation(at)[:SOME])
        for k in at:
            h = float(step_of(theta[k]))

            def objective(t: float, k: int = int(k), h: float = h) -> Array:
                network.theta[k] = theta[k] + t * h
                with blame("predict of a network with the layer"):
                    value = loss.value(network.predict(x), None).mean()
                network.theta[k] = theta[k]
                return np.asarray(value)

            columns.append(along(objective, h))
        numerical = assemble(columns, np.ones(()))
        agree(
            gradient[at],
            numerical.value,
            np.where(numerical.rough, np.inf, 2 * numerical.tolerance() + 1e-9),
            label=f"∂Obj/∂θ of {name!r}, of a network {[type(m).__name__ for m in network.layers]}, entry ",
            got_is="backprop's",
            expected_is="numerical",
            B=B,
        )

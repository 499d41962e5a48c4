"""The layers of a network whose layers come one after the other: what these plots follow."""

from __future__ import annotations

from chainrule import Array, Chain, Layer, Network, UnsupportedError


def in_turn(network: Network) -> list[tuple[Layer, dict[str, Array]]]:
    """Return each layer as it predicts, with its parameters, tied ones included.

    Raises:   UnsupportedError for a graph.
    """
    if not isinstance(network.chain, Chain):
        hint = "predict with the network, and draw what you look for"
        raise UnsupportedError("a graph's layers do not come one after the other, and have no such plot", hint=hint)
    wiring = network.chain.wiring
    parameters = wiring.split(wiring.untied(network.parameters))
    return list(zip(network.as_written().members, parameters, strict=True))

"""The network of a recipe: a list of layers, or nodes by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import RecipeError, ShapeError
from ..functions.compose import Chain
from ..functions.graph import Graph
from ..functions.layers import Layer
from ..functions.network import Network
from ..settings import sample_shape
from .recipe_schema import Table
from .recipe_tables import within


def composition_of(section: Table, build: Callable[[Any, str], Layer]) -> Any:
    """Return what `Network` takes: layers in a list, a chain with ties, or a graph.

    A node is a table of its `name`, of what it takes under `from`, and of a layer; `same = "node"` in place of the
    layer is that node's. Raises:   RecipeError.
    """
    if "layers" in section and "nodes" in section:
        raise RecipeError("network", expected="layers, or nodes", got="both", hint="nodes are layers with names")
    if "layers" in section:
        for key in ("inputs", "outputs"):
            if key in section:
                raise RecipeError(f"network.{key}", expected="nodes beside it", got="layers")
        layers = [build(table, f"network.layers[{i}]") for i, table in enumerate(section["layers"])]
        with within("network", ShapeError):
            return Chain(*layers, ties=section["ties"]) if section.get("ties") else layers
    nodes = [_node(table, f"network.nodes[{i}]", build) for i, table in enumerate(section["nodes"])]
    ends = {key: tuple(section[key]) for key in ("inputs", "outputs") if key in section}
    with within("network"):
        return Graph(*nodes, **ends, ties=section.get("ties"))


def _node(table: Any, path: str, build: Callable[[Any, str], Layer]) -> tuple[Any, ...]:
    if not isinstance(table, dict) or not {"name", "from"} <= table.keys() or ("use" in table) == ("same" in table):
        expected = 'a table with "name", "from", and either "use" or "same"'
        raise RecipeError(path, expected=expected, got=repr(table))
    taken = table["from"] if isinstance(table["from"], list) else [table["from"]]
    rest = {key: value for key, value in table.items() if key not in ("name", "from")}
    if "same" in rest and len(rest) > 1:
        raise RecipeError(path, expected='nothing beside "same"', got=", ".join(rest.keys() - {"same"}))
    return (table["name"], rest["same"] if "same" in rest else build(rest, path), *taken)


def network_table(network: Network, say: Callable[[str, Layer], Table]) -> Table:
    """Return a network as the section of a recipe; `say(what, layer)` returns the table of a layer."""
    chain, wiring = network.chain, network.chain.wiring
    section: Table = {}
    if isinstance(chain, Graph):
        section["nodes"] = [
            {
                "name": name,
                "from": taken,
                **({"same": layer} if isinstance(layer, str) else say(f"node {name!r}", layer)),
            }
            for name, layer, *taken in chain.nodes
        ]
        section |= {"inputs": list(chain.inputs), "outputs": list(chain.outputs)}
    else:
        section["layers"] = [say(f"layer {wiring.names[i]}", layer) for i, layer in enumerate(chain.layers)]
    if chain.ties:
        section["ties"] = dict(chain.ties)
    return {**section, "dtype": network.dtype.name, "input_shape": shape_table(network.input_shape)}


def shape_table(shape: Any) -> Any:
    """Return the shape of a sample as TOML writes it."""
    return {name: list(own) for name, own in shape.items()} if isinstance(shape, Mapping) else list(shape)


def read_shape(given: Any) -> Any:
    """Return the shape that a recipe says, of each input by name where there are several. Raises:   RecipeError."""
    with within("network"):
        if isinstance(given, dict):
            return {name: sample_shape(f"input_shape.{name}", own) for name, own in given.items()}
        return None if given is None else sample_shape("input_shape", given)

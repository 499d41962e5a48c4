"""Recipes of graphs, ties, several inputs, registered compositions and engines."""

import sys
import types

import numpy as np
import pytest

import chainrule
from chainrule import Chain, Dataset, Graph, Join, Network, PluginError, Recipe, RecipeError, Threads
from chainrule.conformance.standins import Scaled
from chainrule.recipe_tables import build_layer, layer_table

SCALED = {"use": "chainrule.conformance.standins:Scaled"}
JOIN = {"use": "chainrule:Join"}


def recipe(**network):
    return Recipe({"network": network})


def node(name, taken, layer=None, **more):
    return {"name": name, "from": taken, **(layer or {}), **more}


def test_nodes_make_a_graph():
    nodes = [node("a", "left", SCALED), node("b", "right", same="a"), node("y", ["a", "b"], {"use": "chainrule:Join"})]
    made = recipe(nodes=nodes, inputs=["left", "right"], outputs=["y"]).layers()
    graph = Graph(("a", Scaled(), "left"), ("b", "a", "right"), ("y", Join(), "a", "b"), inputs=("left", "right"))
    assert made == graph
    data = Dataset({"left": np.ones((2, 3)), "right": np.zeros((2, 3))}, np.arange(2))
    network = recipe(nodes=nodes, inputs=["left", "right"]).network(data)
    assert network.input_shape == {"left": (3,), "right": (3,)}
    assert network.output_shape == (6,)
    assert recipe(nodes=nodes, input_shape={"left": [3], "right": [3]}).input_shape == {"left": (3,), "right": (3,)}


def test_ties_make_a_chain_with_ties():
    made = recipe(layers=[SCALED, JOIN, SCALED], ties={"2.a": "0.a"}).layers()
    assert made == Chain(Scaled(), Join(), Scaled(), ties={"2.a": "0.a"})
    assert recipe(layers=[SCALED, JOIN]).layers() == [Scaled(), Join()]


@pytest.mark.parametrize(
    "layer",
    [
        Graph(("a", Scaled(), "x"), ("b", "a", "a"), ("y", Join(), "a", "b"), ties=None),
        Graph(
            ("a", Scaled(), "u"), ("b", Scaled(), "v"), ("y", Join(), "a", "b"), inputs=("u", "v"), ties={"b.a": "a.a"}
        ),
        Chain(Scaled(), Scaled(), ties={"1.a": "0.a"}),
    ],
    ids=repr,
)
def test_graphs_and_ties_come_back_from_their_tables(layer):
    assert build_layer(layer_table(layer)) == layer


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            {"layers": [SCALED], "nodes": []},
            "^network: expected layers, or nodes, got both; nodes are layers",
        ),
        ({"layers": [SCALED], "inputs": ["x"]}, "^network.inputs: expected nodes beside it, got layers$"),
        ({"layers": [SCALED], "ties": {"0.a": "1.a"}}, r"^network\.ties: expected parameters by name"),
        ({"nodes": []}, r"^network\.nodes: expected at least one node"),
        ({"nodes": ["relu"]}, r"^network\.nodes\[0\]: expected a table with \"name\", \"from\", and"),
        ({"nodes": [node("a", "x")]}, r"^network\.nodes\[0\]: expected a table with \"name\""),
        ({"nodes": [node("a", "x", SCALED, same="b")]}, r"^network\.nodes\[0\]: expected a table with \"name\""),
        (
            {"nodes": [node("a", "x", same="b", units=3)]},
            r"^network\.nodes\[0\]: expected nothing beside \"same\", got",
        ),
        ({"nodes": [node("a", "z", SCALED)]}, r"^network\.node 'a': expected inputs and earlier nodes, got 'z'"),
        ({"nodes": [node("a", "x", {"use": "nothing"})]}, r"^network\.nodes\[0\]: no plug-in offers 'nothing'"),
    ],
)
def test_networks_that_cannot_be(network, message):
    with pytest.raises((RecipeError, chainrule.UnknownNameError), match=message):
        recipe(**network).layers()


def test_a_recipe_needs_layers_or_nodes():
    with pytest.raises(RecipeError, match=r"^network\.layers: missing key; the keys here are layers, nodes, "):
        recipe(dtype="float32")


@pytest.fixture
def blocks(monkeypatch):
    module = types.ModuleType("made_blocks")

    def twice(repeats=2, join=False):
        """Return a chain of scalings."""
        return {"use": "chainrule:Chain", "layers": [JOIN if join else SCALED] * repeats}

    def nested(**settings):
        return {"use": "chainrule:Residual", "inner": {"use": "made_blocks:twice", **settings}}

    module.twice, module.nested, module.wrong = twice, nested, lambda: 3
    monkeypatch.setitem(sys.modules, "made_blocks", module)
    return module


def test_a_composition_stands_for_its_table(blocks):
    made = recipe(
        layers=[{"use": "made_blocks:twice", "repeats": 3}, {"use": "made_blocks:nested", "join": True}]
    ).layers()
    assert made == [Chain(Scaled(), Scaled(), Scaled()), chainrule.Residual(Chain(Join(), Join()))]
    assert chainrule.layer("made_blocks:twice", repeats=1) == Chain(Scaled())
    assert Network(made, (4,)).summary().parameter_count


def test_a_composition_that_is_none(blocks):
    with pytest.raises(PluginError, match=r"composition 'made_blocks:wrong': expected a table of layers, .* got int"):
        recipe(layers=[{"use": "made_blocks:wrong"}]).layers()
    with pytest.raises(RecipeError, match=r"^network\.layers\[0\]\.often: made_blocks:twice has no such setting"):
        recipe(layers=[{"use": "made_blocks:twice", "often": 3}]).layers()


def training(**settings):
    common = {"loss": "l", "optimizer": "sgd", "batch_size": 1, "epochs": 1}
    return Recipe({"network": {"layers": [SCALED]}, "training": {**common, **settings}})


def test_the_engine_is_found_by_name():
    assert training().engine() is Threads
    assert training(engine="no such engine").table
    with pytest.raises(chainrule.UnknownNameError, match=r"^training\.engine: no plug-in offers 'processes'"):
        training(engine={"use": "processes", "count": 2}).engine()

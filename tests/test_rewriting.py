"""Layers that are computed as one: everything but the computation is as the chain is written, to the last bit."""

import pickle
import re
from dataclasses import dataclass

import numpy as np
import pytest
from mutants.rewriting import Affine, Fused, Pairs, Positive

import chainrule
import chainrule_runs
from chainrule import (
    SGD,
    Chain,
    DefinitionError,
    Graph,
    Network,
    Recipe,
    SettingError,
    ShapeError,
    Shards,
    describe,
    registry,
    train,
)
from chainrule_affine import Dropout, Flatten
from chainrule_losses import CrossEntropy, SquaredError
from chainrule_norm import BatchNorm

RNG = np.random.default_rng(2)
X = RNG.normal(size=(12, 5)).astype(np.float32)
T = RNG.integers(3, size=12)


def halves(layers):
    """The affine layer, the ReLU and the pairs behind it are one."""
    if [type(layer) for layer in layers[:3]] == [Affine, Positive, Pairs]:
        return 3, Fused(layers[0].units)
    return None


def never(layers):
    return None


LAYERS = [Affine(8), Positive(), Pairs(), Dropout(0.5), Affine(6), Positive(), Pairs(), BatchNorm(), Affine(3)]


def networks(layers=LAYERS, **more):
    plain, fused = Network(layers, 5, seed=4, **more), Network(layers, 5, seed=4, rewritings=[never, halves], **more)
    assert [type(layer) for layer in fused.computed.members].count(Fused) == 2
    return plain, fused


def test_a_training_has_the_same_bits_and_names():
    histories = []
    plain, fused = networks()
    assert list(plain.parameters) == list(fused.parameters)
    np.testing.assert_array_equal(plain.theta, fused.theta)
    for network in (plain, fused):
        settings = {"loss": CrossEntropy(), "optimizer": SGD(0.1), "batch_size": 4, "epochs": 3, "shards": 1}
        histories.append(train(network, X, T, test=(X, T), **settings))
    np.testing.assert_array_equal(plain.state, fused.state)
    assert [record.e_out for record in histories[0]] == [record.e_out for record in histories[1]]
    np.testing.assert_array_equal(plain.predict(X), fused.predict(X))
    np.testing.assert_array_equal(plain.predict(X), fused.predict(X))  # the second time by what is known of the shape


def test_the_shards_of_a_batch_are_computed_alike():
    plain, fused = networks()
    for network in (plain, fused):
        with Shards(network, 2) as shards:
            shards.backprop(X, T, CrossEntropy(), np.random.default_rng(1))
    np.testing.assert_array_equal(plain.gradient, fused.gradient)


@pytest.mark.parametrize("ties", [None, {"4.W": "0.W"}])
def test_all_derivatives_are_the_same(ties):
    chain = Chain(Affine(10), Positive(), Pairs(), Affine(5), Affine(10), Positive(), Pairs(), Affine(3), ties=ties)
    plain, fused = (Network(chain, 5, dtype="float64", rewritings=rewritings) for rewritings in ([], [halves]))
    given = (X.astype(float), T, CrossEntropy())
    for derivative in (
        chainrule.gradient,
        chainrule.input_gradient,
        chainrule.per_sample,
        chainrule.gauss_newton_diagonal,
        chainrule.hessian,
        lambda network, *rest: chainrule.gauss_newton_vector(network, *rest, np.arange(network.theta.size) / 9),
        lambda network, x, *_: chainrule.jvp(network, x, x, np.arange(network.theta.size) / 9),
    ):
        np.testing.assert_array_equal(derivative(plain, *given), derivative(fused, *given))
    one, other = chainrule.jacobian(plain, given[0]), chainrule.jacobian(fused, given[0])
    np.testing.assert_array_equal(one.input, other.input)
    assert list(one.parameters) == list(other.parameters)


def test_copies_are_computed_in_the_same_way():
    fused = networks()[1]
    for twin in (pickle.loads(pickle.dumps(fused)), fused.astype("float64").astype("float32")):
        assert twin.rewritings == fused.rewritings
        np.testing.assert_array_equal(twin.predict(X), fused.predict(X))


def test_layers_are_those_that_are_written():
    plain, fused = networks()
    assert fused.layers == plain.layers == tuple(LAYERS)
    assert repr(fused) == repr(plain)
    _, jacobian = fused.linearize(X, layers=fused.as_written())
    assert len(jacobian.jacobians) == len(LAYERS)
    out = fused.views(np.empty_like(fused.theta))
    jacobian.vjp_params(np.ones((12, 3), np.float32), out)
    expected = plain.views(np.empty_like(plain.theta))
    plain.linearize(X)[1].vjp_params(np.ones((12, 3), np.float32), expected)
    for name, array in out.items():
        np.testing.assert_array_equal(array, expected[name])


def test_the_summary_says_what_is_one():
    plain, fused = networks()
    assert str(fused.summary()) == f"{plain.summary()}\nfused: layers 0 to 2, 4 to 6"
    assert str(describe(LAYERS, 5, rewritings=[halves])) == str(fused.summary())
    assert "fused: layers 0 to 2, 4 to 6" in fused._repr_html_()
    assert "fused" not in plain._repr_html_()


def test_the_first_rewriting_that_answers_is_taken():
    def first(layers):
        return (2, Both()) if type(layers[0]) is Positive else None

    @dataclass(frozen=True)
    class Both(Fused):
        def output_shape(self, input_shape):
            return Pairs().output_shape(input_shape)

        def parameter_shapes(self, input_shape):
            return {}

    network = Network(LAYERS[:3], 5, rewritings=[first, halves])
    assert [type(layer) for layer in network.computed.members] == [Fused]  # it stands at an earlier layer
    network = Network([Positive(), Pairs(), Affine(3)], 6, rewritings=[first, halves])
    assert network.computed.wiring.names == ("0", "2")


def test_graphs_and_chains_within_layers_are_computed_as_they_are_written():
    graph = Graph(("a", Affine(6), "x"), ("p", Positive(), "a"), ("m", Pairs(), "p"))
    assert Network(graph, 5, rewritings=[halves]).computed is graph
    network = Network([Chain(*LAYERS[:3]), Flatten()], 5, rewritings=[halves])
    assert network.computed is network.chain


def test_errors_speak_of_the_layers_as_they_are_written():
    @dataclass(frozen=True)
    class Broken(Fused):
        def forward(self, x, **params):
            return super().forward(x, **params)[:, :1]

        def linearize(self, x, **params):
            raise ValueError("broken")

    network = Network([*LAYERS[4:7], Affine(2)], 5, rewritings=[lambda layers: halves(layers) and (3, Broken(6))])
    with pytest.raises(
        ShapeError, match=r"the output of layers 0 to 2, fused, .*Broken\(units=6\): expected \(12, 3\)"
    ):
        network.predict(X)
    with pytest.raises(ValueError, match="broken") as raised:
        network.backprop(X, np.zeros((12, 2)), SquaredError())
    assert raised.value.__notes__ == [f"in layers 0 to 2, fused, {network.computed.members[0]!r}"]
    network = Network([Affine(5), *LAYERS[4:7], Unwritten(2)], 5, rewritings=[halves])
    with pytest.raises(DefinitionError, match=r"layer 4, .*leaves the gradient of 'b' unwritten"):
        network.backprop(X, np.zeros((12, 2)), SquaredError())


class Unwritten(Affine):
    def linearize(self, x, **params):
        y, jacobian = super().linearize(x, **params)
        return y, Half(jacobian)


class Half(chainrule.BatchJacobian):
    def __init__(self, jacobian):
        self.jacobian = jacobian

    def vjp(self, delta, out=None):
        return self.jacobian.vjp(delta, out and {"W": out["W"], "b": np.empty_like(out["b"])})

    def jvp(self, tangent, params):
        return self.jacobian.jvp(tangent, params)


@dataclass(frozen=True)
class Wider(Fused):
    def parameter_shapes(self, input_shape):
        return {**super().parameter_shapes(input_shape), "c": (1,)}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Fused(8), "expected None, or of how many layers, from 2 on, it makes which layer, got Fused"),
        ((1, Fused(8)), "expected None, or of how many"),
        ((10, Fused(8)), "expected None, or of how many"),
        ((3, "fused"), "expected None, or of how many"),
        ((3, Fused(6)), r"Fused\(units=6\): expected \(\(4,\), .*, got \(\(3,\), "),
        ((3, Fused(5)), r"Fused\(units=5\): expected \(\(4,\), .*, got .*an even number"),
        ((3, Wider(8)), r"Wider\(units=8\): expected .*, got .*'c': \(1,\)"),
        ((4, Fused(8)), r"expected plain layers, got Dropout"),
    ],
)
def test_a_rewriting_that_answers_nonsense_is_told(answer, message):
    def wrong(layers):
        return answer if len(layers) == len(LAYERS) else None

    with pytest.raises(DefinitionError, match=f"the rewriting wrong at layer 0.*{message}"):
        Network(LAYERS, 5, rewritings=[wrong])


def test_two_layers_that_learn_are_not_one():
    with pytest.raises(DefinitionError, match="at most one layer with parameters"):
        Network([Affine(6), Affine(6)], 5, rewritings=[lambda layers: (2, Affine(6)) if layers[1:] else None])


# A distribution that offers it


@pytest.fixture
def offered(monkeypatch):
    """Let a made-up distribution, made-fast, offer the rewriting of this module."""
    entry = registry.Entry("rewritings", "halves", f"{__name__}:halves", "made-fast", "3.1")
    found = [*registry.default.entries(), entry]
    monkeypatch.setattr(registry.default, "_found", found)
    return found


def recipe(*prefer):
    layers = [{"use": f"mutants.rewriting:{type(layer).__name__}"} for layer in LAYERS[:3]]
    table = {"network": {"layers": layers, "input_shape": [5]}}
    return Recipe({"prefer": list(prefer), **table} if prefer else table)


def test_it_is_taken_from_what_is_preferred_alone(offered):
    assert registry.rewritings([]) == []
    assert registry.rewritings(["Made_Fast", "made-fast", "made-other"]) == [halves]
    assert recipe().rewritings() == []
    assert recipe("made-fast").rewritings() == [halves]
    with pytest.raises(SettingError, match="prefer: expected a list of distributions"):
        registry.rewritings("made-fast")


def test_its_version_belongs_to_the_run(offered, monkeypatch):
    monkeypatch.setattr("chainrule.assembly.recipe_versions._dependencies", lambda name: {})
    assert "made-fast" not in recipe().versions()
    assert recipe("made-fast").versions()["made-fast"] == "3.1"


def test_one_that_cannot_be_loaded_is_told(offered):
    offered.append(registry.Entry("rewritings", "other", "made_up_nowhere:other", "made-fast", "3.1"))
    with pytest.raises(chainrule.PluginError, match=re.escape("prefer: rewriting 'other' of made-fast 3.1")):
        recipe("made-fast").rewritings()


# Compiled blocks


def pictures(epochs, *prefer):
    conv, pool, affine = {"use": "conv2d", "filters": 8, "kernel": 3}, {"use": "max_pool2d", "size": 2}, AFFINE
    return Recipe(
        {
            "prefer": list(prefer),
            "data": {"use": "digits"},
            "network": {"layers": [conv, {"use": "relu"}, pool, conv, {"use": "relu"}, {"use": "flatten"}, affine]},
            "training": {"loss": "cross_entropy", "optimizer": SGD_TABLE, "batch_size": 100, "epochs": epochs},
        }
    )


AFFINE = {"use": "affine", "units": 10}
SGD_TABLE = {"use": "sgd", "learning_rate": 0.1}


def kinds(network):
    return [type(layer).__name__ for layer in network.computed.members]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_compiled_blocks_train_as_the_layers_do(dtype, monkeypatch):
    recipe = pictures(2, "chainrule-numba").override(f"network.dtype={dtype}")
    data = recipe.dataset()
    fused = recipe.network(data)
    assert kinds(fused) == ["ConvBlock", "ConvBlock", "Flatten", "Affine"]
    plain = Network(fused.layers, data.input_shape, seed=recipe.seed, dtype=dtype)
    assert recipe.train(plain, data)[-1].e_out == recipe.train(fused, data)[-1].e_out
    np.testing.assert_array_equal(plain.theta, fused.theta)


def test_a_run_of_compiled_blocks_is_kept_resumed_and_loaded(tmp_path):
    whole, folder = pictures(3, "chainrule-numba"), tmp_path / "run"
    data = whole.dataset()
    network = whole.network(data)
    whole.train(network, data)
    with chainrule_runs.RunFolder.start(folder, pictures(1, "chainrule-numba")) as run:
        run.train(run.recipe.network(data), data)
    with chainrule_runs.RunFolder.resume(folder, epochs=3) as run:
        run.train(run.recipe.network(data), data)
    loaded = chainrule_runs.load(folder)
    assert [type(layer).__name__ for layer in loaded.computed.members] == [
        "ConvBlock",
        "ConvBlock",
        "Flatten",
        "Affine",
    ]
    np.testing.assert_array_equal(loaded.theta, network.theta)
    np.testing.assert_array_equal(loaded.predict(data.x_test), network.predict(data.x_test))

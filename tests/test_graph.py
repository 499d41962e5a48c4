"""Graphs, ties, several inputs and outputs: differences, independent loops and exact messages judge them."""

import pickle
from dataclasses import dataclass

import numpy as np
import pytest

import chainrule
from chainrule import (
    SGD,
    BatchJacobian,
    Chain,
    Concat,
    DataError,
    Graph,
    Join,
    Layer,
    Network,
    Residual,
    SettingError,
    ShapeError,
    TargetError,
    evaluate,
    numerical_jacobian,
    train,
)
from chainrule.recipe_tables import build_loss, loss_table
from chainrule_affine import Affine, AffineReLU, Dropout, Tanh
from chainrule_losses import CrossEntropy, SquaredError, WeightedSum

RNG = np.random.default_rng(0)


@dataclass(frozen=True)
class Product(Layer):
    """y = a * b * …: what a multiplication of several inputs is."""

    def output_shape(self, first, *others):
        for other in others:
            if other != first:
                raise ShapeError("an input", expected=first, got=other)
        return first

    def forward(self, *xs):
        return np.prod(xs, axis=0)

    def jacobian(self, *xs_and_y):
        return ProductJacobian(xs_and_y[:-1])


class ProductJacobian(BatchJacobian):
    def __init__(self, xs):
        self.others = [np.prod(xs[:i] + xs[i + 1 :], axis=0) for i in range(len(xs))]

    def vjp(self, delta, out=None):
        return tuple(delta * other for other in self.others)

    def jvp(self, tangents, params):
        return sum(v * other for v, other in zip(tangents, self.others, strict=True) if v is not None)

    def per_sample(self, delta):
        return {}


@dataclass(frozen=True)
class Table(Layer):
    """Rows of W by number: a layer of indices."""

    count: int
    units: int
    integer_input = True

    def output_shape(self, shape):
        return (*shape, self.units)

    def parameter_shapes(self, shape):
        return {"W": (self.count, self.units)}

    def initialize(self, shape, rng):
        return {"W": rng.normal(size=(self.count, self.units))}

    def forward(self, x, W):
        return W[x]

    def jacobian(self, x, y, W):
        return TableJacobian(x, W.shape)


class TableJacobian(BatchJacobian):
    def __init__(self, x, shape):
        self.x, self.shape = x, shape

    def vjp(self, delta, out=None):
        raise chainrule.UnsupportedError("no derivative to indices")

    def vjp_params(self, delta, out):
        out["W"][...] = 0
        np.add.at(out["W"], self.x, delta)

    def jvp(self, tangent, params):
        return params["W"][self.x]

    def per_sample(self, delta):
        found = np.zeros((len(delta), *self.shape))
        for j in range(len(delta)):
            np.add.at(found[j], self.x[j], delta[j])
        return {"W": found}


def objective_at(network, x, targets, loss):
    twin = network.astype(np.float64)

    def objective(theta):
        twin.theta = theta
        return evaluate(twin, x, targets, loss).loss

    return objective


def check_gradient(network, x, targets, loss):
    numerical = numerical_jacobian(objective_at(network, x, targets, loss), network.theta)
    network.backprop(x, targets, loss)
    np.testing.assert_allclose(network.gradient, numerical, atol=2e-9)
    np.testing.assert_allclose(chainrule.gradient(network, x, targets, loss), numerical, atol=2e-9)
    rows = chainrule.per_sample(network, x, targets, loss)
    np.testing.assert_allclose(rows.sum(axis=0), numerical, atol=2e-9)
    direction = np.random.default_rng(1).normal(size=network.theta.shape)
    pushed = chainrule.jvp(network, x, theta_tangent=direction)
    scores = np.asarray(network.predict(x))
    delta = loss.gradient(scores, targets) / len(scores)
    assert float((pushed * delta).sum()) == pytest.approx(float(numerical @ direction), abs=1e-8)


X, T = RNG.normal(size=(6, 4)), RNG.normal(size=(6, 3))
FORK = Graph(("h", AffineReLU(4), "x"), ("g", Tanh(), "x"), ("y", Product(), "h", "g", "x"), ("s", Affine(3), "y"))
COMPOSED = [
    FORK,
    Graph(("a", Affine(3), "x"), ("b", "a", "x"), ("y", Product(), "a", "b")),
    Graph(("a", Affine(4), "x"), ("b", "a", "a"), ("c", "a", "b"), ("y", Affine(3), "c")),
    Graph(
        ("a", Residual(Affine(4)), "x"),
        ("b", FORK, "a"),
        ("c", Tanh(), "x"),
        ("y", Join(), "b", "c"),
        ("s", Affine(3), "y"),
    ),
    Chain(Affine(5), Tanh(), Affine(4), Tanh(), Affine(5), Affine(3), ties={"4.W": "0.W"}),
    Chain(Affine(5), Tanh(), Affine(4), Affine(3), ties={"2.W": "0.W.T"}),
    Chain(Chain(Affine(4), Tanh()), Concat(Affine(4), Tanh()), Affine(3), ties={"1.0.W": "0.0.W.T", "1.0.b": "0.0.b"}),
    Chain(Affine(4), Affine(4), Affine(4), Affine(3), ties={"0.W": "2.W", "1.W": "2.W.T", "1.b": "2.b"}),
]


@pytest.mark.parametrize("layers", COMPOSED, ids=repr)
def test_gradients_are_those_of_differences(layers):
    check_gradient(Network(layers, 4, seed=3, dtype=np.float64), X, T, SquaredError())


@pytest.mark.parametrize("layers", COMPOSED, ids=repr)
def test_input_gradients_and_curvature_are_those_of_differences(layers):
    network = Network(layers, 4, seed=3, dtype=np.float64)
    numerical = numerical_jacobian(lambda x: evaluate(network, x, T, SquaredError()).loss, X)
    np.testing.assert_allclose(chainrule.input_gradient(network, X, T, SquaredError()), numerical, atol=2e-9)
    vector = RNG.normal(size=network.theta.shape)
    J = np.stack([chainrule.jvp(network, X, theta_tangent=e) for e in np.eye(network.theta.size)], axis=-1)
    H = SquaredError().hessian(network.predict(X), T)
    G = np.einsum("jka,jkl,jlb->ab", J, H, J) / len(X)
    np.testing.assert_allclose(
        chainrule.gauss_newton_vector(network, X, T, SquaredError(), vector), G @ vector, atol=1e-11
    )
    np.testing.assert_allclose(chainrule.gauss_newton_diagonal(network, X, T, SquaredError()), np.diag(G), atol=1e-11)


def test_a_node_may_have_the_layer_of_one_that_has_it_of_another():
    graph = Graph(("a", Affine(4), "x"), ("b", "a", "a"), ("c", "b", "b"), ("y", Affine(3), "c"))
    network = Network(graph, 4, seed=3, dtype=np.float64)
    assert list(network.parameters) == ["a.W", "a.b", "y.W", "y.b"]
    check_gradient(network, X, T, SquaredError())


def test_a_tie_is_one_parameter():
    chain = Chain(Affine(5), Tanh(), Affine(4), Tanh(), Affine(3), ties={"2.W": "0.W.T"})
    network = Network(chain, 4, seed=1)
    free = Network(list(chain.layers), 4, seed=1)
    assert "2.W" not in network.parameters
    assert network.theta.size == free.theta.size - 20
    assert network.summary().parameter_count == network.theta.size
    np.testing.assert_array_equal(network.parameters["0.W"], free.parameters["0.W"])  # the source's start wins
    np.testing.assert_array_equal(network.parameters["4.W"], free.parameters["4.W"])
    free.parameters["2.W"][...] = network.parameters["0.W"].T
    np.testing.assert_allclose(network.predict(X), free.predict(X), rtol=1e-6)
    other = Network(list(chain.layers), 4, seed=1, ties={"2.W": "0.W.T"})
    np.testing.assert_array_equal(other.theta, network.theta)
    copy = pickle.loads(pickle.dumps(network))
    np.testing.assert_array_equal(copy.predict(X), network.predict(X))
    assert repr(network).endswith("ties={'2.W': '0.W.T'})")


def test_a_node_has_the_tied_parameters_of_the_one_whose_layer_it_has():
    nodes = (("a", Affine(4), "x"), ("b", Affine(4), "a"), ("c", "b", "b"), ("y", Affine(3), "c"))
    for ties, left in (({"b.W": "a.W.T"}, ["a.W", "a.b", "b.b"]), ({"a.W": "b.W"}, ["a.b", "b.W", "b.b"])):
        network = Network(Graph(*nodes, ties=ties), 4, seed=3, dtype=np.float64)
        assert list(network.parameters) == [*left, "y.W", "y.b"]
        check_gradient(network, X, T, SquaredError())
        rows = chainrule.per_sample(network, X, T, SquaredError())
        np.testing.assert_allclose(rows.sum(axis=0), chainrule.gradient(network, X, T, SquaredError()), rtol=1e-9)


def test_tied_networks_train_shard_by_shard():
    network = Network([Affine(5), Tanh(), Affine(4), Affine(3)], 4, seed=1, dtype=np.float64, ties={"2.W": "0.W.T"})
    twin = pickle.loads(pickle.dumps(network))
    common = {"loss": SquaredError(), "optimizer": SGD(0.05), "batch_size": 5, "epochs": 3}
    train(network, X, T, **common)
    train(twin, X, T, shards=2, **common)
    np.testing.assert_allclose(network.theta, twin.theta, rtol=1e-12)
    assert evaluate(network, X, T, SquaredError()).loss < 2


@pytest.mark.parametrize(
    ("ties", "error", "message"),
    [
        ({"2.W": "9.W"}, SettingError, r"ties: expected parameters by name, such as .*, got '9.W'"),
        ({"2.V": "0.W"}, SettingError, r"ties: expected names of parameters, got '2.V'; the parameters are 0.W, 0.b, "),
        (
            {"2.W": "0.W"},
            ShapeError,
            r"ties: '2.W': expected \(5, 4\), got \(4, 5\); only arrays .*'0.W.T'",
        ),
        ({"2.W": "0.V.T"}, SettingError, r"ties: expected names of parameters, got '0.V'"),
        ({"2.W": 3}, SettingError, r"ties: expected parameters by name, such as .*, got 3"),
        ({"2.b": "2.b"}, SettingError, r"ties: expected another parameter, got '2.b'"),
        ({"2.b": "0.b", "0.b": "3.b"}, SettingError, r"ties: expected a parameter that is not tied itself, got '0.b'"),
        (["2.W"], SettingError, r"ties: expected a table of parameters by name, got \['2.W'\]"),
    ],
)
def test_ties_that_cannot_be(ties, error, message):
    with pytest.raises(error, match=message):
        Network([Affine(5), Tanh(), Affine(4), Affine(5)], 4, ties=ties)


def test_ties_of_a_chain_are_its_own():
    with pytest.raises(SettingError, match=r"ties: expected those of the Chain, got"):
        Network(Chain(Affine(4), Affine(4)), 4, ties={"1.W": "0.W"})


class SumOverPositions(Layer):
    def output_shape(self, shape):
        return shape[1:]

    def forward(self, x):
        return x.sum(axis=1)

    def jacobian(self, x, y):
        return Spread(x.shape)


class Spread(BatchJacobian):
    def __init__(self, shape):
        self.shape = shape

    def vjp(self, delta, out=None):
        return np.broadcast_to(delta[:, np.newaxis], self.shape)

    def jvp(self, tangent, params):
        return tangent.sum(axis=1)

    def per_sample(self, delta):
        return {}


TWO = Graph(
    ("ids", Table(5, 3), "word"),
    ("mean", SumOverPositions(), "ids"),
    ("h", Affine(3), "x"),
    ("y", Product(), "mean", "h"),
    inputs=("word", "x"),
)
WORDS = np.array([[0, 1], [1, 1], [4, 0], [2, 3], [4, 4], [3, 0]])


def two(dtype=np.float64):
    return Network(TWO, {"word": 2, "x": 4}, seed=2, dtype=dtype), {"word": WORDS, "x": X}


def test_two_inputs_one_of_whole_numbers():
    network, x = two()
    assert network.input_shape == {"word": (2,), "x": (4,)}
    check_gradient(network, x, T, SquaredError())
    passed = chainrule.input_gradient(network, x, T, SquaredError())
    assert passed["word"] is None
    numerical = numerical_jacobian(lambda a: evaluate(network, {"word": WORDS, "x": a}, T, SquaredError()).loss, X)
    np.testing.assert_allclose(passed["x"], numerical, atol=2e-9)
    by_hand = network.parameters["ids.W"][WORDS].sum(axis=1) * (
        X @ network.parameters["h.W"].T + network.parameters["h.b"]
    )
    np.testing.assert_allclose(network.predict(x), by_hand, rtol=1e-12)


def test_two_inputs_train_like_their_loop_and_in_shards():
    network, x = two()
    by_hand, sharded = pickle.loads(pickle.dumps(network)), pickle.loads(pickle.dumps(network))
    history = train(network, x, T, loss=SquaredError(), optimizer=SGD(0.05), batch_size=4, epochs=2, test=(x, T))
    rng = chainrule.random_stream(0, "shuffle")
    for _ in range(2):
        order = rng.permutation(6)
        for rows in (order[:4], order[4:]):
            by_hand.backprop({"word": WORDS[rows], "x": X[rows]}, T[rows], SquaredError())
            by_hand.theta -= 0.05 * by_hand.gradient
    np.testing.assert_allclose(network.theta, by_hand.theta, rtol=1e-13)
    assert history[-1].e_in == history[-1].e_out == evaluate(by_hand, x, T, SquaredError())
    train(sharded, x, T, loss=SquaredError(), optimizer=SGD(0.05), batch_size=4, epochs=2, shards=2)
    np.testing.assert_allclose(network.theta, sharded.theta, rtol=1e-12)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (X, DataError, r"network input: expected the inputs word, x, got one array; give arrays by name"),
        ({"word": WORDS}, DataError, r"network input: expected the inputs word, x, got word"),
        ({"word": WORDS, "x": X[:5]}, DataError, r"network input: expected arrays of the same samples by name, got"),
        ({"word": WORDS, "x": X[:, :3]}, ShapeError, r"network input 'x': expected \(B, 4\), got \(6, 3\)"),
        ({"word": WORDS + 0.5, "x": X}, DataError, r"network input 'word' of node 'ids', Table.*: expected integers"),
        ({"word": None, "x": X}, DataError, r"network input: word"),
    ],
)
def test_inputs_that_do_not_fit(x, error, message):
    with pytest.raises(error, match=message):
        two()[0].predict(x)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Graph(), SettingError, "nodes: expected at least one node"),
        (lambda: Graph(("h", Affine(2))), SettingError, r"nodes\[0\]: expected a name, a layer, and what it takes"),
        (lambda: Graph(("h", "g", "x")), SettingError, "node 'h': expected a Layer, got 'g'"),
        (lambda: Graph(("h", Tanh, "x")), SettingError, r"node 'h': expected a Layer, .*write Tanh\(…\)"),
        (
            lambda: Graph(("h", Tanh(), "z")),
            SettingError,
            "node 'h': expected inputs and earlier nodes, got 'z'",
        ),
        (lambda: Graph(("h.a", Tanh(), "x")), SettingError, r"nodes\[0\]: expected a name of its own, w"),
        (lambda: Graph(("x", Tanh(), "x")), SettingError, r"nodes\[0\]: expected a name of its own"),
        (
            lambda: Graph(("h", Tanh(), "x"), ("y", Tanh(), "x")),
            SettingError,
            "nodes: expected a taker of 'h', got 'none'",
        ),
        (lambda: Graph(("h", Tanh(), "x"), inputs=("x", "z")), SettingError, "nodes: expected a taker of 'z'"),
        (
            lambda: Graph(("h", Tanh(), "x"), inputs=[]),
            SettingError,
            r"inputs: expected a name, or a list of names, got \[\]",
        ),
        (
            lambda: Graph(("h", Tanh(), "x"), outputs=3),
            SettingError,
            "outputs: expected a name, or a list of names, got 3",
        ),
        (
            lambda: Graph(("h", Tanh(), ["x"])),
            SettingError,
            r"node 'h': expected inputs and earlier nodes, got \['x'\]",
        ),
        (lambda: Graph(("h", Tanh(), "x"), outputs="z"), SettingError, r"outputs: expected names of nodes, each once"),
        (
            lambda: Graph(("h", Tanh(), "x"), ("y", Table(2, 2), "h")),
            SettingError,
            "node 'y': expected a layer with",
        ),
        (
            lambda: Graph(("h", Table(2, 2), "x"), ("g", Tanh(), "x"), ("y", Product(), "h", "g")),
            SettingError,
            "input 'x': expected takers of integers, or of real numbers, got 'both'",
        ),
        (
            lambda: Network(Graph(("h", Affine(3), "x"), ("y", Product(), "h", "x")), 4),
            ShapeError,
            r"node 'y', Product\(\), does not take the output of node 'h', Affine\(.*\) and input 'x': an input",
        ),
        (lambda: Network(TWO, 4), SettingError, "input_shape: expected a shape for each of word, x, by name, got 4"),
        (lambda: Network(TWO, {"word": 2, "x": 0}), SettingError, "input_shape: x"),
        (
            lambda: Network([Affine(3)], {"a": 2, "b": 2}),
            SettingError,
            "input_shape: expected one shape, for one input, got {'a': 2, 'b': 2}$",
        ),
    ],
)
def test_graphs_that_cannot_be(make, error, message):
    with pytest.raises(error, match=message):
        make()


BOTH = WeightedSum({"kind": CrossEntropy(), "size": SquaredError()}, weights={"kind": 0.5})


def test_two_outputs():
    graph = Graph(
        ("h", AffineReLU(5), "x"), ("kind", Affine(3), "h"), ("size", Affine(2), "h"), outputs=("kind", "size")
    )
    network = Network(graph, 4, seed=1, dtype=np.float64)
    targets = {"kind": np.array([0, 1, 2, 2, 1, 0]), "size": RNG.normal(size=(6, 2))}
    assert network.output_shape == {"kind": (3,), "size": (2,)}
    numerical = numerical_jacobian(objective_at(network, X, targets, BOTH), network.theta)
    network.backprop(X, chainrule.rows.rows_of("targets", targets), BOTH)
    np.testing.assert_allclose(network.gradient, numerical, atol=2e-9)
    np.testing.assert_allclose(chainrule.gradient(network, X, targets, BOTH), numerical, atol=2e-9)
    scores = network.predict(X)
    assert {name: array.shape for name, array in scores.items()} == {"kind": (6, 3), "size": (6, 2)}
    before = evaluate(network, X, targets, BOTH).loss
    train(network, X, targets, loss=BOTH, optimizer=SGD(0.05), batch_size=3, epochs=20, shards=2)
    assert evaluate(network, X, targets, BOTH).loss < before


def test_dropout_in_a_graph_is_drawn_for_each_step():
    graph = Graph(("d", Dropout(0.5), "x"), ("h", Affine(3), "d"), ("e", "d", "h"))
    network = Network(graph, 4)
    first, second = (network.linearize(X, np.random.default_rng(0))[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (first != network.predict(X)).any()


def test_graphs_have_a_value():
    assert FORK == Graph(*FORK.nodes) != Graph(*FORK.nodes[:2], ("y", Product(), "h", "g"))
    assert hash(FORK) == hash(Graph(*FORK.nodes))
    assert pickle.loads(pickle.dumps(FORK)) == FORK
    text = str(Network(FORK, 4).summary())
    assert "h" in text
    assert "AffineReLU(4)" in text


KINDS, SIZES = np.array([0, 1, 2, 2, 1, 0]), RNG.normal(size=(6, 2))


def test_a_weighted_sum_is_the_sum():
    scores = {"kind": RNG.normal(size=(6, 3)), "size": RNG.normal(size=(6, 2))}
    targets = {"kind": KINDS, "size": SIZES}
    parts = CrossEntropy().value(scores["kind"], KINDS), SquaredError().value(scores["size"], SIZES)
    np.testing.assert_allclose(BOTH.value(scores, targets), 0.5 * parts[0] + parts[1], rtol=1e-15)
    np.testing.assert_array_equal(BOTH.decide(scores)["kind"], scores["kind"].argmax(axis=1))
    np.testing.assert_array_equal(BOTH.error(scores, targets), scores["kind"].argmax(axis=1) != KINDS)
    assert WeightedSum({"size": SquaredError()}).error({"size": SIZES}, {"size": SIZES}) is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: WeightedSum({}), "losses: expected a loss for each output, by name, got {}"),
        (lambda: WeightedSum(SquaredError()), "losses: expected a loss for each output"),
        (lambda: WeightedSum({"a": "squared_error"}), "losses: a: expected a Loss, got 'squared_error'"),
        (
            lambda: WeightedSum({"a": SquaredError()}, {"b": 1.0}),
            "weights: expected numbers for a, by name, got {",
        ),
        (lambda: WeightedSum({"a": SquaredError()}, {"a": -1.0}), "weights: a: expected a finite number above 0"),
    ],
)
def test_sums_that_cannot_be(make, message):
    with pytest.raises(SettingError, match=message):
        make()


@pytest.mark.parametrize("wrong", [KINDS, {"kind": KINDS}, {"kind": KINDS, "other": SIZES}])
def test_a_weighted_sum_refuses_other_names(wrong):
    scores = {"kind": RNG.normal(size=(6, 3)), "size": RNG.normal(size=(6, 2))}
    with pytest.raises(TargetError, match="targets: expected those of kind, size, by name, got"):
        BOTH.value(scores, wrong)


def test_a_weighted_sum_comes_back_from_its_table():
    table = loss_table(BOTH)
    assert table["losses"]["kind"] == {"use": "cross_entropy"}
    assert build_loss(table) == BOTH
    short = {"use": "chainrule_losses:WeightedSum", "losses": {"kind": "cross_entropy", "size": "squared_error"}}
    assert build_loss(short) == WeightedSum(BOTH.losses)

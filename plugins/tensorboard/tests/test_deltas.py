"""δ by layer is the derivative of a sample's loss to what the layer returns: differences say so."""

import numpy as np
import pytest

from chainrule import Chain, EachPosition, Graph, Network, Residual
from chainrule_affine import Add, Affine, Dropout, Flatten, Tanh
from chainrule_losses import CrossEntropy, SquaredError, WeightedSum
from chainrule_sequence import Embedding, Last

tensorboard = pytest.importorskip("chainrule_tensorboard", reason="it is of the group more: uv run --group more pytest")
RNG = np.random.default_rng(3)


def differences(of, at):
    """Return the derivative of the sum of what a function returns, entry by entry."""
    found = np.empty_like(at)
    for i in np.ndindex(at.shape):
        moved = [at.copy(), at.copy()]
        moved[0][i] += 1e-5
        moved[1][i] -= 1e-5
        found[i] = (of(moved[0]).sum() - of(moved[1]).sum()) / 2e-5
    return found


def tail(network, first, input_shape):
    """Return the network of the later layers alone, with their parameters."""
    rest = Network(network.layers[first:], input_shape, dtype=np.float64)
    rest.theta[...] = network.theta[network.theta.size - rest.theta.size :]
    return rest


def test_each_is_the_derivative_to_what_the_layer_returns():
    network = Network([Affine(3), Tanh(), Affine(2)], 4, seed=1, dtype=np.float64)
    x, targets, loss = RNG.normal(size=(5, 4)), RNG.normal(size=(5, 2)), SquaredError()
    found = tensorboard.deltas(network, x, targets, loss)
    assert [*found] == ["0", "1", "2"]
    value = x
    for i, layer in enumerate(network.layers):
        value = layer.forward(value, **{n[2:]: p for n, p in network.parameters.items() if n[0] == str(i)})
        rest = tail(network, i + 1, value.shape[1]) if i < 2 else None
        expected = differences(lambda y: loss.value(y if rest is None else rest.predict(y), targets), value)
        np.testing.assert_allclose(found[str(i)], expected, atol=1e-8)


def test_where_paths_fork_it_is_their_sum():
    graph = Graph(("a", Affine(2), "x"), ("b", Tanh(), "a"), ("y", Add(), "a", "b"))
    network = Network(graph, 3, seed=1, dtype=np.float64)
    x, targets, loss = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 2)), SquaredError()
    found = tensorboard.deltas(network, x, targets, loss)
    a = x @ network.parameters["a.W"].T + network.parameters["a.b"]
    expected = differences(lambda a: loss.value(a + np.tanh(a), targets), a)
    np.testing.assert_allclose(found["a"], expected, atol=1e-8)


def test_layers_inside_others_are_named_as_their_parameters():
    inner = Chain(EachPosition(Chain(Affine(3), Tanh())), Tanh())
    network = Network([Residual(inner), Flatten(), Affine(2)], (4, 3), dtype=np.float64)
    found = tensorboard.deltas(network, RNG.normal(size=(5, 4, 3)), np.zeros(5, int), CrossEntropy())
    assert {name: delta.shape for name, delta in found.items()} == {
        "0": (5, 4, 3),
        "0.0": (5, 4, 3),
        "0.0.0": (20, 3),
        "0.0.1": (20, 3),
        "0.1": (5, 4, 3),
        "1": (5, 12),
        "2": (5, 2),
    }
    assert {name.rpartition(".")[0] for name in network.parameters} <= {*found}
    np.testing.assert_array_equal(found["0.1"], found["0"])  # y = x + f(x)


def test_what_training_does_not_compute_has_none():
    network = Network([Flatten(), Affine(2), Tanh()], (2, 2), dtype=np.float64)
    found = tensorboard.deltas(network, np.ones((3, 2, 2)), np.ones((3, 2)), SquaredError())
    assert [*found] == ["1", "2"]


def test_indices_have_no_derivative_and_need_none():
    network = Network([Embedding(5, 3), Last(), Affine(2)], (4,), dtype=np.float64)
    found = tensorboard.deltas(network, np.ones((3, 4), int), np.zeros(3, int), CrossEntropy())
    assert [*found] == ["0", "1", "2"]


def test_several_outputs_each_begin_with_their_own():
    graph = Graph(("h", Affine(3), "x"), ("b", Affine(2), "h"), ("a", Affine(1), "h"), outputs=("a", "b"))

    loss = WeightedSum({"b": CrossEntropy(), "a": SquaredError()}, {"a": 3})
    network = Network(graph, 2, dtype=np.float64)
    targets = {"a": np.zeros((4, 1)), "b": np.zeros(4, int)}
    x = RNG.normal(size=(4, 2))
    found = tensorboard.deltas(network, x, targets, loss)
    gradients = loss.gradient(network.predict(x), targets)
    np.testing.assert_array_equal(found["a"], gradients["a"])
    np.testing.assert_array_equal(found["b"], gradients["b"])


def test_layers_act_as_in_prediction_and_nothing_is_moved():
    network = Network([Affine(50), Dropout(0.5), Affine(2)], 3, dtype=np.float64)
    before = network.state.copy()
    network.gradient = np.arange(network.theta.size)
    x, targets = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 2))
    found = tensorboard.deltas(network, x, targets, SquaredError())
    np.testing.assert_array_equal(found["0"], found["1"])
    np.testing.assert_array_equal(network.state, before)
    np.testing.assert_array_equal(network.gradient, np.arange(network.theta.size))

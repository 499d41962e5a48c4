"""What the suite's cases do not prove of the embedding: the padding, the start, and what it says of wrong indices."""

import re

import numpy as np
import pytest

from chainrule import SGD, DataError, Loss, Network, SettingError, ShapeError, numerical_jacobian, train
from chainrule_sequence import Embedding

X = np.array([[1, 4, 4, 0], [4, 2, 0, 4]])


class Sum(Loss):
    """The sum of the scores times the targets."""

    def value(self, scores, targets):
        return (scores * targets).reshape(len(scores), -1).sum(axis=1)

    def gradient(self, scores, targets):
        return targets


def drawn(layer, x, seed=0):
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(layer.count, layer.units))
    return W, rng.normal(size=(*x.shape, layer.units))


def gradient(layer, x, W, delta):
    out = np.full_like(W, np.nan)
    layer.linearize(x, W=W)[1].vjp_params(delta, {"W": out})
    return out


@pytest.mark.parametrize("padding", [None, 0, 4])
@pytest.mark.parametrize("shape", [(5,), (5, 6), (5, 2, 3)])
def test_the_gradient_adds_up_what_belongs_to_one_row_and_leaves_the_padding(shape, padding):
    layer, x = Embedding(7, 3, padding), np.random.default_rng(1).integers(0, 5, shape)
    W, delta = drawn(layer, x)
    expected = np.zeros((len(x), *W.shape))
    for at in np.ndindex(x.shape):
        if x[at] != padding:
            expected[at[0], x[at]] += delta[at]
    np.testing.assert_allclose(gradient(layer, x, W, delta), expected.sum(axis=0), rtol=1e-13, atol=1e-13)
    rows = layer.linearize(x, W=W)[1].per_sample(delta)["W"]
    np.testing.assert_allclose(rows, expected, rtol=1e-13, atol=1e-13)


def test_the_gradient_of_all_but_the_padding_is_the_numerical_one():
    layer = Embedding(5, 2, padding=0)
    W, delta = drawn(layer, X)
    numerical = numerical_jacobian(lambda W: np.vdot(layer.forward(X, W), delta), W)
    np.testing.assert_allclose(gradient(layer, X, W, delta)[1:], numerical[1:], atol=1e-8)


def test_the_padding_s_row_comes_out_and_takes_neither_gradient_nor_tangent():
    layer = Embedding(5, 2, padding=4)
    W, delta = drawn(layer, X)
    v = np.random.default_rng(2).normal(size=W.shape)
    y, maps = layer.linearize(X, W=W)
    np.testing.assert_array_equal(y[X == 4], np.broadcast_to(W[4], (4, 2)))
    assert not gradient(layer, X, W, delta)[4].any()
    assert not maps.per_sample(delta)["W"][:, 4].any()
    pushed = maps.jvp(None, {"W": v})
    assert not pushed[X == 4].any()
    assert np.vdot(pushed, delta) == pytest.approx(np.vdot(gradient(layer, X, W, delta), v), rel=1e-13)


def test_the_padding_stays_zero_while_the_others_learn():
    network = Network([Embedding(5, 2, padding=4)], 4)
    start = network.parameters["0.W"].copy()
    assert not start[4].any()
    assert start[:4].all()
    targets = np.arange(1.0, 17.0, dtype=np.float32).reshape(2, 4, 2)
    train(network, X, targets, loss=Sum(), optimizer=SGD(0.1), batch_size=1, epochs=3)
    moved = network.parameters["0.W"] - start
    assert not moved[4].any()
    assert not moved[3].any()  # it does not occur
    assert moved[:3].all()


@pytest.mark.parametrize("deviation", [1.0, 0.02])
def test_the_start_has_its_deviation(deviation):
    W = Embedding(300, 40, deviation=deviation).initialize((), np.random.default_rng(0))["W"]
    assert W.std() == pytest.approx(deviation, rel=0.03)
    assert W.mean() == pytest.approx(0, abs=0.03 * deviation)
    assert W.dtype == np.float64


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([[0, 1], [2, 5]], "Embedding input, sample 1, place 1: expected an index from 0 to 4, got 5; count = 5 rows"),
        ([[0, -1], [9, 5]], "Embedding input, sample 0, place 1: expected an index from 0 to 4, got -1"),
        ([1, 7], "Embedding input, sample 1: expected an index from 0 to 4, got 7"),
        ([[[0, 0], [0, 3]], [[1, 1], [6, 0]]], "sample 1, place (1, 0): expected an index from 0 to 4, got 6"),
    ],
)
def test_an_index_without_a_row_is_refused_by_name(x, message):
    x, layer = np.array(x), Embedding(5, 2)
    W = np.zeros((5, 2))
    for ask in (layer.forward, layer.linearize):
        with pytest.raises(DataError, match=re.escape(message)):
            ask(x, W=W)
    network = Network([layer], x.shape[1:])
    for ask in (network.predict, lambda x: network.backprop(x, np.ones((*x.shape, 2), np.float32), Sum())):
        with pytest.raises(DataError, match=re.escape(message)):
            ask(x)


def test_an_unsigned_index_that_is_too_large_is_refused():
    with pytest.raises(DataError, match="sample 1, place 0: expected an index from 0 to 4, got 255"):
        Embedding(5, 2).forward(np.array([[0], [255]], np.uint8), np.zeros((5, 2)))


@pytest.mark.parametrize("kind", [float, bool])
def test_what_is_no_integer_is_refused(kind):
    with pytest.raises(DataError, match=r"Embedding input: expected integers, got (float64|bool); it takes indices"):
        Embedding(5, 2).forward(np.zeros((2, 3), kind), np.zeros((5, 2)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"count": 0}, "count: expected a positive int, got 0"),
        ({"count": "5"}, "count: expected a positive int, got '5'"),
        ({"units": 2.0}, r"units: expected a positive int, got 2\.0"),
        ({"padding": -1}, "padding: expected an int of at least 0, got -1"),
        ({"padding": 5}, "padding: expected an index below count = 5, got 5"),
        ({"padding": True}, "padding: expected an int of at least 0, got True"),
        ({"deviation": 0}, "deviation: expected a finite number above 0, got 0"),
        ({"deviation": "1"}, "deviation: expected a finite number above 0, got '1'"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(SettingError, match=message):
        Embedding(**{"count": 5, "units": 2, **settings})


def test_an_axis_of_length_0_is_refused():
    for ask in (Embedding(5, 2).output_shape, Embedding(5, 2).parameter_shapes):
        with pytest.raises(ShapeError, match=r"Embedding input: expected no axis of length 0, got \(3, 0\)"):
            ask((3, 0))

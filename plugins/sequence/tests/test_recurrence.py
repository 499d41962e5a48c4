"""What the suite's cases do not prove of the recurrences: starts, long sequences, how they hang together, learning."""

import re

import numpy as np
import pytest

import chainrule
from chainrule import SGD, Chain, Loss, Network, SettingError, numerical_jacobian, train
from chainrule_sequence import GRU, LSTM, Embedding, Last

KINDS = pytest.mark.parametrize("kind", [GRU, LSTM], ids=lambda kind: kind.__name__)


def drawn(layer, B=3, T=5, n=4, scale=1.0, seed=0):
    rng = np.random.default_rng(seed)
    params = {name: scale * rng.normal(size=shape) for name, shape in layer.parameter_shapes((T, n)).items()}
    y = (B, *layer.output_shape((T, n)))
    return rng.normal(size=(B, T, n)), params, rng.normal(size=y)


def pulled(layer, x, params, delta):
    out = {name: np.full_like(value, np.nan) for name, value in params.items()}
    dx = layer.linearize(x, **params)[1].vjp(delta, out)
    return {"x": dx, **out}


@KINDS
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize(("T", "n", "units"), [(1, 1, 1), (1, 3, 2), (2, 1, 3), (9, 2, 2)])
def test_every_gradient_is_the_numerical_one(kind, last, T, n, units):
    layer = kind(units, last=last)
    x, params, delta = drawn(layer, 2, T, n)
    for name, found in pulled(layer, x, params, delta).items():

        def objective(value, name=name):
            given = {**params, "x": x, name: value}
            return np.vdot(layer.forward(given.pop("x"), **given), delta)

        numerical = numerical_jacobian(objective, x if name == "x" else params[name])
        np.testing.assert_allclose(found, numerical, atol=2e-8, err_msg=name)


@KINDS
@pytest.mark.parametrize("last", [False, True])
def test_the_tangent_and_the_gradient_are_transposes_for_every_subset_of_directions(kind, last):
    layer = kind(3, last=last)
    x, params, delta = drawn(layer)
    gradient, maps = pulled(layer, x, params, delta), layer.linearize(x, **params)[1]
    rng = np.random.default_rng(1)
    for names in ({"x"}, {"W"}, {"U"}, {"b_U"}, {"x", "b_W"}, {"x", "U"}, set(gradient), set()):
        v = {name: rng.normal(size=np.shape(gradient[name])) for name in gradient if name in names}
        expected = sum(np.vdot(gradient[name], v[name]) for name in v)
        pushed = maps.jvp(v.pop("x", None), v)
        assert pushed.shape == delta.shape
        assert np.vdot(pushed, delta) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@KINDS
def test_the_last_state_is_the_last_of_all(kind):
    one, other = kind(3, last=True), Chain(kind(3), Last())
    x, params, delta = drawn(one)
    named = {f"0.{name}": value for name, value in params.items()}
    np.testing.assert_array_equal(one.forward(x, **params), other.forward(x, **named))
    expected = pulled(other, x, named, delta)
    for name, found in pulled(one, x, params, delta).items():
        np.testing.assert_allclose(found, expected[name if name == "x" else f"0.{name}"], rtol=1e-12, atol=1e-14)


@KINDS
def test_no_gradient_comes_from_later_times(kind):
    layer = kind(3)
    x, params, delta = drawn(layer)
    delta[:, :2] = 0
    delta[:, 3:] = 0
    dx = pulled(layer, x, params, delta)["x"]
    assert not dx[:, 3:].any()
    assert dx[:, :3].all()


@KINDS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inputs_and_weights_of_any_size_stay_finite_over_many_times(kind, dtype):
    layer = kind(3)
    for size in (1.0, 1e2, 1e4):
        x, params, delta = drawn(layer, T=200, scale=size)
        params = {name: value.astype(dtype) for name, value in params.items()}
        x, delta = (size * x).astype(dtype), delta.astype(dtype)
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            y = layer.forward(x, **params)
            found = pulled(layer, x, params, delta)
        assert np.abs(y).max() <= 1
        assert all(np.isfinite(array).all() and array.dtype == dtype for array in found.values())


@KINDS
def test_a_state_does_not_pass_from_batch_to_batch(kind):
    layer = kind(3)
    x, params, _ = drawn(layer)
    first = layer.forward(x, **params)
    layer.linearize(x + 1, **params)
    np.testing.assert_array_equal(layer.forward(x, **params), first)
    np.testing.assert_array_equal(layer.forward(np.concatenate([x, x]), **params)[3:], first)


def test_an_lstm_whose_gates_are_open_adds_up_its_inputs():
    units = 1
    far = np.repeat([50.0, 50.0, 0.0, 50.0], units)  # i, f and o are 1
    params = {"W": np.array([[0.0], [0.0], [1.0], [0.0]]), "U": np.zeros((4, 1)), "b_W": far, "b_U": np.zeros(4)}
    x = np.random.default_rng(0).normal(size=(2, 6, 1))
    np.testing.assert_allclose(LSTM(units).forward(x, **params), np.tanh(np.cumsum(np.tanh(x), axis=1)), rtol=1e-12)


def test_a_gru_whose_gate_z_is_one_keeps_its_state_and_where_it_is_zero_takes_n():
    x, zeros = np.random.default_rng(0).normal(size=(2, 6, 1)), np.zeros(3)
    params = {"W": np.array([[0.0], [0.0], [1.0]]), "U": np.zeros((3, 1)), "b_U": zeros}
    kept, taken = (GRU(1).forward(x, **params, b_W=np.array([0.0, z, 0.0])) for z in (60.0, -60.0))
    assert np.abs(kept).max() < 1e-20
    np.testing.assert_allclose(taken, np.tanh(x), rtol=1e-12)


@KINDS
def test_the_start_is_uniform(kind):
    values = kind(50).initialize((7, 30), np.random.default_rng(0))
    assert list(values) == ["W", "U", "b_W", "b_U"]
    limit = 50**-0.5
    for value in values.values():
        assert np.abs(value).max() <= limit
    assert values["U"].std() == pytest.approx(limit / 3**0.5, rel=0.02)
    assert values["b_U"].min() < 0 < values["b_U"].max()


class Squares(Loss):
    """Half the squared distance of the first score."""

    def value(self, scores, targets):
        return (scores[:, 0] - targets) ** 2 / 2

    def gradient(self, scores, targets):
        result = np.zeros_like(scores)
        result[:, 0] = scores[:, 0] - targets
        return result


@KINDS
def test_a_recurrence_learns_to_remember_the_first_symbol(kind):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (256, 8))
    targets = (x[:, 0] - 0.5).astype(np.float32)
    network = Network([Embedding(2, 4), kind(12, last=True)], 8, seed=3)
    history = train(network, x, targets, loss=Squares(), optimizer=SGD(0.5), batch_size=16, epochs=60)
    assert history[0].e_in.loss > 0.08
    assert history[-1].e_in.loss < 0.01


def test_the_layers_are_found_by_name():
    assert chainrule.layer("gru", units=3) == GRU(3)
    assert chainrule.layer("lstm", units=3, last=True) == LSTM(3, last=True)
    assert chainrule.layer("last") == Last()


@KINDS
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"units": 0}, "units: expected a positive int, got 0"),
        ({"units": "3"}, "units: expected a positive int, got '3'"),
        ({"units": 3.0}, "units: expected a positive int, got 3.0"),
        ({"last": 1}, "last: expected True or False, got 1"),
        ({"last": "yes"}, "last: expected True or False, got 'yes'"),
    ],
)
def test_wrong_settings_are_refused(kind, settings, message):
    with pytest.raises(SettingError, match=re.escape(message)):
        kind(**{"units": 3, **settings})

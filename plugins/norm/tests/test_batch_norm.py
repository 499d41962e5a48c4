"""What the suite's cases do not prove: derivatives through the moments, what is seen and remembered, messages."""

import math
import statistics

import numpy as np
import pytest

from chainrule import DataError, Network, SettingError, ShapeError, jacobian, layer, numerical_jacobian
from chainrule_norm import BatchNorm

EPS = 1e-5
SHAPES = [(3,), (1,), (2, 3), (4, 1), (2, 2, 3)]


def step(shape, norm=None):
    """Return what one training step differentiates, with parameters that are no start."""
    norm = norm or BatchNorm()
    rng = np.random.default_rng(7)
    values = {"gamma": rng.normal(size=shape[-1]), "beta": rng.normal(size=shape[-1])}
    return norm.realize(rng), values


def numbers_of(x, k):
    """Return the numbers of one channel as a list."""
    return [float(v) for place, v in np.ndenumerate(x) if place[-1] == k]


def test_it_starts_with_one_and_zero():
    norm = BatchNorm()
    values = norm.initialize((3, 2), np.random.default_rng(0)) | norm.initial_statistics((3, 2))
    expected = {"gamma": [1, 1], "beta": [0, 0], "mean": [0, 0], "variance": [1, 1]}
    assert {name: value.tolist() for name, value in values.items()} == expected
    assert norm.statistic_shapes((7, 5, 4)) == {"mean": (4,), "variance": (4,)}
    assert norm.parameter_shapes((7, 5, 4)) == {"gamma": (4,), "beta": (4,)}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_step_normalizes_each_channel_over_samples_and_places(shape):
    realized, _ = step(shape)
    x = np.random.default_rng(1).normal(3, 5, size=(4, *shape))
    C = shape[-1]
    y, maps = realized.linearize(x, gamma=np.ones(C), beta=np.zeros(C))
    for k in range(C):
        row = numbers_of(x, k)
        mean, spread = statistics.fmean(row), math.sqrt(statistics.pvariance(row) + EPS)
        np.testing.assert_allclose(numbers_of(y, k), [(v - mean) / spread for v in row], rtol=0, atol=1e-12)
        np.testing.assert_allclose(maps.seen["mean"][k], mean, rtol=1e-13)
        np.testing.assert_allclose(maps.seen["variance"][k], statistics.variance(row), rtol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("eps", [EPS, 0.5])
def test_a_step_has_the_derivative_of_differences(shape, eps):
    realized, values = step(shape, BatchNorm(eps=eps))
    x = np.random.default_rng(2).normal(3, 5, size=(3, *shape))
    dense = jacobian(realized, x, **values)
    numerical = numerical_jacobian(lambda at: realized.forward(at, **values), x)
    np.testing.assert_allclose(dense.input, numerical, rtol=0, atol=1e-8)
    for name in values:
        numerical = numerical_jacobian(lambda at, name=name: realized.forward(x, **{**values, name: at}), values[name])
        np.testing.assert_allclose(dense.parameters[name], numerical, rtol=0, atol=1e-8)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_maps_of_a_step_are_each_others_adjoint(shape):
    realized, values = step(shape)
    rng = np.random.default_rng(3)
    x, delta, tangent = rng.normal(size=(3, 5, *shape))
    moved = {name: rng.normal(size=shape[-1]) for name in values}
    _, maps = realized.linearize(x, **values)
    out = {name: np.empty(shape[-1]) for name in values}
    pulled = maps.vjp(delta, out)
    backward = (pulled * tangent).sum() + sum((out[name] * moved[name]).sum() for name in values)
    np.testing.assert_allclose((delta * maps.jvp(tangent, moved)).sum(), backward, rtol=1e-12)


def test_a_step_is_blind_to_a_channels_offset_and_size():
    realized, values = step((2, 3))
    x = np.random.default_rng(4).normal(size=(5, 2, 3)) * 1e3
    _, maps = realized.linearize(x, **values)
    for along in (np.ones_like(x), x):
        np.testing.assert_allclose(maps.jvp(along, {}), 0, atol=1e-6)
    delta = np.random.default_rng(5).normal(size=x.shape)
    np.testing.assert_allclose(maps.vjp(delta).sum(axis=(0, 1)), 0, atol=1e-12)


def test_what_is_remembered_moves_by_the_momentum():
    norm = BatchNorm(momentum=0.25)
    old = {"mean": np.array([1.0, 2.0]), "variance": np.array([3.0, 4.0])}
    seen = {"mean": np.array([5.0, 0.0]), "variance": np.array([7.0, 0.0])}
    new = norm.remembered(old, seen)
    assert {name: value.tolist() for name, value in new.items()} == {"mean": [2.0, 1.5], "variance": [4.0, 3.0]}
    assert (old["mean"].tolist(), seen["mean"].tolist()) == ([1, 2], [5, 0])


def test_what_is_remembered_tends_to_the_mean_and_the_variance_of_what_comes():
    network = Network([BatchNorm(momentum=0.02)], (2,), dtype=np.float64)
    rng = np.random.default_rng(6)
    for _ in range(600):
        x = rng.normal((1, -2), (3, 0.5), size=(4, 2))  # over n, of 4 numbers, the variance would be a quarter less
        network.remember(network.linearize(x, rng)[1].seen)
    np.testing.assert_allclose(network.remembered["0.mean"], (1, -2), rtol=0, atol=0.3)
    np.testing.assert_allclose(network.remembered["0.variance"], (9, 0.25), rtol=0.15)


def test_it_predicts_by_what_is_remembered_and_each_sample_by_itself():
    predicting = BatchNorm(eps=0.5).predicting(mean=np.array([1.0, -1.0]), variance=np.array([3.5, 0.5]))
    x = np.array([[5.0, 1.0], [1.0, -1.0]])
    y = predicting.forward(x, gamma=np.array([3.0, 1.0]), beta=np.array([0.0, 10.0]))
    np.testing.assert_allclose(y, [[6.0, 12.0], [0.0, 10.0]], rtol=1e-15)
    assert predicting.statistic_shapes((2,)) == {}
    assert not predicting.mixes_samples
    assert not predicting.trains_otherwise
    assert "array" not in repr(predicting)


def test_a_prediction_has_the_derivative_of_differences():
    rng = np.random.default_rng(8)
    predicting = BatchNorm().predicting(mean=rng.normal(size=3), variance=rng.uniform(0.5, 2, 3))
    values = {"gamma": rng.normal(size=3), "beta": rng.normal(size=3)}
    x = rng.normal(size=(1, 2, 3))
    dense = jacobian(predicting, x, **values)
    numerical = numerical_jacobian(lambda at: predicting.forward(at[None], **values)[0], x[0])
    np.testing.assert_allclose(dense.input[0], numerical, rtol=0, atol=1e-8)
    numerical = numerical_jacobian(lambda at: predicting.forward(x, at, values["beta"])[0], values["gamma"])
    np.testing.assert_allclose(dense.parameters["gamma"][0], numerical, rtol=0, atol=1e-8)


@pytest.mark.parametrize("offset", [1e2, 1e4, 1e6])
def test_a_common_offset_leaves_the_variance_alone(offset):
    realized, _ = step((16, 2))
    ones = {"gamma": np.ones(2), "beta": np.zeros(2)}
    x = np.random.default_rng(9).normal(size=(64, 16, 2)) + offset
    whole = realized.forward(x, **ones)
    np.testing.assert_allclose(whole, realized.forward(x - offset, **ones), rtol=0, atol=1e-8)
    if offset < 1e6:
        y, maps = realized.linearize(x.astype(np.float32), **{n: v.astype(np.float32) for n, v in ones.items()})
        exact, exact_maps = realized.linearize(x.astype(np.float32).astype(np.float64), **ones)
        assert y.dtype == maps.seen["mean"].dtype == maps.seen["variance"].dtype == np.float32
        np.testing.assert_allclose(y, exact, rtol=0, atol=1e-5)
        np.testing.assert_allclose(maps.seen["mean"], exact_maps.seen["mean"], rtol=2e-7)
        np.testing.assert_allclose(maps.seen["variance"], exact_maps.seen["variance"], rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [0.0, 0.1, -1e4 / 3, 123456.7, 1e-30])
def test_a_constant_channel_has_no_deviation_and_finite_derivatives(value, dtype):
    for B in (2, 3, 7, 100):
        x = np.full((B, 3), value, dtype)
        realized, _ = step((3,))
        y, maps = realized.linearize(x, gamma=np.ones(3, dtype), beta=np.zeros(3, dtype))
        assert np.abs(y).max() < 1e-5
        v = np.arange(3 * B, dtype=dtype).reshape(B, 3)
        expected = (v - v.mean(axis=0)) / math.sqrt(EPS)
        np.testing.assert_allclose(maps.vjp(v), expected, rtol=1e-3, atol=1e-2)


def test_many_numbers_in_float32_keep_their_digits():
    realized, _ = step((50, 50, 2))
    x = np.random.default_rng(3).normal(5, size=(60, 50, 50, 2)).astype(np.float32)
    ones = {"gamma": np.ones(2, np.float32), "beta": np.zeros(2, np.float32)}
    y, maps = realized.linearize(x, **ones)
    exact, exact_maps = realized.linearize(x.astype(np.float64), **{n: v.astype(float) for n, v in ones.items()})
    np.testing.assert_allclose(y, exact, rtol=0, atol=1e-5)
    np.testing.assert_allclose(maps.seen["variance"], exact_maps.seen["variance"], rtol=1e-5)


def test_the_layout_in_memory_shows_in_no_digit_that_counts():
    realized, values = step((3, 4, 2))
    x, delta = np.random.default_rng(10).normal(size=(2, 5, 3, 4, 2))
    y, maps = realized.linearize(x, **values)
    other, other_maps = realized.linearize(np.asfortranarray(x), **values)
    np.testing.assert_allclose(y, other, rtol=0, atol=1e-13)
    np.testing.assert_allclose(maps.vjp(delta), other_maps.vjp(np.asfortranarray(delta)), rtol=0, atol=1e-13)


def test_nothing_that_is_given_is_written_into():
    realized, values = step((2, 3))
    x, delta = np.random.default_rng(11).normal(size=(2, 4, 2, 3))
    kept = x.copy(), delta.copy()
    _, maps = realized.linearize(x, **values)
    maps.vjp(delta, {name: np.empty(3) for name in values})
    maps.jvp(delta, {})
    assert np.array_equal(x, kept[0])
    assert np.array_equal(delta, kept[1])


def test_it_is_found_by_name_and_its_setting_told_apart():
    assert layer("batch_norm", momentum=0.2) == BatchNorm(momentum=0.2) != BatchNorm()
    assert repr(BatchNorm()) == "BatchNorm(eps=1e-05, momentum=0.1)"


def test_one_number_of_each_channel_cannot_be_normalized():
    assert [BatchNorm().least_batch(shape) for shape in [(3,), (1, 1, 3), (2, 3)]] == [2, 2, 1]
    realized, values = step((3,))
    message = (
        r"^batch normalization: expected at least 2 numbers of each channel, got 1; "
        r"one number is its own mean: take a larger batch$"
    )
    with pytest.raises(DataError, match=message):
        realized.forward(np.zeros((1, 3)), **values)
    assert realized.forward(np.zeros((1, 2, 3)), **values).shape == (1, 2, 3)


@pytest.mark.parametrize(
    ("momentum", "shown"),
    [(0.0, r"0\.0"), (1.0, r"1\.0"), (-0.1, r"-0\.1"), ("0.1", "'0.1'"), (True, "True"), (None, "None")],
)
def test_a_wrong_momentum_is_refused(momentum, shown):
    with pytest.raises(SettingError, match=f"^momentum: expected a finite number above 0 and below 1, got {shown}$"):
        BatchNorm(momentum=momentum)


@pytest.mark.parametrize(("eps", "shown"), [(0.0, r"0\.0"), (True, "True"), (math.nan, "nan"), ("1", "'1'")])
def test_a_wrong_eps_is_refused(eps, shown):
    with pytest.raises(SettingError, match=f"^eps: expected a finite number above 0, got {shown}$"):
        BatchNorm(eps=eps)


@pytest.mark.parametrize(("shape", "shown"), [((), r"\(\)"), ((3, 0), r"\(3, 0\)")])
def test_a_sample_without_channels_is_refused(shape, shown):
    norm = BatchNorm()
    for ask in (norm.output_shape, norm.parameter_shapes, norm.statistic_shapes, norm.initial_statistics):
        with pytest.raises(ShapeError, match=rf"^BatchNorm input: expected \(…, n\), got {shown}$"):
            ask(shape)

"""What the suite's cases do not prove: starts, eps and n by hand, numbers far from zero, long vectors, messages."""

import math
from fractions import Fraction

import numpy as np
import pytest

from chainrule import Network, SettingError, ShapeError, jacobian, layer
from chainrule_norm import LayerNorm, RMSNorm

LAYERS = [LayerNorm(), RMSNorm()]
EPS = 1e-5


def at_start(layer, x):
    """Return y and the maps with the parameters that training starts from, in the dtype of x."""
    values = layer.initialize(x.shape[1:], np.random.default_rng(0))
    return layer.linearize(x, **{name: value.astype(x.dtype) for name, value in values.items()})


def exactly(row):
    """Return a row's deviations over their root mean square, by fractions: only the root is rounded."""
    numbers = [Fraction(float(v)) for v in row]
    mean = sum(numbers) / len(numbers)
    variance = sum((v - mean) ** 2 for v in numbers) / len(numbers)
    return [float(v - mean) / math.sqrt(float(variance) + EPS) for v in numbers]


def test_a_start_scales_by_one_and_shifts_by_zero():
    rng = np.random.default_rng(0)
    values = LayerNorm().initialize((3, 4), rng)
    assert {name: value.tolist() for name, value in values.items()} == {"gamma": [1] * 4, "beta": [0] * 4}
    assert RMSNorm().initialize((3, 4), rng)["gamma"].tolist() == [1] * 4
    assert all(value.dtype == np.float64 for value in values.values())


def test_one_scale_serves_all_vectors():
    assert LayerNorm().parameter_shapes((7, 5, 4)) == {"gamma": (4,), "beta": (4,)}
    assert RMSNorm().parameter_shapes((7, 5, 4)) == {"gamma": (4,)}


def test_the_variance_is_over_n_and_eps_inside_of_the_root():
    assert at_start(LayerNorm(), np.array([[0.0, 2.0]]))[0].tolist() == [
        [-1 / math.sqrt(1 + EPS), 1 / math.sqrt(1 + EPS)]
    ]
    small = np.array([[-1e-3, 1e-3]])  # a variance of 1e-6: eps is ten times as much
    for norm in LAYERS:
        np.testing.assert_allclose(at_start(norm, small)[0], small / math.sqrt(1.1e-5), rtol=1e-14)
    np.testing.assert_allclose(at_start(LayerNorm(eps=3.0), np.array([[4.0, 6.0]]))[0], [[-0.5, 0.5]], rtol=1e-15)
    np.testing.assert_allclose(at_start(RMSNorm(eps=3.0), np.array([[-1.0, 1.0]]))[0], [[-0.5, 0.5]], rtol=1e-15)


@pytest.mark.parametrize("offset", [1e2, 1e4, 1e6, 1e8])
def test_a_common_offset_leaves_the_variance_alone(offset):
    x = np.random.default_rng(1).normal(size=(5, 64)) + offset
    np.testing.assert_allclose(at_start(LayerNorm(), x)[0], [exactly(row) for row in x], rtol=0, atol=1e-14)
    x = x.astype(np.float32)
    if offset < 1e6:  # beyond, float32 has few numbers left
        np.testing.assert_allclose(at_start(LayerNorm(), x)[0], [exactly(row) for row in x], rtol=0, atol=2e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [0.0, 0.1, -1e4 / 3, 123456.7, 1e-30])
def test_a_constant_vector_has_no_deviation_and_finite_derivatives(value, dtype):
    for n in (1, 3, 7, 100):
        x = np.full((2, n), value, dtype)
        y, maps = at_start(LayerNorm(), x)
        assert np.abs(y).max() < 1e-5
        v = np.arange(2 * n, dtype=dtype).reshape(2, n)
        expected = (v - v.mean(axis=-1, keepdims=True)) / math.sqrt(EPS)
        for pulled in (maps.vjp(v), maps.jvp(v, {})):
            np.testing.assert_allclose(pulled, expected, rtol=1e-3, atol=1e-2)


def test_a_vector_of_zeros_is_divided_by_the_root_of_eps():
    J = jacobian(RMSNorm(), np.zeros((1, 3)), gamma=np.array([1.0, 2.0, -3.0])).input[0]
    np.testing.assert_allclose(J, np.diag([1.0, 2.0, -3.0]) / math.sqrt(EPS), rtol=1e-14)


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_moving_along_what_is_divided_out_changes_nothing(layer):
    x = np.random.default_rng(2).normal(size=(3, 2, 5)) * 100
    _, maps = at_start(layer, x)
    along = x if isinstance(layer, RMSNorm) else x - x.mean(axis=-1, keepdims=True)
    np.testing.assert_allclose(maps.jvp(along, {}), 0, atol=1e-7)  # what is left is eps' share
    if isinstance(layer, LayerNorm):
        np.testing.assert_allclose(maps.jvp(np.ones_like(x), {}), 0, atol=1e-15)
        np.testing.assert_allclose(maps.vjp(x).sum(axis=-1), 0, atol=1e-12)


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
@pytest.mark.parametrize("order", ["C", "F"])
def test_long_vectors_in_float32_keep_their_digits(layer, order):
    for offset in (0, 100):
        x = np.array(np.random.default_rng(3).normal(size=(2, 100_000)) + offset, np.float32, order=order)
        y = at_start(layer, x)[0]
        np.testing.assert_allclose(y, at_start(layer, x.astype(np.float64))[0], rtol=0, atol=1e-4)


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_maps_write_into_nothing_that_they_were_given(layer):
    x, delta = np.random.default_rng(4).normal(size=(2, 3, 2, 4))
    kept = x.copy(), delta.copy()
    y, maps = at_start(layer, x)
    maps.vjp(delta)
    maps.jvp(delta, {})
    assert np.array_equal(x, kept[0])
    assert np.array_equal(delta, kept[1])
    assert np.array_equal(y, at_start(layer, x)[0])


def test_they_are_found_by_name_and_normalize_in_a_network():
    network = Network([layer("layer_norm"), layer("rms_norm", eps=1e-6)], input_shape=(3, 4), seed=0)
    assert list(network.parameters) == ["0.gamma", "0.beta", "1.gamma"]
    y = network.predict(np.random.default_rng(5).normal(3, 5, size=(6, 3, 4)))
    np.testing.assert_allclose(y.mean(axis=-1), 0, atol=1e-6)
    np.testing.assert_allclose((y * y).mean(axis=-1), 1, atol=1e-5)


@pytest.mark.parametrize("kind", [LayerNorm, RMSNorm])
@pytest.mark.parametrize(
    ("eps", "shown"),
    [(0.0, r"0\.0"), (-1e-5, "-1e-05"), ("1e-5", "'1e-5'"), (True, "True"), (None, "None"), (math.nan, "nan")],
)
def test_a_wrong_eps_is_refused(kind, eps, shown):
    with pytest.raises(SettingError, match=f"^eps: expected a finite number above 0, got {shown}$"):
        kind(eps=eps)


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
@pytest.mark.parametrize(("shape", "shown"), [((), r"\(\)"), ((0,), r"\(0,\)"), ((3, 0), r"\(3, 0\)")])
def test_a_sample_without_a_vector_is_refused(layer, shape, shown):
    name = type(layer).__name__
    for ask in (layer.output_shape, layer.parameter_shapes, lambda s: layer.initialize(s, np.random.default_rng(0))):
        with pytest.raises(ShapeError, match=rf"^{name} input: expected \(…, n\), got {shown}$"):
            ask(shape)

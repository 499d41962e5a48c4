"""Every layer of the family against numerical Jacobians, slow loops and the identities of the course."""

import math

import numpy as np
import pytest

from chainrule import SettingError, ShapeError, jacobian, numerical_jacobian
from chainrule_affine import (
    ELU,
    Affine,
    AffineReLU,
    Dropout,
    DropoutMask,
    Flatten,
    Maxout,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)

B = 3


def slow_affine(x, W, b):
    return [sum(W[k, j] * x[j] for j in range(len(x))) + b[k] for k in range(len(b))]


def slow_maxout(x, W, b):
    return [
        max(sum(W[k, t, j] * x[j] for j in range(len(x))) + b[k, t] for t in range(b.shape[1])) for k in range(len(b))
    ]


def slow_softmax(x):
    rows = np.asarray(x).reshape(-1, np.shape(x)[-1])
    return np.reshape([[math.exp(v) / sum(math.exp(w) for w in row) for v in row] for row in rows], np.shape(x))


CASES = {  # id → (layer, input shape, the forward of one sample by loops and the math module)
    "affine": (Affine(4), (5,), slow_affine),
    "affine_relu": (AffineReLU(4), (5,), lambda x, W, b: [v if v > 0 else 0.0 for v in slow_affine(x, W, b)]),
    "maxout": (Maxout(4, 3), (5,), slow_maxout),
    "maxout of one piece": (Maxout(2, 1), (3,), slow_maxout),
    "relu": (ReLU(), (5,), lambda x: [v if v > 0 else 0.0 for v in x]),
    "relu of a picture": (ReLU(), (2, 3, 2), lambda x: [[[v if v > 0 else 0.0 for v in q] for q in p] for p in x]),
    "tanh": (Tanh(), (5,), lambda x: [(math.exp(v) - math.exp(-v)) / (math.exp(v) + math.exp(-v)) for v in x]),
    "elu": (ELU(), (5,), lambda x: [v if v > 0 else math.exp(v) - 1 for v in x]),
    "elu of another alpha": (ELU(0.3), (5,), lambda x: [v if v > 0 else 0.3 * (math.exp(v) - 1) for v in x]),
    "sigmoid": (Sigmoid(), (5,), lambda x: [1 / (1 + math.exp(-v)) for v in x]),
    "softmax": (Softmax(), (5,), slow_softmax),
    "softmax of rows": (Softmax(), (2, 3), slow_softmax),
    "flatten": (Flatten(), (2, 3, 2), lambda x: [v for p in x for q in p for v in q]),
    "dropout": (Dropout(0.5), (5,), lambda x: x),
}
EVERY = pytest.mark.parametrize(("layer", "shape", "loop"), CASES.values(), ids=CASES)


def drawn(layer, shape, dtype=np.float64):
    rng = np.random.default_rng(7)
    x = rng.normal(size=(B, *shape)).astype(dtype)
    return x, {name: rng.normal(size=s).astype(dtype) for name, s in layer.parameter_shapes(shape).items()}


@EVERY
def test_forward_is_the_slow_loop(layer, shape, loop):
    x, params = drawn(layer, shape)
    y = layer.forward(x, **params)
    np.testing.assert_allclose(y, [loop(sample, **params) for sample in x], rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(y, layer.linearize(x, **params)[0])
    assert y.shape == (B, *layer.output_shape(shape))


@EVERY
def test_every_jacobian_is_the_numerical_one(layer, shape, loop):
    x, params = drawn(layer, shape)
    dense = jacobian(layer, x, **params)
    for j in range(B):
        numerical = numerical_jacobian(lambda v: layer.forward(v[np.newaxis], **params)[0], x[j])
        np.testing.assert_allclose(dense.input[j], numerical, rtol=1e-7, atol=1e-9)
        for name, value in params.items():
            numerical = numerical_jacobian(lambda v: layer.forward(x[j : j + 1], **{**params, name: v})[0], value)
            np.testing.assert_allclose(dense.parameters[name][j], numerical, rtol=1e-7, atol=1e-9)


@EVERY
def test_vjp_and_jvp_are_transposes(layer, shape, loop):
    x, params = drawn(layer, shape)
    y, maps = layer.linearize(x, **params)
    rng = np.random.default_rng(8)
    delta, tangent = rng.normal(size=y.shape), rng.normal(size=x.shape)
    out = {name: np.full(value.shape, np.nan) for name, value in params.items()}
    tangents = {name: rng.normal(size=value.shape) for name, value in params.items()}
    left = np.vdot(delta, maps.jvp(tangent, tangents))
    right = np.vdot(maps.vjp(delta, out), tangent) + sum(np.vdot(out[name], tangents[name]) for name in out)
    assert abs(left - right) < 1e-10


@EVERY
def test_per_sample_gradients_sum_to_the_batch_gradient(layer, shape, loop):
    x, params = drawn(layer, shape)
    y, maps = layer.linearize(x, **params)
    delta = np.random.default_rng(9).normal(size=y.shape)
    out = {name: np.full(value.shape, np.nan) for name, value in params.items()}
    maps.vjp_params(delta, out)
    parts = maps.per_sample(delta)
    assert parts.keys() == out.keys()
    for name in out:
        np.testing.assert_allclose(parts[name].sum(axis=0), out[name], atol=1e-12)


@EVERY
def test_float32_stays_float32_and_near_float64(layer, shape, loop):
    x, params = drawn(layer, shape, np.float32)
    y, maps = layer.linearize(x, **params)
    delta = np.ones_like(y)
    out = {name: np.empty_like(value) for name, value in params.items()}
    assert y.dtype == maps.vjp(delta, out).dtype == np.float32
    exact = layer.forward(x.astype(np.float64), **{name: v.astype(np.float64) for name, v in params.items()})
    np.testing.assert_allclose(y, exact, rtol=1e-5, atol=1e-5)


@EVERY
def test_a_nan_comes_out_of_its_sample_and_of_no_other(layer, shape, loop):
    x, params = drawn(layer, shape)
    clean = layer.forward(x, **params)
    x[1] = np.nan
    y = layer.forward(x, **params)
    assert np.isnan(y[1]).all()
    np.testing.assert_array_equal(np.delete(y, 1, axis=0), np.delete(clean, 1, axis=0))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layer", [ReLU(), Tanh(), ELU(), Sigmoid(), Softmax()], ids=repr)
def test_extremes_are_finite_and_warn_of_nothing(layer, dtype):
    x = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4]], dtype)
    y, maps = layer.linearize(x)
    assert np.isfinite(y).all()
    assert np.isfinite(maps.vjp(np.ones_like(y))).all()


def test_at_the_kink_each_layer_keeps_its_convention():
    zero = np.zeros((1, 1))
    assert jacobian(ReLU(), zero).input == 0
    assert jacobian(ELU(0.3), zero).input == pytest.approx(0.3)
    dense = jacobian(AffineReLU(1), zero, W=np.ones((1, 1)), b=np.zeros(1))
    assert (dense.input, dense.parameters["b"]) == (0, 0)


def test_at_a_tie_the_first_piece_takes_the_whole_gradient():
    x, W = np.array([[2.0]]), np.array([[[1.0], [1.0], [0.5]]])
    dense = jacobian(Maxout(1, 3), x, W=W, b=np.zeros((1, 3)))
    np.testing.assert_array_equal(dense.parameters["W"].reshape(-1), [2, 0, 0])
    np.testing.assert_array_equal(dense.parameters["b"].reshape(-1), [1, 0, 0])


def test_affine_relu_is_relu_after_affine():
    x, params = drawn(Affine(4), (5,))
    fused = jacobian(AffineReLU(4), x, **params)
    y = Affine(4).forward(x, **params)
    affine, relu = jacobian(Affine(4), x, **params), jacobian(ReLU(), y)
    np.testing.assert_allclose(AffineReLU(4).forward(x, **params), ReLU().forward(y))
    np.testing.assert_allclose(fused.input, np.einsum("bij,bjk->bik", relu.input, affine.input))
    np.testing.assert_allclose(fused.parameters["b"], np.einsum("bij,bjk->bik", relu.input, affine.parameters["b"]))


def test_flatten_costs_nothing():
    x = np.ones((2, 3, 4))
    assert np.shares_memory(Flatten().forward(x), x)


@pytest.mark.parametrize("start", ["glorot", "he"])
@pytest.mark.parametrize("make", [lambda s: Affine(40, s), lambda s: AffineReLU(40, s), lambda s: Maxout(40, 2, s)])
def test_a_start_has_the_variance_of_its_paper(make, start):
    values = make(start).initialize((300,), np.random.default_rng(0))
    expected = 2 / 300 if start == "he" else 2 / (300 + 40)
    assert values["W"].var() == pytest.approx(expected, rel=0.03)
    assert values["W"].dtype == np.float64
    if start == "glorot":
        assert np.abs(values["W"]).max() <= math.sqrt(6 / 340)
    assert not values["b"].any()


def test_default_starts():
    assert (Affine(1).start, AffineReLU(1).start) == ("glorot", "he")


def test_dropout_keeps_the_mean_and_follows_its_seed():
    x = np.ones((200, 500), np.float32)
    mask = Dropout(0.3).realize(np.random.default_rng(1))
    assert mask == Dropout(0.3).realize(np.random.default_rng(1))
    y = mask.forward(x)
    np.testing.assert_array_equal(y, mask.forward(x))
    assert y.dtype == np.float32
    assert (y == 0).mean() == pytest.approx(0.3, abs=0.01)
    assert y.mean() == pytest.approx(1, abs=0.01)
    np.testing.assert_array_equal(mask.linearize(x)[1].vjp(x), y)
    assert (DropoutMask(0.3, mask.seed + 1).forward(x) != y).any()


def test_dropout_of_nothing_is_the_identity():
    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(DropoutMask(0, 5).forward(x), x)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Affine(0), "units: expected a positive int, got 0"),
        (lambda: Affine(-2), "units: expected a positive int, got -2"),
        (lambda: Affine("64"), "units: expected a positive int, got '64'"),
        (lambda: AffineReLU(3.0), r"units: expected a positive int, got 3\.0"),
        (lambda: AffineReLU(True), "units: expected a positive int, got True"),
        (lambda: Affine(3, "zero"), "start: expected one of 'glorot', 'he', got 'zero'"),
        (lambda: Maxout(2, 0), "pieces: expected a positive int, got 0"),
        (lambda: Maxout(None, 2), "units: expected a positive int, got None"),
        (lambda: Maxout(1, 2, "x"), "start: expected one of"),
        (lambda: ELU(0.0), r"alpha: expected a finite number above 0, got 0\.0"),
        (lambda: ELU("1"), "alpha: expected a finite number above 0, got '1'"),
        (lambda: Dropout(1.0), r"rate: expected a finite number of at least 0 and below 1, got 1\.0"),
        (lambda: Dropout(-0.1), r"rate: expected .*, got -0\.1"),
        (lambda: DropoutMask(0.5, -1), "seed: expected an int of at least 0, got -1"),
    ],
)
def test_wrong_settings_are_refused(make, message):
    with pytest.raises(SettingError, match=message):
        make()


@pytest.mark.parametrize("layer", [Affine(2), AffineReLU(2), Maxout(2, 2)], ids=repr)
@pytest.mark.parametrize("shape", [(), (2, 3), (0,)])
def test_a_sample_that_is_no_vector_is_refused(layer, shape):
    name = type(layer).__name__
    for ask in (layer.output_shape, layer.parameter_shapes, lambda s: layer.initialize(s, np.random.default_rng(0))):
        with pytest.raises(ShapeError, match=rf"{name} input: expected \(n,\), got .*; put flatten before it"):
            ask(shape)


def test_softmax_of_a_number_is_refused():
    with pytest.raises(ShapeError, match=r"softmax input: expected \(…, m\), got \(\)"):
        Softmax().output_shape(())

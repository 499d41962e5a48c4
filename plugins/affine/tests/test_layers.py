"""What the suite's cases do not prove: starts, the noise of dropout, messages, and how the layers hang together."""

import math

import numpy as np
import pytest

from chainrule import SettingError, ShapeError, jacobian
from chainrule_affine import (
    ELU,
    Affine,
    AffineReLU,
    Dropout,
    DropoutMask,
    Flatten,
    Maxout,
    ReLU,
    Softmax,
)

B = 3


def drawn(layer, shape, dtype=np.float64):
    rng = np.random.default_rng(7)
    x = rng.normal(size=(B, *shape)).astype(dtype)
    return x, {name: rng.normal(size=s).astype(dtype) for name, s in layer.parameter_shapes(shape).items()}


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


@pytest.mark.parametrize("layer", [Affine(4), AffineReLU(4), AffineReLU(1)], ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_object_has_the_bits_of_the_ready_made_maps(layer, dtype):
    x, own = drawn(layer, (5,), dtype)
    y, one = layer.linearize(x, **own)
    delta, found, expected = np.cos(y + 1), *[{name: np.empty_like(own[name]) for name in own} for _ in range(2)]
    passed, params_alone = one.vjp(delta, found), {name: np.empty_like(own[name]) for name in own}
    one.vjp_params(delta, params_alone)
    assert passed.tobytes() == one.written_out().vjp(delta, expected).tobytes() == one.vjp(delta).tobytes()
    for name in own:
        assert found[name].tobytes() == expected[name].tobytes() == params_alone[name].tobytes()


def test_a_delta_of_another_dtype_is_taken():
    x, own = drawn(AffineReLU(4), (5,), np.float32)
    y, maps = AffineReLU(4).linearize(x, **own)
    of_float32, of_float64 = ({name: np.empty_like(own[name]) for name in own} for _ in range(2))
    maps.vjp_params(np.ones_like(y), of_float32)
    maps.vjp_params(np.ones(y.shape), of_float64)
    for name in own:
        np.testing.assert_allclose(of_float64[name], of_float32[name], rtol=1e-6)

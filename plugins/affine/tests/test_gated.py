"""Φ against the math module, and the layers x g(x) far out, in both dtypes."""

import math

import numpy as np
import pytest

from chainrule import SettingError
from chainrule_affine import GELU, SiLU
from chainrule_affine.normal import BLOCK, DENOMINATOR, FAR, NUMERATOR, normal_cdf

GATED = [GELU(), GELU("tanh"), SiLU()]
ROOT = math.sqrt(2)


def test_the_distribution_function_is_that_of_the_math_module():
    x = np.concatenate([np.linspace(-40, 40, 80_001), np.geomspace(1e-300, 1, 10_000)])
    got = normal_cdf(x)
    assert np.abs(got - [math.erfc(-v / ROOT) / 2 for v in x]).max() < 3e-16
    assert np.abs(2 * got - 1 - [math.erf(v / ROOT) for v in x]).max() < 1e-15
    assert normal_cdf(np.zeros(1)) == 0.5


def test_its_tail_keeps_its_digits():
    x = -np.linspace(0, 37, 30_001)
    share = normal_cdf(x) / [math.erfc(-v / ROOT) / 2 for v in x]
    assert (np.abs(share - 1) < 3e-16 * (4 + x * x)).all()


def test_it_rises_from_0_to_1():
    x = np.linspace(-40, 40, 100_001)
    y = normal_cdf(x)
    assert np.diff(y).min() > -3e-16
    assert y[0] == 0
    assert (y[x > 9] == 1).all()
    assert normal_cdf(np.array([-np.inf, np.inf, -FAR, FAR])).tolist() == [0, 1, 0, 1]
    assert np.isnan(normal_cdf(np.array([np.nan]))).all()


def test_no_coefficient_cancels_another():
    assert min(*NUMERATOR, *DENOMINATOR) > 0


def test_float32_stays_float32_and_as_exact():
    x = np.linspace(-10, 10, 20_001).astype(np.float32)
    got = normal_cdf(x)
    assert got.dtype == np.float32
    assert np.abs(got - normal_cdf(x.astype(np.float64))).max() < 3e-7


@pytest.mark.parametrize("shape", [(0,), (1,), (BLOCK,), (BLOCK + 1,), (3, 2, BLOCK), (2, 0, 3)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_the_blocks_do_not_show(shape, order):
    x = np.asarray(np.random.default_rng(0).normal(size=shape), order=order)
    got = normal_cdf(x)
    assert got.shape == shape
    for place in [(0,) * len(shape), tuple(n - 1 for n in shape)] if x.size else []:
        assert got[place] == normal_cdf(x[place].reshape(1))[0]


@pytest.mark.parametrize("layer", GATED, ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_far_out_they_are_x_and_0_and_nothing_overflows(layer, dtype):
    sizes = [1e3, 1e4, 1e8, 1e19, 1e20, 1e38, *([1e103, 1e154, 1e155, 1e308] if dtype == np.float64 else [])]
    x = np.array([sizes, np.negative(sizes)], dtype)
    y, maps = layer.linearize(x)
    assert y.dtype == dtype
    assert y[0].tolist() == x[0].tolist()
    assert not y[1].any()
    slopes = [[1] * len(sizes), [0] * len(sizes)]
    assert maps.vjp(np.ones_like(x)).tolist() == slopes
    assert layer.derivative(x, y).tolist() == slopes
    assert np.array_equal(layer.forward(x), y)


@pytest.mark.parametrize("layer", GATED, ids=repr)
def test_there_is_no_seam_where_numbers_count_as_far(layer):
    for place in (-FAR, FAR, -9, 9, 0):
        x = place + np.array([[-1e-9, 0, 1e-9]])
        y, maps = layer.linearize(x)
        assert np.abs(np.diff(y)).max() < 2e-9
        assert np.abs(np.diff(maps.vjp(np.ones_like(x)))).max() < 2e-9


@pytest.mark.parametrize(
    ("layer", "at_1", "at_minus_2"),
    [
        (GELU(), 0.8413447460685429, -0.04550026389635842),
        (GELU("tanh"), 0.8411919906082768, -0.04540230591222494),
        (SiLU(), 0.7310585786300049, -0.23840584404423515),
    ],
    ids=repr,
)
def test_their_values_are_those_of_the_tables(layer, at_1, at_minus_2):
    np.testing.assert_allclose(layer.forward(np.array([1.0, -2.0, 0.0])), [at_1, at_minus_2, 0], rtol=1e-14)


@pytest.mark.parametrize("wrong", ["erf", "Tanh", "", True, None, ["tanh"]])
def test_an_unknown_approximation_is_refused(wrong):
    with pytest.raises(SettingError, match=r"^approximate: expected one of 'none', 'tanh', got ") as caught:
        GELU(wrong)
    assert repr(wrong) in str(caught.value)

"""The judge of derivatives: what it must call wrong, what right, and what it must not claim to know."""

import numpy as np
import pytest

from chainrule.differences import STEP, along, judge


def of(f, x, factor=1.0):
    """Judge `factor` times the derivative of a function at x, which is given by complex steps: they round nothing."""
    right = np.imag(f(x + 1e-30j)) / 1e-30
    return judge(factor * right, lambda t: np.asarray(f(x + t * STEP)), STEP)


@pytest.mark.parametrize(
    "f", [np.sin, np.exp, np.tanh, lambda x: x * x * x * x * x], ids=["sin", "exp", "tanh", "power"]
)
@pytest.mark.parametrize("x", [-1.3, 0.3, 2.1])
def test_a_right_derivative_is_right_and_a_thousandth_more_is_wrong(f, x):
    assert of(f, x).right
    assert of(f, x, 1.001).wrong


@pytest.mark.parametrize("size", [1e3, 1e7, 1e10])
def test_a_large_value_excuses_no_fault(size):
    def f(x):
        return size + np.tanh(x)

    assert of(f, 0.4).right
    assert of(f, 0.4, 1.5).wrong


def test_what_rounding_drowns_is_not_judged():
    drowned = of(lambda x: 1e17 + np.tanh(x), 0.4, 1.5)
    assert not drowned.judged
    assert not drowned.wrong
    assert np.isnan(drowned.numerical)


@pytest.mark.parametrize("apart", [3e-5, 1e-6, -7e-6])
def test_a_kink_within_a_step_is_passed_by_with_a_finer_one(apart):
    slope = 2.0 if apart > 0 else -1.0  # of max(2x, -x), right and left of 0

    def moved(t):
        return np.maximum(2 * (apart + t * STEP), -(apart + t * STEP))

    assert judge(slope, moved, STEP).right
    assert judge(2.0 - 1.0 - slope, moved, STEP).wrong  # the slope of the other side


@pytest.mark.parametrize("analytic", [2.0, -1.0, 0.5])
def test_at_the_kink_itself_nothing_is_judged(analytic):
    assert not judge(analytic, lambda t: np.maximum(2 * t * STEP, -t * STEP), STEP).judged


@pytest.mark.parametrize("analytic", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_wrong(analytic):
    assert judge(analytic, lambda t: np.sin(0.3 + t * STEP), STEP).wrong


def test_many_numbers_are_judged_apart():
    x = np.array([0.3, 1.2, -0.7])
    found = judge(np.cos(x) * [1, 1.01, 1], lambda t: np.sin(x + t * STEP), STEP)
    assert found.right.tolist() == [True, False, True]
    assert found.wrong.tolist() == [False, True, False]
    np.testing.assert_allclose(found.numerical, np.cos(x), rtol=1e-9)


def test_a_sum_of_terms_is_known_as_well_as_their_sizes_allow():
    x = np.linspace(-2, 2, 41)
    x = np.concatenate([x, -x])  # slopes 3x² of x³ that add up, and of -x³ that take it back

    def moved(t):
        return np.sign(np.arange(82) - 40.5) * (x + t * STEP) ** 3

    assert judge(0.0, moved, STEP, gather=np.sum).right
    assert judge(1.0, moved, STEP, gather=np.sum).wrong


def test_the_error_of_a_difference_holds_its_rounding():
    value, error, bend = along(lambda t: np.asarray(1e6 + 3 * t * STEP), STEP)
    assert abs(value - 3) <= error
    assert bend == 0

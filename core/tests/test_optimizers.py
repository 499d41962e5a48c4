from dataclasses import dataclass

import numpy as np
import pytest

from chainrule import SGD, Schedule, SettingError, StepContext, UnsupportedError
from chainrule.optimizers import BLOCK


def context(step=0):
    return StepContext(step, {}, lambda vector: vector)


@pytest.mark.parametrize("size", [1, 7, BLOCK, BLOCK + 1, 3 * BLOCK - 5])
def test_sgd_moves_every_entry_against_its_slope(size):
    rng = np.random.default_rng(size)
    theta, gradient = rng.normal(size=size), rng.normal(size=size)
    expected = [t - 0.25 * g for t, g in zip(theta.tolist(), gradient.tolist(), strict=True)]
    before = gradient.copy()
    SGD(0.25).step(theta, gradient, SGD(0.25).init(theta), context())
    assert theta.tolist() == expected
    np.testing.assert_array_equal(gradient, before)


def test_sgd_keeps_float32():
    theta = np.ones(4, np.float32)
    SGD(0.1).step(theta, np.ones(4, np.float32), None, context())
    assert theta.dtype == np.float32


def test_a_schedule_sees_the_step():
    @dataclass(frozen=True)
    class Halving(Schedule):
        def rate(self, step):
            return 0.5**step

    theta = np.zeros(1)
    for step in range(3):
        SGD(Halving()).step(theta, np.ones(1), None, context(step))
    assert theta[0] == -1.75


@pytest.mark.parametrize("rate", [0, -0.1, float("nan"), float("inf"), "0.1", True, None])
def test_a_learning_rate_is_a_positive_number_or_a_schedule(rate):
    with pytest.raises(SettingError, match="learning_rate: expected a positive number or a Schedule, got"):
        SGD(rate)


@pytest.mark.parametrize(
    "ask",
    [
        lambda context: context.gauss_newton(np.ones(2)),
        lambda context: context.gauss_newton_diagonal(),
        lambda context: context.objective(),
    ],
)
def test_a_context_that_was_given_no_curvature_says_so(ask):
    with pytest.raises(UnsupportedError, match=r"^this step's context has no curvature and no objective; train gives"):
        ask(StepContext(0, {}))

"""The rules, against loops over plain numbers that were written from the papers."""

import math
import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest

import chainrule
from chainrule import Network, Schedule, SettingError, StepContext, train
from chainrule.optimizers import BLOCK
from chainrule_affine import Affine, AffineReLU, Flatten
from chainrule_losses import CrossEntropy
from chainrule_optimizers import Adagrad, Adam, AdamW, Momentum, Nesterov, RMSprop


def momentum(w, slopes):
    v = 0.0
    for g in slopes:
        v = 0.8 * v + g
        w = w - 0.05 * v
        yield w


def nesterov(w, slopes):
    v = 0.0
    for g in slopes:
        v = 0.8 * v + g
        w = w - 0.05 * g - 0.05 * 0.8 * v
        yield w


def adagrad(w, slopes):
    seen = []
    for g in slopes:
        seen.append(g * g)
        w = w - 0.05 * g / (math.sqrt(math.fsum(seen)) + 1e-6)
        yield w


def rmsprop(w, slopes):
    for t, g in enumerate(slopes):
        mean = math.fsum(0.1 * 0.9 ** (t - s) * slopes[s] ** 2 for s in range(t + 1))
        w = w - 0.05 * g / (math.sqrt(mean) + 1e-6)
        yield w


def adam(w, slopes, decay=0.0):
    """With the means as the paper's sums, 3: m_t = (1 - β) Σ β^(t - s) g_s."""
    for t in range(1, len(slopes) + 1):
        m = math.fsum(0.3 * 0.7 ** (t - s) * slopes[s - 1] for s in range(1, t + 1)) / (1 - 0.7**t)
        q = math.fsum(0.1 * 0.9 ** (t - s) * slopes[s - 1] ** 2 for s in range(1, t + 1)) / (1 - 0.9**t)
        w = w - 0.05 * (m / (math.sqrt(q) + 1e-6) + decay * w)
        yield w


RULES = [
    (Momentum(0.05, momentum=0.8), momentum),
    (Nesterov(0.05, momentum=0.8), nesterov),
    (Adagrad(0.05, epsilon=1e-6), adagrad),
    (RMSprop(0.05, decay=0.9, epsilon=1e-6), rmsprop),
    (Adam(0.05, beta1=0.7, beta2=0.9, epsilon=1e-6), adam),
    (AdamW(0.05, beta1=0.7, beta2=0.9, epsilon=1e-6, weight_decay=0.2), lambda w, g: adam(w, g, decay=0.2)),
]
BY_NAME = {"ids": lambda value: type(value).__name__}


def context(step):
    return StepContext(step, {}, lambda vector: vector)


@pytest.mark.parametrize("rule, loops", RULES, **BY_NAME)
def test_the_first_ten_steps_are_the_paper_s(rule, loops):
    rng = np.random.default_rng(0)
    theta, slopes = rng.normal(size=7), rng.normal(size=(10, 7))
    expected = np.array([list(loops(w, column.tolist())) for w, column in zip(theta.tolist(), slopes.T, strict=True)])
    state = rule.init(theta)
    for step, gradient in enumerate(slopes):
        before = gradient.copy()
        rule.step(theta, gradient, state, context(step))
        np.testing.assert_allclose(theta, expected[:, step], rtol=0, atol=1e-12)
        np.testing.assert_array_equal(gradient, before)


@pytest.mark.parametrize("rule, loops", RULES, **BY_NAME)
def test_blocks_do_not_show_and_float32_stays(rule, loops):
    rng = np.random.default_rng(1)
    whole, slopes = rng.normal(size=2 * BLOCK + 5).astype(np.float32), rng.normal(size=2 * BLOCK + 5).astype(np.float32)
    part = whole[BLOCK - 3 : BLOCK + 4].copy()
    states = rule.init(whole), rule.init(part)
    for step in range(3):
        rule.step(whole, slopes, states[0], context(step))
        rule.step(part, slopes[BLOCK - 3 : BLOCK + 4], states[1], context(step))
    np.testing.assert_array_equal(whole[BLOCK - 3 : BLOCK + 4], part)
    assert all(vector.dtype == np.float32 for vector in (whole, *states[0].values()))


@pytest.mark.parametrize("rule, loops", RULES, **BY_NAME)
def test_a_step_allocates_nothing_of_the_size_of_theta(rule, loops):
    theta = np.ones(40 * BLOCK)
    state, slopes = rule.init(theta), np.ones_like(theta)
    tracemalloc.start()
    try:
        rule.step(theta, slopes, state, context(0))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < theta.nbytes / 4


@pytest.mark.parametrize("rule, loops", RULES, **BY_NAME)
def test_the_state_is_all_that_a_run_needs_to_go_on(rule, loops):
    rng = np.random.default_rng(2)
    slopes = rng.normal(size=(6, 5))
    thetas = [np.ones(5), np.ones(5)]
    states = [rule.init(theta) for theta in thetas]
    for step in range(6):
        if step == 3:
            states[1] = {name: vector.copy() for name, vector in states[1].items()}
        for theta, state in zip(thetas, states, strict=True):
            rule.step(theta, slopes[step], state, context(step))
    np.testing.assert_array_equal(*thetas)
    assert all(vector.shape == (5,) for vector in states[0].values())


def test_a_schedule_sees_the_step():
    @dataclass(frozen=True)
    class Halving(Schedule):
        def rate(self, step):
            return 0.5**step

    theta = np.zeros(1)
    rule = Momentum(Halving(), momentum=0.0)
    state = rule.init(theta)
    for step in range(3):
        rule.step(theta, np.ones(1), state, context(step))
    assert theta[0] == -1.75


@pytest.mark.parametrize("name", ["adagrad", "adam", "adamw", "momentum", "nesterov", "rmsprop"])
def test_each_is_found_by_name_and_learns_the_digits(name):
    data = chainrule.dataset("digits", split="stratified")
    net = Network([Flatten(), AffineReLU(32), Affine(10)], (8, 8, 1))
    rate = {"momentum": 0.02, "nesterov": 0.02, "adagrad": 0.1}.get(name, 0.003)
    rule = chainrule.optimizer(name, learning_rate=rate)
    history = train(net, data.x, data.y, loss=CrossEntropy(), optimizer=rule, batch_size=32, epochs=6)
    assert history[-1].e_in.error < 0.05


@pytest.mark.parametrize("kind", [Momentum, Nesterov, Adagrad, RMSprop, Adam, AdamW])
@pytest.mark.parametrize("rate", [0, -0.1, math.nan, "0.1", True, None])
def test_a_learning_rate_is_a_positive_number_or_a_schedule(kind, rate):
    with pytest.raises(SettingError, match="learning_rate: expected a positive number or a Schedule, got"):
        kind(rate)


@pytest.mark.parametrize(
    "kind, settings",
    [
        (kind, {name: value})
        for kind, names in {
            Momentum: ["momentum"],
            Nesterov: ["momentum"],
            RMSprop: ["decay"],
            Adam: ["beta1", "beta2"],
        }.items()
        for name in names
        for value in (1.0, -0.1, math.nan, "0.9", None)
    ]
    + [(kind, {"epsilon": value}) for kind in (Adagrad, RMSprop, Adam, AdamW) for value in (0.0, -1.0, "tiny", None)]
    + [(AdamW, {"weight_decay": value}) for value in (-0.1, math.inf, "0.1", None)],
)
def test_other_settings_that_are_wrong_are_refused_by_name(kind, settings):
    with pytest.raises(SettingError, match=f"^{next(iter(settings))}: expected a"):
        kind(0.1, **settings)

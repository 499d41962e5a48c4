"""Rules around rules, against loops over plain numbers and the derivative of what they stand for."""

import copy
import math
from dataclasses import dataclass

import numpy as np
import pytest

import chainrule
from chainrule import (
    SGD,
    Network,
    Optimizer,
    SettingError,
    StepContext,
    gauss_newton_diagonal,
    gauss_newton_vector,
    numerical_jacobian,
)
from chainrule.optimizers import BLOCK
from chainrule_affine import Affine, Tanh
from chainrule_losses import CrossEntropy
from chainrule_optimizers import (
    Adagrad,
    Adam,
    AdamW,
    ClipNorm,
    ClipValue,
    LevenbergMarquardt,
    Momentum,
    Nesterov,
    RMSprop,
    WeightDecay,
)

MOMENTUM = Momentum(0.05, momentum=0.8)


@dataclass(frozen=True)
class Witness(Optimizer):
    """Keeps what it sees."""

    def init(self, theta):
        return {}

    def step(self, theta, gradient, state, context):
        state.update(gradient=gradient, context=context)


def context(step=0):
    return StepContext(step, {}, lambda vector: vector)


def seen(rule, theta, gradient, its_context=None):
    state = {}
    rule.step(theta, gradient, state, its_context or context())
    return state


def heavy_ball(thetas, slopes, change):
    """Momentum(0.05, 0.8) along `change(w, g)`, both lists of numbers."""
    w, v = list(thetas), [0.0] * len(thetas)
    for g in slopes:
        changed = change(w, list(g))
        for k in range(len(w)):
            v[k] = 0.8 * v[k] + changed[k]
            w[k] = w[k] - 0.05 * v[k]
        yield list(w)


def decayed(w, g):
    return [g[k] + 0.3 * w[k] for k in range(len(w))]


def shortened(w, g):
    length = math.sqrt(math.fsum(x * x for x in g))
    return [x / length * 2.5 if length > 2.5 else x for x in g]


def bounded(w, g):
    return [0.4 if x > 0.4 else -0.4 if x < -0.4 else x for x in g]


RULES = [
    (WeightDecay(MOMENTUM, 0.3), decayed),
    (ClipNorm(MOMENTUM, 2.5), shortened),
    (ClipValue(MOMENTUM, 0.4), bounded),
    (WeightDecay(ClipNorm(MOMENTUM, 2.5), 0.3), lambda w, g: shortened(w, decayed(w, g))),
    (ClipNorm(WeightDecay(MOMENTUM, 0.3), 2.5), lambda w, g: decayed(w, shortened(w, g))),
]
BY_PLACE = {"ids": ["decay", "norm", "value", "decay, norm", "norm, decay"]}


@pytest.mark.parametrize("rule, change", RULES, **BY_PLACE)
def test_the_first_ten_steps_are_the_loops(rule, change):
    rng = np.random.default_rng(0)
    theta, slopes = rng.normal(size=7), rng.normal(size=(10, 7))
    lengths = np.linalg.norm(slopes, axis=1)
    assert lengths.min() < 2.5 < lengths.max()
    expected = list(heavy_ball(theta.tolist(), slopes.tolist(), change))
    state = rule.init(theta)
    for step, gradient in enumerate(slopes):
        before = gradient.copy()
        rule.step(theta, gradient, state, context(step))
        np.testing.assert_allclose(theta, expected[step], rtol=0, atol=1e-12)
        np.testing.assert_array_equal(gradient, before)


@pytest.mark.parametrize("rule, change", RULES, **BY_PLACE)
def test_the_state_is_the_inner_rule_s_and_all_that_a_run_needs_to_go_on(rule, change):
    rng = np.random.default_rng(2)
    slopes, thetas = rng.normal(size=(6, 5)), [np.ones(5), np.ones(5)]
    states = [rule.init(theta) for theta in thetas]
    assert list(states[0]) == ["velocity"]
    for step in range(6):
        if step == 3:
            states[1] = copy.deepcopy(states[1])
        for theta, state in zip(thetas, states, strict=True):
            rule.step(theta, slopes[step], state, context(step))
    np.testing.assert_array_equal(*thetas)


@pytest.mark.parametrize("rule, change", RULES, **BY_PLACE)
def test_float32_stays_and_what_is_given_is_only_read(rule, change):
    theta, gradient = np.ones(5, np.float32), np.full(5, 9.0, np.float32)
    gradient.flags.writeable = False
    state = rule.init(theta)
    rule.step(theta, gradient, state, context())
    assert theta.dtype == state["velocity"].dtype == np.float32


@pytest.fixture
def problem():
    rng = np.random.default_rng(3)
    net = Network([Affine(4), Tanh(), Affine(3)], 2, dtype=np.float64)
    net.theta += rng.normal(0, 0.3, net.theta.shape)
    return net, rng.normal(size=(6, 2)), rng.integers(0, 3, 6)


def test_weight_decay_shows_the_slopes_of_the_objective_with_its_penalty(problem):
    net, x, y = problem
    twin = net.astype(np.float64)

    def objective():
        return CrossEntropy().value(twin.predict(x), y).mean()

    def shown(theta):
        twin.theta[...] = theta
        own = StepContext(0, {}, objective=objective)
        return seen(WeightDecay(Witness(), 0.3), theta, theta, own)["context"].objective()

    found = seen(WeightDecay(Witness(), 0.3), net.theta, chainrule.gradient(net, x, y, CrossEntropy()))
    np.testing.assert_allclose(found["gradient"], numerical_jacobian(shown, net.theta), atol=1e-8)
    penalty = shown(net.theta) - CrossEntropy().value(net.predict(x), y).mean()
    assert penalty == pytest.approx(0.15 * math.fsum(net.theta**2), rel=1e-12)


def test_weight_decay_shows_the_curvature_of_its_penalty(problem):
    net, x, y = problem
    own = StepContext(
        0,
        net.slices,
        lambda vector: gauss_newton_vector(net, x, y, CrossEntropy(), vector),
        lambda: gauss_newton_diagonal(net, x, y, CrossEntropy()),
    )
    shown = seen(WeightDecay(Witness(), 0.3), net.theta, net.theta, own)["context"]
    columns = np.array([shown.gauss_newton(unit) for unit in np.eye(net.theta.size)])
    plain = np.array([own.gauss_newton(unit) for unit in np.eye(net.theta.size)])
    np.testing.assert_allclose(columns - plain, 0.3 * np.eye(net.theta.size), atol=1e-14)
    np.testing.assert_allclose(shown.gauss_newton_diagonal(), columns.diagonal(), atol=1e-14)


def test_the_objective_follows_the_inner_rule_s_move():
    @dataclass(frozen=True)
    class Mover(Optimizer):
        def step(self, theta, gradient, state, context):
            state.append(context.objective())
            theta += 1
            state.append(context.objective())

    found, theta = [], np.array([1.0, 2.0])
    WeightDecay(Mover(), 0.5).step(theta, theta.copy(), found, StepContext(0, {}, objective=lambda: 7.0))
    assert found == [7 + 0.25 * 5, 7 + 0.25 * 13]


def test_for_plain_descent_weight_decay_is_that_of_adamw():
    """W - λ (dW + w W) = (W - λ w W) - λ dW, but for Adam the two differ."""
    theta, slopes = np.array([1.0, -2.0]), np.array([0.5, 0.25])
    coupled, decoupled = theta.copy(), (1 - 0.1 * 0.3) * theta - 0.1 * slopes
    WeightDecay(SGD(0.1), 0.3).step(coupled, slopes, None, context())
    np.testing.assert_allclose(coupled, decoupled, atol=1e-15)
    moved = []
    for rule in (WeightDecay(Adam(0.1), 0.3), AdamW(0.1, weight_decay=0.3)):
        moved.append(theta.copy())
        rule.step(moved[-1], slopes, rule.init(theta), context())
    assert np.abs(moved[0] - moved[1]).min() > 1e-3


@pytest.mark.parametrize("size", [1, 7, BLOCK - 1, BLOCK + 1, 3 * BLOCK])
@pytest.mark.parametrize("dtype, tolerance", [(np.float32, 2e-7), (np.float64, 1e-13)])
def test_a_clipped_gradient_has_the_norm_and_the_direction(size, dtype, tolerance):
    gradient = np.random.default_rng(size).normal(size=size).astype(dtype)
    found = seen(ClipNorm(Witness(), 0.125), gradient, gradient)["gradient"]
    wide = found.astype(np.float64)
    assert found.dtype == dtype
    assert abs(math.sqrt(math.fsum(wide**2)) / 0.125 - 1) < tolerance
    shares = wide / gradient
    assert 0 < shares.min() <= shares.max() < shares.min() * (1 + tolerance)


@pytest.mark.parametrize("gradient", [np.zeros(3), np.array([0.3, 0.0, -0.4])])
def test_a_short_gradient_is_not_clipped(gradient):
    np.testing.assert_array_equal(seen(ClipNorm(Witness(), 0.5), gradient, gradient)["gradient"], gradient)


def test_squares_that_float32_cannot_hold_are_summed_all_the_same():
    gradient = np.array([3e30, -4e30], np.float32)
    found = seen(ClipNorm(Witness(), 5.0), gradient, gradient)["gradient"]
    np.testing.assert_allclose(found, [3.0, -4.0], rtol=1e-6)


def test_a_recipe_writes_a_rule_inside_a_rule():
    training = {"loss": "cross_entropy", "batch_size": 1, "epochs": 1}
    clipped = {"use": "clip_norm", "norm": 1.0, "inner": {"use": "adam", "learning_rate": 0.001}}
    for table, expected in [
        (clipped, ClipNorm(Adam(0.001), 1.0)),
        ({"use": "weight_decay", "decay": 0.01, "inner": clipped}, WeightDecay(ClipNorm(Adam(0.001), 1.0), 0.01)),
        ({"use": "clip_value", "value": 2.0, "inner": {"use": "sgd", "learning_rate": 0.5}}, ClipValue(SGD(0.5), 2.0)),
    ]:
        training["optimizer"] = table
        recipe = chainrule.Recipe({"data": {"use": "digits"}, "network": {"layers": []}, "training": training})
        assert recipe.optimizer() == expected


@pytest.mark.parametrize(
    "kind, name, value",
    [
        *[(WeightDecay, "decay", value) for value in (-0.1, math.inf, math.nan, "0.1", True, None)],
        *[(ClipNorm, "norm", value) for value in (0.0, -1, math.inf, math.nan, "1", True, None)],
        *[(ClipValue, "value", value) for value in (0.0, -1, math.inf, math.nan, "1", True, None)],
    ],
)
def test_wrong_settings_are_refused_by_name(kind, name, value):
    with pytest.raises(SettingError, match=rf"^{name}: expected a finite number"):
        kind(SGD(0.1), value)


@pytest.mark.parametrize("kind", [WeightDecay, ClipNorm, ClipValue])
@pytest.mark.parametrize("inner", [None, "sgd", SGD, 0.1])
def test_what_is_inside_is_an_optimizer(kind, inner):
    with pytest.raises(SettingError, match=r"^inner: expected an Optimizer, such as SGD\(0\.1\), got"):
        kind(inner, 1.0)


@pytest.mark.parametrize("rule", [Momentum(0.1), Nesterov(0.1), Adagrad(0.1), RMSprop(), Adam(), AdamW()])
def test_rules_that_step_each_number_by_itself_say_so_and_so_does_what_is_around_them(rule):
    assert rule.coordinatewise is True
    assert ClipValue(WeightDecay(rule, 0.1), 0.5).coordinatewise is True
    assert ClipNorm(rule, 0.5).coordinatewise is False
    assert WeightDecay(ClipNorm(rule, 0.5), 0.1).coordinatewise is False
    assert WeightDecay(LevenbergMarquardt(), 0.1).coordinatewise is False

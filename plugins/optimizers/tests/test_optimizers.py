"""What the rules' cases do not show: memory, schedules, learning, and the words of a refusal."""

import re
import tracemalloc
from dataclasses import dataclass, replace

import numpy as np
import pytest

import chainrule
from chainrule import SGD, Network, Schedule, SettingError, StepContext, train
from chainrule.optimizers import BLOCK
from chainrule_affine import Affine, AffineReLU, Flatten
from chainrule_losses import CrossEntropy
from chainrule_optimizers import Adagrad, Adam, AdamW, Momentum, Nesterov, RMSprop
from chainrule_optimizers.cases import CASES

RULES = [Momentum(0.05), Nesterov(0.05), Adagrad(0.05), RMSprop(0.05), Adam(0.05), AdamW(0.05)]
BY_NAME = {"ids": lambda rule: type(rule).__name__}


def context(step):
    return StepContext(step, {}, lambda vector: vector)


@pytest.mark.parametrize("rule", RULES, **BY_NAME)
def test_a_step_allocates_nothing_of_the_size_of_theta(rule):
    theta = np.ones(40 * BLOCK)
    state, slopes = rule.init(theta), np.ones_like(theta)
    tracemalloc.start()
    try:
        rule.step(theta, slopes, state, context(0))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < theta.nbytes / 4


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


@pytest.mark.parametrize("name", [case.id for case in CASES if "/" not in case.id] + ["sgd"])
def test_each_learns_the_digits_with_what_it_has_or_says_to_try_first(name):
    settings = {"inner": SGD(0.1)} if name in ("weight_decay", "clip_norm", "clip_value") else {}
    while True:
        try:
            rule = chainrule.optimizer(name, **settings)
            break
        except SettingError as error:
            key, first = re.search(r"^(\w+): \w+ needs this setting; try \1 = (\S+) first; ", str(error)).groups()
            settings[key] = float(first)
    data = chainrule.dataset("digits", split="stratified")
    net = Network([Flatten(), AffineReLU(32), Affine(10)], (8, 8, 1))
    history = train(net, data.x, data.y, loss=CrossEntropy(), optimizer=rule, batch_size=32, epochs=8)
    assert history[-1].e_in.error < 0.1


@pytest.mark.parametrize(
    "rule, rate",
    [(Adam(), 0.001), (AdamW(), 0.001), (RMSprop(), 0.001)],  # Kingma and Ba; Loshchilov and Hutter; Ruder for Hinton
    ids=["adam", "adamw", "rmsprop"],
)
def test_a_rate_that_the_source_gives_is_the_default(rule, rate):
    assert rule.learning_rate == rate
    assert chainrule.optimizer(type(rule).__name__.lower()) == rule == type(rule)(rate)


@pytest.mark.parametrize("kind", [Momentum, Nesterov, Adagrad, RMSprop, Adam, AdamW])
def test_a_learning_rate_is_a_positive_number_or_a_schedule(kind):
    with pytest.raises(SettingError, match="learning_rate: expected a positive number or a Schedule, got 0"):
        kind(0)


@pytest.mark.parametrize("case", [case for case in CASES if case.invalid], ids=lambda case: case.id)
def test_other_settings_that_are_wrong_are_refused_by_name(case):
    for settings in case.invalid:
        with pytest.raises(SettingError, match=f"^{next(iter(settings))}: expected a"):
            replace(case.optimizer, **settings)

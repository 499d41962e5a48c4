"""Layers that keep their bits while others are trained, whatever the rule."""

import copy

import numpy as np
import pytest

import chainrule
from chainrule import SGD, Network, SettingError, StepContext, evaluate, train
from chainrule_affine import Affine, AffineReLU
from chainrule_losses import CrossEntropy
from chainrule_norm import BatchNorm
from chainrule_optimizers import (
    Adam,
    AdamW,
    ClipNorm,
    DiagonalGaussNewton,
    LevenbergMarquardt,
    Momentum,
    WeightDecay,
)

RNG = np.random.default_rng(3)
X = RNG.normal(size=(40, 4))
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
RULES = {
    "sgd": SGD(0.1),
    "momentum": Momentum(0.1),
    "adam": Adam(0.01),
    "adamw": AdamW(0.01, weight_decay=0.1),
    "decay": WeightDecay(SGD(0.1), decay=0.1),
    "clip": ClipNorm(SGD(0.1), norm=0.01),
    "diagonal": DiagonalGaussNewton(0.1),
    "marquardt": LevenbergMarquardt(),
}


def network():
    return Network([AffineReLU(5), AffineReLU(6), Affine(3)], 4, seed=1, dtype=np.float64)


def run(net, optimizer=None, **settings):
    return train(
        net, X, Y, loss=CrossEntropy(), optimizer=optimizer or SGD(0.1), **{"batch_size": 8, "epochs": 3, **settings}
    )


@pytest.mark.parametrize("shards", [1, 2])
@pytest.mark.parametrize("frozen", [["0"], ["1.W"], ["1", "2.b"], ["0.b", "1", "1.W"]])
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_what_is_frozen_keeps_its_bits_and_the_rest_moves(rule, frozen, shards):
    net = network()
    before = {name: value.copy() for name, value in net.parameters.items()}
    history = run(net, rule, frozen=frozen, shards=shards)
    assert history[-1].e_in.loss < evaluate(network(), X, Y, CrossEntropy()).loss
    for name, value in net.parameters.items():
        still = name in frozen or name.partition(".")[0] in frozen
        assert (value == before[name]).all() == still, name


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_the_rest_moves_as_if_nothing_else_were_there(rule):
    """A network whose first layer is taken off, and whose samples are what that layer made of them, is the same."""
    net = network()
    head = Network([AffineReLU(6), Affine(3)], 5, dtype=np.float64)
    for name, value in head.parameters.items():
        position, _, own = name.partition(".")
        value[...] = net.parameters[f"{int(position) + 1}.{own}"]
    first = Network([AffineReLU(5)], 4, dtype=np.float64)
    first.theta = net.theta[: first.theta.size]
    run(net, rule, frozen=["0"])
    train(head, first.predict(X), Y, loss=CrossEntropy(), optimizer=rule, batch_size=8, epochs=3)
    np.testing.assert_allclose(net.theta[first.theta.size :], head.theta, rtol=1e-9, atol=1e-12)


def test_a_rule_sees_what_moves_at_theta_as_it_is():
    net = network()
    loss, direction, seen = CrossEntropy(), RNG.normal(size=21 + 36), []

    class Curious(chainrule.Optimizer):
        def step(self, theta, gradient, state, context: StepContext):
            theta += 0.1
            whole = np.zeros(net.theta.size)
            whole[25 : 25 + 36], whole[-21:] = direction[:36], direction[36:]
            assert (context.gauss_newton(direction) == chainrule.gauss_newton_vector(net, X, Y, loss, whole)[25:]).all()
            assert (net.theta[25:] == theta).all()
            diagonal = chainrule.gauss_newton_diagonal(net, X, Y, loss)[25:]
            assert (context.gauss_newton_diagonal() == diagonal).all()
            theta += 0.1
            assert context.objective() == pytest.approx(evaluate(net, X, Y, loss).loss, rel=1e-14)
            assert (net.theta[25:] == theta).all()
            shapes = {name: theta[place].size for name, place in context.slices.items()}
            seen.append((theta.size, gradient.size, shapes))

    run(net, Curious(), frozen=["0"], batch_size="all", epochs=1)
    assert seen == [(57, 57, {"1.W": 30, "1.b": 6, "2.W": 18, "2.b": 3})]


def test_a_resumed_run_has_the_bits_of_the_whole_one():
    class Keep:
        snapshots = ()

        def chainrule_epoch_ended(self, run, record):
            self.snapshots = (*self.snapshots, copy.deepcopy(run.snapshot()))

    whole, keep, rest = network(), Keep(), network()
    run(whole, Adam(0.01), frozen=["1"], hooks=[keep])
    assert keep.snapshots[0].optimizer["means"].size == whole.theta.size - 36
    run(rest, Adam(0.01), frozen=["1"], resume=keep.snapshots[0])
    assert (rest.theta == whole.theta).all()
    with pytest.raises(SettingError, match=r"^resume: optimizer"):
        run(network(), Adam(0.01), resume=keep.snapshots[0])


def test_statistics_of_a_frozen_layer_follow_the_data():
    net = Network([Affine(3), BatchNorm(), Affine(3)], 4)
    before = {name: value.copy() for name, value in net.state_views(net.state).items()}
    run(net, frozen=["1"])
    after = net.state_views(net.state)
    assert (net.parameters["1.gamma" if "1.gamma" in net.parameters else "1.a"] == 1).all()
    statistics = [name for name in after if name.startswith("1.") and name not in net.parameters]
    assert statistics
    assert all((after[name] != before[name]).any() for name in statistics)


@pytest.mark.parametrize(
    "frozen, message",
    [
        ("0", "frozen: expected a list of names of layers or parameters, got '0'"),
        ([0], "frozen: expected a list of names of layers or parameters, got [0]"),
        (["0.w"], "frozen: expected layers with parameters, or parameters, got '0.w'; did you mean 0.b or 0.W?"),
        (["encoder"], "frozen: expected layers with parameters, or parameters, got 'encoder'; known: 0, 0.W, 0.b, "),
        ([""], "frozen: expected layers with parameters, or parameters, got ''; known: 0"),
        (
            ["0", "1", "2"],
            "frozen: expected a parameter that moves, got ['0', '1', '2']; leave a layer out of the list",
        ),
    ],
)
def test_what_cannot_be_frozen_is_told(frozen, message):
    net = network()
    before = net.theta.copy()
    with pytest.raises(SettingError) as told:
        run(net, frozen=frozen)
    assert str(told.value).startswith(message)
    assert (net.theta == before).all()

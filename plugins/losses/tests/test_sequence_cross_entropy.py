"""Classes at every position: what the suite's cases do not prove."""

import math

import numpy as np
import pytest

from chainrule import Evaluation, Network, SettingError, TargetError, evaluate, numerical_jacobian
from chainrule_affine import Affine, Reshape
from chainrule_losses import CrossEntropy, SequenceCrossEntropy

RNG = np.random.default_rng(5)
S = RNG.normal(size=(3, 4, 5)) * 2
CLASSES = RNG.integers(0, 5, (3, 4))
GAPS = np.array([[0, 9, 3, 9], [1, 2, 3, 4], [9, 9, 9, 9]])
LOSS = SequenceCrossEntropy(9)


def slow(scores, targets, ignored=None):
    """Return the loss of each sample by loops and the math module."""
    values = []
    for s, y in zip(scores.tolist(), targets.tolist(), strict=True):
        kept = [(row, c) for row, c in zip(s, y, strict=True) if c != ignored]
        values.append(math.fsum(math.log(math.fsum(map(math.exp, row))) - row[c] for row, c in kept))
    return values


def test_a_sample_costs_what_its_kept_positions_cost():
    np.testing.assert_allclose(SequenceCrossEntropy().value(S, CLASSES), slow(S, CLASSES), rtol=1e-13)
    np.testing.assert_allclose(LOSS.value(S, GAPS), slow(S, GAPS, 9), rtol=1e-13)
    assert LOSS.value(S, GAPS)[2] == 0


def test_the_mean_is_that_of_all_kept_positions():
    assert LOSS.weight(GAPS).tolist() == [2, 4, 0]
    assert SequenceCrossEntropy().weight(CLASSES).tolist() == [4, 4, 4]
    network = Network([Affine(20), Reshape((4, 5))], 3, seed=1, dtype="float64")
    x = RNG.normal(size=(3, 3))
    scores = network.predict(x)
    mean = sum(slow(scores, GAPS, 9)) / 6
    wrong = sum(scores[j, t].argmax() != GAPS[j, t] for j in range(3) for t in range(4) if GAPS[j, t] != 9)
    found = evaluate(network, x, GAPS, LOSS)
    assert found.loss == pytest.approx(mean, rel=1e-13)
    assert found.error == pytest.approx(wrong / 6)
    assert network.backprop(x, GAPS, LOSS) == pytest.approx(mean, rel=1e-13)

    def objective(theta):
        network.theta = theta
        return sum(slow(network.predict(x), GAPS, 9)) / 6

    numerical = numerical_jacobian(objective, network.theta.copy())
    np.testing.assert_allclose(network.gradient, numerical.reshape(-1), atol=1e-8)


def test_nothing_kept_is_nothing_learned():
    network = Network([Affine(20), Reshape((4, 5))], 3, seed=1)
    assert network.backprop(np.ones((2, 3)), np.full((2, 4), 9), LOSS) == 0
    assert not network.gradient.any()
    assert evaluate(network, np.ones((2, 3)), np.full((2, 4), 9), LOSS) == Evaluation(0, 0)


def test_an_ignored_position_has_no_influence_whatever_its_scores_are():
    hostile = S.copy()
    hostile[GAPS == 9] = np.nan
    for name in ("value", "gradient", "hessian"):
        np.testing.assert_array_equal(getattr(LOSS, name)(hostile, GAPS), getattr(LOSS, name)(S, GAPS))
    assert not LOSS.gradient(S, GAPS)[GAPS == 9].any()


def test_decisions_and_errors_are_those_of_positions():
    decided = LOSS.decide(S)
    assert decided.tolist() == [[max(range(5), key=row.__getitem__) for row in s] for s in S.tolist()]
    errors = LOSS.error(S, GAPS)
    assert errors.dtype == bool
    assert errors.tolist() == ((decided != GAPS) & (GAPS != 9)).tolist()
    assert not LOSS.error(S, decided).any()


def test_one_position_is_cross_entropy():
    for name in ("value", "gradient", "probabilities", "hessian"):
        ask, one = getattr(SequenceCrossEntropy(), name), getattr(CrossEntropy(), name)
        arguments = (S[:, :1],) if name == "probabilities" else (S[:, :1], CLASSES[:, :1])
        came, expected = ask(*arguments), one(*[a[:, 0] for a in arguments])
        np.testing.assert_array_equal(came.reshape(expected.shape), expected)
    np.testing.assert_allclose(LOSS.probabilities(S).sum(axis=-1), 1)


def test_positions_of_a_picture():
    scores, classes = S.reshape(3, 2, 2, 5), CLASSES.reshape(3, 2, 2)
    loss = SequenceCrossEntropy()
    np.testing.assert_array_equal(loss.value(scores, classes), loss.value(S, CLASSES))
    assert loss.error(scores, classes).shape == (3, 2, 2)
    numerical = numerical_jacobian(lambda s: loss.gradient(s, classes[:1]), scores[:1])
    hessian = loss.hessian(scores[:1], classes[:1])
    np.testing.assert_allclose(hessian.reshape(20, 20), numerical.reshape(20, 20), atol=1e-8)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (None, "sequence_cross_entropy targets: expected an array of numbers, got None"),
        (CLASSES[:2], r"targets: expected \(3, 4\), got \(2, 4\); one class for each position of each sample"),
        (CLASSES[..., np.newaxis], r"targets: expected \(3, 4\), got \(3, 4, 1\)"),
        (CLASSES.astype(float), "targets: expected integer classes, got float64"),
        (CLASSES.astype(str), "targets: expected integer classes, got <U21"),
        (np.where(GAPS == 9, -1, GAPS), r"targets: expected classes 0 to 4, or 9, .*got -1 at \(0, 1\)"),
        (np.where(GAPS == 4, 5, GAPS), r"targets: expected classes 0 to 4, or 9, .*got 5 at \(1, 3\)"),
        (np.ma.masked_array(GAPS, GAPS == 9), "masked"),
    ],
)
def test_wrong_targets_are_refused_by_everything_that_takes_them(targets, message):
    for ask in (LOSS.value, LOSS.gradient, LOSS.linearize, LOSS.error, LOSS.hessian):
        with pytest.raises(TargetError, match=message):
            ask(S, targets)


def test_scores_of_one_decision_are_refused_with_the_loss_that_takes_them():
    with pytest.raises(TargetError, match=r"scores: expected \(B, T, m\), got \(4, 5\); .* take cross_entropy"):
        LOSS.value(S[0], CLASSES[0])


@pytest.mark.parametrize("wrong", [0.0, "0", True, math.inf])
def test_what_is_ignored_is_an_int(wrong):
    with pytest.raises(SettingError, match="ignore_index: expected an int, or None, got"):
        SequenceCrossEntropy(wrong)

"""What the suite's cases do not prove: the course's own numbers, how the losses hang together, and messages."""

import math
from decimal import Decimal

import numpy as np
import pytest

from chainrule import SettingError, TargetError, UnsupportedError, numerical_jacobian
from chainrule_losses import CrossEntropy, Logistic, MulticlassHinge, SignedLogistic, SquaredError

RNG = np.random.default_rng(3)
S = RNG.normal(size=(5, 4)) * 2
CLASSES, SHARES = np.array([0, 3, 1, 1, 2]), RNG.dirichlet(np.ones(4), 5)

EXTREMES = {
    "squared_error": (SquaredError(), [[1e4], [-1e4]], [[-1e4], [-1e4]], [4e8, 0], [[4e4], [0]]),
    "logistic, wrong": (Logistic(), [[1e4], [-1e4]], [[0], [1]], [1e4, 1e4], [[1], [-1]]),
    "logistic, right": (Logistic(), [[1e4], [-1e4]], [[1], [0]], [0, 0], [[0], [0]]),
    "signed_logistic, wrong": (SignedLogistic(), [[1e4], [-1e4]], [[-1], [1]], [1e4, 1e4], [[1], [-1]]),
    "signed_logistic, right": (SignedLogistic(), [[1e4], [-1e4]], [[1], [-1]], [0, 0], [[0], [0]]),
    "cross_entropy": (CrossEntropy(), [[1e4, -1e4], [1e4, -1e4]], [0, 1], [0, 2e4], [[0, 0], [1, -1]]),
    "cross_entropy, equal": (CrossEntropy(), [[1e4, 1e4]], [1], [math.log(2)], [[0.5, -0.5]]),
    "multiclass_hinge": (MulticlassHinge(), [[1e4, -1e4], [1e4, -1e4]], [0, 1], [0, 20001], [[0, 0], [1, -1]]),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("loss", "scores", "targets", "value", "gradient"), EXTREMES.values(), ids=EXTREMES)
def test_extremes_are_right(loss, scores, targets, value, gradient, dtype):
    came = loss.linearize(np.array(scores, dtype), np.array(targets))
    np.testing.assert_allclose(came[0], value, rtol=1e-5, atol=1e-30)
    np.testing.assert_allclose(came[1], gradient, rtol=1e-5, atol=1e-30)


def test_the_literal_formulas_that_overflow_do_not_here():  # erratum E20
    assert Logistic().value(np.array([[37.0]]), np.array([[0]])) == pytest.approx(37, rel=1e-15)
    assert Logistic().value(np.array([[17.0]], np.float32), np.array([[0]])) == pytest.approx(17, rel=1e-6)
    assert CrossEntropy().value(np.array([[710.0, 0.0]]), np.array([0])) == pytest.approx(0, abs=1e-15)


def test_the_course_s_numbers():
    assert SquaredError().gradient(np.array([0.7]), np.array([2.0])) == pytest.approx(-2.6)  # L1
    hinge = MulticlassHinge().gradient(np.array([[2, 1.3, 0.5, 4]]), np.array([1]))  # L5, erratum E19
    np.testing.assert_array_equal(hinge, [[1, -3, 1, 1]])
    kink = MulticlassHinge().gradient(np.array([[0.0, 1.0]]), np.array([1]))  # erratum E19b
    np.testing.assert_array_equal(kink, [[0, 0]])


def test_both_logistics_are_one():  # L3
    signs = RNG.choice([-1, 1], S.shape)
    np.testing.assert_allclose(SignedLogistic().value(S, signs), Logistic().value(S, (signs + 1) / 2), rtol=1e-13)
    np.testing.assert_allclose(
        SignedLogistic().gradient(S, signs), Logistic().gradient(S, (signs + 1) / 2), rtol=1e-12, atol=1e-15
    )


@pytest.mark.parametrize("loss", [CrossEntropy(), MulticlassHinge(50.0)], ids=repr)
def test_wrong_classes_are_pushed_down_and_the_right_one_up(loss):  # L6
    gradient = loss.gradient(S, CLASSES)
    right = np.zeros_like(S, bool)
    right[np.arange(5), CLASSES] = True
    assert (gradient[right] < 0).all()
    assert (gradient[~right] > 0).all()


def test_a_one_hot_distribution_is_the_class():  # L7
    one_hot = np.eye(4)[CLASSES]
    assert one_hot[1].tolist() == [0, 0, 0, 1]
    np.testing.assert_allclose(CrossEntropy().value(S, one_hot), CrossEntropy().value(S, CLASSES))
    np.testing.assert_allclose(CrossEntropy().gradient(S, one_hot), CrossEntropy().gradient(S, CLASSES), atol=1e-15)


def test_a_rounded_distribution_keeps_value_and_gradient_together():
    scores, targets = S + 1000, np.round(SHARES, 3) + np.array([0, 0, 0, 0.0004])
    numerical = numerical_jacobian(lambda s: CrossEntropy().value(s, targets).sum(), scores)
    np.testing.assert_allclose(CrossEntropy().gradient(scores, targets), numerical, atol=1e-6)


def test_decisions_are_in_the_targets_alphabet_and_errors_count_them():
    scores = np.array([[2.0], [-1.0], [0.5]])
    assert Logistic().decide(scores).tolist() == [[1], [0], [1]]
    assert Logistic().error(scores, np.array([[1], [1], [0.9]])).tolist() == [False, True, False]
    assert SignedLogistic().decide(scores).tolist() == [[1], [-1], [1]]
    assert SignedLogistic().error(scores, np.array([[1], [1], [-1]])).tolist() == [False, True, True]
    scores = np.array([[0.0, 3.0, 1.0], [2.0, 2.0, 0.0]])
    for loss in (CrossEntropy(), MulticlassHinge()):
        assert loss.decide(scores).tolist() == [1, 0]
        assert loss.error(scores, np.array([1, 1])).tolist() == [False, True]
    assert CrossEntropy().error(scores, np.array([[0.1, 0.8, 0.1], [0.4, 0.5, 0.1]])).tolist() == [False, True]
    assert SquaredError().error(scores, scores) is None
    assert SquaredError().decide(scores) is scores


def test_a_loss_without_a_second_derivative_says_so():
    with pytest.raises(UnsupportedError, match="has no second derivative"):
        MulticlassHinge().hessian(S, CLASSES)


def test_several_answers_are_wrong_when_one_is():
    scores, targets = np.array([[1.0, -1.0], [1.0, -1.0]]), np.array([[1, 0], [1, 1]])
    assert Logistic().error(scores, targets).tolist() == [False, True]


def test_probabilities_are_those_whose_logarithm_is_the_loss():
    p = CrossEntropy().probabilities(S)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_allclose(-np.log(p[np.arange(5), CLASSES]), CrossEntropy().value(S, CLASSES))
    s = S[:, :1]
    np.testing.assert_allclose(-np.log(Logistic().probabilities(s))[:, 0], Logistic().value(s, np.ones((5, 1))))
    np.testing.assert_allclose(Logistic().probabilities(s), SignedLogistic().probabilities(s))
    for loss in (SquaredError(), MulticlassHinge()):
        with pytest.raises(UnsupportedError, match="is no likelihood"):
            loss.probabilities(S)


@pytest.mark.parametrize(
    ("loss", "targets", "message"),
    [
        (SquaredError(), np.zeros(5), r"squared_error targets: expected \(5, 4\), got \(5,\)"),
        (Logistic(), np.full((5, 4), 2), "logistic targets: expected 0, 1, or a probability"),
        (SignedLogistic(), np.zeros((5, 4)), "signed_logistic targets: expected -1 or 1"),
        (CrossEntropy(), np.array([0, 1, 2, 3, 4]), "cross_entropy targets: expected classes 0 to 3, got 4 at 4"),
        (CrossEntropy(), np.zeros(5), "cross_entropy targets: expected integer classes, got float64"),
        (CrossEntropy(), np.ones((5, 4)), "cross_entropy targets: expected rows that sum to 1"),
        (
            CrossEntropy(),
            np.zeros((5, 1), int),
            r"cross_entropy targets: expected \(5,\), got \(5, 1\); .*reshape\(-1\)",
        ),
        (MulticlassHinge(), np.array([0, 1, 2, 3, -1]), "multiclass_hinge targets: expected classes 0 to 3, got -1"),
        (MulticlassHinge(), np.full((5, 4), 0.25), "multiclass_hinge targets: expected integer classes"),
        (CrossEntropy(), None, "cross_entropy targets: expected one for each sample, got None"),
    ],
)
def test_wrong_targets_are_refused_by_everything_that_takes_them(loss, targets, message):
    second = [] if isinstance(loss, MulticlassHinge) else [loss.hessian]
    for ask in (loss.value, loss.gradient, loss.linearize, *second):
        with pytest.raises(TargetError, match=message):
            ask(S, targets)


@pytest.mark.parametrize("margin", [0, -1.0, "1", True, math.inf])
def test_a_margin_is_a_positive_number(margin):
    with pytest.raises(SettingError, match="margin: expected a finite number above 0"):
        MulticlassHinge(margin)


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.uint64])
def test_cross_entropy_takes_scores_of_any_order_and_classes_of_any_kind(kind):
    value, gradient = CrossEntropy().linearize(S, CLASSES)
    np.testing.assert_allclose(gradient, numerical_jacobian(lambda s: CrossEntropy().value(s, CLASSES).sum(), S), 1e-7)
    for scores in (np.asfortranarray(S), np.repeat(S, 2, axis=1)[:, ::2]):
        own_value, own_gradient = CrossEntropy().linearize(scores, CLASSES.astype(kind))
        np.testing.assert_allclose(own_value, value, 1e-12)
        np.testing.assert_allclose(own_gradient, gradient, 1e-12)


@pytest.mark.parametrize(("size", "classes"), [(1, 3), (3, 3), (2, 3), (40, 32), (40, 33), (33, 40)])
def test_cross_entropy_of_a_batch_is_that_of_its_samples(size, classes):
    rng = np.random.default_rng(size)
    scores, targets = rng.normal(scale=30, size=(size, classes)), rng.integers(0, classes, size)
    values, gradient = CrossEntropy().linearize(scores, targets)
    for j in range(size):
        value, own = CrossEntropy().linearize(scores[j : j + 1], targets[j : j + 1])
        np.testing.assert_allclose(values[j], value[0], rtol=1e-14)
        np.testing.assert_allclose(gradient[j], own[0], rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_many_classes_are_right_whatever_is_subtracted(dtype):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(7, 300)) * np.array([1, 20, 90, 1e-3, 1, 1, 1])[:, np.newaxis]
    scores[3] -= 1000
    scores[4] -= 70
    scores[5, 5:] = -np.inf
    scores = scores.astype(dtype)
    classes, loss = np.array([0, int(scores[1].argmax()), 4, 9, 1, 2, 299]), CrossEntropy()
    exact = [[Decimal(float(s)) for s in row] for row in scores]
    right = np.array([float(sum(s.exp() for s in row).ln() - row[k]) for row, k in zip(exact, classes, strict=True)])
    share = [float((s - max(row)).exp() / sum((t - max(row)).exp() for t in row)) for row in exact for s in row]
    gradient = np.reshape(share, scores.shape) - np.eye(300)[classes]
    room = 8 * np.finfo(dtype).eps
    for rows in (slice(None), [0, 4], [1, 2], [6]):
        values, slopes = loss.linearize(scores[rows], classes[rows])
        np.testing.assert_allclose(values, right[rows], rtol=room, atol=room)
        np.testing.assert_allclose(loss.value(scores[rows], classes[rows]), right[rows], rtol=room, atol=room)
        np.testing.assert_allclose(slopes, gradient[rows], rtol=30 * room, atol=room)
        assert values.dtype == slopes.dtype == scores.dtype


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_many_classes_hide_no_nan(wrong):
    scores = np.ones((2, 300))
    scores[1, 7] = wrong
    with np.errstate(invalid="ignore"):
        values, slopes = CrossEntropy().linearize(scores, np.array([0, 0]))
    assert np.isfinite(values[0])
    assert np.isfinite(slopes[0]).all()
    assert np.isnan(values[1])
    assert np.isnan(slopes[1]).any()

"""Scores of -∞, as masked classes have, and of ±∞: 0 · ∞ is nothing where a target is 0. Warnings are errors here."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.special import expit, log_expit, log_softmax, softmax, xlogy

import chainrule_losses
import chainrule_numba
from chainrule import SGD, Diagonal, Jacobian, Layer, Network, jacobian, train
from chainrule_affine import Affine, Sigmoid, Softmax
from chainrule_losses import Logistic, MulticlassHinge, SignedLogistic, SquaredError

INF = math.inf
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
CROSS_ENTROPIES = pytest.mark.parametrize(
    "loss", [chainrule_losses.CrossEntropy(), chainrule_numba.CrossEntropy()], ids=["numpy", "numba"]
)
MASKED = np.array([[-INF, 0, 1], [2, -INF, -INF], [0.5, -1, 3], [-INF, -3, -INF]])
CLASSES = np.array([2, 0, 1, 1])
SHARES = np.array([[0, 0.25, 0.75], [1, 0, 0], [0.5, 0.5, 0], [0, 1, 0]])


def close(ours, theirs, dtype):
    digits = 1e-5 if dtype == np.float32 else 1e-12
    assert np.asarray(ours).dtype == dtype
    np.testing.assert_allclose(ours, theirs, rtol=digits, atol=digits)


def test_the_loss_of_a_masked_class_that_is_not_the_target_is_that_of_the_others():
    scores, loss = np.array([[-INF, 0, 1]]), chainrule_losses.CrossEntropy()
    assert loss.value(scores, np.array([[0, 0, 1]])) == pytest.approx(0.31326168751822286, rel=1e-15)  # log(1 + 1/e)
    assert loss.value(scores, np.array([2])) == pytest.approx(0.31326168751822286, rel=1e-15)


@DTYPES
@CROSS_ENTROPIES
def test_cross_entropy_of_masked_classes(loss, dtype):
    scores, p = MASKED.astype(dtype), softmax(MASKED, axis=1)
    one_hot = np.eye(3)[CLASSES]
    of_classes = -log_softmax(MASKED, axis=1)[np.arange(4), CLASSES]
    of_shares = -xlogy(SHARES, p).sum(axis=1)
    for targets, value, t in (
        (CLASSES, of_classes, one_hot),
        (one_hot, of_classes, one_hot),
        (SHARES, of_shares, SHARES),
    ):
        close(loss.value(scores, targets), value, dtype)
        values, gradient = loss.linearize(scores, targets)
        close(values, value, dtype)
        close(gradient, p - t, dtype)
        close(loss.gradient(scores, targets), p - t, dtype)
        hessian = [np.diag(q) - np.outer(q, q) for q in p]
        close(loss.hessian(scores, targets), hessian, dtype)
        assert loss.error(scores, targets).tolist() == [False, False, True, False]
    close(loss.probabilities(scores), p, dtype)
    assert loss.decide(scores).tolist() == [2, 0, 2, 1]


@DTYPES
@CROSS_ENTROPIES
def test_a_target_that_is_masked_costs_infinitely_much(loss, dtype):
    scores = np.array([[-INF, 0, 1], [0, 0, 0]], dtype)
    for targets in (np.array([0, 1]), np.array([[1, 0, 0], [0, 1, 0]]), np.array([[0.5, 0.5, 0], [0, 1, 0]])):
        values, gradient = loss.linearize(scores, targets)
        close(values, [INF, math.log(3)], dtype)
        close(loss.value(scores, targets), values, dtype)
        assert np.isfinite(gradient).all()


@CROSS_ENTROPIES
def test_without_any_class_there_are_no_probabilities_and_another_row_keeps_its_own(loss):
    scores = np.array([[-INF, -INF, -INF], [np.nan, 0, 1], [-INF, 0, 1]])
    for targets in (np.array([0, 2, 2]), np.array([[1, 0, 0], [0, 0, 1], [0, 0, 1]])):
        with np.errstate(invalid="ignore"):  # -∞ - -∞, which is not defined
            values = loss.linearize(scores, targets)[0], loss.value(scores, targets)
        for value in values:
            np.testing.assert_allclose(value, [np.nan, np.nan, 0.31326168751822286])


@DTYPES
@pytest.mark.parametrize("answers", [1, 2])
def test_both_logistics_of_infinite_scores(answers, dtype):
    scores = np.array([INF, -INF, INF, -INF, INF, -INF, 2, -3], dtype).reshape(-1, answers)
    y = np.array([1, 0, 0, 1, 0.25, 0.25, 1, 0.75]).reshape(-1, answers)
    p, q = expit(scores.astype(float)), expit(-scores.astype(float))
    terms = -(xlogy(y, p) + xlogy(1 - y, q))
    if answers == 1:
        assert terms[:6].ravel().tolist() == [0, 0, INF, INF, INF, INF]
    curvature = p * q
    values, gradient = Logistic().linearize(scores, y)
    close(values, terms.sum(axis=1), dtype)
    close(Logistic().value(scores, y), values, dtype)
    close(gradient, p - y, dtype)
    signs = np.where(y > 0.5, 1, -1)
    values, gradient = SignedLogistic().linearize(scores, signs)
    close(values, -log_expit(signs * scores.astype(float)).sum(axis=1), dtype)
    close(SignedLogistic().value(scores, signs), values, dtype)
    close(gradient, -signs * expit(-signs * scores.astype(float)), dtype)
    for loss, targets in ((Logistic(), y), (SignedLogistic(), signs)):
        close(loss.probabilities(scores), p, dtype)
        diagonals = np.einsum("jaa->ja", loss.hessian(scores, targets))
        close(diagonals, curvature, dtype)
        assert loss.error(scores, targets).shape == (len(scores),)
    assert (Logistic().decide(scores) == (scores > 0)).all()


def test_a_score_that_is_no_number_stays_none_beside_an_infinite_one():
    values, gradient = Logistic().linearize(np.array([[np.nan], [INF]]), np.array([[1], [1]]))
    np.testing.assert_array_equal(values, [np.nan, 0])
    np.testing.assert_array_equal(gradient, [[np.nan], [0]])


@DTYPES
def test_a_hinge_of_masked_classes(dtype):
    scores = np.array([[-INF, 0, 1], [-INF, 2, 1], [-INF, 0, 1], [-INF, 0, -INF], [INF, 0, 1]], dtype)
    classes = np.array([2, 2, 0, 2, 0])
    values, gradient = MulticlassHinge().linearize(scores, classes)
    # By hand: nothing of a masked class; a masked target costs ∞, by each class that is not masked, too.
    close(values, [0, 2, INF, INF, 0], dtype)
    close(gradient, [[0, 0, 0], [0, 1, -1], [-2, 1, 1], [0, 1, -1], [0, 0, 0]], dtype)
    close(MulticlassHinge().value(scores, classes), values, dtype)
    with np.errstate(invalid="ignore"):
        assert np.isnan(MulticlassHinge().value(np.full((1, 3), -INF, dtype), np.array([1]))).all()


def test_a_squared_error_of_an_infinite_score_is_infinite():
    values, gradient = SquaredError().linearize(np.array([[-INF, 1.0]]), np.array([[0, 0]]))
    assert values.tolist() == [INF]
    assert gradient.tolist() == [[-INF, 2]]


@DTYPES
def test_the_softmax_and_the_sigmoid_of_masked_scores_have_finite_jacobians(dtype):
    scores, p = MASKED.astype(dtype), softmax(MASKED, axis=1)
    close(Softmax().forward(scores), p, dtype)
    close(jacobian(Softmax(), scores).input, [np.diag(q) - np.outer(q, q) for q in p], dtype)
    infinite = np.array([[INF, -INF, 0]], dtype)
    close(Sigmoid().forward(infinite), [[1, 0, 0.5]], dtype)
    close(jacobian(Sigmoid(), infinite).input, [np.diag([0, 0, 0.25])], dtype)


@dataclass(frozen=True)
class Mask(Layer):
    """A class that cannot be gets a score of its own."""

    score: float

    def output_shape(self, input_shape):
        return input_shape

    def forward(self, x):
        return np.where(np.arange(x.shape[1]) == 1, x.dtype.type(self.score), x)

    def jacobian(self, x, y):
        return Jacobian(Diagonal(np.broadcast_to(np.arange(x.shape[1]) != 1, x.shape)))


@pytest.mark.parametrize("targets", [np.array([0, 2, 0, 2]), np.eye(3)[[0, 2, 0, 2]]], ids=["classes", "distributions"])
@CROSS_ENTROPIES
def test_a_network_that_masks_a_class_trains_as_with_a_score_that_underflows(loss, targets):
    x, ends = np.random.default_rng(2).normal(size=(4, 5)), []
    for score in (-INF, -1e5):
        network = Network([Affine(3), Mask(score)], (5,))
        history = train(network, x, targets, loss=loss, optimizer=SGD(0.5), batch_size=2, epochs=5)
        ends.append((network.theta, history[-1].e_in))
    np.testing.assert_array_equal(ends[0][0], ends[1][0])
    assert ends[0][1] == ends[1][1]
    assert ends[0][1].loss < 0.5

"""Overflow, NaN and warnings."""

import numpy as np

from chainrule import binary_targets, sign_targets
from chainrule_losses import CrossEntropy, Logistic

from .base import BINARY, CLASSES, REAL, SIGN, mutant, one_hot, rows, sigmoid, total
from .honest import SignHinge, Softmax, Squared, YesOrNo


class LogisticByTheBook(YesOrNo):
    """The literal likelihood is log 0 from a score of 37 on (E20 of the course)."""

    def value(self, scores, targets):
        p, y = 1 / (1 + np.exp(-scores)), self.checked(scores, targets)
        return total(-np.log(p**y * (1 - p) ** (1 - y)))


class LogisticByQuotient(YesOrNo):
    """e^s / (1 + e^s) is inf/inf."""

    def gradient(self, scores, targets):
        return np.exp(scores) / (1 + np.exp(scores)) - self.checked(scores, targets)


class SoftmaxUnshifted(Softmax):
    """The largest score is not subtracted (E20 of the course)."""

    def shifted(self, scores):
        return scores


class SoftmaxShiftedByAll(Softmax):
    """The largest score of the batch is subtracted: other points underflow to log 0."""

    def shifted(self, scores):
        return scores - scores.max()


class SoftmaxShiftedByMean(Softmax):
    """The mean score is subtracted, and the largest still overflows."""

    def shifted(self, scores):
        return scores - scores.mean(axis=1, keepdims=True)


class LinearizeByTheBook(Softmax):
    """linearize alone has the literal formula."""

    def linearize(self, scores, targets):
        at, p = rows(self.checked(scores, targets)), np.exp(scores)
        p /= p.sum(axis=1, keepdims=True)
        return -np.log(p[at]), p - one_hot(at[1], p)


class ProbabilitiesByTheBook(CrossEntropy):
    """probabilities alone have the literal formula."""

    def probabilities(self, scores):
        p = np.exp(scores)
        return p / p.sum(axis=1, keepdims=True)

    def hessian(self, scores, targets):
        return CrossEntropy().hessian(scores, targets)


class HessianByTheBook(Logistic):
    """hessian alone has the literal formula e^s / (1 + e^s)²."""

    def hessian(self, scores, targets):
        binary_targets("logistic", scores, targets)
        slope = np.exp(scores) / (1 + np.exp(scores)) ** 2
        return slope[:, :, np.newaxis] * np.eye(scores.shape[1], dtype=scores.dtype)


class LogisticOfClippedProbabilities(YesOrNo):
    """Probabilities are clipped: a sure mistake costs 28 at most."""

    def value(self, scores, targets):
        p, y = np.clip(sigmoid(scores), 1e-12, 1 - 1e-12), self.checked(scores, targets)
        return total(-y * np.log(p) - (1 - y) * np.log(1 - p))


class HighPower(Squared):
    """A power overflows float32, and the quotient is NaN."""

    def value(self, scores, targets):
        return total(np.log1p(self.apart(scores, targets) ** 12)) / 12

    def gradient(self, scores, targets):
        d = self.apart(scores, targets)
        return d**11 / (1 + d**12)


class SquaredThatSkipsGaps(Squared):
    """nansum swallows NaN."""

    def value(self, scores, targets):
        return np.nansum(self.apart(scores, targets) ** 2, axis=1)


class SoftmaxThatFillsGaps(Softmax):
    """nan_to_num swallows NaN."""

    def value(self, scores, targets):
        return np.nan_to_num(super().value(scores, targets))


class HingeByComparison(SignHinge):
    """A comparison with NaN is false: it costs nothing."""

    def value(self, scores, targets):
        excess = 1 - sign_targets("sign_hinge", scores, targets) * scores
        return total(np.where(excess > 0, excess, scores.dtype.type(0)))


class SoftmaxByMatrix(Softmax):
    """0 · NaN: a product over the batch spreads NaN to every point."""

    def value(self, scores, targets):
        nll = super().value(scores, targets)
        return np.eye(len(nll), dtype=nll.dtype) @ nll


class EntropyOfOneHot(Softmax):
    """0 · log 0 warns at every call."""

    def value(self, scores, targets):
        hot = one_hot(self.checked(scores, targets), scores)
        return np.nansum(hot * np.log(hot), axis=1) + super().value(scores, targets)


MUTANTS = [
    mutant(LogisticByTheBook(), BINARY, "extremes", "loss.extremes"),
    mutant(LogisticByQuotient(), BINARY, "extremes", "loss.extremes"),
    mutant(SoftmaxUnshifted(), CLASSES, "extremes", "loss.extremes"),
    mutant(SoftmaxShiftedByAll(), CLASSES, "extremes", "loss.extremes"),
    mutant(SoftmaxShiftedByMean(), CLASSES, "extremes", "loss.extremes"),
    mutant(LinearizeByTheBook(), CLASSES, "extremes", "loss.extremes"),
    mutant(ProbabilitiesByTheBook(), CLASSES, "extremes", "loss.extremes"),
    mutant(HessianByTheBook(), BINARY, "extremes", "loss.extremes"),
    mutant(LogisticOfClippedProbabilities(), BINARY, "extremes", "loss.extremes"),
    mutant(HighPower(), REAL, "extremes", "loss.extremes"),
    mutant(SquaredThatSkipsGaps(), REAL, "extremes", "loss.nan"),
    mutant(SoftmaxThatFillsGaps(), CLASSES, "extremes", "loss.nan"),
    mutant(HingeByComparison(), SIGN, "extremes", "loss.nan"),
    mutant(SoftmaxByMatrix(), CLASSES, "extremes", "loss.nan"),
    mutant(EntropyOfOneHot(), CLASSES, "extremes", "numerics.warnings"),
]

"""The derivative is wrong."""

import numpy as np

from chainrule import binary_targets, class_targets
from chainrule_losses import CrossEntropy, Logistic, MulticlassHinge

from .base import BINARY, CLASSES, REAL, mutant, rows, sigmoid, softmax, total
from .honest import Brier, Softmax, Squared, YesOrNo


class SquaredOverBatch(Squared):
    """The gradient is divided by B; the driver does that."""

    def gradient(self, scores, targets):
        return 2 * self.apart(scores, targets) / len(scores)


class SquaredWithoutTwo(Squared):
    """The factor 2 of the gradient is lost."""

    def gradient(self, scores, targets):
        return self.apart(scores, targets)


class SquaredUphill(Squared):
    """The gradient is that of minus the value."""

    def gradient(self, scores, targets):
        return -2 * self.apart(scores, targets)


class SquaredOfFirstScore(Squared):
    """Only the first score of a point has a gradient."""

    def gradient(self, scores, targets):
        gradient = 2 * self.apart(scores, targets)
        gradient[:, 1:] = 0
        return gradient


class SoftmaxWithoutTarget(Softmax):
    """The gradient is p, without - e_y."""

    def gradient(self, scores, targets):
        self.checked(scores, targets)
        return softmax(scores)


class LogisticOfBrier(YesOrNo):
    """The gradient has the factor φ' of a squared error of probabilities."""

    def gradient(self, scores, targets):
        p = sigmoid(scores)
        return (p - self.checked(scores, targets)) * p * (1 - p)


class HingeWithTargetInD(MulticlassHinge):
    """y itself is counted in D (E19 of the course)."""

    def linearize(self, scores, targets):
        at = rows(class_targets("hinge", scores, targets))
        gradient = (scores + self.margin > scores[at][:, np.newaxis]).astype(scores.dtype)
        gradient[at] = -gradient.sum(axis=1)
        return self.value(scores, targets), gradient


class LinearizeAverages(Squared):
    """linearize's gradient is a mean over the scores, gradient's a sum."""

    def linearize(self, scores, targets):
        d = self.apart(scores, targets)
        return total(d * d), 2 * d / d[0].size


class LinearizeHalves(Squared):
    """linearize's value is half of value's."""

    def linearize(self, scores, targets):
        d = self.apart(scores, targets)
        return total(d * d) / 2, 2 * d


class HessianWithoutOffDiagonal(CrossEntropy):
    """The hessian is diag(p (1 - p)), the products p_i p_j are lost."""

    def hessian(self, scores, targets):
        self.value(scores, targets)
        p = softmax(scores)
        return (p * (1 - p))[:, :, np.newaxis] * np.eye(p.shape[1], dtype=p.dtype)


class HessianTimesBatch(Logistic):
    """The hessian is multiplied by B."""

    def hessian(self, scores, targets):
        return super().hessian(scores, targets) * len(scores)


class HessianAsDiagonal(Logistic):
    """The hessian is its diagonal, (B, m) and not (B, m, m)."""

    def hessian(self, scores, targets):
        binary_targets("logistic", scores, targets)
        return sigmoid(scores) * sigmoid(-scores)


class HessianOfGaussNewton(Brier):
    """The hessian leaves out the curvature of the probabilities."""

    def hessian(self, scores, targets):
        self.checked(scores, targets)
        p = softmax(scores)
        slope = p[:, :, np.newaxis] * np.eye(p.shape[1], dtype=p.dtype) - p[:, :, np.newaxis] * p[:, np.newaxis, :]
        return 2 * slope @ slope


MUTANTS = [
    mutant(SquaredOverBatch(), REAL, "batch", "loss.points"),
    mutant(SquaredWithoutTwo(), REAL, "derivative", "loss.gradient"),
    mutant(SquaredUphill(), REAL, "derivative", "loss.gradient"),
    mutant(SquaredOfFirstScore(), REAL, "derivative", "loss.gradient"),
    mutant(SoftmaxWithoutTarget(), CLASSES, "derivative", "loss.gradient"),
    mutant(LogisticOfBrier(), BINARY, "derivative", "loss.gradient"),
    mutant(HingeWithTargetInD(), CLASSES, "derivative", "loss.gradient"),
    mutant(LinearizeAverages(), REAL, "derivative", "loss.linearize"),
    mutant(LinearizeHalves(), REAL, "forward", "loss.linearize"),
    mutant(HessianWithoutOffDiagonal(), CLASSES, "derivative", "loss.hessian"),
    mutant(HessianTimesBatch(), BINARY, "batch", "loss.hessian"),
    mutant(HessianAsDiagonal(), BINARY, "derivative", "loss.hessian"),
    mutant(HessianOfGaussNewton(), CLASSES, "derivative", "loss.hessian"),
]

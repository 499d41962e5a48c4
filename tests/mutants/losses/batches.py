"""A sample depends on its batch, or on the batch's size."""

import numpy as np

from .base import CLASSES, REAL, mutant, rows
from .honest import Softmax, Squared


class SquaredAllOverBatch(Squared):
    """Value and gradient are divided by B."""

    def value(self, scores, targets):
        return super().value(scores, targets) / len(scores)

    def gradient(self, scores, targets):
        return super().gradient(scores, targets) / len(scores)


class SquaredValueOverBatch(Squared):
    """The value is divided by B."""

    def value(self, scores, targets):
        return super().value(scores, targets) / len(scores)


class SquaredOverShortBatch(Squared):
    """The gradient is divided by B in the short last batch."""

    def gradient(self, scores, targets):
        gradient = super().gradient(scores, targets)
        return gradient / len(scores) if len(scores) < 5 else gradient


class SquaredAverage(Squared):
    """The value is the batch's mean."""

    def value(self, scores, targets):
        return super().value(scores, targets).mean()


class SquaredColumn(Squared):
    """The value is (B, 1)."""

    def value(self, scores, targets):
        return super().value(scores, targets)[:, np.newaxis]


class SquaredGradientOfPoints(Squared):
    """The gradient is one number a point."""

    def gradient(self, scores, targets):
        return super().gradient(scores, targets).sum(axis=1)


class SoftmaxNormalizedByBatch(Softmax):
    """Scores are centered by the batch's mean, value and gradient alike."""

    def value(self, scores, targets):
        return super().value(scores - scores.mean(axis=0), targets)

    def gradient(self, scores, targets):
        gradient = super().gradient(scores - scores.mean(axis=0), targets)
        return gradient - gradient.mean(axis=0)


class SquaredByPlace(Squared):
    """A point counts more further back in the batch."""

    def weights(self, scores):
        return (1 + np.arange(len(scores))).astype(scores.dtype)

    def value(self, scores, targets):
        return super().value(scores, targets) * self.weights(scores)

    def gradient(self, scores, targets):
        return super().gradient(scores, targets) * self.weights(scores)[:, np.newaxis]


class SoftmaxAcrossSquareBatch(Softmax):
    def value(self, scores, targets):
        axis = scores.shape.index(scores.shape[1])
        z = scores - scores.max(axis=1, keepdims=True)
        sums = np.exp(z).sum(axis=axis)
        return np.log(sums) - z[rows(self.checked(scores, targets))]


MUTANTS = [
    mutant(SquaredAllOverBatch(), REAL, "batch", "loss.points"),
    mutant(SquaredValueOverBatch(), REAL, "batch", "loss.points"),
    mutant(SquaredOverShortBatch(), REAL, "batch", "loss.points"),
    mutant(SquaredAverage(), REAL, "batch", "loss.runs"),
    mutant(SquaredColumn(), REAL, "batch", "loss.runs"),
    mutant(SquaredGradientOfPoints(), REAL, "derivative", "loss.runs"),
    mutant(SoftmaxNormalizedByBatch(), CLASSES, "batch", "loss.points"),
    mutant(SquaredByPlace(), REAL, "batch", "loss.permutation"),
]

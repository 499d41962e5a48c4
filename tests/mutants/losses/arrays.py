"""dtypes and memory layouts."""

import numpy as np

from chainrule import sign_targets
from chainrule_losses import CrossEntropy

from .base import CLASSES, REAL, SIGN, mutant, rows, softmax
from .honest import SignHinge, Softmax, Squared


class SquaredTimesRoot(Squared):
    """np.sqrt(4.0) is a float64 scalar."""

    def value(self, scores, targets):
        return super().value(scores, targets) * np.sqrt(4.0) / 2


class SignHingeByWhere(SignHinge):
    """np.where(c, 1.0, 0.0) is float64."""

    def gradient(self, scores, targets):
        y = sign_targets("sign_hinge", scores, targets)
        return -y * np.where(y * scores < 1, 1.0, 0.0)


class SoftmaxOfIdentity(Softmax):
    """np.eye(m) is float64."""

    def gradient(self, scores, targets):
        return softmax(scores) - np.eye(scores.shape[1])[self.checked(scores, targets)]


class HessianOfIdentity(CrossEntropy):
    """The hessian is float64 for float32 scores."""

    def hessian(self, scores, targets):
        return super().hessian(scores, targets) * np.ones(1)


class SoftmaxInSinglePrecision(Softmax):
    """The value is computed in float32."""

    def value(self, scores, targets):
        return super().value(scores.astype(np.float32), targets).astype(scores.dtype)


class ProbabilitiesInSinglePrecision(CrossEntropy):
    """probabilities are computed in float32."""

    def probabilities(self, scores):
        return super().probabilities(scores.astype(np.float32)).astype(scores.dtype)


class SquaredByDifferences(Squared):
    """The gradient is numerical: float32 has too few digits for it."""

    def gradient(self, scores, targets):
        steps = 1e-4 * np.eye(scores.shape[1], dtype=scores.dtype)
        ups, downs = ([self.value(scores + sign * step, targets) for step in steps] for sign in (1, -1))
        return (np.stack(ups, axis=1) - np.stack(downs, axis=1)) / scores.dtype.type(2e-4)


class SoftmaxInMemoryOrder(Softmax):
    """ravel(order='K') reads a transposed array in another order."""

    def value(self, scores, targets):
        targets, z = self.checked(scores, targets), self.shifted(scores)
        flat = np.arange(len(z)) * z.shape[1] + targets
        return np.log(np.exp(z).sum(axis=1)) - z.ravel(order="K")[flat]


class SoftmaxThatShiftsBack(Softmax):
    """Scores are changed in place and changed back."""

    def value(self, scores, targets):
        largest = scores.max(axis=1, keepdims=True)
        scores -= largest
        value = np.log(np.exp(scores).sum(axis=1)) - scores[rows(self.checked(scores, targets))]
        scores += largest
        return value


MUTANTS = [
    mutant(SquaredTimesRoot(), REAL, "arrays", "arrays.float32"),
    mutant(SignHingeByWhere(), SIGN, "arrays", "arrays.float32"),
    mutant(SoftmaxOfIdentity(), CLASSES, "arrays", "arrays.float32"),
    mutant(HessianOfIdentity(), CLASSES, "arrays", "arrays.float32"),
    mutant(SoftmaxInSinglePrecision(), CLASSES, "arrays", "arrays.float64"),
    mutant(ProbabilitiesInSinglePrecision(), CLASSES, "arrays", "arrays.float64"),
    mutant(SquaredByDifferences(), REAL, "arrays", "arrays.float32_close"),
    mutant(SoftmaxInMemoryOrder(), CLASSES, "arrays", "arrays.layout"),
    mutant(SoftmaxThatShiftsBack(), CLASSES, "arrays", "arrays.read_only"),
]

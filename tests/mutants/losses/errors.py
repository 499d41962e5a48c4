"""Targets and settings that are not refused."""

import numpy as np

from chainrule import SettingError, TargetError, class_targets, positive_real, real_targets
from chainrule_losses import Logistic, MulticlassHinge

from .base import BINARY, CLASSES, REAL, SHARES, SIGN, mutant, one_hot, rows, softmax, softplus, total
from .honest import Divergence, Focal, SignHinge, Softmax, Squared, YesOrNo


class YesInDtypeOfTargets(YesOrNo):
    """2 y - 1 of uint8 targets is 255 for 0."""

    def value(self, scores, targets):
        self.checked(scores, targets)
        signs = 2 * np.asarray(targets) - 1
        return total(softplus(-signs.astype(scores.dtype) * scores))


class SquaredUnchecked(Squared):
    """Targets (B,) broadcast against scores (B, 1)."""

    def apart(self, scores, targets):
        if np.shape(targets)[:1] != scores.shape[:1] or np.ndim(targets) > scores.ndim:
            raise TargetError("squared targets", expected=scores.shape, got=np.shape(targets))
        return scores - np.asarray(targets, scores.dtype)


class SquaredOfOneTarget(SquaredUnchecked):
    """One target of a point is broadcast to all its scores."""


class SoftmaxOfColumn(Softmax):
    """Classes as a column are flattened."""

    def checked(self, scores, targets):
        return class_targets("softmax", scores, None if targets is None else np.reshape(targets, -1))


class DivergenceOfNegativeShares(Divergence):
    """Rows that sum to 1 may have negative shares."""

    def checked(self, scores, targets):
        t = real_targets("divergence", scores, targets)
        if (np.abs(t.sum(axis=1) - 1) > 1e-3).any():
            raise TargetError("divergence targets", expected="rows that sum to 1", got=t.sum(axis=1))
        return np.maximum(t, 0) / np.maximum(t, 0).sum(axis=1, keepdims=True)

    def value(self, scores, targets):
        return super().value(scores, self.checked(scores, targets))

    def gradient(self, scores, targets):
        return super().gradient(scores, self.checked(scores, targets))


class SquaredOfReshaped(Squared):
    """Targets of another shape are reshaped."""

    def apart(self, scores, targets):
        if targets is None or np.size(targets) != scores.size:
            raise TargetError("squared targets", expected=scores.shape, got=np.shape(targets))
        return scores - np.reshape(targets, scores.shape).astype(scores.dtype)


class SquaredFromNothing(Squared):
    """No targets are taken for zeros."""

    def apart(self, scores, targets):
        return super().apart(scores, np.zeros_like(scores) if targets is None else targets)


class SquaredOfValueError(Squared):
    """Targets are refused with a ValueError."""

    def apart(self, scores, targets):
        if np.shape(targets) != scores.shape:
            raise ValueError(f"targets of shape {scores.shape} expected")
        return scores - targets.astype(scores.dtype)


class SquaredByAssertion(Squared):
    """Targets are refused by assert."""

    def apart(self, scores, targets):
        assert np.shape(targets) == scores.shape
        return scores - targets.astype(scores.dtype)


class SoftmaxUnchecked(Softmax):
    """The class -1 is the last."""

    def checked(self, scores, targets):
        if np.shape(targets) != scores.shape[:1] or np.max(targets) >= scores.shape[1]:
            raise TargetError("softmax targets", expected=scores.shape[:1], got=np.shape(targets))
        return targets.astype(int)


class SoftmaxWithoutUpperBound(Softmax):
    """The class m is NumPy's IndexError."""

    def checked(self, scores, targets):
        if np.shape(targets) != scores.shape[:1] or targets.dtype.kind not in "iu" or targets.min() < 0:
            raise TargetError("softmax targets", expected=scores.shape[:1], got=np.shape(targets))
        return targets


class SoftmaxThatTruncates(Softmax):
    """Classes of 1.7 are taken for 1."""

    def checked(self, scores, targets):
        return class_targets("softmax", scores, None if targets is None else np.asarray(targets).astype(int))


class SoftmaxOfSomePoints(Softmax):
    """Too few targets are repeated."""

    def checked(self, scores, targets):
        short = targets is not None and len(targets) < len(scores)
        return class_targets("softmax", scores, np.resize(targets, len(scores)) if short else targets)


class LinearizeUnchecked(Softmax):
    """linearize does not check targets."""

    def linearize(self, scores, targets):
        value, p = np.log(np.exp(self.shifted(scores)).sum(axis=1)), softmax(scores)
        return value - self.shifted(scores)[rows(targets)], p - one_hot(targets, p)


class ErrorUnchecked(Logistic):
    """error does not check targets."""

    def error(self, scores, targets):
        return (self.decide(scores) != targets).any(axis=1)


class HessianUnchecked(Logistic):
    """hessian does not check targets."""

    def hessian(self, scores, targets):
        return super().hessian(scores, np.zeros_like(scores))


class LogisticOfAnyNumber(YesOrNo):
    """Targets of ±1 are taken by a loss of 0 and 1."""

    def checked(self, scores, targets):
        return real_targets("yes_or_no", scores, targets)


class SignedLogisticOfZero(SignHinge):
    """Targets of 0 and 1 are taken by a loss of ±1."""

    def value(self, scores, targets):
        return total(np.maximum(1 - real_targets("sign_hinge", scores, targets) * scores, 0))

    def gradient(self, scores, targets):
        y = real_targets("sign_hinge", scores, targets)
        return -y * (y * scores < 1)


class DivergenceOfAnyShares(Divergence):
    """Negative shares, and sums other than 1, are taken."""

    def value(self, scores, targets):
        t = real_targets("divergence", scores, targets)
        return super().value(scores, np.abs(t) / np.abs(t).sum(axis=1, keepdims=True))

    def gradient(self, scores, targets):
        t = real_targets("divergence", scores, targets)
        return super().gradient(scores, np.abs(t) / np.abs(t).sum(axis=1, keepdims=True))


class HingeOfAnyMargin(MulticlassHinge):
    """A margin of -1 is taken."""

    def __post_init__(self):
        pass


class HingeOfValueError(MulticlassHinge):
    """A margin of -1 is refused with a ValueError."""

    def __post_init__(self):
        if not self.margin > 0:
            raise ValueError("margin must be positive")


class HingeOfUnnamedSetting(MulticlassHinge):
    """The refusal does not name the setting."""

    def __post_init__(self):
        if not self.margin > 0:
            raise SettingError("setting", expected="a positive number", got=self.margin)


class FocalOfAnyPower(Focal):
    """gamma = '2' is taken."""

    def __post_init__(self):
        positive_real("gamma", float(self.gamma))


MUTANTS = [
    mutant(YesInDtypeOfTargets(), BINARY, "arrays", "loss.target_dtypes"),
    mutant(SquaredUnchecked(), {"score_shape": (1,), "targets": "real"}, "errors", "loss.targets"),
    mutant(SquaredOfOneTarget(), REAL, "errors", "loss.targets"),
    mutant(SoftmaxOfColumn(), CLASSES, "errors", "loss.targets"),
    mutant(DivergenceOfNegativeShares(), SHARES, "errors", "loss.targets"),
    mutant(SquaredOfReshaped(), REAL, "errors", "loss.targets"),
    mutant(SquaredFromNothing(), REAL, "errors", "loss.targets"),
    mutant(SquaredOfValueError(), REAL, "errors", "loss.targets"),
    mutant(SquaredByAssertion(), REAL, "errors", "loss.targets"),
    mutant(SoftmaxUnchecked(), CLASSES, "errors", "loss.targets"),
    mutant(SoftmaxWithoutUpperBound(), CLASSES, "errors", "loss.targets"),
    mutant(SoftmaxThatTruncates(), CLASSES, "errors", "loss.targets"),
    mutant(SoftmaxOfSomePoints(), CLASSES, "errors", "loss.targets"),
    mutant(LinearizeUnchecked(), CLASSES, "errors", "loss.targets"),
    mutant(ErrorUnchecked(), BINARY, "errors", "loss.targets"),
    mutant(HessianUnchecked(), BINARY, "errors", "loss.targets"),
    mutant(LogisticOfAnyNumber(), BINARY, "errors", "loss.targets"),
    mutant(SignedLogisticOfZero(), SIGN, "errors", "loss.targets"),
    mutant(DivergenceOfAnyShares(), SHARES, "errors", "loss.targets"),
    mutant(HingeOfAnyMargin(), CLASSES, "errors", "errors.settings", invalid=[{"margin": -1.0}]),
    mutant(HingeOfValueError(), CLASSES, "errors", "errors.settings", invalid=[{"margin": -1.0}]),
    mutant(HingeOfUnnamedSetting(), CLASSES, "errors", "errors.settings", invalid=[{"margin": -1.0}]),
    mutant(FocalOfAnyPower(), CLASSES, "errors", "errors.types"),
]

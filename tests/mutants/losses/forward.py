"""Forward and derivative are wrong alike."""

import numpy as np

from chainrule import class_targets, distribution_targets, real_targets
from chainrule_losses import MulticlassHinge

from .base import CLASSES, REAL, SHARES, mutant, pointwise, slow_cross_entropy, slow_hinge, slow_squared, softmax, total
from .honest import Divergence, Focal, Huber, Pinball, Softmax, Squared, slow_divergence, slow_focal, slow_huber


class SquaredMean(Squared):
    """A mean over the scores of a point, where a sum belongs."""

    def value(self, scores, targets):
        return super().value(scores, targets) / scores[0].size

    def gradient(self, scores, targets):
        return super().gradient(scores, targets) / scores[0].size


class SquaredHalf(Squared):
    """Value and gradient have a factor 1/2."""

    def value(self, scores, targets):
        return super().value(scores, targets) / 2

    def gradient(self, scores, targets):
        return self.apart(scores, targets)


class SquaredNegative(Squared):
    """Value and gradient have the opposite sign; the kind of targets is not named."""

    def value(self, scores, targets):
        return -super().value(scores, targets)

    def gradient(self, scores, targets):
        return -super().gradient(scores, targets)


class SquaredUpsideDown(SquaredNegative):
    """The opposite sign again; the kind of targets is not named."""


class SquaredPlusOne(Squared):
    """A perfect prediction costs 1."""

    def value(self, scores, targets):
        return super().value(scores, targets) + 1


class SoftmaxOfClassesFromOne(Softmax):
    """Classes are counted from 1, and 0 indexes the last."""

    def checked(self, scores, targets):
        return class_targets("softmax", scores, targets) - 1


class SoftmaxNegative(Softmax):
    """The log-likelihood, not its opposite."""

    def value(self, scores, targets):
        return -super().value(scores, targets)

    def gradient(self, scores, targets):
        return -super().gradient(scores, targets)


class SoftmaxClipped(Softmax):
    """Scores are clipped at ±5, value and gradient alike."""

    def value(self, scores, targets):
        return super().value(np.clip(scores, -5, 5), targets)

    def gradient(self, scores, targets):
        return super().gradient(np.clip(scores, -5, 5), targets) * (np.abs(scores) < 5)


class SoftmaxClippedFarAway(Softmax):
    """Scores are clipped at ±50, value and gradient alike."""

    def value(self, scores, targets):
        return super().value(np.clip(scores, -50, 50), targets)

    def gradient(self, scores, targets):
        return super().gradient(np.clip(scores, -50, 50), targets) * (np.abs(scores) < 50)


class HingeOfFixedMargin(MulticlassHinge):
    """The margin is 1 whatever the setting."""

    def _excess(self, scores, targets):
        return MulticlassHinge()._excess(scores, targets)


class HingeThatCountsTarget(MulticlassHinge):
    """The sum runs over i = y, too: every point costs a margin more."""

    def value(self, scores, targets):
        return super().value(scores, targets) + scores.dtype.type(self.margin)

    def linearize(self, scores, targets):
        return self.value(scores, targets), super().linearize(scores, targets)[1]


class DivergenceTheOtherWay(Divergence):
    """KL(p ‖ t) and not KL(t ‖ p)."""

    def logs(self, scores, targets):
        t, p = distribution_targets("divergence", scores, targets), softmax(scores)
        return p, np.log(p) - np.log(t)

    def value(self, scores, targets):
        p, ratio = self.logs(scores, targets)
        return (p * ratio).sum(axis=1)

    def gradient(self, scores, targets):
        p, ratio = self.logs(scores, targets)
        return p * (ratio - (p * ratio).sum(axis=1, keepdims=True))


class PinballOfOtherSide(Pinball):
    """The quantile of 1 - share."""

    def value(self, scores, targets):
        return Pinball(1 - self.share).value(scores, targets)

    def gradient(self, scores, targets):
        return Pinball(1 - self.share).gradient(scores, targets)


class HuberWithJump(Huber):
    """The linear part lacks its constant: the value jumps at delta."""

    def value(self, scores, targets):
        d = np.abs(self.apart(scores, targets))
        return total(np.where(d <= self.delta, d * d / 2, self.delta * d))

    def apart(self, scores, targets):
        return scores - real_targets("huber", scores, targets)


class FocalOfOtherPower(Focal):
    """The power is gamma + 1."""

    def value(self, scores, targets):
        return Focal(self.gamma + 1).value(scores, targets)

    def gradient(self, scores, targets):
        return Focal(self.gamma + 1).gradient(scores, targets)


MUTANTS = [
    mutant(
        SquaredMean(),
        REAL,
        "forward",
        "loss.reference",
        reference=pointwise(slow_squared),
        non_negative=True,
        perfect=0.0,
    ),
    mutant(
        SquaredHalf(),
        REAL,
        "forward",
        "loss.reference",
        reference=pointwise(slow_squared),
        non_negative=True,
        perfect=0.0,
    ),
    mutant(SquaredNegative(), REAL, "forward", "loss.better_is_cheaper"),
    mutant(
        SquaredUpsideDown(),
        REAL | {"targets": lambda rng, B: rng.normal(size=(B, 3))},
        "forward",
        "loss.non_negative",
        non_negative=True,
    ),
    mutant(SquaredPlusOne(), REAL, "forward", "loss.perfect", perfect=0.0),
    mutant(SoftmaxOfClassesFromOne(), CLASSES, "forward", "loss.better_is_cheaper"),
    mutant(SoftmaxNegative(), CLASSES, "forward", "loss.better_is_cheaper"),
    mutant(SoftmaxClipped(), CLASSES, "forward", "loss.reference", reference=pointwise(slow_cross_entropy)),
    mutant(SoftmaxClippedFarAway(), CLASSES, "extremes", "loss.extremes", reference=pointwise(slow_cross_entropy)),
    mutant(
        HingeOfFixedMargin(2.0),
        CLASSES,
        "forward",
        "loss.reference",
        reference=pointwise(slow_hinge(2.0)),
        perfect=0.0,
        non_negative=True,
    ),
    mutant(HingeThatCountsTarget(), CLASSES, "forward", "loss.perfect", perfect=0.0),
    mutant(
        DivergenceTheOtherWay(),
        SHARES,
        "forward",
        "loss.reference",
        reference=pointwise(slow_divergence),
        non_negative=True,
        perfect=0.0,
    ),
    mutant(
        PinballOfOtherSide(),
        REAL,
        "forward",
        "loss.reference",
        perfect=0.0,
        reference=pointwise(lambda s, y: sum(max(0.3 * (b - a), 0.7 * (a - b)) for a, b in zip(s, y, strict=True))),
    ),
    mutant(
        HuberWithJump(),
        REAL,
        "forward",
        "loss.reference",
        reference=pointwise(lambda s, y: sum(slow_huber(abs(a - b)) for a, b in zip(s, y, strict=True))),
    ),
    mutant(FocalOfOtherPower(), CLASSES, "forward", "loss.reference", reference=pointwise(slow_focal)),
]

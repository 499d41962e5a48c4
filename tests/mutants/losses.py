"""Losses that are wrong, and losses that are right and unusual."""

import re
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule import (
    Loss,
    SettingError,
    TargetError,
    binary_targets,
    class_targets,
    distribution_targets,
    positive_int,
    positive_real,
    real,
    real_targets,
    sign_targets,
)
from chainrule.conformance import LossCase
from chainrule_losses import CrossEntropy, Logistic, MulticlassHinge, SignedLogistic

from . import Mutant


def total(terms):
    return terms.sum(axis=tuple(range(1, terms.ndim)))


def sigmoid(s):
    return np.exp(np.minimum(s, 0)) / (1 + np.exp(-np.abs(s)))


def softplus(s):
    return np.maximum(s, 0) + np.log1p(np.exp(-np.abs(s)))


def softmax(s):
    p = np.exp(s - s.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def one_hot(targets, like):
    return np.eye(like.shape[1], dtype=like.dtype)[targets]


def rows(targets):
    return np.arange(len(targets)), targets


def pointwise(slow):
    """Make a reference of a function of one point's scores, a list, and its target."""

    def reference(scores, targets):
        targets = [None] * len(scores) if targets is None else targets.tolist()
        return np.array([slow(s, t) for s, t in zip(scores.tolist(), targets, strict=True)])

    return reference


def slow_squared(s, y):
    return sum((a - b) ** 2 for a, b in zip(np.ravel(s), np.ravel(y), strict=True))


def slow_cross_entropy(s, y):
    return float(np.logaddexp.reduce(s)) - s[y]


def slow_logistic(s, y):
    return sum(float(np.logaddexp(0, -a if b == 1 else a)) for a, b in zip(s, y, strict=True))


def slow_hinge(margin):
    return lambda s, y: sum(max(s[i] - s[y] + margin, 0) for i in range(len(s)) if i != y)


# Honest losses.


@dataclass(frozen=True)
class Squared(Loss):
    """Value and gradient apart, and no decision."""

    def apart(self, scores, targets):
        return scores - real_targets("squared", scores, targets)

    def value(self, scores, targets):
        return total(self.apart(scores, targets) ** 2)

    def gradient(self, scores, targets):
        return 2 * self.apart(scores, targets)


@dataclass(frozen=True)
class Softmax(Loss):
    """Cross-entropy without linearize and hessian."""

    def shifted(self, scores):
        return scores - scores.max(axis=1, keepdims=True)

    def checked(self, scores, targets):
        return class_targets("softmax", scores, targets)

    def value(self, scores, targets):
        at, z = rows(self.checked(scores, targets)), self.shifted(scores)
        return np.log(np.exp(z).sum(axis=1)) - z[at]

    def gradient(self, scores, targets):
        at, p = rows(self.checked(scores, targets)), np.exp(self.shifted(scores))
        p /= p.sum(axis=1, keepdims=True)
        p[at] -= 1
        return p

    def decide(self, scores):
        return scores.argmax(axis=1)

    def error(self, scores, targets):
        return self.decide(scores) != self.checked(scores, targets)


@dataclass(frozen=True)
class YesOrNo(Loss):
    """The 0/1 logistic loss by value and gradient."""

    def checked(self, scores, targets):
        return binary_targets("yes_or_no", scores, targets)

    def value(self, scores, targets):
        return total(softplus(scores) - self.checked(scores, targets) * scores)

    def gradient(self, scores, targets):
        return sigmoid(scores) - self.checked(scores, targets)

    def decide(self, scores):
        return (scores > 0).astype(int)

    def error(self, scores, targets):
        wrong = self.decide(scores) != self.checked(scores, targets)
        return wrong.any(axis=tuple(range(1, wrong.ndim)))


@dataclass(frozen=True)
class SignHinge(Loss):
    """(1 - y s)₊, with half the slope at the kink."""

    def value(self, scores, targets):
        return total(np.maximum(1 - sign_targets("sign_hinge", scores, targets) * scores, 0))

    def gradient(self, scores, targets):
        y = sign_targets("sign_hinge", scores, targets)
        return -y * np.heaviside(1 - y * scores, scores.dtype.type(0.5))

    def decide(self, scores):
        return np.where(scores < 0, -1, 1)


@dataclass(frozen=True)
class Absolute(Loss):
    """|s - y|, with slope 0 at y."""

    def value(self, scores, targets):
        return total(np.abs(scores - real_targets("absolute_error", scores, targets)))

    def gradient(self, scores, targets):
        return np.sign(scores - real_targets("absolute_error", scores, targets))


@dataclass(frozen=True)
class Huber(Loss):
    delta: float = 0.75

    def __post_init__(self):
        positive_real("delta", self.delta)

    def value(self, scores, targets):
        d = np.abs(scores - real_targets("huber", scores, targets))
        return total(np.where(d <= self.delta, d * d / 2, self.delta * (d - self.delta / 2)))

    def gradient(self, scores, targets):
        return np.clip(scores - real_targets("huber", scores, targets), -self.delta, self.delta)


def slow_huber(d):
    return d**2 / 2 if d < 0.75 else 0.75 * d - 0.28125


@dataclass(frozen=True)
class Pinball(Loss):
    share: float = 0.3

    def __post_init__(self):
        real("share", self.share, above=0, below=1)

    def value(self, scores, targets):
        d = real_targets("pinball", scores, targets) - scores
        return total(np.maximum(self.share * d, (self.share - 1) * d))

    def gradient(self, scores, targets):
        below = scores <= real_targets("pinball", scores, targets)
        return below * scores.dtype.type(-1) + scores.dtype.type(1 - self.share)


@dataclass(frozen=True)
class Insensitive(Loss):
    """Deviations up to epsilon cost nothing."""

    epsilon: float = 0.25

    def __post_init__(self):
        positive_real("epsilon", self.epsilon)

    def value(self, scores, targets):
        return total(np.maximum(np.abs(scores - real_targets("insensitive", scores, targets)) - self.epsilon, 0))

    def gradient(self, scores, targets):
        d = scores - real_targets("insensitive", scores, targets)
        return np.sign(d) * (np.abs(d) > self.epsilon)


@dataclass(frozen=True)
class LogCosh(Loss):
    def value(self, scores, targets):
        d = np.abs(scores - real_targets("log_cosh", scores, targets))
        return total(d + np.log1p(np.exp(-2 * d)) - np.log(scores.dtype.type(2)))

    def gradient(self, scores, targets):
        return np.tanh(scores - real_targets("log_cosh", scores, targets))


@dataclass(frozen=True)
class Biweight(Loss):
    """Tukey's: no slope far away."""

    c: float = 3.0

    def __post_init__(self):
        positive_real("c", self.c)

    def inside(self, scores, targets):
        return np.maximum(1 - ((scores - real_targets("biweight", scores, targets)) / self.c) ** 2, 0)

    def value(self, scores, targets):
        return total(1 - self.inside(scores, targets) ** 3)

    def gradient(self, scores, targets):
        d = scores - real_targets("biweight", scores, targets)
        return 6 * d / self.c**2 * self.inside(scores, targets) ** 2


@dataclass(frozen=True)
class CosineDistance(Loss):
    """1 - cos(s, y), and 1 for scores of length 0."""

    def parts(self, scores, targets):
        y = real_targets("cosine_distance", scores, targets)
        length = np.sqrt((scores * scores).sum(axis=1, keepdims=True))
        safe = np.where(length == 0, scores.dtype.type(1), length)
        y = y / np.sqrt((y * y).sum(axis=1, keepdims=True))
        return scores / safe, y, safe

    def value(self, scores, targets):
        s, y, _ = self.parts(scores, targets)
        return 1 - (s * y).sum(axis=1)

    def gradient(self, scores, targets):
        s, y, length = self.parts(scores, targets)
        return np.where(scores.any(axis=1, keepdims=True), (s * (s * y).sum(axis=1, keepdims=True) - y) / length, 0 * s)


def slow_cosine(s, y):
    return 1 - np.dot(s, y) / np.linalg.norm(s) / np.linalg.norm(y)


@dataclass(frozen=True)
class Distance(Loss):
    """The length of s - y, not its square; its slope is 0 at y."""

    def value(self, scores, targets):
        return np.sqrt(total((scores - real_targets("distance", scores, targets)) ** 2))

    def gradient(self, scores, targets):
        d = scores - real_targets("distance", scores, targets)
        length = np.sqrt((d * d).sum(axis=1, keepdims=True))
        return np.divide(d, length, out=np.zeros_like(d), where=length > 0)


@dataclass(frozen=True)
class Poisson(Loss):
    """e^s - y s grows like an exponential; targets are counts."""

    def value(self, scores, targets):
        return total(np.exp(scores) - real_targets("poisson", scores, targets) * scores)

    def gradient(self, scores, targets):
        return np.exp(scores) - real_targets("poisson", scores, targets)


@dataclass(frozen=True)
class Gaussian(Loss):
    """Two scores for one target: mean and log variance."""

    def parts(self, scores, targets):
        targets = np.asarray(targets)
        if targets.shape != scores.shape[:1]:
            raise TargetError("gaussian targets", expected=scores.shape[:1], got=targets.shape)
        d = targets.astype(scores.dtype) - scores[:, 0]
        return d, np.exp(-scores[:, 1])

    def value(self, scores, targets):
        d, precision = self.parts(scores, targets)
        return (scores[:, 1] + d * d * precision) / 2

    def gradient(self, scores, targets):
        d, precision = self.parts(scores, targets)
        return np.stack([-d * precision, (1 - d * d * precision) / 2], axis=1)


@dataclass(frozen=True)
class Quantiles(Loss):
    """Three scores, the quartiles, for one target."""

    shares: tuple = (0.25, 0.5, 0.75)

    def apart(self, scores, targets):
        targets = np.asarray(targets)
        if targets.shape != scores.shape[:1]:
            raise TargetError("quantiles targets", expected=scores.shape[:1], got=targets.shape)
        return targets.astype(scores.dtype)[:, np.newaxis] - scores, np.array(self.shares, scores.dtype)

    def value(self, scores, targets):
        d, shares = self.apart(scores, targets)
        return np.maximum(shares * d, (shares - 1) * d).sum(axis=1)

    def gradient(self, scores, targets):
        d, shares = self.apart(scores, targets)
        return np.where(d > 0, -shares, np.where(d < 0, 1 - shares, 0 * shares))


def slow_quantiles(s, y):
    return sum(tau * (y - a) if y > a else (1 - tau) * (a - y) for tau, a in zip((0.25, 0.5, 0.75), s, strict=True))


@dataclass(frozen=True)
class Smoothed(Softmax):
    """Cross-entropy with a share of the target spread over all classes."""

    smoothing: float = 0.1

    def __post_init__(self):
        real("smoothing", self.smoothing, minimum=0, below=1)

    def aims(self, scores, targets):
        hot = one_hot(self.checked(scores, targets), scores)
        return (1 - self.smoothing) * hot + self.smoothing / scores.shape[1]

    def value(self, scores, targets):
        z, aims = self.shifted(scores), self.aims(scores, targets)
        return (aims * (np.log(np.exp(z).sum(axis=1, keepdims=True)) - z)).sum(axis=1)

    def gradient(self, scores, targets):
        return softmax(scores) - self.aims(scores, targets)


def slow_smoothed(s, y):
    costs = [slow_cross_entropy(s, i) for i in range(len(s))]
    return 0.9 * costs[y] + 0.1 * sum(costs) / len(s)


@dataclass(frozen=True)
class Focal(Softmax):
    """-(1 - p_y)^γ log p_y, γ a whole number."""

    gamma: int = 2

    def __post_init__(self):
        positive_int("gamma", self.gamma)

    def value(self, scores, targets):
        nll = super().value(scores, targets)
        return (-np.expm1(-nll)) ** self.gamma * nll

    def gradient(self, scores, targets):
        nll = super().value(scores, targets)
        q = -np.expm1(-nll)
        slope = q**self.gamma + self.gamma * q ** (self.gamma - 1) * (1 - q) * nll
        return slope[:, np.newaxis] * super().gradient(scores, targets)


def slow_focal(s, y):
    p = float(np.exp(-slow_cross_entropy(s, y)))
    return slow_cross_entropy(s, y) * (1 - p) ** 2


@dataclass(frozen=True)
class Brier(Softmax):
    """The squared distance of the probabilities from the class."""

    def value(self, scores, targets):
        return ((softmax(scores) - one_hot(self.checked(scores, targets), scores)) ** 2).sum(axis=1)

    def gradient(self, scores, targets):
        p = softmax(scores)
        d = 2 * (p - one_hot(self.checked(scores, targets), scores))
        return p * (d - (p * d).sum(axis=1, keepdims=True))

    def probabilities(self, scores):
        return softmax(scores)


@dataclass(frozen=True)
class Weighted(Softmax):
    """Cross-entropy with a weight for each class."""

    weights: tuple = (1.0, 2.5, 0.5)

    def weight(self, scores, targets):
        return np.array(self.weights, scores.dtype)[self.checked(scores, targets)]

    def value(self, scores, targets):
        return self.weight(scores, targets) * super().value(scores, targets)

    def gradient(self, scores, targets):
        return self.weight(scores, targets)[:, np.newaxis] * super().gradient(scores, targets)


@dataclass(frozen=True)
class LargestMargin(Softmax):
    """Crammer and Singer's hinge: max_i (s_i + [i ≠ y]) - s_y, the first at a tie."""

    def value(self, scores, targets):
        at = rows(self.checked(scores, targets))
        raised = scores + 1
        raised[at] -= 1
        return raised.max(axis=1) - scores[at]

    def gradient(self, scores, targets):
        at = rows(self.checked(scores, targets))
        raised = scores + 1
        raised[at] = scores[at]
        gradient = one_hot(raised.argmax(axis=1), scores)
        gradient[at] -= 1
        return gradient


@dataclass(frozen=True)
class Divergence(Loss):
    """KL(t ‖ softmax(s))."""

    def value(self, scores, targets):
        t = distribution_targets("divergence", scores, targets)
        z = scores - scores.max(axis=1, keepdims=True)
        log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        return (t * (np.log(np.where(t > 0, t, t.dtype.type(1))) - log_p)).sum(axis=1)

    def gradient(self, scores, targets):
        t = distribution_targets("divergence", scores, targets)
        return softmax(scores) * t.sum(axis=1, keepdims=True) - t

    def decide(self, scores):
        return scores.argmax(axis=1)


def slow_divergence(s, t):
    return sum(b * (np.log(b) + np.logaddexp.reduce(s) - a) for a, b in zip(s, t, strict=True))


@dataclass(frozen=True)
class WeightedYes(YesOrNo):
    """A missed yes costs more, by linearize alone: value is its half."""

    weight: float = 3.0

    def __post_init__(self):
        positive_real("weight", self.weight)

    def value(self, scores, targets):
        return self.linearize(scores, targets)[0]

    def gradient(self, scores, targets):
        return self.linearize(scores, targets)[1]

    def linearize(self, scores, targets):
        y = self.checked(scores, targets)
        value = self.weight * y * softplus(-scores) + (1 - y) * softplus(scores)
        return total(value), (1 - y) * sigmoid(scores) - self.weight * y * sigmoid(-scores)


@dataclass(frozen=True)
class OnlyLinearize(Loss):
    """The base class's gradient."""

    def value(self, scores, targets):
        return self.linearize(scores, targets)[0]

    def linearize(self, scores, targets):
        d = scores - real_targets("only_linearize", scores, targets)
        return total(d**4), 4 * d**3


@dataclass(frozen=True)
class Exponential(Loss):
    """AdaBoost's e^(-y s)."""

    def value(self, scores, targets):
        return total(np.exp(-sign_targets("exponential", scores, targets) * scores))

    def gradient(self, scores, targets):
        y = sign_targets("exponential", scores, targets)
        return -y * np.exp(-y * scores)


@dataclass(frozen=True)
class Critic(Loss):
    """Linear: -y s, of any sign; the gradient is a view on one number a point."""

    def value(self, scores, targets):
        return total(-sign_targets("critic", scores, targets) * scores)

    def gradient(self, scores, targets):
        return np.broadcast_to(-sign_targets("critic", scores, targets), scores.shape)


@dataclass(frozen=True)
class SquaredHinge(Loss):
    def value(self, scores, targets):
        return total(np.maximum(1 - sign_targets("squared_hinge", scores, targets) * scores, 0) ** 2)

    def gradient(self, scores, targets):
        y = sign_targets("squared_hinge", scores, targets)
        return -2 * y * np.maximum(1 - y * scores, 0)

    def decide(self, scores):
        return np.where(scores > 0, 1, -1)

    def error(self, scores, targets):
        return total(self.decide(scores) != sign_targets("squared_hinge", scores, targets)) > 0


@dataclass(frozen=True)
class Energy(Loss):
    """Unsupervised, negative: minus the log density of a standard normal, less its constant, and a well."""

    def value(self, scores, targets):
        return total(scores * scores / 2) - 10

    def gradient(self, scores, targets):
        return scores


@dataclass(frozen=True)
class Triplet(Loss):
    """Scores (3, n): an anchor, one like it and one unlike it; no targets."""

    margin: float = 0.5

    def __post_init__(self):
        positive_real("margin", self.margin)

    def parts(self, scores):
        like, unlike = scores[:, 0] - scores[:, 1], scores[:, 0] - scores[:, 2]
        return like, unlike, (like * like).sum(axis=1) - (unlike * unlike).sum(axis=1) + self.margin

    def value(self, scores, targets):
        return np.maximum(self.parts(scores)[2], 0)

    def gradient(self, scores, targets):
        like, unlike, excess = self.parts(scores)
        return 2 * np.stack([like - unlike, -like, unlike], axis=1) * (excess > 0)[:, np.newaxis, np.newaxis]


def slow_triplet(s, _):
    a, p, n = np.array(s)
    return max(np.linalg.norm(a - p) ** 2 - np.linalg.norm(a - n) ** 2 + 500, 0)


@dataclass(frozen=True)
class Pairs(Loss):
    """RankNet: every pair of scores of unlike relevance; targets are relevances 0, 1, 2."""

    def parts(self, scores, targets):
        y = real_targets("pairs", scores, targets)
        return scores[:, :, np.newaxis] - scores[:, np.newaxis, :], y[:, :, np.newaxis] > y[:, np.newaxis, :]

    def value(self, scores, targets):
        d, better = self.parts(scores, targets)
        return (softplus(-d) * better).sum(axis=(1, 2))

    def gradient(self, scores, targets):
        d, better = self.parts(scores, targets)
        slope = sigmoid(-d) * better
        return slope.sum(axis=1) - slope.sum(axis=2)


def slow_pairs(s, y):
    return sum(np.logaddexp(0, s[j] - s[i]) for i in range(len(s)) for j in range(len(s)) if y[i] > y[j])


def relevances(rng, B):
    return np.array([rng.permutation([0, 0, 1, 2]) for _ in range(B)])


@dataclass(frozen=True)
class Sequence(Loss):
    """Scores (T, m), targets (B, T): a class at every step."""

    def value(self, scores, targets):
        return self.linearize(scores, targets)[0]

    def linearize(self, scores, targets):
        B, T, m = scores.shape
        if np.shape(targets) != (B, T):
            raise TargetError("sequence targets", expected=(B, T), got=np.shape(targets))
        value, gradient = CrossEntropy().linearize(scores.reshape(-1, m), np.reshape(targets, -1))
        return value.reshape(B, T).sum(axis=1), gradient.reshape(scores.shape)

    def decide(self, scores):
        return scores.argmax(axis=2)


@dataclass(frozen=True)
class Masked(Loss):
    """Squared error of the targets that are known; NaN stands for unknown."""

    def apart(self, scores, targets):
        y = real_targets("masked", scores, targets)
        return np.where(np.isnan(y), 0 * scores, scores - y)

    def value(self, scores, targets):
        return total(self.apart(scores, targets) ** 2)

    def gradient(self, scores, targets):
        return 2 * self.apart(scores, targets)


def gappy(rng, B):
    return np.where(rng.random((B, 5)) < 0.3, np.nan, np.round(rng.normal(size=(B, 5)), 3))


@dataclass(frozen=True)
class Ordinal(Loss):
    """m - 1 scores for m ordered classes: how many thresholds are passed."""

    def passed(self, scores, targets):
        targets = np.asarray(targets)
        if targets.shape != scores.shape[:1] or targets.dtype.kind not in "iu":
            raise TargetError("ordinal targets", expected="integer classes", got=targets.dtype)
        return (targets[:, np.newaxis] > np.arange(scores.shape[1])).astype(scores.dtype)

    def value(self, scores, targets):
        return Logistic().value(scores, self.passed(scores, targets))

    def gradient(self, scores, targets):
        return Logistic().gradient(scores, self.passed(scores, targets))

    def decide(self, scores):
        return (scores > 0).sum(axis=1)


@dataclass(frozen=True)
class Autoencoder(Loss):
    """Squared error of φ(s) against a picture: no convex loss."""

    def value(self, scores, targets):
        return total((sigmoid(scores) - real_targets("autoencoder", scores, targets)) ** 2)

    def gradient(self, scores, targets):
        p = sigmoid(scores)
        return 2 * (p - real_targets("autoencoder", scores, targets)) * p * sigmoid(-scores)


HONEST = [
    LossCase("loss/squared", Squared(), (3,), "real", pointwise(slow_squared), non_negative=True, perfect=0.0),
    LossCase("loss/squared-of-pictures", Squared(), (2, 3), "real", pointwise(slow_squared)),
    LossCase("loss/softmax", Softmax(), (4,), "class", pointwise(slow_cross_entropy), non_negative=True, perfect=0.0),
    LossCase("loss/softmax-of-five", Softmax(), (5,), "class"),
    LossCase("loss/yes-or-no", YesOrNo(), (3,), "binary", pointwise(slow_logistic), non_negative=True, perfect=0.0),
    LossCase("loss/yes-or-no-grid", YesOrNo(), (2, 2), "binary"),
    LossCase("loss/yes-or-no-without-axis", YesOrNo(), (), "binary"),
    LossCase(
        "loss/sign-hinge",
        SignHinge(),
        (2,),
        "sign",
        pointwise(lambda s, y: sum(max(0, 1 - a * b) for a, b in zip(s, y, strict=True))),
        kink_points=[([1.0, -1.0], [1, -1], [-0.5, 0.5])],
        non_negative=True,
        perfect=0.0,
    ),
    LossCase(
        "loss/absolute-error",
        Absolute(),
        (2, 3),
        "real",
        lambda s, y: np.array([np.linalg.norm((a - b).ravel(), 1) for a, b in zip(s, y, strict=True)]),
        kink_points=[(np.full((2, 3), 0.5), np.full((2, 3), 0.5), 0.0)],
        perfect=0.0,
        non_negative=True,
    ),
    LossCase(
        "loss/huber",
        Huber(),
        (3,),
        "real",
        pointwise(lambda s, y: sum(slow_huber(abs(a - b)) for a, b in zip(s, y, strict=True))),
        invalid=[{"delta": 0.0}, {"delta": -1.0}],
    ),
    LossCase("loss/insensitive", Insensitive(), (2,), "real", perfect=0.0, non_negative=True),
    LossCase(
        "loss/log-cosh",
        LogCosh(),
        (3,),
        "real",
        lambda s, y: np.log(np.cosh(s - y)).sum(axis=1),
        perfect=0.0,
    ),
    LossCase("loss/biweight", Biweight(), (2,), "real", perfect=0.0, non_negative=True),
    LossCase("loss/cosine-distance", CosineDistance(), (4,), "real", pointwise(slow_cosine), perfect=0.0),
    LossCase("loss/distance", Distance(), (3,), "real", lambda s, y: np.linalg.norm(s - y, axis=1), perfect=0.0),
    LossCase(
        "loss/poisson",
        Poisson(),
        (2,),
        lambda rng, B: rng.poisson(3.0, (B, 2)),
        lambda s, y: np.array([sum(np.exp(a) - b * a) for a, b in zip(s, y, strict=True)]),
    ),
    LossCase(
        "loss/gaussian",
        Gaussian(),
        (2,),
        lambda rng, B: rng.normal(size=B),
        pointwise(lambda s, y: 0.5 * s[1] + (y - s[0]) ** 2 / (2 * np.exp(s[1]))),
    ),
    LossCase("loss/quantiles", Quantiles(), (3,), lambda rng, B: rng.normal(size=B), pointwise(slow_quantiles)),
    LossCase("loss/smoothed", Smoothed(), (4,), "class", pointwise(slow_smoothed), invalid=[{"smoothing": 1.0}]),
    LossCase("loss/focal", Focal(), (3,), "class", pointwise(slow_focal), non_negative=True, perfect=0.0),
    LossCase(
        "loss/weighted",
        Weighted(),
        (3,),
        "class",
        pointwise(lambda s, y: (1.0, 2.5, 0.5)[y] * slow_cross_entropy(s, y)),
    ),
    LossCase(
        "loss/largest-margin",
        LargestMargin(),
        (4,),
        "class",
        pointwise(lambda s, y: max(s[i] - s[y] + (i != y) for i in range(4))),
        perfect=0.0,
    ),
    LossCase(
        "loss/divergence",
        Divergence(),
        (4,),
        "distribution",
        pointwise(slow_divergence),
        non_negative=True,
        perfect=0.0,
    ),
    LossCase(
        "loss/weighted-yes",
        WeightedYes(),
        (2,),
        "binary",
        pointwise(lambda s, y: sum((1 + 2 * b) * slow_logistic([a], [b]) for a, b in zip(s, y, strict=True))),
        invalid=[{"weight": 0.0}],
    ),
    LossCase("loss/only-linearize", OnlyLinearize(), (2,), "real", lambda s, y: ((s - y) ** 4).sum(axis=1)),
    LossCase("loss/exponential", Exponential(), (1,), "sign", lambda s, y: np.exp(-y * s)[:, 0], non_negative=True),
    LossCase("loss/critic", Critic(), (1,), "sign", lambda s, y: np.where(y == 1, -s, s)[:, 0]),
    LossCase("loss/squared-hinge", SquaredHinge(), (2, 2), "sign", non_negative=True, perfect=0.0),
    LossCase("loss/energy", Energy(), (3,), None, pointwise(lambda s, _: sum(a * a for a in s) / 2 - 10)),
    LossCase("loss/triplet", Triplet(500.0), (3, 4), None, pointwise(slow_triplet), invalid=[{"margin": -1.0}]),
    LossCase("loss/pairs", Pairs(), (4,), relevances, pointwise(slow_pairs), non_negative=True),
    LossCase(
        "loss/sequence",
        Sequence(),
        (3, 4),
        lambda rng, B: rng.integers(0, 4, (B, 3)),
        pointwise(lambda s, y: sum(map(slow_cross_entropy, s, y))),
    ),
    LossCase("loss/masked", Masked(), (5,), gappy, lambda s, y: np.nansum((s - y) ** 2, axis=1)),
    LossCase("loss/ordinal", Ordinal(), (3,), lambda rng, B: rng.integers(0, 4, B)),
    LossCase("loss/autoencoder", Autoencoder(), (3, 3), lambda rng, B: np.round(rng.random((B, 3, 3)), 3)),
]


# Wrong losses: the derivative.


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


# Forward and derivative alike.


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


# Decisions, errors, probabilities.


class DecidesForTheWorst(Softmax):
    """decide takes the smallest score."""

    def decide(self, scores):
        return scores.argmin(axis=1)


class DecidesFromOne(Softmax):
    """decide counts classes from 1."""

    def decide(self, scores):
        return scores.argmax(axis=1) + 1

    def error(self, scores, targets):
        return self.decide(scores) != self.checked(scores, targets) + 1


class DecidesAcrossBatch(Softmax):
    """decide takes the argmax along the batch."""

    def decide(self, scores):
        return scores.argmax(axis=0)

    def error(self, scores, targets):
        return super().decide(scores) != self.checked(scores, targets)


class DecidesZeroAndOne(SignedLogistic):
    """decide answers 0 and 1 where targets are -1 and 1."""

    def decide(self, scores):
        return (scores > 0).astype(int)


class DecidesAtHalf(Logistic):
    """decide compares scores, not probabilities, with 1/2."""

    def decide(self, scores):
        return (scores > 0.5).astype(int)


class ErrorInverted(Softmax):
    """error is true where the decision is right."""

    def error(self, scores, targets):
        return ~super().error(scores, targets)


class ErrorIsShare(YesOrNo):
    """error is the share of wrong decisions of a point, not whether any is wrong."""

    def error(self, scores, targets):
        return (self.decide(scores) != self.checked(scores, targets)).mean(axis=1)


class ErrorOfAll(YesOrNo):
    """error is true only where all decisions of a point are wrong."""

    def error(self, scores, targets):
        return (self.decide(scores) != self.checked(scores, targets)).all(axis=1)


class ErrorAsNumber(Softmax):
    """error is 0 and 1, no bool."""

    def error(self, scores, targets):
        return super().error(scores, targets).astype(int)


class ErrorOfOtherThreshold(YesOrNo):
    """error has another threshold than decide."""

    def error(self, scores, targets):
        return ((scores > 1) != self.checked(scores, targets)).any(axis=1)


class LogProbabilities(CrossEntropy):
    """probabilities are their logarithms."""

    def probabilities(self, scores):
        return np.log(softmax(scores))


class ProbabilitiesApart(CrossEntropy):
    """probabilities of classes do not sum to 1."""

    def probabilities(self, scores):
        return sigmoid(scores)


class ProbabilitiesAcrossBatch(CrossEntropy):
    """The softmax of probabilities runs along the batch."""

    def probabilities(self, scores):
        return softmax(scores.T).T


class ProbabilitiesOfNo(Logistic):
    """probabilities are those of 0."""

    def probabilities(self, scores):
        return sigmoid(-scores)


# Batches.


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


# Kinks and ties.


class HingeUnevenAtKink(MulticlassHinge):
    """At the kink a class counts for |D| and not for e_j (E19b of the course)."""

    def linearize(self, scores, targets):
        excess = self._excess(scores, targets)
        gradient = (excess > 0).astype(scores.dtype)
        inside = scores + self.margin >= scores[rows(targets)][:, np.newaxis]
        gradient[rows(targets)] = 1 - inside.sum(axis=1)
        return np.maximum(excess, 0).sum(axis=1), gradient


class DistanceOfNothing(Distance):
    """The gradient is 0/0 where the prediction is perfect."""

    def gradient(self, scores, targets):
        d = scores - real_targets("distance", scores, targets)
        return d / np.sqrt((d * d).sum(axis=1, keepdims=True))


class SignHingeClosed(SignHinge):
    """At the kink the slope is -y, and -y/2 is declared."""

    def gradient(self, scores, targets):
        y = sign_targets("sign_hinge", scores, targets)
        return -y * (y * scores <= 1)


class LargestMarginOfAll(LargestMargin):
    """At a tie every largest class takes the whole gradient."""

    def gradient(self, scores, targets):
        at = rows(self.checked(scores, targets))
        raised = scores + 1
        raised[at] = scores[at]
        gradient = (raised == raised.max(axis=1, keepdims=True)).astype(scores.dtype)
        gradient[at] -= 1
        return gradient


class AbsoluteByDivision(Absolute):
    """The sign is d / |d|: NaN where a score meets its target."""

    def gradient(self, scores, targets):
        d = scores - real_targets("absolute_error", scores, targets)
        return d / np.abs(d)


# Extremes.


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


# dtypes and layouts.


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


# State.


class SoftmaxThatShifts(Softmax):
    """The largest score is subtracted in place."""

    def value(self, scores, targets):
        scores -= scores.max(axis=1, keepdims=True)
        return super().value(scores, targets)


class DivergenceThatSmooths(Divergence):
    """Targets are smoothed in place, more at every call."""

    def value(self, scores, targets):
        targets *= 0.9
        targets += 0.1 / targets.shape[1]
        return super().value(scores, targets)


BUFFERS: dict[Any, Any] = {}


class SquaredIntoBuffer(Squared):
    """The gradient is a buffer that the next call overwrites."""

    def gradient(self, scores, targets):
        buffer = BUFFERS.setdefault((scores.shape, scores.dtype), np.empty_like(scores))
        return np.multiply(2, self.apart(scores, targets), out=buffer)


class SquaredInScratch(Squared):
    """All threads compute in one scratch array."""

    def value(self, scores, targets):
        scratch = BUFFERS.setdefault((scores.shape, scores.dtype, "scratch"), np.empty_like(scores))
        scratch[...] = self.apart(scores, targets)
        np.multiply(scratch, scratch, out=scratch)
        return total(scratch)


LAST: list[Any] = [None, None]


class SoftmaxThatRemembersScores(Softmax):
    """What is known of the last scores is kept by their identity."""

    def shifted(self, scores):
        if LAST[0] is not scores:
            LAST[:] = scores, super().shifted(scores)
        return LAST[1]


ONE_HOTS: dict[Any, Any] = {}


class SoftmaxOfRememberedTargets(Softmax):
    """One-hot targets are kept by the targets' identity."""

    def gradient(self, scores, targets):
        targets = self.checked(scores, targets)
        kept = ONE_HOTS.setdefault(id(targets), (targets, one_hot(targets, scores)))[1]
        return softmax(scores) - kept.astype(scores.dtype)


MARGINS: dict[Any, Any] = {}


class HingeOfRememberedMargin(MulticlassHinge):
    """A cache by shape forgets the margin."""

    def _excess(self, scores, targets):
        margin = MARGINS.setdefault((scores.shape, scores.dtype), self.margin)
        return MulticlassHinge(margin)._excess(scores, targets)


class SquaredThatRemembers(Squared):
    """The last value is kept on the object."""

    def value(self, scores, targets):
        object.__setattr__(self, "last", super().value(scores, targets))
        return self.last


class SquaredThatCounts(Squared):
    """Calls are counted on the class."""

    calls = 0

    def value(self, scores, targets):
        SquaredThatCounts.calls += 1
        return super().value(scores, targets)


class DecidesByChance(Softmax):
    """decide breaks ties by NumPy's global generator."""

    def decide(self, scores):
        return (scores + 1e-12 * np.random.random(scores.shape)).argmax(axis=1)  # noqa: NPY002 - what is wrong


class SquaredWithNoise(Squared):
    """A generator without a seed dithers the value."""

    def value(self, scores, targets):
        return super().value(scores, targets) * scores.dtype.type(1 + 1e-14 * np.random.default_rng().random())


class SoftmaxWithoutWarnings(Softmax):
    """np.seterr silences the whole program."""

    def value(self, scores, targets):
        np.seterr(all="ignore")
        return super().value(scores, targets)


class SoftmaxWithFilter(Softmax):
    """A filter for warnings is left behind."""

    def value(self, scores, targets):
        warnings.filterwarnings("ignore", message="overflow in the softmax")
        return super().value(scores, targets)


class SoftmaxThatPrints(Softmax):
    """error prints."""

    def error(self, scores, targets):
        wrong = super().error(scores, targets)
        print(f"accuracy {1 - wrong.mean():.2%}")
        return wrong


# Targets and settings that are not refused.


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


# Lifecycle.


@dataclass
class SquaredThatCanChange(Loss):
    """The dataclass is not frozen."""

    factor: float = 2.0

    def value(self, scores, targets):
        return self.factor * total((scores - real_targets("squared", scores, targets)) ** 2)

    def gradient(self, scores, targets):
        return 2 * self.factor * (scores - real_targets("squared", scores, targets))


class SquaredByHand(Loss):
    """It is no dataclass."""

    def __init__(self, factor=2.0):
        self.factor = factor

    value = SquaredThatCanChange.value
    gradient = SquaredThatCanChange.gradient


@dataclass(frozen=True)
class WeightedEqualToOthers(Weighted):
    """Losses of different class weights are equal."""

    weights: tuple = field(default=(1.0, 2.5, 0.5), compare=False)


@dataclass(frozen=True)
class HingeEqualToOthers(MulticlassHinge):
    """Losses of different margins are equal."""

    margin: float = field(default=1.0, compare=False)


@dataclass(frozen=True, eq=False)
class HingeEqualToNone(MulticlassHinge):
    """A copy is not equal."""

    def __eq__(self, other):
        return self is other

    __hash__ = object.__hash__


@dataclass(frozen=True)
class HingeEqualToAll(MulticlassHinge):
    """It equals everything."""

    def __eq__(self, other):
        return True

    def __hash__(self):
        return 1


class HingeThatStays(MulticlassHinge):
    """It cannot be pickled."""

    def __getstate__(self):
        raise TypeError("no state of its own")

    def __deepcopy__(self, memo):
        return self

    def __copy__(self):
        return self


class HingeThatForgets(MulticlassHinge):
    """Pickle forgets the margin."""

    def __reduce__(self):
        return type(self), ()

    def __deepcopy__(self, memo):
        return self

    def __copy__(self):
        return self


@dataclass(frozen=True)
class WeightedByArray(Weighted):
    """A setting is an array."""

    weights: Any = field(default_factory=lambda: np.array([1.0, 2.5, 0.5]), compare=False)


@dataclass(frozen=True)
class SquaredOfFunction(Squared):
    """A setting is a function, which no recipe can hold."""

    shrink: Any = np.tanh

    def apart(self, scores, targets):
        return scores - self.shrink(real_targets("squared", scores, targets))


@dataclass(frozen=True)
class HingeThatDoubles(MulticlassHinge):
    """Made from its own settings it is another."""

    def __post_init__(self):
        object.__setattr__(self, "margin", 2 * self.margin)


CLASSES = {"score_shape": (4,), "targets": "class"}
REAL = {"score_shape": (3,), "targets": "real"}
BINARY = {"score_shape": (3,), "targets": "binary"}
SIGN = {"score_shape": (3,), "targets": "sign"}
SHARES = {"score_shape": (4,), "targets": "distribution"}


def mutant(loss, traits, fault, killed_by, **more):
    """Return a mutant with the name of its class; the docstring says what is wrong."""
    name = re.sub("(?<!^)(?=[A-Z])", "-", type(loss).__name__).lower()
    return Mutant(LossCase(f"loss/{name}", loss, **(traits | more)), fault, type(loss).__doc__, killed_by)


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
    mutant(DecidesForTheWorst(), CLASSES, "forward", "loss.decide"),
    mutant(DecidesFromOne(), CLASSES, "forward", "loss.decide"),
    mutant(DecidesAcrossBatch(), CLASSES, "batch", "loss.points"),
    mutant(DecidesZeroAndOne(), SIGN, "forward", "loss.decide"),
    mutant(DecidesAtHalf(), BINARY | {"score_shape": (8,)}, "forward", "loss.probabilities"),
    mutant(ErrorInverted(), CLASSES, "forward", "loss.error"),
    mutant(ErrorIsShare(), BINARY, "forward", "loss.error"),
    mutant(ErrorOfAll(), BINARY, "forward", "loss.error"),
    mutant(ErrorAsNumber(), CLASSES, "arrays", "loss.error"),
    mutant(ErrorOfOtherThreshold(), BINARY | {"score_shape": (1,)}, "forward", "loss.error"),
    mutant(LogProbabilities(), CLASSES, "forward", "loss.probabilities"),
    mutant(ProbabilitiesApart(), CLASSES, "forward", "loss.probabilities"),
    mutant(ProbabilitiesAcrossBatch(), CLASSES, "batch", "loss.probabilities"),
    mutant(ProbabilitiesOfNo(), BINARY, "forward", "loss.probabilities"),
    mutant(SquaredAllOverBatch(), REAL, "batch", "loss.points"),
    mutant(SquaredValueOverBatch(), REAL, "batch", "loss.points"),
    mutant(SquaredOverShortBatch(), REAL, "batch", "loss.points"),
    mutant(SquaredAverage(), REAL, "batch", "loss.runs"),
    mutant(SquaredColumn(), REAL, "batch", "loss.runs"),
    mutant(SquaredGradientOfPoints(), REAL, "derivative", "loss.runs"),
    mutant(SoftmaxNormalizedByBatch(), CLASSES, "batch", "loss.points"),
    mutant(SquaredByPlace(), REAL, "batch", "loss.permutation"),
    mutant(HingeUnevenAtKink(), CLASSES, "kinks", "loss.hull"),
    mutant(DistanceOfNothing(), REAL, "kinks", "loss.hull"),
    mutant(
        SignHingeClosed(),
        SIGN,
        "kinks",
        "loss.kink_points",
        kink_points=[([1.0, 0.0, 2.0], [1, 1, 1], [-0.5, -1.0, 0.0])],
    ),
    mutant(LargestMarginOfAll(), CLASSES, "kinks", "loss.hull"),
    mutant(AbsoluteByDivision(), REAL, "kinks", "loss.hull"),
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
    mutant(SquaredTimesRoot(), REAL, "arrays", "arrays.float32"),
    mutant(SignHingeByWhere(), SIGN, "arrays", "arrays.float32"),
    mutant(SoftmaxOfIdentity(), CLASSES, "arrays", "arrays.float32"),
    mutant(HessianOfIdentity(), CLASSES, "arrays", "arrays.float32"),
    mutant(SoftmaxInSinglePrecision(), CLASSES, "arrays", "arrays.float64"),
    mutant(ProbabilitiesInSinglePrecision(), CLASSES, "arrays", "arrays.float64"),
    mutant(SquaredByDifferences(), REAL, "arrays", "arrays.float32_close"),
    mutant(SoftmaxInMemoryOrder(), CLASSES, "arrays", "arrays.layout"),
    mutant(SoftmaxThatShiftsBack(), CLASSES, "arrays", "arrays.read_only"),
    mutant(SoftmaxThatShifts(), CLASSES, "state", "purity.input"),
    mutant(DivergenceThatSmooths(), SHARES, "state", "purity.targets"),
    mutant(SquaredIntoBuffer(), REAL, "state", "purity.buffers"),
    mutant(SquaredInScratch(), REAL, "state", "purity.threads"),
    mutant(SoftmaxThatRemembersScores(), CLASSES, "state", "purity.stale"),
    mutant(SoftmaxOfRememberedTargets(), CLASSES | {"score_shape": (6,)}, "state", "purity.stale"),
    mutant(HingeOfRememberedMargin(2.0), CLASSES, "state", "purity.instances"),
    mutant(SquaredThatRemembers(), REAL, "state", "purity.state"),
    mutant(SquaredThatCounts(), REAL, "state", "purity.state"),
    mutant(DecidesByChance(), CLASSES, "randomness", "purity.surroundings"),
    mutant(SquaredWithNoise(), REAL, "randomness", "purity.repeat"),
    mutant(SoftmaxWithoutWarnings(), CLASSES, "state", "purity.surroundings"),
    mutant(SoftmaxWithFilter(), CLASSES, "state", "purity.surroundings"),
    mutant(SoftmaxThatPrints(), CLASSES, "state", "purity.surroundings"),
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
    mutant(SquaredThatCanChange(), REAL, "lifecycle", "lifecycle.frozen"),
    mutant(SquaredByHand(), REAL, "lifecycle", "lifecycle.frozen"),
    mutant(WeightedEqualToOthers(), {"score_shape": (3,), "targets": "class"}, "lifecycle", "lifecycle.equality"),
    mutant(HingeEqualToOthers(), CLASSES, "lifecycle", "lifecycle.equality"),
    mutant(HingeEqualToNone(), CLASSES, "lifecycle", "lifecycle.equality"),
    mutant(HingeEqualToAll(), CLASSES, "lifecycle", "lifecycle.equality"),
    mutant(HingeThatStays(), CLASSES, "lifecycle", "lifecycle.pickle"),
    mutant(HingeThatForgets(2.0), CLASSES, "lifecycle", "lifecycle.pickle"),
    mutant(WeightedByArray(), {"score_shape": (3,), "targets": "class"}, "lifecycle", "lifecycle.frozen"),
    mutant(SquaredOfFunction(), REAL, "lifecycle", "lifecycle.frozen"),
    mutant(HingeThatDoubles(), CLASSES, "lifecycle", "lifecycle.construction"),
]

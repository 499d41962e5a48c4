"""Right losses, and unusual ones."""

from dataclasses import dataclass

import numpy as np

from chainrule import (
    Loss,
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
from chainrule_losses import CrossEntropy, Logistic

from .base import (
    one_hot,
    pointwise,
    rows,
    sigmoid,
    slow_cross_entropy,
    slow_logistic,
    slow_squared,
    softmax,
    softplus,
    total,
)


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

"""The 0/1 logistic loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import Array, Loss, binary_targets, plain_scores

from .stable import any_per_point, diagonal, per_point, sigmoid, surely_finite


@dataclass(frozen=True)
class Logistic(Loss):
    """The negative log-likelihood of independent yes-or-no answers, φ(s) being the probability of yes.

    Formula:  l = -Σ log(φ(s)^y (1 - φ(s))^(1 - y)) = Σ (max(s, 0) - y s + log(1 + e^-|s|))
    Gradient: ∂l/∂s = φ(s) - y
    Infinity: a score of ±∞ is a sure answer: it costs nothing where the target is as sure, and else ∞.
    Shapes:   scores and targets (B, *S), exactly alike; a target is 0, 1 or a probability.
    Raises:   TargetError.
    Source:   course, sections 2 and 6; the form on the right does not overflow (erratum E20).
    """

    applies = "sigmoid"

    def value(self, scores: Array, targets: Any) -> Array:
        """Return the negative log-likelihood."""
        return self.linearize(scores, targets)[0]

    def linearize(self, scores: Array, targets: Any) -> tuple[Array, Array]:
        """Return the negative log-likelihood and φ(s) - y, sharing the exponential."""
        y = binary_targets("logistic", scores, targets)
        small, zero = np.exp(-np.abs(scores)), np.zeros((), scores.dtype)
        value = per_point(_linear(scores, y, zero) + np.log1p(small))
        small += 1
        return value, np.exp(np.minimum(scores, zero)) / small - y

    def decide(self, scores: Array) -> Array:
        """Return 1 where φ(s) > 1/2, else 0."""
        return (plain_scores("logistic", scores) > 0).astype(np.int64)

    def probabilities(self, scores: Array) -> Array:
        """Return φ(s), the probability of 1."""
        return sigmoid(plain_scores("logistic", scores))

    def error(self, scores: Array, targets: Any) -> Array:
        """Return whether a decision is wrong; a probability above 1/2 counts as 1."""
        return any_per_point(self.decide(scores) != (binary_targets("logistic", scores, targets) > 0.5))

    def hessian(self, scores: Array, targets: Any) -> Array:
        """Return diag(φ(s) φ(-s))."""
        binary_targets("logistic", scores, targets)
        return diagonal(sigmoid(scores) * sigmoid(-scores))


def _linear(s: Array, y: Array, zero: Array) -> Array:
    """Return max(s, 0) - y s, and its limit where s is infinite."""
    if surely_finite(s):
        return np.asarray(np.maximum(s, zero) - y * s)
    infinite = np.isinf(s)
    limit, finite = np.where(y == (s > 0), 0, np.abs(s)), np.where(infinite, 0, s)
    return np.where(infinite, limit, np.maximum(finite, 0) - y * finite)

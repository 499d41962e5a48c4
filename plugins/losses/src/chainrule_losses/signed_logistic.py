"""The ±1 logistic loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import Array, Loss, plain_scores, sign_targets

from .stable import any_per_point, diagonal, per_point, sigmoid, softplus


@dataclass(frozen=True)
class SignedLogistic(Loss):
    """The 0/1 logistic loss with answers -1 and 1: the two factors of its likelihood become one.

    Formula:  l = -Σ log φ(y s)
    Gradient: ∂l/∂s = -y φ(-y s)
    Shapes:   scores and targets (B, *S), exactly alike; a target is -1 or 1.
    Raises:   TargetError.
    Source:   course, sections 2 and 6.
    """

    applies = "sigmoid"

    def value(self, scores: Array, targets: Any) -> Array:
        """Return -Σ log φ(y s)."""
        return per_point(softplus(-sign_targets("signed_logistic", scores, targets) * scores))

    def linearize(self, scores: Array, targets: Any) -> tuple[Array, Array]:
        """Return -Σ log φ(y s) and -y φ(-y s)."""
        y = sign_targets("signed_logistic", scores, targets)
        against = -y * scores
        return per_point(softplus(against)), -y * sigmoid(against)

    def decide(self, scores: Array) -> Array:
        """Return 1 where s > 0, else -1."""
        return np.where(plain_scores("signed_logistic", scores) > 0, 1, -1)

    def probabilities(self, scores: Array) -> Array:
        """Return φ(s), the probability of 1."""
        return sigmoid(plain_scores("signed_logistic", scores))

    def error(self, scores: Array, targets: Any) -> Array:
        """Return whether a decision is wrong."""
        return any_per_point(self.decide(scores) != sign_targets("signed_logistic", scores, targets))

    def hessian(self, scores: Array, targets: Any) -> Array:
        """Return diag(φ(s) φ(-s))."""
        sign_targets("signed_logistic", scores, targets)
        return diagonal(sigmoid(scores) * sigmoid(-scores))

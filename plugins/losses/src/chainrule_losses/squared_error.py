"""The squared error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import Array, Loss, real_targets

from .stable import diagonal, per_point


@dataclass(frozen=True)
class SquaredError(Loss):
    """The squared distance of the scores from the targets; score space and output space are one.

    Formula:  l = Σ (y - s)²; without 1/2, and summed, not averaged, over the scores of a point
    Gradient: ∂l/∂s = 2 (s - y)
    Shapes:   scores and targets (B, *S), exactly alike.
    Raises:   TargetError.
    Source:   course, sections 2 and 6.
    """

    def value(self, scores: Array, targets: Any) -> Array:
        """Return Σ (y - s)²."""
        difference = scores - real_targets("squared_error", scores, targets, finite=True)
        return per_point(difference * difference)

    def linearize(self, scores: Array, targets: Any) -> tuple[Array, Array]:
        """Return Σ (y - s)² and 2 (s - y)."""
        difference = scores - real_targets("squared_error", scores, targets, finite=True)
        return per_point(difference * difference), 2 * difference

    def hessian(self, scores: Array, targets: Any) -> Array:
        """Return 2 I."""
        real_targets("squared_error", scores, targets, finite=True)
        return diagonal(np.full_like(scores, 2))

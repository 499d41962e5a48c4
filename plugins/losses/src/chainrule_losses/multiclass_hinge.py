"""The multi-class hinge loss of a support-vector machine."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import Array, Loss, class_targets, plain_scores, positive_real

from .stable import surely_finite


@dataclass(frozen=True)
class MulticlassHinge(Loss):
    """A point costs as much as wrong classes come closer than a margin to the right one.

    Formula:  l = Σ_(i ≠ y) (s_i - s_y + margin)₊
    Gradient: ∂l/∂s = Σ_(j in D) e_j - |D| e_y, D the classes j ≠ y with s_j + margin > s_y; at the kink,
              s_j + margin = s_y, class j is not in D
    Infinity: a class with the score -∞ is masked, and costs nothing; a target that is masked costs ∞.
    Shapes:   scores (B, m); targets (B,) integers 0 … m-1.
    Raises:   TargetError; SettingError unless the margin is a positive number.
    Source:   course, sections 2 and 6; y itself is left out of D (erratum E19).
    """

    margin: float = 1.0

    def __post_init__(self) -> None:
        positive_real("margin", self.margin)

    def value(self, scores: Array, targets: Any) -> Array:
        """Return Σ_(i ≠ y) (s_i - s_y + margin)₊."""
        return np.asarray(np.maximum(self._excess(scores, targets), 0).sum(axis=1))

    def linearize(self, scores: Array, targets: Any) -> tuple[Array, Array]:
        """Return Σ_(i ≠ y) (s_i - s_y + margin)₊ and Σ_(j in D) e_j - |D| e_y."""
        excess = self._excess(scores, targets)
        gradient = (excess > 0).astype(scores.dtype)
        gradient[np.arange(len(scores)), targets] = -gradient.sum(axis=1)
        return np.maximum(excess, 0).sum(axis=1), gradient

    def decide(self, scores: Array) -> Array:
        """Return the class of the largest score, the first at a tie."""
        return np.asarray(plain_scores("multiclass_hinge", scores).argmax(axis=1))

    def error(self, scores: Array, targets: Any) -> Array:
        """Return whether the decision is another class than the target."""
        return np.asarray(self.decide(scores) != class_targets("multiclass_hinge", scores, targets))

    def _excess(self, scores: Array, targets: Any) -> Array:
        """Return s_i - s_y + margin, and 0 for i = y."""
        rows = np.arange(len(scores)), class_targets("multiclass_hinge", scores, targets)
        finite = surely_finite(scores)
        with nullcontext() if finite else np.errstate(invalid="ignore"):  # ∞ - ∞, of y itself or of two masked classes
            excess = np.asarray(scores - scores[rows][:, np.newaxis] + self.margin)
        excess[rows] = 0
        if not finite:  # no term is below 0, and so one of ∞ decides
            excess[np.isnan(excess) & (excess == np.inf).any(axis=1, keepdims=True)] = 0
        return excess

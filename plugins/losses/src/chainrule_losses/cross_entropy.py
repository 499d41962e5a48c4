"""Softmax cross-entropy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import Array, Loss, class_targets, distribution_targets, plain_scores
from chainrule.arrays import ones

from .stable import surely_finite

MANY = 256
"""Classes for which a pass over the scores takes longer than to ask whether it is needed."""
SAFE = 64.0
"""Scores up to here have exponentials whose sum does not overflow in float32."""


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """The negative log-likelihood of a class, p = softmax(s) being the classes' probabilities.

    Formula:  l = -s_y + log Σ_i e^(s_i); for a distribution t over the classes, Σ_i t_i (log Σ_j e^(s_j) - s_i)
    Gradient: ∂l/∂s = p - e_y; for a distribution, p Σ_i t_i - t, that is p - t
    Infinity: a class with the score -∞ is masked: its p is 0, and it costs nothing, but ∞ where it has a share in the
              target. A point whose classes are all masked has no p: NaN.
    Shapes:   scores (B, m); targets (B,) integers 0 … m-1, or (B, m) rows that sum to 1.
    Raises:   TargetError.
    Source:   course, sections 2 and 6 (it counts classes from 1); the largest score is subtracted (erratum E20).
    """

    applies = "softmax"

    def value(self, scores: Array, targets: Any) -> Array:
        """Return -s_y + log Σ e^s."""
        targets = _checked(scores, targets)
        top, exponentials, back = _exponentials(scores)
        return _value(scores, top, _back(_sums(exponentials), back), targets, _places(scores, targets))

    def linearize(self, scores: Array, targets: Any) -> tuple[Array, Array]:
        """Return -s_y + log Σ e^s and p - e_y, sharing the exponentials."""
        targets = _checked(scores, targets)
        top, p, back = _exponentials(scores)
        total, at = _sums(p), _places(p, targets)
        p *= (1 / total)[:, np.newaxis]
        if at is None:
            p = targets.sum(axis=1, keepdims=True) * p - targets
        else:
            p.put(at, p.take(at) - 1)
        return _value(scores, top, _back(total, back), targets, at), p

    def decide(self, scores: Array) -> Array:
        """Return the class of the largest score, the first at a tie."""
        return np.asarray(plain_scores("cross_entropy", scores).argmax(axis=1))

    def probabilities(self, scores: Array) -> Array:
        """Return p, (B, m)."""
        p = _exponentials(plain_scores("cross_entropy", scores))[1]
        return np.asarray(p / p.sum(axis=1, keepdims=True))

    def error(self, scores: Array, targets: Any) -> Array:
        """Return whether the decision is another class than the target, or than the likeliest of a distribution."""
        targets = _checked(scores, targets)
        return np.asarray(self.decide(scores) != (targets if targets.ndim == 1 else targets.argmax(axis=1)))

    def hessian(self, scores: Array, targets: Any) -> Array:
        """Return diag(p) - p pᵀ."""
        _checked(scores, targets)
        p = self.probabilities(scores)
        identity = np.eye(p.shape[1], dtype=p.dtype)
        return np.asarray(p[:, :, np.newaxis] * (identity - p[:, np.newaxis, :]))


def _checked(scores: Array, targets: Any) -> Array:
    shape = targets.shape if type(targets) is np.ndarray else np.shape(targets)
    column = len(shape) == 2 and shape[1] == 1 != scores.shape[-1]  # classes that were not flattened
    check = distribution_targets if len(shape) == 2 and not column else class_targets
    return check("cross_entropy", scores, targets)


def _exponentials(scores: Array) -> tuple[Array, Array, Array | None]:
    """Return top, the largest score of each point; e^(s - c); and e^(c - top), or None where c is top.

    c is top, or 0 where no sum can overflow and nothing is smaller than it is with top: where classes are many, that
    spares a whole pass. Each point has its own c, and so a batch changes none of its numbers.
    """
    short = scores.shape[1] <= min(len(scores), 32)  # NumPy is slow along short rows
    top: Array = np.maximum.reduce(scores.T.copy()) if short else np.maximum.reduce(scores, axis=1)
    c, back = top, None
    if scores.shape[1] >= MANY and scores.dtype in (np.float32, np.float64):
        c = np.where((top >= 0) & (top <= SAFE), scores.dtype.type(0), top)
        if not c.any():
            return top, np.exp(scores), np.exp(-top)
        if not (c == top).all():
            back = np.exp(np.where(c == 0, -top, 0))
    shifted = scores - c[:, np.newaxis]
    return top, np.exp(shifted, out=shifted if shifted.dtype.kind == "f" else None), back


def _sums(exponentials: Array) -> Array:
    sums: Array = np.dot(exponentials, ones(exponentials.shape[1], exponentials.dtype))
    return sums


def _back(total: Array, back: Array | None) -> Array:
    return total if back is None else total * back


def _places(scores: Array, targets: Array) -> Array | None:
    """Return where the scores of classes are in all scores, by row; None for distributions."""
    if targets.ndim == 2:
        return None
    return np.arange(0, scores.size, scores.shape[1]) + targets.astype(np.intp, copy=False)


def _value(scores: Array, top: Array, total: Array, targets: Array, at: Array | None) -> Array:
    """Return log Σ e^(s - top) - (s_y - top), of that sum."""
    if at is not None:
        return np.asarray(np.log(total) - (scores.take(at) - top))
    shifted = scores - top[:, np.newaxis]
    if not surely_finite(shifted):  # 0 · ∞ is 0: the class cannot be, and is no part of the target
        shifted = np.where(targets > 0, shifted, 0)
    return np.asarray((targets * (np.log(total)[:, np.newaxis] - shifted)).sum(axis=1))

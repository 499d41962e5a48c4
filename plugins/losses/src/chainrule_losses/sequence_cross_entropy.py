"""Softmax cross-entropy at every position of a sequence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import Array, Loss, SettingError, TargetError, plain_scores
from chainrule.admission import as_array
from chainrule.settings import plain_number

from .cross_entropy import CrossEntropy
from .stable import per_point

NAME = "sequence_cross_entropy"


@dataclass(frozen=True)
class SequenceCrossEntropy(Loss):
    """The negative log-likelihood of a class at every position, p = softmax(s) being that of one position.

    Formula:  l = Σ_t (log Σ_i e^(s_ti) - s_t,y_t) over the positions that are kept: those with y_t ≠ ignore_index
    Weight:   w = the number of positions that are kept, so that Obj = Σ_j l_j / Σ_j w_j is the mean over all of them
    Gradient: ∂l/∂s_t = p_t - e_y_t; 0 at a position that is ignored, whatever its scores are
    Infinity: as `CrossEntropy`, at each position.
    Shapes:   scores (B, T, m); targets (B, T) integers 0 … m-1, or ignore_index; T may be several axes.
    Raises:   TargetError; SettingError unless ignore_index is an int, or None: then every position is kept.
    Source:   course, sections 2 and 6, for one position; the mean is that of PyTorch's CrossEntropyLoss, which has the
              classes on the second axis, and ignores -100 unless another number is given.
    """

    applies = "softmax"

    ignore_index: int | None = None

    def __post_init__(self) -> None:
        if self.ignore_index is not None and type(self.ignore_index) is not int:
            hint = plain_number(self.ignore_index)
            raise SettingError("ignore_index", expected="an int, or None", got=self.ignore_index, hint=hint)

    def value(self, scores: Array, targets: Any) -> Array:
        """Return Σ_t (log Σ e^s - s_y)."""
        kept, classes = self._checked(scores, targets)
        return _sums(scores.shape, kept, CrossEntropy().value(_rows(scores)[kept], classes))

    def linearize(self, scores: Array, targets: Any) -> tuple[Array, Array]:
        """Return Σ_t (log Σ e^s - s_y) and p - e_y, sharing the exponentials."""
        kept, classes = self._checked(scores, targets)
        values, slopes = CrossEntropy().linearize(_rows(scores)[kept], classes)
        gradient = np.zeros(scores.shape, slopes.dtype)
        _rows(gradient)[kept] = slopes
        return _sums(scores.shape, kept, values), gradient

    def weight(self, targets: Any) -> Array:
        """Return the number of positions that are kept."""
        return per_point(self._kept(as_array(f"{NAME} targets", targets, TargetError)).astype(np.float64))

    def decide(self, scores: Array) -> Array:
        """Return the class of the largest score at each position, the first at a tie."""
        return np.asarray(plain_scores(NAME, scores).argmax(axis=-1))

    def probabilities(self, scores: Array) -> Array:
        """Return p, (B, T, m)."""
        return CrossEntropy().probabilities(_rows(plain_scores(NAME, scores))).reshape(scores.shape)

    def error(self, scores: Array, targets: Any) -> Array:
        """Return at which positions the decision is another class than the target, bool (B, T); False where ignored."""
        self._checked(scores, targets)
        targets = np.asarray(targets)
        return np.asarray((self.decide(scores) != targets) & self._kept(targets))

    def hessian(self, scores: Array, targets: Any) -> Array:
        """Return diag(p) - p pᵀ at each position, 0 between two of them."""
        kept, classes = self._checked(scores, targets)
        B, m = len(scores), scores.shape[-1]
        count = math.prod(scores.shape[1:-1])
        blocks = np.zeros((B * count, m, m), scores.dtype)
        blocks[kept] = CrossEntropy().hessian(_rows(scores)[kept], classes)
        matrices, own = np.zeros((B, count, m, count, m), scores.dtype), np.arange(count)
        matrices[:, own, :, own] = blocks.reshape(B, count, m, m).swapaxes(0, 1)
        return matrices.reshape(*scores.shape, *scores.shape[1:])

    def _kept(self, targets: Array) -> Array:
        return np.ones(targets.shape, bool) if self.ignore_index is None else targets != self.ignore_index

    def _checked(self, scores: Array, given: Any) -> tuple[Any, Array]:
        """Return which rows of scores are kept, those of all positions in one order, and their classes."""
        plain_scores(NAME, scores)
        if scores.ndim < 3:
            hint = "it wants scores at every position; of one decision a sample, take cross_entropy"
            raise TargetError(f"{NAME} scores", expected=("B", "T", "m"), got=scores.shape, hint=hint)
        targets = as_array(f"{NAME} targets", given, TargetError)
        if targets.dtype.kind not in "iu":
            hint = "class_of = {c: i for i, c in enumerate(classes)} numbers them from 0"
            raise TargetError(f"{NAME} targets", expected="integer classes", got=targets.dtype, hint=hint)
        if targets.shape != scores.shape[:-1]:
            hint = "one class for each position of each sample"
            raise TargetError(f"{NAME} targets", expected=scores.shape[:-1], got=targets.shape, hint=hint)
        kept, m = self._kept(targets), scores.shape[-1]
        wrong = ((targets < 0) | (targets >= m)) & kept
        if wrong.any():
            at = tuple(np.argwhere(wrong)[0].tolist())
            ignored = "" if self.ignore_index is None else f", or {self.ignore_index}, which is ignored"
            raise TargetError(
                f"{NAME} targets",
                expected=f"classes 0 to {m - 1}{ignored}",
                got=f"{targets[at]} at {at}",
                hint=f"classes count from 0, and each position has {m} scores",
            )
        if kept.all():
            return slice(None), targets.reshape(-1)
        return kept.reshape(-1), targets[kept]


def _rows(scores: Array) -> Array:
    return scores.reshape(-1, scores.shape[-1])


def _sums(shape: tuple[int, ...], kept: Any, values: Array) -> Array:
    """Return the sum over the positions of each sample."""
    each = np.zeros(shape[:-1], values.dtype)
    each.reshape(-1)[kept] = values
    return per_point(each)

"""Softmax cross-entropy with compiled kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import chainrule_losses
from chainrule import Array, class_targets, plain_scores

from .compiled import Out, kernel


@dataclass(frozen=True)
class CrossEntropy(chainrule_losses.CrossEntropy):
    """The loss of chainrule-losses; what training runs, for classes, is compiled, but for NumPy's fast exponential.

    Distributions as targets, and scores that are neither float32 nor float64, are left to it.
    """

    def linearize(self, scores: Array, targets: Any) -> tuple[Array, Array]:
        """Return -s_y + log Σ e^s and p - e_y."""
        if np.ndim(targets) != 1 or scores.dtype not in (np.float32, np.float64):
            return super().linearize(scores, targets)
        scores, targets = plain_scores("cross_entropy", scores), class_targets("cross_entropy", scores, targets)
        p: Array = np.empty(scores.shape, scores.dtype)
        values = np.empty(len(scores), scores.dtype)
        shift(np.ascontiguousarray(scores), scores.max(axis=1), np.ascontiguousarray(targets), p, values)
        np.exp(p, out=p)
        subtract_target(np.ascontiguousarray(targets), p @ np.ones(p.shape[1], p.dtype), p, values)
        return values, p


@kernel
def shift(scores: Array, largest: Array, targets: Array, shifted: Out, values: Out) -> None:
    """Write s minus the largest score, and of the target the negative."""
    for j in range(len(scores)):
        top = largest[j]
        for c in range(scores.shape[1]):
            shifted[j, c] = scores[j, c] - top
        values[j] = top - scores[j, targets[j]]


@kernel
def subtract_target(targets: Array, total: Array, p: Out, values: Out) -> None:
    """Overwrite the exponentials with p - e_y, and add log Σ e^s to the values."""
    one = p.dtype.type(1)
    for j in range(len(p)):
        share = one / total[j]
        for c in range(p.shape[1]):
            p[j, c] *= share
        p[j, targets[j]] -= one
        values[j] += np.log(total[j])

"""Softmax cross-entropy with compiled kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import chainrule_losses
from chainrule import Array, class_targets, plain_scores

from .compiled import Out, kernel, summing
from .exponential import exp
from .threads import CLAIMED, FINISHED, aligned, count, piece_rows, reached, together

EXPONENTIAL = 4
"""An exponential takes as long as so many other numbers."""


@dataclass(frozen=True)
class CrossEntropy(chainrule_losses.CrossEntropy):
    """The loss of chainrule-losses; what training runs, for classes, is compiled.

    Distributions as targets, and scores that are neither float32 nor float64, are left to it.
    """

    def linearize(self, scores: Array, targets: Any) -> tuple[Array, Array]:
        """Return -s_y + log Σ e^s and p - e_y."""
        if np.ndim(targets) != 1 or scores.dtype not in (np.float32, np.float64):
            return super().linearize(scores, targets)
        scores, targets = plain_scores("cross_entropy", scores), class_targets("cross_entropy", scores, targets)
        scores, targets = np.ascontiguousarray(scores), np.ascontiguousarray(targets)
        p, values = aligned(scores.shape, scores.dtype), np.empty(len(scores), scores.dtype)
        largest = scores.max(axis=1)
        together(linearize, EXPONENTIAL * scores.size, scores, largest, targets, piece_rows(scores), p, values)
        return values, p


@kernel
def linearize(counters: Array, scores: Array, largest: Array, targets: Array, length: int, p: Out, values: Out) -> None:
    """Write -s_y + log Σ e^s and p - e_y of each row, in pieces of `length` rows that threads claim."""
    size, classes = scores.shape
    one, pieces = p.dtype.type(1), -(-size // length)
    while True:
        piece = count(counters, CLAIMED)
        if piece >= pieces:
            break
        for j in range(piece * length, min((piece + 1) * length, size)):
            top = largest[j]
            for c in range(classes):
                p[j, c] = exp(scores[j, c] - top)
            sum_ = total(p[j])
            share = one / sum_
            for c in range(classes):
                p[j, c] *= share
            p[j, targets[j]] -= one
            values[j] = top - scores[j, targets[j]] + np.log(sum_)
        count(counters, FINISHED)
    while reached(counters, FINISHED) < pieces:
        pass


@summing
def total(row: Array) -> Any:
    """Return Σ x."""
    found = row.dtype.type(0)
    for c in range(len(row)):
        found += row[c]
    return found

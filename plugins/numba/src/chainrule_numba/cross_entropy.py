"""Softmax cross-entropy with compiled kernels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

import chainrule_losses
from chainrule import Array, class_targets

from .compiled import kernel


@dataclass(frozen=True)
class CrossEntropy(chainrule_losses.CrossEntropy):
    """The loss of chainrule-losses; what training runs, for classes, is compiled."""

    def linearize(self, scores: Array, targets: Any) -> tuple[Array, Array]:
        """Return -s_y + log Σ e^s and p - e_y."""
        if np.ndim(targets) != 1:
            return super().linearize(scores, targets)
        targets = class_targets("cross_entropy", scores, targets)
        scores, largest = np.ascontiguousarray(scores), scores.max(axis=1)
        p, values = np.empty(scores.shape, scores.dtype), np.empty(len(scores), scores.dtype)
        exponentials(scores, largest, *_exponential(scores.dtype), p)
        subtract_target(scores, largest, np.ascontiguousarray(targets), p @ np.ones(p.shape[1], p.dtype), p, values)
        return values, p


@lru_cache(maxsize=2)
def _exponential(dtype: np.dtype[Any]) -> tuple[Array, Array, Array]:
    """Return 1 / log 2 and log 2 in two parts; 2^0, 2^-1, … to the smallest; and 1 / i! from the last term that counts.

    The first part of log 2 has so few digits that its product with any k is exact (Cody and Waite, 1980).
    """
    bits, terms = (12, 7) if dtype == np.float32 else (32, 13)
    high = math.floor(math.log(2) * 2**bits) / 2**bits
    reduction = np.array([1 / math.log(2), high, 0.693147180559945309417 - high])
    smallest = -int(np.log2(float(np.finfo(dtype).smallest_subnormal)))
    powers = np.append(0.5 ** np.arange(smallest + 1), 0)
    series = np.array([1 / math.factorial(i) for i in range(terms, -1, -1)])
    return reduction.astype(dtype), powers.astype(dtype), series.astype(dtype)


@kernel
def exponentials(scores: Array, largest: Array, reduction: Array, powers: Array, series: Array, p: Array) -> None:
    """Write e^(s - largest): with k the whole number nearest to -z / log 2, e^z = 2^-k e^(z + k log 2)."""
    half = scores.dtype.type(0.5)
    per_log2, high, low = reduction
    last = len(powers) - 1
    lowest = scores.dtype.type(-last) / per_log2
    m = scores.shape[1]
    rest, power = np.empty(m, scores.dtype), np.empty(m, np.int32)
    for j in range(len(scores)):
        top = largest[j]
        for c in range(m):
            z = scores[j, c] - top
            z = lowest if z < lowest else z
            power[c] = np.int32(half - z * per_log2) if z == z else np.int32(0)
        for c in range(m):
            z = scores[j, c] - top
            z = lowest if z < lowest else z
            k = scores.dtype.type(power[c])
            rest[c] = z + k * high + k * low
        for c in range(m):
            p[j, c] = series[0]
        for i in range(1, len(series)):  # Horner's rule, a term at a time for the whole row
            term = series[i]
            for c in range(m):
                p[j, c] = p[j, c] * rest[c] + term
        for c in range(m):
            p[j, c] *= powers[power[c]]


@kernel
def subtract_target(scores: Array, largest: Array, targets: Array, total: Array, p: Array, values: Array) -> None:
    """Overwrite the exponentials with p - e_y, and write -s_y + log Σ e^s."""
    one = p.dtype.type(1)
    for j in range(len(p)):
        share = one / total[j]
        for c in range(p.shape[1]):
            p[j, c] *= share
        p[j, targets[j]] -= one
        values[j] = np.log(total[j]) - (scores[j, targets[j]] - largest[j])

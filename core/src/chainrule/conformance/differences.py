"""Numerical derivatives with an estimate of their own error.

Central differences with two steps, D(h) and D(h/2); their Richardson extrapolation (4 D(h/2) - D(h)) / 3 is the value,
and their disagreement is the tolerance. Where a kink lies within a step the two disagree coarsely: such an entry is
rough, and proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import Array

STEP = 2.0**-13
EPS = float(np.finfo(np.float64).eps)


@dataclass
class Differences:
    """Derivatives, what they may be off by, and where they prove nothing; all of one shape."""

    value: Array
    error: Array
    rough: Array

    def tolerance(self) -> Array:
        """Return by how much a right derivative may differ from `value`."""
        typical = float(np.median(self.error)) if self.error.size else 0.0
        return np.asarray(self.error + 3 * typical + 2e-9 * np.abs(self.value))


def step_of(x: Array) -> Array:
    """Return the step for each number: in proportion where it is larger than 1, a power of two always."""
    return np.asarray(STEP * 2.0 ** np.ceil(np.log2(np.maximum(1.0, np.abs(x)))))


def along(f: Callable[[float], Array], h: Array | float) -> tuple[Array, Array, Array]:
    """Return (value, error, bend) of the derivative of t ↦ f(t) at 0, t in units of h.

    `bend` is how far the slopes to the left and to the right are apart, where halving the step does not halve it: a
    kink at the very point.
    """
    middle, right, left, half_right, half_left = (np.array(f(t), np.float64) for t in (0.0, 1.0, -1.0, 0.5, -0.5))
    coarse, fine = (right - left) / (2 * h), (half_right - half_left) / h
    bend, half_bend = np.abs(right - 2 * middle + left) / h, np.abs(half_right - 2 * middle + half_left) * 2 / h
    noise = 16 * EPS * np.maximum(np.abs(right), np.abs(left)) / h
    kink = np.where(half_bend > 0.7 * bend, bend, 0.0)
    return (4 * fine - coarse) / 3, np.abs(coarse - fine) + noise, np.where(kink > 4 * noise, kink, 0.0)


def assemble(columns: Sequence[tuple[Array, Array, Array]], like: Array) -> Differences:
    """Return the columns that `along` gave, side by side along a new last axis; `like` is one value of the function."""
    if not columns:
        empty = np.zeros((*like.shape, 0))
        return Differences(empty, empty, empty.astype(bool))
    value, error, bend = (np.stack(parts, axis=-1) for parts in zip(*columns, strict=True))
    finite = np.isfinite(value) & np.isfinite(error)
    scale = float(np.abs(value[finite]).max(initial=0.0))
    quiet = 32 * EPS * float(np.abs(like[np.isfinite(like)]).max(initial=0.0)) / STEP
    rough = ~finite | (error > 1e-3 * scale + quiet) | (bend > 1e-2 * scale + quiet)
    return Differences(value, error, rough)

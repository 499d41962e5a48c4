"""Numerical derivatives with an estimate of their own error: the one judge of gradcheck and of the conformance suite.

Central differences with two steps, D(h) and D(h/2); their Richardson extrapolation (4 D(h/2) - D(h)) / 3 is the value,
and their disagreement, with what rounding may do, the error. Where a kink lies within a step the two disagree coarsely:
such a number is rough, and proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import Array

STEP = 2.0**-13
"""In units of a number's size: it balances the error of the formula, O(h⁴), with that of rounding, O(eps / h)."""
STEPS = (STEP, 2.0**-17, 2.0**-21, 2.0**-9, 2.0**-5)
"""Finer ones pass by kinks that the first meets; coarser ones stand out from the rounding of large values."""
EPS = float(np.finfo(np.float64).eps)
JUDGED = 1e-2
"""A derivative is judged by a step whose error is at most this share of it, unless the caller asks for more."""
RATE = 1e-6
"""By how much of its size a judged derivative may be off, beside the error of the step."""
BLUR = 10
"""How many times as large as that of the best step, or as `RATE`, the error of a step is that still counts."""


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


def along(f: Callable[[float], Array], h: Array | float, least: float = 0.0) -> tuple[Array, Array, Array]:
    """Return (value, error, bend) of the derivative of t ↦ f(t) at 0, t in units of h.

    The error holds the rounding of f(t), and that of numbers of the size `least` on the way to it. `bend` is how far
    the slopes to the left and to the right are apart, where halving the step does not halve it: a kink at the very
    point.
    """
    middle, right, left, half_right, half_left = (np.array(f(t), np.float64) for t in (0.0, 1.0, -1.0, 0.5, -0.5))
    coarse, fine = (right - left) / (2 * h), (half_right - half_left) / h
    bend, half_bend = np.abs(right - 2 * middle + left) / h, np.abs(half_right - 2 * middle + half_left) * 2 / h
    noise = 16 * EPS * np.maximum(np.maximum(np.abs(right), np.abs(left)), least) / h
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


@dataclass
class Judgement:
    """What differences say of derivatives; all of one shape.

    `numerical` is the derivative by the best step that agrees, or else by the best one; it is NaN, and `error`
    infinite, where no step could judge: at a kink, or where rounding drowns the derivative. `right` says where some
    step agrees. What is judged and not right is wrong.
    """

    numerical: Array
    error: Array
    right: Array

    @property
    def judged(self) -> Array:
        """Where some step could judge."""
        return np.isfinite(self.error)

    @property
    def wrong(self) -> Array:
        """Where every step that could judge disagrees."""
        return self.judged & ~self.right


def judge(
    analytic: Array | float,
    f: Callable[[float], Array],
    h: Array | float,
    *,
    floor: Array | float = 0.0,
    judged: float = JUDGED,
    gather: Callable[[Array], Array] = np.asarray,
    steps: Sequence[float] = STEPS,
    strict: bool = True,
) -> Judgement:
    """Compare derivatives of t ↦ f(t) at 0, t in units of h, with differences by one step after another.

    `gather` sums what `f` returns to what `analytic` is: the sum of many terms is known as well as all their sizes
    allow. A step counts where its error is at most a share `judged` of the derivative that it finds, or of `floor`, or,
    where nothing moves, of the one that is claimed: what oscillates within a step is no constant. What is no number is
    wrong, if `strict`, and else not judged.
    """
    middle = f(0.0)
    analytic = np.asarray(analytic, np.float64)
    sound = np.isfinite(analytic)
    claimed, tried = np.where(sound, np.abs(analytic), 0.0), []
    for step in steps:
        points: list[Array] = []

        def moved(t: float, ratio: float = step / steps[0], points: list[Array] = points) -> Array:
            points.append(f(t * ratio) if t else middle)
            return points[-1]

        value, error, bend = along(moved, h * (step / steps[0]), 1.0)
        still = gather(np.ptp(points, axis=0) > 4 * EPS * np.maximum(1.0, np.abs(middle))) == 0
        size = np.maximum(np.maximum(gather(np.abs(value)), floor), np.where(still, claimed, 0.0))
        value, error = gather(value), gather(error + bend)
        counts = np.isfinite(value) & ((error <= judged * size) | (strict & ~sound))
        agrees = counts & sound & (np.abs(analytic - value) <= 2 * error + RATE * size)
        tried.append((value, np.where(counts, error, np.inf), np.where(counts, RATE * size, np.inf), agrees))
        if (agrees & (error <= BLUR * RATE * size)).all():
            break
    values, errors, rates, agree = (np.array(parts) for parts in zip(*tried, strict=True))
    # A blurred step excuses nothing that a sharp one has seen.
    agree &= errors <= BLUR * np.maximum(errors.min(axis=0), rates.min(axis=0))
    right = np.asarray(agree.any(axis=0))
    best = np.expand_dims(np.where(agree | ~right, errors, np.inf).argmin(axis=0), 0)
    error = np.take_along_axis(errors, best, 0)[0]
    return Judgement(np.where(np.isfinite(error), np.take_along_axis(values, best, 0)[0], np.nan), error, right)

"""Where a loss's formula meets floating point, and where it has no derivative."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from ...arrays import Array
from ..compare import agree, entry, relative
from ..loss_probes import LossPoint, LossProbe
from ..outcomes import CaseError, Failure
from ..rules import A_LOSS, Trait, rule
from .losses import differences, referred

KINK_POINTS = Trait("a case with kink_points", lambda case: len(case.kink_points) > 0)
LADDER = (2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 300.0, 1e3, 1e4)
GROWN = 1e20
"""A value above it grows like an exponential, and rightly overflows further up the ladder."""


@rule("loss.extremes", A_LOSS, needs=["loss.gradient"])
def extremes(probe: LossProbe) -> None:
    """For scores of 2 to 1e4 value and gradient are finite in both dtypes, right to 1e-5, and each other's derivative.

    The literal formulas overflow at a score of 89, or take the logarithm of 0 at 37: log(1 + e^s), log(1 - φ(s)),
    -s_y + log Σ e^s (E20 of the course). A guard that is set for float64 comes too late for float32.
    """
    for pattern in ("mixed", "up", "down"):
        for size in LADDER:
            base = probe.point(5)
            shape: Array = np.asarray(1 - 0.3 * probe.rng.random(base.scores.shape))
            if pattern == "mixed":
                shape = np.where(probe.rng.random(shape.shape) < 0.5, -shape, shape)
            scores = (size * (-shape if pattern == "down" else shape)).astype(np.float32)
            point = LossPoint(scores.astype(np.float64), base.targets)
            exact = probe.linearize(point.scores, point.targets)
            _finite(exact, np.float64, size, "linearize")
            if any((np.abs(part) > GROWN).any() for part in exact):
                break
            _right_in_both(probe, LossPoint(scores, base.targets), exact, size)
            _derivative(probe, point, exact[1], size)
            if probe.case.reference is not None:
                _compare_where_finite(probe, point, exact[0], size)


def _finite(results: Any, dtype: Any, size: float, how: str) -> None:
    for name, got in zip(("value", "gradient"), results, strict=True):
        wrong = ~np.isfinite(got)
        if wrong.any():
            index = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise Failure(
                f"{name}{list(index)} by {how} is {got[index]} for {np.dtype(dtype)} scores of about ±{size:g}\n"
                "likely cause: an exponential overflows on the way, or a logarithm is taken of one that vanished; "
                "subtract the largest score, use log1p(exp(-|s|))"
            )


def _right_in_both(probe: LossProbe, point: LossPoint, exact: Any, size: float) -> None:
    """Compare what is asked in other ways, and in float32, with linearize's float64 at the same scores."""
    scores, targets = point.scores, point.targets
    double = scores.astype(np.float64)
    bounds = [np.zeros(np.shape(part)) for part in exact]
    for _ in range(4):  # what a few roundings of the scores to float32 change
        moved = probe.linearize(double * (1 + 6e-7 * probe.rng.uniform(-1, 1, double.shape)), targets)
        bounds = [np.maximum(b, np.abs(m - e)) for b, m, e in zip(bounds, moved, exact, strict=True)]
    for dtype in (np.float64, np.float32):
        given = scores.astype(dtype)
        for how, results in (
            ("linearize", probe.linearize(given, targets)),
            ("value and gradient", (probe.value(given, targets), probe.gradient(given, targets))),
        ):
            fits = [np.abs(part) < 1e37 for part in exact]
            _finite([np.where(f, r, 0.0) for f, r in zip(fits, results, strict=True)], dtype, size, how)
            for name, got, expected, fit, bound in zip(
                ("value", "gradient"), results, exact, fits, bounds, strict=True
            ):
                agree(
                    np.where(fit, got, 0.0).astype(np.float64),
                    np.where(fit, expected, 0.0),
                    relative(expected[fit], 1e-5, floor=0.1) + (20 * bound if dtype is np.float32 else 0.0),
                    label=f"{name} by {how} for scores of about ±{size:g}, entry ",
                    got_is=f"in {np.dtype(dtype)}",
                    expected_is="by linearize in float64",
                )
    _others_finite(probe, point, size)


def _others_finite(probe: LossProbe, point: LossPoint, size: float) -> None:
    """Look at what else a loss computes: decisions as in float64, the others finite."""
    found = probe.everything(point)
    exact = probe.everything(LossPoint(point.scores.astype(np.float64), point.targets))
    for name in ("probabilities", "hessian"):
        wrong = ~np.isfinite(found.get(name, np.zeros(1)))
        if wrong.any():
            index = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise Failure(f"{name}{list(index)} is {found[name][index]} for float32 scores of about ±{size:g}")
    for name in ("decide", "error"):
        if name in found:
            agree(
                found[name],
                exact[name],
                relative(exact[name], 1e-6),
                label=f"{name} for scores of about ±{size:g}, entry ",
                got_is="in float32",
                expected_is="in float64",
            )


def _derivative(probe: LossProbe, point: LossPoint, gradient: Array, size: float) -> None:
    numerical = differences(probe, point)
    agree(
        gradient,
        numerical.value,
        np.where(numerical.rough, np.inf, 4 * numerical.tolerance() + 1e-6 * np.abs(numerical.value).max(initial=1e-3)),
        label=f"∂l/∂s for scores of about ±{size:g}, entry ",
        got_is="the loss's",
        expected_is="numerical",
        B=len(point.scores),
    )


def _compare_where_finite(probe: LossProbe, point: LossPoint, value: Array, size: float) -> None:
    try:
        expected = referred(probe, point)
    except CaseError:
        return
    known = np.isfinite(expected)
    agree(
        np.where(known, value, 0.0),
        np.where(known, expected, 0.0),
        relative(expected[known], 1e-5),
        label=entry(f"value for scores of about ±{size:g}, point "),
        got_is="the loss's",
        expected_is="the reference's",
    )


@rule("loss.nan", A_LOSS, needs=["loss.points"])
def nan(probe: LossProbe) -> None:
    """A NaN among the scores of a point comes out in its value, and in no other point's value or gradient.

    Training stops at a loss that is not finite; one that swallows NaN trains on.
    """
    point = probe.point(3)
    clean = probe.linearize(point.scores, point.targets)
    flat = int(np.prod(probe.case.score_shape))
    for k in [None, *range(min(flat, 12))]:
        scores = point.scores.copy()
        scores.reshape(3, -1)[1, slice(None) if k is None else k] = np.nan
        if k is not None and not _depends(probe, point, k):
            continue
        value, gradient = probe.linearize(scores, point.targets)
        which = "all scores" if k is None else f"score {k}"
        for name, came in (("value", probe.value(scores, point.targets)), ("linearize's value", value)):
            if not np.isnan(came[1]):
                raise Failure(
                    f"{which} of point 1 is NaN, and {name} of the point is {came[1]:.9g}\n"
                    "likely cause: a comparison with NaN is False; nansum, nanmax and fmax ignore it"
                )
        for name, got, expected in (("value", value, clean[0]), ("gradient", gradient, clean[1])):
            agree(
                got[[0, 2]],
                expected[[0, 2]],
                relative(expected, 1e-12),
                label=f"{name} of another point, entry ",
                got_is="with NaN in point 1",
                expected_is="without",
                hint="a product or a reduction over the batch carries it: 0 · NaN is NaN",
            )


def _depends(probe: LossProbe, point: LossPoint, k: int) -> bool:
    """Return whether the value of point 1 changes with one of its scores."""
    values = []
    for moved in (-50.0, -1.3, 0.7, 50.0):
        scores = point.scores.copy()
        scores.reshape(3, -1)[1, k] = moved
        values.append(float(probe.value(scores, point.targets)[1]))
    return any(value != values[0] for value in values)


@rule("loss.kink_points", A_LOSS, KINK_POINTS, needs=["loss.runs"])
def kink_points(probe: LossProbe) -> None:
    """At each of the case's kink points the gradient is the declared one.

    The convention where a margin is met exactly: E19b of the course.
    """
    for n, declared in enumerate(probe.case.kink_points):
        scores, target, expected = declared if len(declared) == 3 else (declared[0], None, declared[1])
        scores = np.asarray(scores, np.float64)
        if scores.shape == probe.case.score_shape:
            scores = scores[np.newaxis]
            target = None if target is None else np.asarray(target)[np.newaxis]
        target = None if target is None else np.asarray(target)
        expected = np.asarray(expected, np.float64)
        for name, got in (
            ("gradient", probe.gradient(scores, target)),
            ("linearize", probe.linearize(scores, target)[1]),
        ):
            if expected.size not in (1, got.size):
                raise CaseError(f"kink_points[{n}]: the gradient has shape {expected.shape}, expected {got.shape[1:]}")
            agree(
                got,
                np.broadcast_to(expected.reshape(-1), (got.size,)).reshape(got.shape),
                1e-9,
                label=entry(f"kink_points[{n}], ∂l/∂s by {name}"),
                got_is="the loss's",
                expected_is="declared",
            )


@rule("loss.hull", A_LOSS, needs=["loss.gradient"])
def hull(probe: LossProbe) -> None:
    """Where scores are zero, equal, or meet a margin or target, the gradient is finite and among those close by.

    Scores are zero before the first step, and equal for many classes. The value goes on there without a jump.
    """
    base = probe.point(5)
    for scores in _special_scores(probe, base):
        value = probe.value(scores, base.targets)
        hessian = probe.hessian(scores, base.targets)
        if hessian is not None and not np.isfinite(hessian).all():
            raise Failure(f"hessian at the scores {scores.reshape(-1)[:6].tolist()} is not finite")
        for name, at in (
            ("gradient", probe.gradient(scores, base.targets)),
            ("linearize", probe.linearize(scores, base.targets)[1]),
        ):
            for j in range(len(scores)):
                target = None if base.targets is None else base.targets[j : j + 1]
                try:
                    _close_by(probe, scores[j], target, float(value[j]), at[j], name, 192)
                except Failure:
                    _close_by(probe, scores[j], target, float(value[j]), at[j], name, 4096)


def _special_scores(probe: LossProbe, base: LossPoint) -> Iterator[Array]:
    names: list[str] = [field.name for field in fields(probe.loss)] if is_dataclass(probe.loss) else []
    settings = [getattr(probe.loss, name) for name in names]
    numbers = [float(value) for value in settings if type(value) in (int, float) and abs(value) < 100]
    grid = np.array(sorted({-1.0, 0.0, 1.0, *numbers, *(-n for n in numbers), *(1 + n for n in numbers)}))
    yield np.zeros_like(base.scores)
    for _ in range(4):
        yield probe.rng.choice(grid, base.scores.shape)
    if probe.case.targets == "real":
        yield np.array(base.targets, np.float64)
        for number in numbers:  # a distance from the target
            yield np.asarray(base.targets + number * probe.rng.choice([-1.0, 1.0], base.scores.shape))


def _close_by(probe: LossProbe, scores: Array, target: Any, value: float, at: Array, name: str, count: int) -> None:
    near = 1e-4
    offsets = probe.rng.uniform(-near, near, (count, *scores.shape))
    repeated = None if target is None else np.repeat(target, count, axis=0)
    values, around = probe.linearize(scores + offsets, repeated)
    largest = float(np.abs(around).max(initial=0.0))
    if not np.isfinite(around).all() or not np.isfinite(values).all() or largest > 1e6:
        return
    where = f"at the scores {scores.reshape(-1)[:8].tolist()}"
    step = 2 * near * (largest + 1e-3) * max(1, scores.size)
    if float(np.ptp(values)) < 2 * step and not abs(value - float(values.mean())) <= step + 1e-9 * abs(value):
        raise Failure(f"value {where}: {value:.9g}, close by it is {values.min():.9g} to {values.max():.9g}")
    low, high = around.min(axis=0), around.max(axis=0)
    slack = 1e-2 * largest + 1e-12
    outside = ~((at >= low - slack) & (at <= high + slack))
    if outside.any():
        index = tuple(int(i) for i in np.argwhere(outside)[0])
        cause = "0/0 where scores meet each other or the target" if np.isnan(at[index]) else "a wrong side of a kink"
        raise Failure(
            f"∂l/∂s{list(index)} by {name} {where}: the loss's {at[index]:.9g}, close by it is {low[index]:.9g} to "
            f"{high[index]:.9g}\nlikely cause: {cause}"
        )
    sums, total = around.reshape(count, -1).sum(axis=1), float(at.sum())
    constant = float(np.ptp(sums)) <= 1e-9 * (1 + largest)
    if constant and not abs(total - float(sums[0])) <= 1e-6 * (1 + largest):
        raise Failure(
            f"the sum of ∂l/∂s by {name} {where}: the loss's {total:.9g}, close by it is always {float(sums[0]):.9g}\n"
            "likely cause: at a tie or a margin a class counts on one side of the difference alone"
        )

"""The cases that prove this family: each with the paper's sums, in loops over plain numbers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from chainrule import SGD
from chainrule.conformance import OptimizerCase, coordinatewise

from . import (
    Adagrad,
    Adam,
    AdamW,
    ClipNorm,
    ClipValue,
    Cosine,
    DiagonalGaussNewton,
    LevenbergMarquardt,
    Momentum,
    Nesterov,
    RMSprop,
    StepDecay,
    WarmUp,
    WeightDecay,
)


def momentum(w: float, slopes: list[float]) -> Iterator[float]:
    """Yield w along v = Σ μ^(t - s) g_s."""
    for t in range(len(slopes)):
        w = w - 0.05 * math.fsum(0.8 ** (t - s) * slopes[s] for s in range(t + 1))
        yield w


def nesterov(w: float, slopes: list[float]) -> Iterator[float]:
    """Yield w in Nesterov's own form, of two sequences: x = w - λ g, and w = x + μ (x - the x before)."""
    x = w
    for g in slopes:
        last, x = x, w - 0.05 * g
        w = x + 0.8 * (x - last)
        yield w


def adagrad(w: float, slopes: list[float]) -> Iterator[float]:
    """Yield w with the root of the sum of all squares below each slope."""
    for t, g in enumerate(slopes):
        w = w - 0.05 * g / (math.sqrt(math.fsum(s * s for s in slopes[: t + 1])) + 1e-6)
        yield w


def rmsprop(w: float, slopes: list[float]) -> Iterator[float]:
    """Yield w with the root of (1 - ρ) Σ ρ^(t - s) g_s² below each slope."""
    for t, g in enumerate(slopes):
        mean = math.fsum(0.1 * 0.9 ** (t - s) * slopes[s] ** 2 for s in range(t + 1))
        w = w - 0.05 * g / (math.sqrt(mean) + 1e-6)
        yield w


def adam(w: float, slopes: list[float], decay: float = 0.0) -> Iterator[float]:
    """Yield w with the means as the sums of section 3: m_t = (1 - β) Σ β^(t - s) g_s."""
    for t in range(1, len(slopes) + 1):
        m = math.fsum(0.3 * 0.7 ** (t - s) * slopes[s - 1] for s in range(1, t + 1)) / (1 - 0.7**t)
        q = math.fsum(0.1 * 0.9 ** (t - s) * slopes[s - 1] ** 2 for s in range(1, t + 1)) / (1 - 0.9**t)
        w = w - 0.05 * (m / (math.sqrt(q) + 1e-6) + decay * w)
        yield w


def scheduled(rates: list[float]) -> Any:
    """Return the reference of gradient descent at rates that are written out."""

    def descent(w: float, slopes: list[float]) -> Iterator[float]:
        for rate, g in zip(rates, slopes, strict=False):
            w = w - rate * g
            yield w

    return coordinatewise(descent)


def decayed(w: float, slopes: list[float]) -> Iterator[float]:
    """Yield w along v = Σ μ^(t - s) (g_s + c w_s)."""
    seen: list[float] = []
    for t, g in enumerate(slopes):
        seen.append(g + 0.2 * w)
        w = w - 0.05 * math.fsum(0.8 ** (t - s) * seen[s] for s in range(t + 1))
        yield w


def clipped(w: float, slopes: list[float]) -> Iterator[float]:
    """Yield w along slopes within ±1/2."""
    for g in slopes:
        w = w - 0.1 * (g if abs(g) < 0.5 else math.copysign(0.5, g))
        yield w


def shortened(problem: Any) -> Iterator[Any]:
    """Yield w along gradients no longer than 1/2."""
    w = problem.start.tolist()
    for step in itertools.count():
        g = problem.gradient(w, step).tolist()
        length = math.sqrt(math.fsum(v * v for v in g))
        w = [v - 0.1 * (s if length <= 0.5 else s / length / 2) for v, s in zip(w, g, strict=True)]
        yield w


def diagonal(problem: Any) -> Iterator[Any]:
    """Yield w with each slope divided by the largest of ρ^(t - s) G[k, k] of step s."""
    w, seen = problem.start.tolist(), []
    for t in itertools.count():
        g = problem.gradient(w, t).tolist()
        seen.append(np.diag(problem.gauss_newton(w, t)).tolist())
        d = [max(0.6 ** (t - s) * seen[s][k] for s in range(t + 1)) for k in range(len(w))]
        w = [v - 0.2 * slope / (bend + 0.15) for v, slope, bend in zip(w, g, d, strict=True)]
        yield w


def marquardt(problem: Any) -> Iterator[Any]:
    """Yield w by the dense system, the damping as the quadratic model was right or wrong."""
    w, damping = problem.start, 1.0
    for step in itertools.count():
        g, G = problem.gradient(w, step), problem.gauss_newton(w, step)
        move = -np.linalg.solve(G + damping * np.eye(len(w)), g)
        change = problem.objective(w + move, step) - problem.objective(w, step)
        ratio = change / (g @ move + move @ G @ move / 2)
        w = w + move if change < 0 else w
        damping = 3 * damping if ratio < 0.25 else max(damping / 3, 0.02) if ratio > 0.75 else damping
        yield w


def wrong(name: str, *values: Any) -> list[dict[str, Any]]:
    """Return settings to be refused."""
    return [{name: value} for value in values]


RATES = wrong("learning_rate", 0, -0.1, math.nan, "0.1", True, None)
SHARES = (1.0, -0.1, math.nan, "0.9", None)
TINY = wrong("epsilon", 0.0, -1.0, "tiny", None)
BETAS = [*wrong("beta1", *SHARES), *wrong("beta2", *SHARES)]

CASES = [
    OptimizerCase(
        "momentum",
        Momentum(0.05, momentum=0.8),
        coordinatewise(momentum),
        invalid=[*RATES, *wrong("momentum", *SHARES)],
    ),
    OptimizerCase(
        "nesterov",
        Nesterov(0.05, momentum=0.8),
        coordinatewise(nesterov),
        invalid=[*RATES, *wrong("momentum", *SHARES)],
    ),
    OptimizerCase("adagrad", Adagrad(0.05, epsilon=1e-6), coordinatewise(adagrad), invalid=[*RATES, *TINY]),
    OptimizerCase(
        "rmsprop",
        RMSprop(0.05, decay=0.9, epsilon=1e-6),
        coordinatewise(rmsprop),
        invalid=[*RATES, *wrong("decay", *SHARES), *TINY],
    ),
    OptimizerCase(
        "adam",
        Adam(0.05, beta1=0.7, beta2=0.9, epsilon=1e-6),
        coordinatewise(adam),
        invalid=[*RATES, *BETAS, *TINY],
    ),
    OptimizerCase(
        "adamw",
        AdamW(0.05, beta1=0.7, beta2=0.9, epsilon=1e-6, weight_decay=0.2),
        coordinatewise(partial(adam, decay=0.2)),
        invalid=[*RATES, *BETAS, *TINY, *wrong("weight_decay", -0.1, math.inf, "0.1", None)],
    ),
    OptimizerCase("sgd/step", SGD(StepDecay(0.2, 4, 0.5)), scheduled([0.2] * 4 + [0.1] * 4 + [0.05] * 2)),
    OptimizerCase(
        "sgd/warm_up_cosine",
        SGD(WarmUp(2, Cosine(0.2, 6, end=0.1))),
        scheduled([0.1, 0.2, *(0.1 + 0.05 * (1 + math.sin(math.pi / 2 - math.pi * t / 6)) for t in range(7)), 0.1]),
    ),
    OptimizerCase(
        "weight_decay",
        WeightDecay(Momentum(0.05, momentum=0.8), 0.2),
        coordinatewise(decayed),
        invalid=[*wrong("decay", -0.1, math.inf, "0.1", None), *wrong("inner", "sgd", None)],
    ),
    OptimizerCase(
        "clip_value", ClipValue(SGD(0.1), 0.5), coordinatewise(clipped), invalid=wrong("value", 0.0, -1.0, "1", None)
    ),
    OptimizerCase("clip_norm", ClipNorm(SGD(0.1), 0.5), shortened, invalid=wrong("norm", 0.0, -1.0, "1", None)),
    OptimizerCase(
        "diagonal_gauss_newton",
        DiagonalGaussNewton(0.2, damping=0.15, decay=0.6),
        diagonal,
        invalid=[*RATES, *wrong("damping", 0.0, -1.0, "1", None), *wrong("decay", *SHARES)],
    ),
    OptimizerCase(
        "levenberg_marquardt",
        LevenbergMarquardt(1.0, iterations=60, tolerance=0.0, factor=3.0, minimum=0.02),
        marquardt,
        invalid=[
            *wrong("damping", 0.0, 0.01, "1", None),
            *wrong("iterations", 0, 2.0, "9", None),
            *wrong("tolerance", -0.1, 1.0, "0", None),
            *wrong("factor", 0.9, math.nan, "2", None),
            *wrong("minimum", 0.0, -1.0, "1", None),
        ],
    ),
    OptimizerCase("levenberg_marquardt/defaults", LevenbergMarquardt()),
]

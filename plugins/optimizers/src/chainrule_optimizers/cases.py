"""The cases that prove this family: each with the paper's sums, in loops over plain numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

from chainrule.conformance import OptimizerCase, coordinatewise

from . import Adagrad, Adam, AdamW, Momentum, Nesterov, RMSprop


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
]

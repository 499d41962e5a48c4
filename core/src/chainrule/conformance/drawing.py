"""Inputs for checks: distinct numbers with no tie near and no kink near, drawn anew for every check."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..arrays import Array, Shape

NARROW, WIDE = 2.0, 8.0
"""Half the width of the range that inputs are drawn from where no domain is declared."""
DRAWS = 8
"""How often a point is drawn anew when a kink lies within a step of it."""


def bounds(domain: tuple[float, float] | None, reach: float) -> tuple[float, float]:
    """Return a finite open interval inside the domain, about 2·reach wide where the domain has no end."""
    if domain is None:
        return -reach, reach
    low, high = map(float, domain)
    if math.isinf(low) and math.isinf(high):
        return -reach, reach
    if math.isinf(high):
        high = low + 2 * reach
    elif math.isinf(low):
        low = high - 2 * reach
    margin = 0.02 * (high - low)
    return low + margin, high - margin


def spread(rng: np.random.Generator, shape: Shape, low: float, high: float, avoid: Iterable[float] = ()) -> Array:
    """Return distinct numbers from a shuffled grid with jitter, none near a number to avoid; short decimals."""
    count, avoid = math.prod(shape), [float(place) for place in avoid if low <= place <= high]
    margin = (high - low) / 40
    cells = 2 * count + 16
    while True:
        width = (high - low) / cells
        values = low + width * (np.arange(cells) + 0.5 + rng.uniform(-0.25, 0.25, cells))
        if width > 0.01:
            values = np.round(values, 4)
        for place in avoid:
            values = values[np.abs(values - place) > margin]
        if len(values) >= count:
            picked: Array = rng.permutation(values)[:count].reshape(shape)
            return picked
        cells *= 2


def signed(rng: np.random.Generator, shape: Shape, low: float = 0.2, high: float = 1.5) -> Array:
    """Return numbers of both signs, none near 0 and never all alike: cotangents and directions."""
    return np.asarray(np.round(rng.uniform(low, high, shape) * rng.choice([-1.0, 1.0], shape), 4))


def away(rng: np.random.Generator, start: Array, *, far: bool) -> Array:
    """Return parameters away from their start: in proportion (which keeps their signs), or far off, of any sign."""
    start = np.asarray(start, np.float64)
    if far:
        moved = np.asarray(start + rng.normal(0, 2.5, start.shape))
        flat = moved.reshape(-1)
        flat[:2] = np.abs(flat[:2]) * (-1, 1)[: flat[:2].size]  # both signs, always
        return moved
    factor = 1 + rng.uniform(0.1, 0.6, start.shape) * rng.choice([-1.0, 1.0], start.shape)
    return np.asarray(np.where(start == 0, signed(rng, start.shape, 0.1, 0.6), start * factor))


def draw_targets(kind: Any, rng: np.random.Generator, B: int, score_shape: Shape) -> Any:
    """Return legal targets of a kind, as `LossCase.targets` names it."""
    if callable(kind):
        return kind(rng, B)
    if kind is None:
        return None
    shape = (B, *score_shape)
    if kind == "real":
        return spread(rng, shape, -NARROW, NARROW)
    if kind == "binary":
        return rng.integers(0, 2, shape)
    if kind == "sign":
        return rng.choice([-1, 1], shape)
    if kind == "class":
        return np.resize(rng.permutation(score_shape[0]), B)
    shares = rng.dirichlet(np.full(score_shape[0], 2.0), B)
    shares = np.maximum(shares, 0.02)
    return shares / shares.sum(axis=1, keepdims=True)

"""Which entries of an array are compared: all of them, or some at random where there are many."""

from __future__ import annotations

import math

import numpy as np

from ..arrays import Array, Shape

MANY = 240
"""Rows and columns of a Jacobian up to which all are compared; of more, as many are picked at random."""


def pick(rng: np.random.Generator, shape: Shape) -> list[tuple[int, ...]]:
    """Return the indices of an array, or some of them where there are many."""
    return [tuple(int(i) for i in np.unravel_index(int(flat), shape)) for flat in pick_flat(rng, math.prod(shape))]


def pick_flat(rng: np.random.Generator, size: int) -> Array:
    """Return the flat indices of an array, or some of them where there are many."""
    return np.arange(size) if size <= MANY else np.sort(rng.permutation(size)[:MANY])


def take(values: Array, rows: list[tuple[int, ...]]) -> Array:
    """Return the entries of some indices."""
    return np.array([values[row] for row in rows])

"""Numbers of any size: close to zero, to the ends of a domain and to declared kinks, and far from them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..arrays import Array, Shape

EXPONENTS = range(-6, 4)
"""Decades, from 1e-6 to 1e4."""


def signs(rng: np.random.Generator, shape: Shape) -> Array:
    """Return a sign for each number of a batch: mixed in the first sample, all plus and all minus in the next two."""
    found = rng.choice([-1.0, 1.0], shape)
    found[1:2], found[2:3] = 1.0, -1.0
    return found


def sizes(rng: np.random.Generator, shape: Shape, exponent: int) -> Array:
    """Return distinct sizes of a decade."""
    steps = rng.permutation(math.prod(shape)).reshape(shape) + rng.uniform(0.2, 0.8, shape)
    return np.asarray(10.0 ** (exponent + steps / max(1, math.prod(shape))))


def around(
    rng: np.random.Generator,
    shape: Shape,
    exponent: int,
    anchors: Sequence[float] = (0.0,),
    domain: tuple[float, float] | None = None,
) -> tuple[Array, Array] | None:
    """Return numbers inside the domain, each at a distance of the decade from some anchor, and how far each may move.

    The ends of a domain are anchors, too. None where no number fits.
    """
    low, high = (-math.inf, math.inf) if domain is None else map(float, domain)
    places = np.array(
        sorted({*(a for a in anchors if low <= a <= high), *(a for a in (low, high) if math.isfinite(a))})
    )
    size = sizes(rng, shape, exponent)
    # Of numbers much closer to 1 than 1e-4, rounding leaves no steps.
    fits = [a for a in places if 10.0 ** (exponent + 1) > 1e-4 * abs(a)]
    picked = np.zeros(shape) if not fits else rng.choice(fits, shape)
    x = picked + signs(rng, shape) * size
    x = np.where((x > low) & (x < high), x, picked + (picked - x))  # from the end of a domain there is one way only
    inside = (x > low) & (x < high)
    if not fits or not inside.any():
        return None
    x = np.where(inside, x, x[inside][0])
    return x, np.abs(x[..., np.newaxis] - places).min(axis=-1)

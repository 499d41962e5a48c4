"""The two types that every signature uses, the named random streams, and a product with a mask."""

from __future__ import annotations

import zlib
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Shape: TypeAlias = tuple[int, ...]
"""Axis lengths of one sample: the batch axis B is never part of a shape."""

MASK_LEAST, MASK_MOST = 1 << 10, 1 << 18
"""Entries from which, and up to which, a mask is made numbers first: fewer take no time, and more leave the cache."""


def random_stream(seed: int, name: str) -> np.random.Generator:
    """Return the generator that `seed` feeds under `name`.

    Streams of different names are independent: shuffling differently leaves the start of the weights as it was.
    """
    key = zlib.crc32(name.encode())
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(key,))))


@lru_cache(maxsize=16)
def ones(size: int, dtype: np.dtype[Any]) -> Array:
    """Return a vector that is read alone; its product with a matrix sums rows in half the time of `sum`."""
    vector = np.ones(size, dtype)
    vector.flags.writeable = False
    return vector


def times(numbers: Array, factors: Array) -> Array:
    """Return numbers * factors. A mask of bool is made numbers first where both fit in the cache: that is faster."""
    if factors.dtype.char == "?" and MASK_LEAST <= factors.size <= MASK_MOST and factors.shape == numbers.shape:
        product: Array = factors.astype(numbers.dtype)
        np.multiply(numbers, product, out=product)
    else:
        product = numbers * factors
    return product

"""The weights of queries and keys: in which blocks they are made, and the products that make and use them.

The weights of a block stay in the cache of a core, and are gone with it. In memory they are (T_k, samples, T_q): what
is done to each column, the search for the largest above all, is then done to long rows of numbers, which NumPy does
two to six times as fast. j is a key, i a query.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from chainrule import Array

BLOCK_BYTES = 1 << 19
"""Of the weights in a block. The derivative has two such arrays in hand at a time."""
CAUSAL_QUERIES = 64
"""In a block at most, if causal: the keys behind its last query are left out."""


class Block(NamedTuple):
    """Samples, some of their queries, and the keys that these may see; the first block of a sample has every key."""

    samples: slice
    queries: slice
    keys: slice
    first: bool


def blocks_of(B: int, T_q: int, T_k: int, itemsize: int, *, causal: bool) -> Iterator[Block]:
    """Yield the blocks, of whole samples if one is small; of a sample's queries the last ones first."""
    row = T_k * itemsize
    length = min(T_q, CAUSAL_QUERIES if causal else T_q, max(1, BLOCK_BYTES // row))
    count = max(1, BLOCK_BYTES // (length * row))
    for sample in range(0, B, count):
        for stop in range(T_q, 0, -length):
            keys = min(stop, T_k) if causal and stop < T_q else T_k
            queries = slice(max(0, stop - length), stop)
            yield Block(slice(sample, sample + count), queries, slice(0, keys), stop == T_q)


def products_of(k: Array, q: Array, scale: float) -> Array:
    """Return k[j]·q[i] times `scale`, (keys, samples, queries).

    BLAS is slow where the second of two factors is transposed, and so q is laid out anew, and scaled on the way.
    """
    products = np.empty((k.shape[1], *q.shape[:2]), q.dtype)
    np.matmul(k, np.multiply(q.swapaxes(1, 2), scale, order="C"), out=products.swapaxes(0, 1))
    return products


def sums_of(weights: Array) -> Array:
    """Return Σ_j weights[j], (samples, queries); a product takes a fourth of the time of sum(0)."""
    T_k, *rest = weights.shape
    return (np.ones(T_k, weights.dtype) @ weights.reshape(T_k, -1)).reshape(rest)


def add_product(weights: Array, b: Array, total: Array, first: bool) -> None:
    """Add Σ_i weights[j, i] b[i] to the total, which it begins if it is the first."""
    if first:
        np.matmul(weights.swapaxes(0, 1), b, out=total)
    else:
        total += weights.swapaxes(0, 1) @ b

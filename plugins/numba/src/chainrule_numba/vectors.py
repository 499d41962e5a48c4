"""Kernels of the normalizations of vectors, each by its own moments, in pieces that threads claim.

Formula:  y = gamma z + beta, z = (x - mean) r, r = 1 / sqrt(variance + eps); the mean is 0 if not `centred`
Shapes:   rows, deltas, y and dx (N, n); gamma and beta (n,); kept (N, 3), the mean in two parts and r of each vector;
          parts (2, pieces, n), Σ δ z and Σ δ of each piece, which has `length` vectors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import Array

from .compiled import Out, exact, kernel, summing
from .threads import CLAIMED, FINISHED, count, reached


@kernel
def write_normalized(
    counters: Array, rows: Array, gamma: Array, beta: Array, eps: float, centred: bool, length: int, kept: Out, y: Out
) -> None:
    """Write gamma z + beta, and of each vector its mean in two parts and 1 / sqrt(variance + eps)."""
    size, n = rows.shape
    zero, one = rows.dtype.type(0), rows.dtype.type(1)
    share, epsilon, pieces = one / rows.dtype.type(n), rows.dtype.type(eps), -(-size // length)
    while True:
        piece = count(counters, CLAIMED)
        if piece >= pieces:
            break
        for j in range(piece * length, min((piece + 1) * length, size)):
            mean = total(rows, j) * share if centred else zero
            left, square = moments(rows, j, mean)
            left = left * share if centred else zero
            r = one / np.sqrt(square * share - left * left + epsilon)
            for k in range(n):
                y[j, k] = apart(rows[j, k], mean, left) * r * gamma[k] + beta[k]
            kept[j, 0], kept[j, 1], kept[j, 2] = mean, left, r
        count(counters, FINISHED)
    while reached(counters, FINISHED) < pieces:
        pass


@kernel
def pull_back(
    counters: Array,
    rows: Array,
    kept: Array,
    deltas: Array,
    gamma: Array,
    centred: bool,
    length: int,
    dx: Out,
    parts: Out,
) -> None:
    """Write r (δ γ - mean(δ γ) - z mean(z δ γ)), and of each piece of vectors Σ δ z and Σ δ."""
    size, n = rows.shape
    zero, share, pieces = rows.dtype.type(0), rows.dtype.type(1) / rows.dtype.type(n), parts.shape[1]
    while True:
        piece = pieces - 1 - count(counters, CLAIMED)  # the last ones may be in the cache
        if piece < 0:
            break
        for_gamma, for_beta = parts[0, piece], parts[1, piece]
        for_gamma[:], for_beta[:] = zero, zero
        for j in range(piece * length, min((piece + 1) * length, size)):
            mean, left, r = kept[j, 0], kept[j, 1], kept[j, 2]
            middle, along = sums(rows, deltas, gamma, j, mean, left)
            middle, along = middle * share if centred else zero, along * r * share
            for k in range(n):
                for_gamma[k] += deltas[j, k] * (apart(rows[j, k], mean, left) * r)
                for_beta[k] += deltas[j, k]
            for k in range(n):
                rest = apart(product(deltas[j, k], gamma[k]), middle, zero)
                dx[j, k] = (rest - apart(rows[j, k], mean, left) * r * along) * r
        count(counters, FINISHED)
    while reached(counters, FINISHED) < pieces:
        pass


@exact
def apart(x: Any, mean: Any, left: Any) -> Any:
    """Return x - mean, the mean in two parts; their sum would be rounded."""
    return (x - mean) - left


@exact
def product(a: Any, b: Any) -> Any:
    """Return a b, rounded as where it is added up."""
    return a * b


@summing
def total(rows: Array, j: int) -> Any:
    """Return Σ x of vector j."""
    found = rows.dtype.type(0)
    for k in range(rows.shape[1]):
        found += rows[j, k]
    return found


@summing
def moments(rows: Array, j: int, mean: Any) -> Any:
    """Return Σ (x - mean) and Σ (x - mean)² of vector j."""
    left = square = zero = rows.dtype.type(0)
    for k in range(rows.shape[1]):
        d = apart(rows[j, k], mean, zero)
        left += d
        square += d * d
    return left, square


@summing
def sums(rows: Array, deltas: Array, gamma: Array, j: int, mean: Any, left: Any) -> Any:
    """Return Σ δ γ and Σ δ γ (x - mean) of vector j."""
    plain = along = rows.dtype.type(0)
    for k in range(rows.shape[1]):
        g = product(deltas[j, k], gamma[k])
        plain += g
        along += g * apart(rows[j, k], mean, left)
    return plain, along

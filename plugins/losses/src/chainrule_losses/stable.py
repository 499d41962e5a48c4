"""The logistic function and its logarithm, where the literal formulas overflow (erratum E20)."""

from __future__ import annotations

import math

import numpy as np

from chainrule import Array


def sigmoid(s: Array) -> Array:
    """Return φ(s) = 1 / (1 + e^-s), accurate in both tails."""
    return np.asarray(np.exp(np.minimum(s, 0)) / (1 + np.exp(-np.abs(s))))


def softplus(s: Array) -> Array:
    """Return log(1 + e^s) = -log φ(-s), accurate in both tails."""
    return np.asarray(np.maximum(s, 0) + np.log1p(np.exp(-np.abs(s))))


def surely_finite(s: Array) -> bool:
    """Return False if a number is infinite or NaN, and for the largest ones; a sum of squares tells it the fastest."""
    flat = s.reshape(-1)
    return math.isfinite(flat.dot(flat))


def diagonal(entries: Array) -> Array:
    """Return (B, *S) entries as the diagonals of (B, *S, *S) matrices."""
    flat = entries.reshape(len(entries), -1)
    matrices: Array = flat[:, :, np.newaxis] * np.eye(flat.shape[1], dtype=flat.dtype)
    return matrices.reshape(*entries.shape, *entries.shape[1:])


def per_point(terms: Array) -> Array:
    """Return the sum over all scores of each point, (B,)."""
    if terms.size == len(terms):
        return terms.reshape(-1)
    return np.asarray(np.add.reduce(terms, axis=tuple(range(1, terms.ndim))))


def any_per_point(wrong: Array) -> Array:
    """Return whether any decision of the point is wrong, bool (B,)."""
    return np.asarray(wrong.any(axis=tuple(range(1, wrong.ndim))))

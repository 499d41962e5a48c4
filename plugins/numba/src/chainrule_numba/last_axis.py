"""Layer normalization and root mean square normalization with compiled kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import chainrule_norm
from chainrule import Array, BatchJacobian

from .compiled import Out, exact, kernel, summing
from .fused import Fused
from .threads import CLAIMED, FINISHED, aligned, count, piece_rows, reached, together


@dataclass(frozen=True)
class LayerNorm(chainrule_norm.LayerNorm):
    """The layer of chainrule-norm, compiled."""

    def linearize(self, x: Array, gamma: Array, beta: Array) -> tuple[Array, BatchJacobian]:
        """Return gamma z + beta and its derivative."""
        plain = super().linearize
        return normalized(lambda: plain(x, gamma, beta)[1], x, gamma, beta, self.eps, centred=True)


@dataclass(frozen=True)
class RMSNorm(chainrule_norm.RMSNorm):
    """The layer of chainrule-norm, compiled."""

    def linearize(self, x: Array, gamma: Array) -> tuple[Array, BatchJacobian]:
        """Return gamma z and its derivative."""
        plain = super().linearize
        return normalized(lambda: plain(x, gamma)[1], x, gamma, np.zeros_like(gamma), self.eps, centred=False)


def normalized(
    in_numpy: Callable[[], BatchJacobian], x: Array, gamma: Array, beta: Array, eps: float, *, centred: bool
) -> tuple[Array, BatchJacobian]:
    """Return gamma z + beta and its derivative."""
    gamma, beta = np.ascontiguousarray(gamma), np.ascontiguousarray(beta)
    rows = np.ascontiguousarray(x).reshape(-1, x.shape[-1])
    y, kept = aligned(rows.shape, x.dtype), np.empty((len(rows), 3), x.dtype)
    together(write_normalized, rows.size, rows, gamma, beta, eps, centred, piece_rows(rows), kept, y)
    return y.reshape(x.shape), Normalized(in_numpy, rows, kept, gamma, centred)


class Normalized(Fused):
    """The derivative of vectors that are shifted and divided by their own moments; `kept` has what these are."""

    def __init__(
        self, in_numpy: Callable[[], BatchJacobian], rows: Array, kept: Array, gamma: Array, centred: bool
    ) -> None:
        super().__init__(in_numpy)
        self.rows = rows
        self.kept = kept
        self.gamma = gamma
        self.centred = centred

    def vjp(self, delta: Array, out: Mapping[str, Array] | None = None) -> Array:
        """Return δ·J_X, and Σ δ z for gamma and Σ δ for beta."""
        rows, n = self.rows, self.rows.shape[1]
        deltas = np.ascontiguousarray(delta).reshape(-1, n)
        length = piece_rows(rows)
        dx, parts = aligned(deltas.shape, delta.dtype), np.empty((2, -(-len(rows) // length), n), delta.dtype)
        together(pull_back, rows.size, rows, self.kept, deltas, self.gamma, self.centred, length, dx, parts)
        for name, part in zip(("gamma", "beta"), parts, strict=True):
            if out is not None and name in out:
                out[name][...] = part.sum(axis=0)
        return dx.reshape(delta.shape)


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
            mean = left = zero
            if centred:
                mean = total(rows, j, zero) * share
                left = total(rows, j, mean) * share
            r = one / np.sqrt(squares(rows, j, mean, left) * share + epsilon)
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
def total(rows: Array, j: int, mean: Any) -> Any:
    """Return Σ (x - mean) of vector j."""
    found = zero = rows.dtype.type(0)
    for k in range(rows.shape[1]):
        found += apart(rows[j, k], mean, zero)
    return found


@summing
def squares(rows: Array, j: int, mean: Any, left: Any) -> Any:
    """Return Σ (x - mean)² of vector j."""
    found = rows.dtype.type(0)
    for k in range(rows.shape[1]):
        d = apart(rows[j, k], mean, left)
        found += d * d
    return found


@summing
def sums(rows: Array, deltas: Array, gamma: Array, j: int, mean: Any, left: Any) -> Any:
    """Return Σ δ γ and Σ δ γ (x - mean) of vector j."""
    plain = along = rows.dtype.type(0)
    for k in range(rows.shape[1]):
        g = product(deltas[j, k], gamma[k])
        plain += g
        along += g * apart(rows[j, k], mean, left)
    return plain, along

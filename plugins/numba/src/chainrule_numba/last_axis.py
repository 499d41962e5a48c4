"""Layer normalization and root mean square normalization with compiled kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

import chainrule_norm
from chainrule import Array, BatchJacobian

from .fused import Fused
from .threads import aligned, piece_rows, together
from .vectors import pull_back, write_normalized


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

"""The gated recurrent unit with compiled kernels."""

from __future__ import annotations

from dataclasses import dataclass

import chainrule_sequence
from chainrule import Array

from .compiled import Out, kernel
from .exponential import logistic, tanh
from .recurrent import Compiled


@dataclass(frozen=True)
class GRU(Compiled, chainrule_sequence.GRU):
    """The layer of chainrule-sequence, compiled."""

    def start(self, a: Array, b_W: Array, b_U: Array) -> None:
        """Add b_W, and of b_U what r does not reset."""
        a += b_W
        a[:, :, : 2 * self.units] += b_U[: 2 * self.units]

    def forward_step(self, t: int, a: Array, p: Array, b_U: Array, states: Array, kept: Array) -> None:
        """Leave r, 1 - z and n in a, and U h + b_U of n."""
        write_step(a[t], p, b_U[2 * self.units :], states[0, t], states[0, t + 1], kept[t])

    def backward_step(self, t: int, a: Array, states: Array, kept: Array, flowing: Array, da: Array, dp: Array) -> None:
        """See `pull_step`."""
        pull_step(a[t], kept[t], states[0, t], flowing[0], da[t], dp[t])


@kernel
def write_step(a: Out, p: Array, bias: Array, h: Array, new: Out, kept: Out) -> None:
    """Write h[t] = (1 - z) * n + z * h[t - 1], and r, 1 - z, n into a."""
    B, units = h.shape
    for b in range(B):
        for u in range(units):
            kept[b, u] = p[b, 2 * units + u] + bias[u]
        for u in range(units):
            a[b, u] = logistic(a[b, u] + p[b, u])
        for u in range(units):
            a[b, units + u] = logistic(-(a[b, units + u] + p[b, units + u]))
        for u in range(units):
            a[b, 2 * units + u] = tanh(a[b, 2 * units + u] + a[b, u] * kept[b, u])
        for u in range(units):
            new[b, u] = h[b, u] + a[b, units + u] * (a[b, 2 * units + u] - h[b, u])


@kernel
def pull_step(a: Array, kept: Array, h: Array, flowing: Out, da: Out, dp: Out) -> None:
    """Write δ of a and of p from that of h[t], and overwrite it with that of h[t - 1] by z.

    Formula:  da_n = δ (1 - z) (1 - n²); da_z = δ (h[t - 1] - n) z (1 - z); da_r = da_n p_n r (1 - r); dp is the same,
              but dp_n = da_n r.
    """
    B, units = h.shape
    one = h.dtype.type(1)
    for b in range(B):
        for u in range(units):
            n = a[b, 2 * units + u]
            da[b, 2 * units + u] = flowing[b, u] * a[b, units + u] * ((one - n) * (one + n))
        for u in range(units):
            rest = a[b, units + u]
            da[b, units + u] = flowing[b, u] * (h[b, u] - a[b, 2 * units + u]) * (one - rest) * rest
        for u in range(units):
            r = a[b, u]
            da[b, u] = da[b, 2 * units + u] * kept[b, u] * r * (one - r)
        for u in range(2 * units):
            dp[b, u] = da[b, u]
        for u in range(units):
            dp[b, 2 * units + u] = da[b, 2 * units + u] * a[b, u]
        for u in range(units):
            flowing[b, u] *= one - a[b, units + u]

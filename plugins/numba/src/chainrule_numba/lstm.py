"""Long short-term memory with compiled kernels."""

from __future__ import annotations

from dataclasses import dataclass

import chainrule_sequence
from chainrule import Array

from .compiled import Out, kernel
from .exponential import logistic, tanh
from .recurrent import Compiled


@dataclass(frozen=True)
class LSTM(Compiled, chainrule_sequence.LSTM):
    """The layer of chainrule-sequence, compiled."""

    plain = chainrule_sequence.LSTM

    def start(self, a: Array, b_W: Array, b_U: Array) -> None:
        """Add both biases."""
        a += b_W + b_U

    def forward_step(self, t: int, a: Array, p: Array, b_U: Array, states: Array, kept: Array) -> None:
        """Leave i, f, g and o in a."""
        write_step(a[t], p, states[1, t], states[0, t + 1], states[1, t + 1])

    def backward_step(self, t: int, a: Array, states: Array, kept: Array, flowing: Array, da: Array, dp: Array) -> None:
        """See `pull_step`; a and p have one δ."""
        pull_step(a[t], states[1, t], states[1, t + 1], flowing[0], flowing[1], da[t])


@kernel
def write_step(a: Out, p: Array, c: Array, h: Out, new: Out) -> None:
    """Write c[t] = f * c[t - 1] + i * g and h[t] = o * tanh(c[t]), and i, f, g, o into a."""
    B, units = c.shape
    for b in range(B):
        for u in range(2 * units):
            a[b, u] = logistic(a[b, u] + p[b, u])
        for u in range(units):
            a[b, 2 * units + u] = tanh(a[b, 2 * units + u] + p[b, 2 * units + u])
        for u in range(units):
            a[b, 3 * units + u] = logistic(a[b, 3 * units + u] + p[b, 3 * units + u])
        for u in range(units):
            new[b, u] = a[b, units + u] * c[b, u] + a[b, u] * a[b, 2 * units + u]
        for u in range(units):
            h[b, u] = a[b, 3 * units + u] * tanh(new[b, u])


@kernel
def pull_step(a: Array, before: Array, c: Array, by_h: Out, by_c: Out, ds: Out) -> None:
    """Write δ of s from those of h[t] and c[t], and overwrite these with those of h[t - 1] and c[t - 1] but by s.

    Formula:  δ_c = by_c + by_h o (1 - tanh²(c[t])); ds_o = by_h tanh(c[t]) o (1 - o); ds_i = δ_c g i (1 - i);
              ds_f = δ_c c[t - 1] f (1 - f); ds_g = δ_c i (1 - g²)
    """
    B, units = c.shape
    zero, one = c.dtype.type(0), c.dtype.type(1)
    for b in range(B):
        for u in range(units):
            ds[b, 3 * units + u] = tanh(c[b, u])  # its place is free until the last of its uses
        for u in range(units):
            shown = ds[b, 3 * units + u]
            by_c[b, u] += by_h[b, u] * a[b, 3 * units + u] * ((one - shown) * (one + shown))
        for u in range(units):
            o = a[b, 3 * units + u]
            ds[b, 3 * units + u] *= by_h[b, u] * o * (one - o)
        for u in range(units):
            i = a[b, u]
            ds[b, u] = by_c[b, u] * a[b, 2 * units + u] * i * (one - i)
        for u in range(units):
            f = a[b, units + u]
            ds[b, units + u] = by_c[b, u] * before[b, u] * f * (one - f)
        for u in range(units):
            g = a[b, 2 * units + u]
            ds[b, 2 * units + u] = by_c[b, u] * a[b, u] * ((one - g) * (one + g))
        for u in range(units):
            by_c[b, u] *= a[b, units + u]
            by_h[b, u] = zero

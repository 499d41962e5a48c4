"""Long short-term memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Array

from .recurrent import Recurrent, falling
from .through_time import Steps


@dataclass(frozen=True)
class LSTM(Recurrent):
    """A recurrence with a memory c: the gate f keeps of it, i adds g to it, and o shows it.

    Formula:  with s = W x[t] + b_W + U h[t - 1] + b_U in the blocks i, f, g, o:
              i = φ(s_i); f = φ(s_f); g = tanh(s_g); o = φ(s_o); c[t] = f * c[t - 1] + i * g; h[t] = o * tanh(c[t])
              φ is the logistic function; h[-1] = c[-1] = 0; y[t] = h[t], or y = h[T - 1] if `last`
    Shapes:   x (B, T, n); y (B, T, units), or (B, units) if `last`; W (4 units, n); U (4 units, units); b_W and b_U
              (4 units,). They are PyTorch's weight_ih_l0, weight_hh_l0, bias_ih_l0 and bias_hh_l0.
    Jacobian: backpropagation through time, see `ThroughTime` and, for one step, `LSTMSteps`.
    Start:    all uniform on ±1/√units, as PyTorch has it; a larger b of f, so that c lasts, is for the user to set.
    Raises:   SettingError; ShapeError when a sample is no sequence of vectors.
    Source:   Hochreiter and Schmidhuber (1997), Long short-term memory, section 4; f is of Gers, Schmidhuber and
              Cummins (2000), Learning to forget, section 3. Built is PyTorch's form: no gate sees c (no peepholes), and
              there are two biases, though only their sum counts.
    """

    blocks = 4
    states = 2
    summed = True

    def step(self, a: Array, p: Array, before: Array, after: Array) -> None:
        """Take a step, and leave i, f, g and o in a."""
        (_, c), (h, new) = before, after
        a += p
        for gates in (a[:2], a[3]):
            np.negative(gates, out=gates)
            falling(gates)
        i, f, g, o = a
        np.tanh(g, out=g)
        np.multiply(f, c, out=new)
        np.multiply(i, g, out=h)
        new += h
        np.tanh(new, out=h)
        h *= o

    def steps(self, a: Array, p: Array, states: Array) -> LSTMSteps:
        """Return the factors of all steps."""
        (i, f, g, o), c = a, states[1]
        shown = np.tanh(c[1:])
        k = 1 - a
        for factor, own, other in zip(k, (i, f, 1 + g, o), (g, c[:-1], i, shown), strict=True):
            factor *= own
            factor *= other
        k_c = 1 - shown
        k_c *= 1 + shown
        k_c *= o
        return LSTMSteps(f.copy(), k, k_c)


@dataclass(slots=True, eq=False)
class LSTMSteps(Steps):
    """A step of the LSTM, linear in the tangents of s = a + p, h and c.

    Formula:  ċ[t] = f * ċ[t - 1] + k_i * ṡ_i + k_f * ṡ_f + k_g * ṡ_g and ḣ[t] = k_o * ṡ_o + k_c * ċ[t], with
              k_i = g i (1 - i), k_f = c[t - 1] f (1 - f), k_g = i (1 - g²), k_o = tanh(c[t]) o (1 - o),
              k_c = o (1 - tanh²(c[t])); h[t - 1] counts by s alone
    Shapes:   f and k_c (T, B, units); k (4, T, B, units).
    """

    f: Array
    k: Array
    k_c: Array

    def push(self, t: int, a: Array, p: Array, state: Array) -> None:
        """Move ḣ and ċ on."""
        h, c = state
        moved = self.k[:, t] * (a + p)
        c *= self.f[t]
        c += moved[:3].sum(axis=0)
        np.multiply(self.k_c[t], c, out=h)
        h += moved[3]

    def pull(self, t: int, state: Array, a: Array, p: Array) -> None:
        """Move δ back: the same factors in the other direction."""
        h, c = state
        np.multiply(self.k_c[t], h, out=a[3])
        c += a[3]
        np.multiply(self.k[3, t], h, out=a[3])
        np.multiply(self.k[:3, t], c, out=a[:3])
        c *= self.f[t]
        h[...] = 0

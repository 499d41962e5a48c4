"""The gated recurrent unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Array

from .recurrent import Recurrent, falling
from .through_time import Steps


@dataclass(frozen=True)
class GRU(Recurrent):
    """A recurrence whose state h moves towards n as far as the gate z lets it; the gate r resets what n sees of it.

    Formula:  with a = W x[t] + b_W and p = U h[t - 1] + b_U, each in the blocks r, z, n:
              r = φ(a_r + p_r); z = φ(a_z + p_z); n = tanh(a_n + r * p_n); h[t] = (1 - z) * n + z * h[t - 1]
              φ is the logistic function; h[-1] = 0; y[t] = h[t], or y = h[T - 1] if `last`
    Shapes:   x (B, T, n); y (B, T, units), or (B, units) if `last`; W (3 units, n); U (3 units, units); b_W and b_U
              (3 units,). They are PyTorch's weight_ih_l0, weight_hh_l0, bias_ih_l0 and bias_hh_l0.
    Jacobian: backpropagation through time, see `ThroughTime` and, for one step, `GRUSteps`.
    Start:    all uniform on ±1/√units, as PyTorch has it.
    Raises:   SettingError; ShapeError when a sample is no sequence of vectors.
    Source:   Cho et al. (2014), Learning phrase representations using RNN encoder-decoder, eq. 5 to 8. They reset
              before the product, U (r * h), and have no b_U; built is PyTorch's form, r * (U h + b_U).
    """

    blocks = 3

    def step(self, a: Array, p: Array, before: Array, after: Array) -> None:
        """Take a step, and leave r, 1 - z and n in a."""
        (h,), (new,) = before, after
        a[:2] += p[:2]
        np.negative(a[0], out=a[0])
        falling(a[:2])
        r, rest, n = a
        np.multiply(r, p[2], out=new)
        n += new
        np.tanh(n, out=n)
        np.subtract(n, h, out=new)
        new *= rest
        new += h

    def steps(self, a: Array, p: Array, states: Array) -> GRUSteps:
        """Return the factors of all steps."""
        (r, rest, n), h = a, states[0, :-1]
        z = 1 - rest
        k_z = h - n
        k_z *= z
        k_z *= rest
        k_r = 1 - r
        k_r *= r
        k_r *= p[2]
        k_n = 1 - n
        k_n *= 1 + n  # which keeps more digits than 1 - n²
        k_n *= rest
        return GRUSteps(r, z, k_r, k_z, k_n)


@dataclass(slots=True, eq=False)
class GRUSteps(Steps):
    """A step of the GRU, linear in the tangents of a, p and h.

    Formula:  ḣ[t] = z * ḣ[t - 1] + k_z * (ȧ_z + ṗ_z) + k_n * (ȧ_n + r * ṗ_n + k_r * (ȧ_r + ṗ_r)), with
              k_z = (h[t - 1] - n) z (1 - z), k_n = (1 - z) (1 - n²), k_r = p_n r (1 - r)
    Shapes:   each (T, B, units).
    """

    r: Array
    z: Array
    k_r: Array
    k_z: Array
    k_n: Array

    def push(self, t: int, a: Array, p: Array, state: Array) -> None:
        """Move ḣ on."""
        (h,) = state
        h *= self.z[t]
        h += self.k_z[t] * (a[1] + p[1])
        h += self.k_n[t] * (a[2] + self.r[t] * p[2] + self.k_r[t] * (a[0] + p[0]))

    def pull(self, t: int, state: Array, a: Array, p: Array) -> None:
        """Move δ back: the same factors in the other direction."""
        (h,), (r, z, n) = state, a
        np.multiply(self.k_n[t], h, out=n)
        np.multiply(self.k_z[t], h, out=z)
        np.multiply(self.k_r[t], n, out=r)
        p[:2] = a[:2]
        np.multiply(self.r[t], n, out=p[2])
        h *= self.z[t]

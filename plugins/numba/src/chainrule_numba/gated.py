"""The activations that let a share of each number through, GELU and SiLU, with compiled kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import chainrule_affine
from chainrule import Array, Diagonal, Jacobian
from chainrule_affine.gelu import CUBE, SLOPE
from chainrule_affine.normal import DENOMINATOR, FAR, NUMERATOR

from .compiled import Out, kernel
from .exponential import exp, logistic
from .threads import aligned

SHARE = 1 / np.sqrt(2 * np.pi)


@dataclass(frozen=True)
class GELU(chainrule_affine.GELU):
    """The layer of chainrule-affine, compiled."""

    def forward(self, x: Array) -> Array:
        """Return x g(x)."""
        return self.linearize(x)[0]

    def linearize(self, x: Array) -> tuple[Array, Jacobian]:
        """Return x Φ(x) and its derivative."""
        return each(write_gelu if self.approximate == "none" else write_gelu_by_tanh, x)


@dataclass(frozen=True)
class SiLU(chainrule_affine.SiLU):
    """The layer of chainrule-affine, compiled."""

    def forward(self, x: Array) -> Array:
        """Return x g(x)."""
        return self.linearize(x)[0]

    def linearize(self, x: Array) -> tuple[Array, Jacobian]:
        """Return x φ(x) and its derivative."""
        return each(write_silu, x)


def each(write: Callable[..., None], x: Array) -> tuple[Array, Jacobian]:
    """Return a function of each number, and its derivative, as `write(x, y, slopes)` writes them, each (size,)."""
    numbers = np.ascontiguousarray(x).reshape(-1)
    y, slopes = aligned(numbers.shape, x.dtype), aligned(numbers.shape, x.dtype)
    write(numbers, y, slopes)
    return y.reshape(x.shape), Jacobian(Diagonal(slopes.reshape(x.shape)))


@kernel
def write_gelu(x: Array, y: Out, slopes: Out) -> None:
    """Write x Φ(x), and Φ(x) + x Φ'(x); Φ as chainrule-affine has it."""
    number = x.dtype.type
    half, one, zero, far, share = number(0.5), number(1), number(0), number(FAR), number(SHARE)
    for i in range(len(x)):
        z = min(abs(x[i]), far)
        above, below = number(NUMERATOR[0]), number(DENOMINATOR[0])
        for n in range(1, len(NUMERATOR)):
            above = above * z + number(NUMERATOR[n])
        for n in range(1, len(DENOMINATOR)):
            below = below * z + number(DENOMINATOR[n])
        bell = exp(-half * z * z)
        tail = above / below * bell
        gate = one - tail if x[i] > zero else tail
        y[i] = x[i] * gate
        slopes[i] = gate + np.copysign(z, x[i]) * bell * share


@kernel
def write_gelu_by_tanh(x: Array, y: Out, slopes: Out) -> None:
    """Write x φ(u), and φ(u) + x u' φ(u) (1 - φ(u)), u = 2 sqrt(2/π) (x + 0.044715 x³)."""
    number = x.dtype.type
    one, three, far, slope, cube = number(1), number(3), number(FAR), number(SLOPE), number(CUBE)
    for i in range(len(x)):
        z = min(max(x[i], -far), far)
        square = cube * z * z
        gate = logistic(slope * z * (one + square))
        y[i] = x[i] * gate
        slopes[i] = gate + z * slope * (one + three * square) * gate * (one - gate)


@kernel
def write_silu(x: Array, y: Out, slopes: Out) -> None:
    """Write x φ(x), and φ(x) + x φ(x) (1 - φ(x))."""
    one = x.dtype.type(1)
    for i in range(len(x)):
        gate = logistic(x[i])
        y[i] = x[i] * gate
        slopes[i] = gate + x[i] * (gate * (one - gate))

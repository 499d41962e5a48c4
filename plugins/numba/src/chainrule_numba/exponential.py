"""Exponentials for kernels to call: of plain arithmetic, so that a loop over them becomes vector instructions.

Formula:  e^x = 2^k e^r, k = ⌊x / log 2 + 1/2⌋, r = x - k log 2; e^r - 1 = Σ r^n / n!, n to 7 in float32, 13 in float64;
          tanh x = -t / (t + 2) with the sign of x, t = e^(-2|x|) - 1; φ(x) = 1 / (1 + e^-x)
Errors:   at most 2 units in the last place for e^x, denormal ones among them, 3 for the others; NaN stays NaN.
Source:   Cody and Waite (1980), Software manual for the elementary functions, chapter 6: log 2 in two parts.
"""

# Numba ships no types.
# mypy: disable-error-code="no-untyped-call, untyped-decorator, import-untyped"

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

Scalar = Callable[[Any], Any]
INLINED: Any = {"forceinline": True}


def exp(x: Any) -> Any:
    """Return e^x."""
    raise NotImplementedError("a function of kernels")


def tanh(x: Any) -> Any:
    """Return (e^x - e^-x) / (e^x + e^-x)."""
    raise NotImplementedError("a function of kernels")


def logistic(x: Any) -> Any:
    """Return 1 / (1 + e^-x)."""
    raise NotImplementedError("a function of kernels")


def reduced(x: Any) -> Any:
    """Return k and e^r - 1."""
    raise NotImplementedError("a function of kernels")


def _into_exponent(_: Any, k: Any) -> Any:
    """Return 2^k of a whole number k, which is written into the bits of the exponent."""
    width, fraction = (32, 23) if k == types.float32 else (64, 52)

    def generate(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        (k,) = arguments
        integer, bias = ir.IntType(width), (1 << (width - fraction - 2)) - 1
        at_the_end = builder.fadd(k, ir.Constant(k.type, 1.5 * 2.0**fraction + bias))
        return builder.bitcast(builder.shl(builder.bitcast(at_the_end, integer), integer(fraction)), k.type)

    return k(k), generate


power_of_two: Any = intrinsic(_into_exponent)


def _number(x: Any) -> Any:
    return np.float32 if x == types.float32 else np.float64


@overload(reduced, jit_options=INLINED)
def _reduced(x: Any) -> Scalar:
    number = _number(x)
    terms, high, low = {
        np.float32: (7, 0.693359375, -2.12194440e-4),
        np.float64: (13, 6.93145751953125e-1, 1.42860682030941723e-6),
    }[number]
    share, half, high, low = map(number, (1 / math.log(2), 0.5, high, low))
    series = tuple(number(1 / math.factorial(n)) for n in range(terms, 0, -1))
    count = len(series)

    def found(x: Any) -> Any:
        k = np.floor(x * share + half)
        r = (x - k * high) - k * low
        value = series[0]
        for n in range(1, count):
            value = value * r + series[n]
        return k, value * r

    return found


@overload(exp, jit_options=INLINED)
def _exp(x: Any) -> Scalar:
    number = _number(x)
    least, most = map(number, (-103.98, 89) if number is np.float32 else (-745.14, 710))
    zero, half, one = number(0), number(0.5), number(1)

    def found(x: Any) -> Any:
        z = zero if x < least else x  # 0 is chosen at the end: to compute it takes processors long
        z = most if z > most else z
        k, rise = reduced(z)
        first = np.floor(k * half)
        y = (rise + one) * power_of_two(first) * power_of_two(k - first)  # 2^k may be too large, or too small, alone
        return zero if x < least else y

    return found


@overload(tanh, jit_options=INLINED)
def _tanh(x: Any) -> Scalar:
    number = _number(x)
    one, two, least = number(1), number(2), number(-40)

    def found(x: Any) -> Any:
        z = -abs(x + x)
        z = least if z < least else z
        k, rise = reduced(z)
        power = power_of_two(k)
        t = power * rise + (power - one)
        return np.copysign(-t / (t + two), x)

    return found


@overload(logistic, jit_options=INLINED)
def _logistic(x: Any) -> Scalar:
    one = _number(x)(1)

    def found(x: Any) -> Any:
        return one / (one + exp(-x))

    return found

"""Checks of settings, for the `__post_init__` of layers, losses and optimizers."""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from .arrays import Shape
from .errors import SettingError


def integer(name: str, value: Any, *, minimum: int) -> int:
    """Return `value` if it is an int of at least `minimum`; a bool, a float and a numeric string are refused.

    Raises:   SettingError.
    """
    if type(value) is not int or value < minimum:
        kind = {0: "an int of at least 0", 1: "a positive int"}.get(minimum, f"an int of at least {minimum}")
        raise SettingError(name, expected=kind, got=value, hint=plain_number(value))
    return value


def positive_int(name: str, value: Any) -> int:
    """Return `value` if it is a positive int. Raises:   SettingError."""
    return integer(name, value, minimum=1)


def positive_real(name: str, value: Any) -> float:
    """Return `value` if it is a finite number above 0. Raises:   SettingError."""
    return real(name, value, above=0.0)


def real(
    name: str, value: Any, *, above: float = -math.inf, minimum: float = -math.inf, below: float = math.inf
) -> float:
    """Return `value` if it is an int or a float, finite, greater than `above`, at least `minimum`, less than `below`.

    Raises:   SettingError.
    """
    number = type(value) in (int, float) and abs(value) <= sys.float_info.max  # NaN is not, nor is 10**400
    if not number or not (above < value and minimum <= value < below):
        bounds = [
            f"above {above:g}" if above > -math.inf else "",
            f"of at least {minimum:g}" if minimum > -math.inf else "",
            f"below {below:g}" if below < math.inf else "",
        ]
        limits = " and ".join(bound for bound in bounds if bound)
        raise SettingError(name, expected=f"a finite number {limits}".rstrip(), got=value, hint=plain_number(value))
    return value  # type: ignore[no-any-return]  # checked above, by type() so that bool is out


def one_of(name: str, value: Any, choices: Sequence[str]) -> str:
    """Return `value` if it is one of `choices`. Raises:   SettingError."""
    if not isinstance(value, str) or value not in choices:
        raise SettingError(name, expected="one of " + ", ".join(map(repr, choices)), got=value)
    return value


def axis_pair(name: str, value: Any, *, minimum: int = 1) -> tuple[int, int]:
    """Return (n, n) for an int n and (n_h, n_w) for a pair, so that 2 and (2, 2) are the same setting.

    Raises:   SettingError when an entry is not an int of at least `minimum`, or there are not two.
    """
    pair = (value, value) if not isinstance(value, tuple | list) else tuple(value)
    if len(pair) != 2 or any(type(entry) is not int or entry < minimum for entry in pair):
        expected = f"an int of at least {minimum} or a pair of them"
        raise SettingError(name, expected=expected, got=value, hint=plain_number(value))
    return pair


def sample_shape(name: str, value: Any) -> Shape:
    """Return `value` as a tuple of positive ints; one int n means (n,), and NumPy's ints are taken.

    Raises:   SettingError.
    """
    axes = value if isinstance(value, tuple | list) else (value,)
    try:
        shape = tuple(operator.index(axis) for axis in axes if not isinstance(axis, bool))
    except TypeError:
        shape = ()
    if len(shape) != len(axes) or any(axis < 1 for axis in shape):
        expected = "a shape of positive ints, without the batch axis"
        raise SettingError(name, expected=expected, got=value, hint=plain_number(value))
    return shape


def boolean(name: str, value: Any) -> bool:
    """Return `value` if it is True or False. Raises:   SettingError."""
    if type(value) is not bool:
        raise SettingError(name, expected="True or False", got=value, hint=plain_number(value))
    return value


def plain_number(value: Any) -> str | None:
    """Return what to do about NumPy's numbers, which no recipe could hold; None for what is or has none."""
    if isinstance(value, np.ndarray):
        return "turn NumPy's array into Python's numbers: value.tolist()"
    if isinstance(value, tuple | list) and any(isinstance(entry, np.generic) for entry in value):
        return "turn NumPy's numbers into Python's: value.item() of each"
    return "turn NumPy's number into Python's: value.item()" if isinstance(value, np.generic) else None

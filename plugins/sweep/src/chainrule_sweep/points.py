"""The points of a sweep: which keys of a recipe are set to what, as the command line says them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from chainrule import SettingError, positive_int, random_stream

Point = dict[str, str]
"""What each key is set to, as text."""


def points(grid: Sequence[str], random: Sequence[str] = (), trials: int = 10, seed: int = 0) -> list[Point]:
    """Return the points of `KEY=VALUE,VALUE` and `KEY=LOW..HIGH`: every combination of the values of the first kind.

    With any of the second kind there are `trials` of each, drawn uniformly, as whole numbers between whole numbers, or
    uniformly on a logarithmic scale: `KEY=log:LOW..HIGH`. Numbers that are drawn have four digits.
    Raises:   SettingError.
    """
    axes = [_key_and_text("--grid", given) for given in grid]
    ranges = {key: _Range.of(key, text) for key, text in (_key_and_text("--random", given) for given in random)}
    keys = [key for key, _ in axes] + [*ranges]
    if not keys:
        raise SettingError("--grid", expected="KEY=VALUE,VALUE, or --random KEY=LOW..HIGH", got="none of both")
    if len({*keys}) < len(axes) + len(random):
        raise SettingError("--grid, --random", expected="each key once", got=keys)
    positive_int("--trials", trials)
    rng = random_stream(seed, "sweep")
    values = [values_of(text) for _, text in axes]
    found = [dict(zip(keys, chosen, strict=False)) for chosen in product(*values)]
    if not ranges:
        return found
    return [point | {key: own.draw(rng) for key, own in ranges.items()} for point in found for _ in range(trials)]


def _key_and_text(option: str, given: str) -> tuple[str, str]:
    key, equals, text = given.partition("=")
    if not (equals and key.strip() and text.strip()):
        form = "KEY=VALUE,VALUE" if option == "--grid" else "KEY=LOW..HIGH"
        raise SettingError(option, expected=f"{form}, such as training.optimizer.learning_rate=…", got=given)
    return key.strip(), text.strip()


def values_of(text: str) -> list[str]:
    """Return the values between commas; those within brackets, braces and quotes divide nothing."""
    parts, depth, quote = [""], 0, ""
    for character in text:
        quote = "" if character == quote else quote or (character if character in "'\"" else "")
        depth += 0 if quote else (character in "[{") - (character in "]}")
        if character == "," and not quote and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    values = [part.strip() for part in parts]
    if "" in values:
        raise SettingError("--grid", expected="a value between two commas", got=text)
    return values


@dataclass(frozen=True)
class _Range:
    low: float
    high: float
    whole: bool
    logarithmic: bool

    @classmethod
    def of(cls, key: str, text: str) -> _Range:
        found = re.fullmatch(r"(log:)?(\S+?)\.\.(\S+)", text)
        try:
            low, high = (math.nan, math.nan) if found is None else (_number(found[2]), _number(found[3]))
        except ValueError:
            low = high = math.nan
        if found is None or not -math.inf < low < high < math.inf:
            raise SettingError(f"--random {key}", expected="LOW..HIGH, or log:LOW..HIGH", got=text)
        if found[1] and low <= 0:
            raise SettingError(f"--random {key}", expected="numbers above 0 for a logarithmic scale", got=text)
        return cls(low, high, type(low) is type(high) is int, found[1] is not None)

    def draw(self, rng: np.random.Generator) -> str:
        """Return a number as text."""
        if self.whole and not self.logarithmic:
            return str(rng.integers(int(self.low), int(self.high), endpoint=True))
        low, high = (math.log(self.low), math.log(self.high)) if self.logarithmic else (self.low, self.high)
        value = rng.uniform(low, high)
        value = math.exp(value) if self.logarithmic else value
        return str(round(value)) if self.whole else f"{value:.4g}"


def _number(text: str) -> float:
    return int(text) if re.fullmatch(r"[-+]?\d+", text) else float(text)

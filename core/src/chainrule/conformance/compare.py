"""Compare two arrays, and say of a difference where it is, both numbers, and the likely cause."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any

import numpy as np

from ..arrays import Array
from .differences import Judgement
from .outcomes import Failure

Label = Callable[[tuple[int, ...]], str]


def entry(name: str) -> Label:
    """Return the label `name[i, j]` of an index."""
    return lambda index: f"{name}[{', '.join(map(str, index))}]" if index else name


def within(place: str, label: Label) -> Label:
    """Return a label with a place in front."""
    return lambda index: place + label(index)


def always(text: str) -> Label:
    """Return the label that is the same for every index."""
    return lambda index: text


def agree(
    got: Any,
    expected: Any,
    tolerance: Any,
    *,
    label: Label | str,
    got_is: str,
    expected_is: str,
    B: int | None = None,
    hint: str = "",
) -> None:
    """Raise a Failure at the entry where `got` is furthest from `expected`, beyond the tolerance.

    NaN and infinity agree with themselves alone. `B` is the size of the batch, for a likely cause; `hint` stands in
    for one where no pattern is known.
    """
    got, expected = np.asarray(got), np.asarray(expected)
    label = entry(label) if isinstance(label, str) else label
    if got.shape != expected.shape:
        raise Failure(f"{label(())}: {got_is} has shape {got.shape}, {expected_is} {expected.shape}")
    if got.dtype == bool or expected.dtype == bool:
        got, expected = got.astype(int), expected.astype(int)
    wrong = differs(got, expected, tolerance)
    if not wrong.any():
        return
    with np.errstate(all="ignore"):
        apart = np.abs(got - expected)
    apart = np.where(wrong, np.where(np.isnan(apart), np.inf, apart), -1.0)
    worst = np.unravel_index(int(apart.argmax()), apart.shape)
    index = tuple(int(i) for i in worst)
    count = f"{int(wrong.sum())} of {wrong.size} entries differ" if wrong.size > 1 else "it differs"
    cause = hint if hint and got.size < 3 else likely_cause(got, expected, wrong, B) or hint
    raise Failure(
        f"{label(index)}: {got_is} {number(got[index], expected[index])}, {expected_is} "
        f"{number(expected[index], got[index])} ({count})" + (f"\nlikely cause: {cause}" if cause else "")
    )


def judged(judgement: Judgement, got: Array, *, label: Label | str, got_is: str, B: int) -> None:
    """Raise a Failure at a derivative that the judgement calls wrong."""
    shown, numerical = (np.where(judgement.wrong, values, 0.0) for values in (got, judgement.numerical))
    agree(shown, numerical, 0.0, label=label, got_is=got_is, expected_is="numerical", B=B)


def differs(got: Array, expected: Array, tolerance: Any) -> Array:
    """Return where two arrays are further apart than the tolerance; NaN and infinity equal themselves."""
    with np.errstate(all="ignore"):
        same = (got == expected) | (np.isnan(got) & np.isnan(expected))
        return np.asarray(~(same | (np.abs(got - expected) <= tolerance)))


def number(value: Any, beside: Any) -> str:
    """Return a number with as many digits as tell it from another."""
    short = f"{float(value):.9g}"
    return f"{float(value):.17g}" if short == f"{float(beside):.9g}" else short


def brief(value: Any) -> str:
    """Return how a message shows a value that is no number: its text, cut where it is long."""
    text = str(value)
    return text if len(text) < 80 else f"{text[:60]}…"


def close(got: Array, expected: Array) -> bool:
    """Return whether two arrays are one but for small errors: the test of a pattern."""
    scale = float(np.abs(expected).max(initial=0.0))
    return got.shape == expected.shape and bool(np.all(np.abs(got - expected) <= 1e-5 * scale))


def likely_cause(got: Array, expected: Array, wrong: Array, B: int | None) -> str:
    """Return the known pattern that explains a difference, or ""."""
    if np.isnan(got).any() and not np.isnan(expected).any():
        return "it is NaN: never written, or 0/0 or inf - inf" if np.isnan(got).all() else "NaN arises on the way"
    if not (np.isfinite(got).all() and np.isfinite(expected).all()):
        return ""
    if not got.any():
        return "it is zero everywhere"
    if not expected.any():
        return ""
    for pattern in (_factor, _rearranged, _partly_right):
        cause = pattern(got, expected, wrong, B)
        if cause:
            return cause
    return ""


def _factor(got: Array, expected: Array, wrong: Array, B: int | None) -> str:
    factor = float((got * expected).sum() / (expected * expected).sum())
    if abs(factor - 1) < 1e-6:
        return ""
    if got.size > 1 and close(got, factor * expected) and factor != 0:
        if B is not None and B > 1 and abs(factor * B - 1) < 1e-4:
            return f"it equals the right value divided by B = {B}; the driver multiplies by 1/B, once, at the loss"
        if B is not None and B > 1 and abs(factor / B - 1) < 1e-4:
            return f"it equals the right value times B = {B}"
        if abs(factor + 1) < 1e-4:
            return "it has the opposite sign"
        return f"it equals the right value times {factor:.6g}"
    if got.size > 2 and close(np.abs(got), np.abs(expected)):
        return "the sizes are right, some signs are not"
    return ""


def _rearranged(got: Array, expected: Array, wrong: Array, B: int | None) -> str:
    if got.ndim > 4 or got.size > 5000:
        return ""
    for axes in permutations(range(got.ndim)):
        if list(axes) != sorted(axes) and close(np.transpose(got, axes), expected):
            return f"it is the right value transposed, axes {axes}"
    for axis in range(got.ndim):
        if got.shape[axis] > 1 and close(np.flip(got, axis), expected):
            return f"it is the right value in reverse order along axis {axis}"
        for shift in (1, -1):
            if got.shape[axis] > 2 and close(np.roll(got, -shift, axis), expected):
                return f"it is the right value moved by {shift} along axis {axis}"
    return ""


def _partly_right(got: Array, expected: Array, wrong: Array, B: int | None) -> str:
    if wrong.ndim and len(wrong) > 1 and not wrong[0].any() and all(rows.any() for rows in wrong[1:]):
        return "only the first along axis 0 is right: does a loop end after its first turn?"
    zeroed = wrong & (got == 0) & (expected != 0)
    if wrong.any() and (zeroed == wrong).all():
        return "entries that should count are left at zero"
    extra = wrong & (got != 0) & (expected == 0)
    if wrong.any() and (extra == wrong).all():
        return "entries that should be zero are not"
    return ""


def same_bits(got: Any, expected: Any, *, label: Label | str, got_is: str, expected_is: str, hint: str = "") -> None:
    """Raise a Failure unless two arrays are the same to the last bit."""
    agree(got, expected, 0.0, label=label, got_is=got_is, expected_is=expected_is, hint=hint)


def relative(expected: Any, rate: float, floor: float = 1e-3) -> float:
    """Return a tolerance in proportion to the largest finite entry, and at least to `floor`.

    Terms of size 1 that cancel leave noise, not zeros: what is much smaller than they is compared with them.
    """
    values = np.abs(np.asarray(expected, np.float64))
    return rate * max(float(values[np.isfinite(values)].max(initial=0.0)), floor)


def same_names(got: Sequence[str], expected: Sequence[str], *, got_is: str, expected_is: str) -> None:
    """Raise a Failure unless two lists have the same names."""
    if sorted(got) != sorted(expected):
        raise Failure(f"{got_is} has {sorted(got)}, {expected_is} {sorted(expected)}")

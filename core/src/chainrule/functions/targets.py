"""Checks of targets and scores, for losses: each returns them as the formula wants them, or raises a TargetError."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..admission import as_array, first_place
from ..arrays import Array
from ..errors import TargetError

RENUMBER = "np.unique(targets, return_inverse=True)"
"""What makes numbers from 0 of any labels, in Python."""

FEW, BINARY = 32, frozenset((0, 1))
"""Of how many numbers Python knows sooner than NumPy what they are, and what most binary targets are."""


def plain_scores(loss: str, scores: Array) -> Array:
    """Return scores as a plain array. Raises:   TargetError for masked ones, as the checks of targets do."""
    return as_array(f"{loss} scores", scores, TargetError)


def real_targets(loss: str, scores: Array, given: Any, *, finite: bool = False) -> Array:
    """Return real targets of exactly the scores' shape, in the scores' dtype.

    `loss` is the name that a message begins with; with `finite`, NaN and infinity are refused, which a loss may also
    take for gaps. Raises:   TargetError.
    """
    targets = given if type(given) is np.ndarray else _array(loss, given)
    if type(scores) is not np.ndarray:
        plain_scores(loss, scores)
    if targets.shape != scores.shape:
        one, shape = "one target for each score", ", ".join(map(str, (-1, *scores.shape[1:])))
        hint = f"the same shape as the scores: targets.reshape({shape})" if targets.size == scores.size else one
        other = f"{one}, and as many scores as targets"
        raise TargetError(f"{loss} targets", expected=scores.shape, got=targets.shape, hint=hint, recipe_hint=other)
    if targets.dtype.kind not in "fiub":
        raise TargetError(f"{loss} targets", expected="real numbers", got=targets.dtype, hint=_numbering(targets))
    if finite and not np.isfinite(targets).all():
        got = show_first(targets, ~np.isfinite(targets))
        raise TargetError(f"{loss} targets", expected="finite numbers", got=got, hint="mend or drop the row")
    return targets if targets.dtype == scores.dtype else targets.astype(scores.dtype)


def binary_targets(loss: str, scores: Array, given: Any) -> Array:
    """Return targets of the scores' shape, each 0, 1 or a probability between. Raises:   TargetError."""
    targets: Array = real_targets(loss, scores, given)
    if targets.size <= FEW and BINARY.issuperset(targets.ravel().tolist()):
        return targets
    # NaN is refused, too, since no comparison holds for it.
    if targets.size and not (np.minimum.reduce(targets, axis=None) >= 0 and np.maximum.reduce(targets, axis=None) <= 1):
        got, hint = show_first(targets, ~((targets >= 0) & (targets <= 1))), "for -1 and 1 use signed_logistic"
        further = f"{hint}; classes = true under [data] numbers two other labels 0 and 1"
        expected = "0, 1, or a probability between"
        raise TargetError(f"{loss} targets", expected=expected, got=got, hint=hint, recipe_hint=further)
    return targets


def sign_targets(loss: str, scores: Array, given: Any) -> Array:
    """Return targets of the scores' shape, each -1 or 1. Raises:   TargetError."""
    targets: Array = real_targets(loss, scores, given)
    legal = np.abs(targets) == 1
    if not legal.all():
        got, other = show_first(targets, ~legal), "for 0 and 1 use logistic"
        hint = f"{other}, or 2 * targets - 1"
        raise TargetError(f"{loss} targets", expected="-1 or 1", got=got, hint=hint, recipe_hint=other)
    return targets


def class_targets(loss: str, scores: Array, given: Any) -> Array:
    """Return integer classes of shape (B,), counted from 0 and below m, for scores (B, m). Raises:   TargetError."""
    targets = given if type(given) is np.ndarray else _array(loss, given)
    if type(scores) is not np.ndarray or scores.ndim != 2:
        _check_scores(loss, scores)
    m = scores.shape[1]
    if targets.dtype.kind not in "iu":
        raise not_classes(f"{loss} targets", targets)
    if targets.shape != scores.shape[:1]:
        hint = "targets.reshape(-1)" if targets.size == len(scores) else "one class for each row of scores"
        expected, other = scores.shape[:1], "one class for each sample"
        raise TargetError(f"{loss} targets", expected=expected, got=targets.shape, hint=hint, recipe_hint=other)
    if not _all_below(m, targets):
        rule = f"classes count from 0, and the last layer has {m} outputs"
        got = show_first(targets, (targets < 0) | (targets >= m))
        hint = f"{rule}; {RENUMBER} counts labels so"
        other = f"{rule}; classes = true under [data] counts labels so, whatever they are"
        raise TargetError(f"{loss} targets", expected=f"classes 0 to {m - 1}", got=got, hint=hint, recipe_hint=other)
    return targets


def _all_below(m: int, targets: Array) -> bool:
    """Return whether all targets are 0 … m-1."""
    if targets.size <= FEW:
        try:  # to take them as indices costs half of two bounds
            np.ravel_multi_index((targets,), (m,))
        except (TypeError, ValueError):  # unsigned ones of 64 bits are no indices either, nor is anything of no place
            pass
        else:
            return True
    return not targets.size or bool(np.maximum.reduce(targets) < m and np.minimum.reduce(targets) >= 0)


def distribution_targets(loss: str, scores: Array, given: Any) -> Array:
    """Return a distribution over the m classes for each of the scores (B, m). Raises:   TargetError."""
    _check_scores(loss, scores)
    targets: Array = binary_targets(loss, scores, given)
    sums = targets.sum(axis=1)
    legal = np.abs(sums - 1) < 1e-3 * max(1, scores.shape[1] / 2)  # shares rounded to three digits are meant as one
    if not legal.all():
        one = "the last layer has 1 output: give it one for each class"
        hint = "divide each row by its sum" if scores.shape[1] > 1 else one
        got = f"a sum of {show_first(sums, ~legal)}"
        raise TargetError(f"{loss} targets", expected="rows that sum to 1", got=got, hint=hint)
    return targets


def not_classes(where: str, targets: Array) -> TargetError:
    """Return the error for targets that are no integers."""
    other, hint = "for real numbers, use a loss such as squared_error", _numbering(targets)
    if hint is None and targets.dtype.kind in "fb":
        hint = "targets.astype(int)" if (targets == np.floor(targets)).all() else other
    integers = f"classes = true under [data] makes classes of labels; {other}"
    return TargetError(where, expected="integer classes", got=f"{targets.dtype}", hint=hint, recipe_hint=integers)


def _numbering(targets: Array) -> str | None:
    """Return how to make numbers of words, None for anything else."""
    return f"classes, targets = {RENUMBER} numbers the classes" if targets.dtype.kind in "USO" else None


def _array(loss: str, targets: Any) -> Array:
    if targets is None:
        raise TargetError(f"{loss} targets", expected="one for each sample", got=None)
    return as_array(f"{loss} targets", targets, TargetError)


def _check_scores(loss: str, scores: Array) -> None:
    plain_scores(loss, scores)
    if scores.ndim != 2:
        hint = "end the network with an affine layer"
        raise TargetError(f"{loss} scores", expected=("B", "m"), got=scores.shape, hint=hint)


def show_first(values: Array, wrong: Array) -> str:
    """Return the first value that is wrong and its place, for a message."""
    at = first_place(wrong)
    return f"{values[at]} at {at[0] if len(at) == 1 else at}"

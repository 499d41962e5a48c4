"""Weights of samples: what a loss says of one counts as often as its weight says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..admission import check_finite, real_array
from ..arrays import Array
from ..errors import DataError, SettingError
from ..functions.losses import Loss
from ..rows import Named, indexable


@dataclass(frozen=True)
class Weighted(Loss):
    """A loss of weighted samples; its targets are the loss's and the weights, as `weighed` returns them.

    Formula:  Obj = Σ_j v_j l_j / Σ_j v_j w_j, v_j the weight of a sample, and w_j what the loss itself weighs it
    Shapes:   v (B,), from 0 on; scores and targets as the loss has them, its error (B,) or (B, …).
    Raises:   as the loss.
    """

    loss: Loss

    def __post_init__(self) -> None:
        object.__setattr__(self, "applies", self.loss.applies)

    def value(self, scores: Any, targets: Any) -> Array:
        """Return v l."""
        own, v = _apart(targets)
        return _times(v, self.loss.value(scores, own))

    def gradient(self, scores: Any, targets: Any) -> Any:
        """Return v ∂l/∂s."""
        return self.linearize(scores, targets)[1]

    def linearize(self, scores: Any, targets: Any) -> tuple[Array, Any]:
        """Return both; of several outputs the gradients are by name."""
        own, v = _apart(targets)
        values, delta = self.loss.linearize(scores, own)
        by_name: Any = delta
        weighted = {k: _times(v, d) for k, d in by_name.items()} if isinstance(by_name, dict) else _times(v, delta)
        return _times(v, values), weighted

    def weight(self, targets: Any) -> Array:
        """Return v w."""
        own, v = _apart(targets)
        return v if type(self.loss).weight is Loss.weight else v * self.loss.weight(own)

    def decide(self, scores: Any) -> Array:
        """Return the loss's decisions."""
        return self.loss.decide(scores)

    def error(self, scores: Any, targets: Any) -> Array | None:
        """Return v where a decision is wrong, and 0 elsewhere."""
        own, v = _apart(targets)
        wrong = self.loss.error(scores, own)
        return None if wrong is None else _times(v, wrong.astype(v.dtype))

    def probabilities(self, scores: Array) -> Array:
        """Return the loss's probabilities."""
        return self.loss.probabilities(scores)

    def hessian(self, scores: Array, targets: Any) -> Array:
        """Return v ∂²l/∂s∂s."""
        own, v = _apart(targets)
        return _times(v, self.loss.hessian(scores, own))


def weigh_parts(
    parts: Mapping[str, tuple[Any, Any]], weights_of: Mapping[str, Any], by_class: Any
) -> dict[str, tuple[Any, Any]]:
    """Return the parts of a run with weighed targets; the weights of classes are those of the training part.

    Raises:   DataError, SettingError.
    """
    table = None if by_class is None else class_weights(by_class, parts["training"][1])
    found = {}
    for part, (x, targets) in parts.items():
        own, what = weights_of.get(part), "sample_weight" if part == "training" else f"{part} weights"
        weights = np.ones(len(x)) if own is None else sample_weights(what, own, len(x))
        found[part] = x, weighed(targets, weights if table is None else weights * of_classes(table, targets))
    return found


def weighed(targets: Any, weights: Array) -> Named:
    """Return the targets, None for none, and the weights of the same samples, indexed by rows."""
    return Named({"weights": weights} if targets is None else {"weights": weights, "targets": targets})


def sample_weights(what: str, given: Any, size: int) -> Array:
    """Return the weight of each of so many samples, (size,), float64.

    Raises:   DataError for another number of them, NaN, one below 0, or all 0.
    """
    weights = real_array(what, indexable(given, what))
    if weights.shape != (size,):
        raise DataError(what, expected=f"{size} numbers, one for each sample", got=f"shape {weights.shape}")
    check_finite(what, weights)
    weights = weights.astype(np.float64, copy=False)
    if weights.min() < 0:
        row = int(weights.argmin())
        raise DataError(f"{what}, row {row}", expected="numbers from 0 on", got=weights[row])
    if not weights.any():
        raise DataError(
            what, expected="a sample that counts", got="0 for each", hint="leave it out: then each counts 1"
        )
    return weights


def class_weights(given: Any, targets: Any) -> dict[Any, float]:
    """Return the weight of each class: of "balanced" n / (k n_c), so that all k of them count alike.

    Raises:   SettingError; DataError for targets that are no classes.
    Source:   King and Zeng (2001), Logistic regression in rare events data, section 4.2.
    """
    classes, counts = np.unique(_classes("class_weight", targets), return_counts=True)
    if isinstance(given, str) and given == "balanced":
        return dict(zip(classes.tolist(), (counts.sum() / (len(classes) * counts)).tolist(), strict=True))
    table = {_class_of(key): value for key, value in given.items()} if isinstance(given, Mapping) else {}
    wrong = [v for v in table.values() if isinstance(v, bool) or not isinstance(v, int | float) or not 0 <= v < np.inf]
    if not table or wrong:
        expected = '"balanced", or a table of numbers from 0 on by class'
        raise SettingError("class_weight", expected=expected, got=wrong[0] if wrong else given)
    unknown = [key for key in table if key not in classes]
    if unknown:
        known = f"the classes are {', '.join(map(str, classes[:20]))}"
        raise SettingError("class_weight", expected="classes of the training data", got=unknown[0], hint=known)
    return {c: float(table.get(c, 1.0)) for c in classes.tolist()}


def of_classes(weights: Mapping[Any, float], targets: Any) -> Array:
    """Return the weight of each sample's class, 1 for a class that training has not seen."""
    return np.array([weights.get(c, 1.0) for c in _classes("class_weight", targets).tolist()])


def _classes(what: str, targets: Any) -> Array:
    """Return the class of each sample as a whole number. Raises:   DataError."""
    given = np.zeros(0) if targets is None else np.asarray(targets)
    classes = given.reshape(-1)
    if given.size != len(given) or classes.dtype.kind not in "iubf" or (classes != np.round(classes)).any():
        came = "no targets" if targets is None else f"{given.dtype} of shape {given.shape}"
        raise DataError(what, expected="targets that are classes, one for each sample", got=came)
    return classes.astype(np.int64)


def _class_of(key: Any) -> Any:
    """Return a class as targets have it: in a recipe every key is text."""
    return int(key) if isinstance(key, str) and key.lstrip("-").isdigit() else key


def _apart(targets: Any) -> tuple[Any, Array]:
    return targets.arrays.get("targets"), targets["weights"]


def _times(v: Array, array: Array) -> Array:
    return np.asarray(array * v.astype(array.dtype, copy=False).reshape(-1, *(1,) * (array.ndim - 1)))

"""Metrics: accuracies of classes, and how far numbers are off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Array, Metric, TargetError
from chainrule.admission import real_array


@dataclass(frozen=True)
class Accuracy(Metric):
    """The share of samples whose decision is right; of several decisions each has to be.

    Formula:  Σ_i v_i δ(ŷ_i, y_i) / Σ_i v_i
    Shapes:   targets and decisions (N,) or (N, …), weights v (N,).
    Undefined where the weights are all 0.
    """

    def measure(self, targets: Array, decisions: Array, probabilities: Array | None, weights: Array) -> float | None:
        """Return the weighted share."""
        _check("accuracy", targets, decisions)
        right = (targets == decisions).reshape(len(targets), -1).all(axis=1)
        return float(weights @ right / weights.sum()) if weights.any() else None


@dataclass(frozen=True)
class BalancedAccuracy(Metric):
    """The mean, over the classes that occur, of the share of their samples that is found.

    Formula:  1/m Σ_k Σ_(i: y_i = k) v_i δ(ŷ_i, k) / Σ_(i: y_i = k) v_i, m the number of classes with a weight above 0
    Shapes:   targets and decisions (N,), weights v (N,).
    Undefined where one class occurs: what decides for it alone would be perfect.
    Source:   Brodersen et al. (2010), The balanced accuracy and its posterior distribution, section II.
    """

    def measure(self, targets: Array, decisions: Array, probabilities: Array | None, weights: Array) -> float | None:
        """Return the mean recall."""
        _check("balanced_accuracy", targets, decisions)
        if targets.ndim != 1:
            hint = "accuracy takes several a sample"
            raise TargetError("balanced_accuracy targets", expected="one class a sample", got=targets.shape, hint=hint)
        _, places = np.unique(targets, return_inverse=True)
        there = np.bincount(places, weights)
        found = np.bincount(places, weights * (targets == decisions))[there > 0] / there[there > 0]
        return float(found.mean()) if len(found) > 1 else None


@dataclass(frozen=True)
class R2(Metric):
    """The share of the targets' variance that is explained, the mean of it over several targets.

    Formula:  1 - Σ_i v_i (y_i - ŷ_i)² / Σ_i v_i (y_i - ȳ)², ȳ the weighted mean of y
    Shapes:   targets and decisions (N,) or (N, …), weights v (N,).
    Undefined where a target is constant.
    Source:   Draper and Smith (1998), Applied regression analysis, eq. 1.3.4.
    """

    def measure(self, targets: Array, decisions: Array, probabilities: Array | None, weights: Array) -> float | None:
        """Return R²."""
        y, off = _numbers("r2", targets, decisions)
        if not weights.any():
            return None
        varies = (y[weights > 0] != y[weights > 0][0]).any(axis=0)
        if not varies.all():
            return None
        mean = weights @ y / weights.sum()
        return float((1 - weights @ off**2 / (weights @ (y - mean) ** 2)).mean())


@dataclass(frozen=True)
class MAE(Metric):
    """The mean absolute error, in the unit of the targets.

    Formula:  Σ_i v_i |y_i - ŷ_i| / Σ_i v_i, the mean of it over several targets
    Shapes:   targets and decisions (N,) or (N, …), weights v (N,).
    Undefined where the weights are all 0.
    """

    larger_is_better = False

    def measure(self, targets: Array, decisions: Array, probabilities: Array | None, weights: Array) -> float | None:
        """Return the mean."""
        _, off = _numbers("mae", targets, decisions)
        return float((weights @ np.abs(off)).mean() / weights.sum()) if weights.any() else None


@dataclass(frozen=True)
class RMSE(Metric):
    """The root of the mean squared error, in the unit of the targets.

    Formula:  √(Σ_i v_i (y_i - ŷ_i)² / Σ_i v_i), the mean of it over several targets
    Shapes:   targets and decisions (N,) or (N, …), weights v (N,).
    Undefined where the weights are all 0.
    """

    larger_is_better = False

    def measure(self, targets: Array, decisions: Array, probabilities: Array | None, weights: Array) -> float | None:
        """Return the root."""
        _, off = _numbers("rmse", targets, decisions)
        return float(np.sqrt(weights @ off**2 / weights.sum()).mean()) if weights.any() else None


def _check(name: str, targets: Array, decisions: Array) -> None:
    """Refuse decisions that are none about the targets. Raises:   TargetError."""
    if targets.shape != decisions.shape:
        raise TargetError(f"{name} targets", expected=f"those of decisions, {decisions.shape}", got=targets.shape)
    if decisions.dtype.kind not in "iub":
        hint = "of numbers, r2, mae and rmse say how far they are off"
        raise TargetError(f"{name} decisions", expected="classes", got=decisions.dtype, hint=hint)


def _numbers(name: str, targets: Array, decisions: Array) -> tuple[Array, Array]:
    """Return targets and how far decisions are off, (N, columns) of float64. Raises:   TargetError."""
    if targets.shape != decisions.shape:
        raise TargetError(f"{name} targets", expected=f"those of decisions, {decisions.shape}", got=targets.shape)
    y, decided = (
        real_array(f"{name} {what}", given, TargetError).astype(np.float64).reshape(len(given), -1)
        for what, given in (("targets", targets), ("decisions", decisions))
    )
    return y, y - decided

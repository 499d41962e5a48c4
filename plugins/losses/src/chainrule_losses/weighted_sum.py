"""The loss of a network of several outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import Array, Loss, SettingError, TargetError, positive_real
from chainrule.rows import Named


@dataclass(frozen=True)
class WeightedSum(Loss):
    """Losses of outputs by name, added up.

    Formula:  l = Σ_k a_k l_k(s_k, y_k), with a_k = `weights[k]`, 1 where it is not given
    Shapes:   scores and targets by the names of the outputs.
    Raises:   SettingError for losses that are none, or that weigh their points; TargetError for other names.
    """

    losses: Mapping[str, Loss]
    weights: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.losses, Mapping) or not self.losses:
            raise SettingError("losses", expected="a loss for each output, by name", got=self.losses)
        for name, loss in self.losses.items():
            if not isinstance(loss, Loss):
                raise SettingError(f"losses: {name}", expected="a Loss", got=loss)
            if type(loss).weight is not Loss.weight:
                hint = "the mean of each output would be another one"
                raise SettingError(f"losses: {name}", expected="one whose points all weigh 1", got=loss, hint=hint)
        weights = {} if self.weights is None else self.weights
        if not isinstance(weights, Mapping) or not weights.keys() <= self.losses.keys():
            raise SettingError("weights", expected=f"numbers for {', '.join(self.losses)}, by name", got=weights)
        for name, value in weights.items():
            positive_real(f"weights: {name}", value)

    def value(self, scores: Any, targets: Any) -> Array:
        """Return Σ_k a_k l_k."""
        parts = self._parts(scores, targets)
        return np.asarray(sum(a * loss.value(s, y) for _, a, loss, s, y in parts))

    def gradient(self, scores: Any, targets: Any) -> Any:
        """Return a_k ∂l_k/∂s_k of each output, by name."""
        return {name: a * loss.gradient(s, y) for name, a, loss, s, y in self._parts(scores, targets)}

    def decide(self, scores: Any) -> Any:
        """Return each output's decisions, by name."""
        return {name: loss.decide(scores[name]) for name, loss in self.losses.items()}

    def error(self, scores: Any, targets: Any) -> Array | None:
        """Return whether any decision of any output is wrong; None where none of the losses decides."""
        found = [loss.error(s, y) for *_, loss, s, y in self._parts(scores, targets)]
        wrong = [errors.reshape(len(errors), -1).any(axis=1) for errors in found if errors is not None]
        return np.logical_or.reduce(wrong) if wrong else None

    def _parts(self, scores: Any, targets: Any) -> list[tuple[str, float, Loss, Array, Any]]:
        own = targets.arrays if isinstance(targets, Named) else targets
        for what, given in (("scores", scores), ("targets", own)):
            if not isinstance(given, Mapping) or given.keys() != self.losses.keys():
                got = ", ".join(given) if isinstance(given, Mapping) else type(given).__name__
                hint = "give arrays by the names of the outputs"
                raise TargetError(what, expected=f"those of {', '.join(self.losses)}, by name", got=got, hint=hint)
        weights = self.weights or {}
        return [(name, weights.get(name, 1.0), loss, scores[name], own[name]) for name, loss in self.losses.items()]

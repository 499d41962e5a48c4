"""Metrics: figures of a whole part that no mean over batches is, such as the area under a curve."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..arrays import Array
from ..errors import PluginError, SettingError
from ..functions.losses import Loss
from ..rows import Named
from .weights import Weighted

if TYPE_CHECKING:
    from ..functions.network import Network

RESERVED = ("", "loss", "error")


@dataclass(frozen=True)
class Metric(ABC):
    """A figure of all samples of a part at once: write a frozen dataclass whose fields are the settings."""

    larger_is_better: ClassVar[bool] = True
    """Whether early stopping waits for it to rise."""
    needs_probabilities: ClassVar[bool] = False
    """Whether it is given the loss's probabilities, which are not computed otherwise."""

    @abstractmethod
    def measure(self, targets: Array, decisions: Array, probabilities: Array | None, weights: Array) -> float | None:
        """Return the figure, None where it is undefined, as where a part has but one class.

        Shapes:   targets and decisions (N,) or (N, …), in one alphabet, that of the targets, and of one number a
                  sample (N,); of targets that are distributions over classes the likeliest. Probabilities (N, m) of m
                  classes, or (N,) that of the larger of two. Weights (N,), float64, ones where samples have none.
        """


@dataclass(frozen=True)
class Outputs:
    """What a network said of some samples: their targets, decisions and probabilities, None where nobody asks."""

    targets: Any
    decisions: Any
    probabilities: Any

    @classmethod
    def of(cls, loss: Loss, scores: Any, targets: Any, metrics: Mapping[str, Metric]) -> Outputs | None:
        """Return those of a batch, None without metrics."""
        if not metrics:
            return None
        asked = any(metric.needs_probabilities for metric in metrics.values())
        return cls(targets, loss.decide(scores), loss.probabilities(scores) if asked else None)


def measured(metrics: Mapping[str, Metric], loss: Loss, batches: Sequence[Outputs | None]) -> dict[str, float | None]:
    """Return each metric of the batches of a part, in their order. Raises:   PluginError for one that is at fault."""
    parts = [batch for batch in batches if batch is not None]
    if not parts:
        return {}
    decisions = _vector(np.concatenate([part.decisions for part in parts]))
    weights = np.ones(len(decisions))
    if isinstance(loss, Weighted):
        weights = np.concatenate([part.targets["weights"] for part in parts])
        targets = np.concatenate([part.targets["targets"] for part in parts])
    else:
        targets = np.concatenate([part.targets for part in parts])
    if targets.ndim == 2 and decisions.ndim == 1 and targets.shape[1] > 1:
        targets = targets.argmax(axis=1)
    asked = parts[0].probabilities is not None
    probabilities = _vector(np.concatenate([part.probabilities for part in parts])) if asked else None
    given = _vector(targets), decisions, probabilities, weights
    return {name: _figure(name, metric, given) for name, metric in metrics.items()}


def check_metrics(metrics: Any, network: Network, loss: Loss, x: Any, targets: Any) -> dict[str, Metric]:
    """Return metrics by name. Raises:   SettingError, for a loss or targets that have none; UnsupportedError."""
    given = {} if metrics is None else metrics
    if not isinstance(given, Mapping) or not all(isinstance(metric, Metric) for metric in given.values()):
        raise SettingError("metrics", expected='metrics by name, {"r2": R2()}', got=metrics)
    wrong = [name for name in given if not isinstance(name, str) or name in RESERVED]
    if wrong:
        raise SettingError("metrics", expected="names, and none of loss and error, which are there", got=wrong[0])
    if given and (targets is None or isinstance(targets, Named) or isinstance(network.output_shape, dict)):
        came = "several outputs" if targets is not None else "no targets"
        raise SettingError("metrics", expected="none, as there is no one target a sample", got=came)
    if given:
        Outputs.of(loss, network.predict(x[:1]), None, given)  # a loss without probabilities says so now
    return dict(given)


def _vector(values: Array) -> Array:
    return values.reshape(-1) if values.ndim == 2 and values.shape[1] == 1 else values


def _figure(name: str, metric: Metric, given: tuple[Array, Array, Array | None, Array]) -> float | None:
    try:
        value = metric.measure(*given)
    except Exception as error:  # of whatever it computes with
        where = f"metric {name!r} failed: {type(error).__name__}: {error}"
        raise PluginError(where, hint="mend it, or take it out of the metrics") from error
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if value is None or (number and math.isfinite(value)):
        return None if value is None else float(value)
    hint = "None says that it is undefined"
    raise PluginError(f"metric {name!r}", expected="a finite number, or None", got=repr(value), hint=hint)

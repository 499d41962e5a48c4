"""Stop when there is nothing more to gain."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import Array, CheckpointError, EpochRecord, Metric, Run, SettingError, positive_int, real
from chainrule.errors import warn

from .tensors import short

PARTS = {"e_validation": "validation", "e_out": "test", "e_in": "training"}
OWN = ("loss", "error")
HOLD_BACK = "validation_fraction = 0.1 in the recipe's data, validation=(x, targets) in Python"


@dataclass(frozen=True)
class EarlyStopping:
    """Ends a run when `metric` has not fallen for `patience` epochs, and gives back the parameters of the best epoch.

    The metric is the loss of the validation part where there is one, and else of the test part, unless it is given:
    `e_validation`, `e_out` or `e_in`, a dot, and `loss`, `error` or the name of one of the run's metrics. One of which
    larger is better is to rise instead, and where it is undefined an epoch is no better.
    Where the test part chooses there is a ChainruleWarning: E_out of an epoch that was chosen by it is too low.
    An epoch is better when the metric falls by more than `least`; a metric that is not finite never is. The best
    parameters are put back whenever the run ends for good, at its last epoch, too, and `history.best` is that epoch; a
    run that is interrupted keeps its own, and goes on from them. One that diverges has those of its last good epoch.

    Raises:   SettingError for a wrong setting, for a metric of a part that there is not, and for an error rate where
              the loss makes no decisions.
    Source:   Prechelt (1998), Early stopping - but when?, criterion UP.
    """

    patience: int
    metric: str | None = None
    least: float = 0.0

    def __post_init__(self) -> None:
        positive_int("patience", self.patience)
        if self.metric is not None:
            part, dot, name = self.metric.partition(".") if isinstance(self.metric, str) else ("", "", "")
            if part not in PARTS or not dot or not name:
                expected = f"{', '.join(PARTS)}, a dot, and loss, error or a metric of the run"
                raise SettingError("metric", expected=expected, got=self.metric)
        real("least", self.least, minimum=0.0)

    def chainrule_training_started(self, run: Run) -> None:
        """Look whether there is what the metric needs, and say where the choice spoils an estimate."""
        metric = self._metric(run)
        part = metric.partition(".")[0]
        there = {"e_validation": run.has_validation, "e_out": run.has_test, "e_in": True}
        names = [*OWN, *_metrics(run)]
        known = [f"{own}.{name}" for own in PARTS if there[own] for name in names]
        if not there[part]:
            missing = PARTS[part] if self.metric else "validation part and no test"
            raise SettingError(
                "early_stopping.metric",
                expected=f"{' or '.join(known)}, as there is no {missing} part",
                got=self.metric,
                hint=f"or hold samples back: {HOLD_BACK}",
            )
        if metric not in known:
            hint = "the metrics of a run are those of [training] metrics, or train(…, metrics=…)"
            raise SettingError("early_stopping.metric", expected=" or ".join(known), got=metric, hint=hint)
        if part == "e_out":
            warn(
                f"early stopping: {metric} chooses the epoch, and so E_out of that epoch is no honest estimate, but "
                f"too low; let other samples choose: {HOLD_BACK}"
            )
        best = run.kept.get(_key(metric))
        if best is not None and not _is_best(best, run.network.state):
            raise CheckpointError(
                f"what {_key(metric)!r} kept",
                expected="the value, the epoch and the parameters of the best epoch",
                got=short(best),
            )

    def chainrule_epoch_ended(self, run: Run, record: EpochRecord) -> None:
        """Keep the best so far; stop when it is `patience` epochs old."""
        metric = self._metric(run)
        key, value = _key(metric), _value(metric, record, _metrics(run))
        best: dict[str, Any] | None = run.kept.get(key)
        if best is None or value < best["value"] - self.least:
            run.kept[key] = {"value": value, "epoch": record.epoch, "theta": run.network.state.copy()}
        elif record.epoch - best["epoch"] >= self.patience:
            run.stop(f"early stopping: {metric} was best in epoch {best['epoch']}, whose parameters are kept")

    def chainrule_training_ended(self, run: Run) -> None:
        """Put the best parameters back."""
        best = run.kept.get(_key(self._metric(run)))
        if run.finished and best is not None:
            run.network.state = best["theta"]
            run.history.best = next((record for record in run.history if record.epoch == best["epoch"]), None)

    def _metric(self, run: Run) -> str:
        return self.metric or ("e_validation.loss" if run.has_validation else "e_out.loss")


def _key(metric: str) -> str:
    return f"early stopping on {metric}"


def _metrics(run: Run) -> Mapping[str, Metric]:
    return {} if run.work is None else run.work.metrics


def _value(metric: str, record: EpochRecord, metrics: Mapping[str, Metric]) -> float:
    """Return what is to fall; what is not finite is infinite. Raises:   SettingError for an error that is none."""
    part, _, name = metric.partition(".")
    value: float | None = getattr(record, part).figures[name]
    if name in metrics:
        return math.inf if value is None else -value if metrics[name].larger_is_better else value
    if value is None:
        raise SettingError(
            "early_stopping.metric",
            expected=f"{part}.loss, as the loss makes no decisions that could be wrong",
            got=metric,
        )
    return value if math.isfinite(value) else math.inf


def _is_best(kept: Any, theta: Array) -> bool:
    """Return whether it is what a hook of this class kept: a checkpoint may hold anything."""
    if type(kept) is not dict or kept.keys() != {"value", "epoch", "theta"}:
        return False
    best = kept["theta"]
    fits = isinstance(best, np.ndarray) and (best.shape, best.dtype) == (theta.shape, theta.dtype)
    return fits and isinstance(kept["value"], int | float | np.number) and type(kept["epoch"]) is int

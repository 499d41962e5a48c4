"""Stop when there is nothing more to gain."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import Array, CheckpointError, EpochRecord, Run, SettingError, one_of, positive_int, real

from .tensors import short

METRICS = ("e_out.loss", "e_out.error", "e_in.loss", "e_in.error")


@dataclass(frozen=True)
class EarlyStopping:
    """Ends a run when `metric` has not fallen for `patience` epochs, and gives back the parameters of the best epoch.

    An epoch is better when the metric falls by more than `least`; a metric that is not finite never is. The best
    parameters are put back whenever the run ends for good, at its last epoch, too, and `history.best` is that epoch; a
    run that is interrupted keeps its own, and goes on from them. One that diverges has those of its last good epoch.

    Raises:   SettingError for a wrong setting, for a metric of E_out without a test part, and for an error rate where
              the loss makes no decisions.
    Source:   Prechelt (1998), Early stopping - but when?, criterion UP.
    """

    patience: int
    metric: str = "e_out.loss"
    least: float = 0.0

    def __post_init__(self) -> None:
        positive_int("patience", self.patience)
        one_of("metric", self.metric, METRICS)
        real("least", self.least, minimum=0.0)

    def chainrule_training_started(self, run: Run) -> None:
        """Look whether there is what the metric needs."""
        if self.metric.startswith("e_out") and not run.has_test:
            raise SettingError(
                "early_stopping.metric",
                expected="e_in.loss or e_in.error, as there is no test part",
                got=self.metric,
                hint="or give one: test=(x, targets), or split in the recipe's data",
            )
        best = run.kept.get(self._key)
        if best is not None and not _is_best(best, run.network.state):
            raise CheckpointError(
                f"what {self._key!r} kept",
                expected="the value, the epoch and the parameters of the best epoch",
                got=short(best),
            )

    def chainrule_epoch_ended(self, run: Run, record: EpochRecord) -> None:
        """Keep the best so far; stop when it is `patience` epochs old."""
        value = self._value(record)
        best: dict[str, Any] | None = run.kept.get(self._key)
        if best is None or value < best["value"] - self.least:
            run.kept[self._key] = {"value": value, "epoch": record.epoch, "theta": run.network.state.copy()}
        elif record.epoch - best["epoch"] >= self.patience:
            run.stop(f"early stopping: {self.metric} was best in epoch {best['epoch']}, whose parameters are kept")

    def chainrule_training_ended(self, run: Run) -> None:
        """Put the best parameters back."""
        best = run.kept.get(self._key)
        if run.finished and best is not None:
            run.network.state = best["theta"]
            run.history.best = next((record for record in run.history if record.epoch == best["epoch"]), None)

    @property
    def _key(self) -> str:
        return f"early stopping on {self.metric}"

    def _value(self, record: EpochRecord) -> float:
        part, _, name = self.metric.partition(".")
        value = getattr(getattr(record, part), name)
        if value is None:
            raise SettingError(
                "early_stopping.metric",
                expected=f"{part}.loss, as the loss makes no decisions that could be wrong",
                got=self.metric,
            )
        return value if math.isfinite(value) else math.inf


def _is_best(kept: Any, theta: Array) -> bool:
    """Return whether it is what a hook of this class kept: a checkpoint may hold anything."""
    if type(kept) is not dict or kept.keys() != {"value", "epoch", "theta"}:
        return False
    best = kept["theta"]
    fits = isinstance(best, np.ndarray) and (best.shape, best.dtype) == (theta.shape, theta.dtype)
    return fits and isinstance(kept["value"], int | float | np.number) and type(kept["epoch"]) is int

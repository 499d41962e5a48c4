"""The hook that writes a run as TensorBoard reads it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

from chainrule import EpochRecord, Optimizer, Run, SettingError, integer
from chainrule.optimizers import learning_rate_at

from .deltas import deltas
from .events import EventFile


@dataclass(eq=False)
class TensorBoard:
    """A hook that writes event files into the folder `path`; the steps of TensorBoard are epochs.

    Scalars are `loss/E_in`, `loss/E_val`, `loss/E_out`, `error/E_in` and the like, metrics by name, `seconds`, and
    `learning_rate`, which is that of the epoch's last step, where the optimizer has one. Every so many epochs as
    `histograms` says there are histograms of each parameter, `parameters/0.W`, and of δ by layer, `delta/0`, of the
    first `samples` of the training part; 0 leaves out what it counts. The run's bits are those of one without the hook.

    A run that is resumed goes on in a file of its own, and what the killed one wrote of the epochs that are done again
    is shown no more; nor is anything of an earlier run in the same folder.
    Raises:   SettingError; CheckpointError when no file can be written.
    """

    path: Path | str
    histograms: int = 1
    samples: int = 256
    _file: EventFile | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.path, Path | str) or not str(self.path):
            raise SettingError("path", expected="the path of a folder", got=self.path)
        integer("histograms", self.histograms, minimum=0)
        integer("samples", self.samples, minimum=0)

    def chainrule_training_started(self, run: Run) -> None:
        """Begin a file: what cannot be written should fail before the first hour."""
        self._file = EventFile(Path(self.path), run.epoch)

    def chainrule_epoch_ended(self, run: Run, record: EpochRecord) -> None:
        """Add the epoch's numbers, and its histograms when it is their turn."""
        file = self._file
        assert file is not None  # since the start
        for tag, value in _scalars(run, record).items():
            file.scalar(tag, value, record.epoch)
        if self.histograms and record.epoch % self.histograms == 0:
            for name, view in run.network.parameters.items():
                file.histogram(f"parameters/{name}", view, record.epoch)
            self._add_deltas(file, run, record.epoch)
        file.flush()

    def chainrule_training_ended(self) -> None:
        """Close the file, however the run ended."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _add_deltas(self, file: EventFile, run: Run, epoch: int) -> None:
        if not self.samples or run.work is None or not run.network.theta.size:
            return
        x, targets = run.work.parts["training"]
        few = slice(0, self.samples)
        found = deltas(run.network, x[few], None if targets is None else targets[few], run.work.loss)
        for name, delta in found.items():
            file.histogram(f"delta/{name}", delta, epoch)


def _scalars(run: Run, record: EpochRecord) -> dict[str, float]:
    """Return what there is of an epoch by its tag."""
    found: dict[str, float | None] = {"seconds": record.seconds}
    for part, evaluation in record.evaluations.items():
        found |= {f"{name}/{part}": value for name, value in evaluation.figures.items()}
    if run.work is not None:
        found["learning_rate"] = learning_rate(run.work.optimizer, run.step - 1)
    return {tag: value for tag, value in found.items() if value is not None and math.isfinite(value)}


def learning_rate(optimizer: Optimizer, step: int) -> float | None:
    """Return λ of a step by the rule, or by the rule that it is around; None where there is none."""
    rate = getattr(optimizer, "learning_rate", None)
    if rate is not None:
        return learning_rate_at(rate, step)
    settings: list[Any] = [getattr(optimizer, own.name) for own in fields(optimizer)] if is_dataclass(optimizer) else []
    inner = next((setting for setting in settings if isinstance(setting, Optimizer)), None)
    return None if inner is None else learning_rate(inner, step)

"""What a run reports: evaluations, batches, epochs, and the epochs in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import overload

from ..functions.html import table
from ..functions.short_form import show_figure, show_loss

ENDS = 10
"""Epochs at either end of a long history that are shown."""


@dataclass(frozen=True)
class Evaluation:
    """The mean loss over a set, and the share of wrong decisions; None where decisions have no meaning.

    `metrics` are further figures by name, None where one is undefined.
    """

    loss: float
    error: float | None
    metrics: Mapping[str, float | None] = field(default_factory=dict, hash=False)

    @property
    def figures(self) -> dict[str, float | None]:
        """All of them by name: loss, error, and the metrics."""
        return {"loss": self.loss, "error": self.error, **self.metrics}

    def __repr__(self) -> str:
        metrics = f", metrics={dict(self.metrics)}" if self.metrics else ""
        return f"Evaluation(loss={self.loss!r}, error={self.error!r}{metrics})"


@dataclass(frozen=True)
class BatchRecord:
    """One step: `epoch` and `batch` count from 1, `loss` is Obj before the update, `size` the batch's true size."""

    epoch: int
    batch: int
    size: int
    loss: float


@dataclass(frozen=True)
class EpochRecord:
    """One epoch: E_in over the training data, E_out over the test data and E_val over the validation data.

    All are at the same θ; the last two are None where there are no such data.
    """

    epoch: int
    e_in: Evaluation
    e_out: Evaluation | None
    seconds: float = field(compare=False)
    e_validation: Evaluation | None = None

    @property
    def evaluations(self) -> dict[str, Evaluation]:
        """What there is, by the name that is shown: E_in, E_val, E_out."""
        named = {"E_in": self.e_in, "E_val": self.e_validation, "E_out": self.e_out}
        return {name: found for name, found in named.items() if found is not None}


class History(Sequence[EpochRecord]):
    """The epochs of a run, in order; `stopped` is the reason when it ended before its time, an error included.

    `best` is the epoch whose parameters a hook has put back at the end, None where the network has those of the last.
    """

    def __init__(self, records: Iterable[EpochRecord] = ()) -> None:
        self._records = [*records]
        self.stopped: str | None = None
        self.best: EpochRecord | None = None

    def add(self, record: EpochRecord) -> None:
        """Add the newest epoch."""
        self._records.append(record)

    @overload
    def __getitem__(self, index: int) -> EpochRecord: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[EpochRecord]: ...
    def __getitem__(self, index: int | slice) -> EpochRecord | Sequence[EpochRecord]:
        return self._records[index]

    def __len__(self) -> int:
        return len(self._records)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, History) and (self._records, self.stopped) == (other._records, other.stopped)

    __hash__ = None  # type: ignore[assignment]  # it grows

    def __repr__(self) -> str:
        return f"History({self._records!r}, stopped={self.stopped!r})"

    def _repr_html_(self) -> str:
        """Return the table of epochs, of a long run the first and the last ones."""
        cut = len(self) > 2 * ENDS + 1
        names = ["E_in", *["E_val"] * any(record.e_validation for record in self), "E_out"]
        metrics = [*self[0].e_in.metrics] if len(self) else []
        rows = [_epoch(record, names, metrics) for record in (self[:ENDS] if cut else self)]
        if cut:
            rows += [("…",) * len(rows[0]), *(_epoch(record, names, metrics) for record in self[-ENDS:])]
        caption = f"{len(self)} epoch{'s' * (len(self) != 1)}"
        if self.stopped is not None:
            caption += f", stopped by {self.stopped}"
        if self.best is not None:
            caption += f"; kept are the parameters of epoch {self.best.epoch}"
        head = [cell for name in names for cell in (f"{name}: loss", "error", *metrics)]
        return table(("epoch", *head), rows, caption)


def _epoch(record: EpochRecord, names: Sequence[str], metrics: Sequence[str]) -> tuple[str, ...]:
    found = record.evaluations
    return str(record.epoch), *(cell for name in names for cell in _evaluation(found.get(name), metrics))


def _evaluation(evaluation: Evaluation | None, metrics: Sequence[str]) -> tuple[str, ...]:
    if evaluation is None:
        return ("",) * (2 + len(metrics))
    error = "" if evaluation.error is None else f"{evaluation.error:.2%}"
    return show_loss(evaluation.loss), error, *(show_figure(evaluation.metrics.get(name)) for name in metrics)

"""What a run shows while it trains, as text: a line for each epoch."""

from __future__ import annotations

from ..functions.short_form import show_figure, show_loss
from .history import EpochRecord, Evaluation
from .run import Run


class EpochLines:
    """A hook that prints a line for each epoch: mean loss and share of errors of E_in.

    With validation data it has those of E_val, with test data those of E_out. So does `train(…, verbose=True)`. A line
    fits into 80 columns.
    """

    def chainrule_epoch_ended(self, run: Run, record: EpochRecord) -> None:
        """Print E_in, E_val and E_out."""
        print(epoch_line(run, record), flush=True)


def epoch_line(run: Run, record: EpochRecord) -> str:
    """Return the line of an epoch: `epoch  1/30  E_in 1.22924 20.31%  E_out 1.26457 22.28%`."""
    return f"epoch {record.epoch:>{len(str(run.epochs))}}/{run.epochs}  {measured(record)}"


def measured(record: EpochRecord) -> str:
    """Return what there is of an epoch in one line: `E_in 1.22924 20.31%  E_out 1.26457 22.28%`."""
    return "  ".join(f"{name} {_short(found)}" for name, found in record.evaluations.items())


def _short(evaluation: Evaluation) -> str:
    error = "" if evaluation.error is None else f" {evaluation.error:6.2%}"
    metrics = "".join(f" {name} {show_figure(value)}" for name, value in evaluation.metrics.items())
    return f"{show_loss(evaluation.loss):>7}{error}{metrics}"

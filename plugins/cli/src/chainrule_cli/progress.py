"""What a run shows while it trains on a terminal: a bar below the lines of the epochs."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from chainrule import Dataset, EpochRecord, Evaluation, Run
from chainrule.progress import epoch_line
from chainrule.short_form import show_figure, show_loss


def show(evaluation: Evaluation) -> str:
    """Return loss, error and metrics of one set."""
    error = "" if evaluation.error is None else f", error {evaluation.error:.2%}"
    metrics = "".join(f", {name} {show_figure(value)}" for name, value in evaluation.metrics.items())
    return f"loss {show_loss(evaluation.loss)}{error}{metrics}"


def show_epoch(record: EpochRecord) -> str:
    """Return E_in, E_val and E_out of an epoch, two in a line, which has room for no more."""
    shown = [f"{name}: {show(found)}" for name, found in record.evaluations.items()]
    return "\n".join("   ".join(shown[i : i + 2]) for i in range(0, len(shown), 2))


def sizes(dataset: Dataset) -> str:
    """Return how many samples each part has: `1,438 training and 359 test samples`."""
    counts = [f"{len(x):,} {part[1:] or 'training'}" for part, (x, _) in dataset.parts.items()]
    if dataset.x_test is None:
        counts.append("0 test")
    return f"{', '.join(counts[:-1])} and {counts[-1]} samples"


class ProgressBar:
    """A hook that shows a live bar of the batches below a line for each epoch."""

    def __init__(self, console: Console | None = None) -> None:
        text, count, remaining = TextColumn("{task.description}"), MofNCompleteColumn(), TimeRemainingColumn()
        self._progress = Progress(BarColumn(20), count, text, remaining, console=console, transient=True)
        self._task = self._progress.add_task("batches")

    def chainrule_training_started(self, run: Run) -> None:
        """Start the bar, where a resumed run stands."""
        self._progress.reset(self._task, total=run.epochs * run.batches, completed=run.step)
        self._progress.start()

    def chainrule_batch_ended(self, run: Run) -> None:
        """Advance the bar."""
        self._progress.advance(self._task)

    def chainrule_epoch_ended(self, run: Run, record: EpochRecord) -> None:
        """Print E_in, E_val and E_out above the bar."""
        self._progress.console.print(epoch_line(run, record), highlight=False, soft_wrap=True)

    def chainrule_training_ended(self) -> None:
        """Leave the terminal as it was, however the run ended."""
        self._progress.stop()


class StopOnInterrupt:
    """A hook that ends a run after the batch in which Ctrl-C came, so that no update is cut in half."""

    def __init__(self) -> None:
        self.asked = False

    def chainrule_batch_ended(self, run: Run) -> None:
        """Stop if Ctrl-C came."""
        if self.asked:
            run.pause("Ctrl-C")

    def chainrule_epoch_ended(self, run: Run) -> None:
        """Stop if Ctrl-C came while E_in, E_val and E_out were measured."""
        self.chainrule_batch_ended(run)


@contextmanager
def stop_on_interrupt() -> Iterator[StopOnInterrupt]:
    """Give the hook that Ctrl-C reaches; a second Ctrl-C ends the program at once.

    Python lets its main thread alone take signals: a command that runs in another one leaves Ctrl-C to that.
    """
    hook = StopOnInterrupt()
    if threading.current_thread() is not threading.main_thread():
        yield hook
        return

    def handle(number: int, frame: FrameType | None) -> None:
        hook.asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield hook
    finally:
        signal.signal(signal.SIGINT, before)

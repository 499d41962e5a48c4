import io
import re
from types import SimpleNamespace

import pytest
from rich.console import Console

import chainrule_cli.train
from chainrule import EpochRecord, Evaluation
from chainrule_cli.progress import ProgressBar

RUN = SimpleNamespace(epochs=30, batches=45)
RECORD = EpochRecord(1, Evaluation(1.25022, 0.1947), Evaluation(1.27882, 0.2145), seconds=0.1)


def terminal(width=120):
    return Console(force_terminal=True, file=io.StringIO(), width=width)


def shown_on(console):
    """All that the bar showed, without colours."""
    return re.sub(r"\x1b\[\S*?[A-Za-z]", "", console.file.getvalue())


def after_one_epoch(console):
    bar = ProgressBar(console)
    bar.chainrule_training_started(RUN)
    for _ in range(RUN.batches):
        bar.chainrule_batch_ended(RUN)
    bar.chainrule_epoch_ended(RUN, RECORD)
    bar.close()
    return shown_on(console)


@pytest.mark.parametrize("width", [80, 120, 200])
def test_a_terminal_of_any_usual_width_shows_batches_and_a_line_for_each_epoch(width):
    shown = after_one_epoch(terminal(width))
    assert "45/1350 batches" in shown
    assert "epoch  1/30   E_in: loss 1.25022, error 19.47%   E_out: loss 1.27882, error 21.45%" in shown


def test_the_bar_leaves_the_terminal_as_it_was():
    console = terminal()
    after_one_epoch(console)
    shown = console.file.getvalue()
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == 1


def test_a_terminal_gets_the_bar_instead_of_lines(chainrule, monkeypatch):
    console = terminal()
    monkeypatch.setattr(chainrule_cli.train, "Console", lambda: console)
    shown = chainrule("train", "digits", "--set", "training.epochs=2")
    assert shown.status == 0
    assert "2 epochs in" in shown.out
    assert "epoch 2/2   E_in: loss" in shown_on(console)


def test_a_run_that_fails_gives_the_cursor_back(chainrule, monkeypatch):
    console = terminal()
    monkeypatch.setattr(chainrule_cli.train, "Console", lambda: console)
    shown = chainrule("train", "xor", "--set", "training.optimizer.learning_rate=1e38")
    assert shown.status == 1
    assert console.file.getvalue().count("\x1b[?25h") == 1

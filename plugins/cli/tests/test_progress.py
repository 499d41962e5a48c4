import io
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
from rich.console import Console

import chainrule_cli.train
from chainrule import EpochRecord, Evaluation
from chainrule_cli.progress import ProgressBar, show_epoch
from chainrule_cli.recipe_option import open_recipe

RUN = SimpleNamespace(epochs=30, batches=45, step=0)
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
    bar.chainrule_training_ended()
    return shown_on(console)


@pytest.mark.parametrize("width", [80, 120, 200])
def test_a_terminal_of_any_usual_width_shows_batches_and_a_line_for_each_epoch(width):
    shown = after_one_epoch(terminal(width))
    assert "45/1350 batches" in shown
    assert "epoch  1/30  E_in 1.25022 19.47%  E_out 1.27882 21.45%" in shown


def test_three_parts_are_told_in_two_lines_of_80_columns():
    record = replace(RECORD, e_validation=Evaluation(1.26, 0.2))
    shown = show_epoch(record).splitlines()
    assert shown == ["E_in: loss 1.25022, error 19.47%   E_val: loss 1.26000, error 20.00%",
                     "E_out: loss 1.27882, error 21.45%"]  # fmt: skip
    assert show_epoch(RECORD) == "E_in: loss 1.25022, error 19.47%   E_out: loss 1.27882, error 21.45%"


def test_the_bar_of_a_resumed_run_begins_where_the_run_stands():
    console = terminal()
    bar = ProgressBar(console)
    bar.chainrule_training_started(SimpleNamespace(epochs=30, batches=45, step=44))
    bar.chainrule_batch_ended(RUN)
    bar.chainrule_training_ended()
    assert "45/1350 batches" in shown_on(console)


def test_a_bar_can_be_used_again():
    console = terminal()
    bar = ProgressBar(console)
    for _ in range(2):
        bar.chainrule_training_started(RUN)
        bar.chainrule_batch_ended(RUN)
        bar.chainrule_training_ended()
    assert "2/1350" not in shown_on(console)
    assert console.file.getvalue().count("\x1b[?25h") == 2


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
    assert "epoch 2/2  E_in " in shown_on(console)


def test_a_run_that_fails_gives_the_cursor_back(chainrule, monkeypatch):
    console = terminal()
    monkeypatch.setattr(chainrule_cli.train, "Console", lambda: console)
    shown = chainrule("train", "xor", "--set", "training.optimizer.learning_rate=1e38")
    assert shown.status == 1
    assert console.file.getvalue().count("\x1b[?25h") == 1


def test_a_run_that_does_not_start_gives_the_cursor_back(chainrule, monkeypatch, folder):
    console = terminal()
    monkeypatch.setattr(chainrule_cli.train, "Console", lambda: console)
    (folder / "run" / "history.jsonl").mkdir(parents=True)
    monkeypatch.setattr("chainrule_runs.saved.check_free", lambda folder: None)
    shown = chainrule("train", "xor", "--out", "run")
    assert shown.status == 1
    assert "history.jsonl cannot be written" in shown.err
    assert console.file.getvalue().count("\x1b[?25l") == console.file.getvalue().count("\x1b[?25h")


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_bar_that_the_recipe_asks_for_is_the_only_one(chainrule, monkeypatch, is_terminal):
    console = Console(force_terminal=is_terminal, file=io.StringIO(), width=120)
    monkeypatch.setattr("rich.progress.get_console", lambda: console)
    monkeypatch.setattr(chainrule_cli.train, "Console", lambda: console)
    hooks = "training.hooks=[{use='progress_bar'}]"
    shown = chainrule("train", "xor", "--set", hooks, "--set", "training.epochs=3")
    assert shown.status == 0
    lines = shown.out + shown_on(console)
    assert [lines.count(f"epoch {epoch}/3") for epoch in (1, 2, 3)] == [1, 1, 1]
    assert console.file.getvalue().count("\x1b[?25h") == is_terminal


def test_the_bar_is_a_hook_of_python_as_well():
    console = terminal()
    recipe = open_recipe("xor", ["training.epochs=1"])
    dataset = recipe.dataset()
    recipe.train(recipe.network(dataset), dataset, [ProgressBar(console)])
    assert console.file.getvalue().count("\x1b[?25l") == console.file.getvalue().count("\x1b[?25h") == 1

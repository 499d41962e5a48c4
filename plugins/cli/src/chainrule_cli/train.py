"""`chainrule train RECIPE`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any

import click
from rich.console import Console

from chainrule import (
    DivergenceError,
    EpochLines,
    History,
    Network,
    PluginError,
    UnknownNameError,
    keep_memory,
    registry,
)

from . import recipe_option
from .folds import train_folds
from .main import INTERRUPTED
from .progress import ProgressBar, show_epoch, sizes, stop_on_interrupt
from .shell import command

_FOLDER = click.Path(file_okay=False)  # a string: as a Path, "" would be the current folder


@click.command
@click.argument("recipe", required=False)
@recipe_option.override_options
@click.option("--out", type=_FOLDER, help="Keep the run in this folder: recipe, parameters, checkpoints, history.")
@click.option("--resume", type=_FOLDER, help="Go on with the run of this folder, killed or interrupted; or longer.")
@click.option("--from", "source", type=_FOLDER, help="Begin with the parameters of this run, by their names.")
@click.option("--leave-out", multiple=True, metavar="LAYER", help="Of --from: a layer that begins as the recipe says.")
@click.option(
    "--freeze", multiple=True, metavar="LAYER", help="A layer, or a parameter such as 1.W, that does not move."
)
@click.option("--force", is_flag=True, help="Resume with other versions than the run had: the last bits may differ.")
@click.option(
    "--folds",
    type=click.IntRange(min=2),
    help="Train once for each of so many folds, and test each on the rows that it left out; --out keeps the runs.",
)
@click.option(
    "--checkpoint-seconds",
    type=click.FloatRange(min=0),
    help="What a kill can cost at most, 10 unless it is given; 0 writes a checkpoint after each batch.",
)
def train(
    recipe: str | None,
    overrides: tuple[str, ...],
    prefer: tuple[str, ...],
    out: str | None,
    resume: str | None,
    source: str | None,
    leave_out: tuple[str, ...],
    freeze: tuple[str, ...],
    force: bool,
    folds: int | None,
    checkpoint_seconds: float | None,
) -> int:
    """Train the network of RECIPE, and show E_in, E_val and E_out each epoch."""
    keep_memory()
    if resume is None and recipe is None:
        raise click.UsageError("name a recipe, or the folder of a run: --resume DIR")
    if freeze and resume is not None:
        raise click.UsageError("--resume goes on as the run began: what was frozen stays so, and no more")
    overrides = (*overrides, f"training.frozen={json.dumps(freeze)}") if freeze else overrides
    epochs = _more_epochs(overrides)
    if resume is not None and (out is not None or prefer or (overrides and epochs is None)):
        hint = "it takes no --out, --prefer or --set but --set training.epochs=N, which makes the run longer"
        raise click.UsageError(f"--resume goes on as the run began: {hint}")
    if source is not None and resume is not None:
        raise click.UsageError("--from begins a run, and --resume goes on with one: leave one of them out")
    if leave_out and source is None:
        raise click.UsageError("--leave-out is for --from")
    if force and resume is None:
        raise click.UsageError("--force is for --resume")
    if checkpoint_seconds is not None and out is None and resume is None:
        raise click.UsageError("--checkpoint-seconds is for --out and --resume")
    if folds is not None and (resume is not None or source is not None):
        raise click.UsageError("--folds trains anew: leave --resume and --from out")
    settings = {} if checkpoint_seconds is None else {"seconds": checkpoint_seconds}
    opened = None if recipe is None else recipe_option.open_recipe(recipe, () if resume else overrides, prefer)
    longer = {} if resume is None or epochs is None else {"epochs": epochs}
    if opened is not None:
        opened.check()
    if folds is not None and opened is not None:
        start = None if out is None else partial(_of_runs("folder").start, **settings)
        return train_folds(str(recipe), opened, folds, Path(out or ""), start)
    with ExitStack() as stack:
        run = None
        if resume is not None:
            run = stack.enter_context(_of_runs("folder").resume(resume, opened, force=force, **longer, **settings))
            for note in run.notes:
                click.echo(note, err=True)
            if run.ended is not None:
                click.echo(f"{resume}: the run is finished, {run.ended}; {_epochs(run.epochs_done)}")
                return 0
        elif out is not None:
            run = stack.enter_context(_of_runs("folder").start(out, opened, **settings))
        given = recipe_option.words(overrides, prefer)
        begin = partial(_of_runs("from"), folder=source, leave_out=leave_out) if source is not None else None
        return _train(recipe or str(resume), opened if run is None else run.recipe, run, given, begin)


def _more_epochs(overrides: Sequence[str]) -> int | None:
    """Return N where training.epochs=N is all that is set."""
    key, _, value = overrides[0].partition("=") if len(overrides) == 1 else ("", "", "")
    return int(value) if key.strip() == "training.epochs" and value.strip().isdigit() else None


def _of_runs(name: str) -> Any:
    """Return what keeps runs, or begins with one. Raises:   PluginError when it is not installed."""
    try:
        return registry.find("runs", name)
    except UnknownNameError as error:
        raise PluginError("no plug-in that keeps runs is installed", hint=error.hint) from error


def _train(
    name: str, recipe: Any, run: Any, given: Sequence[str], begin: Callable[[Network], int] | None = None
) -> int:
    dataset = recipe.dataset()
    network = recipe.network(dataset)
    if begin is not None:
        begin(network)
    click.echo(f"{name}: {sizes(dataset)}\n{network.summary()}\n")
    train: Callable[..., History] = recipe.train if run is None else run.train
    told = 0 if run is None else len(run.notes)

    started = perf_counter()
    try:
        with stop_on_interrupt() as interrupt:
            history = train(network, dataset, [*_shown(recipe), interrupt])
    except DivergenceError as error:
        if run is not None:
            error.recipe_hint = f"{error.recipe_hint}; the last good epoch is written to {run.folder}"
        raise
    _report(name, history, perf_counter() - started, run, given)
    for note in [] if run is None else run.notes[told:]:
        click.echo(note, err=True)
    return INTERRUPTED if history.stopped == "Ctrl-C" else 0


def _shown(recipe: Any) -> list[Any]:
    """Return what shows the epochs: a bar on a terminal; nothing where the recipe has a bar of its own."""
    if any(isinstance(hook, ProgressBar) for hook in recipe.hooks()):
        return []
    console = Console()
    return [ProgressBar(console) if console.is_terminal else EpochLines()]


def _report(recipe: str, history: History, seconds: float, run: Any, given: Sequence[str]) -> None:
    out, before = (None, 0) if run is None else (run.folder, run.epochs_done)
    these = f", the last {len(history) - before}" if before else ""
    reason = "" if history.stopped is None else f", stopped by {history.stopped}"
    click.echo(f"\n{_epochs(len(history))}{these} in {seconds:.1f} s{reason}")
    if history:
        click.echo(show_epoch(history[-1]))
    if history.best is not None and history.best is not history[-1]:
        click.echo(f"kept are the parameters of epoch {history.best.epoch}\n{show_epoch(history.best)}")
    if out is not None:
        click.echo(f"written to {out}: {', '.join(sorted(path.name for path in out.glob('[!.]*')))}")
        if history.stopped == "Ctrl-C":
            click.echo(f"to go on: {command('train', '--resume', out)}")
        return
    free = next(f"run{i}" for i in count(1) if not Path(f"run{i}").exists())
    again = ["train", recipe, *given]
    click.echo(
        "\nTo go on:\n"
        f"  change any key of the recipe               {command(*again, '--set', 'training.epochs=60')}\n"
        f"  keep the run, and survive a kill           {command(*again, '--out', free)}\n"
        f"  go on with it after a kill                 {command('train', '--resume', free)}\n"
        f"  prove its derivatives                      {command('gradcheck', recipe, *given)}\n"
        f"  see what else is installed                 {command('plugins')}"
    )


def _epochs(number: int) -> str:
    return f"{number} epoch{'s' * (number != 1)}"

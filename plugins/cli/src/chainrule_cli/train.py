"""`chainrule train RECIPE`."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any

import click
from rich.console import Console

from chainrule import DivergenceError, History, keep_memory

from . import output, recipe_option
from .main import INTERRUPTED
from .progress import PlainLines, ProgressBar, show_epoch, stop_on_interrupt


@click.command
@recipe_option.argument
@recipe_option.override_options
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Write recipe, parameters, history here.")
def train(recipe: str, overrides: tuple[str, ...], prefer: tuple[str, ...], out: Path | None) -> int:
    """Train the network of RECIPE, and show E_in and E_out each epoch."""
    keep_memory()
    opened = recipe_option.open_recipe(recipe, overrides, prefer)
    if out is not None:
        output.check_free(out)
    dataset = opened.dataset()
    network = opened.network(dataset)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    tests = 0 if dataset.x_test is None else len(dataset.x_test)
    click.echo(f"{recipe}: {len(dataset.x):,} training and {tests:,} test samples\n{network.summary()}\n")
    _hint_at_scale(dataset.x)

    console = Console()
    bar = ProgressBar(console) if console.is_terminal else None
    started = perf_counter()
    try:
        with stop_on_interrupt() as interrupt:
            show: Any = bar or PlainLines()
            history = opened.train(network, dataset, [show, interrupt])
    except DivergenceError as error:
        if out is not None:
            output.write(out, opened, network, error.theta, error.history)
            error.hint = f"lower the learning rate or scale the data; the last good epoch is written to {out}"
        else:
            error.hint = "lower the learning rate or scale the data"
        raise
    finally:
        if bar is not None:
            bar.close()
    if out is not None:
        output.write(out, opened, network, network.theta, history)
    _report(recipe, history, perf_counter() - started, out)
    return INTERRUPTED if history.stopped == "Ctrl-C" else 0


def _report(recipe: str, history: History, seconds: float, out: Path | None) -> None:
    reason = "" if history.stopped is None else f", stopped by {history.stopped}"
    click.echo(f"\n{len(history)} epoch{'s' * (len(history) != 1)} in {seconds:.1f} s{reason}")
    if history:
        click.echo(show_epoch(history[-1]))
    if out is not None:
        click.echo(f"written to {out}: {', '.join(output.FILES)}")
        return
    command = "uv run chainrule" if "UV" in os.environ else "chainrule"
    free = next(f"run{i}" for i in count(1) if not Path(f"run{i}").exists())
    click.echo(
        "\nTo go on:\n"
        f"  change any key of the recipe               {command} train {recipe} --set training.epochs=60\n"
        f"  keep recipe.toml, parameters, history      {command} train {recipe} --out {free}\n"
        f"  train that recipe, edited                  {command} train {free}/recipe.toml\n"
        f"  prove its derivatives                      {command} gradcheck {recipe}\n"
        f"  see what else is installed                 {command} plugins"
    )


def _hint_at_scale(x: Any) -> None:
    """Say what to do about bytes: a network learns nothing from pixels of 0 to 255."""
    first = x[:256]
    if first.dtype.kind in "iu" and first.max() > 16:
        largest = int(first.max())
        click.echo(f"x holds whole numbers up to {largest}; data.scale = {1 / largest:.3g} would bring them to 0 … 1\n")

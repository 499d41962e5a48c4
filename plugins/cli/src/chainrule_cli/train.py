"""`chainrule train RECIPE`."""

from __future__ import annotations

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
@recipe_option.override_option
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Write recipe, parameters, history here.")
def train(recipe: str, overrides: tuple[str, ...], out: Path | None) -> int:
    """Train the network of RECIPE, and show E_in and E_out each epoch."""
    keep_memory()
    opened = recipe_option.open_recipe(recipe, overrides)
    if out is not None:
        output.check_free(out)
    dataset = opened.dataset()
    network = opened.network(dataset)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    tests = 0 if dataset.x_test is None else len(dataset.x_test)
    click.echo(f"{recipe}: {len(dataset.x):,} training and {tests:,} test samples\n{network.summary()}\n")

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
    click.echo(f"\n{len(history)} epochs in {seconds:.1f} s{reason}")
    if history:
        click.echo(show_epoch(history[-1]))
    if out is not None:
        click.echo(f"written to {out}: {', '.join(output.FILES)}")
    else:
        click.echo(
            "\nTo go on:\n"
            "  change any key of the recipe               "
            f"chainrule train {recipe} --set training.epochs=60\n"
            "  keep recipe.toml, parameters, history      "
            f"chainrule train {recipe} --out run\n"
            "  train that recipe, edited                  chainrule train run/recipe.toml\n"
            f"  prove its derivatives                      chainrule gradcheck {recipe}\n"
            "  see what else is installed                 chainrule plugins"
        )

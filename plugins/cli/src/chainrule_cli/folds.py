"""`chainrule train RECIPE --folds 5`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import click

from chainrule import CrossValidation, History, Recipe, RecipeError, registry
from chainrule.progress import measured
from chainrule.recipe_tables import paths_of

from .main import INTERRUPTED
from .progress import stop_on_interrupt
from .shell import command

Start = Callable[[Path, Recipe], AbstractContextManager[Any]]


def train_folds(name: str, recipe: Recipe, count: int, out: Path, start: Start | None) -> int:
    """Train each fold, and show what it came to, then mean and standard error; return the exit status.

    With `start`, which begins a run in a folder, each fold is kept: in `out/fold1`, …
    Raises:   RecipeError for a file that every fold would write; as the recipe, and as what keeps runs.
    """
    recipes, histories = recipe.folds(count), list[History]()
    _check_paths(recipe, count)
    for i, own in enumerate(recipes, 1):
        dataset = own.dataset()
        network = own.network(dataset)
        if i == 1:
            click.echo(f"{name}: {len(dataset.x) + len(dataset.x_test):,} samples\n{network.summary()}\n")
        begun: AbstractContextManager[Any] = nullcontext(own) if start is None else start(out / f"fold{i}", own)
        with begun as run, stop_on_interrupt() as interrupt:
            histories.append(run.train(network, dataset, [interrupt]))
        for note in [] if start is None else run.notes:
            click.echo(note, err=True)
        if histories[-1].stopped == "Ctrl-C":
            on = "" if start is None else f"; to go on with it: {command('train', '--resume', out / f'fold{i}')}"
            click.echo(f"stopped by Ctrl-C in fold {i} of {count}{on}")
            return INTERRUPTED
        kept = histories[-1].best or histories[-1][-1]
        click.echo(f"fold {i:>{len(str(count))}}/{count}  {measured(kept)}")
    click.echo(f"\nE_out of {count} folds, mean ± standard error: {CrossValidation.of(histories)}")
    return 0


def _check_paths(recipe: Recipe, count: int) -> None:
    """Refuse a file of a hook: the folds would write it over. Raises:   RecipeError."""
    tables = [hook for hook in recipe.table["training"].get("hooks", []) if isinstance(hook, dict)]
    for i, table in enumerate(tables):
        hook = registry.find("hooks", table["use"], recipe.table.get("prefer", []), recipe.modules)
        for key in sorted(paths_of(hook) & table.keys()):
            where, expected = f"training.hooks[{i}].{key}", f"none: each of {count} folds would write it over"
            hint = "leave the hook out: --set training.hooks=[]"
            raise RecipeError(where, expected=expected, got=repr(table[key]), hint=hint)

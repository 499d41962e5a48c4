"""Recipes by name or path."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterable
from importlib import resources
from pathlib import Path
from typing import Any

import click

from chainrule import Recipe, UnknownNameError, read_recipe

argument = click.argument("recipe")


def override_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option `--set`."""
    return click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Set one key of the recipe, such as training.epochs=5. May be given several times.",
    )(command)


def shipped() -> dict[str, Path]:
    """Return the recipes that ship, by name."""
    folder = Path(str(resources.files(__package__) / "recipes"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"), key=lambda path: path.stem)}


def open_recipe(name: str, overrides: Iterable[str] = ()) -> Recipe:
    """Return a recipe that ships, or that of a TOML file, with keys set.

    A file's folder can be imported from, so that `module:Class` finds the user's own layers beside it.
    Raises:   RecipeError; UnknownNameError for a name that is neither.
    """
    known = shipped()
    if name in known and not Path(name).is_file():
        recipe = Recipe(read_recipe(known[name]).table, Path.cwd())
    elif name.endswith(".toml") or Path(name).is_file():
        recipe = read_recipe(name)
        sys.path.insert(0, str(recipe.modules))
    else:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UnknownNameError(
            f"no recipe {name!r}",
            near=near,
            known=list(known),
            hint=f"{hint}recipes that ship: {', '.join(known)}; or the path of a TOML file",
        )
    for override in overrides:
        recipe = recipe.override(override)
    return recipe

"""Recipes by name or path."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import click

from chainrule import Recipe, UnknownNameError, offers, read_recipe, registry

argument = click.argument("recipe")


def override_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options `--set` and `--prefer`."""
    set_option = click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Set one key of the recipe, such as training.epochs=5. May be given several times.",
    )
    prefer_option = click.option(
        "--prefer",
        multiple=True,
        metavar="DISTRIBUTION",
        help="Take its layers where others offer the same names, such as chainrule-numba. May be given several times.",
    )
    return set_option(prefer_option(command))


def words(overrides: Sequence[str], prefer: Sequence[str]) -> list[str]:
    """Return the options as they were given, for a command that goes on from there."""
    pairs = [("--set", value) for value in overrides] + [("--prefer", value) for value in prefer]
    return [word for pair in pairs for word in pair]


def shipped() -> dict[str, Traversable]:
    """Return the recipes that ship, by name: files, or entries of a zip file that the package is imported from."""
    files = {Path(entry.name): entry for entry in (resources.files(__package__) / "recipes").iterdir()}
    return {path.stem: files[path] for path in sorted(files, key=lambda path: path.stem) if path.suffix == ".toml"}


def open_recipe(name: str, overrides: Iterable[str] = (), prefer: Sequence[str] = ()) -> Recipe:
    """Return a recipe that ships, or that of a TOML file, with keys set, and `prefer` before its own preferences.

    `module:Class` of a recipe that ships lies in the current folder.
    Raises:   RecipeError; UnknownNameError for a name that is neither, or a preference that is not installed.
    """
    known = shipped()
    if name in known and not Path(name).is_file():
        with resources.as_file(known[name]) as file:
            recipe = Recipe(read_recipe(file).table)
    elif name.endswith(".toml") or Path(name).is_file():
        recipe = read_recipe(name)
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
    if not prefer:
        return recipe
    for distribution in prefer:
        _check_installed(distribution)
    return Recipe({**recipe.table, "prefer": [*prefer, *recipe.table.get("prefer", [])]}, recipe.folder)


def _check_installed(distribution: str) -> None:
    """Refuse a preference for what is not there: it would change nothing, without a word."""
    known = sorted({entry.distribution for entry in registry.default.entries()})
    if registry.normalized(distribution) not in known:
        near = difflib.get_close_matches(distribution, {*known, *offers.known()}, n=1)
        hint = f"did you mean {near[0]}?" if near else f"pip install {distribution}, or leave out --prefer"
        missing = "" if near and near[0] in known else registry.default.missing(near[0] if near else distribution)
        hint = registry.default.missing(distribution) or " ".join(filter(None, [hint, missing]))
        raise UnknownNameError(f"--prefer {distribution!r}: no such plug-in", near=near, known=known, hint=hint)

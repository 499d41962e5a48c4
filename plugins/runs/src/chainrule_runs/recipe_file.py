"""The recipe of a run: what ran, exactly, and with which versions."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import tomli_w

from chainrule import (
    ChainruleError,
    CheckpointError,
    Layer,
    Network,
    Recipe,
    RecipeError,
    SettingError,
    Shape,
    beside,
    read_recipe,
    registry,
)
from chainrule.assembly.recipe_network import network_table, shape_table
from chainrule.assembly.recipe_versions import names
from chainrule.learning.auto_shards import AUTO
from chainrule.recipe_tables import build_layer, layer_table

from . import atomic

NAME = "recipe.toml"
LIMIT = 1 << 20
"""Bytes of a recipe."""


def as_run(recipe: Recipe, input_shape: Shape, shards: int) -> Recipe:
    """Return the recipe with absolute paths, the shape of a sample, its shards, and the versions that are installed."""
    table = with_shape(recipe, input_shape).table
    training = {**table["training"], "shards": shards}
    return Recipe({**table, "training": training, "versions": recipe.versions()}, recipe.folder)


def with_shards_of(run: Recipe, recipe: Recipe) -> Recipe:
    """Return a recipe that leaves the number of shards open with what that of a run says."""
    training = recipe.table.get("training", {})
    if recipe.shards != AUTO or "training" not in recipe.table:
        return recipe
    own = {key: value for key, value in run.table["training"].items() if key == "shards"}
    rest = {key: value for key, value in training.items() if key != "shards"}
    return replace(recipe, table={**recipe.table, "training": rest | own})


def with_shape(recipe: Recipe, shape: Any) -> Recipe:
    """Return the recipe with absolute paths, and the shape of a sample."""
    table = recipe.resolved().table
    return replace(recipe, table={**table, "network": {**table["network"], "input_shape": shape_table(shape)}})


def with_epochs(recipe: Recipe, epochs: int) -> Recipe:
    """Return the recipe of a run of so many epochs."""
    return replace(recipe, table={**recipe.table, "training": {**recipe.table["training"], "epochs": epochs}})


def write(folder: Path, recipe: Recipe) -> None:
    """Write the recipe. Raises:   CheckpointError."""
    content = _as_toml(recipe.table).encode()
    _check_size(folder / NAME, len(content))
    atomic.write(folder / NAME, content)


def read(folder: Path) -> Recipe:
    """Return the recipe of a run. Raises:   CheckpointError when there is none; RecipeError when it is damaged."""
    path = folder / NAME
    with atomic.telling(path, "read"):
        if not path.is_file():
            hint = "name the folder that chainrule train --out wrote"
            raise CheckpointError(f"{folder} holds no run: it has no {NAME}", hint=hint)
        size = path.stat().st_size
    _check_size(path, size)
    try:
        recipe = read_recipe(path)
        _ = recipe.input_shape  # is checked when it is asked for
    except RecipeError as error:
        raise error if str(path) in error.where else error.within(str(path)) from error.__cause__
    return recipe


def _check_size(path: Path, size: int) -> None:
    if size > LIMIT:
        raise CheckpointError(f"{path}", expected=f"a recipe of at most {LIMIT:,} bytes", got=f"{size:,}")


def digest_of_network(recipe: Recipe) -> str:
    """Return a checksum of what the scores follow from, θ aside."""
    return _digest(recipe, "network", "prefer")


def digest_of_training(recipe: Recipe) -> str:
    """Return a checksum of what θ follows from, the data aside."""
    return _digest(recipe, "network", "prefer", "training")


def _digest(recipe: Recipe, *sections: str) -> str:
    table: dict[str, Any] = {section: recipe.table[section] for section in sections if section in recipe.table}
    as_read = tomllib.loads(_as_toml(table))
    return hashlib.sha256(json.dumps(as_read, sort_keys=True, default=str).encode()).hexdigest()  # a date is a str


def _as_toml(table: dict[str, Any]) -> str:
    """Return the TOML of a table. Raises:   CheckpointError for what TOML, or UTF-8, cannot say."""
    try:
        text = tomli_w.dumps(table)
        text.encode()
    except (TypeError, ValueError) as error:
        hint = "a recipe that is kept takes strings, numbers, lists and tables alone"
        raise CheckpointError(f"the recipe cannot be written as TOML: {error}", hint=hint) from error
    return text


def text(layer: Layer) -> str | None:
    """Return a layer as a recipe says it, None where it cannot: no dataclass, or settings that TOML does not have."""
    try:
        return _as_toml(layer_table(layer))
    except (SettingError, CheckpointError):
        return None


def of_network(network: Network, loss: dict[str, Any] | None) -> Recipe:
    """Return the recipe of a network alone, with the versions of what it and the loss come from.

    Raises:   SettingError for a layer that a recipe cannot say.
    """
    described = network_table(network, lambda what, layer: said(what, layer, layer_table, build_layer))
    recipe = Recipe(_with_modules({"network": described}))
    versions = recipe.versions()
    found = (registry.default.entry("losses", name) for name in names({} if loss is None else loss))
    versions |= {entry.distribution: entry.version for entry in found if entry is not None}
    return Recipe({**recipe.table, "versions": versions})


def _with_modules(table: dict[str, Any]) -> dict[str, Any]:
    """Return the recipe that says where its modules lie, if that is one folder, and calls them by their names there."""
    folders: set[Path] = set()

    def short(value: Any) -> Any:
        if isinstance(value, list):
            return [short(entry) for entry in value]
        if not isinstance(value, dict):
            return value
        module, colon, name = str(value.get("use", "")).partition(":")
        folder, module = beside.split(module)
        folders.update([folder] if folder else [])
        return {key: f"{module}{colon}{name}" if key == "use" else short(entry) for key, entry in value.items()}

    shortened: dict[str, Any] = short(table)
    return {"modules": str(folders.pop()), **shortened} if len(folders) == 1 else table


def said(
    what: str, value: Any, table_of: Callable[[Any], dict[str, Any]], build: Callable[[dict[str, Any]], Any]
) -> dict[str, Any]:
    """Return the table of a layer or a loss. Raises:   SettingError unless the same is built of it again."""
    table = table_of(value)
    try:
        as_read = tomllib.loads(tomli_w.dumps(table))
        again: Any = table_of(build(as_read))
    except (TypeError, ChainruleError) as error:
        raise SettingError(f"{what}, {value!r}, cannot be said in a recipe: {error}") from error
    if again != as_read:
        raise SettingError(f"{what}, {value!r}, comes out of a recipe as another", expected=as_read, got=again)
    return table

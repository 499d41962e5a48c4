"""Networks as files: θ by name, the recipe beside it, and what turns scores into decisions."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np

from chainrule import (
    Array,
    ChainruleError,
    CheckpointError,
    Loss,
    Network,
    PluginError,
    Preparation,
    Recipe,
    RecipeError,
    SettingError,
    Shape,
    UnknownNameError,
    describe,
    offers,
)
from chainrule.compose import as_chain
from chainrule.functions.ends import Ends
from chainrule.recipe_tables import build_loss, build_preparation, loss_table, preparation_table

from . import atomic, recipe_file
from .tensors import TensorFile, dump, short

NAME = "parameters.safetensors"
FORMAT = 1
_KINDS = {
    "loss": "a name or a table",
    "classes": "a list of names",
    "scale": "a number",
    "shape": "a list of whole numbers",
    "columns": "a list of names, one for each number of a sample",
    "target": "a name",
    "roles": "a table of names",
    "preparation": "a table of settings, and what was learned",
    "class_weight": "a table of numbers by class",
}


@dataclass(frozen=True)
class Usage:
    """How a network is used: its loss, the names of its classes, and what is done to the numbers of a file before.

    `loss` is a recipe's table; `columns` are the names of the numbers of a sample, in their order, and `target` is that
    of a table's targets. `roles` are those of a table's columns, as its reader knows them; `preparation` is a recipe's
    table, with what was learned under `state`; `class_weight` says how often each class counted in training. Each is
    None where nothing is known.
    """

    loss: dict[str, Any] | str | None = None
    classes: tuple[str, ...] | None = None
    scale: float | None = None
    shape: tuple[int, ...] | None = None
    columns: tuple[str, ...] | None = None
    target: str | None = None
    roles: dict[str, str] | None = None
    preparation: dict[str, Any] | None = None
    class_weight: dict[str, float] | None = None


@dataclass(frozen=True)
class Saved:
    """A network that was loaded, with its usage, its loss, its recipe, and what was learned from its training data."""

    folder: Path
    network: Network
    loss: Loss | None
    usage: Usage
    recipe: Recipe
    preparation: Preparation | None = None

    @property
    def roles(self) -> dict[str, str] | None:
        """The roles of a table's columns; of a run that knows the names of numbers alone, made of these."""
        usage = self.usage
        if usage.roles is not None or usage.columns is None:
            return usage.roles
        target = {} if usage.target is None else {usage.target: "target"}
        return {**dict.fromkeys(usage.columns, "number"), **target}

    def probabilities(self, scores: Any) -> Array:
        """Return the loss's probabilities. Raises:   SettingError without one; UnsupportedError where it has none."""
        if self.loss is None:
            expected, hint = "a network that was saved with its loss", "save(…, loss=…)"
            raise SettingError("loss", expected=expected, got=None, hint=hint)
        return self.loss.probabilities(scores)

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The name of each class that the network can decide for, its number where the run's data had no such class.

        Several outputs have none.
        """
        names, shape = self.usage.classes, self.network.output_shape
        count = shape[-1] if isinstance(shape, tuple) and shape else 1
        return None if names is None or isinstance(shape, dict) else (*names, *map(str, range(len(names), count)))


def save(
    folder: Path | str,
    network: Network,
    *,
    loss: Loss | None = None,
    classes: Any = None,
    columns: Any = None,
    preparation: Preparation | None = None,
    roles: Mapping[str, str] | None = None,
) -> None:
    """Write a network that `load`, `chainrule predict` and `chainrule evaluate` take.

    `parameters.safetensors` has θ by name, `recipe.toml` the network. `loss` and the names of the `classes` are what
    turns scores into decisions; by the names of its `columns` a table's features are found, whatever their order.
    `preparation` is what was learned, and `roles` are those of a table's columns, of the `Dataset` that was trained on.

    Raises:   SettingError, for a folder that holds a network, too; CheckpointError when it cannot be written.
    """
    folder = as_path(folder)
    if not isinstance(network, Network):
        raise SettingError("network", expected="a Network", got=network)
    if loss is not None and not isinstance(loss, Loss):
        raise SettingError("loss", expected="a Loss, or None", got=loss)
    _check_learned(preparation, roles)
    classes, columns = _names("classes", classes, "class"), _names("columns", columns, "number of a sample")
    if columns is not None and isinstance(network.input_shape, dict):
        raise SettingError("columns", expected="None, as the network takes arrays by name", got=columns)
    if columns is not None and len(columns) != math.prod(network.input_shape):
        expected = f"{math.prod(network.input_shape)} names, one for each number of a sample"
        raise SettingError("columns", expected=expected, got=columns)
    table = None if loss is None else recipe_file.said("loss", loss, loss_table, build_loss)
    recipe = recipe_file.of_network(network, table)
    check_free(folder)
    with atomic.telling(folder):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        known = None if roles is None else dict(roles)
        usage = Usage(table, classes, columns=columns, roles=known, preparation=prepared_table(preparation))
        write_parameters(folder, recipe, network.state_views(network.state), usage)
        recipe_file.write(folder, recipe)
    except BaseException:
        for name in (recipe_file.NAME, NAME):  # half a network could be neither loaded nor written over
            with suppress(OSError):
                (folder / name).unlink()
        raise


def _check_learned(preparation: Any, roles: Any) -> None:
    """Refuse a preparation that has learned nothing, and what are no roles. Raises:   SettingError."""
    if preparation is not None and (not isinstance(preparation, Preparation) or preparation.state is None):
        hint = "data.preparation of a Dataset has learned"
        raise SettingError("preparation", expected="a Preparation that has learned", got=preparation, hint=hint)
    fits = isinstance(roles, Mapping) and all(isinstance(own, str) for role in roles.items() for own in role)
    if roles is not None and not fits:
        raise SettingError("roles", expected="a role for each column by name, as data.roles", got=roles)


def _names(what: str, names: Any, each: str) -> tuple[str, ...] | None:
    """Return names that differ, None for none. Raises:   SettingError."""
    if names is None:
        return None
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise SettingError(what, expected=f"a list of names, one for each {each}", got=names)
    if len(set(names)) < len(names):
        raise SettingError(what, expected="names that differ", got=tuple(names))
    return tuple(names)


def as_path(folder: Path | str) -> Path:
    """Return the path of a folder. Raises:   SettingError."""
    if not isinstance(folder, Path | str) or folder == "" or "\0" in str(folder):
        raise SettingError("folder", expected="the path of a folder", got=folder)
    return Path(folder)


def check_free(folder: Path) -> None:
    """Refuse a folder that holds a run or a network. Raises:   SettingError."""
    names = (
        *(recipe_file.NAME, NAME, "history.jsonl", "history.png"),
        *("checkpoint-1.safetensors", "checkpoint-2.safetensors"),
    )
    with atomic.telling(folder, "read"):
        there = [name for name in names if (folder / name).exists()]
    if there:
        hint = f"it has {there[0]}; name another, or go on with that run: chainrule train --resume {quote(str(folder))}"
        raise SettingError("folder", expected="one without a run", got=str(folder), hint=hint)


def write_parameters(folder: Path, recipe: Recipe, parameters: Mapping[str, Array], usage: Usage) -> None:
    """Write θ by name, and how it is used. Raises:   CheckpointError."""
    facts = {"format": FORMAT, "network": recipe_file.digest_of_network(recipe), **vars(usage)}
    atomic.write(folder / NAME, dump(parameters, facts))


def load(folder: Path | str) -> Network:
    """Return the network of a run, or of what `save` wrote, with its parameters.

    Nothing is unpickled; layers of the user's own are imported from where the recipe says.
    Raises:   CheckpointError for a file that is missing or damaged, or a recipe that it does not belong to; PluginError
              with the command that brings the plug-ins that are missing; RecipeError; SettingError for no path.
    """
    return open_saved(folder).network


def open_saved(folder: Path | str) -> Saved:
    """Return the network and how it is used. Raises:   as `load`."""
    folder = as_path(folder)
    recipe = recipe_file.read(folder)
    file = TensorFile(folder / NAME)
    usage = _usage(file)
    with _from(folder / recipe_file.NAME, recipe):
        layers, shape = recipe.layers(), recipe.input_shape
        if shape is None:
            raise RecipeError("network.input_shape: missing key", hint="no run wrote it")
        describe(layers, shape, recipe.dtype)  # refuses what Network does, and takes no memory
        chain = as_chain(layers)
        shapes = Ends(chain, shape).shapes
        expected = {**chain.parameter_shapes(*shapes), **chain.statistic_shapes(*shapes)}
    _check_fits(file, recipe, expected)
    arrays = file.read()
    with _from(file.path, recipe):
        prefer = recipe.table.get("prefer", [])
        loss = None if usage.loss is None else build_loss(usage.loss, prefer, recipe.modules)
        preparation = None if usage.preparation is None else _prepared(usage.preparation, prefer, recipe.modules)
    network = Network(layers, shape, seed=recipe.seed, dtype=recipe.dtype, rewritings=recipe.rewritings())
    for name, view in network.state_views(network.state).items():
        view[...] = arrays[name]
    return Saved(folder, network, loss, usage, recipe, preparation)


def prepared_table(preparation: Preparation | None) -> dict[str, Any] | None:
    """Return a preparation as `Usage` has it."""
    return None if preparation is None else {**preparation_table(preparation), "state": preparation.state}


def _prepared(table: dict[str, Any], prefer: list[str], modules: Path) -> Preparation:
    """Return the preparation of its table, with what it has learned."""
    settings = {name: value for name, value in table.items() if name != "state"}
    try:
        return replace(build_preparation(settings, prefer, modules), state=table["state"])
    except (SettingError, RecipeError) as error:
        raise CheckpointError(f"preparation: {error}", hint="chainrule-runs did not write it") from error


def _usage(file: TensorFile) -> Usage:
    file.check_format(FORMAT)
    facts: dict[str, Any] = {name: file.facts.get(name) for name in _KINDS}
    fits = {
        "loss": isinstance(facts["loss"], str | dict),
        "classes": _is_list(facts["classes"], str),
        "scale": type(facts["scale"]) in (int, float),
        "shape": _is_list(facts["shape"], int),
        "columns": _is_list(facts["columns"], str),
        "target": isinstance(facts["target"], str),
        "roles": isinstance(facts["roles"], dict) and all(isinstance(role, str) for role in facts["roles"].values()),
        "preparation": isinstance(facts["preparation"], dict) and facts["preparation"].keys() >= {"use", "state"},
        "class_weight": isinstance(facts["class_weight"], dict)
        and all(name.lstrip("-").isdecimal() and type(w) in (int, float) for name, w in facts["class_weight"].items()),
    }
    for name, fit in fits.items():
        if facts[name] is not None and not fit:
            hint = "chainrule-runs did not write it"
            raise CheckpointError(f"{file.path}: {name}", expected=_KINDS[name], got=short(facts[name]), hint=hint)
    tuples = {name: tuple(fact) for name, fact in facts.items() if isinstance(fact, list)}
    return Usage(**{**facts, **tuples})


def _is_list(value: Any, kind: type) -> bool:
    return isinstance(value, list) and all(type(entry) is kind for entry in value)


@contextmanager
def _from(path: Path, recipe: Recipe) -> Iterator[None]:
    """Put the file in front of what is wrong with it; say how to get what is not installed."""
    try:
        yield
    except (UnknownNameError, PluginError) as error:
        raise _missing_plugins(path, recipe, error) from error
    except ChainruleError as error:
        raise error.within(str(path)) from error.__cause__
    except RecursionError as error:
        raise CheckpointError(f"{path} is nested too deeply", hint="chainrule-runs did not write it") from error


def _missing_plugins(path: Path, recipe: Recipe, error: UnknownNameError | PluginError) -> PluginError:
    """Return the error that names what the run was made with and is not installed."""
    from importlib_metadata import PackageNotFoundError, version

    missing = []
    for name in recipe.table.get("versions", {}):
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            continue  # whoever wrote it hopes that the hint below goes to a shell
        try:
            version(name)
        except (PackageNotFoundError, ValueError, KeyError, OSError):  # the last three where its metadata are damaged
            missing.append(name)
    if not missing:
        return PluginError(f"{path}: {error}")
    return PluginError(f"{path}: {error.where}", hint=offers.install(*missing))


def _check_fits(file: TensorFile, recipe: Recipe, expected: Mapping[str, Shape]) -> None:
    """Compare the recipe's network with the parameters, before memory is taken for either."""
    for name in [*expected, *file.declared]:
        own, there = expected.get(name), file.declared.get(name)
        if own is None or there is None or own != there[1]:
            says = "no such parameter" if own is None else own
            got = "none" if there is None else there[1]
            raise CheckpointError(
                f"{file.path}: parameter {short(name)}: the recipe's network and the file differ",
                expected=says,
                got=got,
                hint="take the recipe.toml of the run",
            )
        if there[0] != np.dtype(recipe.dtype):
            raise CheckpointError(f"{file.path}: parameter {short(name)}", expected=recipe.dtype, got=there[0])
    if file.facts.get("network") != recipe_file.digest_of_network(recipe):
        raise CheckpointError(
            f"{file.path} belongs to another network than {recipe_file.NAME}",
            hint=f"take the {recipe_file.NAME} of the run, or train the one that is there into a new folder",
        )

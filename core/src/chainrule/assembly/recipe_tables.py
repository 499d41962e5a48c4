"""Layers, losses and optimizers as the tables of a recipe, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from ..errors import ChainruleError, PluginError, RecipeError, SettingError, UnknownNameError
from ..functions.layers import Layer
from ..functions.losses import Loss
from ..learning.optimizers import Optimizer
from ..learning.preparation import Preparation
from . import registry
from .recipe_schema import Table


def layer_table(layer: Layer) -> Table:
    """Return a layer as a recipe writes it: its name under `use`, and its settings; `build_layer` is the way back.

    TOML has no null: None is left out where it is the default, and an empty table elsewhere.
    """
    return _table("layer", layer, "layers")


def loss_table(loss: Loss) -> Table:
    """Return a loss as a recipe writes it; `build_loss` is the way back."""
    return _table("loss", loss, "losses")


def optimizer_table(optimizer: Optimizer) -> Table:
    """Return an optimizer as a recipe writes it; `build_optimizer` is the way back."""
    return _table("optimizer", optimizer, "optimizers")


def preparation_table(preparation: Preparation) -> Table:
    """Return the settings of a preparation as a recipe writes them, without what it has learned."""
    return _table("preparation", replace(preparation, state=None), "preparations")


def build_preparation(value: str | Table, prefer: Sequence[str] = (), folder: Path | None = None) -> Preparation:
    """Return the preparation of a recipe's name or table. Raises:   RecipeError; UnknownNameError."""
    preparation: Preparation = build("preparations", value, "preparation", prefer, folder)
    return preparation


def _table(noun: str, value: Any, group: str) -> Table:
    if not is_dataclass(value):
        raise SettingError(noun, expected="a frozen dataclass, whose fields are its settings", got=value)
    table: Table = {"use": _name_of(type(value), group)}
    for field in fields(value):
        setting = getattr(value, field.name)
        if field.init and not (setting is None and field.default is None):
            table[field.name] = _plain(setting)
    return table


def build_layer(table: Table, prefer: Sequence[str] = ()) -> Layer:
    """Return the layer of a recipe's table. Raises:   RecipeError; UnknownNameError."""
    layer: Layer = build("layers", table, "layer", prefer)
    return layer


def build_loss(value: str | Table, prefer: Sequence[str] = (), folder: Path | None = None) -> Loss:
    """Return the loss of a recipe's name or table. Raises:   RecipeError; UnknownNameError."""
    loss: Loss = build("losses", value, "loss", prefer, folder)
    return loss


def build_optimizer(value: str | Table, prefer: Sequence[str] = ()) -> Optimizer:
    """Return the optimizer of a recipe's name or table. Raises:   RecipeError; UnknownNameError."""
    optimizer: Optimizer = build("optimizers", value, "optimizer", prefer)
    return optimizer


def build(group: str, value: Any, path: str, prefer: Sequence[str], folder: Path | None = None) -> Any:
    """Build what a name or a table with `use` stands for; modules are looked for in `folder`, too.

    A table inside its settings is of the kind that the setting's annotation names, or else of the same group.
    """
    table = {"use": value} if isinstance(value, str) else value
    if not isinstance(table, dict) or not isinstance(table.get("use"), str) or not table["use"]:
        raise RecipeError(path, expected='a name, or a table with a name under "use"', got=repr(value))
    with within(path):
        target = registry.find(group, table["use"], prefer, folder)
    if group == "layers" and not isinstance(target, type):
        return build(group, composed(target, table, path), path, prefer, folder)
    annotations = _annotations(target)
    groups = {key: _group_of(hint) or group for key, hint in annotations.items()}
    settings = {key: v for key, v in table.items() if key != "use"}
    for key, setting in settings.items():
        kind, where = groups.get(key, group), f"{path}.{key}"
        if not _is_mapping(annotations.get(key)):
            settings[key] = _setting(kind, setting, where, prefer, folder)
        elif _group_of(annotations[key]) and isinstance(setting, dict):  # such as a loss for each of several outputs
            settings[key] = {name: build(kind, v, f"{where}.{name}", prefer, folder) for name, v in setting.items()}
    with within(path):
        return registry.construct(target, table["use"], settings)


def composed(composition: Callable[..., Any], table: Table, path: str) -> Table:
    """Return the table of layers that a composition makes of its settings. Raises:   RecipeError; PluginError."""
    name = table["use"]
    with within(path):
        made = registry.construct(composition, name, {key: value for key, value in table.items() if key != "use"})
        if not isinstance(made, dict):
            expected = 'a table of layers, {"use": …}'
            raise PluginError(f"composition {name!r}", expected=expected, got=type(made).__name__)
    return made


def expanded(value: Any, prefer: Sequence[str], folder: Path | None) -> Any:
    """Return tables of layers with those of compositions in their place, however deep; names that fail are left."""
    if isinstance(value, list):
        return [expanded(entry, prefer, folder) for entry in value]
    if not isinstance(value, dict):
        return value
    name = value.get("use")
    if isinstance(name, str) and (":" in name or registry.default.entry("compositions", name, prefer) is not None):
        with suppress(ChainruleError):
            target = registry.find("layers", name, prefer, folder)
            if not isinstance(target, type):
                return expanded(composed(target, value, name), prefer, folder)
    return {key: expanded(entry, prefer, folder) for key, entry in value.items()}


def paths_of(target: Any) -> set[str]:
    """Return the names of the settings that are annotated as paths."""
    return {name for name, hint in _annotations(target).items() if hint is Path or Path in get_args(hint)}


def _setting(group: str, value: Any, path: str, prefer: Sequence[str], folder: Path | None) -> Any:
    if isinstance(value, dict):
        return build(group, value, path, prefer, folder) if value else None
    if isinstance(value, list):
        return tuple(_setting(group, entry, f"{path}[{i}]", prefer, folder) for i, entry in enumerate(value))
    return value


def _annotations(target: Any) -> dict[str, Any]:
    """Return the annotations of a function's arguments, or of a class's settings: its fields and its constructor's."""
    found: dict[str, Any] = {}
    is_class = isinstance(target, type)
    for annotated in (target, target.__init__) if is_class else (target,):
        # Those that cannot be resolved, such as names imported for type checkers alone, say nothing.
        with suppress(Exception):
            found |= get_type_hints(annotated)
    return found


def _is_mapping(hint: Any) -> bool:
    """Return whether a setting is itself a table, such as the ties of a chain."""
    return any(get_origin(part) in (Mapping, dict) for part in (hint, *get_args(hint)))


def _group_of(hint: Any) -> str | None:
    """Return the group of the first kind of plug-in that an annotation contains, such as `float | Schedule`."""
    for group, kind in registry.KINDS.items():
        if isinstance(hint, type) and issubclass(hint, kind):
            return group
    return next(filter(None, map(_group_of, get_args(hint))), None)


def _plain(value: Any) -> Any:
    if value is None:
        return {}
    for group, kind in registry.KINDS.items():
        if isinstance(value, kind):
            return _table(registry.NOUNS[group], value, group)
    if isinstance(value, tuple):
        return [_plain(entry) for entry in value]
    return {key: _plain(entry) for key, entry in value.items()} if isinstance(value, Mapping) else value


def _name_of(kind: type, group: str) -> str:
    """Return the registered name of a class, its distribution before it if it is needed, or `module:Class`."""
    package = kind.__module__.partition(".")[0]
    for entry in registry.default.entries(group):
        same_package = entry.value.replace(":", ".").partition(".")[0] == package
        if same_package and _loads_as(kind, group, entry.name, entry.distribution):
            return entry.name if _loads_as(kind, group, entry.name) else str(entry)
    return f"{kind.__module__}:{kind.__qualname__}"


def _loads_as(kind: type, group: str, name: str, distribution: str = "") -> bool:
    try:
        return registry.default.find(group, f"{distribution}:{name}" if distribution else name) is kind
    except PluginError:  # a broken sibling of the class that is being named, or two that offer its name
        return False


@contextmanager
def within(path: str, *also: type[ChainruleError]) -> Iterator[None]:
    """Put the path of the key in front of an error of ours; a wrong setting becomes a RecipeError."""
    try:
        yield
    except SettingError as error:
        name = f"{path}.{error.where}"
        got = None if error.expected is None else error.show_got(error.got)
        raise RecipeError(name, expected=error.expected, got=got, hint=error.for_recipe().hint) from error
    except (UnknownNameError, PluginError) + also as error:  # noqa: RUF005 - mypy follows a sum of tuples, no unpacking
        raise error.for_recipe().within(path) from error.__cause__

"""A recipe is a network and its training as data, usually read from TOML."""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np

from . import registry
from .arrays import Shape
from .data import Dataset, prepare
from .errors import (
    ChainruleError,
    DataError,
    PluginError,
    RecipeError,
    SettingError,
    ShapeError,
    TargetError,
    UnknownNameError,
)
from .history import History
from .layers import Layer
from .losses import Loss
from .network import Network
from .optimizers import Optimizer
from .run import Snapshot
from .settings import integer, positive_int, sample_shape
from .training import train

Table = dict[str, Any]
LEVELS = 100
"""How deep the tables and lists of a recipe may be."""
_ANY: tuple[type, ...] = (object,)
_TYPE_NAMES = {dict: "a table", list: "a list", str: "a string", int: "a whole number"}
# Section → key → (types, whether it must be there); a section that takes further keys has "*".
_SCHEMA: dict[str, dict[str, tuple[tuple[type, ...], bool]]] = {
    "": {
        "data": ((dict,), False),
        "network": ((dict,), True),
        "training": ((dict,), False),
        "prefer": ((list,), False),
        "modules": ((str,), False),
        "versions": ((dict,), False),
    },
    "data": {"use": ((str,), True), "*": (_ANY, False)},
    "network": {"layers": ((list,), True), "dtype": ((str,), False), "input_shape": ((list,), False)},
    "training": {
        "loss": ((str, dict), True),
        "optimizer": ((str, dict), True),
        "batch_size": ((int, str), True),
        "epochs": ((int,), True),
        "seed": ((int,), False),
        "shards": ((int,), False),
        "hooks": ((list,), False),
    },
}


@dataclass(frozen=True)
class Recipe:
    """What to train on, what to train, and how: the tables `data`, `network` and `training` of a TOML file.

    A network alone is a recipe, too: one that neither reads data nor trains. `versions` says what a run was made with,
    and changes nothing. Paths of the data and of hooks are relative to `folder`, and so is `modules`, where
    a `module:Class` of the user's own lies. Building anything may raise a RecipeError that begins with the path of the
    key, such as `network.layers[2].units`.

    Raises:   RecipeError for an unknown key, a missing key, or a value of the wrong type.
    """

    table: Table
    folder: Path = Path()

    def __post_init__(self) -> None:
        _check_nesting(self.table)
        _check_table(self.table, "")
        for section in _SCHEMA.keys() & self.table.keys():
            _check_table(self.table[section], section)
        if not all(isinstance(entry, str) for entry in self._prefer):
            raise RecipeError("prefer", expected="a list of distributions", got=repr(self._prefer))
        if "prefer" in self.table.get("data", {}):
            raise RecipeError("data.prefer: unknown key", hint="write prefer above the first table")
        with _at("training"):
            integer("seed", self.seed, minimum=0)
            positive_int("shards", self.table.get("training", {}).get("shards", 1))

    def override(self, assignment: str) -> Recipe:
        """Return the recipe with one key set, `training.epochs=5`; the value is TOML, or else a plain string.

        Raises:   RecipeError.
        """
        path, equals, text = assignment.partition("=")
        keys = re.sub(r"\[(\d+)\]", r".\1", path.strip()).split(".")
        if not equals or not all(keys):
            raise RecipeError(f"override {assignment!r}", hint="write section.key=value, such as training.epochs=5")
        table = copy.deepcopy(self.table)
        place: Any = table
        for depth, key in enumerate(keys):
            at: Any = int(key) if isinstance(place, list) and key.isdigit() else key
            fits = isinstance(place, dict) or (isinstance(place, list) and isinstance(at, int) and at < len(place))
            if not fits:
                where = ".".join(keys[:depth])
                raise RecipeError(
                    f"override {assignment!r}: no {key!r} in {where}", expected="a table", got=repr(place)
                )
            if depth < len(keys) - 1:
                place = place.setdefault(at, {}) if isinstance(place, dict) else place[at]
        value = place[at] = _toml_value(text.strip())
        changed = Recipe(table, self.folder)
        if (
            keys[0] == "data"
            and isinstance(value, str)
            and Path(value).is_file()
            and keys[-1] in changed.path_settings()
        ):
            place[keys[-1]] = str(Path(value).absolute())  # a path given here is relative to here, not to the recipe
        return changed

    @property
    def seed(self) -> int:
        """The seed of everything that is random in the run."""
        seed: int = self.table.get("training", {}).get("seed", 0)
        return seed

    @property
    def dtype(self) -> str:
        """The dtype of the parameters."""
        dtype: str = self.table["network"].get("dtype", "float32")
        return dtype

    @property
    def input_shape(self) -> Shape | None:
        """The shape of one sample, None where the recipe leaves it to the data."""
        given = self.table["network"].get("input_shape")
        with _at("network"):
            return None if given is None else sample_shape("input_shape", given)

    def resolved(self) -> Recipe:
        """Return the recipe with absolute paths, so that it means the same in another folder."""
        table = copy.deepcopy(self.table)
        if "data" in table:
            table["data"] = _as_text(self._located("data", table["data"], "data"))
        if "hooks" in table.get("training", {}):
            table["training"]["hooks"] = [_as_text(hook) for hook in self._located_hooks()]
        if "modules" in table or _uses_modules(table):
            table = {"modules": str(self.modules), **table}
        return Recipe(table, self.folder)

    @property
    def modules(self) -> Path:
        """The folder of the user's own modules: that of the recipe, unless `modules` says another."""
        modules: str = self.table.get("modules", "")
        return (self.folder / modules).absolute()

    def path_settings(self) -> set[str]:
        """Return the names of the reader's settings that are annotated as paths."""
        with _at("data"):
            return _paths_of(registry.find("data", self._section("data")["use"], self._prefer))

    def _located(self, group: str, table: Table, where: str) -> Table:
        """Return a table with its paths made absolute."""
        with _at(where):
            paths = _paths_of(registry.find(group, table["use"], self._prefer)) & table.keys()
        for key in paths:
            if not isinstance(table[key], str):
                raise RecipeError(f"{where}.{key}", expected="a path", got=repr(table[key]))
        return {**table, **{key: (self.folder / table[key]).absolute() for key in paths}}

    def _located_hooks(self) -> list[Any]:
        tables = self._section("training").get("hooks", [])
        return [
            self._located("hooks", table, f"training.hooks[{i}]")
            if isinstance(table, dict) and isinstance(table.get("use"), str)
            else table
            for i, table in enumerate(tables)
        ]

    def dataset(self) -> Dataset:
        """Read, scale, shape and split the data."""
        settings = self._located("data", self._section("data"), "data")
        name = settings.pop("use")
        common = {key: settings.pop(key) for key in registry.PREPARED if key in settings}
        with _at("data"):
            found = registry.read_dataset(name, settings, self._prefer)
        with _at("data", DataError):
            return prepare(found, **{"seed": self.seed, **common})

    def layers(self) -> list[Layer]:
        """Build the layers."""
        tables = self.table["network"]["layers"]
        return [_build("layers", table, f"network.layers[{i}]", self._prefer) for i, table in enumerate(tables)]

    def network(self, dataset: Dataset) -> Network:
        """Build the network for the data's shape."""
        layers, shape = self.layers(), tuple(dataset.x.shape[1:])
        if self.input_shape not in (None, shape):
            raise RecipeError("network.input_shape", expected=f"{shape}, the shape of the data", got=self.input_shape)
        with _at("network", ShapeError):
            return Network(layers, shape, seed=self.seed, dtype=self.dtype)

    def loss(self) -> Loss:
        """Build the loss."""
        loss: Loss = _build("losses", self._section("training")["loss"], "training.loss", self._prefer)
        return loss

    def optimizer(self) -> Optimizer:
        """Build the optimizer."""
        table = self._section("training")["optimizer"]
        optimizer: Optimizer = _build("optimizers", table, "training.optimizer", self._prefer)
        return optimizer

    def hooks(self) -> list[Any]:
        """Build the hooks."""
        tables = self._located_hooks()
        return [_build("hooks", table, f"training.hooks[{i}]", self._prefer) for i, table in enumerate(tables)]

    def train(
        self, network: Network, dataset: Dataset, hooks: Iterable[Any] = (), resume: Snapshot | None = None
    ) -> History:
        """Train the network on the data set, with the recipe's hooks and after them those given; see `train`."""
        training = self._section("training")
        loss, optimizer = self.loss(), self.optimizer()
        test = None if dataset.x_test is None else (dataset.x_test, targets_for(network, loss, dataset.y_test))
        hooks = [*self.hooks(), *hooks]
        with _at("training", TargetError):
            return train(
                network,
                dataset.x,
                targets_for(network, loss, dataset.y),
                loss=loss,
                optimizer=optimizer,
                batch_size=training["batch_size"],
                epochs=training["epochs"],
                seed=self.seed,
                test=test,
                shards=training.get("shards", 1),
                hooks=hooks,
                resume=resume,
            )

    def versions(self) -> dict[str, str]:
        """Return the versions of NumPy, of chainrule, and of every distribution that the recipe's names come from.

        Those that a distribution of layers, losses, optimizers or data depends on are among them: they make its bits.
        """
        from importlib_metadata import version

        training = self.table.get("training", {})
        used: dict[str, Any] = {
            "data": self.table.get("data", {}),
            "layers": self.table["network"]["layers"],
            "losses": training.get("loss", {}),
            "optimizers": training.get("optimizer", {}),
            "hooks": training.get("hooks", []),
        }
        found = {name: version(name) for name in ("chainrule", "numpy")}
        for group, tables in used.items():
            for name in _names(tables):
                within = (registry.default.entry(kind, name, self._prefer) for kind in (group, *registry.KINDS))
                entry = next(filter(None, within), None)
                if entry is not None:
                    found[entry.distribution] = entry.version
                    if group != "hooks" and entry.distribution != "chainrule":
                        found |= _dependencies(entry.distribution)
        return dict(sorted(found.items()))

    def _section(self, name: str) -> Table:
        """Return a table. Raises:   RecipeError when the recipe is that of a network alone."""
        if name not in self.table:
            raise RecipeError(f"{name}: missing key", hint=f"the keys here are {', '.join(_SCHEMA[''])}")
        section: Table = self.table[name]
        return section

    @property
    def _prefer(self) -> list[str]:
        prefer: list[str] = self.table.get("prefer", [])
        return prefer


def read_recipe(path: Path | str) -> Recipe:
    """Read a TOML file. Raises:   RecipeError for a file that cannot be read, is no TOML, or is no recipe."""
    import tomllib  # needed when a file is read, not when chainrule is imported

    path = Path(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RecipeError(f"recipe {path}: no such file") from error
    except (OSError, ValueError, RecursionError) as error:  # TOMLDecodeError, UnicodeDecodeError, int's of its digits
        hint = "in TOML a string needs quotes" if "Invalid value" in str(error) else None
        raise RecipeError(f"recipe {path}: {error}", hint=hint) from error
    return Recipe(table, path.parent)


def targets_for(network: Network, loss: Loss, y: Any) -> Any:
    """Return y as the loss wants it: where there is one score, one number a sample may have to be a column."""
    if y is None or y.ndim != 1 or network.output_shape != (1,):
        return y
    return y if _takes(loss, y[:1]) and not _takes(loss, y[:1, np.newaxis]) else y[:, np.newaxis]


def _takes(loss: Loss, targets: Any) -> bool:
    """Return whether a loss of one score takes the targets."""
    try:
        loss.value(np.zeros((1, 1)), targets)
    except TargetError:
        return False
    return True


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


def _table(noun: str, value: Any, group: str) -> Table:
    if not is_dataclass(value):
        raise SettingError(noun, expected="a frozen dataclass, whose fields are its settings", got=value)
    table: Table = {"use": _name_of(type(value), group)}
    for field in fields(value):
        setting = getattr(value, field.name)
        if field.init and not (setting is None and field.default is None):
            table[field.name] = _plain(setting)
    return table


def build_layer(table: Table) -> Layer:
    """Return the layer of a recipe's table. Raises:   RecipeError; UnknownNameError."""
    layer: Layer = _build("layers", table, "layer", ())
    return layer


def build_loss(value: str | Table, prefer: Sequence[str] = ()) -> Loss:
    """Return the loss of a recipe's name or table. Raises:   RecipeError; UnknownNameError."""
    loss: Loss = _build("losses", value, "loss", prefer)
    return loss


def build_optimizer(value: str | Table, prefer: Sequence[str] = ()) -> Optimizer:
    """Return the optimizer of a recipe's name or table. Raises:   RecipeError; UnknownNameError."""
    optimizer: Optimizer = _build("optimizers", value, "optimizer", prefer)
    return optimizer


def _build(group: str, value: Any, path: str, prefer: Sequence[str]) -> Any:
    """Build what a name or a table with `use` stands for.

    A table inside its settings is of the kind that the setting's annotation names, or else of the same group.
    """
    table = {"use": value} if isinstance(value, str) else value
    if not isinstance(table, dict) or not isinstance(table.get("use"), str) or not table["use"]:
        raise RecipeError(path, expected='a name, or a table with a name under "use"', got=repr(value))
    with _at(path):
        target = registry.find(group, table["use"], prefer)
    groups = {key: _group_of(hint) or group for key, hint in _annotations(target).items()}
    settings = {
        key: _setting(groups.get(key, group), v, f"{path}.{key}", prefer) for key, v in table.items() if key != "use"
    }
    with _at(path):
        return registry.construct(target, table["use"], settings)


def _paths_of(target: Any) -> set[str]:
    """Return the names of the settings that are annotated as paths."""
    return {name for name, hint in _annotations(target).items() if hint is Path or Path in get_args(hint)}


def _as_text(table: Any) -> Any:
    """Return a table with its paths as TOML writes them."""
    if not isinstance(table, dict):
        return table
    return {key: str(value) if isinstance(value, Path) else value for key, value in table.items()}


def _setting(group: str, value: Any, path: str, prefer: Sequence[str]) -> Any:
    if isinstance(value, dict):
        return _build(group, value, path, prefer) if value else None
    if isinstance(value, list):
        return tuple(_setting(group, entry, f"{path}[{i}]", prefer) for i, entry in enumerate(value))
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
    return value


def _name_of(kind: type, group: str) -> str:
    """Return the registered name of a class, its distribution before it if it is needed, or `module:Class`."""
    package = kind.__module__.partition(".")[0]
    for entry in registry.default.entries(group):
        same_package = entry.value.replace(":", ".").partition(".")[0] == package
        if same_package and _loads_as(kind, group, entry.name, entry.distribution):
            return entry.name if _loads_as(kind, group, entry.name) else str(entry)
    return f"{kind.__module__}:{kind.__qualname__}"


def _dependencies(distribution: str) -> dict[str, str]:
    """Return the versions of what a distribution depends on, extras aside."""
    from importlib_metadata import PackageNotFoundError, requires, version

    found = {}
    for requirement in requires(distribution) or ():
        name = re.match(r"[\w.-]+", requirement)
        if name is not None and "extra ==" not in requirement:
            with suppress(PackageNotFoundError):  # its marker is for another machine
                found[registry.normalized(name[0])] = version(name[0])
    return found


def _names(value: Any) -> Iterator[str]:
    """Yield every name that a value uses, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from map(str, [value["use"]] if "use" in value else [])
        for entry in value.values():
            if isinstance(entry, dict | list):
                yield from _names(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _names(entry)


def _uses_modules(table: Table) -> bool:
    """Return whether any `use` in a table has a colon."""
    return any(":" in name for section in ("data", "network", "training") for name in _names(table.get(section, {})))


def _loads_as(kind: type, group: str, name: str, distribution: str = "") -> bool:
    try:
        return registry.default.find(group, f"{distribution}:{name}" if distribution else name) is kind
    except PluginError:  # a broken sibling of the class that is being named, or two that offer its name
        return False


@contextmanager
def _at(path: str, *also: type[ChainruleError]) -> Iterator[None]:
    """Put the path of the key in front of an error of ours; a wrong setting becomes a RecipeError."""
    try:
        yield
    except SettingError as error:
        name = f"{path}.{error.where}"
        got = None if error.expected is None else error.show_got(error.got)
        raise RecipeError(name, expected=error.expected, got=got, hint=error.hint) from error
    except (UnknownNameError, PluginError) + also as error:  # noqa: RUF005 - mypy follows a sum of tuples, no unpacking
        raise error.within(path) from error.__cause__


def _check_nesting(table: Table) -> None:
    """Refuse what is so deep that building it would end in Python's limit of recursion. Raises:   RecipeError."""
    level: list[Any] = [table]
    for _ in range(LEVELS):
        entries = (entry for value in level for entry in (value.values() if isinstance(value, dict) else value))
        level = [entry for entry in entries if isinstance(entry, dict | list)]
    if level:
        raise RecipeError("recipe", expected=f"tables and lists of at most {LEVELS} levels", got="more")


def _check_table(table: Table, section: str) -> None:
    """Refuse unknown and missing keys, and values of the wrong type. Raises:   RecipeError."""
    keys = _SCHEMA[section]
    prefix = f"{section}." if section else ""
    known = ", ".join(key for key in keys if key != "*")
    for key, value in table.items():
        if key not in keys and "*" not in keys:
            near = difflib.get_close_matches(key, keys, n=1) or [f"{s}.{key}" for s in _SCHEMA if key in _SCHEMA[s]]
            hint = f"did you mean {near[0]}?" if near else f"the keys here are {known}"
            raise RecipeError(f"{prefix}{key}: unknown key", hint=hint)
        types = keys.get(key, (_ANY, False))[0]
        if types != _ANY and (not isinstance(value, types) or isinstance(value, bool)):
            expected = " or ".join(_TYPE_NAMES[type_] for type_ in types)
            raise RecipeError(f"{prefix}{key}", expected=expected, got=repr(value))
    for key, (_, required) in keys.items():
        if required and key not in table:
            raise RecipeError(f"{prefix}{key}: missing key", hint=f"the keys here are {known}")


def _toml_value(text: str) -> Any:
    import tomllib

    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text

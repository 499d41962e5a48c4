"""A recipe is a network and its training as data, usually read from TOML."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import DataError, RecipeError, SettingError, ShapeError, TargetError
from ..functions.description import float_dtype
from ..functions.losses import Loss
from ..functions.network import Network
from ..functions.rewriting import Rewriting
from ..learning.auto_shards import AUTO, auto_or_positive, shards_that_pay
from ..learning.cross_validation import CrossValidation
from ..learning.data import Dataset, prepare
from ..learning.engine import Engine, Threads, Work
from ..learning.history import History
from ..learning.metrics import Metric
from ..learning.optimizers import Optimizer
from ..learning.run import Snapshot
from ..learning.split import TEST, TRAINING, VALIDATION
from ..learning.training import hook_caller, train
from ..settings import integer, positive_int
from . import registry
from .datasets import read_unprepared
from .recipe_network import composition_of, read_shape
from .recipe_schema import SECTIONS, Table, check_nesting, check_table
from .recipe_tables import build, paths_of, within
from .recipe_targets import loss_for, targets_for as targets_for
from .recipe_versions import names, versions_of


@dataclass(frozen=True)
class Recipe:
    """What to train on, what to train, and how: the tables `data`, `network` and `training` of a TOML file.

    A network alone is a recipe, too: one that neither reads data nor trains. `versions` says what a run was made with,
    and changes nothing but `shards`. Paths of the data and of hooks are relative to `folder`, and so is `modules`,
    where a `module:Class` of the user's own lies: it is imported from there as `chainrule.beside` says. Building
    anything may raise a RecipeError that begins with the path of the key, such as `network.layers[2].units`.

    Raises:   RecipeError for an unknown key, a missing key, or a value of the wrong type.
    """

    table: Table
    folder: Path = Path()

    def __post_init__(self) -> None:
        check_nesting(self.table)
        check_table(self.table, "")
        for section in SECTIONS.keys() & self.table.keys():
            check_table(self.table[section], section)
        if not self.table["network"].keys() & {"layers", "nodes"}:
            raise RecipeError("network.layers: missing key", hint=f"the keys here are {', '.join(SECTIONS['network'])}")
        if not all(isinstance(entry, str) for entry in self._prefer):
            raise RecipeError("prefer", expected="a list of distributions", got=repr(self._prefer))
        if "prefer" in self.table.get("data", {}):
            raise RecipeError("data.prefer: unknown key", hint="write prefer above the first table")
        training = self.table.get("training", {})
        with within("training"):
            integer("seed", self.seed, minimum=0)
            auto_or_positive(self.shards)
            positive_int("epochs", training.get("epochs", 1))
            batch = training.get("batch_size", "all")
            if batch != "all" and (not isinstance(batch, int) or batch < 1):
                raise SettingError("batch_size", expected="'all' or a positive int", got=batch)

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
                where = f"override {assignment!r}: no {key!r} in {'.'.join(keys[:depth])}"
                raise RecipeError(where, expected="a table", got=repr(place))
            if depth < len(keys) - 1:
                place = place.setdefault(at, {}) if isinstance(place, dict) else place[at]
        value = place[at] = _toml_value(text.strip())
        changed = Recipe(table, self.folder)
        is_file = keys[0] == "data" and isinstance(value, str) and Path(value).is_file()
        if is_file and keys[-1] in changed.path_settings():
            place[keys[-1]] = str(Path(value).absolute())  # a path given here is relative to here, not to the recipe
        return changed

    @property
    def seed(self) -> int:
        """The seed of everything that is random in the run."""
        return int(self.table.get("training", {}).get("seed", 0))

    @property
    def shards(self) -> int | str:
        """Into how many shards each batch is split; "auto", unless the recipe says a number or is that of a run.

        A run says its number, and one of before numbers were kept, which has `versions` and no `shards`, had 1.
        """
        shards: int | str = self.table.get("training", {}).get("shards", 1 if "versions" in self.table else AUTO)
        return shards

    def shards_for(self, network: Network, dataset: Dataset) -> int:
        """Return the number of shards that `train` takes, whatever the recipe says."""
        if not isinstance(self.shards, str):
            return self.shards
        batch = self._section("training")["batch_size"]
        return shards_that_pay(network, len(dataset.x) if batch == "all" else batch, self.optimizer())

    @property
    def dtype(self) -> str:
        """The dtype of the parameters."""
        return str(self.table["network"].get("dtype", "float32"))

    @property
    def input_shape(self) -> Any:
        """The shape of one sample, or of each input by name; None where the recipe leaves it to the data."""
        return read_shape(self.table["network"].get("input_shape"))

    def resolved(self) -> Recipe:
        """Return the recipe with absolute paths, so that it means the same in another folder."""
        table = copy.deepcopy(self.table)
        if "data" in table:
            table["data"] = _as_text(self._located("data", table["data"], "data"))
        if "hooks" in table.get("training", {}):
            table["training"]["hooks"] = [_as_text(hook) for hook in self._located_hooks()]
        if "modules" in table or _uses_modules(table):
            table = {"modules": "", **table} | {"modules": str(self.modules)}
        return Recipe(table, self.folder)

    @property
    def modules(self) -> Path:
        """The folder of the user's own modules: that of the recipe, unless `modules` says another."""
        return self._beside.absolute()

    @property
    def _beside(self) -> Path:
        return self.folder / str(self.table.get("modules", ""))

    def path_settings(self) -> set[str]:
        """Return the names of the reader's settings that are annotated as paths."""
        with within("data"):
            return paths_of(registry.find("data", self._section("data")["use"], self._prefer, self._beside))

    def _located(self, group: str, table: Table, where: str) -> Table:
        """Return a table with its paths made absolute; what names nothing is left to whoever builds it."""
        if not isinstance(table, dict) or not isinstance(table.get("use"), str):
            return table
        with within(where):
            paths = paths_of(registry.find(group, table["use"], self._prefer, self._beside)) & table.keys()
        for key in paths:
            if not isinstance(table[key], str):
                raise RecipeError(f"{where}.{key}", expected="a path", got=repr(table[key]))
        return {**table, **{key: (self.folder / table[key]).absolute() for key in paths}}

    def _located_hooks(self) -> list[Any]:
        tables = self._section("training").get("hooks", [])
        return [self._located("hooks", table, f"training.hooks[{i}]") for i, table in enumerate(tables)]

    def dataset(self) -> Dataset:
        """Read, scale, shape and split the data."""
        settings = self._located("data", self._section("data"), "data")
        name = settings.pop("use")
        with within("data"):
            found, prepared = read_unprepared(name, settings, self._prefer, self._beside)
        with within("data", DataError):
            return prepare(found, **{"seed": self.seed, **prepared})

    def layers(self) -> Any:
        """Build the layers: a list, or a chain with ties, or a graph, as `Network` takes them."""
        return composition_of(self.table["network"], partial(self._build, "layers"))

    def network(self, dataset: Dataset) -> Network:
        """Build the network for the data's shape."""
        layers, shape = self.layers(), dataset.input_shape
        if self.input_shape not in (None, shape):
            raise RecipeError("network.input_shape", expected=f"{shape}, the shape of the data", got=self.input_shape)
        with within("network", ShapeError):
            return Network(layers, shape, seed=self.seed, dtype=self.dtype, rewritings=self.rewritings())

    def rewritings(self) -> list[Rewriting]:
        """Return what the preferred distributions compute as one."""
        with within("prefer"):
            return registry.rewritings(self._prefer)

    def loss(self, dataset: Dataset | None = None) -> Loss:
        """Build the loss, for a data set that of `loss_table`."""
        table = self._section("training")["loss"] if dataset is None else self.loss_table(dataset)
        loss: Loss = self._build("losses", table, "training.loss")
        return loss

    def loss_table(self, dataset: Dataset) -> Table | str:
        """Return the recipe's loss as it trains on a data set: `Standardized`, where its preparation asks for that."""
        return loss_for(dataset, self._section("training")["loss"], self.loss())

    def optimizer(self) -> Optimizer:
        """Build the optimizer."""
        table = self._section("training")["optimizer"]
        optimizer: Optimizer = self._build("optimizers", table, "training.optimizer")
        return optimizer

    def engine(self) -> Callable[[Work], Engine]:
        """Return what computes the steps: threads, unless the recipe names another engine and its settings."""
        given = self._section("training").get("engine")
        if given is None:
            return Threads
        table = {"use": given} if isinstance(given, str) else given
        with within("training.engine"):
            target = registry.find("engines", str(table.get("use", "")), self._prefer, self._beside)
            settings = {key: value for key, value in table.items() if key != "use"}
            return lambda work: registry.construct(partial(target, work), table["use"], settings)

    def hooks(self) -> list[Any]:
        """Build the hooks."""
        tables = self._located_hooks()
        return [self._build("hooks", table, f"training.hooks[{i}]") for i, table in enumerate(tables)]

    def metrics(self) -> dict[str, Metric]:
        """Build the metrics: of a list each by the name that it uses, of a table by those that it gives them.

        Raises:   RecipeError for one that is there twice.
        """
        given = self._section("training").get("metrics", [])
        if isinstance(given, list):
            names = [entry.get("use", "") if isinstance(entry, dict) else entry for entry in given]
            twice = [name for i, name in enumerate(names) if name in names[:i]]
            if twice:
                hint = 'a table gives them names: metrics = { one = { use = "…" }, other = { use = "…" } }'
                raise RecipeError("training.metrics", expected="each name once", got=repr(twice[0]), hint=hint)
            return {
                name: self._build("metrics", entry, f"training.metrics[{i}]")
                for i, (name, entry) in enumerate(zip(names, given, strict=True))
            }
        return {name: self._build("metrics", entry, f"training.metrics.{name}") for name, entry in given.items()}

    def _build(self, group: str, value: Any, path: str) -> Any:
        return build(group, value, path, self._prefer, self._beside)

    def check(self) -> None:
        """Build all that a training needs but its data: a mistake is told before they are read, which may take long."""
        self.layers(), self.loss(), self.optimizer(), self.engine(), self.metrics()
        with within("network"):
            float_dtype(self.dtype)
        hooks = self.hooks()
        with within("training"):
            hook_caller(hooks)

    def train(
        self, network: Network, dataset: Dataset, hooks: Iterable[Any] = (), resume: Snapshot | None = None
    ) -> History:
        """Train the network on the data set, with the recipe's hooks and after them those given; see `train`."""
        training, loss, optimizer = self._section("training"), self.loss(dataset), self.optimizer()
        hooks, engine, metrics = [*self.hooks(), *hooks], self.engine(), self.metrics()
        parts = {part: (x, targets_for(network, loss, y)) for part, (x, y) in dataset.parts.items()}
        held = {
            part: pair if dataset.weights_of(part) is None else (*pair, dataset.weights_of(part))
            for part, pair in parts.items()
        }
        start = partial(train, network, *parts[TRAINING], loss=loss, optimizer=optimizer, hooks=hooks, metrics=metrics)
        names = ("batch_size", "epochs", "seed", "class_weight", "frozen")
        plain = {"shards": self.shards} | {key: training[key] for key in names if key in training}
        with within("training", TargetError):
            start = partial(start, test=held.get(TEST), validation=held.get(VALIDATION), sample_weight=dataset.weights)
            return start(resume=resume, engine=engine, **plain)

    def cross_validate(self, folds: int = 5, hooks: Iterable[Any] = ()) -> CrossValidation:
        """Train the network of each of so many folds, and return what they came to; see `chainrule.cross_validate`.

        Raises:   as `dataset`, `network` and `train`.
        """
        histories = []
        for own in self.folds(folds):
            dataset = own.dataset()
            histories.append(own.train(own.network(dataset), dataset, hooks))
        return CrossValidation.of(histories)

    def folds(self, count: int) -> list[Recipe]:
        """Return the recipe of each of so many folds: all rows but those of the fold train, and those test."""
        integer("folds", count, minimum=2)
        data = self._section("data")
        tables = [{**self.table, "data": {**data, "fold": [fold, count]}} for fold in range(1, count + 1)]
        return [Recipe(table, self.folder) for table in tables]

    def versions(self) -> dict[str, str]:
        """Return the versions of NumPy, of chainrule, and of every distribution that the recipe's names come from.

        Those that a distribution of layers, losses, optimizers or data depends on are among them: they make its bits.
        """
        return versions_of(self.table, self._prefer, self._beside)

    def _section(self, name: str) -> Table:
        """Return a table. Raises:   RecipeError when the recipe is that of a network alone."""
        if name not in self.table:
            raise RecipeError(f"{name}: missing key", hint=f"the keys here are {', '.join(SECTIONS[''])}")
        section: Table = self.table[name]
        return section

    @property
    def _prefer(self) -> list[str]:
        return list(self.table.get("prefer", []))


def read_recipe(path: Path | str) -> Recipe:
    """Read a TOML file. Raises:   RecipeError for a file that cannot be read, is no TOML, or is no recipe."""
    import tomllib  # needed when a file is read, not when chainrule is imported

    path = Path(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise RecipeError(f"recipe {path}: no such file") from error
    except (OSError, ValueError, RecursionError) as error:  # TOMLDecodeError, UnicodeDecodeError, int's of its digits
        hint = "in TOML a string needs quotes" if "Invalid value" in str(error) else None
        raise RecipeError(f"recipe {path}: {error}", hint=hint) from error
    return Recipe(table, path.parent)


def _as_text(table: Any) -> Any:
    """Return a table with its paths as TOML writes them."""
    if not isinstance(table, dict):
        return table
    return {key: str(value) if isinstance(value, Path) else value for key, value in table.items()}


def _uses_modules(table: Table) -> bool:
    """Return whether any `use` in a table has a colon."""
    return any(":" in name for section in ("data", "network", "training") for name in names(table.get(section, {})))


def _toml_value(text: str) -> Any:
    import tomllib

    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text

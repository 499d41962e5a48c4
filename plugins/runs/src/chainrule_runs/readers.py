"""Which reader reads a file, and what it has to be told: found by the end of the file's name."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainrule import DataError, Dataset, PluginError, SettingError, UnknownNameError, offers, registry
from chainrule.assembly.datasets import PREPARED, splits
from chainrule.recipe_tables import paths_of, preparation_table

from .generation import vocabulary
from .saved import Saved

LABELS = ("labels", "y", "target")
"""Settings that say where the targets are, and are None where there are none."""


@dataclass(frozen=True)
class Reader:
    """A reader of the group `chainrule.files`, and the settings that the run reads its own data with.

    `function` has the file under its first setting that is a path. What else is asked of it, its settings say by their
    names: `target` is a column of targets, `labels` a second file; `columns` takes the names of features, or their
    number, and `labelled` whether there must be targets; with `classes`, numbers are names. `vocabulary` takes names of
    classes by which samples are numbered, too, and `window` is then the length of a sample. `x` and `y` take the names
    of the arrays that a network of several inputs, or outputs, takes.
    """

    function: Any
    ending: str
    settings: Mapping[str, Any]

    @classmethod
    def of(cls, saved: Saved, path: Path) -> Reader:
        """Return the reader of a file, of a folder that which the run's own data were read with.

        Raises:   DataError; PluginError when none is installed.
        """
        if path.is_dir():
            function = own_reader(saved)
            if function is None:
                hint = "a run reads folders as its own data: this one has none, or their reader is not installed"
                raise DataError(f"{path}", expected="a file", got="a folder", hint=hint)
            return cls(function, "a folder's", {**_names(saved, function), **own_settings(saved, function)})
        prefer, endings = saved.recipe.table.get("prefer", []), registry.default.names("files")
        if not endings:
            hint = offers.install(*offers.bringing("files"))
            raise PluginError(f"{path}: no plug-in that reads files is installed", hint=hint)
        ending = max((end for end in endings if path.name.lower().endswith(end)), key=len, default=None)
        if ending is None:
            expected = f"a file of {', '.join(endings)}"
            raise DataError(f"{path}", expected=expected, got="".join(path.suffixes[-2:]) or "no suffix")
        if not path.exists():
            raise DataError(f"{path}: no such file")
        function = registry.find("files", ending, prefer)
        reader = cls(function, ending, {**_names(saved, function), **own_settings(saved, function)})
        inputs = saved.network.input_shape
        if isinstance(inputs, dict) and not reader.takes("x") and own_reader(saved) is not function:
            expected = f"a file of several arrays, {', '.join(inputs)}, as the network takes them"
            hint = "an npz has arrays by name"
            raise DataError(f"{path}", expected=expected, got=f"one of {ending}, which holds one array", hint=hint)
        return reader

    def takes(self, setting: str) -> bool:
        """Return whether the reader has a setting of that name."""
        return takes(self.function, setting)

    def check_option(self, option: str, setting: str, given: Any) -> None:
        """Refuse an option that the reader does not take. Raises:   SettingError."""
        if given is not None and not self.takes(setting):
            raise SettingError(option, expected=f"none, as {self.ending} files take none", got=str(given))

    def read(self, path: Path, **settings: Any) -> Dataset:
        """Return what is in the file. Raises:   as the reader."""
        paths = paths_of(self.function)
        first = next((name for name in inspect.signature(self.function).parameters if name in paths), "path")
        whole = {"split": "none"} if splits(self.function) else {}
        given = {**self.settings, **settings, **whole, first: path}
        found: Dataset = registry.construct(self.function, f"the reader of {self.ending}", given)
        if not isinstance(found, Dataset):
            raise PluginError(f"the reader of {self.ending}", expected="a Dataset", got=type(found).__name__)
        return found


def takes(function: Any, setting: str) -> bool:
    """Return whether a function has an argument of that name."""
    return setting in inspect.signature(function).parameters


def own_settings(saved: Saved, function: Any) -> dict[str, Any]:
    """Return what the run told the reader of its own data, if it is this one: all but the files, and their parts."""
    if own_reader(saved) is not function:
        return {}
    further = {"use", "step", *PREPARED, *paths_of(function)}
    own = saved.recipe.table["data"].items()
    return {key: value for key, value in own if key not in further and not {"test", "validation"} & {*key.split("_")}}


def _names(saved: Saved, function: Any) -> dict[str, list[str]]:
    """Return the settings by which a reader gives arrays by the names of several inputs or outputs."""
    ends = {"x": saved.network.input_shape, "y": saved.network.output_shape}
    return {key: [*own] for key, own in ends.items() if isinstance(own, dict) and takes(function, key)}


def own_reader(saved: Saved) -> Any:
    """Return the reader of the run's own data, None where there are none, or it is not installed."""
    recipe = saved.recipe
    if "data" not in recipe.table:
        return None
    try:
        return registry.find("data", recipe.table["data"]["use"], recipe.table.get("prefer", []), recipe.modules)
    except (PluginError, UnknownNameError):  # other files may still be read
        return None


def as_trained(saved: Saved, function: Any) -> dict[str, Any]:
    """Return the settings with which a reader gives the features of the training, in their order, and its classes."""
    usage, found = saved.usage, dict[str, Any]()
    if takes(function, "roles") and saved.roles is not None:
        found["roles"] = saved.roles
    if saved.preparation is not None:  # what may be missing, the reader has to know, too
        settings = preparation_table(saved.preparation).items()
        found |= {name: value for name, value in settings if name != "use" and takes(function, name)}
    elif takes(function, "columns") and not isinstance(saved.network.input_shape, dict):
        size = math.prod(saved.network.input_shape)
        found["columns"] = size if usage.columns is None else list(usage.columns)
    if takes(function, "target") and usage.target is not None:
        found["target"] = usage.target
    if takes(function, "classes") and usage.classes is not None and _number_others(usage.classes):
        found["classes"] = True
    if takes(function, "vocabulary"):
        found["vocabulary"] = vocabulary(saved)
        if takes(function, "window"):
            found["window"] = saved.network.input_shape[0]
    return found


def without_labels(function: Any) -> dict[str, Any]:
    """Return the setting by which a reader asks for no targets."""
    if takes(function, "labelled"):
        return {"labelled": False}
    return next(({name: None} for name in LABELS if takes(function, name)), {})


def _number_others(classes: tuple[str, ...]) -> bool:
    """Return whether classes are called by numbers, and not each by its own."""
    return classes != tuple(map(str, range(len(classes)))) and all(map(_is_number, classes))


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return "_" not in name  # Python reads 1_0 as 10


def as_number(name: str) -> float | str:
    """Return the number that a class is called by, where a float holds it exactly, and any other name as it is."""
    return float(name) if _is_number(name) and abs(float(name)) < 1 << 53 else name

"""Files of samples, read and prepared as the run's own data were."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import DataError, Dataset, SettingError, ShapeError
from chainrule.data import prepare
from chainrule.errors import warn
from chainrule.rows import Named

from .frames import rows_of_table
from .readers import Reader, as_number, as_trained, own_reader, takes, without_labels
from .saved import Saved, open_saved


def read_samples(saved: Saved, path: Path, target: str | None = None, keep: Sequence[str] = ()) -> Dataset:
    """Return the samples of a file without targets; a table's column of targets is left out.

    `target` names that column, where the run's recipe does not; `keep` are columns whose cells are kept.
    Raises:   DataError; ShapeError when the network takes samples of another shape.
    """
    reader = Reader.of(saved, path)
    reader.check_option("--target", "target", target)
    reader.check_option("--keep", "keep", keep or None)
    settings = {**as_trained(saved, reader.function), **without_labels(reader.function)}
    if keep:
        settings["keep"] = list(keep)
    if target is not None:
        settings |= {"target": target, "labelled": True}
    elif reader.takes("target"):
        settings.setdefault("target", reader.settings.get("target"))
    found = reader.read(path, **settings)
    further = dict.fromkeys(("x_validation", "y_validation", "x_test", "y_test"))
    return _prepared(saved, path, replace(found, y=None, **further))


def read_evaluated(saved: Saved, path: Path, target: str | None = None, labels: Path | None = None) -> Dataset:
    """Return the samples of a file with their targets, in the run's classes.

    `target` names the column of a table, `labels` the file beside one of idx pictures.
    Raises:   as `read_samples`; SettingError when nothing says where the targets are.
    """
    reader = Reader.of(saved, path)
    settings = as_trained(saved, reader.function)
    for name, given in (("target", target), ("labels", labels)):
        reader.check_option(f"--{name}", name, given)
        if given is not None:
            settings[name] = given
        elif reader.takes(name) and {**reader.settings, **settings}.get(name) is None:
            what = "the column of the targets" if name == "target" else "the file of the pictures' labels"
            raise SettingError(f"--{name}", expected=what, got=None)
    return _with_classes(saved, path, _prepared(saved, path, reader.read(path, **settings)))


def given_samples(saved: Saved, table: Any) -> Dataset:
    """Return the samples of a table in memory, or of arrays by name for a network of several inputs.

    Raises:   DataError; ShapeError; SettingError.
    """
    if isinstance(saved.network.input_shape, dict):
        return Dataset(table, None)
    return _prepared(saved, None, rows_of_table(table, saved.roles, saved.preparation is not None))


def own_part(saved: Saved, part: str | None) -> Dataset:
    """Return the test part of the run's own data, or the training or validation part.

    Raises:   SettingError where there is none; DataError when the data are no longer there.
    """
    if "data" not in saved.recipe.table:
        raise SettingError("DATA", expected="a file, as the network was saved without data", got=None)
    dataset = _own_data(saved)
    part = part or "test"
    ends = {end.removeprefix("_") or "train": end for end in dataset.parts}
    if part not in ends:
        expected = f"{' or '.join(ends)}, as the run's data have no {part} part"
        raise SettingError("--part", expected=expected, got=part)
    end = ends[part]
    return Dataset(*dataset.parts[end], classes=dataset.classes, weights=dataset.weights_of(end))


def own_data(folder: Path | str) -> Dataset:
    """Return the data of a run's recipe as they were in training: columns by name, and the run's classes.

    Raises:   as `load`; DataError when the data are no longer there, or have other columns or classes.
    """
    return _own_data(open_saved(folder))


def _own_data(saved: Saved) -> Dataset:
    recipe, data = saved.recipe, saved.recipe.table["data"]
    reader = own_reader(saved)
    usage = saved.usage
    named = {"columns": usage.columns, "roles": usage.roles, "vocabulary": usage.classes}
    if reader is not None and any(takes(reader, setting) and names is not None for setting, names in named.items()):
        recipe = replace(recipe, table={**recipe.table, "data": {**data, **as_trained(saved, reader)}})
    if saved.preparation is not None:
        table = {**recipe.table["data"], "preparation": saved.preparation}
        recipe = replace(recipe, table={**recipe.table, "data": table})
    where = Path(str(data.get("path", data["use"])))
    found = recipe.dataset()
    _check_columns(saved, where, found)
    return _with_classes(saved, where, found)


def _prepared(saved: Saved, file: Path | None, found: Dataset) -> Dataset:
    """Return samples of a file, or of memory, made as in training. Raises:   DataError; ShapeError."""
    path = file or "x"
    if saved.preparation is not None:
        with _in_file(file):
            found = prepare(found, split="none", preparation=saved.preparation)
    _check_columns(saved, path, found)
    shape, came = saved.network.input_shape, found.input_shape
    if isinstance(shape, dict) or isinstance(came, dict):
        _check_names(path, shape, came)
        return found
    flat = len(came) == 1 or saved.usage.shape is not None
    same = [axis for axis in came if axis != 1] == [axis for axis in shape if axis != 1]
    if math.prod(came) != math.prod(shape) or not (flat or same):
        hint = "the network was made for samples of that shape"
        if found.y is None and len(came) == 1 and math.prod(came) == math.prod(shape) + 1:
            hint += "; --target leaves the column of the targets out"
        raise ShapeError(f"{path}", expected=("N", *shape), got=("N", *came), hint=hint)
    if saved.preparation is not None:
        return prepare(found, shape=shape, split="none")
    return prepare(found, scale=saved.usage.scale, shape=shape, split="none" if found.x_test is None else None)


@contextmanager
def _in_file(path: Path | None) -> Iterator[None]:
    """Put the file, if there is one, in front of what is wrong with its rows."""
    try:
        yield
    except DataError as error:
        if path is None:
            raise
        raise error.within(str(path)) from error.__cause__


def _check_names(path: Path | str, shape: Any, came: Any) -> None:
    """Refuse arrays by other names, or of other shapes, than the network takes. Raises:   DataError; ShapeError."""
    if not isinstance(shape, dict) or not isinstance(came, dict) or shape.keys() != came.keys():
        expected, got = (", ".join(own) if isinstance(own, dict) else "one array" for own in (shape, came))
        hint = "the network was made for them"
        raise DataError(f"{path}", expected=expected, got=got, hint=hint)
    for name, own in shape.items():
        if came[name] != own:
            hint = "the network was made for samples of that shape"
            raise ShapeError(f"{path}: {name!r}", expected=("N", *own), got=("N", *came[name]), hint=hint)


def _check_columns(saved: Saved, path: Path | str, found: Dataset) -> None:
    """Refuse the columns of a reader that does not order them. Raises:   DataError."""
    own = saved.usage.columns
    if own is not None and found.columns is not None and found.columns != own:
        raise DataError(f"{path}: its columns", expected=", ".join(own), got=", ".join(found.columns))


def _with_classes(saved: Saved, path: Path, dataset: Dataset) -> Dataset:
    """Return the set with the run's numbers of the classes: a file that lacks one would number them otherwise."""
    own, there = saved.usage.classes, dataset.classes
    if dataset.y is None or isinstance(dataset.y, Named):
        return dataset
    if own is None or there is None:
        _tell_numbers(path, dataset, own, there)
        return dataset
    if own == there:
        return dataset
    code = {as_number(name): i for i, name in enumerate(own)} | {name: i for i, name in enumerate(own)}
    codes = {name: code.get(name, code.get(as_number(name))) for name in there}
    unknown = sorted(name for name in there if codes[name] is None)
    if unknown:
        known = ", ".join(own)
        raise DataError(f"{path}: the targets", expected=f"the classes of the run, {known}", got=", ".join(unknown))
    numbers = np.array([codes[name] for name in there])
    targets = {f"y{end}": numbers[y] for end, (_, y) in dataset.parts.items()}
    return replace(dataset, **targets, classes=own)


def _tell_numbers(path: Path, dataset: Dataset, own: tuple[str, ...] | None, there: tuple[str, ...] | None) -> None:
    """Warn where the file, or the network alone, has names for the classes: then their order counts."""
    names = own or there
    if names is None or dataset.y.dtype.kind not in "iu" or names == tuple(map(str, range(len(names)))):
        return
    what = "the network has no names for its classes" if own is None else "its targets are numbers, and no names"
    counted = ", ".join(f"{name} is {i}" for i, name in enumerate(names[:20]))
    warn(f"{path}: {what}: {counted}{', …' * (len(names) > 20)}")

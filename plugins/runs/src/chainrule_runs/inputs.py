"""Files of samples, read and prepared as the run's own data were."""

from __future__ import annotations

import csv
import math
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import DataError, Dataset, PluginError, SettingError, ShapeError, UnknownNameError
from chainrule.data import prepare
from chainrule.registry import read_dataset

from .saved import Saved

READERS = {".csv": "csv", ".npz": "npz", ".idx": "idx", ".gz": "idx"}
"""By suffix; a name that ends as MNIST's do, `images-idx3-ubyte`, is idx, too."""


def read_samples(saved: Saved, path: Path, target: str | None = None) -> Dataset:
    """Return the samples of a file without targets; a table's column of targets is left out.

    `target` names that column, where the run's recipe does not.
    Raises:   DataError; ShapeError when the network takes samples of another shape.
    """
    use, settings = _reader(saved, path)
    _check_options(use, target=target)
    if use == "csv":
        first = _first_line(path, settings)
        settings["target"] = _target_to_leave_out(saved, first, settings) if target is None else _column(target, first)
        settings["header"] = _header(saved, path, first, settings)
    if use == "npz":
        settings["y"] = None
    return _read(saved, use, settings, path, labels=None)


def read_evaluated(saved: Saved, path: Path, target: str | None = None, labels: Path | None = None) -> Dataset:
    """Return the samples of a file with their targets, in the run's classes.

    `target` names the column of a table, `labels` the file beside one of idx pictures.
    Raises:   as `read_samples`; SettingError when nothing says where the targets are.
    """
    use, settings = _reader(saved, path)
    _check_options(use, target=target, labels=labels)
    if use == "csv":
        first = _first_line(path, settings)
        if target is not None:
            settings["target"] = _column(target, first)
        if "target" not in settings:
            raise SettingError("--target", expected="the column of the targets", got=None)
        settings["header"] = _header(saved, path, first, settings)
    if use == "idx" and labels is None:
        raise SettingError("--labels", expected="the file of the pictures' labels", got=None)
    return _with_classes(saved, path, _read(saved, use, settings, path, labels))


def own_part(saved: Saved, part: str | None) -> Dataset:
    """Return the test part of the run's own data, or the training part.

    Raises:   SettingError where there is none; DataError when the data are no longer there.
    """
    if "data" not in saved.recipe.table:
        raise SettingError("DATA", expected="a file, as the network was saved without data", got=None)
    dataset = saved.recipe.dataset()
    if part == "train":
        return Dataset(dataset.x, dataset.y, classes=dataset.classes)
    if dataset.x_test is None:
        raise SettingError("--part", expected="train, as the run's data have no test part", got=part or "test")
    return Dataset(dataset.x_test, dataset.y_test, classes=dataset.classes)


def _reader(saved: Saved, path: Path) -> tuple[str, dict[str, Any]]:
    """Return the reader of a file, and the run's own settings of it, where the run read its data with the same."""
    use = READERS.get(path.suffix.lower()) or ("idx" if path.name.endswith("-ubyte") else None)
    if use is None:
        raise DataError(f"{path}", expected="a file of .csv, .npz or .idx", got=path.suffix or "no suffix")
    if not path.exists():
        raise DataError(f"{path}: no such file")
    data = saved.recipe.table.get("data", {})
    kept = ("x", "y", "target", "header", "delimiter", "classes")
    return use, {key: data[key] for key in kept if key in data} if data.get("use") == use else {}


def _check_options(use: str, target: str | None = None, labels: Path | None = None) -> None:
    """Refuse an option that a reader does not take. Raises:   SettingError."""
    for option, given, reader in (("--target", target, "csv"), ("--labels", labels, "idx")):
        if given is not None and use != reader:
            raise SettingError(option, expected=f"none, as only {reader} files take it", got=str(given))


def _column(target: str, first: list[str]) -> str | int:
    """Return the name of a column, or its position where no column has that name."""
    return int(target) if target not in first and re.fullmatch("-?[0-9]+", target) else target


def _first_line(path: Path, settings: dict[str, Any]) -> list[str]:
    """Return the cells of the first line that is not empty; what cannot be read, the reader itself tells better."""
    with suppress(OSError, ValueError, TypeError, csv.Error), path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file, delimiter=settings.get("delimiter", ","))
        return [cell.strip() for cell in next(filter(None, lines), [])]
    return []


def _header(saved: Saved, path: Path, first: list[str], settings: dict[str, Any]) -> bool:
    """Return whether the first line of a table is a header, as the run's recipe says, or else as it looks.

    A line of numbers is none, and neither is one that has a class of the run beside them.
    Raises:   DataError for numbers and a word that is no class: one sample more or less would not be seen.
    """
    if "header" in settings:
        said: bool = settings["header"]
        return said
    words, target = [i for i, cell in enumerate(first) if not _is_number(cell)], settings["target"]
    if len(words) != 1 or len(first) == 1 or target in first:
        return bool(words)
    place, word = words[0], first[words[0]]
    is_target = target in (place, place - len(first))
    if word in (saved.usage.classes or ()):
        if is_target:
            return False
        expected, hint = "the column of the targets", f"the class {word} is in column {place}: --target {place}"
        raise DataError(f"{path}, line 1", expected=expected, got=target, hint=hint)
    if is_target:
        hint = f"a header is known by the name of the targets, --target {word}; for a sample, add a header"
        raise DataError(f"{path}, line 1", expected="a header, or a sample", got=f"numbers and {word!r}", hint=hint)
    return True


def _target_to_leave_out(saved: Saved, first: list[str], settings: dict[str, Any]) -> Any:
    """Return the column of the targets, None where a table has none."""
    target = settings.get("target")
    if isinstance(target, str):
        return target if settings.get("header", True) and target in first else None
    return target if len(first) > math.prod(saved.network.input_shape) else None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _read(saved: Saved, use: str, settings: dict[str, Any], path: Path, labels: Path | None) -> Dataset:
    place = {"images": path, "labels": labels} if use == "idx" else {"path": path}
    try:
        found = read_dataset(use, {**settings, **place}, saved.recipe.table.get("prefer", []))
    except UnknownNameError as error:
        raise PluginError(f"no plug-in reads {use} files", hint="pip install chainrule-data") from error
    shape, came = saved.network.input_shape, tuple(found.x.shape[1:])
    flat = len(came) == 1 or saved.usage.shape is not None
    same = [axis for axis in came if axis != 1] == [axis for axis in shape if axis != 1]
    if math.prod(came) != math.prod(shape) or not (flat or same):
        hint = "the network was made for samples of that shape"
        if use == "csv" and settings["target"] is None and math.prod(came) == math.prod(shape) + 1:
            hint += "; --target leaves the column of the targets out"
        raise ShapeError(f"{path}", expected=("N", *shape), got=("N", *came), hint=hint)
    return prepare(found, scale=saved.usage.scale, shape=shape, split="none" if found.x_test is None else None)


def _with_classes(saved: Saved, path: Path, dataset: Dataset) -> Dataset:
    """Return the set with the run's numbers of the classes: a file that lacks one would number them otherwise."""
    own, there = saved.usage.classes, dataset.classes
    if own is None or there is None or own == there:
        return dataset
    unknown = sorted(set(there) - set(own))
    if unknown:
        known = ", ".join(own)
        raise DataError(f"{path}: the targets", expected=f"the classes of the run, {known}", got=", ".join(unknown))
    numbers = np.array([own.index(name) for name in there])
    return Dataset(dataset.x, numbers[dataset.y], classes=own)

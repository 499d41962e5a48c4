"""Data sets by name: who reads them, and what is done to what was read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import PluginError, SettingError
from ..learning.data import Dataset, check_preparation, prepare
from .registry import construct, find

OF_PARTS = ("split", "test_fraction", "validation_fraction", "fold")
PREPARED = ("scale", "shape", *OF_PARTS, "seed", "preparation")
"""Settings of `chainrule.data.prepare`, which any data set takes."""


def dataset(name: str, /, *, prefer: Sequence[str] = (), **settings: Any) -> Dataset:
    """Return a data set by name, split into a training and a test part: `dataset("digits")`.

    `scale`, `shape`, `split`, `test_fraction`, `validation_fraction`, `fold`, `seed` and `preparation` are those of
    `chainrule.data.prepare`, the last by its name or table, too; the others are the reader's own.
    Raises:   as `layer`; DataError.
    """
    found, prepared = read_unprepared(name, settings, prefer)
    return prepare(found, **prepared)


def read_unprepared(
    name: str, settings: Mapping[str, Any], prefer: Sequence[str] = (), folder: Path | None = None
) -> tuple[Dataset, dict[str, Any]]:
    """Return a data set by name as its reader gives it, and what `prepare` is to be told.

    A reader with a setting `split` splits the data itself: it is told what its signature has of `test_fraction`,
    `validation_fraction` and `fold`, and nothing is split after it.
    Raises:   as `layer`; DataError; SettingError for a part that such a reader does not make.
    """
    prepared = {key: value for key, value in settings.items() if key in PREPARED}
    given = prepared.pop("preparation", None)
    check_preparation(**prepared)
    if isinstance(given, str | dict):
        from .recipe_tables import build_preparation  # it imports what recipes do

        prepared["preparation"] = build_preparation(given, prefer, folder)
    elif given is not None:
        prepared["preparation"] = given
    reader = find("data", name, prefer, folder)
    own = {key: value for key, value in settings.items() if key not in PREPARED}
    if splits(reader):
        own |= {key: prepared.pop(key) for key in OF_PARTS if key in prepared}
        for key in OF_PARTS:
            if key in own and not takes(reader, key):
                expected = f"none: {name} splits the data itself, and makes no such part"
                raise SettingError(key, expected=expected, got=own[key])
        prepared["split"] = "none"
    return read_dataset(name, own, prefer, folder), prepared


def read_dataset(
    name: str, settings: Mapping[str, Any], prefer: Sequence[str] = (), folder: Path | None = None
) -> Dataset:
    """Return a data set by name as its reader, which is told all the settings, gives it. Raises:   as `dataset`."""
    found: Dataset = construct(find("data", name, prefer, folder), name, settings, further=PREPARED)
    if not isinstance(found, Dataset):
        raise PluginError(f"data {name!r}", expected="a Dataset", got=type(found).__name__)
    return found


def splits(reader: Callable[..., Any]) -> bool:
    """Return whether a reader splits the data itself."""
    return takes(reader, "split")


def takes(function: Callable[..., Any], setting: str) -> bool:
    """Return whether a function has an argument of that name."""
    import inspect

    return setting in inspect.signature(function).parameters

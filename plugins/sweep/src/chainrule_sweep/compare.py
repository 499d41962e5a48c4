"""Runs side by side: what their recipes say otherwise, and what came out."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from chainrule import CheckpointError, DataError, Evaluation, read_recipe

from .table import Row

RECIPE, HISTORY = "recipe.toml", "history.jsonl"
SECTIONS = ("data", "network", "training", "prefer")
"""Of a recipe, that say what is computed: not with which versions, nor from which folder."""


def compare(folders: Sequence[Path]) -> list[Row]:
    """Return a row for each run: its settings that are not the same in all, its last epoch, and its seconds.

    A key that a recipe does not have is an empty cell.
    Raises:   CheckpointError for a folder that holds no run; RecipeError; DataError for a history that is damaged.
    """
    settings = [_settings(folder) for folder in folders]
    keys = list(dict.fromkeys(key for own in settings for key in own))
    differing = [key for key in keys if len({own.get(key) for own in settings}) > 1]
    return [
        _row(folder, {key: own[key] for key in differing if key in own})
        for folder, own in zip(folders, settings, strict=True)
    ]


def _settings(folder: Path) -> dict[str, str]:
    """Return each key of a recipe by its path, as `--set` takes it."""
    if not (folder / RECIPE).is_file():
        hint = "name folders that chainrule train --out, or chainrule sweep, wrote"
        raise CheckpointError(f"{folder} holds no run: it has no {RECIPE}", hint=hint)
    table = read_recipe(folder / RECIPE).table
    return dict(_leaves({name: table[name] for name in SECTIONS if name in table}))


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from _leaves(entry, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and any(isinstance(entry, dict | list) for entry in value):
        for i, entry in enumerate(value):
            yield from _leaves(entry, f"{path}[{i}]")
    else:
        yield path, value if isinstance(value, str) else json.dumps(value, default=str)


def _row(folder: Path, settings: dict[str, str]) -> Row:
    """Return a run with what its history says; one that has none yet has not ended its first epoch."""
    path = folder / HISTORY
    try:
        lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []  # the last one is being written
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error
    row, seconds = Row(str(folder), settings, 0), 0.0
    for number, line in enumerate(lines, 1):
        try:
            epoch = json.loads(line)
            seconds += epoch["seconds"] or 0.0
            e_out = None if epoch["e_out"] is None else _evaluation(epoch["e_out"])
            e_validation = None if epoch.get("e_validation") is None else _evaluation(epoch["e_validation"])
            e_in = _evaluation(epoch["e_in"])
            row = Row(row.name, settings, int(epoch["epoch"]), e_in, e_out, seconds, e_validation=e_validation)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            hint = "the file is damaged: chainrule train --resume writes it anew"
            raise DataError(f"{path}, line {number}", expected="an epoch", got=repr(line[:40]), hint=hint) from error
    return row


def _evaluation(table: Any) -> Evaluation:
    loss, error = _number(table["loss"]), _number(table["error"])
    metrics = {name: _number(value) for name, value in table.get("metrics", {}).items()}
    return Evaluation(math.nan if loss is None else loss, error, metrics)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)

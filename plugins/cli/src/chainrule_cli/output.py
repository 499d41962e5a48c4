"""The folder that a run leaves."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from chainrule import Array, History, Network, Recipe, SettingError

FILES = RECIPE, HISTORY, PARAMETERS = "recipe.toml", "history.jsonl", "parameters.npz"


def check_free(folder: Path) -> None:
    """Refuse a folder that holds a run already. Raises:   SettingError."""
    there = [name for name in FILES if (folder / name).exists()]
    if there:
        raise SettingError(
            "--out", expected="a folder without a run", got=str(folder), hint=f"it has {there[0]}; name another"
        )


def write(folder: Path, recipe: Recipe, network: Network, theta: Array, history: History) -> None:
    """Write the recipe as run, the parameters by name, and a line of JSON for each epoch."""
    (folder / RECIPE).write_text(tomli_w.dumps(recipe.resolved().table), encoding="utf-8")
    views: dict[str, Any] = network.views(theta)
    np.savez(folder / PARAMETERS, **views)
    lines = [json.dumps(_finite(asdict(record)), allow_nan=False) + "\n" for record in history]
    (folder / HISTORY).write_text("".join(lines), encoding="utf-8")


def _finite(value: Any) -> Any:
    """Return null for what JSON cannot say, an E_out that is infinite."""
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value

"""The folder of a run: what pictures need of it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from chainrule import (
    DataError,
    Dataset,
    EpochRecord,
    Evaluation,
    Loss,
    Network,
    PluginError,
    UnknownNameError,
    registry,
)

RECIPE, HISTORY = "recipe.toml", "history.jsonl"


def check_run(folder: Path, needed: Iterable[str]) -> None:
    """Refuse what is not the folder of a run with the files that are needed. Raises:   DataError."""
    hint = "chainrule train RECIPE --out FOLDER makes one"
    if not folder.is_dir():
        raise DataError(str(folder), expected="the folder of a run", got="no such folder", hint=hint)
    for name in needed:
        if not (folder / name).is_file():
            raise DataError(str(folder), expected="the folder of a run", got=f"no {name} in it", hint=hint)


def read_history(path: Path) -> tuple[EpochRecord, ...]:
    """Read the epochs of a run, a JSON object a line; a last line that has not ended is being written, and is left out.

    A loss of null is one that was not finite, and is NaN here.

    Raises:   DataError with the line, for any other that is no record.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    return tuple(_record(f"{path}, line {number}", line) for number, line in enumerate(lines[:-1], 1))


def load_network(folder: Path) -> Network:
    """Return the trained network of a run, as chainrule-runs loads it.

    Raises:   PluginError when chainrule-runs is not installed, or what it raises.
    """
    network: Network = _part("load", f"the trained network of {folder}")(folder)
    return network


def load_data(folder: Path) -> Dataset:
    """Return the data of a run as they were in training: a table's columns by name. Raises:   as `load_network`."""
    dataset: Dataset = _part("data", f"the data of {folder}")(folder)
    return dataset


def load_loss(folder: Path) -> Loss:
    """Return the loss that a run was trained with: that of a standardised target knows its unit.

    Raises:   as `load_network`; DataError for a network that was saved without one.
    """
    loss: Loss | None = _part("model", f"the loss of {folder}")(folder).saved.loss
    if loss is None:
        raise DataError(str(folder), expected="a network that was saved with its loss", got="none")
    return loss


def _part(name: str, what: str) -> Callable[[Path], Any]:
    try:
        part: Callable[[Path], Any] = registry.find("runs", name)
    except UnknownNameError as error:
        raise PluginError(f"{what} cannot be loaded: {error.where}", hint=error.hint) from None
    return part


def _record(where: str, line: bytes) -> EpochRecord:
    try:
        return _parsed(json.loads(line.decode(), parse_constant=_refuse))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise DataError(
            f"{where}: {reason}",
            hint='an epoch is {"epoch": 1, "e_in": {"loss": 0.5, "error": 0.1}, "e_out": null, "seconds": 0.2}',
        ) from error


def _parsed(table: Any) -> EpochRecord:
    if not isinstance(table, dict):
        raise TypeError("not an object")
    if type(table["epoch"]) is not int:
        raise TypeError("epoch is not a whole number")
    e_out = None if table["e_out"] is None else _evaluation("e_out", table["e_out"])
    further = table.get("e_validation")  # runs without such a part do not say it
    e_validation = None if further is None else _evaluation("e_validation", further)
    seconds = _number("seconds", table["seconds"])
    seconds = math.nan if seconds is None else seconds
    return EpochRecord(table["epoch"], _evaluation("e_in", table["e_in"]), e_out, seconds, e_validation)


def _evaluation(name: str, table: Any) -> Evaluation:
    if not isinstance(table, dict):
        raise TypeError(f"{name} is not an object")
    loss = _number(f"{name}.loss", table["loss"])
    metrics = {key: _number(f"{name}.metrics.{key}", value) for key, value in table.get("metrics", {}).items()}
    return Evaluation(math.nan if loss is None else loss, _number(f"{name}.error", table["error"]), metrics)


def _number(name: str, value: Any) -> float | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise TypeError(f"{name} is not a number")
    return None if value is None else float(value)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")

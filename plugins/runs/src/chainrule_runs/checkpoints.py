"""The last two checkpoints of a run, each enough to go on from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import Array, CheckpointError, EpochRecord, Evaluation, Snapshot

from . import atomic
from .tensors import TensorFile, dump
from .tree import pack, unpack

NAMES = ("checkpoint-1.safetensors", "checkpoint-2.safetensors")
FORMAT = 1
_KINDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("number", "epoch", "batch", "step"), (int,)),
    **dict.fromkeys(("shuffle", "noise", "about"), (dict,)),
    **dict.fromkeys(("ended", "stopped"), (str, type(None))),
    **dict.fromkeys(("finished", "tested"), (bool,)),
}


@dataclass(frozen=True)
class Checkpoint:
    """A snapshot, its number in the run, what the folder said of the run, and why it ended, None unless it did."""

    number: int
    snapshot: Snapshot
    ended: str | None
    about: dict[str, Any]


class Checkpoints:
    """Two files that are written in turn: whichever is being written when the power fails, the other is whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0
        self._slot = 0

    def write(self, snapshot: Snapshot, about: Mapping[str, Any], ended: str | None = None) -> None:
        """Write the next one. Raises:   CheckpointError."""
        arrays, facts = _pack(snapshot)
        facts |= {"format": FORMAT, "number": self._number + 1, "ended": ended, "about": dict(about)}
        atomic.write(self._folder / NAMES[self._slot], dump(arrays, facts))
        self._number, self._slot = self._number + 1, 1 - self._slot

    def newest(self) -> tuple[Checkpoint | None, list[CheckpointError]]:
        """Return the newest that can be trusted, None if none was written, and what is wrong with others.

        Raises:   CheckpointError when there are some, and none can be trusted.
        """
        good: dict[int, Checkpoint] = {}
        errors = []
        for slot, name in enumerate(NAMES):
            try:
                with atomic.telling(self._folder / name, "read"):
                    there = (self._folder / name).exists()
                if there:
                    good[slot] = _read(self._folder / name)
            except CheckpointError as error:
                errors.append(error)
        if not good:
            if errors:
                reasons = "; ".join(map(str, errors))
                raise CheckpointError(f"no checkpoint of {self._folder} can be used: {reasons}")
            return None, []
        slot = max(good, key=lambda slot: good[slot].number)
        self._number, self._slot = good[slot].number, 1 - slot
        return good[slot], errors


def _pack(snapshot: Snapshot) -> tuple[dict[str, Array], dict[str, Any]]:
    arrays = {"theta": snapshot.theta, "good": snapshot.good, "history": _columns(snapshot.history)}
    metrics = [*snapshot.history[0].e_in.metrics] if snapshot.history else []
    if metrics:
        arrays["metrics"] = _metrics(snapshot.history)
    facts = {
        "optimizer": pack(snapshot.optimizer, "optimizer", arrays),
        "kept": pack(snapshot.kept, "kept", arrays),
        "shuffle": snapshot.shuffle,
        "noise": snapshot.noise,
        "epoch": snapshot.epoch,
        "batch": snapshot.batch,
        "step": snapshot.step,
        "stopped": snapshot.stopped,
        "finished": snapshot.finished,
        "tested": bool(snapshot.history and snapshot.history[0].e_out is not None),
        "validated": _validated(snapshot.history),
        "metrics": metrics,
        "shards": snapshot.shards,
    }
    return arrays, facts


def _read(path: Path) -> Checkpoint:
    file = TensorFile(path)
    file.check_format(FORMAT)
    arrays, facts = file.read(), file.facts
    try:
        _check_kinds(facts)
        return Checkpoint(facts["number"], _unpack(arrays, facts), facts["ended"], facts["about"])
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        reason = f"{type(error).__name__}: {error}"[:200]
        raise CheckpointError(
            f"{path} holds no checkpoint: {reason}", hint="chainrule-runs did not write it"
        ) from error


def _check_kinds(facts: Mapping[str, Any]) -> None:
    """Refuse what another program made up, with a checksum of its own. Raises:   KeyError, TypeError, ValueError."""
    if type(facts.get("validated", False)) is not bool:  # checkpoints of before do not say it
        raise TypeError(f"validated is a {type(facts['validated']).__name__}")
    if type(facts.get("shards", 1)) is not int or facts.get("shards", 1) < 1:
        raise ValueError(f"shards are {facts['shards']!r}")
    if not all(type(name) is str for name in facts.get("metrics", [])):
        raise TypeError("metrics are no names")
    for name, kinds in _KINDS.items():
        if type(facts[name]) not in kinds:
            raise TypeError(f"{name} is a {type(facts[name]).__name__}")
        if int in kinds and not 0 <= facts[name] < 1 << 62:
            raise ValueError(f"{name} is out of range")


def _unpack(arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> Snapshot:
    kept = unpack(facts["kept"], arrays)
    if not isinstance(kept, dict):
        raise TypeError(f"kept is a {type(kept).__name__}")
    return Snapshot(
        theta=arrays["theta"],
        good=arrays["good"],
        optimizer=unpack(facts["optimizer"], arrays),
        shuffle=facts["shuffle"],
        noise=facts["noise"],
        epoch=facts["epoch"],
        batch=facts["batch"],
        step=facts["step"],
        history=_measured(
            _records(arrays["history"], facts["tested"], facts.get("validated", False)),
            facts.get("metrics", []),
            arrays,
        ),
        stopped=facts["stopped"],
        finished=facts["finished"],
        kept=kept,
        shards=facts.get("shards", 1),
    )


def _validated(history: tuple[EpochRecord, ...]) -> bool:
    return bool(history and history[0].e_validation is not None)


def _columns(history: tuple[EpochRecord, ...]) -> Array:
    """Return a row for each epoch: E_in's loss and error, E_out's, seconds, and, where there is one, E_val's.

    An error that is None is NaN.
    """
    rows, validated = [], _validated(history)
    for record in history:
        e_validation = [*_numbers(record.e_validation)] if validated else []
        rows.append([*_numbers(record.e_in), *_numbers(record.e_out), record.seconds, *e_validation])
    return np.array(rows, np.float64).reshape(len(rows), 7 if validated else 5)


def _metrics(history: tuple[EpochRecord, ...]) -> Array:
    """Return the metrics of each epoch's E_in, E_val and E_out, (epochs, parts, metrics); one that is None is NaN."""
    rows = [[[*found.metrics.values()] for found in record.evaluations.values()] for record in history]
    return np.array(rows, np.float64)  # of None it makes NaN


def _measured(
    history: tuple[EpochRecord, ...], names: list[str], arrays: Mapping[str, Array]
) -> tuple[EpochRecord, ...]:
    """Return the records with their metrics; checkpoints of before have none."""
    if not names:
        return history
    parts, metrics = {"E_in": "e_in", "E_val": "e_validation", "E_out": "e_out"}, arrays["metrics"]
    if metrics.dtype != np.float64 or metrics.shape != (len(history), len(history[0].evaluations), len(names)):
        raise ValueError(f"metrics of {metrics.dtype} {metrics.shape}")
    found = []
    for record, values in zip(history, metrics.tolist(), strict=True):
        own: dict[str, Any] = {
            parts[part]: replace(was, metrics={n: None if np.isnan(v) else v for n, v in zip(names, row, strict=True)})
            for (part, was), row in zip(record.evaluations.items(), values, strict=True)
        }
        found.append(replace(record, **own))
    return tuple(found)


def _numbers(evaluation: Evaluation | None) -> tuple[float, float]:
    if evaluation is None:
        return np.nan, np.nan
    return evaluation.loss, np.nan if evaluation.error is None else evaluation.error


def _records(columns: Array, tested: bool, validated: bool) -> tuple[EpochRecord, ...]:
    if columns.dtype != np.float64 or columns.shape[1:] != (7 if validated else 5,):
        raise ValueError(f"a history of {columns.dtype} {columns.shape}")

    return tuple(
        EpochRecord(
            epoch,
            _evaluation(row[:2]),
            _evaluation(row[2:4]) if tested else None,
            row[4],
            _evaluation(row[5:]) if validated else None,
        )
        for epoch, row in enumerate(columns.tolist(), 1)
    )


def _evaluation(numbers: list[float]) -> Evaluation:
    loss, error = numbers
    return Evaluation(loss, None if np.isnan(error) else error)

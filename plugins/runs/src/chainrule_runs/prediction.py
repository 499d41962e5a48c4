"""Decisions and scores, batch by batch."""

from __future__ import annotations

import codecs
import csv
import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from chainrule import Array, SettingError

from . import atomic
from .saved import Saved

BATCH = 256
SUFFIXES = (".csv", ".npz")


def predict(saved: Saved, x: Any) -> Iterator[tuple[Array | None, Array]]:
    """Yield decisions, None where the loss is unknown, and scores of one batch after the other."""
    for start in range(0, len(x), BATCH):
        scores = saved.network.predict(x[start : start + BATCH])
        yield None if saved.loss is None else saved.loss.decide(scores), scores


def named(saved: Saved, decisions: Array) -> Array:
    """Return the names of decided classes, where the run has names; the decisions elsewhere."""
    names = saved.classes
    if names is None or decisions.dtype.kind not in "iu":
        return decisions
    if decisions.shape[1:] == (1,) and len(names) == 2:
        decisions = (decisions > 0).astype(np.int64)  # of 0 and 1, and of -1 and 1
    elif decisions.shape[1:] != saved.network.output_shape[:-1]:
        return decisions  # yes-or-no answers: of classes there is one for each row of scores
    return np.array(names, object)[decisions]


def check_out(out: Path, source: Path) -> None:
    """Refuse what cannot be written, before anything is computed. Raises:   SettingError."""
    if out.suffix not in SUFFIXES:
        raise SettingError("--out", expected="a file of .csv or .npz", got=str(out))
    if out.exists() and source.exists() and out.samefile(source):
        raise SettingError("--out", expected="another file than the input", got=str(out))


def write(saved: Saved, x: Any, out: Path) -> None:
    """Write decisions and scores: a line for each sample, or the arrays `decisions` and `scores` of an npz.

    Scores are written as they are computed; the file has its name when it is whole.
    Raises:   CheckpointError when it cannot be written.
    """
    with atomic.writing(out) as file:
        if out.suffix == ".csv":
            write_table(saved, x, codecs.getwriter("utf-8")(file))
        else:
            _write_arrays(saved, x, file)


def write_table(saved: Saved, x: Any, file: IO[str] | codecs.StreamWriter) -> None:
    """Write a header, and a line for each sample: what was decided, and each score with all its digits."""
    table = csv.writer(file, lineterminator="\n")
    for i, (decisions, scores) in enumerate(predict(saved, x)):
        decided = None if decisions is None else _columns(named(saved, decisions))
        rows = _columns(scores)
        if i == 0:
            first = [] if decided is None else _names("decision", decided.shape[1], None)
            table.writerow([*first, *_names("score", rows.shape[1], saved.classes)])
        for j, row in enumerate(rows):
            table.writerow([*([] if decided is None else decided[j]), *row])


def _columns(values: Array) -> Array:
    return values.reshape(len(values), math.prod(values.shape[1:]))


def _names(what: str, count: int, classes: tuple[str, ...] | None) -> list[str]:
    if classes is not None and len(classes) == count:
        return [f"{what} {name}" for name in classes]
    return [what] if count == 1 else [f"{what} {i}" for i in range(count)]


def _write_arrays(saved: Saved, x: Any, file: IO[bytes]) -> None:
    """Write what `np.savez` would: the scores as they are computed, and then the decisions."""
    decided: list[Array] = []
    with zipfile.ZipFile(file, "w") as archive:
        with archive.open("scores.npy", "w", force_zip64=True) as member:
            described = {
                "descr": np.lib.format.dtype_to_descr(saved.network.dtype),
                "fortran_order": False,
                "shape": (len(x), *saved.network.output_shape),
            }
            np.lib.format.write_array_header_1_0(member, described)
            for decisions, scores in predict(saved, x):
                member.write(scores.tobytes())
                decided += [] if decisions is None else [decisions]
        if decided:
            of_all = named(saved, np.concatenate(decided))
            with archive.open("decisions.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, of_all.astype(str) if of_all.dtype == object else of_all)

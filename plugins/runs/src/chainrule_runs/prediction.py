"""Decisions and scores, batch by batch."""

from __future__ import annotations

import codecs
import csv
import math
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from chainrule import Array, SettingError, Standardized, UnsupportedError
from chainrule.functions.at_once import batches_that_pay
from chainrule.functions.threads import Pool

from . import atomic
from .saved import Saved

BATCH = 256
SUFFIXES = (".csv", ".npz")
Kept = Mapping[str, Sequence[str]]
"""The cells of a table's columns, by name."""


def predict(saved: Saved, x: Any) -> Iterator[tuple[Any, Any]]:
    """Yield decisions, None where the loss is unknown, and scores of one batch after the other.

    Where it pays, several are predicted at once; how many shows in no bit.
    Of a network of several outputs, both are arrays by name. Scores that are standardised numbers mean nothing to those
    who do not know μ and σ: in their place are the decisions, which are numbers in the targets' unit.
    """
    network = saved.network
    batches = (x[start : start + BATCH] for start in range(0, len(x), BATCH))
    with Pool(batches_that_pay(network, len(x), BATCH)) as threads:
        for scores in threads.in_turn(network.predict, batches):
            decisions = None if saved.loss is None else saved.loss.decide(scores)
            yield decisions, decisions if isinstance(saved.loss, Standardized) else scores


def named(saved: Saved, decisions: Array) -> Array:
    """Return the names of decided classes, where the run has names, of one output; the decisions elsewhere."""
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


def check_probabilities(saved: Saved) -> None:
    """Refuse a loss without probabilities, before anything is computed. Raises:   SettingError."""
    try:
        shape = saved.network.output_shape
        saved.probabilities(np.zeros((1, *shape), saved.network.dtype) if isinstance(shape, tuple) else {})
    except UnsupportedError as error:
        expected = "a network whose loss is a likelihood, such as cross_entropy or logistic"
        raise SettingError("--probabilities", expected=expected, got=saved.loss) from error


def write(saved: Saved, x: Any, out: Path, kept: Kept | None = None, probabilities: bool = False) -> None:
    """Write decisions and scores: a line for each sample, or the arrays `decisions` and `scores` of an npz.

    Columns that were `kept` come first, under their names, and `probabilities` where they are asked for.
    Of several outputs, the columns and the arrays have the output's name before theirs, `kind scores`.
    Scores are written as they are computed; the file has its name when it is whole.
    Raises:   CheckpointError when it cannot be written.
    """
    with atomic.writing(out) as file:
        if out.suffix == ".csv":
            write_table(saved, x, codecs.getwriter("utf-8")(file), kept, probabilities)
        else:
            _write_arrays(saved, x, file, kept or {}, probabilities)


def write_table(
    saved: Saved,
    x: Any,
    file: IO[str] | codecs.StreamWriter,
    kept: Kept | None = None,
    probabilities: bool = False,
) -> None:
    """Write a header, and a line for each sample: what was decided, and each score with all its digits.

    Between them stand the `probabilities`, if they are asked for: one of each class, or that of the second of two.
    """
    table = csv.writer(file, lineterminator="\n")
    for i, (decisions, scores) in enumerate(predict(saved, x)):
        start = i * BATCH
        columns: list[tuple[str, Array, Any]] = [
            (name, np.array(texts[start : start + BATCH], object)[:, np.newaxis], None)
            for name, texts in (kept or {}).items()
        ]
        if decisions is not None:
            columns += [(f"{n}decision", _columns(named(saved, own)), None) for n, own in _ends(decisions).items()]
        if probabilities:
            columns.append(("probability", _columns(saved.probabilities(scores)), _of_probabilities(saved)))
        columns += [(f"{name}score", _columns(own), saved.classes) for name, own in _ends(scores).items()]
        if i == 0:
            table.writerow([n for what, own, classes in columns for n in _names(what, own.shape[1], classes)])
        table.writerows([cell for _, own, _ in columns for cell in own[j]] for j in range(len(columns[0][1])))


def _ends(given: Any) -> dict[str, Any]:
    """Return what there is of each output by what stands before it: its name, or nothing where there is one."""
    return {f"{name} ": own for name, own in given.items()} if isinstance(given, dict) else {"": given}


def _columns(values: Array) -> Array:
    return values.reshape(len(values), math.prod(values.shape[1:]))


def _of_probabilities(saved: Saved) -> tuple[str, ...] | None:
    """Return the classes that have a probability: of one score it is the second one's."""
    names = saved.classes
    return names[1:] if names is not None and len(names) == 2 and saved.network.output_shape == (1,) else names


def _names(what: str, count: int, classes: tuple[str, ...] | None) -> list[str]:
    if classes is not None and len(classes) == count:
        return [f"{what} {name}" for name in classes]
    return [what] if count == 1 else [f"{what} {i}" for i in range(count)]


def _write_arrays(saved: Saved, x: Any, file: IO[bytes], kept: Kept, probabilities: bool) -> None:
    """Write what `np.savez` would: the scores as they are computed, once for each output, and then the decisions.

    Probabilities, if they are asked for, are kept until all are computed.
    """
    decided: dict[str, list[Array]] = {}
    likely: list[Array] = []
    with zipfile.ZipFile(file, "w") as archive:
        for name, texts in kept.items():
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, np.array(texts, str))
        for name, shape in _ends(saved.network.output_shape).items():
            with archive.open(f"{name}scores.npy", "w", force_zip64=True) as member:
                dtype = np.dtype(np.float64) if isinstance(saved.loss, Standardized) else saved.network.dtype
                described = {
                    "descr": np.lib.format.dtype_to_descr(dtype),
                    "fortran_order": False,
                    "shape": (len(x), *shape),
                }
                np.lib.format.write_array_header_1_0(member, described)
                first = not decided
                for decisions, scores in predict(saved, x):
                    member.write(_ends(scores)[name].tobytes())
                    likely += [saved.probabilities(scores)] if probabilities else []
                    for end, own in _ends(decisions).items() if first and decisions is not None else ():
                        decided.setdefault(end, []).append(own)
        if probabilities:
            with archive.open("probabilities.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.concatenate(likely))
        for name, parts in decided.items():
            of_all = named(saved, np.concatenate(parts))
            with archive.open(f"{name}decisions.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, of_all.astype(str) if of_all.dtype == object else of_all)

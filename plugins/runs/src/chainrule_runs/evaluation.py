"""How well a trained network does on a set: loss, error, and each class by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import Array, Dataset, Evaluation, Loss, Metric, SettingError, confusion_matrix, registry
from chainrule.evaluation import evaluate as mean_loss
from chainrule.learning.auto_shards import AUTO
from chainrule.learning.standardized import decides_numbers
from chainrule.recipe import targets_for
from chainrule.rows import Named
from chainrule.short_form import show_figure

from .counting import weights_of
from .prediction import predict
from .saved import Saved

OF_NUMBERS = {"r2": "R²", "mae": "MAE", "rmse": "RMSE"}
"""The metrics of a regression, and what they are called."""


@dataclass(frozen=True, eq=False)
class Report:
    """The mean loss, the error and metrics; where decisions are classes, their names, and the confusion matrix.

    The metrics are those of the run's recipe, and of a regression those of numbers.
    confusion[k, j] counts the samples of class k that were decided to be j: each once, where loss and error are
    `weighted`, too.
    """

    samples: int
    evaluation: Evaluation
    classes: tuple[str, ...] | None = None
    confusion: Array | None = None
    weighted: bool = False

    @property
    def table(self) -> list[ClassScores]:
        """Precision, recall and F₁ of each class; none where there are no classes."""
        if self.confusion is None or self.classes is None:
            return []
        return [ClassScores.of(name, k, self.confusion) for k, name in enumerate(self.classes)]


@dataclass(frozen=True)
class ClassScores:
    """One class: its samples, and how many of them were found.

    Formula:  precision C[k, k] / Σ_i C[i, k]; recall C[k, k] / Σ_j C[k, j];
              F₁ = 2 C[k, k] / (Σ_i C[i, k] + Σ_j C[k, j])

    A quotient of nothing is 0.
    Source:   van Rijsbergen (1979), Information retrieval, chapter 7.
    """

    name: str
    samples: int
    precision: float
    recall: float
    f1: float

    @classmethod
    def of(cls, name: str, k: int, confusion: Array) -> ClassScores:
        """Return the scores of class k."""
        found, decided, there = (int(n) for n in (confusion[k, k], confusion[:, k].sum(), confusion[k].sum()))
        both = decided + there
        return cls(name, there, _share(found, decided), _share(found, there), _share(2 * found, both))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def evaluate(saved: Saved, dataset: Dataset) -> Report:
    """Return the report on the samples of a set; of several outputs, loss and error alone.

    Loss and error have the weights of training: those of the set's own column, and those of the classes.

    Raises:   SettingError for a network that was saved without a loss; ShapeError, DataError, TargetError.
    """
    if saved.loss is None:
        raise SettingError("loss", expected="a network that was saved with its loss", got=None, hint="save(…, loss=…)")
    targets = targets_for(saved.network, saved.loss, dataset.y)
    shards = saved.recipe.shards if "training" in saved.recipe.table else AUTO
    metrics, weights = _metrics(saved, saved.loss, targets), weights_of(saved, dataset, targets)
    counted = {"shards": shards, "metrics": metrics, "sample_weight": weights}
    found = mean_loss(saved.network, dataset.x, targets, saved.loss, **counted)
    undecided = found.error is None or targets is None or isinstance(targets, Named)
    classes = None if undecided else _whole(np.asarray(targets))
    if classes is None or classes.size != len(dataset.x):
        return Report(len(dataset.x), found, weighted=weights is not None)
    decisions = np.concatenate([np.asarray(decided) for decided, _ in predict(saved, dataset.x)]).reshape(-1)
    labels = np.union1d(_alphabet(saved, saved.loss), np.concatenate([classes, decisions]))
    names = saved.classes or dataset.classes
    if names is None or len(names) != len(labels):
        names = tuple(str(label) for label in labels.tolist())
    confusion = confusion_matrix(np.searchsorted(labels, classes), np.searchsorted(labels, decisions), len(labels))
    return Report(len(dataset.x), found, names, confusion, weights is not None)


def _metrics(saved: Saved, loss: Loss, targets: Any) -> dict[str, Metric]:
    """Return the metrics of the run's recipe; those of numbers stand first, where decisions are numbers."""
    own = saved.recipe.metrics() if "training" in saved.recipe.table else {}
    if not decides_numbers(saved.network, loss, targets):
        return own
    prefer, known = saved.recipe.table.get("prefer", []), registry.default.names("metrics")
    return {name: registry.metric(name, prefer=prefer) for name in OF_NUMBERS if name in known} | own


def _whole(targets: Array) -> Array | None:
    """Return targets that are classes as a vector of integers, None for others, such as probabilities."""
    whole = targets.reshape(-1).astype(np.int64)
    return whole if np.array_equal(whole, targets.reshape(-1)) else None


def _alphabet(saved: Saved, loss: Loss) -> Array:
    """Return what the loss can decide, whether or not it occurs."""
    if saved.network.output_shape == (1,):
        return np.unique(loss.decide(np.array([[-1], [1]], saved.network.dtype)))
    return np.arange(saved.network.output_shape[-1])


def show(report: Report) -> str:
    """Return the report as text: loss, error and metrics, a row for each class, and the confusion matrix."""
    error = "" if report.evaluation.error is None else f", error {report.evaluation.error:.2%}"
    metrics = "".join(f", {OF_NUMBERS.get(n, n)} {show_figure(v)}" for n, v in report.evaluation.metrics.items())
    samples = f"{report.samples:,} samples" + " by weight" * report.weighted
    lines = [f"{samples}: loss {report.evaluation.loss:.5f}{error}{metrics}"]
    if report.confusion is None or report.classes is None:
        return lines[0]
    head = ("class", "samples", "precision", "recall", "F1")
    rows = [(s.name, f"{s.samples}", f"{s.precision:.2%}", f"{s.recall:.2%}", f"{s.f1:.2%}") for s in report.table]
    lines += ["", *_aligned([head, *rows])]
    counts = [(name, *map(str, row)) for name, row in zip(report.classes, report.confusion, strict=True)]
    once = ", each sample once" * report.weighted
    lines += ["", f"confusion: a row for each true class, a column for each decision{once}", ""]
    return "\n".join([*lines, *_aligned([("", *report.classes), *counts])])


def _aligned(rows: list[tuple[Any, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]

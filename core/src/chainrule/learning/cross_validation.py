"""Every sample is tested once, by a network that was trained without it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import SettingError, warn
from ..functions.short_form import show_figure, show_loss
from ..settings import integer
from .data import Dataset, prepare
from .history import Evaluation, History


@dataclass(frozen=True)
class CrossValidation:
    """What each fold came to, E_out of the epoch whose parameters were kept.

    Formula:  mean m = Σ_i E_i / k, its standard error √(Σ_i (E_i - m)² / (k (k - 1)))
    Source:   Hastie, Tibshirani and Friedman (2009), The elements of statistical learning, section 7.10. The folds
              share training data, and so the standard error is a rough one: Bengio and Grandvalet (2004).
    """

    evaluations: tuple[Evaluation, ...]

    @classmethod
    def of(cls, histories: Iterable[History]) -> CrossValidation:
        """Return what the training of each fold came to. Raises:   SettingError for one without E_out."""
        return cls(tuple(map(_outcome, histories)))

    @property
    def mean(self) -> Evaluation:
        """The mean of the folds."""
        return self._over(np.mean)

    @property
    def standard_error(self) -> Evaluation:
        """The standard error of the mean."""
        return self._over(lambda values: np.std(values, ddof=1) / math.sqrt(len(values)))

    def __str__(self) -> str:
        mean, error = self.mean, self.standard_error
        text = f"loss {show_loss(mean.loss)} ± {show_loss(error.loss)}"
        if mean.error is not None and error.error is not None:
            text += f", error {mean.error:.2%} ± {error.error:.2%}"
        for name, value in mean.metrics.items():
            text += f", {name} {show_figure(value)} ± {show_figure(error.metrics[name])}"
        return text

    def _over(self, statistic: Callable[[Any], Any]) -> Evaluation:
        """Return a statistic of each figure, None for one that is None of any fold."""

        def over(values: list[float | None]) -> float | None:
            return None if None in values else float(statistic(values))

        found, metrics = self.evaluations, self.evaluations[0].metrics
        return Evaluation(
            float(statistic([own.loss for own in found])),
            over([own.error for own in found]),
            {name: over([own.metrics.get(name) for own in found]) for name in metrics},
        )


def cross_validate(
    fit: Callable[[Dataset], History], dataset: Dataset, folds: int = 5, **prepared: Any
) -> CrossValidation:
    """Train once for each fold, on all others, and return what each came to on the rows that it left out.

    `fit` is given a data set whose test part is the fold, makes a network and trains it, and returns the history of
    `train(…, test=(data.x_test, data.y_test))`. The folds are those of all rows of x; a test part that the set comes
    with stays out of it. `prepared` are settings of `chainrule.data.prepare`, such as `seed`, `split` and
    `validation_fraction`: what is learned from data is learned from each fold's training part anew.

    Warns:    ChainruleWarning for a set that was prepared before: that has learned from the rows that are to be tested.
    Raises:   SettingError; DataError for fewer rows than folds; and as `fit`.
    """
    integer("folds", folds, minimum=2)
    if not callable(fit):
        raise SettingError("fit", expected="a function of a data set, which returns a History", got=fit)
    if not isinstance(dataset, Dataset):
        raise SettingError("dataset", expected="a Dataset: Dataset(x, y)", got=type(dataset).__name__)
    if dataset.preparation is not None:
        warn(
            "cross_validate: what the preparation of the data set has learned, it has learned from rows that are "
            "tested, too: give the rows as their reader gives them, and the preparation beside them"
        )
    return CrossValidation.of(fit(prepare(dataset, fold=(fold, folds), **prepared)) for fold in range(1, folds + 1))


def _outcome(history: Any) -> Evaluation:
    """Return E_out of the epoch that was kept. Raises:   SettingError for what `fit` should not return."""
    kept = (history.best or history[-1]) if isinstance(history, History) and history else None
    if kept is None or kept.e_out is None:
        came = type(history).__name__ if kept is None else "one without E_out"
        expected, hint = "the History of a training", "return train(…, test=(data.x_test, data.y_test))"
        raise SettingError("what fit returns", expected=expected, got=came, hint=hint)
    return kept.e_out

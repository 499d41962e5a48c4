"""A run, or a saved network, as what it is used for: from raw tables to decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import Array, SettingError

from .inputs import given_samples, read_samples
from .prediction import named, predict
from .saved import Saved, open_saved


@dataclass(frozen=True)
class Model:
    """What a run has learned: the network, what turns raw rows into its samples, and its scores into decisions.

    A table is the path of a file that `chainrule predict` takes, columns by name (a mapping, or a data frame), or an
    array of the features, in their order. Columns may be in any order, and others beside them.

    Raises:   as `open_model`; DataError for rows that the run cannot take.
    """

    saved: Saved

    def predict(self, table: Any) -> Any:
        """Return the scores, (N, *out), by name where the network has several outputs.

        Where targets were standardised, these are numbers in the targets' own unit, as `decide` returns them.
        """
        return _joined([scores for _, scores in predict(self.saved, self._samples(table))])

    def decide(self, table: Any) -> Any:
        """Return the decisions, the names of classes where the run has names. Raises:   SettingError without a loss."""
        if self.saved.loss is None:
            raise SettingError(
                "loss", expected="a network that was saved with its loss", got=None, hint="save(…, loss=…)"
            )
        found = _joined([decisions for decisions, _ in predict(self.saved, self._samples(table))])
        return found if isinstance(found, dict) else named(self.saved, found)

    def probabilities(self, table: Any) -> Array:
        """Return the probabilities of the classes, as the loss gives them.

        Raises:   SettingError without a loss; UnsupportedError where the loss has none.
        """
        return self.saved.probabilities(self.predict(table))

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The names of the classes, None where there are none."""
        return self.saved.classes

    def _samples(self, table: Any) -> Any:
        if isinstance(table, str | Path):
            return read_samples(self.saved, Path(table)).x
        return given_samples(self.saved, table).x


def open_model(folder: Path | str) -> Model:
    """Return what a run, or what `save` wrote, is used for. `load` gives the network alone. Raises:   as `load`."""
    return Model(open_saved(folder))


def _joined(parts: list[Any]) -> Any:
    if isinstance(parts[0], Mapping):
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return np.concatenate(parts)

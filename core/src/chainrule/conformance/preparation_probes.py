"""What a check of a preparation looks at: rows of its case, learned from in parts, and the samples made of others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..learning.preparation import Preparation
from ..rows import Column
from .blame import blame
from .cases import PreparationCase
from .outcomes import CaseError, Failure
from .probes import Probe, Question

SIZE = 24
"""How many rows are learned from where any number will do."""


@dataclass
class PreparationPoint:
    """Rows to learn from, rows to make samples of, and their columns."""

    x: Array
    others: Array
    columns: tuple[Column, ...]

    def arrays(self) -> Iterator[tuple[str, Array]]:
        """Yield every array by the name that a message uses."""
        yield "x", self.x
        yield "rows", self.others


def fitted(preparation: Preparation, parts: list[Array], columns: tuple[Column, ...]) -> Preparation:
    """Return what has learned from some rows after others, as a data set's are: of those that may be learned from."""
    found: Preparation | None = None
    for part in parts:
        with blame(f"teaches of {len(part)} rows"):
            teaching = preparation.teaches(part, columns)
            part = part if teaching is None else part[teaching]
        if not len(part):
            continue
        with blame(f"fit of {len(part)} rows"):
            later = preparation.fit(part, columns)
        with blame("merge"):
            found = later if found is None else found.merge(later)
    with blame("finish"):
        found = None if found is None else found.finish()
    if not isinstance(found, Preparation):
        raise Failure(f"fit, merge or finish returned {type(found).__name__}, expected a Preparation")
    return found


def applied(preparation: Preparation, rows: Array, columns: tuple[Column, ...]) -> Array:
    """Return samples."""
    with blame(f"apply to {len(rows)} rows"):
        return preparation.apply(rows, columns)


def samples(preparation: Preparation, point: PreparationPoint) -> Array:
    """Return the samples of a point's rows, after its others are learned from."""
    return applied(fitted(preparation, [point.x], point.columns), point.others, point.columns)


class PreparationProbe(Probe):
    """A preparation on rows that its case draws."""

    kind = "preparation"

    def __init__(self, case: PreparationCase, seed: int, check_id: str, memory: dict[str, Any]) -> None:
        super().__init__(case, seed, check_id, memory)
        self.preparation: Preparation = case.preparation

    def rows(self, count: int) -> Array:
        """Return fresh rows. Raises:   CaseError."""
        try:
            rows = np.array(self.case.rows(self.rng, count), np.float64)
        except Exception as error:
            raise CaseError(f"rows(rng, {count}) of the case raised {type(error).__name__}: {error}") from error
        if len(rows) != count:
            raise CaseError(f"rows(rng, {count}) of the case returned {len(rows)} rows")
        return rows

    def point(self, B: int = 3, *, dtype: Any = np.float64, wide: bool = False) -> PreparationPoint:
        """Return fresh rows, SIZE to learn from."""
        return PreparationPoint(self.rows(SIZE).astype(dtype), self.rows(B).astype(dtype), self.case.columns)

    def everything(self, point: PreparationPoint, subject: Preparation | None = None) -> dict[str, Array]:
        """Return the samples of rows that were learned from, and of others."""
        learned = fitted(self.preparation if subject is None else subject, [point.x], point.columns)
        return {
            "apply of what was learned from": applied(learned, point.x, point.columns),
            "apply of other rows": applied(learned, point.others, point.columns),
        }

    def question(self, point: PreparationPoint) -> Question:
        """Return a call that another process can answer, too."""
        return Question("the samples of other rows", samples, (point,))

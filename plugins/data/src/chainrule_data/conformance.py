"""Cases of the preparation of tables."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import Array
from chainrule.conformance import PreparationCase
from chainrule.rows import Column

from .table_preparation import TablePreparation

WORDS = ("red", "", "blue")
COLUMNS = (Column("age"), Column("colour", WORDS), Column("size"))
INVALID: list[dict[str, Any]] = [{"standardize": 1}, {"missing": "median"}, {"unknown": "drop"}, {"most_words": 0}]


def _numbers(rng: np.random.Generator, B: int) -> Array:
    return rng.normal([5.0, -2e3, 0.0], [1.0, 30.0, 1e-3], (B, 3))


def _mixed(rng: np.random.Generator, B: int) -> Array:
    return np.stack([rng.normal(40, 9, B), rng.integers(len(WORDS), size=B), np.full(B, 3.0)], axis=1)


def _holes(rng: np.random.Generator, B: int) -> Array:
    return np.where(rng.uniform(size=(B, 3)) < 0.3, np.nan, _numbers(rng, B))


def _moments(x: Any, i: int) -> tuple[float, float]:
    there = [float(row[i]) for row in x if row[i] == row[i]]
    mean = sum(there) / len(there)
    return mean, (sum((value - mean) ** 2 for value in there) / len(there)) ** 0.5


def _standardized(x: Any, rows: Any) -> Any:
    facts = [_moments(x, i) for i in range(3)]
    return [
        [0 if v != v else (v - mean) / deviation for v, (mean, deviation) in zip(r, facts, strict=True)] for r in rows
    ]


def _of_whole_rows(x: Any, rows: Any) -> Any:
    return _standardized([row for row in x if all(v == v for v in row)], rows)


def _filled(x: Any, rows: Any) -> Any:
    facts = [_moments(x, i) for i in range(3)]
    return [[mean if v != v else v for v, (mean, _) in zip(row, facts, strict=True)] for row in rows]


def _spread(x: Any, rows: Any) -> Any:
    mean, deviation = _moments(x, 0)
    seen = sorted({WORDS[int(row[1])] for row in x})
    return [[(row[0] - mean) / deviation, *(WORDS[int(row[1])] == word for word in seen), 0] for row in rows]


CASES = [
    PreparationCase(
        "table/standardize",
        TablePreparation(standardize=True),
        _numbers,
        reference=_standardized,
        refused=[[[1, 2, np.nan]], [[1, np.inf, 3]]],
        invalid=INVALID,
    ),
    PreparationCase("table/words", TablePreparation(standardize=True), _mixed, COLUMNS, reference=_spread),
    PreparationCase("table/missing", TablePreparation(missing="mean"), _holes, reference=_filled),
    PreparationCase("table/drop", TablePreparation(True, missing="drop"), _holes, reference=_of_whole_rows),
]
"""In `table/words` the last column is constant."""

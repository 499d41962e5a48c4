"""What is learned from the training part of a data set, and done to all samples ever after."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self

import numpy as np

from ..arrays import Array
from ..errors import DataError, warn
from ..rows import Column, Raw, Rows

ROWS = 4096
"""Rows that are learned from at a time. A constant: sums have one order, and so the same bits, for every set."""


@dataclass(frozen=True)
class Preparation(ABC):
    """Makes samples out of rows as they are read: write a frozen dataclass whose fields are the settings.

    `state` is what was learned, None before: what JSON holds, dict, list, strings, finite numbers, booleans and None.
    Rows are (B, *shape), NaN where a value is missing; `columns` name the numbers of a table's rows, and are empty for
    other arrays. A column of words has codes, whose words may be others, in another order, in the next file.
    """

    state: Any = field(default=None, kw_only=True, repr=False)

    @property
    def standardizes_targets(self) -> bool:
        """Whether a recipe's loss is `Standardized`, where its decisions are numbers in the targets' unit."""
        return False

    @abstractmethod
    def fit(self, rows: Array, columns: tuple[Column, ...]) -> Self:
        """Return what has learned from these rows alone. Raises:   DataError for rows that it cannot take."""

    @abstractmethod
    def merge(self, later: Self) -> Self:
        """Return what has learned from the rows of both, those of `later` after its own."""

    @abstractmethod
    def apply(self, rows: Array, columns: tuple[Column, ...]) -> Array:
        """Return samples (B, *out), each made of its row alone. Raises:   DataError for rows that it cannot take."""

    def teaches(self, rows: Array, columns: tuple[Column, ...]) -> Array | None:
        """Return which rows (B,) may be learned from and trained on, None for all."""
        return None

    def remarks(self, rows: Array, columns: tuple[Column, ...]) -> Mapping[str, int]:
        """Return what is to be told of rows before they are used, each with how often it is so: a warning for all.

        The rows may be `Rows`, which are read where they are indexed or calculated with.
        """
        return {}

    def finish(self) -> Self:
        """Return what is kept of what was learned from the whole training part, and warn of what should be known."""
        return self

    def names(self, columns: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Return the names of the numbers of a sample, of those of a row, None where they have none."""
        return columns


def learned(preparation: Preparation, raw: Raw, rows: Array | None) -> tuple[Preparation, Array | None]:
    """Return what has learned from rows, all where they are None, and those of them that may be trained on.

    What has learned before stays as it is, and so do the rows. Raises:   DataError.
    """
    if preparation.state is not None:
        return preparation, rows
    part, columns, kept, found = Rows(raw.array, rows), raw.columns, [], None
    for chunk in _chunks(part):
        teaching = preparation.teaches(chunk, columns)
        if teaching is not None:
            chunk = chunk[teaching]
        kept.append(np.ones(len(chunk), bool) if teaching is None else teaching)
        if len(chunk):
            later = preparation.fit(chunk, columns)
            found = later if found is None else found.merge(later)
    keep = np.concatenate(kept)
    if found is None:
        hint = "every row has an empty cell: fill some in, or take the columns out that have them"
        raise DataError("the training part", expected="a row to learn from", got="none", hint=hint)
    found = found.finish()
    if keep.all():
        return found, rows
    warn(f"{int((~keep).sum()):,} of {len(keep):,} rows are left out of the training part, as a cell is empty")
    return found, np.flatnonzero(keep) if rows is None else rows[keep]


def applied(preparation: Preparation, part: Any, columns: tuple[Column, ...]) -> Rows:
    """Return the samples of a part, made when they are read; what is to be told of them is told now.

    Raises:   DataError for rows that the preparation cannot take.
    """
    remarks: Counter[str] = Counter()
    for start in range(0, len(part), ROWS):  # not read, unless something is to be told of them
        chunk = Rows(part, np.arange(start, min(start + ROWS, len(part))))
        remarks.update(preparation.remarks(chunk, columns))  # type: ignore[arg-type]  # it stands for an array
    for remark, count in remarks.items():
        warn(f"{remark}: {count:,}")
    apply = partial(preparation.apply, columns=columns)
    return Rows(part, shape=apply(np.asarray(part[:1])).shape[1:], apply=apply)


def _chunks(part: Any) -> Iterator[Array]:
    for start in range(0, len(part), ROWS):
        yield np.asarray(part[start : start + ROWS])

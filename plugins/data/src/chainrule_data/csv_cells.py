"""The cells of a column of csv, as numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from chainrule import Array, DataError
from chainrule.frames import BOOLEAN, DATE, EXPECTED, MISSING, NUMBER, TRUTH, WORD, days_of

from .csv_header import Columns
from .csv_lines import Format, Row


def find_words(
    path: Path, rows: Iterable[Row], columns: Columns, said: Mapping[str, str], form: Format
) -> dict[str, str | None]:
    """Return the features that have a word in them, and of which nothing is said, each with what is to be told of it.

    That is where its first word is, if it has numbers above it.
    """
    names, found = columns.names, dict[str, str | None]()
    left, numeric = [i for i in columns.features if names[i] not in said], set[int]()
    for line, cells in rows:
        if not left:
            break
        for i in left:
            if i >= len(cells) or cells[i].strip() in MISSING:
                continue  # another number of cells is told when the table is read
            if form.number(cells[i]) is not None:
                numeric.add(i)
            elif is_word(form, cells[i], i):
                told = f"line {line}: column {names[i]!r} is taken for words, as {cells[i].strip()!r} is no number"
                found[names[i]] = f"{path}, {told}" if i in numeric else None
        left = [i for i in left if names[i] not in found]
    return found


def is_word(form: Format, cell: str, column: int) -> bool:
    """Return whether a cell is neither missing nor a number, however it were written."""
    return cell.strip() not in MISSING and form.number(cell) is None and form.hint(cell, column) is None


class Cells:
    """The cells of one column, each as a number; `value` gives that of a cell, None for one that has none.

    A missing cell is NaN where it is `allowed`; among words it is a word of its own, the empty one. `kind` is one of
    `KINDS`.
    """

    def __init__(self, kind: str, form: Format, allowed: bool) -> None:
        self.kind = kind
        self._form = form
        self._codes: dict[str, int] = {}
        plain: dict[str, Callable[[str], float | None]] = {BOOLEAN: _truth, DATE: _days}
        number = plain.get(kind, form.number)
        self.value = self._code if kind == WORD else partial(_finite, number, math.nan if allowed else None)

    @property
    def words(self) -> tuple[str, ...] | None:
        """The words by their codes, None of a column of numbers."""
        return tuple(self._codes) if self.kind == WORD else None

    def _code(self, cell: str) -> float:
        cell = cell.strip()
        return self._codes.setdefault("" if cell in MISSING else cell, len(self._codes))

    def values(self, codes: Array, texts: Sequence[str]) -> Array | None:
        """Return the numbers of cells, given as which of some texts each is; None where a text has none."""
        found = [self.value(text) for text in texts]
        return None if None in found else np.array(found, np.float64)[codes]

    def refused(self, place: str, name: str, cell: str, column: int, sample: bool) -> DataError:
        """Return the error of a cell that has no number; `sample` is one of a first line without a header."""
        got = repr(cell) if cell.strip() else "an empty cell"
        hint = self._form.hint(cell, column) if self.kind == NUMBER or cell.strip() in MISSING else None
        if hint is None and sample:
            hint = "without a header, the first line is a sample"
        if hint is None and self.kind == NUMBER and not self._form.fixed and self._form.number(cell) is None:
            hint = f'categories = ["{name}"] takes its words for kinds, drop = ["{name}"] leaves the column out'
        return DataError(place, expected=EXPECTED[self.kind], got=got, hint=hint)


def _finite(number: Callable[[str], float | None], missing: float | None, cell: str) -> float | None:
    """Return a finite number, what stands for a missing one, or None."""
    value = number(cell)
    if value is not None and math.isfinite(value):
        return value
    none = cell.strip() in MISSING or (value is not None and math.isnan(value))
    return missing if none else None


def _truth(cell: str) -> float | None:
    return TRUTH.get(cell.strip().casefold())


def _days(cell: str) -> float | None:
    try:
        return days_of(cell)
    except ValueError:
        return None

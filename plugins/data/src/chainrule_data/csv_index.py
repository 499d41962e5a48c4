"""The columns that a data frame's row labels are written to: first ones, without a name."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from chainrule import DataError
from chainrule.errors import warn

from .csv_lines import Format

HINT = "give the column a name, and it is a feature, or take it out of the table"


class RowLabels:
    """The cells of the columns that are to be left out, each of which must label its row: whole numbers, or words.

    Numbers that are measured would be lost with such a column, and so would classes.
    """

    def __init__(self, path: Path, columns: Sequence[int]) -> None:
        self.path = path
        self.found = {i: array("q") for i in columns}

    def add(self, line: int, cells: Sequence[str] | Mapping[int, str]) -> None:
        """Look at a row. Raises:   DataError for a cell that is empty, or a number that is not whole."""
        for i, hashes in self.found.items():
            cell = cells[i].strip()
            number = Format(";", "," if "," in cell else ".").number(cell)
            if not cell or not (number is None or number.is_integer()):
                place = f"{self.path}, line {line}, column {i}, which has no name"
                raise DataError(place, expected="the number or the label of a row", got=repr(cell), hint=HINT)
            hashes.append(hash(cell if number is None else number))

    def check(self) -> None:
        """Warn that the columns are left out. Raises:   DataError where a label comes twice."""
        for i, hashes in self.found.items():
            different = len(np.unique(np.frombuffer(hashes, np.int64)))
            if different < len(hashes):
                place = f"{self.path}, column {i}, which has no name"
                got = f"{different:,} different ones in {len(hashes):,} rows"
                raise DataError(place, expected="another number or label in each row", got=got, hint=HINT)
        warn_of_row_labels(self.path, len(self.found))


def warn_of_row_labels(path: Path | str, count: int) -> None:
    """Warn that so many columns are left out."""
    if count:
        what = "the first column has no name" if count == 1 else f"the first {count} columns have no names"
        warn(f"{path}: {what}, and is left out as the row numbers of a data frame; one with a name is a feature")

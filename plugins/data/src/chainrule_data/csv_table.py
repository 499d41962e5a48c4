"""What has been read of a table so far, row by row or block by block."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np

from chainrule import Array, DataError, Dataset
from chainrule.frames import NUMBER
from chainrule.rows import Column

from .csv_cells import Cells, is_word
from .csv_header import Columns
from .csv_index import RowLabels
from .csv_lines import Format
from .files import telling_of_room, temporary_file
from .labels import decode
from .table_columns import Asked, check_weight, check_weights, dataset_of
from .table_preparation import TablePreparation, span
from .table_roles import roles_of

IN_MEMORY = 1 << 20
"""Numbers that are held in memory; those of a larger table go to a file without a name, and stay there, mapped."""


@dataclass(frozen=True, eq=False)
class Parsed:
    """A block: the features that are numbers in their order, (rows, columns), NaN for a missing one, and other columns.

    `texts` are those of a column by its position: which of some texts is in each row, and these.
    """

    numbers: Array
    texts: Mapping[int, tuple[Array, list[str]]]


class LateWordError(Exception):
    """A column of numbers has a word below the lines in which columns of words were looked for."""


class CSVTable:
    """The features, labels, weights and kept texts of the rows that were read.

    Unless it is `sure` which columns have words, a word in another is a LateWordError.
    Raises:   DataError, as `read_csv`.
    """

    def __init__(
        self,
        path: Path,
        columns: Columns,
        said: Mapping[str, str],
        form: Format,
        preparation: TablePreparation,
        asked: Asked,
        sure: bool,
        stack: ExitStack,
    ) -> None:
        self.path, self.columns, self.form, self.asked = path, columns, form, asked
        self.preparation, self._sure, self._stack = preparation, sure, stack
        self.roles = roles_of(columns, said)
        allowed = preparation.missing != "error"
        self.cells = [(i, Cells(self.roles[columns.names[i]], form, allowed)) for i in columns.features]
        self.labels: dict[str, int] = {}  # in the order of their codes, with the line that each first came in
        self._code_of: dict[str, int] = {}
        self._features, self._codes, self._weights = array("d"), array("q"), array("d")
        self._index = RowLabels(path, columns.index)
        self._kept: dict[str, list[str]] = {name: [] for name in asked.keep}
        self._kept_at = [(columns.names.index(name), texts) for name, texts in self._kept.items()]
        self._weight = asked.weight(columns)
        self._weight_at = None if self._weight is None else columns.names.index(self._weight)
        wanted = self.wanted()
        self._numbers_at = span([k for k, (i, _) in enumerate(self.cells) if wanted[i]])
        self._file: IO[bytes] | None = None
        self._count, self._line = 0, 1

    def add(self, line: int, cells: Sequence[str]) -> None:
        """Take a row, which ends in that line."""
        self._count, self._line, names = self._count + 1, line, self.columns.names
        if len(cells) != len(names):
            hint = None if len(names) == 1 else self.form.hint(cells[0]) if cells[0].strip() else None
            raise DataError(f"{self.path}, line {line}", expected=f"{len(names)} columns", got=len(cells), hint=hint)
        self._index.add(line, cells)
        for i, column in self.cells:
            value = column.value(cells[i])
            if value is None:
                if not self._sure and column.kind == NUMBER and is_word(self.form, cells[i], i):
                    raise LateWordError
                first = self._count == 1 and not self.columns.named
                raise column.refused(self._place(line, names[i]), names[i], cells[i], i, first)
            self._features.append(value)
        for i, texts in self._kept_at:
            texts.append(cells[i].strip())
        if self._weight_at is not None:
            cell = cells[self._weight_at]
            got = repr(cell) if cell.strip() else "an empty cell"
            place = self._place(line, names[self._weight_at])
            self._weights.append(check_weight(place, self.form.number(cell), got))
        if self.columns.target is not None:
            self._codes.append(self._label(cells[self.columns.target], line))
        self._move()

    def wanted(self) -> dict[int, bool]:
        """Return the columns that are read of a block by their positions, and whether each is to be numbers."""
        wanted = {i: column.kind == NUMBER for i, column in self.cells}
        others = [*self.columns.index, *(i for i, _ in self._kept_at)]
        others += [] if self.columns.target is None else [self.columns.target]
        wanted |= dict.fromkeys(others, False)
        return wanted if self._weight_at is None else {**wanted, self._weight_at: False}

    def add_block(self, line: int, rows: int, parsed: Parsed) -> bool:
        """Take rows that stand in as many lines after that one; return whether they could be taken, or none was."""
        values = np.empty((rows, len(self.cells)))
        values[:, self._numbers_at] = parsed.numbers
        for k, (i, column) in enumerate(self.cells):
            if i in parsed.texts:
                own = column.values(*parsed.texts[i])
                if own is None:
                    return False
                values[:, k] = own
        if self._are_refused(values):
            return False
        weights = None if self._weight_at is None else self._weights_of(parsed.texts[self._weight_at])
        if self._weight_at is not None and weights is None:
            return False
        for row in range(rows) if self.columns.index else ():
            self._index.add(line + row + 1, {i: _text(parsed.texts[i], row) for i in self.columns.index})
        for i, texts in self._kept_at:
            codes, words = parsed.texts[i]
            texts += np.array([word.strip() for word in words], object)[codes].tolist()
        if weights is not None:
            self._weights.frombytes(weights.tobytes())
        if self.columns.target is not None:
            codes, words = parsed.texts[self.columns.target]
            _, first = np.unique(codes, return_index=True)
            own = np.array([self._label(word, line + int(row) + 1) for word, row in zip(words, first, strict=True)])
            self._codes.frombytes(own[codes].tobytes())
        self._count, self._line = self._count + rows, line + rows
        self._keep(values)
        return True

    def dataset(self) -> Dataset:
        """Return the set of all rows."""
        names, target = self.columns.names, self.columns.target
        if not self._count:
            end = f"{self.path}, line {self._line + 1}"
            raise DataError(end, expected="at least one row of numbers", got="the end of the file")
        if not self.columns.features:
            raise DataError(f"{self.path}, line 1", expected="a feature beside the target", got="one column")
        self._index.check()
        where, weights = f"{self.path}, column {self._weight!r}", None
        if self._weight is not None:
            weights = check_weights(where, np.array(self._weights))
        made = partial(
            dataset_of,
            self._joined().reshape(self._count, -1),
            [Column(names[i], column.words) for i, column in self.cells],
            self.roles,
            self.preparation,
            named=self.columns.named,
            kept=self._kept or None,
            weights=weights,
        )
        if target is None:
            return made(None)
        places = {label: self._place(line, names[target]) for label, line in self.labels.items()}
        values, classes = decode(places, self.asked.classes, self.form.number)
        y = values[np.frombuffer(self._codes, np.int64)]
        return made(y, classes=classes, target=names[target] if self.columns.named else None)

    def _place(self, line: int, name: str) -> str:
        return f"{self.path}, line {line}, column {name!r}"

    def _label(self, cell: str, line: int) -> int:
        label = cell.strip()
        self.labels.setdefault(label, line)
        return self._code_of.setdefault(label, len(self._code_of))

    def _weights_of(self, parsed: Any) -> Array | None:
        """Return the weights of rows, None where one is none."""
        codes, words = parsed
        numbers = [self.form.number(word) for word in words]
        fit = all(number is not None and 0 <= number < np.inf for number in numbers)
        return np.array(numbers, np.float64)[codes] if fit else None

    def _are_refused(self, values: Array) -> bool:
        """Return whether a number is infinite, or missing where none may be."""
        allowed = self.preparation.missing != "error"
        return bool(np.isinf(values).any() if allowed else not np.isfinite(values).all())

    def _move(self) -> None:
        """Write the features to the file, where they are many."""
        if len(self._features) >= IN_MEMORY:
            self._file = self._file or self._stack.enter_context(temporary_file())
            self._write(self._file)

    def _keep(self, values: Array) -> None:
        """Keep the features of rows: in memory as long as there are few, or else at once in the file."""
        if self._file is None and len(self._features) + values.size < IN_MEMORY:
            self._features.frombytes(values.reshape(-1).view(np.uint8).data)
            return
        self._file = self._file or self._stack.enter_context(temporary_file())
        self._write(self._file)
        with telling_of_room():
            self._file.write(values.data)  # `tofile` copies what it writes once more

    def _write(self, file: IO[bytes]) -> None:
        with telling_of_room():
            file.write(self._features)
            file.flush()
        del self._features[:]

    def _joined(self) -> Any:
        """Return all features: those in the file, mapped, the last ones among them, if there is one."""
        if self._file is None:
            return np.frombuffer(self._features, np.float64)
        self._write(self._file)
        return np.memmap(self._file, np.float64, "r")


def _text(parsed: Any, row: int) -> str:
    """Return what stands in a row of a column of texts."""
    codes, words = parsed
    return str(words[codes[row]])

"""The lines of a table, gzipped or not, cut into cells, and the cells as numbers."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from chainrule import DataError, SettingError
from chainrule.frames import MISSING

from .files import GZIP, reading

Row = tuple[int, list[str]]
"""The number of a line in the file, from 1, and its cells."""
LONGEST = 1 << 26
"""Characters of a line; a small gzipped file can hold one that fills any memory."""
MARKS = "#%"
"""What other programs begin a comment with."""


@dataclass(frozen=True)
class Format:
    """How a table is written: what is between two cells, what is in a number, and what begins a comment.

    The delimiter " " is any run of spaces and tabs. Settings are `fixed` for a table that a network is used on: there
    is no recipe to change, and what to do is told so.
    Raises:   SettingError.
    """

    delimiter: str = ","
    decimal: str = "."
    comment: str | None = None
    fixed: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.delimiter, str) or len(self.delimiter) != 1 or self.delimiter in '\r\n"':
            raise SettingError("delimiter", expected="one character", got=self.delimiter)
        if self.decimal not in (".", ",") or self.decimal == self.delimiter:
            raise SettingError("decimal", expected='"." or ",", and another than the delimiter', got=self.decimal)
        is_text = isinstance(self.comment, str) and self.comment.strip() != ""
        if self.comment is not None and (not is_text or self.delimiter in self.comment):
            raise SettingError("comment", expected="what a line of comment begins with", got=self.comment)

    def number(self, cell: str) -> float | None:
        """Return the number in a cell, None for a word; Python reads 1_0 as 10, and a table does not mean that."""
        if self.decimal == ",":
            if "." in cell:  # 1.234 is 1234 to some who write 1,5
                return None
            cell = cell.replace(",", ".")
        try:
            return None if "_" in cell else float(cell)
        except ValueError:
            return None

    def hint(self, cell: str, column: int = 0) -> str | None:
        """Return what to do about a cell that is no finite number, as far as it can be told."""
        cell = cell.strip()
        if cell in MISSING or cell.lower() == "nan":
            hint = "the value is missing: fill it in, or drop the row"
            return hint if self.fixed else f'{hint}; missing = "mean" takes the mean, missing = "drop" drops it'
        if column == 0 and cell.startswith(tuple(MARKS)):
            return self._setting("comment", cell[0], "leaves out the lines that begin so")
        other = next((mark for mark in ";|" if mark in cell and mark != self.delimiter), None)
        if other is not None and all(part[:1] in "+-.0123456789" for part in cell.split(other)):
            return self._setting("delimiter", other, "reads numbers that are separated by it")
        if self.decimal == "." and re.fullmatch(r"[-+]?\d+,\d+([eE][-+]?\d+)?", cell):
            if self.delimiter == "," and not self.fixed:
                return 'write it without a comma, or the table with delimiter = ";" and decimal = ","'
            return self._setting("decimal", ",", f"reads it as {Format(';', ',').number(cell):g}")
        if self.decimal == "," and "." in cell and Format(";").number(cell) is not None:
            return (
                self._setting("decimal", ".", "reads it") if self.fixed else 'with decimal = "," a number has no point'
            )
        return None

    def _setting(self, name: str, value: str, effect: str) -> str:
        """Return what to do about a table that another setting reads."""
        if not self.fixed:
            return f"{name} = {_shown(value)} {effect}"
        own = getattr(self, name)
        if own is None:
            return "take the lines of comment out"
        return f"this table is read with {name} = {_shown(own)}: write it so"

    def rows(self, path: Path, file: IO[str], after: int = 0) -> Iterator[Row]:
        """Yield each line that is neither empty nor a comment; `after` so many others.

        Raises:   DataError with the line for what is no text or no table.
        """
        lines = csv.reader(self._lines(path, file, after), delimiter=self.delimiter, skipinitialspace=True, strict=True)
        try:
            for cells in lines:
                if self.delimiter == " " and len(cells) > 1 and not cells[-1]:
                    del cells[-1]  # the line ends in spaces
                if cells:
                    yield after + lines.line_num, cells
        except csv.Error as error:
            raise DataError(
                f"{path}, line {after + lines.line_num}: {error}", hint="mend the quotes of that line"
            ) from error

    def _lines(self, path: Path, file: IO[str], number: int) -> Iterator[str]:
        """Yield every line after so many, those to be left out as empty ones, so that they are counted."""
        while line := file.readline(LONGEST):
            number += 1
            if not line.isascii() and any("\udc80" <= character <= "\udcff" for character in line):
                place = f"{path}, line {number}"
                raise DataError(place, expected="UTF-8 text", got="other bytes", hint="save it as UTF-8")
            if len(line) == LONGEST:
                place = f"{path}, line {number}"
                raise DataError(place, expected=f"a line of at most {LONGEST:,} characters", got="more")
            if self.delimiter == " ":
                line = line.replace("\t", " ")
            text = line.lstrip(" ")
            skipped = not text.rstrip("\r\n") or (self.comment is not None and text.startswith(self.comment))
            yield "\n" if skipped else line

    def check_delimiter(self, path: Path, first: Row, following: list[Row]) -> None:
        """Refuse a first line that is one cell, where another delimiter cuts it, and the next, into as many.

        Raises:   DataError with the setting that reads the table.
        """
        place, cells = f"{path}, line {first[0]}", first[1]
        if cells[0].startswith(tuple(MARKS)) and following and len(following[0][1]) != len(cells):
            hint = self._setting("comment", cells[0][0], "leaves out the lines that begin so")
            raise DataError(place, expected="the names of the columns, or a sample", got="a comment", hint=hint)
        if len(cells) > 1 or not following:
            return
        second = following[0][1]
        for delimiter in ",;\t| ":
            if delimiter == self.delimiter:
                continue
            # Of a table with decimal commas, a delimiter of "," has cut the second line, too.
            texts = (cells[0], self.delimiter.join(second))
            counts = [len(text.split(None if delimiter == " " else delimiter)) for text in texts]
            if counts[0] == counts[1] > 1:
                got, hint = f"one, {cells[0][:80]!r}", self._setting("delimiter", delimiter, "reads them")
                raise DataError(place, expected="columns", got=got, hint=hint)


def _shown(value: str) -> str:
    """Return a setting as a recipe says it."""
    return {"\t": '"\\t"'}.get(value, f'"{value}"')


@contextmanager
def opened(path: Path) -> Iterator[IO[str]]:
    """Open a text, gzipped or not; a byte order mark is no part of it, and what is not UTF-8 is told by `rows`."""
    with opened_bytes(path) as file, io.TextIOWrapper(file, "utf-8-sig", errors="surrogateescape", newline="") as text:
        yield text


@contextmanager
def opened_bytes(path: Path) -> Iterator[IO[bytes]]:
    """Open the bytes of a text, gzipped or not."""
    with reading(path, zlib.error), path.open("rb") as file:
        zipped = file.peek(len(GZIP))[: len(GZIP)] == GZIP
        yield cast(IO[bytes], gzip.GzipFile(fileobj=file)) if zipped else file

"""Many lines of a table at once, by pyarrow, as they would be read one by one."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.frames import MISSING

from .csv_lines import LONGEST, Format, opened_bytes
from .csv_table import CSVTable, Parsed

BLOCK = 1 << 20
"""Bytes that are read at a time."""
LEAST = 1 << 20
"""Bytes of a file from which on it pays to import pyarrow."""


def installed() -> bool:
    """Return whether pyarrow is there."""
    try:
        import pyarrow.csv  # noqa: F401 - it is an extra
    except ImportError:
        return False
    return True


def reads(path: Path, form: Format) -> bool:
    """Return whether blocks of a table may be read at once: it is large, and written as pyarrow can read it."""
    return form.delimiter != " " and form.decimal == "." and path.stat().st_size >= LEAST and installed()


def fill(table: CSVTable, path: Path, header: int) -> None:
    """Read all rows after so many lines: block by block, and one by one those of a block that is not plain.

    From the first quotation mark on, every row is read by itself: a cell in quotes may have several lines.
    Raises:   DataError and LateWordError, as `table.add`.
    """
    form, line, at = table.form, 0, 0
    with opened_bytes(path) as file:
        while text := file.read(BLOCK):
            text += file.readline(LONGEST)
            start, at = at, at + len(text)
            if line == 0 and header:
                lines = text.split(b"\n", header)
                text = lines[-1] if len(lines) > header else b""
                start, line = at - len(text), header
            if b'"' in text or _has_other_ends(text) or not text.endswith(b"\n"):
                file.seek(start)
                _one_by_one(table, path, file, line)
                break
            rows = text.count(b"\n")
            parsed = None if _is_odd(text, form) else _parsed(text, rows, table)
            if parsed is None or not table.add_block(line, rows, parsed):
                _one_by_one(table, path, io.BytesIO(text), line)
            line += rows


def _one_by_one(table: CSVTable, path: Path, file: Any, line: int) -> None:
    encoding = "utf-8" if line else "utf-8-sig"
    with io.TextIOWrapper(file, encoding, errors="surrogateescape", newline="") as text:
        for number, cells in table.form.rows(path, text, after=line):
            table.add(number, cells)


def _has_other_ends(text: bytes) -> bool:
    """Return whether lines may end in what pyarrow and Python count in two ways: a carriage return alone."""
    return b"\r" in text and text.count(b"\r") != text.count(b"\r\n")


def _is_odd(text: bytes, form: Format) -> bool:
    """Return whether a text has what pyarrow would read in another way, or not tell."""
    comment = form.comment is not None and form.comment.encode() in text
    return comment or b"\0" in text


def _parsed(text: bytes, rows: int, into: CSVTable) -> Parsed | None:
    """Return the columns of a text of so many lines, None for one that pyarrow does not read."""
    import pyarrow
    from pyarrow import csv

    wanted, names = into.wanted(), [str(i) for i in range(len(into.columns.names))]
    kinds = {True: pyarrow.float64(), False: pyarrow.dictionary(pyarrow.int32(), pyarrow.string())}
    table = None
    with suppress(pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError):
        table = csv.read_csv(
            pyarrow.BufferReader(text),
            csv.ReadOptions(column_names=names, block_size=len(text) + 1),
            csv.ParseOptions(delimiter=into.form.delimiter, quote_char=False),
            csv.ConvertOptions(
                column_types={str(i): kinds[is_number] for i, is_number in wanted.items()},
                include_columns=[str(i) for i in wanted],
                null_values=sorted(MISSING),
            ),
        )
    if table is None or table.num_rows != rows:  # an empty line is no row, and those after it have other numbers
        return None
    return {i: _values(column) for i, column in zip(wanted, table.columns, strict=True)}


def _values(column: Any) -> Any:
    """Return a column of numbers as an array, one of texts as their numbers among those that there are."""
    array = column.combine_chunks()
    if hasattr(array, "chunks"):
        array = array.chunk(0)
    if hasattr(array, "dictionary"):
        return np.asarray(array.indices), array.dictionary.to_pylist()
    return array.to_numpy(zero_copy_only=False)

"""Many lines of a table at once, by pyarrow, as they would be read one by one."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np

from chainrule import Array
from chainrule.frames import MISSING

from .csv_lines import LONGEST, Format, opened_bytes
from .csv_table import CSVTable, Parsed

BLOCK = 1 << 20
"""Bytes that are read at a time."""
THREADS = 2
"""Blocks that are parsed at a time, while another one is taken."""
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
    with opened_bytes(path) as file, ThreadPoolExecutor(THREADS) as pool:
        for block, parsing in _ahead(pool, table, _blocks(file, header)):
            if not block.is_plain:
                file.seek(block.start)
                _one_by_one(table, path, file, block.line)
                break
            parsed = parsing.result()
            if parsed is None or not table.add_block(block.line, block.rows, parsed):
                _one_by_one(table, path, io.BytesIO(block.text), block.line)


@dataclass(frozen=True)
class _Block:
    """Whole lines of a file: its bytes from `start` on, which come after so many lines."""

    text: bytes
    start: int
    line: int

    @cached_property
    def rows(self) -> int:
        """The number of lines."""
        return self.text.count(b"\n")

    @cached_property
    def is_plain(self) -> bool:
        """Whether each line ends as such, and none may go on in the next."""
        returns = b"\r" in self.text and self.text.count(b"\r") != self.text.count(b"\r\n")
        return b'"' not in self.text and not returns and self.text.endswith(b"\n")


def _blocks(file: IO[bytes], header: int) -> Iterator[_Block]:
    """Yield what comes after so many lines, in order; what comes after a block that is not plain has wrong lines."""
    at, line = 0, 0
    while text := file.read(BLOCK):
        text += file.readline(LONGEST)
        at += len(text)
        if line == 0 and header:
            lines, line = text.split(b"\n", header), header
            text = lines[-1] if len(lines) > header else b""
        block = _Block(text, at - len(text), line)
        line += block.rows
        yield block


def _ahead(
    pool: ThreadPoolExecutor, table: CSVTable, blocks: Iterator[_Block]
) -> Iterator[tuple[_Block, Future[Parsed | None]]]:
    """Yield blocks, and what becomes of them, while those that come next are parsed."""
    waiting: deque[tuple[_Block, Future[Parsed | None]]] = deque()
    for block in blocks:
        waiting.append((block, pool.submit(_parsed, block, table)))
        if len(waiting) > THREADS:
            yield waiting.popleft()
    yield from waiting


def _one_by_one(table: CSVTable, path: Path, file: Any, line: int) -> None:
    """Read the rows of a file that come after so many lines of the table. Raises:   as `fill`."""
    encoding = "utf-8" if line else "utf-8-sig"
    with io.TextIOWrapper(file, encoding, errors="surrogateescape", newline="") as text:
        for number, cells in table.form.rows(path, text, after=line):
            table.add(number, cells)


def _parsed(block: _Block, into: CSVTable) -> Parsed | None:
    """Return the columns of a block, None for one that pyarrow does not read, or might read in another way."""
    import pyarrow
    from pyarrow import csv

    comment = into.form.comment
    if not block.is_plain or (comment is not None and comment.encode() in block.text):
        return None
    wanted, names = into.wanted(), [str(i) for i in range(len(into.columns.names))]
    kinds = {True: pyarrow.float64(), False: pyarrow.dictionary(pyarrow.int32(), pyarrow.string())}
    table = None
    with suppress(pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError):
        table = csv.read_csv(
            pyarrow.BufferReader(block.text),
            csv.ReadOptions(use_threads=False, column_names=names, block_size=len(block.text) + 1),
            csv.ParseOptions(delimiter=into.form.delimiter, quote_char=False),
            csv.ConvertOptions(
                column_types={str(i): kinds[is_number] for i, is_number in wanted.items()},
                include_columns=[str(i) for i in wanted],
                null_values=sorted(MISSING),
            ),
        )
    if table is None or table.num_rows != block.rows:  # an empty line is no row, and those after it have other numbers
        return None
    batch = table.combine_chunks().to_batches()[0]
    numbers = batch.select([str(i) for i, is_number in wanted.items() if is_number])
    rows = numbers.to_tensor(null_to_nan=True).to_numpy() if numbers.num_columns else np.empty((block.rows, 0))
    return Parsed(rows, {i: _texts(batch.column(str(i))) for i, is_number in wanted.items() if not is_number})


def _texts(column: Any) -> tuple[Array, list[str]]:
    """Return which of some texts is in each row, and them."""
    return np.from_dlpack(column.indices), column.dictionary.to_pylist()  # asarray() would import pandas

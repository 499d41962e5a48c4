"""Batches of a large mapped file: the system is told which rows come next, and reads them meanwhile.

Rows in a shuffled order lie far apart, and what is not in memory would be waited for, one row after another.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array
from ..rows import Named, Rows

LARGE = 1 << 30
"""Bytes of a file: a smaller one is in memory after its first rows, and telling would cost more than waiting."""


class Mapped(NamedTuple):
    """Rows of a file: row i of what is trained on begins at byte `first` + `chosen[i]` · `step`, and has `width`."""

    file: mmap.mmap
    first: int
    step: int
    width: int
    chosen: Array | None

    def pages(self, rows: Array) -> tuple[Array, int]:
        """Return where the pages begin in which these rows do, and after how many bytes the longest row ends."""
        begins = self.first + (rows if self.chosen is None else self.chosen[rows]) * self.step
        return np.unique(begins // mmap.PAGESIZE * mmap.PAGESIZE), self.width + mmap.PAGESIZE

    def tell(self, rows: Array) -> None:
        """Tell the system that these rows will be read."""
        (starts, length), size = self.pages(rows), len(self.file)
        with suppress(OSError):  # it is advice, and the rows are read without it, too
            for start in starts.tolist():
                self.file.madvise(mmap.MADV_WILLNEED, start, min(length, size - start))


def tell_ahead(batches: Iterable[Array | slice], x: Any) -> Iterable[Array | slice]:
    """Return the batches; before each, the system is told which rows of x the next one has, if they lie in a file."""
    files = [*_mapped(x)] if hasattr(mmap, "MADV_WILLNEED") else []
    return _told(batches, files) if files else batches


def _told(batches: Iterable[Array | slice], files: list[Mapped]) -> Iterator[Array | slice]:
    before = None
    for rows in batches:
        if not isinstance(rows, slice):
            for mapped in files:
                mapped.tell(rows)
        if before is not None:
            yield before
        before = rows
    if before is not None:
        yield before


def _mapped(x: Any, chosen: Array | None = None) -> Iterator[Mapped]:
    """Yield the large mapped files that rows of x are read from."""
    if isinstance(x, Named):
        for array in x.arrays.values():
            yield from _mapped(array, chosen)
    elif isinstance(x, Rows):
        array, own = x.source
        yield from _mapped(array, own if chosen is None or own is None else own[chosen])
    elif isinstance(x, np.ndarray) and x.nbytes >= LARGE and x[:1].flags.c_contiguous:
        base: Any = x
        while isinstance(base, np.ndarray | memoryview):
            base = base.base if isinstance(base, np.ndarray) else base.obj
        if isinstance(base, mmap.mmap):
            start = np.frombuffer(base, np.uint8).__array_interface__["data"][0]
            first = x.__array_interface__["data"][0] - start
            yield Mapped(base, first, x.strides[0], x[:1].nbytes, chosen)

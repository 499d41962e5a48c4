"""The matrix X̂ of the direct method: each row is a stretch, the inputs that w windows beside each other meet.

Letters:  w the windows of a stretch, m = ⌈W'/w⌉ the stretches of a row of windows; the last one may hang over.
          P the columns of the picture that a stretch meets, (k_w - 1)·d + 1 + (w - 1)·s; k_w taps if w = 1.
Formula:  Y = X̂ K̂ with X̂ (B·H'·m, k_h·P·C) and K̂ (k_h·P·C, w·F), K̂[i, v s + j d, c, v, f] = K[i, j, c, f], else 0.

One window's row repeats each input k_h·k_w times, and a product with few filters takes as long as its matrix takes to
be read. A stretch multiplies zeros, but repeats less, in longer runs, and has w times as many filters. So an input
that is NaN or infinite makes NaN of all windows of its stretches, and not only of those that meet it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from chainrule import Array, Shape
from chainrule.windows import Walk

from .layouts import GATHERED, LEAST, MADE, RUN, RUN_SCATTERED, SCATTERED, Block


@dataclass(frozen=True)
class Stretches:
    """X̂ of the blocks of a padded picture, its transpose, and K̂."""

    walks: tuple[Walk, Walk]
    plane: tuple[int, int]
    width: int

    @cached_property
    def windows(self) -> int:
        """The windows of a row, W'."""
        return self.walks[1].count(self.plane[1])

    @cached_property
    def count(self) -> int:
        """The stretches of a row of windows, m."""
        return -(-self.windows // self.width)

    @cached_property
    def hangs_over(self) -> bool:
        """Whether the last stretch has windows that are none."""
        return self.count * self.width > self.windows

    @cached_property
    def gap(self) -> int:
        """From a column that a stretch meets to the next."""
        return self.walks[1].dilation if self.width == 1 else 1

    @cached_property
    def columns_met(self) -> int:
        """The columns that a stretch meets, P."""
        walk = self.walks[1]
        return walk.size if self.width == 1 else walk.extent + (self.width - 1) * walk.stride

    def cost(self, channels: int, filters: int, *, scattered: bool = False) -> float:
        """Return what a row of windows and of taps takes of a sample, counted in products."""
        met, step = self.columns_met, self.width * self.walks[1].stride if self.gap == 1 else 1
        moved, run, runs = (SCATTERED, RUN_SCATTERED, -(-met // step)) if scattered else (GATHERED, RUN, met)
        if self.gap == 1 and not scattered:
            runs = 1
        own = met * channels * (max(self.width * filters, LEAST) + moved) + runs * run
        made = MADE * self.walks[1].size * channels * self.width if self.width > 1 else 0
        return self.count * own + made / self.walks[0].count(self.plane[0])

    def numbers(self, channels: int) -> int:
        """Return how many numbers a row of X̂ has, k_h·P·C."""
        return self.walks[0].size * self.columns_met * channels

    def room(self, samples: int, channels: int, dtype: Any) -> Array:
        """Return zeros as `pad` lays pictures out."""
        return np.zeros((samples, *self.surrounded, channels), dtype)

    @cached_property
    def surrounded(self) -> tuple[int, int]:
        """The plane with its padding, and with what the last stretch meets."""
        (rows, columns), (H, W) = self.walks, self.plane
        reached = (self.count * self.width - 1) * columns.stride + columns.extent
        return rows.before + H + rows.after, max(columns.before + W + columns.after, reached)

    def pad(self, x: Array) -> Array:
        """Return x surrounded by zeros: x itself where there are none."""
        if self.surrounded == self.plane:
            return x
        padded = self.room(len(x), x.shape[3], x.dtype)
        self.crop(padded)[...] = x
        return padded

    def crop(self, padded: Array) -> Array:
        """Return what `pad` surrounded."""
        (rows, columns), (H, W) = self.walks, self.plane
        return padded[:, rows.before : rows.before + H, columns.before : columns.before + W]

    def gather(self, padded: Array, block: Block) -> Array:
        """Return a block of X̂."""
        (samples, rows), (i, j), C = block, self.walks, padded.shape[3]
        pictures = padded[samples]
        b, h, w, c = pictures.strides
        view = as_strided(
            pictures[:, rows.start * i.stride :],
            (len(pictures), rows.stop - rows.start, self.count, i.size, self.columns_met, C),
            (b, h * i.stride, w * j.stride * self.width, h * i.dilation, w * self.gap, c),
            writeable=False,
        )
        return view.reshape(-1, i.size * self.columns_met * C)

    def scatter(self, padded: Array, block: Block, signal: Array, matrix: Array) -> None:
        """Add dX̂ = δ K̂ᵀ of a block to the inputs that its stretches met: as much at once as no two of them meet."""
        (samples, rows), i, step = block, self.walks[0], self.width * self.walks[1].stride
        given = signal @ matrix.T
        shape = padded[samples].shape[0], rows.stop - rows.start, self.count
        given = given.reshape(*shape, i.size, self.columns_met, padded.shape[3])
        b, h, w, c = padded.strides
        apart = step if self.gap == 1 else 1
        for tap in range(i.size):
            row = samples.start * b + (rows.start * i.stride + tap * i.dilation) * h
            for first in range(0, self.columns_met, apart):
                part = given[:, :, :, tap, first : first + apart]
                place = row + first * self.gap * w
                own: Array = np.ndarray(part.shape, padded.dtype, padded, place, (b, h * i.stride, w * step, w, c))
                own += part

    def signal(self, delta: Array) -> Array:
        """Return δ of a block by stretches, (B·H'·m, w·F): 0 where one hangs over."""
        if self.hangs_over:
            B, rows, windows, F = delta.shape
            wide = np.zeros((B, rows, self.count * self.width, F), delta.dtype)
            wide[:, :, :windows] = delta
            delta = wide
        return delta.reshape(-1, self.width * delta.shape[3])

    def write(self, columns: Array, matrix: Array, y: Array) -> None:
        """Overwrite y of a block with X̂ K̂."""
        if self.hangs_over:
            wide = (columns @ matrix).reshape(*y.shape[:2], -1, y.shape[3])
            y[...] = wide[:, :, : self.windows]
        else:
            np.matmul(columns, matrix, out=y.reshape(len(columns), -1))

    def matrix(self, K: Array) -> Array:
        """Return K̂."""
        C, F = K.shape[2:]
        if self.width == 1:
            return K.reshape(-1, F)
        matrix = np.zeros((self.numbers(C), self.width * F), K.dtype)
        self._windows_of(matrix, K.shape)[...] = K[:, :, :, np.newaxis]
        return matrix

    def kernel(self, matrix: Array, dK: Array) -> None:
        """Overwrite dK with the sum over the windows of a stretch of what a matrix like K̂ has for them."""
        if self.width == 1:
            dK[...] = matrix.reshape(dK.shape)
        else:
            dK[...] = np.add.reduce(self._windows_of(matrix, dK.shape), axis=3)

    def _windows_of(self, matrix: Array, kernel_shape: Shape) -> Array:
        """Return where each window's K is in K̂, (k_h, k_w, C, w, F)."""
        k_h, k_w, C, F = kernel_shape
        walk, (row, number) = self.walks[1], matrix.strides
        column = C * row
        return as_strided(
            matrix,
            (k_h, k_w, C, self.width, F),
            (self.columns_met * column, walk.dilation * column, row, walk.stride * column + F * number, number),
        )

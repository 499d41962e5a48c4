"""The matrix X̂ of the direct method where the picture's channels are few: a transposed matrix of whole rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from chainrule import Array
from chainrule.windows import Walk

from .layouts import GATHERED, LEAST, RUN, RUN_SCATTERED, SCATTERED, Block


@dataclass(frozen=True)
class Planes:
    """Padded pictures are (C, B, H, W), and X̂ is the transpose of a matrix in C order."""

    walks: tuple[Walk, Walk]
    plane: tuple[int, int]

    width = 1

    def cost(self, channels: int, filters: int, *, scattered: bool = False) -> float:
        """Return what a row of windows and of taps takes of a sample, counted in products."""
        walk = self.walks[1]
        moved, run = (SCATTERED, RUN_SCATTERED) if scattered else (GATHERED, RUN)
        return walk.size * channels * (walk.count(self.plane[1]) * (max(filters, LEAST) + moved) + run)

    def numbers(self, channels: int) -> int:
        """Return how many numbers a row of X̂ has, k_h·k_w·C."""
        return self.walks[0].size * self.walks[1].size * channels

    def room(self, samples: int, channels: int, dtype: Any) -> Array:
        """Return zeros as `pad` lays pictures out."""
        (rows, columns), (H, W) = self.walks, self.plane
        return np.zeros((channels, samples, rows.before + H + rows.after, columns.before + W + columns.after), dtype)

    def pad(self, x: Array) -> Array:
        """Return the channels of x one by one, with their padding."""
        padded = self.room(len(x), x.shape[3], x.dtype)
        self.crop(padded)[...] = x
        return padded

    def crop(self, padded: Array) -> Array:
        """Return what `pad` surrounded, channels last again."""
        (rows, columns), (H, W) = self.walks, self.plane
        inner = padded[:, :, rows.before : rows.before + H, columns.before : columns.before + W]
        return inner.transpose(1, 2, 3, 0)

    def gather(self, padded: Array, block: Block) -> Array:
        """Return a block of X̂."""
        (samples, rows), (i, j) = block, self.walks
        pictures = padded[:, samples]
        c, b, h, w = pictures.strides
        view = as_strided(
            pictures[:, :, rows.start * i.stride :],
            (i.size, j.size, len(padded), pictures.shape[1], rows.stop - rows.start, j.count(self.plane[1])),
            (h * i.dilation, w * j.dilation, c, b, h * i.stride, w * j.stride),
            writeable=False,
        )
        return view.reshape(i.size * j.size * len(padded), -1).T

    def scatter(self, padded: Array, block: Block, signal: Array, matrix: Array) -> None:
        """Add dX̂, tap by tap."""
        (samples, rows), (i, j) = block, self.walks
        pictures, W = padded[:, samples], j.count(self.plane[1])
        taps = (matrix @ signal.T).reshape(i.size, j.size, *pictures.shape[:2], rows.stop - rows.start, W)
        for tap_i in range(i.size):
            for tap_j in range(j.size):
                met = i.on_padded(tap_i, rows.start, rows.stop), j.on_padded(tap_j, 0, W)
                pictures[:, :, met[0], met[1]] += taps[tap_i, tap_j]

    def signal(self, delta: Array) -> Array:
        """Return δ of a block, (P, F)."""
        return delta.reshape(-1, delta.shape[3])

    def write(self, columns: Array, matrix: Array, y: Array) -> None:
        """Overwrite y of a block with X̂ K."""
        np.matmul(columns, matrix, out=y.reshape(len(columns), -1))

    def matrix(self, K: Array) -> Array:
        """Return K as a matrix."""
        return K.reshape(-1, K.shape[3])

    def kernel(self, matrix: Array, dK: Array) -> None:
        """Overwrite dK with such a matrix."""
        dK[...] = matrix.reshape(dK.shape)

"""Winograd's method, its transforms compiled: a tile is transformed along its columns, then along its rows.

Shapes:   a tile t (n, n, C), its transform (p, p, C), a matrix M (p, n); a stack of tiles (n, n, tiles, C).
Formula:  M t Mᵀ, M being D, Aᵀ, Dᵀ or A of `chainrule_conv.winograd`, whose squares the layer in NumPy multiplies with.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from chainrule import Array
from chainrule_conv.winograd import ALPHA, Transforms, Winograd, line

from .compiled import Out, inline, kernel


class Tiles(Winograd):
    """Winograd's method; see `Winograd` for what it computes."""

    def pays(self, channels: int, filters: int) -> bool:
        """Return whether a training step by tiles takes clearly less time than the direct sum, both compiled.

        Counted as for the method in NumPy; the transforms take 6 and m terms for each number, every one as long as 8
        multiplications of a matrix product, and a loop over channels costs 8 channels more. Fitted to 90 shapes of 8
        to 192 channels with vectors of 64 bytes and 90 with 32: what it takes needs 1.008 of the better one's time on
        average, and 1.26 at worst.
        """
        (th, tw), (rows, columns) = self.tiles, self.counts
        transforms = 8 * (ALPHA * (channels + 8) + self.m * (filters + 8))
        direct = rows * columns * self.walks[0].size ** 2 * channels * (filters + 8)
        return th * tw * ALPHA**2 * (channels * filters + transforms) < 0.84 * direct

    def transform(self, x: Array) -> Array:
        """Return D x of each tile, (α², tiles of all samples, C_in)."""
        rows, columns = self.walks
        return self._gathered(self.lines(x.dtype).D, x, rows.before, columns.before)

    def transpose_outputs(self, delta: Array) -> Array:
        """Return Aᵀ δ of each tile, (α², tiles of all samples, C_out)."""
        return self._gathered(np.ascontiguousarray(self.lines(delta.dtype).A.T), delta, 0, 0)

    def transpose_transform(self, V: Array, dx: Array) -> None:
        """Overwrite dx with Dᵀ V, overlapping tiles being added up."""
        rows, columns = self.walks
        self._scattered(np.ascontiguousarray(self.lines(V.dtype).D.T), V, dx, rows.before, columns.before)

    def outputs(self, M: Array, y: Array) -> None:
        """Overwrite y with A M of each tile, put together."""
        self._scattered(self.lines(M.dtype).A, M, y, 0, 0)

    def lines(self, dtype: np.dtype[np.generic]) -> Transforms:
        """Return the transforms of one dimension."""
        return _lines(self.walks[0].size, dtype)

    def _gathered(self, matrix: Array, pictures: Array, top: int, left: int) -> Array:
        (th, tw), C = self.tiles, pictures.shape[3]
        stack = np.empty((ALPHA, ALPHA, len(pictures) * th * tw, C), pictures.dtype)
        gather_tiles(matrix, np.ascontiguousarray(pictures), (th, tw, self.m, top, left), stack)
        return stack.reshape(ALPHA**2, -1, C)

    def _scattered(self, matrix: Array, stack: Array, pictures: Array, top: int, left: int) -> None:
        (th, tw), C = self.tiles, pictures.shape[3]
        pictures[...] = 0
        add_tiles(matrix, stack.reshape(ALPHA, ALPHA, -1, C), (th, tw, self.m, top, left), pictures)


@lru_cache(maxsize=8)
def _lines(r: int, dtype: np.dtype[np.generic]) -> Transforms:
    return Transforms(*(part.astype(dtype) for part in line(r)))


@kernel
def gather_tiles(matrix: Array, pictures: Array, places: tuple[int, ...], stack: Out) -> None:
    """Write M t Mᵀ of each tile t of the pictures, zero outside, into a stack."""
    th, tw, step, top, left = places
    p, n = matrix.shape
    B, H, W, C = pictures.shape
    tile = np.empty((n, n, C), pictures.dtype)
    half = np.empty((p, n, C), pictures.dtype)
    for b in range(B):
        for u in range(th):
            for v in range(tw):
                for i in range(n):
                    for j in range(n):
                        r, t = u * step + i - top, v * step + j - left
                        if 0 <= r < H and 0 <= t < W:
                            for c in range(C):
                                tile[i, j, c] = pictures[b, r, t, c]
                        else:
                            for c in range(C):
                                tile[i, j, c] = 0
                transform_columns(matrix, tile, half)
                at = (b * th + u) * tw + v
                for i in range(p):
                    for j in range(p):
                        weigh(matrix[j], half[i], stack[i, j, at])


@kernel
def add_tiles(matrix: Array, stack: Array, places: tuple[int, ...], pictures: Out) -> None:
    """Add M t Mᵀ of each tile t of a stack to the pictures; what lies outside is left out."""
    th, tw, step, top, left = places
    p, n = matrix.shape
    B, H, W, C = pictures.shape
    tile = np.empty((n, n, C), pictures.dtype)
    half = np.empty((p, n, C), pictures.dtype)
    done = np.empty(C, pictures.dtype)
    for b in range(B):
        for u in range(th):
            for v in range(tw):
                at = (b * th + u) * tw + v
                for i in range(n):
                    for j in range(n):
                        for c in range(C):
                            tile[i, j, c] = stack[i, j, at, c]
                transform_columns(matrix, tile, half)
                for i in range(p):
                    for j in range(p):
                        r, t = u * step + i - top, v * step + j - left
                        if 0 <= r < H and 0 <= t < W:
                            weigh(matrix[j], half[i], done)
                            for c in range(C):
                                pictures[b, r, t, c] += done[c]


@inline
def transform_columns(matrix: Array, tile: Array, half: Array) -> None:
    """Write M t into `half`."""
    n, C = tile.shape[1:]
    for i in range(len(matrix)):
        weigh(matrix[i], tile.reshape(n, n * C), half[i].reshape(n * C))


@inline
def weigh(weights: Array, terms: Array, out: Array) -> None:
    """Write Σ_q w_q t_q into `out`, for the 6, 4 or 2 terms that there are, in one loop each."""
    a, b = weights[0], weights[1]
    if len(weights) == 2:
        for c in range(len(out)):
            out[c] = a * terms[0, c] + b * terms[1, c]
        return
    d, e = weights[2], weights[3]
    if len(weights) == 4:
        for c in range(len(out)):
            out[c] = a * terms[0, c] + b * terms[1, c] + d * terms[2, c] + e * terms[3, c]
        return
    f, g = weights[4], weights[5]
    for c in range(len(out)):
        out[c] = (
            a * terms[0, c] + b * terms[1, c] + d * terms[2, c] + e * terms[3, c] + f * terms[4, c] + g * terms[5, c]
        )

"""Winograd's method: products of tiles that multiply less often than the sum does.

A tile of m×m outputs needs α×α inputs, α = m + r - 1, for a kernel r×r. A polynomial product is α multiplications of
values at α points (Toom and Cook); its transpose is a correlation of m outputs. With V the α×α matrix of the points'
powers (the last point is ∞, where a polynomial's value is its leading coefficient), in one dimension

Formula:  y = A [(G K) * (D x)],   A = V[:, :m]ᵀ,  G = V[:, :r],  D = V⁻ᵀ, rows scaled so that D is of whole numbers.

In two dimensions A, G, D are Kronecker squares, and one GEMM applies each to a whole block. Between them, channels are
summed over by α² matrix products. Every part is linear, and the backward pass is their transposes:
δM = Aᵀ δ;  dK = Gᵀ [(D x)ᵀ δM];  dx = Dᵀ [δM (G K)ᵀ].

Source:   Lavin and Gray (2016), Fast algorithms for convolutional neural networks; Winograd (1980), Arithmetic
          complexity of computations. Points 0, ±1, ±2, ∞.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from chainrule import Array
from chainrule.windows import Walk

from .direct import cost

ALPHA = 6
POINTS = (0.0, 1.0, -1.0, 2.0, -2.0)
BLOCK_BYTES = 2 << 20
"""Of a transformed block: what stays in a core's second-level cache."""


class Transforms(NamedTuple):
    """In one dimension: of x (α, α), of K (α, r), and to y (m, α). In two, their Kronecker squares."""

    D: Array
    G: Array
    A: Array


@lru_cache(maxsize=8)
def line(r: int) -> Transforms:
    """Return the transforms for a kernel of r numbers."""
    m = ALPHA + 1 - r
    V = np.zeros((ALPHA, ALPHA))
    V[:-1] = np.vander(POINTS, ALPHA, increasing=True)
    V[-1, -1] = 1
    D = np.linalg.inv(V).T
    scale = np.ones((ALPHA, 1))
    scale[:-1, 0] = [np.prod([p - q for q in POINTS if q != p]) for p in POINTS]
    A, G = V[:, :m].T.copy(), V[:, :r].copy()
    A[-1, -1] = G[-1, -1] = 1  # at ∞ a polynomial's value is its leading coefficient
    return Transforms(np.rint(scale * D), G / scale, A)


@lru_cache(maxsize=8)
def square(r: int, dtype: np.dtype[np.generic]) -> Transforms:
    """Return the transforms for a kernel r×r."""
    return Transforms(*(np.kron(part, part).astype(dtype) for part in line(r)))


@dataclass(frozen=True)
class Winograd:
    """A convolution of stride 1 of pictures (H, W, C_in), kernel 3×3 or 5×5, by tiles."""

    walks: tuple[Walk, Walk]
    plane: tuple[int, int]

    @property
    def m(self) -> int:
        """The side of a tile of outputs."""
        return ALPHA + 1 - self.walks[0].size

    @property
    def counts(self) -> tuple[int, int]:
        """The outputs along each axis, (H', W')."""
        return self.walks[0].count(self.plane[0]), self.walks[1].count(self.plane[1])

    @property
    def tiles(self) -> tuple[int, int]:
        """The tiles along each axis; the last ones hang over."""
        return -(-self.counts[0] // self.m), -(-self.counts[1] // self.m)

    def pays(self, channels: int, filters: int) -> bool:
        """Return whether a training step by tiles takes less time than the direct method.

        Time is counted in the products of the direct method. A product of small matrices takes twice as long, those of
        the transforms, whose numbers are moved besides, four to eight times; tiles that hang over the edge are computed
        whole. Over 110 shapes of 4 to 160 channels this takes Winograd's method where it needed 0.53 to 1.05 of
        the direct one's time, and leaves out what needed 0.84 to 5.8 of it.
        """
        (th, tw), squared = self.tiles, ALPHA**2
        tile = squared * (2 * channels * filters + 8 * squared * channels + 4 * (self.m**2 + 20) * filters)
        return th * tw * tile < 1.1 * cost(self.walks, self.plane, channels, filters)

    def forward(self, x: Array, K: Array) -> Array:
        """Return y, (B, H', W', C_out)."""
        F = K.shape[3]
        y = np.empty((len(x), *self.counts, F), x.dtype)
        U = self.transform_kernel(K)
        for samples in self.blocks(x, F):
            self.outputs(self.transform(x[samples]) @ U, y[samples])
        return y

    def backward(self, x: Array, K: Array, delta: Array, dK: Array | None, *, to_input: bool) -> Array | None:
        """Overwrite `dK`, if given, with the kernel's gradient; return the input's if `to_input`."""
        U = self.transform_kernel(K)
        U_transposed = U.transpose(0, 2, 1).copy()  # 36 copies save more in their products
        total = np.zeros(U.shape, x.dtype)
        dx = np.empty(x.shape, x.dtype) if to_input else None
        for samples in self.blocks(x, K.shape[3]):
            dM = self.transpose_outputs(delta[samples])
            if dK is not None:
                total += self.transform(x[samples]).transpose(0, 2, 1) @ dM
            if dx is not None:
                self.transpose_transform(dM @ U_transposed, dx[samples])
        if dK is not None:
            G = self.parts(x.dtype).G
            dK[...] = (G.T @ total.reshape(ALPHA**2, -1)).reshape(dK.shape)
        return dx

    def parts(self, dtype: np.dtype[np.generic]) -> Transforms:
        """Return the transforms."""
        return square(self.walks[0].size, dtype)

    def blocks(self, x: Array, filters: int) -> Iterator[slice]:
        """Yield slices of samples, so many that the transformed block fits in the cache."""
        own = ALPHA**2 * self.tiles[0] * self.tiles[1] * max(x.shape[3], filters) * x.itemsize
        step = max(BLOCK_BYTES // own, 1)
        return (slice(first, min(first + step, len(x))) for first in range(0, len(x), step))

    def transform_kernel(self, K: Array) -> Array:
        """Return G K, (α², C_in, C_out)."""
        r, _, C, F = K.shape
        return (self.parts(K.dtype).G @ K.reshape(r * r, C * F)).reshape(ALPHA**2, C, F)

    def transform(self, x: Array) -> Array:
        """Return D x of each tile, (α², tiles of all samples, C_in)."""
        (rows, columns), m, (H, W) = self.walks, self.m, self.plane
        th, tw = self.tiles
        B, C = len(x), x.shape[3]
        padded = np.zeros((B, th * m + rows.size - 1, tw * m + columns.size - 1, C), x.dtype)
        # what no window reaches is left out
        h, w = min(H, padded.shape[1] - rows.before), min(W, padded.shape[2] - columns.before)
        padded[:, rows.before : rows.before + h, columns.before : columns.before + w] = x[:, :h, :w]
        b, i, j, c = padded.strides
        tiles = as_strided(padded, (ALPHA, ALPHA, B, th, tw, C), (i, j, b, m * i, m * j, c), writeable=False).reshape(
            ALPHA**2, -1
        )
        return np.asarray(self.parts(x.dtype).D @ tiles).reshape(ALPHA**2, -1, C)

    def transpose_transform(self, V: Array, dx: Array) -> None:
        """Overwrite dx, (B, H, W, C_in), with Dᵀ V, overlapping tiles being added up."""
        (rows, columns), m, (B, H, W, C) = self.walks, self.m, dx.shape
        th, tw = self.tiles
        tiles = (self.parts(V.dtype).D.T @ V.reshape(ALPHA**2, -1)).reshape(ALPHA, ALPHA, B, th, tw, C)
        # The plane in blocks of m×m: a tile covers its block and r - 1 places of those behind it.
        behind = -(-(ALPHA - m) // m)
        blocks = np.zeros((B, th + behind, m, tw + behind, m, C), V.dtype)
        for p in range(behind + 1):
            for q in range(behind + 1):
                part = tiles[p * m : (p + 1) * m, q * m : (q + 1) * m].transpose(2, 3, 0, 4, 1, 5)
                blocks[:, p : p + th, : part.shape[2], q : q + tw, : part.shape[4]] += part
        plane = blocks.reshape(B, (th + behind) * m, (tw + behind) * m, C)
        h, w = min(H, plane.shape[1] - rows.before), min(W, plane.shape[2] - columns.before)
        dx[:, :h, :w] = plane[:, rows.before : rows.before + h, columns.before : columns.before + w]
        dx[:, h:] = 0  # what no window reaches
        dx[:, :, w:] = 0

    def outputs(self, M: Array, y: Array) -> None:
        """Overwrite y, (B, H', W', C_out), with A M of each tile, put together."""
        (th, tw), m, (B, H, W, F) = self.tiles, self.m, y.shape
        tiles = (self.parts(M.dtype).A @ M.reshape(ALPHA**2, -1)).reshape(m, m, B, th, tw, F)
        y[...] = tiles.transpose(2, 3, 0, 4, 1, 5).reshape(B, th * m, tw * m, F)[:, :H, :W]

    def transpose_outputs(self, delta: Array) -> Array:
        """Return Aᵀ δ of each tile, (α², tiles of all samples, C_out)."""
        (th, tw), m, (B, H, W, F) = self.tiles, self.m, delta.shape
        if th * m > H or tw * m > W:
            padded = np.zeros((B, th * m, tw * m, F), delta.dtype)
            padded[:, :H, :W] = delta
            delta = padded
        tiles = delta.reshape(B, th, m, tw, m, F).transpose(2, 4, 0, 1, 3, 5).reshape(m * m, -1)
        return (self.parts(delta.dtype).A.T @ tiles).reshape(ALPHA**2, -1, F)

"""The direct method: each window as a row of a matrix, and one matrix product.

Letters:  P the windows of a picture, H'·W'; the columns of the matrix are the taps (i, j, channel), as K is laid out.
Formula:  Y = X̂ K with X̂ (P, k_h·k_w·C_in); dK = X̂ᵀ δ; dX̂ = δ Kᵀ, and dX adds up what each input gave to the windows.
Source:   course, section 5, the relation of a convolution to an affine map.

X̂ repeats every input k_h·k_w times, and so it is made block by block, small enough for the cache, and made again in
the backward pass rather than kept. How it lies in memory is the business of `layouts`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chainrule import Array, Shape
from chainrule.windows import Walk

from .layouts import Block, Layout, layout_of

BLOCK_BYTES = 1 << 20
"""Of X̂ in a block: what stays in a core's second-level cache."""


@dataclass(frozen=True)
class Direct:
    """A convolution of pictures (H, W, C_in) by matrix products."""

    walks: tuple[Walk, Walk]
    plane: tuple[int, int]

    @property
    def counts(self) -> tuple[int, int]:
        """The windows along each axis, (H', W')."""
        return self.walks[0].count(self.plane[0]), self.walks[1].count(self.plane[1])

    def forward(self, x: Array, K: Array) -> Array:
        """Return X̂ K, (B, H', W', C_out)."""
        layout = self.layout(x)
        padded, matrix = layout.pad(x), _matrix(K)
        y = np.empty((len(x), *self.counts, K.shape[3]), x.dtype)
        for block in self.blocks(x, K):
            np.matmul(layout.columns(padded, block), matrix, out=y[block].reshape(-1, K.shape[3]))
        return y

    def backward(self, x: Array, K: Array, delta: Array, dK: Array | None, *, to_input: bool) -> Array | None:
        """Overwrite `dK`, if given, with X̂ᵀ δ; return dX if `to_input`."""
        layout = self.layout(x)
        padded, matrix = layout.pad(x), _matrix(K)
        total = np.zeros(matrix.shape, x.dtype)
        dx = np.zeros(padded.shape, x.dtype) if to_input else None
        for block in self.blocks(x, K):
            signal = delta[block].reshape(-1, K.shape[3])
            if dK is not None:
                total += layout.columns(padded, block).T @ signal
            if dx is not None:
                layout.add(dx, block, signal, matrix)
        if dK is not None:
            dK[...] = total.reshape(dK.shape)
        return None if dx is None else layout.crop(dx)

    def per_sample(self, x: Array, delta: Array, kernel_shape: Shape) -> Array:
        """Return X̂_jᵀ δ_j of each sample, (B, *kernel_shape)."""
        layout = self.layout(x)
        padded, every = layout.pad(x), slice(0, self.counts[0])
        gradients = np.empty((len(x), *kernel_shape), x.dtype)
        for j, own in enumerate(delta):
            columns = layout.columns(padded, Block(slice(j, j + 1), every))
            gradients[j] = (columns.T @ own.reshape(-1, kernel_shape[3])).reshape(kernel_shape)
        return gradients

    def layout(self, x: Array) -> Layout:
        """Return how X̂ lies in memory."""
        return layout_of(self.walks, self.plane, x.shape[3])

    def blocks(self, x: Array, K: Array) -> Iterator[Block]:
        """Yield the blocks, whose size depends on one sample's alone: whole samples, or rows of a large one."""
        rows, columns = self.counts
        row_bytes = columns * K[..., 0].size * x.itemsize
        samples = max(BLOCK_BYTES // (rows * row_bytes), 1)
        step = rows if rows * row_bytes <= BLOCK_BYTES else max(BLOCK_BYTES // row_bytes, 1)
        for first in range(0, len(x), samples):
            for row in range(0, rows, step):
                yield Block(slice(first, min(first + samples, len(x))), slice(row, min(row + step, rows)))


def _matrix(K: Array) -> Array:
    return K.reshape(-1, K.shape[3])

"""The direct method: each window as a row of a matrix, and one matrix product.

Letters:  P the windows of a picture, H'·W'; the columns of the matrix are the taps (i, j, channel), as K is laid out.
Formula:  Y = X̂ K with X̂ (P, k_h·k_w·C_in); dK = X̂ᵀ δ; dX̂ = δ Kᵀ, and dX adds up what each input gave to the windows.
Source:   course, section 5, the relation of a convolution to an affine map.

X̂ repeats every input k_h·k_w times, and so it is made block by block, small enough for the cache, and made again in
the backward pass rather than kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from chainrule import Array, Shape
from chainrule.windows import Walk

BLOCK_BYTES = 1 << 20
"""Of X̂ in a block: what stays in a core's second-level cache."""


class Block(NamedTuple):
    """Some samples, and some rows of their windows."""

    samples: slice
    rows: slice


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
        padded, matrix = self.pad(x), _matrix(K)
        y = np.empty((len(x), *self.counts, K.shape[3]), x.dtype)
        for samples, rows in self.blocks(x, K):
            y[samples, rows] = (self.columns(padded, samples, rows) @ matrix).reshape(y[samples, rows].shape)
        return y

    def backward(self, x: Array, K: Array, delta: Array, dK: Array | None, *, to_input: bool) -> Array | None:
        """Overwrite `dK`, if given, with X̂ᵀ δ; return dX if `to_input`."""
        matrix = _matrix(K)
        padded = self.pad(x)
        total = np.zeros(matrix.shape, x.dtype)
        dx = np.zeros(padded.shape, x.dtype) if to_input else None
        for samples, rows in self.blocks(x, K):
            signal = delta[samples, rows].reshape(-1, K.shape[3])
            if dK is not None:
                total += self.columns(padded, samples, rows).T @ signal
            if dx is not None:
                self.scatter(dx, samples, rows, signal @ matrix.T)
        if dK is not None:
            dK[...] = total.reshape(dK.shape)
        return None if dx is None else self.crop(dx)

    def per_sample(self, x: Array, delta: Array, kernel_shape: Shape) -> Array:
        """Return X̂_jᵀ δ_j of each sample, (B, *kernel_shape)."""
        padded, every = self.pad(x), slice(0, self.counts[0])
        gradients = np.empty((len(x), *kernel_shape), x.dtype)
        for j, own in enumerate(delta):
            columns = self.columns(padded, slice(j, j + 1), every)
            gradients[j] = (columns.T @ own.reshape(-1, kernel_shape[3])).reshape(kernel_shape)
        return gradients

    def blocks(self, x: Array, K: Array) -> Iterator[Block]:
        """Yield the blocks, whose size depends on one sample's alone: whole samples, or rows of a large one."""
        rows, columns = self.counts
        row_bytes = columns * K[..., 0].size * x.itemsize
        samples = max(BLOCK_BYTES // (rows * row_bytes), 1)
        step = rows if rows * row_bytes <= BLOCK_BYTES else max(BLOCK_BYTES // row_bytes, 1)
        for first in range(0, len(x), samples):
            for row in range(0, rows, step):
                yield Block(slice(first, min(first + samples, len(x))), slice(row, min(row + step, rows)))

    def pad(self, x: Array) -> Array:
        """Return x with its padding of zeros: x itself where there is none."""
        (rows, columns), (H, W) = self.walks, self.plane
        if not any((rows.before, rows.after, columns.before, columns.after)):
            return x
        padded = np.zeros(
            (len(x), rows.before + H + rows.after, columns.before + W + columns.after, x.shape[3]), x.dtype
        )
        padded[:, rows.before : rows.before + H, columns.before : columns.before + W] = x
        return padded

    def crop(self, padded: Array) -> Array:
        """Return what `pad` surrounded."""
        (rows, columns), (H, W) = self.walks, self.plane
        return padded[:, rows.before : rows.before + H, columns.before : columns.before + W]

    def columns(self, padded: Array, samples: slice, rows: slice) -> Array:
        """Return a block of X̂."""
        i, j = self.walks
        block = padded[samples]
        b, h, w, c = block.strides
        view = as_strided(
            block[:, rows.start * i.stride :],
            (len(block), rows.stop - rows.start, self.counts[1], i.size, j.size, padded.shape[3]),
            (b, h * i.stride, w * j.stride, h * i.dilation, w * j.dilation, c),
            writeable=False,
        )
        return view.reshape(-1, i.size * j.size * padded.shape[3])

    def scatter(self, padded: Array, samples: slice, rows: slice, columns: Array) -> None:
        """Add a block of dX̂ to the inputs that its windows met."""
        (i, j), (_, W) = self.walks, self.counts
        place = padded[samples]
        taps = columns.reshape(len(place), rows.stop - rows.start, W, i.size, j.size, -1)
        for tap_i in range(i.size):
            for tap_j in range(j.size):
                met = i.on_padded(tap_i, rows.start, rows.stop), j.on_padded(tap_j, 0, W)
                place[:, met[0], met[1]] += taps[:, :, :, tap_i, tap_j]


def _matrix(K: Array) -> Array:
    return K.reshape(-1, K.shape[3])

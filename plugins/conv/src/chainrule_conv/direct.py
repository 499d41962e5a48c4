"""The direct method: windows as the rows of a matrix, and one matrix product.

Letters:  X̂ (rows, k_h·P·C_in) has a row for each stretch of windows, as `stretches` says, and K̂ is K's matrix for them.
Formula:  Y = X̂ K̂; dK̂ = X̂ᵀ δ; dX̂ = δ K̂ᵀ, and dX adds up what each input gave to the windows. With stride 1, dX is also
          a convolution of the padded δ with the flipped kernel: nothing is added up then.
Source:   course, section 5, the relation of a convolution to an affine map.

X̂ repeats every input many times, and so it is made block by block, small enough for the cache, and made again in the
backward pass rather than kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from chainrule import Array, Shape
from chainrule.windows import Walk

from .layouts import Block, Layout
from .planes import Planes
from .stretches import Stretches

BLOCK_BYTES = 1 << 20
"""Of X̂ in a block: what stays in a core's second-level cache."""

WIDEST = 16
"""Windows of a row of X̂."""


@dataclass(frozen=True)
class Direct:
    """A convolution of pictures (H, W, C_in) by matrix products."""

    walks: tuple[Walk, Walk]
    plane: tuple[int, int]

    @property
    def counts(self) -> tuple[int, int]:
        """The windows along each axis, (H', W')."""
        return self.walks[0].count(self.plane[0]), self.walks[1].count(self.plane[1])

    def forward(self, x: Array, K: Array, b: Array | None = None) -> Array:
        """Return X̂ K̂ + 1 bᵀ, (B, H', W', C_out)."""
        own = self.layout(K.shape)
        padded, matrix = own.pad(x), own.matrix(K)
        y = np.empty((len(x), *self.counts, K.shape[3]), x.dtype)
        # A row of pixels is a longer run than a pixel's few channels, and NumPy adds runs.
        row = None if b is None else np.tile(b, y.shape[2])
        for block in self.blocks(x, own):
            part = y[block]
            own.write(own.gather(padded, block), matrix, part)
            if row is not None:
                shifted = part.reshape(-1, len(row))
                np.add(shifted, row, out=shifted)
        return y

    def backward(self, x: Array, K: Array, delta: Array, dK: Array | None, *, to_input: bool) -> Array | None:
        """Overwrite `dK`, if given, with X̂ᵀ δ; return dX if `to_input`."""
        if dK is not None:
            self._to_kernel(x, delta, dK)
        return self._to_input(x, K, delta) if to_input else None

    def _to_kernel(self, x: Array, delta: Array, dK: Array) -> None:
        own = self.layout(dK.shape)
        padded = own.pad(x)
        total = np.zeros((own.numbers(x.shape[3]), own.width * dK.shape[3]), x.dtype)
        for block in self.blocks(x, own):
            total += own.gather(padded, block).T @ own.signal(delta[block])
        own.kernel(total, dK)

    def _to_input(self, x: Array, K: Array, delta: Array) -> Array:
        way = way_back(self.walks, self.plane, *K.shape[2:])
        if isinstance(way, Direct):
            return way.forward(delta, K[::-1, ::-1].transpose(0, 1, 3, 2)).astype(x.dtype, copy=False)
        matrix, dx = way.matrix(K), way.room(len(x), K.shape[2], x.dtype)
        for block in self.blocks(x, way):
            way.scatter(dx, block, way.signal(delta[block]), matrix)
        return way.crop(dx)

    def per_sample(self, x: Array, delta: Array, kernel_shape: Shape) -> Array:
        """Return X̂_jᵀ δ_j of each sample, (B, *kernel_shape)."""
        own = self.layout(kernel_shape)
        padded, every = own.pad(x), slice(0, self.counts[0])
        gradients = np.empty((len(x), *kernel_shape), x.dtype)
        for j in range(len(x)):
            block = Block(slice(j, j + 1), every)
            own.kernel(own.gather(padded, block).T @ own.signal(delta[block]), gradients[j])
        return gradients

    def layout(self, kernel_shape: Shape) -> Layout:
        """Return how X̂ lies in memory."""
        return layout_of(self.walks, self.plane, *kernel_shape[2:])

    def blocks(self, x: Array, own: Layout) -> Iterator[Block]:
        """Yield the blocks, whose size depends on one sample's alone: whole samples, or rows of a large one."""
        rows, columns = self.counts
        row_bytes = -(-columns // own.width) * own.numbers(x.shape[3]) * x.itemsize
        samples = max(BLOCK_BYTES // (rows * row_bytes), 1)
        step = rows if rows * row_bytes <= BLOCK_BYTES else max(BLOCK_BYTES // row_bytes, 1)
        for first in range(0, len(x), samples):
            for row in range(0, rows, step):
                yield Block(slice(first, min(first + samples, len(x))), slice(row, min(row + step, rows)))


@lru_cache(maxsize=256)
def layout_of(
    walks: tuple[Walk, Walk], plane: tuple[int, int], channels: int, filters: int, *, scattered: bool = False
) -> Layout:
    """Return the layout that costs least."""
    gathers = any((walk.size, walk.stride, walk.before, walk.after) != (1, 1, 0, 0) for walk in walks)
    widths = range(1, min(WIDEST, walks[1].count(plane[1])) + 1 if gathers else 2)
    layouts: list[Layout] = [Stretches(walks, plane, width) for width in widths]
    if gathers:
        layouts.append(Planes(walks, plane))
    return min(layouts, key=lambda own: own.cost(channels, filters, scattered=scattered))


@lru_cache(maxsize=256)
def way_back(walks: tuple[Walk, Walk], plane: tuple[int, int], channels: int, filters: int) -> Direct | Layout:
    """Return the convolution of the padded δ that gives dX, or the layout in which to add it up, if that costs less."""
    scattering = layout_of(walks, plane, channels, filters, scattered=True)
    if any(walk.stride > 1 or max(walk.before, walk.after) >= walk.extent for walk in walks):
        return scattering
    rows, columns = (Walk(w.size, 1, w.extent - 1 - w.before, w.extent - 1 - w.after, w.dilation) for w in walks)
    found = Direct((rows, columns), (walks[0].count(plane[0]), walks[1].count(plane[1])))
    less = _gathered(found, filters, channels) < _scattered(walks, plane, scattering, channels, filters)
    return found if less else scattering


@lru_cache(maxsize=256)
def cost(walks: tuple[Walk, Walk], plane: tuple[int, int], channels: int, filters: int) -> float:
    """Return what a training step takes of a sample by the direct method, counted in products."""
    own, way = Direct(walks, plane), way_back(walks, plane, channels, filters)
    if isinstance(way, Direct):
        back = _gathered(way, filters, channels)
    else:
        back = _scattered(walks, plane, way, channels, filters)
    return 2 * _gathered(own, channels, filters) + back


def _gathered(own: Direct, channels: int, filters: int) -> float:
    layout = layout_of(own.walks, own.plane, channels, filters)
    return own.counts[0] * own.walks[0].size * layout.cost(channels, filters)


def _scattered(walks: tuple[Walk, Walk], plane: tuple[int, int], layout: Layout, channels: int, filters: int) -> float:
    return walks[0].count(plane[0]) * walks[0].size * layout.cost(channels, filters, scattered=True)

"""The direct method, its gathers and scatters compiled.

Shapes:   taps of pixels (B, rows, W', k_h, k_w, C); of planes (k_h, k_w, C, B, rows, W'), rows being those of a block.
Formula:  window (u, v) meets with its tap (i, j) the place (u s_h + i d_h, v s_w + j d_w) of the padded picture.
Source:   `chainrule_conv.direct` and `chainrule_conv.layouts`, whose kernels these replace.
"""

from __future__ import annotations

import numpy as np

from chainrule import Array
from chainrule_conv.direct import Direct
from chainrule_conv.layouts import Block, Layout, Pixels, Planes, layout_of

from .compiled import Out, kernel


class Sums(Direct):
    """The direct method."""

    def layout(self, x: Array) -> Layout:
        """Return how X̂ lies in memory."""
        planes = isinstance(layout_of(self.walks, self.plane, x.shape[3]), Planes)
        return CompiledPlanes(self.walks, self.plane) if planes else CompiledPixels(self.walks, self.plane)


class CompiledPixels(Pixels):
    """Padded pictures are (B, H, W, C)."""

    def add(self, padded: Array, block: Block, signal: Array, matrix: Array) -> None:
        """Add dX̂, window by window."""
        (samples, rows), (i, j) = block, self.walks
        taps = (signal @ matrix.T).reshape(
            samples.stop - samples.start, rows.stop - rows.start, -1, i.size, j.size, padded.shape[3]
        )
        add_pixels(taps, rows.start, (i.stride, i.dilation, j.stride, j.dilation), padded[samples])


class CompiledPlanes(Planes):
    """Padded pictures are (C, B, H, W)."""

    def columns(self, padded: Array, block: Block) -> Array:
        """Return a block of X̂."""
        (samples, rows), (i, j) = block, self.walks
        count, W = samples.stop - samples.start, j.count(self.plane[1])
        columns = np.empty((i.size, j.size, len(padded), count, rows.stop - rows.start, W), padded.dtype)
        strides = i.stride, i.dilation, j.stride, j.dilation
        gather_planes(padded, samples.start, rows.start, strides, columns)
        return columns.reshape(i.size * j.size * len(padded), -1).T

    def add(self, padded: Array, block: Block, signal: Array, matrix: Array) -> None:
        """Add dX̂, row by row of each tap."""
        (samples, rows), (i, j) = block, self.walks
        count, W = samples.stop - samples.start, j.count(self.plane[1])
        taps = (matrix @ signal.T).reshape(i.size, j.size, len(padded), count, -1, W)
        strides = i.stride, i.dilation, j.stride, j.dilation
        add_planes(taps, samples.start, rows.start, strides, padded)


@kernel
def add_pixels(taps: Array, first: int, strides: tuple[int, ...], pictures: Out) -> None:
    """Add each tap of the windows of rows `first` … to the input that it met."""
    s_h, d_h, s_w, d_w = strides
    B, rows, columns, k_h, k_w, C = taps.shape
    for b in range(B):
        for u in range(rows):
            for v in range(columns):
                for i in range(k_h):
                    for j in range(k_w):
                        r, t = (first + u) * s_h + i * d_h, v * s_w + j * d_w
                        for c in range(C):
                            pictures[b, r, t, c] += taps[b, u, v, i, j, c]


@kernel
def add_planes(taps: Array, sample: int, first: int, strides: tuple[int, ...], pictures: Out) -> None:
    """Add each tap of the windows of rows `first` … to the input that it met, of samples `sample` …"""
    s_h, d_h, s_w, d_w = strides
    k_h, k_w, C, B, rows, columns = taps.shape
    for c in range(C):
        for b in range(B):
            for i in range(k_h):
                for j in range(k_w):
                    for u in range(rows):
                        r = (first + u) * s_h + i * d_h
                        if s_w == 1:
                            for v in range(columns):
                                pictures[c, sample + b, r, v + j * d_w] += taps[i, j, c, b, u, v]
                        else:
                            for v in range(columns):
                                pictures[c, sample + b, r, v * s_w + j * d_w] += taps[i, j, c, b, u, v]


@kernel
def gather_planes(pictures: Array, sample: int, first: int, strides: tuple[int, ...], columns: Out) -> None:
    """Write what each tap of the windows of rows `first` … meets, of samples `sample` …"""
    s_h, d_h, s_w, d_w = strides
    k_h, k_w, C, B, rows, W = columns.shape
    for i in range(k_h):
        for j in range(k_w):
            for c in range(C):
                for b in range(B):
                    for u in range(rows):
                        r = (first + u) * s_h + i * d_h
                        if s_w == 1:
                            for v in range(W):
                                columns[i, j, c, b, u, v] = pictures[c, sample + b, r, v + j * d_w]
                        else:
                            for v in range(W):
                                columns[i, j, c, b, u, v] = pictures[c, sample + b, r, v * s_w + j * d_w]

"""How the matrix X̂ of the direct method lies in memory: what is copied and added should lie in long runs.

`Pixels` keeps the channels last, as the pictures have them: a run is as long as a pixel has channels. `Planes` takes a
picture of few channels apart, and X̂ is a transposed matrix of whole rows of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.lib.stride_tricks import as_strided

from chainrule import Array
from chainrule.windows import Walk

FEW_CHANNELS = 16
"""Below it, rows of the picture are the longer runs: with 3 channels of 32×32 pixels, adding up dX takes a fifth of the
time so, with 8 three fifths, and with 16 as long."""


class Block(NamedTuple):
    """Some samples, and some rows of their windows."""

    samples: slice
    rows: slice


class Layout(Protocol):
    """X̂ (P, k_h·k_w·C) of the blocks of a padded picture, and its transpose."""

    def pad(self, x: Array) -> Array:
        """Return x, (B, H, W, C), with its padding of zeros, as the layout has it."""

    def crop(self, padded: Array) -> Array:
        """Return what `pad` surrounded, (B, H, W, C)."""

    def columns(self, padded: Array, block: Block) -> Array:
        """Return a block of X̂."""

    def add(self, padded: Array, block: Block, signal: Array, matrix: Array) -> None:
        """Add dX̂ = δ Kᵀ of a block to the inputs that its windows met."""


def layout_of(walks: tuple[Walk, Walk], plane: tuple[int, int], channels: int) -> Layout:
    """Return the layout with the longer runs."""
    few = channels < min(FEW_CHANNELS, walks[1].count(plane[1]))
    return Planes(walks, plane) if few else Pixels(walks, plane)


@dataclass(frozen=True)
class Pixels:
    """Padded pictures are (B, H, W, C), and X̂ is in C order."""

    walks: tuple[Walk, Walk]
    plane: tuple[int, int]

    def pad(self, x: Array) -> Array:
        """Return x with its padding: x itself where there is none."""
        (rows, columns), (H, W) = self.walks, self.plane
        if not any((rows.before, rows.after, columns.before, columns.after)):
            return x
        padded = np.zeros(
            (len(x), rows.before + H + rows.after, columns.before + W + columns.after, x.shape[3]), x.dtype
        )
        self.crop(padded)[...] = x
        return padded

    def crop(self, padded: Array) -> Array:
        """Return what `pad` surrounded."""
        (rows, columns), (H, W) = self.walks, self.plane
        return padded[:, rows.before : rows.before + H, columns.before : columns.before + W]

    def columns(self, padded: Array, block: Block) -> Array:
        """Return a block of X̂."""
        (samples, rows), (i, j) = block, self.walks
        pictures = padded[samples]
        b, h, w, c = pictures.strides
        view = as_strided(
            pictures[:, rows.start * i.stride :],
            (len(pictures), rows.stop - rows.start, j.count(self.plane[1]), i.size, j.size, padded.shape[3]),
            (b, h * i.stride, w * j.stride, h * i.dilation, w * j.dilation, c),
            writeable=False,
        )
        return view.reshape(-1, i.size * j.size * padded.shape[3])

    def add(self, padded: Array, block: Block, signal: Array, matrix: Array) -> None:
        """Add dX̂, tap by tap."""
        (samples, rows), (i, j) = block, self.walks
        pictures, W = padded[samples], j.count(self.plane[1])
        taps = (signal @ matrix.T).reshape(len(pictures), rows.stop - rows.start, W, i.size, j.size, -1)
        for tap_i in range(i.size):
            for tap_j in range(j.size):
                met = i.on_padded(tap_i, rows.start, rows.stop), j.on_padded(tap_j, 0, W)
                pictures[:, met[0], met[1]] += taps[:, :, :, tap_i, tap_j]


@dataclass(frozen=True)
class Planes:
    """Padded pictures are (C, B, H, W), and X̂ is the transpose of a matrix in C order."""

    walks: tuple[Walk, Walk]
    plane: tuple[int, int]

    def pad(self, x: Array) -> Array:
        """Return the channels of x one by one, with their padding."""
        (rows, columns), (H, W) = self.walks, self.plane
        padded = np.zeros(
            (x.shape[3], len(x), rows.before + H + rows.after, columns.before + W + columns.after), x.dtype
        )
        self.crop(padded)[...] = x
        return padded

    def crop(self, padded: Array) -> Array:
        """Return what `pad` surrounded, channels last again."""
        (rows, columns), (H, W) = self.walks, self.plane
        inner = padded[:, :, rows.before : rows.before + H, columns.before : columns.before + W]
        return inner.transpose(1, 2, 3, 0)

    def columns(self, padded: Array, block: Block) -> Array:
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

    def add(self, padded: Array, block: Block, signal: Array, matrix: Array) -> None:
        """Add dX̂, tap by tap."""
        (samples, rows), (i, j) = block, self.walks
        pictures, W = padded[:, samples], j.count(self.plane[1])
        taps = (matrix @ signal.T).reshape(i.size, j.size, *pictures.shape[:2], rows.stop - rows.start, W)
        for tap_i in range(i.size):
            for tap_j in range(j.size):
                met = i.on_padded(tap_i, rows.start, rows.stop), j.on_padded(tap_j, 0, W)
                pictures[:, :, met[0], met[1]] += taps[tap_i, tap_j]

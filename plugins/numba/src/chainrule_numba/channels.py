"""Kernels of batch normalization: the moments of each channel over a batch, in pieces that threads claim.

Numbers go by channel, (n, channels). They are taken as `wide` rows of several, as it would take longer to begin a loop
over few channels than to work it through.

Shapes:   wide, deltas, y and dx (rows, k channels); starts (pieces + 1,), the first row of each piece; sums (2, pieces,
          channels); moments (2, channels), mean and variance; total (2, channels), Σ δ z and Σ δ.
"""

from __future__ import annotations

import numpy as np

from chainrule import Array

from .compiled import Out, kernel, part
from .threads import CLAIMED, CLAIMED_AGAIN, FINISHED, FINISHED_AGAIN, READY, count, piece_rows, reached

WIDTH = 512
"""Numbers in a wide row, at most, unless there are more channels."""


def widened(x: Array) -> Array:
    """Return numbers by channel, (n, channels), as fewer and wider rows, each of several."""
    channels = x.shape[-1]
    n = x.size // channels
    together = next(count for count in range(max(1, WIDTH // channels), 0, -1) if n % count == 0)
    return np.ascontiguousarray(x).reshape(-1, together * channels)


def piece_starts(wide: Array) -> Array:
    """Return at which rows the pieces start, and where the last one ends."""
    return np.append(np.arange(0, len(wide), piece_rows(wide)), len(wide))


@kernel
def normalize(
    counters: Array, wide: Array, gamma: Array, beta: Array, eps: float, starts: Array, sums: Out, moments: Out, y: Out
) -> None:
    """Write gamma z + beta, and of each channel the mean and the variance.

    Formula:  of pieces of n_i numbers with means m_i and squares s_i around them: m = Σ n_i m_i / n,
              variance = Σ (s_i + n_i (m_i - m)²) / n
    Source:   Chan, Golub and LeVeque (1983), Algorithms for computing the sample variance, eq. 2.1.
    """
    pieces, channels, width = len(starts) - 1, len(gamma), wide.shape[1]
    while True:
        piece = count(counters, CLAIMED)
        if piece >= pieces:
            break
        write_moments(wide, starts[piece], starts[piece + 1], sums[0, piece], sums[1, piece])
        if count(counters, FINISHED) == pieces - 1:
            moments[:] = 0
            for i in range(pieces):
                for c in range(channels):
                    moments[0, c] += sums[0, i, c] * ((starts[i + 1] - starts[i]) / len(wide))
            for i in range(pieces):
                n = (starts[i + 1] - starts[i]) * (width // channels)
                for c in range(channels):
                    apart = sums[0, i, c] - moments[0, c]
                    moments[1, c] += (sums[1, i, c] + n * apart * apart) / (wide.size // channels)
            count(counters, READY)
    while reached(counters, READY) == 0:
        pass
    high, scale, shift = np.empty(width, wide.dtype), np.empty(width, wide.dtype), np.empty(width, wide.dtype)
    for k in range(0, width, channels):
        for c in range(channels):
            high[k + c] = moments[0, c]
            by = gamma[c] / np.sqrt(moments[1, c] + eps)
            scale[k + c], shift[k + c] = by, beta[c] - (moments[0, c] - high[k + c]) * by
    while True:
        piece = pieces - 1 - count(counters, CLAIMED_AGAIN)  # the last ones are in the cache
        if piece < 0:
            break
        for t in range(starts[piece], starts[piece + 1]):
            for c in range(width):
                y[t, c] = (wide[t, c] - high[c]) * scale[c] + shift[c]
        count(counters, FINISHED_AGAIN)
    while reached(counters, FINISHED_AGAIN) < pieces:
        pass


@kernel
def pull_back(
    counters: Array,
    wide: Array,
    deltas: Array,
    moments: Array,
    gamma: Array,
    eps: float,
    starts: Array,
    sums: Out,
    total: Out,
    dx: Out,
) -> None:
    """Write γ r (δ - mean(δ) - z mean(δ z)), and of each channel Σ δ z and Σ δ."""
    pieces, channels, width = len(starts) - 1, len(gamma), wide.shape[1]
    high = np.empty(width, wide.dtype)
    for k in range(0, width, channels):
        for c in range(channels):
            high[k + c] = moments[0, c]
    while True:
        piece = count(counters, CLAIMED)
        if piece >= pieces:
            break
        add_up(wide, deltas, high, starts[piece], starts[piece + 1], sums[0, piece], sums[1, piece])
        if count(counters, FINISHED) == pieces - 1:
            total[:] = 0
            for i in range(pieces):
                for c in range(channels):
                    total[0, c] += sums[0, i, c]
                    total[1, c] += sums[1, i, c]
            for c in range(channels):
                total[0, c] -= (moments[0, c] - high[c]) * total[1, c]
                total[0, c] /= np.sqrt(moments[1, c] + eps)
            count(counters, READY)
    while reached(counters, READY) == 0:
        pass
    along, middle, scale = np.empty(width, wide.dtype), np.empty(width, wide.dtype), np.empty(width, wide.dtype)
    share = channels / wide.size
    for k in range(0, width, channels):
        for c in range(channels):
            r = 1 / np.sqrt(moments[1, c] + eps)
            by = total[0, c] * r * share
            along[k + c], middle[k + c] = by, total[1, c] * share - (moments[0, c] - high[c]) * by
            scale[k + c] = gamma[c] * r
    while True:
        piece = pieces - 1 - count(counters, CLAIMED_AGAIN)  # the last ones are in the cache
        if piece < 0:
            break
        for t in range(starts[piece], starts[piece + 1]):
            for c in range(width):
                dx[t, c] = (deltas[t, c] - (wide[t, c] - high[c]) * along[c] - middle[c]) * scale[c]
        count(counters, FINISHED_AGAIN)
    while reached(counters, FINISHED_AGAIN) < pieces:
        pass


@part
def write_moments(wide: Array, start: int, stop: int, mean: Out, squares: Out) -> None:
    """Write the mean of each channel in rows start to stop, and the sum of squares around it.

    They are worked out of what the numbers differ by from the first ones: no digits are lost to a large mean, and a
    constant has none.
    """
    channels, width = len(mean), wide.shape[1]
    first, left, around = np.empty(width, wide.dtype), np.empty(width, wide.dtype), np.empty(width, wide.dtype)
    for k in range(0, width, channels):
        for c in range(channels):
            first[k + c] = wide[start, c]
    for c in range(width):
        left[c] = around[c] = 0
    for t in range(start, stop):
        for c in range(width):
            d = wide[t, c] - first[c]
            left[c] += d
            around[c] += d * d
    fold(left, channels)
    fold(around, channels)
    n = (stop - start) * (width // channels)
    for c in range(channels):
        rest = np.float64(left[c]) / n
        mean[c] = first[c] + rest
        squares[c] = around[c] - n * rest * rest


@part
def add_up(wide: Array, deltas: Array, high: Array, start: int, stop: int, apart: Out, plain: Out) -> None:
    """Write Σ δ (x - high) and Σ δ of each channel in rows start to stop."""
    channels, width = len(plain), wide.shape[1]
    along, middle = np.empty(width, wide.dtype), np.empty(width, wide.dtype)
    for c in range(width):
        along[c] = middle[c] = 0
    for t in range(start, stop):
        for c in range(width):
            along[c] += deltas[t, c] * (wide[t, c] - high[c])
            middle[c] += deltas[t, c]
    fold(along, channels)
    fold(middle, channels)
    for c in range(channels):
        apart[c], plain[c] = along[c], middle[c]


@part
def fold(row: Array, channels: int) -> None:
    """Add up at its beginning what there is of each channel in a row."""
    for k in range(1, len(row) // channels):
        for c in range(channels):
            row[c] += row[k * channels + c]

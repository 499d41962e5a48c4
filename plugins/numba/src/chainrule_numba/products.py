"""Winograd's method from pictures to pictures in one call: transforms, 36 products, transforms back.

A strip is a row of tiles of one picture. Some strips at a time are transformed, as many as stay in the cache, and a
number that is transformed lies where the products want it: nothing is packed.

Shapes:   pictures x (B, H, W, C), y (B, H', W', F), kernel K (r, r, C, F); of a block of strips V (α², tiles, C) and
          M (α², tiles, columns); U (columns blocks, α², C, lanes or twice as many); C and F filled up to whole vectors.
Formula:  V = D x;  U = G K;  M = V U;  y = A M;  dK = Gᵀ Σ_blocks Vᵀ (Aᵀ δ).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import Array
from chainrule_conv.winograd import ALPHA

from .compiled import Out, kernel, part
from .correlate import zeros
from .registers import OUTER, VECTOR, outer_one, outer_two
from .threads import CLAIMED, CLAIMED_AGAIN, FINISHED, FINISHED_AGAIN, count, reached
from .transforms import (
    INPUTS,
    OUTPUTS,
    pictures_to_points,
    points_to_taps,
    rows_of_taps_to_points,
    rows_to_points,
    taps_to_points,
    tile_of_points,
)

POINTS = ALPHA**2
ABREAST = 2
"""Vectors of channels that are transformed together."""

ROWS = 4
"""Channels of the kernel's gradient that are transformed back together."""


@kernel
def convolve(
    counters: Array,
    x: Array,
    K: Array,
    added: Array,
    least: Array,
    tiles: tuple[int, int],
    corner: tuple[int, int],
    strips: int,
    U: Out,
    y: Out,
) -> None:
    """Write A [(G K) * (D x)] + added, and not less than `least`."""
    lanes, (B, _, _, C), F, r = VECTOR // x.itemsize, x.shape, y.shape[3], len(K)
    depth, size = -(-C // lanes) * lanes, (r - 3) // 2
    (th, tw), m = tiles, ALPHA + 1 - r
    while True:
        c = count(counters, CLAIMED)
        if c >= C:
            break
        transform_taps(K, c, lanes, U)
        count(counters, FINISHED)
    rows = -(-strips * tw // OUTER) * OUTER
    step, M_step = room(rows * depth, lanes), room(rows * min(-(-F // lanes), 2) * lanes, lanes)
    strip, V, M = zeros(strip_size(tw, m, r, lanes), x.dtype), unset(POINTS * step, x), unset(POINTS * M_step, x)
    zero, shelf, goals = np.zeros(2 * lanes, x.dtype), zeros(m * m * lanes, x.dtype), np.empty(OUTER, np.int64)
    places, runs = np.arange(rows) * depth, np.empty((POINTS, 2), np.int64)
    for point in range(POINTS):
        runs[point, 0], runs[point, 1] = point * step, point
        V[point * step + strips * tw * depth : point * step + rows * depth] = 0
    pieces = -(-B * th // strips)
    while reached(counters, FINISHED) < C:
        pass
    while True:
        piece = count(counters, CLAIMED_AGAIN)
        if piece >= pieces:
            break
        first = piece * strips
        n = min(strips, B * th - first)
        gather(INPUTS + size, x, first, n, (th, tw, m, ALPHA), corner, strip, V, step)
        for block in range(0, F, 2 * lanes):
            width = 2 * lanes if F - block > lanes else lanes
            at, each = block // (2 * lanes) * POINTS * room(C * 2 * lanes, lanes), room(C * width, lanes)
            for point in range(POINTS):
                for t in range(0, n * tw, OUTER):
                    for p in range(OUTER):
                        goals[p] = point * M_step + (t + p) * width
                    if width == lanes:
                        outer_one(
                            V, places, t, 1, U, at, each, width, lanes,
                            runs, point, point + 1, C, zero, 0, M, goals,
                        )  # fmt: skip
                    else:
                        outer_two(
                            V, places, t, 1, U, at, each, width, lanes,
                            runs, point, point + 1, C, zero, 0, M, goals,
                        )  # fmt: skip
            put(size, M, M_step, block, width, first, n, (th, tw, m), added, least, shelf, y)
        count(counters, FINISHED_AGAIN)
    while reached(counters, FINISHED_AGAIN) < pieces:
        pass


@kernel
def kernel_gradient(
    counters: Array,
    x: Array,
    delta: Array,
    tiles: tuple[int, int],
    corner: tuple[int, int],
    strips: int,
    parts: Out,
    dK: Out,
) -> None:
    """Write Gᵀ Σ (D x)ᵀ (Aᵀ δ), the sum over some strips being taken in each of the parts; dK has whole vectors."""
    lanes, (B, _, _, C), F, r = VECTOR // x.itemsize, x.shape, delta.shape[3], len(dK)
    depth, columns, size = -(-C // lanes) * lanes, -(-F // lanes) * lanes, (r - 3) // 2
    (th, tw), m, pieces = tiles, ALPHA + 1 - r, len(parts)
    rows = strips * tw
    step, M_step = room(rows * depth, lanes), room(rows * columns, lanes)
    strip, V = zeros(strip_size(tw, m, r, lanes), x.dtype), unset(POINTS * step + OUTER, x)
    own_strip, M = zeros(strip_size(tw, m, 1, lanes), x.dtype), unset(POINTS * M_step, x)
    zero, shelf, goals = np.zeros(2 * lanes, x.dtype), zeros(OUTER * 2 * lanes, x.dtype), np.empty(OUTER, np.int64)
    places, runs = np.arange(-(-C // OUTER) * OUTER), np.empty((POINTS, 2), np.int64)
    for point in range(POINTS):
        runs[point, 0], runs[point, 1] = point * step, point
    while True:
        piece = count(counters, CLAIMED)
        if piece >= pieces:
            break
        total = parts[piece]
        begin, end = piece * B * th // pieces, (piece + 1) * B * th // pieces
        if begin == end:
            total[:] = 0
        for first in range(begin, end, strips):
            n = min(strips, end - first)
            gather(INPUTS + size, x, first, n, (th, tw, m, ALPHA), corner, strip, V, step)
            gather(OUTPUTS + size, delta, first, n, (th, tw, m, m), (0, 0), own_strip, M, M_step)
            for point in range(POINTS):
                for block in range(0, F, 2 * lanes):
                    width = 2 * lanes if F - block > lanes else lanes
                    for c in range(0, C, OUTER):
                        for p in range(OUTER):
                            goals[p] = p * width
                        if width == lanes:
                            outer_one(
                                V, places, c, depth, M, block, M_step, columns, lanes,
                                runs, point, point + 1, n * tw, zero, 0, shelf, goals,
                            )  # fmt: skip
                        else:
                            outer_two(
                                V, places, c, depth, M, block, M_step, columns, lanes,
                                runs, point, point + 1, n * tw, zero, 0, shelf, goals,
                            )  # fmt: skip
                        for p in range(min(OUTER, C - c)):
                            at = (point * C + c + p) * columns + block
                            own, new = total[at : at + width], shelf[p * width : (p + 1) * width]
                            if first == begin:
                                for k in range(len(own)):
                                    own[k] = new[k]
                            else:
                                for k in range(len(own)):
                                    own[k] += new[k]
        count(counters, FINISHED)
    while reached(counters, FINISHED) < pieces:
        pass
    while True:
        c = count(counters, CLAIMED_AGAIN) * ROWS
        if c >= C:
            break
        gather_taps(parts, c, min(ROWS, C - c), lanes, dK)
        count(counters, FINISHED_AGAIN)
    while reached(counters, FINISHED_AGAIN) < -(-C // ROWS):
        pass


def apart(numbers: int, lanes: int) -> int:
    """Return numbers and some more, such that arrays so far apart do not meet in the cache."""
    return numbers + (lanes if numbers // lanes % 2 == 0 else 0)


room: Any = part(apart)


@part
def unset(size: int, like: Array) -> Array:
    """Return numbers that may be anything, and begin where a line of the cache does."""
    lines = np.empty(size + 64, like.dtype)
    skip = (-lines.ctypes.data % 64) // lines.itemsize
    return lines[skip : skip + size]


@part
def strip_size(tw: int, m: int, r: int, lanes: int) -> int:
    """Return the numbers of a strip whose columns are transformed."""
    return ALPHA * (tw * m + r - 1) * ABREAST * lanes


@part
def gather(
    which: int,
    x: Array,
    first: int,
    n: int,
    tiles: tuple[int, int, int, int],
    corner: tuple[int, int],
    strip: Array,
    V: Out,
    step: int,
) -> None:
    """Write M t Mᵀ of the tiles t of n strips, zero outside: columns of a strip first, which its tiles share."""
    th, tw, m, reach = tiles
    (top, left), (_, H, W, C), lanes = corner, x.shape, VECTOR // x.itemsize
    depth, flat, zero = -(-C // lanes) * lanes, x.reshape(-1), np.zeros(lanes, x.dtype)
    across, width = tw * m + reach - m, ABREAST * lanes
    for s in range(n):
        b, u = (first + s) // th, (first + s) % th
        r = u * m - top
        above, below = max(0, -r), min(reach, H - r)
        for begin in range(0, depth, width):
            end = min(depth, begin + width)
            for t in range(max(0, -left), min(W, across - left)):
                for c in range(begin, end, lanes):
                    pictures_to_points(
                        which, flat, ((b * H + r) * W + t) * C + c, W * C, above, below, C - c, zero,
                        strip, (t + left) * width + c - begin, across * width,
                    )  # fmt: skip
            for i in range(ALPHA):
                for v in range(tw):
                    for c in range(begin, end, lanes):
                        rows_to_points(
                            which, strip, (i * across + v * m) * width + c - begin, width,
                            V, ALPHA * i * step + (s * tw + v) * depth + c, step,
                        )  # fmt: skip


@part
def put(
    size: int,
    M: Array,
    step: int,
    block: int,
    width: int,
    first: int,
    n: int,
    tiles: tuple[int, int, int],
    added: Array,
    least: Array,
    shelf: Array,
    y: Out,
) -> None:
    """Write A M of the tiles of n strips; what hangs over is left out."""
    th, tw, m = tiles
    (_, H, W, F), lanes, flat = y.shape, VECTOR // y.itemsize, y.reshape(-1)
    for s in range(n):
        b, u = (first + s) // th, (first + s) % th
        for v in range(tw):
            h, w, at = min(m, H - u * m), min(m, W - v * m), ((b * H + u * m) * W + v * m) * F
            for f in range(block, min(F, block + width), lanes):
                own = (s * tw + v) * width + f - block
                if h == m and w == m and f + lanes <= F:
                    tile_of_points(size, M, own, step, added, f, least, flat, at + f, W * F, F)
                else:
                    tile_of_points(size, M, own, step, added, f, least, shelf, 0, m * lanes, lanes)
                    for i in range(h):
                        for j in range(w):
                            for k in range(min(lanes, F - f)):
                                flat[at + (i * W + j) * F + f + k] = shelf[(i * m + j) * lanes + k]


@part
def transform_taps(K: Array, c: int, lanes: int, U: Out) -> None:
    """Write G K Gᵀ of one channel."""
    r, _, C, F = K.shape
    size, flat, zero, half = (r - 3) // 2, K.reshape(-1), np.zeros(lanes, K.dtype), np.empty(ALPHA * r * lanes, K.dtype)
    for f in range(0, F, lanes):
        block = f // (2 * lanes) * 2 * lanes
        width = 2 * lanes if F - block > lanes else lanes
        at, each = block // (2 * lanes) * POINTS * room(C * 2 * lanes, lanes), room(C * width, lanes)
        for j in range(r):
            taps_to_points(
                size, flat, (j * C + c) * F + f, r * C * F, 0, r, F - f, zero, half, j * lanes, r * lanes
            )  # fmt: skip
        for i in range(ALPHA):
            goal = at + ALPHA * i * each + c * width + f - block
            rows_of_taps_to_points(size, half, i * r * lanes, lanes, U, goal, each)


@part
def gather_taps(parts: Array, c: int, n: int, lanes: int, dK: Out) -> None:
    """Write Gᵀ of the sum of all parts, in their order, of n channels."""
    r, _, C, columns = dK.shape
    size, flat, row = (r - 3) // 2, dK.reshape(-1), n * columns
    whole, half = np.empty((POINTS, row), dK.dtype), np.empty(ALPHA * r * lanes, dK.dtype)
    for point in range(POINTS):
        at, own = (point * C + c) * columns, whole[point]
        for k in range(row):
            own[k] = parts[0, at + k]
        for i in range(1, len(parts)):
            for k in range(row):
                own[k] += parts[i, at + k]
    points = whole.reshape(-1)
    for f in range(0, row, lanes):
        for j in range(ALPHA):
            points_to_taps(size, points, j * row + f, ALPHA * row, half, j * lanes, ALPHA * lanes)
        for i in range(r):
            points_to_taps(size, half, i * ALPHA * lanes, lanes, flat, (i * r * C + c) * columns + f, C * columns)

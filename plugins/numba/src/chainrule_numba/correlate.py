"""Convolutions by sums in registers, as `plans` says where from: nothing is gathered but zeros around the pictures.

Shapes:   x (B, H, W, C) or δ in its place; y (B, pixels, N); packed K: by columns (blocks, rows, lanes or twice
          as many), or by rows (taps, N, depth); parts (pieces, taps · F), packed by columns.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import Array

from .compiled import Out, kernel, part
from .registers import CHANNELS, INNER, OUTER, VECTOR, inner_three, outer_one, outer_two
from .relu import write_positive
from .threads import CLAIMED, FINISHED, count, reached
from .windows import Line, maxima_of, winners_of


@kernel
def correlate(
    counters: Array,
    x: Array,
    room: tuple[int, int, int, int],
    before: tuple[int, int],
    phases: Array,
    places: Array,
    pixels: Array,
    runs: Array,
    length: int,
    packed: Array,
    start: Array,
    few: bool,
    positive: bool,
    y: Out,
) -> None:
    """Write start + the sums of the plan: of numbers times columns of K, or for few outputs of vectors times rows.

    The `positive` ones of them alone, if that is asked for, and 0 in place of the others.
    """
    samples = room[0]
    B, made, N = y.shape
    flat, a = y.reshape(-1), zeros(room[0] * room[1] * room[2] * room[3], x.dtype)
    pieces = -(-B // samples)
    while True:
        piece = count(counters, CLAIMED)
        if piece >= pieces:
            break
        n = min(samples, B - piece * samples)
        furnish(x, piece * samples, n, before, a.reshape(room))
        own = flat[piece * samples * made * N : (piece * samples + n) * made * N]
        sum_up(a, n, room[3], N, phases, places, pixels, runs, length, packed, start, few, own)
        if positive:
            write_positive(own, own)
        count(counters, FINISHED)
    while reached(counters, FINISHED) < pieces:
        pass


@kernel
def correlate_and_pool(
    counters: Array,
    x: Array,
    room: tuple[int, int, int, int],
    before: tuple[int, int],
    phases: Array,
    places: Array,
    pixels: Array,
    runs: Array,
    length: int,
    packed: Array,
    start: Array,
    plane: tuple[int, int],
    rows: Line,
    columns: Line,
    with_winner: bool,
    y: Out,
    winner: Out,
) -> None:
    """Write the largest of the sums in each window of a `plane`, or 0 if it is not positive, and which of them it is.

    The sums themselves are in no array but the room's own.
    """
    samples = room[0]
    B, N = len(y), y.shape[3]
    a = zeros(room[0] * room[1] * room[2] * room[3], x.dtype)
    sums = zeros(samples * plane[0] * plane[1] * N, x.dtype)
    pieces = -(-B // samples)
    while True:
        piece = count(counters, CLAIMED)
        if piece >= pieces:
            break
        first, n = piece * samples, min(samples, B - piece * samples)
        furnish(x, first, n, before, a.reshape(room))
        sum_up(a, n, room[3], N, phases, places, pixels, runs, length, packed, start, False, sums)
        pictures = sums.reshape((samples, plane[0], plane[1], N))[:n]
        own = y[first : first + n]
        if with_winner:
            winners_of(pictures, rows, columns, own, winner[first : first + n])
        else:
            maxima_of(pictures, rows, columns, own)
        write_positive(own.reshape(-1), own.reshape(-1))
        count(counters, FINISHED)
    while reached(counters, FINISHED) < pieces:
        pass


@part
def sum_up(
    a: Array,
    n: int,
    depth: int,
    N: int,
    phases: Array,
    places: Array,
    pixels: Array,
    runs: Array,
    length: int,
    packed: Array,
    start: Array,
    few: bool,
    flat: Out,
) -> None:
    """Write what `correlate` does of the n samples of a room."""
    lanes, tile = VECTOR // a.itemsize, INNER if few else OUTER
    rows = len(packed) // (-(-N // lanes) * lanes)
    shelf, goals = np.empty(OUTER * 2 * lanes, a.dtype), np.empty(OUTER, np.int64)
    for block in range(0, N, CHANNELS if few else 2 * lanes):
        width = CHANNELS if few else 2 * lanes if N - block > lanes else lanes
        for phase in range(len(phases)):
            valid, first, last = phases[phase, 1] * n, phases[phase, 2], phases[phase, 3]
            for w in range(0, valid, tile):
                place = phases[phase, 0] + w
                whole = w + tile <= valid and block + width <= N
                for p in range(tile):
                    goals[p] = pixels[place + p] * N + block if whole else p * width
                out = flat if whole else shelf
                if few:
                    each = -(-N // CHANNELS) * CHANNELS * depth
                    inner_three(
                        a, places, place, lanes, packed, block * depth, each, lanes, depth,
                        runs, first, last, depth // lanes, start, 0, out, goals,
                    )  # fmt: skip
                elif width == lanes:
                    outer_one(
                        a, places, place, 1, packed, rows * block, length * width, width, lanes,
                        runs, first, last, length, start, block, out, goals,
                    )  # fmt: skip
                else:
                    outer_two(
                        a, places, place, 1, packed, rows * block, length * width, width, lanes,
                        runs, first, last, length, start, block, out, goals,
                    )  # fmt: skip
                if not whole:
                    for p in range(min(tile, valid - w)):
                        here = pixels[place + p] * N + block
                        for k in range(min(width, N - block)):
                            flat[here + k] = shelf[p * width + k]


@kernel
def correlate_with(
    counters: Array,
    x: Array,
    delta: Array,
    room: tuple[int, int, int, int],
    before: tuple[int, int],
    phases: Array,
    places: Array,
    _: Array,
    runs: Array,
    length: int,
    step: int,
    parts: Out,
) -> None:
    """Write what some samples each give to the kernel's gradient, X̂ᵀ δ, its columns packed."""
    samples, lanes, pieces, taps = room[0], VECTOR // x.itemsize, len(parts), len(places)
    B, windows, F = delta.shape
    padded, rooms = -(-F // lanes) * lanes, -(-B // samples)
    a, ready = zeros(room[0] * room[1] * room[2] * room[3], x.dtype), F in (lanes, 2 * lanes)
    signal = delta.reshape(-1) if ready else zeros(samples * windows * padded, x.dtype)
    zero, shelf = np.zeros(2 * lanes, x.dtype), zeros(OUTER * 2 * lanes, x.dtype)
    goals = np.empty(OUTER, np.int64)
    while True:
        piece = count(counters, CLAIMED)
        if piece >= pieces:
            break
        total = parts[piece]
        total[:] = 0
        for own in range(piece * rooms // pieces, (piece + 1) * rooms // pieces):
            n = min(samples, B - own * samples)
            furnish(x, own * samples, n, before, a.reshape(room))
            if not ready:
                pack(delta[own * samples : own * samples + n].reshape(-1, F), lanes, signal)
            begin = own * samples * windows * F if ready else 0
            for phase in range(len(phases)):
                first, last = phases[phase, 2], min(phases[phase, 3], n * (windows // length))
                for block in range(0, F, 2 * lanes):
                    width = 2 * lanes if F - block > lanes else lanes
                    for p in range(OUTER):
                        goals[p] = p * width
                    for tap in range(0, taps, OUTER):
                        at = taps * block + tap * width
                        if width == lanes:
                            outer_one(
                                a, places, tap, step, signal, begin + n * windows * block, length * width, width, lanes,
                                runs, first, last, length, zero, 0, shelf, goals,
                            )  # fmt: skip
                        else:
                            outer_two(
                                a, places, tap, step, signal, begin + n * windows * block, length * width, width, lanes,
                                runs, first, last, length, zero, 0, shelf, goals,
                            )  # fmt: skip
                        own_total = total[at : at + OUTER * width]
                        for k in range(len(own_total)):
                            own_total[k] += shelf[k]
        count(counters, FINISHED)
    while reached(counters, FINISHED) < pieces:
        pass


@part
def zeros(size: int, dtype: Any) -> Array:
    """Return zeros that begin where a line of the cache does."""
    lines = np.zeros(size + 64, dtype)
    skip = (-lines.ctypes.data % 64) // lines.itemsize
    return lines[skip : skip + size]


@part
def furnish(x: Array, first: int, n: int, before: tuple[int, int], inside: Out) -> None:
    """Put n samples into the room; the zeros around them stay."""
    _, H, W, C = x.shape
    top, left = before
    if inside.shape[3] == C:
        for b in range(n):
            for r in range(H):
                from_row, to_row = x[first + b, r].reshape(-1), inside[b, top + r, left : left + W].reshape(-1)
                for k in range(len(from_row)):
                    to_row[k] = from_row[k]
    else:
        for b in range(n):
            for r in range(H):
                for t in range(W):
                    for c in range(C):
                        inside[b, top + r, left + t, c] = x[first + b, r, t, c]


@part
def pack(matrix: Array, lanes: int, packed: Out) -> None:
    """Write the columns of a matrix in blocks of twice the lanes, or once where that does for the last ones."""
    rows, N = matrix.shape
    at = 0
    for block in range(0, N, 2 * lanes):
        width = 2 * lanes if N - block > lanes else lanes
        inside = min(width, N - block)
        if inside == 2 * lanes:
            for r in range(rows):
                for k in range(2 * lanes):
                    packed[at + 2 * lanes * r + k] = matrix[r, block + k]
        else:
            for r in range(rows):
                for k in range(inside):
                    packed[at + width * r + k] = matrix[r, block + k]
        at += width * rows


@kernel
def pack_columns(matrix: Array, lanes: int, packed: Out) -> None:
    """Write the columns of a matrix in blocks; what `packed` holds beside them stays."""
    pack(matrix, lanes, packed)


@kernel
def add_parts(parts: Array, lanes: int, matrix: Out) -> None:
    """Write the sum of all parts, whose columns are packed, in their order."""
    taps, N = matrix.shape
    rows = parts.shape[1] // (-(-N // lanes) * lanes)
    for block in range(0, N, 2 * lanes):
        width = 2 * lanes if N - block > lanes else lanes
        for tap in range(taps):
            at = rows * block + tap * width
            for k in range(min(width, N - block)):
                matrix[tap, block + k] = parts[0, at + k]
            for i in range(1, len(parts)):
                for k in range(min(width, N - block)):
                    matrix[tap, block + k] += parts[i, at + k]

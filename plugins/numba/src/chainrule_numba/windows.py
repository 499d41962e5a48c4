"""Kernels that walk windows over a picture, channel by channel.

A walk is (size, stride, padding before) along an axis; taps that lie outside the picture are passed over.

Shapes:   x and dx (B, H, W, C); y, δ and winners (B, H', W', C); share (H', W').
Source:   `chainrule.windows`, and the layers of chainrule-pooling, whose formulas these compute.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import Array
from chainrule.windows import Walk

from .compiled import Out, inline, kernel, part

Line = tuple[int, int, int]
Four = tuple[Array, Array, Array, Array]

LANES = 8
"""Channels that are worth a kernel: float32 numbers in 256 bits. One by one, processors guess which is larger."""


def as_lines(walks: tuple[Walk, Walk]) -> tuple[Line, Line]:
    """Return the walks as kernels take them."""
    rows, columns = walks
    return (rows.size, rows.stride, rows.before), (columns.size, columns.stride, columns.before)


def winner_dtype(walks: tuple[Walk, Walk]) -> type[np.unsignedinteger[Any]]:
    """Return the dtype that numbers the inputs of a window."""
    return np.uint8 if walks[0].size * walks[1].size <= 256 else np.uint32


@inline
def reach(at: int, line: Line, n: int) -> tuple[int, int]:
    """Return the first input that window `at` meets, and one past the last."""
    size, stride, before = line
    begin = at * stride - before
    return max(begin, 0), min(begin + size, n)


@inline
def wins(new: Any, old: Any) -> bool:
    """Return whether a later input takes the place of the largest so far; a NaN is larger than any number."""
    return not (new <= old or old != old)


@inline
def larger(new: Any, old: Any) -> Any:
    """Return the later input if it wins, and else the largest so far."""
    return new if wins(new, old) else old


@inline
def two_by_two(x: Array, b: int, top: int, left: int, start: int, stop: int) -> Four:
    """Return channels start to stop of the four inputs of a window; most windows have four, and one loop does for them.

    That they are cut out matters: a loop that begins at a number unlike 0 does not become vectors.
    """
    r, t = top + 1, left + 1
    return x[b, top, left, start:stop], x[b, top, t, start:stop], x[b, r, left, start:stop], x[b, r, t, start:stop]


@kernel
def write_maxima(x: Array, rows: Line, columns: Line, y: Out) -> None:
    """Write the largest of each window."""
    maxima_of(x, rows, columns, y)


@part
def maxima_of(x: Array, rows: Line, columns: Line, y: Out) -> None:
    """Write the largest of each window, as kernels do."""
    B, H, W, C = y.shape
    for b in range(B):
        for u in range(H):
            top, bottom = reach(u, rows, x.shape[1])
            for v in range(W):
                left, right = reach(v, columns, x.shape[2])
                if bottom - top == 2 == right - left:
                    largest_of_four(two_by_two(x, b, top, left, 0, C), y[b, u, v])
                    continue
                for c in range(C):
                    y[b, u, v, c] = x[b, top, left, c]
                for r in range(top, bottom):
                    for t in range(left, right):
                        for c in range(C):
                            y[b, u, v, c] = larger(x[b, r, t, c], y[b, u, v, c])


@kernel
def write_winners(x: Array, rows: Line, columns: Line, y: Out, winner: Out) -> None:
    """Write the largest of each window, and which of its inputs it is: the first, in row-major order."""
    winners_of(x, rows, columns, y, winner)


@part
def winners_of(x: Array, rows: Line, columns: Line, y: Out, winner: Out) -> None:
    """Write them, as kernels do.

    Places are found in numbers of four bytes: bytes that floats choose are worked out one by one on AVX2.
    """
    B, H, W, C = y.shape
    places = np.empty(C, np.int32)
    whole = C - C % LANES
    last = max(C - LANES, 0)
    for b in range(B):
        for u in range(H):
            top, bottom = reach(u, rows, x.shape[1])
            for v in range(W):
                left, right = reach(v, columns, x.shape[2])
                if bottom - top == 2 == right - left:
                    largest_of_four(two_by_two(x, b, top, left, 0, C), y[b, u, v])
                    winner_of_four(two_by_two(x, b, top, left, 0, whole), winner[b, u, v, :whole])
                    if whole < C:  # the rest is a vector, too, of which some is written again
                        winner_of_four(two_by_two(x, b, top, left, last, C), winner[b, u, v, last:])
                    continue
                for c in range(C):
                    y[b, u, v, c] = x[b, top, left, c]
                for c in range(C):
                    places[c] = 0
                place = np.int32(0)
                for r in range(top, bottom):
                    for t in range(left, right):
                        for c in range(C):
                            places[c] = place if wins(x[b, r, t, c], y[b, u, v, c]) else places[c]
                        for c in range(C):
                            y[b, u, v, c] = larger(x[b, r, t, c], y[b, u, v, c])
                        place += np.int32(1)
                for c in range(C):
                    winner[b, u, v, c] = places[c]


@inline
def largest_of_four(four: Four, y: Array) -> None:
    """Write the largest of four inputs."""
    p, q, r, s = four
    for c in range(len(y)):
        y[c] = larger(s[c], larger(r[c], larger(q[c], p[c])))


@inline
def winner_of_four(four: Four, winner: Array) -> None:
    """Write which of four inputs is the first of the largest."""
    p, q, r, s = four
    for c in range(len(winner)):
        second = larger(q[c], p[c])
        third = larger(r[c], second)
        place = np.int32(1) if wins(q[c], p[c]) else np.int32(0)
        place = np.int32(2) if wins(r[c], second) else place
        winner[c] = np.int32(3) if wins(s[c], third) else place


@kernel
def give_to_winners(delta: Array, winner: Array, rows: Line, columns: Line, dx: Out) -> None:
    """Add each window's δ to its winner; where windows lie apart, write it, and 0 to the window's other inputs."""
    B, H, W, C = delta.shape
    apart = rows[1] >= rows[0] and columns[1] >= columns[0]
    zero = delta.dtype.type(0)
    for b in range(B):
        for u in range(H):
            top, bottom = reach(u, rows, dx.shape[1])
            for v in range(W):
                left, right = reach(v, columns, dx.shape[2])
                if apart and bottom - top == 2 == right - left:
                    give_to_four(delta[b, u, v], winner[b, u, v], two_by_two(dx, b, top, left, 0, C))
                    continue
                place = winner.dtype.type(0)
                for r in range(top, bottom):
                    for t in range(left, right):
                        if apart:
                            for c in range(C):
                                dx[b, r, t, c] = delta[b, u, v, c] if winner[b, u, v, c] == place else zero
                        else:
                            for c in range(C):
                                dx[b, r, t, c] += delta[b, u, v, c] if winner[b, u, v, c] == place else zero
                        place += winner.dtype.type(1)


@inline
def give_to_four(delta: Array, winner: Array, four: Four) -> None:
    """Write δ to the winner of four inputs, and 0 to the others."""
    p, q, r, s = four
    zero = delta.dtype.type(0)
    for c in range(len(delta)):
        p[c] = delta[c] if winner[c] == 0 else zero
    for c in range(len(delta)):
        q[c] = delta[c] if winner[c] == 1 else zero
    for c in range(len(delta)):
        r[c] = delta[c] if winner[c] == 2 else zero
    for c in range(len(delta)):
        s[c] = delta[c] if winner[c] == 3 else zero


@kernel
def take_from_winners(tangent: Array, winner: Array, rows: Line, columns: Line, y: Out) -> None:
    """Write the tangent at each window's winner."""
    B, H, W, C = y.shape
    for b in range(B):
        for u in range(H):
            top, bottom = reach(u, rows, tangent.shape[1])
            for v in range(W):
                left, right = reach(v, columns, tangent.shape[2])
                place = winner.dtype.type(0)
                for r in range(top, bottom):
                    for t in range(left, right):
                        for c in range(C):
                            new, old = tangent[b, r, t, c], y[b, u, v, c]
                            y[b, u, v, c] = new if winner[b, u, v, c] == place else old
                        place += winner.dtype.type(1)


@kernel
def sum_windows(x: Array, rows: Line, columns: Line, share: Array, y: Out) -> None:
    """Write each window's sum times its share, (H', W')."""
    B, H, W, C = y.shape
    for b in range(B):
        for u in range(H):
            top, bottom = reach(u, rows, x.shape[1])
            for v in range(W):
                left, right = reach(v, columns, x.shape[2])
                for c in range(C):
                    y[b, u, v, c] = 0
                for r in range(top, bottom):
                    for t in range(left, right):
                        for c in range(C):
                            y[b, u, v, c] += x[b, r, t, c]
                for c in range(C):
                    y[b, u, v, c] *= share[u, v]


@kernel
def spread_windows(delta: Array, rows: Line, columns: Line, share: Array, dx: Out) -> None:
    """Add each window's δ times its share to all its inputs."""
    B, H, W, C = delta.shape
    part = np.empty(C, delta.dtype)
    for b in range(B):
        for u in range(H):
            top, bottom = reach(u, rows, dx.shape[1])
            for v in range(W):
                left, right = reach(v, columns, dx.shape[2])
                for c in range(C):
                    part[c] = delta[b, u, v, c] * share[u, v]
                for r in range(top, bottom):
                    for t in range(left, right):
                        for c in range(C):
                            dx[b, r, t, c] += part[c]

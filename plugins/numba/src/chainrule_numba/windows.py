"""Kernels that walk windows over a picture, channel by channel.

A walk is (size, stride, padding before) along an axis; taps that lie outside the picture are passed over.

Shapes:   x and dx (B, H, W, C); y, δ and winners (B, H', W', C); share (H', W').
Source:   `chainrule.windows`, and the layers of chainrule-pooling, whose formulas these compute.
"""

from __future__ import annotations

import numpy as np

from chainrule import Array
from chainrule.windows import Walk

from .compiled import Out, inline, kernel

Line = tuple[int, int, int]


def as_lines(walks: tuple[Walk, Walk]) -> tuple[Line, Line]:
    """Return the walks as kernels take them."""
    rows, columns = walks
    return (rows.size, rows.stride, rows.before), (columns.size, columns.stride, columns.before)


@inline
def reach(at: int, line: Line, n: int) -> tuple[int, int]:
    """Return the first input that window `at` meets, and one past the last."""
    size, stride, before = line
    begin = at * stride - before
    return max(begin, 0), min(begin + size, n)


@kernel
def write_maxima(x: Array, rows: Line, columns: Line, y: Out) -> None:
    """Write the largest of each window; a NaN is larger than any number."""
    B, H, W, C = y.shape
    for b in range(B):
        for u in range(H):
            top, bottom = reach(u, rows, x.shape[1])
            for v in range(W):
                left, right = reach(v, columns, x.shape[2])
                for c in range(C):
                    y[b, u, v, c] = x[b, top, left, c]
                for r in range(top, bottom):
                    for t in range(left, right):
                        for c in range(C):
                            new, old = x[b, r, t, c], y[b, u, v, c]
                            y[b, u, v, c] = new if not (new <= old or old != old) else old


@kernel
def write_winners(x: Array, rows: Line, columns: Line, y: Out, winner: Out) -> None:
    """Write the largest of each window, and which of its inputs it is: the first, in row-major order."""
    B, H, W, C = y.shape
    for b in range(B):
        for u in range(H):
            top, bottom = reach(u, rows, x.shape[1])
            for v in range(W):
                left, right = reach(v, columns, x.shape[2])
                for c in range(C):
                    y[b, u, v, c] = x[b, top, left, c]
                    winner[b, u, v, c] = 0
                place = winner.dtype.type(0)
                for r in range(top, bottom):
                    for t in range(left, right):
                        for c in range(C):
                            new, old = x[b, r, t, c], y[b, u, v, c]
                            wins = not (new <= old or old != old)
                            winner[b, u, v, c] = place if wins else winner[b, u, v, c]
                        for c in range(C):
                            new, old = x[b, r, t, c], y[b, u, v, c]
                            y[b, u, v, c] = new if not (new <= old or old != old) else old
                        place += winner.dtype.type(1)


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
                            won = winner[b, u, v, c] == place
                            y[b, u, v, c] = tangent[b, r, t, c] if won else y[b, u, v, c]
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

"""Where the windows of a picture, or the inputs of a gradient, find what they sum: tables that shapes alone decide.

A plan walks over a *room*, some samples with zeros around them, (samples, rows, columns, depth). What is to be summed
at a place lies in runs, at the same offsets from each place of a phase: forward there is one phase; the inputs'
gradient has one for each remainder of the strides, for whose inputs other taps count.

Formula:  out[w] = Σ_(run of its phase) Σ_t room[place_w + runs[run, 0] + t] K_(runs[run, 1])[t]
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np

from chainrule import Array
from chainrule.windows import Walk

TOGETHER = 512
"""Windows that are worked through at once, at least: small pictures are taken several at a time."""

ADDED = 512
"""Products that a sum of the kernel's gradient takes in before it is added to the others: the error grows with both."""


class Plan(NamedTuple):
    """A room, and the tables."""

    room: tuple[int, int, int, int]
    """Its shape."""

    before: tuple[int, int]
    """Rows and columns of zeros above and left of a picture."""

    phases: Array
    """(phases, 4): first place, places of a sample, first run and last run of each."""

    places: Array
    """Offsets in the room, each phase's filled up to whole tiles."""

    pixels: Array
    """The pixel that each place makes, among those of the room's samples."""

    runs: Array
    """(runs, 2): offset from a place, number among those of the kernel."""

    length: int
    """Of a run."""


class Phase(NamedTuple):
    """Along one axis: the places made, what they see at tap 0, and each tap's number and how far behind it looks."""

    made: Array
    seen: Array
    taps: list[tuple[int, int]]


def forward_axis(walk: Walk, n: int) -> list[Phase]:
    """Return the one phase of the windows."""
    made = np.arange(walk.count(n))
    return [Phase(made, made * walk.stride, [(i, i * walk.dilation) for i in range(walk.size)])]


def backward_axis(walk: Walk, n: int) -> list[Phase]:
    """Return the phases of the inputs: input r was seen by window (r + before - i d) / s, where s divides it."""
    at, s, d = np.arange(n) + walk.before, walk.stride, walk.dilation
    return [
        Phase(
            np.flatnonzero(at % s == rest),
            at[at % s == rest] // s,
            [(i, -(i * d // s)) for i in range(walk.size) if i * d % s == rest],
        )
        for rest in range(s)
        if (at % s == rest).any()
    ]


@lru_cache(maxsize=64)
def forward_plan(walks: tuple[Walk, Walk], plane: tuple[int, int], channels: int, tile: int) -> Plan:
    """Return the plan of the windows of pictures (H, W, channels)."""
    axes = [forward_axis(walk, n) for walk, n in zip(walks, plane, strict=True)]
    before = walks[0].before, walks[1].before
    (down, right), (H, W) = walks, plane
    size = down.before + H + down.after, right.before + W + right.after
    if walks[1].dilation == 1:  # the taps of a row lie side by side, and are one run
        across = axes[1][0]
        return _plan(
            [axes[0], [across._replace(taps=[(0, 0)])]], before, size, channels, walks[1].size * channels, 1, tile
        )
    return _plan(axes, before, size, channels, channels, walks[1].size, tile)


@lru_cache(maxsize=64)
def backward_plan(walks: tuple[Walk, Walk], plane: tuple[int, int], depth: int, filters: int, tile: int) -> Plan:
    """Return the plan of the inputs' gradient; δ has `depth` numbers in the room for its filters."""
    axes = [backward_axis(walk, n) for walk, n in zip(walks, plane, strict=True)]
    before, size = [], []
    for phases, walk, n in zip(axes, walks, plane, strict=True):
        lowest = min(int(phase.seen[0]) + min((o for _, o in phase.taps), default=0) for phase in phases)
        highest = max(int(phase.seen[-1]) for phase in phases)
        before.append(max(0, -lowest))
        size.append(before[-1] + max(walk.count(n), highest + 1))
        for k, phase in enumerate(phases):
            phases[k] = phase._replace(seen=phase.seen + before[-1])
    return _plan(axes, (before[0], before[1]), (size[0], size[1]), depth, filters, walks[1].size, tile)


def _plan(
    axes: list[list[Phase]],
    before: tuple[int, int],
    size: tuple[int, int],
    depth: int,
    length: int,
    across: int,
    tile: int,
) -> Plan:
    rows, columns = size
    H, W = (sum(len(phase.made) for phase in phases) for phases in axes)
    samples = max(1, TOGETHER // (H * W))
    each = np.arange(samples)[:, np.newaxis, np.newaxis]
    places: list[Array] = []
    pixels: list[Array] = []
    phases: list[tuple[int, int, int, int]] = []
    runs: list[tuple[int, int]] = []
    for down, right in product(*axes):
        seen = ((each * rows + down.seen[:, np.newaxis]) * columns + right.seen) * depth
        made = (each * H + down.made[:, np.newaxis]) * W + right.made
        found = [((o_h * columns + o_w) * depth, i * across + j) for i, o_h in down.taps for j, o_w in right.taps]
        phases.append((sum(len(own) for own in places), seen[0].size, len(runs), len(runs) + len(found)))
        rest = -seen.size % tile
        places.append(np.append(seen, np.full(rest, seen.flat[0])))
        pixels.append(np.append(made, np.zeros(rest, int)))
        runs += found
    return Plan(
        (samples, rows, columns, depth),
        before,
        np.array(phases, np.int64),
        np.concatenate(places, dtype=np.int64),
        np.concatenate(pixels, dtype=np.int64),
        np.array(runs, np.int64).reshape(-1, 2),
        length,
    )


@lru_cache(maxsize=64)
def kernel_plan(walks: tuple[Walk, Walk], plane: tuple[int, int], channels: int, tile: int) -> Plan:
    """Return the plan of the kernel's gradient: taps are the places, and rows of windows the runs, some in a phase."""
    windows = forward_plan(walks, plane, channels, tile)
    (samples, rows, columns, depth), (down, right) = windows.room, walks
    H, W = down.count(plane[0]), right.count(plane[1])
    i, j, c = np.ogrid[: down.size, : right.size, :channels]
    taps = ((i * down.dilation * columns + j * right.dilation) * depth + c).ravel()
    first = (np.arange(samples)[:, np.newaxis] * rows + np.arange(H) * down.stride).ravel() * columns * depth
    step = max(1, ADDED // W)
    starts = range(0, len(first), step)
    return Plan(
        windows.room,
        windows.before,
        np.array([(0, len(taps), start, min(start + step, len(first))) for start in starts], np.int64),
        np.pad(taps, (0, -len(taps) % tile)).astype(np.int64),
        np.arange(len(taps), dtype=np.int64),
        np.stack([first, np.arange(len(first))], axis=1).astype(np.int64),
        W,
    )

"""The cases that prove pooling: each with a slow forward of one sample, by loops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.conformance import LayerCase

from . import GlobalMaxPool2d, GlobalMeanPool2d, MaxPool2d, MeanPool2d

AXES = [{"size": wrong} for wrong in (0, -1, 2.0, "2", (1, 2, 3), None)]
STRIDES = [{"stride": wrong} for wrong in (0, -1, 2.0, "2", (1, 2, 3))]
PADDED = [{"padding": wrong} for wrong in (-1, 1.0, "same", (1, 2, 3), 9)]
INVALID: list[dict[str, Any]] = [*AXES, *STRIDES, *PADDED, {"ceil": 1}, {"ceil": None}]


def slow_pool(layer: Any) -> Any:
    """Return the reference: every window's inputs in a list, and its largest or its mean."""
    (k_h, k_w), (s_h, s_w), (top, bottom, left, right) = layer.size, layer.stride, layer.padding

    def begins(n: int, k: int, s: int, before: int, after: int) -> list[int]:
        found = [-before]
        while found[-1] + s + k <= n + after or (layer.ceil and found[-1] + k < n + after and found[-1] + s < n):
            found.append(found[-1] + s)
        return found

    def pool(window: list[float]) -> float:
        if isinstance(layer, MaxPool2d):
            return max(window)
        return math.fsum(window) / (k_h * k_w if layer.count_padding else len(window))

    def reference(x: Any) -> Any:
        H, W, C = x.shape
        rows, columns = begins(H, k_h, s_h, top, bottom), begins(W, k_w, s_w, left, right)
        inside_rows = [[r for r in range(u, u + k_h) if 0 <= r < H] for u in rows]
        inside_columns = [[t for t in range(v, v + k_w) if 0 <= t < W] for v in columns]
        return np.array(
            [
                [[pool([x[r, t, c] for r in rs for t in ts]) for c in range(C)] for ts in inside_columns]
                for rs in inside_rows
            ]
        )

    return reference


def cases(kind: type, name: str, **own: Any) -> list[LayerCase]:
    """Return the cases of one kind of pooling."""
    windows: dict[str, tuple[tuple[int, int, int], dict[str, Any]]] = {
        "halves": ((4, 6, 2), {"size": 2}),
        "partial window dropped": ((5, 7, 2), {"size": 2}),
        "partial window kept": ((5, 7, 2), {"size": 2, "ceil": True}),
        "overlapping": ((5, 6, 2), {"size": 3, "stride": 2}),
        "stride 1": ((4, 3, 1), {"size": 2, "stride": 1}),
        "gaps": ((7, 8, 1), {"size": 2, "stride": 3}),
        "unequal axes": ((6, 5, 2), {"size": (3, 2), "stride": (2, 1)}),
        "padding": ((4, 5, 2), {"size": 3, "stride": 2, "padding": 1}),
        "padding of four sides": ((4, 4, 1), {"size": (3, 2), "stride": 1, "padding": (2, 0, 1, 0)}),
        "padding and ceil": ((5, 4, 1), {"size": 3, "stride": 2, "padding": (0, 1), "ceil": True}),
        "ceil that would begin outside": ((3, 5, 1), {"size": 1, "stride": 3, "ceil": True}),
        "one place": ((3, 2, 2), {"size": 1}),
        "whole picture": ((3, 4, 2), {"size": (3, 4)}),
    }
    found = []
    for position, (title, (shape, settings)) in enumerate(windows.items()):
        layer = kind(**settings, **own)
        ties = "first" if kind is MaxPool2d and layer.size != (1, 1) else None
        invalid = [] if position else INVALID
        found.append(LayerCase(f"{name}/{title}", layer, shape, slow_pool(layer), ties=ties, invalid=invalid))
    return found


def global_cases(kind: type, name: str, pool: Any) -> list[LayerCase]:
    """Return the cases of one kind of pooling over the whole picture: one place, one row, one column, and others."""
    shapes = [(3, 4, 2), (1, 1, 3), (1, 6, 2), (5, 1, 2), (2, 2, 1), (7, 3, 1)]
    shapes += [(4, 4, 4), (2, 3, 6), (3, 2, 5), (5, 5, 2), (1, 2, 8), (17, 16, 1)]

    def reference(x: Any) -> Any:
        H, W, C = x.shape
        return [pool([x[u, v, c] for u, v in np.ndindex(H, W)]) for c in range(C)]

    found = []
    for shape in shapes:
        ties = "first" if kind is GlobalMaxPool2d and shape[:2] != (1, 1) else None
        size = "×".join(map(str, shape))
        found.append(LayerCase(f"{name}/{size}", kind(), shape, reference, ties=ties))
    return found


CASES = [
    *cases(MaxPool2d, "max_pool2d"),
    *cases(MeanPool2d, "mean_pool2d"),
    LayerCase(
        "mean_pool2d/counted padding",
        MeanPool2d(3, 2, 1, count_padding=True),
        (4, 5, 2),
        slow_pool(MeanPool2d(3, 2, 1, count_padding=True)),
        invalid=[{"count_padding": 1}, {"count_padding": None}],
    ),
    *global_cases(GlobalMeanPool2d, "global_mean_pool2d", lambda window: math.fsum(window) / len(window)),
    *global_cases(GlobalMaxPool2d, "global_max_pool2d", max),
]

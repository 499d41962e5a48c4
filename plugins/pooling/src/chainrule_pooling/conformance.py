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

    def pool(window: list[float | None]) -> float:
        inputs = [number for number in window if number is not None]
        if isinstance(layer, MaxPool2d):
            return max(inputs)
        return math.fsum(inputs) / len(window if layer.count_padding else inputs)

    def reference(x: Any) -> Any:
        H, W, C = x.shape
        places = {
            (r, t): x[r, t] if 0 <= r < H and 0 <= t < W else [None] * C
            for r in range(-top, H + bottom)
            for t in range(-left, W + right)
        }
        rows, columns = begins(H, k_h, s_h, top, bottom), begins(W, k_w, s_w, left, right)

        def window(u: int, v: int, c: int) -> list[float | None]:
            whole = [(r, t) for r in range(u, u + k_h) for t in range(v, v + k_w)]
            return [places[at][c] for at in whole if at in places]

        return np.array([[[pool(window(u, v, c)) for c in range(C)] for v in columns] for u in rows])

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
        "channels of one vector": ((4, 5, 8), {"size": 2}),
        "channels of two vectors in part": ((4, 4, 11), {"size": 2}),
        "many channels, overlapping": ((5, 4, 9), {"size": 3, "stride": (2, 1)}),
        "many channels, padding and ceil": ((3, 5, 8), {"size": 2, "padding": 1, "ceil": True}),
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


def counted(title: str, layer: MeanPool2d, shape: tuple[int, int, int], **traits: Any) -> LayerCase:
    """Return the case of a mean that counts padding."""
    return LayerCase(f"mean_pool2d/{title}", layer, shape, slow_pool(layer), **traits)


CASES = [
    *cases(MaxPool2d, "max_pool2d"),
    *cases(MeanPool2d, "mean_pool2d"),
    counted(
        "counted padding",
        MeanPool2d(3, 2, 1, count_padding=True),
        (4, 5, 2),
        invalid=[{"count_padding": 1}, {"count_padding": None}],
    ),
    counted("counted, ceil", MeanPool2d((2, 1), (2, 1), ceil=True, count_padding=True), (5, 2, 1)),
    counted("counted padding and ceil", MeanPool2d((2, 3), 2, (1, 0, 1, 2), True, count_padding=True), (4, 5, 2)),
    *global_cases(GlobalMeanPool2d, "global_mean_pool2d", lambda window: math.fsum(window) / len(window)),
    *global_cases(GlobalMaxPool2d, "global_max_pool2d", max),
]

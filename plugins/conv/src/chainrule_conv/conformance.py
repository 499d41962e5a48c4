"""The cases that prove the convolution: each with a slow forward of one sample, by loops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import Shape
from chainrule.conformance import LayerCase

from . import Conv2d
from .bilinear import Method

PADDED = [{"padding": wrong} for wrong in (-1, 1.0, "full", (1, 2, 3), True, None)]
AXES = [{name: wrong} for name in ("kernel", "stride", "dilation") for wrong in (0, -1, 2.0, "3", (1, 2, 3), None)]
CHOICES = [{"bias": wrong} for wrong in (True, "shared", None)] + [{"method": wrong} for wrong in ("fft", 1, None)]
INVALID = [*({"filters": wrong} for wrong in (0, -2, 3.0, "4", None)), *PADDED, *AXES, *CHOICES]


def slow_conv(layer: Conv2d) -> Any:
    """Return the reference for a layer's stride, dilation and padding, by loops over every number."""
    (s_h, s_w), (d_h, d_w), padding = layer.stride, layer.dilation, layer.padding

    def reference(x: Any, K: Any, b: Any = None) -> Any:
        H, W, C = x.shape
        k_h, k_w, _, F = K.shape
        sides = (*slow_same(H, k_h, s_h), *slow_same(W, k_w, s_w)) if padding == "same" else padding
        top, bottom, left, right = sides
        rows = [u for u in range(-top, H + bottom) if (u + top) % s_h == 0 and u + (k_h - 1) * d_h < H + bottom]
        columns = [v for v in range(-left, W + right) if (v + left) % s_w == 0 and v + (k_w - 1) * d_w < W + right]
        y = np.zeros((len(rows), len(columns), F))
        for u, row in enumerate(rows):
            for v, column in enumerate(columns):
                for f in range(F):
                    for i, j, c in np.ndindex(k_h, k_w, C):
                        r, t = row + i * d_h, column + j * d_w
                        if 0 <= r < H and 0 <= t < W:
                            y[u, v, f] += K[i, j, c, f] * x[r, t, c]
                    if b is not None:
                        y[u, v, f] += b[f] if b.ndim == 1 else b[u, v, f]
        return y

    return reference


def slow_same(n: int, k: int, s: int) -> tuple[int, int]:
    """Return the smallest padding of an axis with a window for each s-th input, its odd rest behind."""
    total = next(p for p in range(n + k) if len(range(0, n + p - k + 1, s)) == len(range(0, n, s)))
    return total // 2, total - total // 2


@dataclass(frozen=True)
class Tiled(Conv2d):
    """The layer with tiles wherever they apply, not only where they pay: what is judged is small."""

    def convolution(self, input_shape: Shape, dtype: np.dtype[Any]) -> Method:
        """Return the method: tiles in float32."""
        if dtype != np.float32:
            return super().convolution(input_shape, dtype)
        return self.by_tiles(self.walks(input_shape), (input_shape[0], input_shape[1]))


def case(
    name: str, shape: tuple[int, int, int], filters: int, kernel: Any, kind: type[Conv2d] = Conv2d, **settings: Any
) -> LayerCase:
    """Return a case, with the slow forward of its layer."""
    layer = kind(filters, kernel, **settings)
    words = {"errors.other_types": "a padding is a word or numbers"} if layer.padding == "same" else {}
    return LayerCase(
        f"conv2d/{name}", layer, shape, reference=slow_conv(layer), expected_failures=words, float32_error=2e-5
    )


CASES = [
    LayerCase("conv2d/plain", Conv2d(3, 3), (5, 4, 2), reference=slow_conv(Conv2d(3, 3)), invalid=INVALID),
    case("one by one", (3, 4, 3), 2, 1),
    case("even kernel", (5, 5, 2), 3, (2, 4)),
    case("stride that divides not", (6, 5, 2), 3, 3, stride=(2, 2), padding=(1, 1, 1, 1)),
    case("unequal axes", (7, 4, 1), 2, (3, 2), stride=(3, 1), padding=(0, 2, 1, 0)),
    case("gaps between windows", (7, 8, 1), 2, 2, stride=(3, 4)),
    case("more padding than kernel", (2, 3, 2), 2, 2, padding=(3, 3, 2, 2)),
    case("course, p = 0 and d = 1", (3, 3, 1), 2, 3),
    case("dilation", (6, 7, 2), 2, 3, dilation=(2, 2), padding=(1, 1, 2, 0)),
    case("dilation and stride", (7, 5, 1), 3, (2, 3), stride=(2, 1), dilation=(3, 1), padding=(1, 1, 1, 1)),
    case("same", (4, 5, 2), 3, 3, padding="same"),
    case("same, even and strided", (5, 6, 2), 1, 4, stride=(2, 2), padding="same"),
    case("untied", (4, 3, 2), 3, 2, bias="untied"),
    case("without bias", (4, 4, 3), 2, 3, bias="none"),
    case("more channels", (5, 6, 12), 12, 3, padding=(1, 1, 1, 1)),
    case("kernel of the picture's size", (4, 3, 2), 5, (4, 3)),
    case("tiles of 4×4", (6, 5, 2), 3, 3, Tiled, padding=1),
    case("tiles of 2×2", (5, 6, 2), 2, 5, Tiled, padding=(2, 1)),
]

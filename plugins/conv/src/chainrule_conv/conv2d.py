"""The convolutional layer, y = K # x + b."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from chainrule import (
    Array,
    Layer,
    SettingError,
    Shape,
    Shift,
    UnsupportedError,
    axis_pair,
    one_of,
    positive_int,
)
from chainrule.windows import Walk, count_windows, padding_sides, same_sides

from .bilinear import ConvolutionJacobian, Method
from .direct import Direct
from .winograd import Winograd

BIASES = ("tied", "untied", "none")
METHODS = ("auto", "direct", "winograd")


@dataclass(frozen=True)
class Conv2d(Layer):
    """Each filter's correlation with every window of a picture; the kernel is not flipped (erratum E5).

    Formula:  y[u, v, f] = b[f] + Σ_(i, j, c) K[i, j, c, f] x[u s + i d - p_top, v s + j d - p_left, c], x = 0 outside
    Shapes:   x (B, H, W, C); y (B, H', W', filters), H' = ⌊(H + p_top + p_bottom - (k_h - 1) d - 1)/s⌋ + 1;
              K (k_h, k_w, C, filters); b (filters,), "untied" (H', W', filters), one per output, or "none".
    Settings: kernel k, stride s, dilation d: one number or (vertical, horizontal). padding p: n, (n_h, n_w),
              (top, bottom, left, right), "valid", or "same", which gives ⌈n/s⌉ outputs.
    Jacobian: ∂y[u, v, f]/∂x[r, t, c] = K[i, j, c, f] where u s + i d - p_top = r and v s + j d - p_left = t, else 0;
              ∂y[u, v, f]/∂K[i, j, c, g] = δ_fg x[u s + i d - p_top, v s + j d - p_left, c].
    Method:   "direct", "winograd" (float32, kernel 3×3 or 5×5, stride and dilation 1), or "auto": Winograd's where it
              applies and multiplies clearly less. float64 is always direct.
    Start:    K normal with variance 2 / (k_h k_w C), b zero: He et al. (2015), eq. 10.
    Raises:   SettingError; ShapeError for what is no picture, is smaller than the kernel, or looks like (C, H, W).
    Source:   course, section 5; errata E7 to E15 are mended, E23's even kernels and unequal axes allowed.
    """

    filters: int
    kernel: Any
    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1
    bias: str = "tied"
    method: str = "auto"

    by_sums: ClassVar[type[Direct]] = Direct
    by_tiles: ClassVar[type[Winograd]] = Winograd

    def __post_init__(self) -> None:
        positive_int("filters", self.filters)
        for name in ("kernel", "stride", "dilation"):
            object.__setattr__(self, name, axis_pair(name, getattr(self, name)))
        if isinstance(self.padding, str):
            one_of("padding", self.padding, ("same", "valid"))
            object.__setattr__(self, "padding", {"valid": 0}.get(self.padding, self.padding))
        if not isinstance(self.padding, str):
            object.__setattr__(self, "padding", padding_sides("padding", self.padding))
        one_of("bias", self.bias, BIASES)
        one_of("method", self.method, METHODS)
        if self.method == "winograd" and not self._winograd_applies:
            raise SettingError(
                "method",
                expected="'auto' or 'direct' unless kernel is 3×3 or 5×5, stride 1 and dilation 1",
                got=self.method,
            )

    @property
    def _winograd_applies(self) -> bool:
        return self.kernel in ((3, 3), (5, 5)) and self.stride == self.dilation == (1, 1)

    def walks(self, input_shape: Shape) -> tuple[Walk, Walk]:
        """Return how the window walks along each axis of a picture."""
        (k_h, k_w), (s_h, s_w), (d_h, d_w) = self.kernel, self.stride, self.dilation
        if self.padding != "same":
            top, bottom, left, right = self.padding
        else:
            H, W = input_shape[:2] if len(input_shape) == 3 else (1, 1)
            top, bottom = same_sides(H, Walk(k_h, s_h, dilation=d_h))
            left, right = same_sides(W, Walk(k_w, s_w, dilation=d_w))
        return Walk(k_h, s_h, top, bottom, d_h), Walk(k_w, s_w, left, right, d_w)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (H', W', filters)."""
        return (*count_windows("conv2d", self.walks(input_shape), input_shape), self.filters)

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return K (k_h, k_w, C, filters), and b unless the bias is "none"."""
        output = self.output_shape(input_shape)
        shapes: dict[str, Shape] = {"K": (*self.kernel, input_shape[2], self.filters)}
        if self.bias != "none":
            shapes["b"] = output if self.bias == "untied" else output[2:]
        return shapes

    def initialize(self, input_shape: Shape, rng: np.random.Generator) -> dict[str, Array]:
        """Draw K with variance 2 / (k_h k_w C); b is zero."""
        shapes = self.parameter_shapes(input_shape)
        values = {name: np.zeros(shape) for name, shape in shapes.items()}
        values["K"] = rng.normal(0.0, (2.0 / math.prod(shapes["K"][:3])) ** 0.5, shapes["K"])
        return values

    def convolution(self, input_shape: Shape, dtype: np.dtype[Any]) -> Method:
        """Return the method: a pure function of the settings, the shapes and the dtype.

        Raises:   UnsupportedError when Winograd's is forced and the dtype is float64.
        """
        walks, plane = self.walks(input_shape), (input_shape[0], input_shape[1])
        if self.method == "winograd" and dtype != np.float32:
            raise UnsupportedError(
                f"conv2d with method 'winograd' on {dtype}", hint="it is for float32; write method = 'direct' or 'auto'"
            )
        if self.method != "direct" and self._winograd_applies and dtype == np.float32:
            tiles = self.by_tiles(walks, plane)
            if self.method == "winograd" or tiles.pays(input_shape[2], self.filters):
                return tiles
        return self.by_sums(walks, plane)

    def forward(self, x: Array, K: Array, b: Array | None = None) -> Array:
        """Return K # x + b."""
        method = self.convolution(x.shape[1:], x.dtype)
        if b is not None and b.ndim == 1 and isinstance(method, Direct):
            return method.forward(x, K, b)
        y = method.forward(x, K)
        if b is not None:
            row = np.tile(b, y.shape[2]) if b.ndim == 1 else b.ravel()  # longer runs than a pixel's few channels
            shifted = y.reshape(-1, len(row))
            np.add(shifted, row, out=shifted)
        return y

    def jacobian(self, x: Array, y: Array, K: Array, b: Array | None = None) -> ConvolutionJacobian:
        """Return the maps of x, K and b."""
        return ConvolutionJacobian(self.convolution(x.shape[1:], x.dtype), x, K, None if b is None else Shift(b.shape))

"""What pooling layers share: their settings and shapes."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass
from typing import Any

from chainrule import Layer, SettingError, Shape, axis_pair, boolean
from chainrule.windows import Walk, count_windows, padding_sides


@dataclass(frozen=True)
class Pooled(Layer, ABC):
    """A layer that makes one number of each window of each channel.

    Shapes:   x (B, H, W, C); y (B, H', W', C), H' = ⌊(H + p_top + p_bottom - size)/stride⌋ + 1, W' likewise; with
              `ceil` the quotient is rounded up, but no window begins behind the last row or column.
    Settings: size, stride (the size, if None): one number or (vertical, horizontal); padding: n, (n_h, n_w) or
              (top, bottom, left, right), less than the size: then each window has an input.
    Raises:   SettingError; ShapeError for what is no picture, is smaller than the window, or looks like (C, H, W).
    """

    size: Any
    stride: Any = None
    padding: Any = 0
    ceil: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", axis_pair("size", self.size))
        object.__setattr__(self, "stride", self.size if self.stride is None else axis_pair("stride", self.stride))
        object.__setattr__(self, "padding", padding_sides("padding", self.padding))
        top, bottom, left, right = self.padding
        if max(top, bottom) >= self.size[0] or max(left, right) >= self.size[1]:
            raise SettingError(
                "padding",
                expected=f"less than the size {self.size}",
                got=self.padding,
                hint="a window of padding alone has no maximum and no mean",
            )
        boolean("ceil", self.ceil)

    @property
    def walks(self) -> tuple[Walk, Walk]:
        """How the window walks along each axis."""
        top, bottom, left, right = self.padding
        (k_h, k_w), (s_h, s_w) = self.size, self.stride
        return Walk(k_h, s_h, top, bottom, ceil=self.ceil), Walk(k_w, s_w, left, right, ceil=self.ceil)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (H', W', C)."""
        return (*count_windows(type(self).__name__, self.walks, input_shape), input_shape[2])

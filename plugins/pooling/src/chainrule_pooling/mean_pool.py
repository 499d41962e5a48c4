"""Mean pooling: the mean of each window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Array, Jacobian, Shape, boolean
from chainrule.windows import Walk, taps

from .pooled import Pooled


@dataclass(frozen=True)
class MeanPool2d(Pooled):
    """The mean of each window, channel by channel.

    Formula:  y[u, v, c] = Σ_(i, j) x[u s + i - p_top, v s + j - p_left, c] / N, N the window's inputs: padding is left
              out, or counted with `count_padding`, as zeros. What hangs over the padded picture, with `ceil`, is
              neither.
    Shapes:   those of `Pooled`.
    Jacobian: 1 / N for each input of the window.
    Source:   course, section 5, "mean pooling"; ONNX, AveragePool, for N where padding is counted.
    """

    count_padding: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        boolean("count_padding", self.count_padding)

    def forward(self, x: Array) -> Array:
        """Return the mean of each window."""
        return self._means(x.shape[1:], x.dtype).jvp(x)

    def jacobian(self, x: Array, y: Array) -> Jacobian:
        """Return the same map: it is linear."""
        return Jacobian(self._means(x.shape[1:], x.dtype))

    def _means(self, input_shape: Shape, dtype: np.dtype[np.generic]) -> Means:
        H, W, _ = self.output_shape(input_shape)
        rows, columns = self.walks
        count = Walk.padded if self.count_padding else Walk.real
        of_rows = [count(rows, u, input_shape[0]) for u in range(H)]
        of_columns = [count(columns, v, input_shape[1]) for v in range(W)]
        share = 1 / np.multiply.outer(of_rows, of_columns)[:, :, np.newaxis]
        return Means(self.walks, input_shape, share.astype(real_dtype(dtype)))


@dataclass(slots=True, eq=False)
class Means:
    """The map from a picture to the sums of its windows, each times its `share`, (H', W', 1)."""

    walks: tuple[Walk, Walk]
    input_shape: Shape
    share: Array

    def vjp(self, delta: Array) -> Array:
        """Return each window's δ times its share, given to all its inputs."""
        shared = delta * self.share
        dx = np.zeros((len(delta), *self.input_shape), real_dtype(delta.dtype))
        for windows, inputs in taps(self.walks, self.input_shape):
            dx[inputs] += shared[windows]
        return dx

    def jvp(self, tangent: Array) -> Array:
        """Return each window's sum times its share."""
        y = np.zeros((len(tangent), *self.share.shape[:2], tangent.shape[3]), real_dtype(tangent.dtype))
        for windows, inputs in taps(self.walks, self.input_shape):
            y[windows] += tangent[inputs]
        y *= self.share
        return y


def real_dtype(dtype: np.dtype[np.generic]) -> np.dtype[np.generic]:
    """Return the dtype of a mean: float64 of whole numbers, and else their own."""
    return dtype if dtype.kind in "fc" else np.dtype(np.float64)

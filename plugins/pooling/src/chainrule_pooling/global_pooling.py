"""Pooling over the whole picture: one number for each channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Array, Jacobian, Layer, Selection, Shape
from chainrule.windows import picture


@dataclass(frozen=True)
class GlobalMeanPool2d(Layer):
    """The mean of each channel.

    Formula:  y[c] = Σ_(u, v) x[u, v, c] / (H W)
    Shapes:   x (B, H, W, C); y (B, C).
    Jacobian: 1 / (H W) for each place of the channel.
    Raises:   ShapeError when the input is no picture.
    Source:   Lin, Chen and Yan (2014), Network in network, section 3.2.
    """

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (C,)."""
        return picture(type(self).__name__, input_shape)[2:]

    def forward(self, x: Array) -> Array:
        """Return the means."""
        return np.asarray(x.mean(axis=(1, 2)))

    def jacobian(self, x: Array, y: Array) -> Jacobian:
        """Return the same map: it is linear."""
        return Jacobian(ChannelMeans(x.shape[1:]))


@dataclass(slots=True, eq=False)
class ChannelMeans:
    """The map from a picture (H, W, C) to its channels' means."""

    input_shape: Shape

    def vjp(self, delta: Array) -> Array:
        """Return δ / (H W) at each place."""
        H, W, _ = self.input_shape
        shared = delta * (1 / (H * W))
        dx = np.empty((len(delta), *self.input_shape), shared.dtype)
        dx[...] = shared[:, np.newaxis, np.newaxis]
        return dx

    def jvp(self, tangent: Array) -> Array:
        """Return the means of the tangent."""
        return np.asarray(tangent.mean(axis=(1, 2)))


@dataclass(frozen=True)
class GlobalMaxPool2d(Layer):
    """The largest number of each channel.

    Formula:  y[c] = max_(u, v) x[u, v, c]
    Shapes:   x (B, H, W, C); y (B, C).
    Jacobian: e_argmax: the first maximum in row-major order takes the whole gradient. A NaN comes out.
    Raises:   ShapeError when the input is no picture.
    Source:   course, section 5, "max pooling", with one window.
    """

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (C,)."""
        return picture(type(self).__name__, input_shape)[2:]

    def forward(self, x: Array) -> Array:
        """Return the largest of each channel."""
        return np.asarray(x.max(axis=(1, 2)))

    def jacobian(self, x: Array, y: Array) -> Jacobian:
        """Return the selection of each channel's first maximum."""
        B, H, W, C = x.shape
        place = x.reshape(B, H * W, C).argmax(axis=1)
        return Jacobian(Selection(place * C + np.arange(C), (H, W, C)))

"""The pooling layers with compiled kernels: the formulas, settings and errors of chainrule-pooling's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import chainrule_pooling
from chainrule import Array, BatchJacobian, Jacobian, Shape
from chainrule.windows import Walk
from chainrule_pooling.mean_pool import Means, real_dtype

from .windows import (
    LANES,
    as_lines,
    give_to_winners,
    spread_windows,
    sum_windows,
    take_from_winners,
    winner_dtype,
    write_maxima,
    write_winners,
)


@dataclass(frozen=True)
class MaxPool2d(chainrule_pooling.MaxPool2d):
    """The layer of chainrule-pooling, compiled for as many channels as make a vector: NumPy is as fast for fewer."""

    def forward(self, x: Array) -> Array:
        """Return the largest of each window."""
        if x.shape[-1] < LANES:
            return super().forward(x)
        y = np.empty((len(x), *self.output_shape(x.shape[1:])), x.dtype)
        write_maxima(np.ascontiguousarray(x), *as_lines(self.walks), y)
        return y

    def jacobian(self, x: Array, y: Array) -> BatchJacobian:
        """Return the selection of each window's first maximum."""
        return super().jacobian(x, y) if x.shape[-1] < LANES else self.linearize(x)[1]

    def linearize(self, x: Array) -> tuple[Array, BatchJacobian]:
        """Return the largest of each window, and the selection of its first maximum."""
        if x.shape[-1] < LANES:
            return super().linearize(x)
        y, winners = select(x, self.walks, self.output_shape(x.shape[1:]))
        return y, Jacobian(winners)


@dataclass(frozen=True)
class GlobalMaxPool2d(chainrule_pooling.GlobalMaxPool2d):
    """The layer of chainrule-pooling, compiled."""

    def jacobian(self, x: Array, y: Array) -> Jacobian:
        """Return the selection of each channel's first maximum."""
        return self.linearize(x)[1]

    def linearize(self, x: Array) -> tuple[Array, Jacobian]:
        """Return the largest of each channel, and the selection of its first maximum."""
        y, winners = select(x, _whole(x.shape), self.output_shape(x.shape[1:]))
        return y, Jacobian(winners)


@dataclass(frozen=True)
class MeanPool2d(chainrule_pooling.MeanPool2d):
    """The layer of chainrule-pooling, compiled."""

    def _means(self, input_shape: Shape, dtype: np.dtype[np.generic]) -> CompiledMeans:
        means = super()._means(input_shape, dtype)
        output_shape = self.output_shape(input_shape)
        return CompiledMeans(means.walks, input_shape, means.share, output_shape)


@dataclass(frozen=True)
class GlobalMeanPool2d(chainrule_pooling.GlobalMeanPool2d):
    """The layer of chainrule-pooling, compiled."""

    def forward(self, x: Array) -> Array:
        """Return the means."""
        return self._means(x).jvp(x)

    def jacobian(self, x: Array, y: Array) -> Jacobian:
        """Return the same map: it is linear."""
        return Jacobian(self._means(x))

    def _means(self, x: Array) -> CompiledMeans:
        share = np.full((1, 1, 1), 1 / (x.shape[1] * x.shape[2]), real_dtype(x.dtype))
        return CompiledMeans(_whole(x.shape), x.shape[1:], share, x.shape[3:])


def _whole(shape: Shape) -> tuple[Walk, Walk]:
    """Return the walks of a window as large as a picture (B, H, W, C)."""
    return Walk(shape[1]), Walk(shape[2])


def select(x: Array, walks: tuple[Walk, Walk], output_shape: Shape) -> tuple[Array, Winners]:
    """Return the maxima and their selection."""
    (rows, columns), (B, H, W, C) = walks, x.shape
    y = np.empty((B, rows.count(H), columns.count(W), C), x.dtype)
    winner = np.empty(y.shape, winner_dtype(walks))
    write_winners(np.ascontiguousarray(x), *as_lines(walks), y, winner)
    return y.reshape(B, *output_shape), Winners(walks, x.shape[1:], winner, output_shape)


@dataclass(slots=True, eq=False)
class Winners:
    """The map that selects from each window the input number `winner`, (B, H', W', C), of those that are no padding."""

    walks: tuple[Walk, Walk]
    input_shape: Shape
    winner: Array
    output_shape: Shape

    def vjp(self, delta: Array) -> Array:
        """Return each δ at its window's winner, added up."""
        sides = zip(self.walks, self.winner.shape[1:3], self.input_shape[:2], strict=True)
        tiled = all(w.before == 0 and w.size == w.stride and count * w.size == n for w, count, n in sides)
        dx = (np.empty if tiled else np.zeros)((len(delta), *self.input_shape), delta.dtype)  # all is written, if tiled
        delta = np.ascontiguousarray(delta).reshape(self.winner.shape)
        give_to_winners(delta, self.winner, *as_lines(self.walks), dx)
        return dx

    def jvp(self, tangent: Array) -> Array:
        """Return the tangent at each window's winner."""
        y = np.zeros(self.winner.shape, tangent.dtype)
        take_from_winners(np.ascontiguousarray(tangent), self.winner, *as_lines(self.walks), y)
        return y.reshape(len(y), *self.output_shape)


@dataclass(slots=True, eq=False)
class CompiledMeans(Means):
    """The map from a picture to the sums of its windows, each times its `share`."""

    output_shape: Shape

    def vjp(self, delta: Array) -> Array:
        """Return each window's δ times its share, given to all its inputs."""
        H, W, _ = self.share.shape
        dtype = real_dtype(delta.dtype)
        dx = np.zeros((len(delta), *self.input_shape), dtype)
        delta = np.ascontiguousarray(delta, dtype).reshape(len(delta), H, W, -1)
        spread_windows(delta, *as_lines(self.walks), self.share[:, :, 0].astype(dtype), dx)
        return dx

    def jvp(self, tangent: Array) -> Array:
        """Return each window's sum times its share."""
        H, W, _ = self.share.shape
        dtype = real_dtype(tangent.dtype)
        y = np.empty((len(tangent), H, W, tangent.shape[3]), dtype)
        share = self.share[:, :, 0].astype(dtype)
        sum_windows(np.ascontiguousarray(tangent), *as_lines(self.walks), share, y)
        return y.reshape(len(y), *self.output_shape)

"""Max pooling: the largest number of each window."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import Array, BatchJacobian, Shape
from chainrule.windows import Walk, taps

from .pooled import Pooled


@dataclass(frozen=True)
class MaxPool2d(Pooled):
    """The largest number of each window, channel by channel.

    Formula:  y[u, v, c] = max_(i, j) x[u s + i - p_top, v s + j - p_left, c] over the inputs: padding never wins
    Shapes:   those of `Pooled`.
    Jacobian: e_argmax: the first maximum in row-major order takes the whole gradient (errata E16 and E16b). A NaN in a
              window comes out, and the first one takes the gradient.
    Source:   course, section 5, "max pooling".
    """

    def forward(self, x: Array) -> Array:
        """Return the largest of each window."""
        y = np.full((len(x), *self.output_shape(x.shape[1:])), lowest(x.dtype), x.dtype)
        for windows, inputs in taps(self.walks, x.shape[1:]):
            np.maximum(y[windows], x[inputs], out=y[windows])
        return y

    def jacobian(self, x: Array, y: Array) -> BatchJacobian:
        """Return the selection of each window's first maximum."""
        last = math.prod(self.size) - 1
        # The last tap minus the winner: the largest is the first, and np.maximum is faster than a masked copy.
        behind = np.zeros(y.shape, np.min_scalar_type(last))
        with_nan = np.isnan(y).any()
        for tap, (windows, inputs) in enumerate(taps(self.walks, x.shape[1:])):
            wins = x[inputs] == y[windows]
            if with_nan:
                wins |= np.isnan(x[inputs])
            np.maximum(behind[windows], wins * behind.dtype.type(last - tap), out=behind[windows])
        return MaxPoolJacobian(self.walks, x.shape[1:], last - behind)


@dataclass(slots=True, eq=False)
class MaxPoolJacobian(BatchJacobian):
    """J_X selects from each window the tap `winner`, (B, H', W', C)."""

    walks: tuple[Walk, Walk]
    input_shape: Shape
    winner: Array

    def vjp(self, delta: Array, out: Mapping[str, Array] | None = None) -> Array:
        """Return each δ at its window's winner, added up."""
        apart = all(walk.stride >= walk.size for walk in self.walks)
        places = zip(self.walks, self.winner.shape[1:], self.input_shape, strict=False)
        tiled = all(w.before == 0 and w.size == w.stride and w.size * count == n for w, count, n in places)
        dx = (np.empty if tiled else np.zeros)((len(delta), *self.input_shape), delta.dtype)  # all is written, if tiled
        for tap, (windows, inputs) in enumerate(taps(self.walks, self.input_shape)):
            won = self.winner[windows] == tap
            if apart:
                np.multiply(delta[windows], won, out=dx[inputs])
            else:
                dx[inputs] += delta[windows] * won
        return dx

    def jvp(self, tangent: Array | None, params: Mapping[str, Array]) -> Array:
        """Return the tangent at each window's winner."""
        assert tangent is not None
        y = np.zeros(self.winner.shape, tangent.dtype)
        for tap, (windows, inputs) in enumerate(taps(self.walks, self.input_shape)):
            y[windows] += tangent[inputs] * (self.winner[windows] == tap)
        return y

    def per_sample(self, delta: Array) -> dict[str, Array]:
        """Return nothing: there are no parameters."""
        return {}


def lowest(dtype: np.dtype[Any]) -> float:
    """Return the number that no other one is below."""
    if dtype.kind in "iu":
        return np.iinfo(dtype).min
    return 0 if dtype.kind == "b" else -np.inf

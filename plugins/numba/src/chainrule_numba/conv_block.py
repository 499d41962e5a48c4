"""A convolution, the ReLU behind it, and max pooling behind that, as one layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import Array, BatchJacobian, Layer, SettingError, Shape

from .conv2d import Conv2d
from .pooling import MaxPool2d, Winners, select
from .relu import Positive, cut_off
from .sums import Sums
from .tiles import Tiles

EXACT = (np.float32, np.float64)
"""The dtypes that kernels compute in: the results of others are rounded behind each layer."""


@dataclass(frozen=True)
class ConvBlock(Layer):
    """`conv`, max(0, ·), and `pool` if there is one, with the bits of the three layers one after the other.

    Formula:  y = max(0, P(K # x + b)): the largest of what is cut off is the largest, cut off.
    Jacobian: δ·J_X = (δ 1[y > 0])·J_P·J_X(conv): a window whose largest is not positive passes nothing on, whoever won.
    Shapes:   those of `conv`, its y pooled.
    """

    conv: Conv2d
    pool: MaxPool2d | None = None

    def __post_init__(self) -> None:
        for name, kind in (("conv", Conv2d), ("pool", MaxPool2d | None)):
            if not isinstance(getattr(self, name), kind):
                raise SettingError(name, expected="a layer of this distribution", got=getattr(self, name))

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of what leaves the last layer."""
        shape = self.conv.output_shape(input_shape)
        return shape if self.pool is None else self.pool.output_shape(shape)

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return those of `conv`."""
        self.output_shape(input_shape)
        return self.conv.parameter_shapes(input_shape)

    def initialize(self, input_shape: Shape, rng: np.random.Generator) -> dict[str, Array]:
        """Draw those of `conv`."""
        self.output_shape(input_shape)
        return self.conv.initialize(input_shape, rng)

    def forward(self, x: Array, K: Array, b: Array | None = None) -> Array:
        """Return max(0, P(K # x + b))."""
        return self._computed(x, K, b, with_winners=False)[0]

    def linearize(self, x: Array, K: Array, b: Array | None = None) -> tuple[Array, BlockJacobian]:
        """Return y and the Jacobian."""
        y, winners = self._computed(x, K, b, with_winners=True)
        return y, BlockJacobian(self.conv.jacobian(x, y, K, b), winners, Positive(y))

    def _computed(self, x: Array, K: Array, b: Array | None, *, with_winners: bool) -> tuple[Array, Winners | None]:
        """Return y, and who won; in one kernel where that is possible."""
        method, pool = self.conv.convolution(x.shape[1:], x.dtype), self.pool
        known = x.dtype == K.dtype and x.dtype in EXACT and (b is None or b.ndim == 1)
        if known and pool is None and isinstance(method, Sums | Tiles):
            return method.forward(x, K, b, positive=True), None
        if known and pool is not None and isinstance(method, Sums):
            y, winner = method.forward_pooled(x, K, b, pool.walks, with_winner=with_winners)
            shape = (*method.counts, K.shape[-1])
            return y, Winners(pool.walks, shape, winner, y.shape[1:]) if with_winners else None
        y, winners = self.conv.forward(x, K, b), None
        if pool is not None and with_winners:
            y, winners = select(y, pool.walks, pool.output_shape(y.shape[1:]))
        elif pool is not None:
            y = pool.forward(y)
        cut_off(y.reshape(-1), y.reshape(-1))
        return y, winners


@dataclass(slots=True, eq=False)
class BlockJacobian(BatchJacobian):
    """The Jacobian of a convolution, a selection of `winners`, and the mask 1[y > 0] behind both."""

    conv: BatchJacobian
    winners: Winners | None
    positive: Positive

    def vjp(self, delta: Array, out: Mapping[str, Array] | None = None) -> Any:
        """Return δ·J_X; with `out`, overwrite the gradients of K and b."""
        return self.conv.vjp(self._before(delta), out)

    def vjp_params(self, delta: Array, out: Mapping[str, Array]) -> None:
        """Overwrite the gradients of K and b."""
        self.conv.vjp_params(self._before(delta), out)

    def jvp(self, tangent: Array | None, params: Mapping[str, Array]) -> Array:
        """Return the convolution's J·v where y is positive, of the winners."""
        v = self.conv.jvp(tangent, params)
        return self.positive.jvp(v if self.winners is None else self.winners.jvp(v))

    def per_sample(self, delta: Array) -> dict[str, Array]:
        """Return each sample's gradients of K and b."""
        return self.conv.per_sample(self._before(delta))

    def _before(self, delta: Array) -> Array:
        """Return the δ of what the convolution returns."""
        masked = self.positive.vjp(delta)
        return masked if self.winners is None else self.winners.vjp(masked)

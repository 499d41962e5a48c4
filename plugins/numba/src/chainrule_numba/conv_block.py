"""A convolution, the ReLU behind it, and max pooling behind that, as one layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import chainrule_conv
from chainrule import Array, BatchJacobian, Layer, SettingError, Shape

from .pooling import MaxPool2d, Winners, select
from .relu import Positive, cut_off


@dataclass(frozen=True)
class ConvBlock(Layer):
    """`conv`, max(0, ·), and `pool` if there is one, with the bits of the three layers one after the other.

    Formula:  y = max(0, P(K # x + b)): the largest of what is cut off is the largest, cut off.
    Jacobian: δ·J_X = (δ 1[y > 0])·J_P·J_X(conv): a window whose largest is not positive passes nothing on, whoever won.
    Shapes:   those of `conv`, its y pooled.
    """

    conv: chainrule_conv.Conv2d
    pool: MaxPool2d | None = None

    def __post_init__(self) -> None:
        for name, kind in (("conv", chainrule_conv.Conv2d), ("pool", MaxPool2d | None)):
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

    def forward(self, x: Array, **params: Array) -> Array:
        """Return max(0, P(K # x + b))."""
        z = self.conv.forward(x, **params)
        y = z if self.pool is None else self.pool.forward(z)
        cut_off(y.reshape(-1), y.reshape(-1))
        return y

    def linearize(self, x: Array, **params: Array) -> tuple[Array, BlockJacobian]:
        """Return y and the Jacobian."""
        z, jacobian = self.conv.linearize(x, **params)
        y, winners = (z, None) if self.pool is None else select(z, self.pool.walks, self.pool.output_shape(z.shape[1:]))
        cut_off(y.reshape(-1), y.reshape(-1))
        return y, BlockJacobian(jacobian, winners, Positive(y))


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

"""What recurrent layers share: settings, parameters, and the loop over time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from chainrule import Array, BatchJacobian, Jacobian, Layer, Matrix, Outer, Shape, Shift, boolean, positive_int

from .shapes import check_sequence
from .through_time import Steps, ThroughTime, batch_first


@dataclass(frozen=True)
class Recurrent(Layer, ABC):
    """A step that is taken at each time, from the state before it and the vector of that time.

    Formula:  a[t] = W x[t] + b_W; p[t] = U h[t - 1] + b_U; (h[t], …) = step(a[t], p[t], (h[t - 1], …)); every state is
              0 before the first time; y[t] = h[t], or y = h[T - 1] if `last`
    Shapes:   x (B, T, n); y (B, T, units), or (B, units) if `last`; W (blocks·units, n); U (blocks·units, units); b_W
              and b_U (blocks·units,). They are PyTorch's weight_ih, weight_hh, bias_ih and bias_hh.
    Within:   arrays go by block and by time, a and p (blocks, T, B, units) and states (k, T + 1, B, units), so that a
              step works on contiguous pieces.
    Start:    all uniform on ±1/√units, as PyTorch has it.
    Raises:   SettingError; ShapeError when a sample is no sequence of vectors.
    """

    units: int
    last: bool = False

    blocks: ClassVar[int]
    """How many times `units` numbers a step takes from W x and from U h."""
    states: ClassVar[int] = 1
    """k, how many vectors of `units` pass from step to step; the first is h."""
    summed: ClassVar[bool] = False
    """A step sees nothing of a and p but their sum: p is not kept, and both have one δ."""

    def __post_init__(self) -> None:
        positive_int("units", self.units)
        boolean("last", self.last)

    @abstractmethod
    def step(self, a: Array, p: Array, before: Array, after: Array) -> None:
        """Write into `after` the states that follow those `before`, and leave in a and p what `steps` is to find there.

        Shapes:   a and p (blocks, B, units); before and after (k, B, units).
        """

    @abstractmethod
    def steps(self, a: Array, p: Array, states: Array) -> Steps:
        """Return the derivatives of all steps from what they have left in a and p, which may be overwritten."""

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (T, units), or (units,)."""
        T, _ = check_sequence(self, input_shape)
        return (self.units,) if self.last else (T, self.units)

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return W, U, b_W and b_U."""
        _, n = check_sequence(self, input_shape)
        rows = self.blocks * self.units
        return {"W": (rows, n), "U": (rows, self.units), "b_W": (rows,), "b_U": (rows,)}

    def initialize(self, input_shape: Shape, rng: np.random.Generator) -> dict[str, Array]:
        """Draw all four."""
        limit = self.units**-0.5
        return {name: rng.uniform(-limit, limit, shape) for name, shape in self.parameter_shapes(input_shape).items()}

    def forward(self, x: Array, W: Array, U: Array, b_W: Array, b_U: Array) -> Array:
        """Return every h, or the last one."""
        return self._output(self.walk(x, W, U, b_W, b_U, keep=False)[2])

    def linearize(self, x: Array, W: Array, U: Array, b_W: Array, b_U: Array) -> tuple[Array, BatchJacobian]:
        """Return every h, or the last one, and backpropagation through time."""
        a, p, states = self.walk(x, W, U, b_W, b_U, keep=True)
        return self._output(states), self.through_time(a, p, states, x, W=W, U=U, b_W=b_W, b_U=b_U)

    def through_time(
        self, a: Array, p: Array, states: Array, x: Array, *, W: Array, U: Array, b_W: Array, b_U: Array
    ) -> ThroughTime:
        """Return backpropagation through the steps that have left this in a and p, which may be overwritten."""
        inputs = Jacobian(Matrix(W), W=Outer(x), b_W=Shift(b_W.shape))
        feedback = Jacobian(None, U=Outer(batch_first(states[:1, :-1])), b_U=Shift(b_U.shape))
        steps = self.steps(a, p, states)
        blocks_of_U = U.reshape(self.blocks, self.units, self.units)
        return ThroughTime(self, steps, inputs, feedback, blocks_of_U, a.shape)

    def walk(self, x: Array, W: Array, U: Array, b_W: Array, b_U: Array, *, keep: bool) -> tuple[Array, Array, Array]:
        """Return what the steps leave in a and, where it is kept, in p, and the states."""
        (B, T, n), blocks, units = x.shape, self.blocks, self.units
        rows = np.ascontiguousarray(x.swapaxes(0, 1)).reshape(T * B, n)
        a: Array = rows @ W.reshape(blocks, units, n).swapaxes(1, 2)  # one product for all times
        a += b_W.reshape(blocks, 1, units)
        a = a.reshape(blocks, T, B, units)
        keep = keep and not self.summed
        p = np.empty((blocks, T if keep else 1, B, units), x.dtype)
        states = np.zeros((self.states, T + 1, B, units), x.dtype)
        across = np.ascontiguousarray(U.reshape(blocks, units, units).swapaxes(1, 2))
        bias = b_U.reshape(blocks, 1, units)
        for t in range(T):
            own = p[:, t if keep else 0]
            np.matmul(states[0, t], across, out=own)
            own += bias
            self.step(a[:, t], own, states[:, t], states[:, t + 1])
        return a, p, states

    def _output(self, states: Array) -> Array:
        return states[0, -1].copy() if self.last else batch_first(states[:1, 1:])


def falling(z: Array) -> None:
    """Turn z into φ(-z) = 1 / (1 + e^z), in place; beyond 80, where that is below 1e-34, it stays as it is there.

    It is exact to the last bits however small it is, which (1 - tanh(z / 2)) / 2 is not.
    """
    np.minimum(z, 80, out=z)
    np.exp(z, out=z)
    z += 1
    np.reciprocal(z, out=z)

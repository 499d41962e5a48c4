"""What the compiled recurrences share: the loop over time, each step one product with U and one kernel.

Arrays go by time, (T, B, blocks·units): then a step, and what all steps multiply with, lies in one piece.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

import numpy as np

from chainrule import Array, BatchJacobian
from chainrule_sequence.recurrent import Recurrent

from .fused import Fused


class Compiled(Recurrent):
    """A recurrent layer with kernels for its steps."""

    @abstractmethod
    def start(self, a: Array, b_W: Array, b_U: Array) -> None:
        """Add to W x of all times what every step adds to it."""

    @abstractmethod
    def forward_step(self, t: int, a: Array, p: Array, b_U: Array, states: Array, kept: Array) -> None:
        """Write the states after step t, where p is U h, and leave in a and `kept` what `backward_step` needs.

        Shapes:   a (T, B, blocks·units); p (B, blocks·units); states (k, T + 1, B, units); kept (T, B, units).
        """

    @abstractmethod
    def backward_step(self, t: int, a: Array, states: Array, kept: Array, flowing: Array, da: Array, dp: Array) -> None:
        """Write δ of a[t] and p[t] from that of the states after step t, which is `flowing`, (k, B, units).

        It becomes that of the states before it, but for the way by p.
        """

    def forward(self, x: Array, W: Array, U: Array, b_W: Array, b_U: Array) -> Array:
        """Return every h, or the last one."""
        return self.linearize(x, W, U, b_W, b_U)[0]

    def linearize(self, x: Array, W: Array, U: Array, b_W: Array, b_U: Array) -> tuple[Array, BatchJacobian]:
        """Return every h, or the last one, and backpropagation through time."""
        B, T, n = x.shape
        by_time = np.ascontiguousarray(x.swapaxes(0, 1)).reshape(T * B, n)
        a = (by_time @ W.T).reshape(T, B, len(W))
        self.start(a, b_W, b_U)
        states = np.zeros((self.states, T + 1, B, self.units), x.dtype)
        kept = np.empty((0 if self.summed else T, B, self.units), x.dtype)
        p, b_U, across = np.empty((B, len(W)), x.dtype), np.ascontiguousarray(b_U), np.ascontiguousarray(U.T)
        for t in range(T):
            np.matmul(states[0, t], across, out=p)
            self.forward_step(t, a, p, b_U, states, kept)
        y = states[0, -1].copy() if self.last else np.ascontiguousarray(states[0, 1:].swapaxes(0, 1))
        return y, ThroughTime(self, x, {"W": W, "U": U, "b_W": b_W, "b_U": b_U}, by_time, a, states, kept)


class ThroughTime(Fused):
    """Backpropagation through time, as the loop has left it: see chainrule-sequence's."""

    def __init__(
        self,
        layer: Compiled,
        x: Array,
        params: Mapping[str, Array],
        by_time: Array,
        a: Array,
        states: Array,
        kept: Array,
    ) -> None:
        super().__init__(self.of_the_same_steps)
        self.layer = layer
        self.x = x
        self.params = params
        self.by_time = by_time
        self.a = a
        self.states = states
        self.kept = kept

    def vjp(self, delta: Array, out: Mapping[str, Array] | None = None) -> Array:
        """Return δ·J_X; with `out`, overwrite the gradients, which are single products over all times."""
        layer, (T, B, width) = self.layer, self.a.shape
        W, U = self.params["W"], self.params["U"]
        da = np.empty_like(self.a)
        dp = da if layer.summed else np.empty_like(da)
        deltas = np.ascontiguousarray(delta).reshape(B, -1, layer.units)
        flowing = np.zeros((layer.states, B, layer.units), delta.dtype)
        through = np.zeros((B, layer.units), delta.dtype)
        for t in reversed(range(T)):
            flowing[0] += through
            if not layer.last or t == T - 1:
                flowing[0] += deltas[:, 0 if layer.last else t]
            layer.backward_step(t, self.a, self.states, self.kept, flowing, da, dp)
            np.matmul(dp[t], U, out=through)
        rows, through_p = da.reshape(T * B, width), dp.reshape(T * B, width)
        if out is not None:
            np.matmul(rows.T, self.by_time, out=out["W"])
            np.matmul(through_p.T, self.states[0, :-1].reshape(T * B, layer.units), out=out["U"])
            out["b_W"][...], out["b_U"][...] = (np.ones(T * B, delta.dtype) @ d for d in (rows, through_p))
        dx = (rows @ W).reshape(T, B, -1)
        return np.ascontiguousarray(dx.swapaxes(0, 1))

    def of_the_same_steps(self) -> BatchJacobian:
        """Return the Jacobian as NumPy has it."""
        layer, (T, B, _) = self.layer, self.a.shape
        a = self.a.reshape(T, B, layer.blocks, layer.units).transpose(2, 0, 1, 3).copy()
        p = np.broadcast_to(self.kept, (layer.blocks, *self.kept.shape))  # of which the last block alone is seen
        return layer.through_time(a, p, self.states, self.x, **self.params)

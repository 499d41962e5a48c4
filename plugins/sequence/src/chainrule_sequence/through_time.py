"""Backpropagation through time, as one Jacobian."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chainrule import Array, BatchJacobian, Jacobian, Shape

if TYPE_CHECKING:
    from .recurrent import Recurrent


class Steps(ABC):
    """The derivatives of the steps of a recurrence, (h[t], …) by a[t], p[t] and (h[t - 1], …).

    Shapes:   of a and p (blocks, B, units), of states (k, B, units).
    """

    @abstractmethod
    def push(self, t: int, a: Array, p: Array, state: Array) -> None:
        """Replace the tangent of the states before step t by that of the states after it; a and p are tangents."""

    @abstractmethod
    def pull(self, t: int, state: Array, a: Array, p: Array) -> None:
        """Write δ of a and p, and replace that of the states after step t by that before it, but for the way by p."""


@dataclass(slots=True, eq=False)
class ThroughTime(BatchJacobian):
    """The Jacobian of a recurrence: y by a and p through all steps, a by x, W, b_W, and p by U, b_U.

    δ of p[t] goes on to h[t - 1] by U. Once every step has its δ, the parameters' gradients are single products.

    Shapes:   shape (blocks, T, B, units); U (blocks, units, units); the maps `inputs` and `feedback` go by samples,
              from and to (B, T, blocks·units).
    Source:   Werbos (1990), Backpropagation through time: what it does and how to do it, section II.
    """

    layer: Recurrent
    steps: Steps
    inputs: Jacobian
    feedback: Jacobian
    U: Array
    shape: Shape

    def vjp(self, delta: Array, out: Mapping[str, Array] | None = None) -> Array:
        """Return δ·J_X; with `out`, fill it."""
        a, p = self.pull(delta)
        if out is not None:
            self.feedback.vjp_params(p, out)
        return self.inputs.vjp(a, out)

    def vjp_params(self, delta: Array, out: Mapping[str, Array]) -> None:
        """Fill `out`."""
        a, p = self.pull(delta)
        self.inputs.vjp_params(a, out)
        self.feedback.vjp_params(p, out)

    def per_sample(self, delta: Array) -> dict[str, Array]:
        """Return each sample's gradients."""
        a, p = self.pull(delta)
        return {**self.inputs.per_sample(a), **self.feedback.per_sample(p)}

    def pull(self, delta: Array) -> tuple[Array, Array]:
        """Return δ of every a and p, from the last time to the first."""
        blocks, T, B, units = self.shape
        deltas = delta[np.newaxis] if self.layer.last else delta.swapaxes(0, 1)
        a = np.empty(self.shape, delta.dtype)
        p = a if self.layer.summed else np.empty(self.shape, delta.dtype)
        state = np.zeros((self.layer.states, B, units), delta.dtype)
        back = np.empty((blocks, B, units), delta.dtype)
        for t in reversed(range(T)):
            if T - t <= len(deltas):
                state[0] += deltas[t - T]
            self.steps.pull(t, state, a[:, t], p[:, t])
            if t > 0:
                for part in np.matmul(p[:, t], self.U, out=back):
                    state[0] += part
        by_sample = batch_first(a)
        return by_sample, by_sample if p is a else batch_first(p)

    def jvp(self, tangent: Array | None, params: Mapping[str, Array]) -> Array:
        """Return J·v, from the first time to the last."""
        _, T, B, units = self.shape
        a, p = self._pushed(self.inputs, tangent, params), self._pushed(self.feedback, None, params)
        state = np.zeros((self.layer.states, B, units), a.dtype)
        y = np.empty((1, T, B, units), a.dtype)
        across = self.U.swapaxes(1, 2)
        for t in range(T):
            p[:, t] += state[0] @ across
            self.steps.push(t, a[:, t], p[:, t], state)
            y[0, t] = state[0]
        return y[0, -1] if self.layer.last else batch_first(y)

    def _pushed(self, jacobian: Jacobian, tangent: Array | None, params: Mapping[str, Array]) -> Array:
        """Return a tangent of every a or every p; 0, where nothing moves that they depend on."""
        blocks, T, B, units = self.shape
        result = np.zeros((B, T, blocks * units), self.U.dtype)
        if tangent is not None or jacobian.params.keys() & params.keys():
            result += jacobian.jvp(tangent, params)
        return result.reshape(B, T, blocks, units).transpose(2, 1, 0, 3)


def batch_first(blocks: Array) -> Array:
    """Return arrays (k, T, B, units) as one, (B, T, k·units)."""
    k, T, B, units = blocks.shape
    return np.ascontiguousarray(blocks.transpose(2, 1, 0, 3)).reshape(B, T, k * units)

"""What activations share that let a share of each number through."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from chainrule import Array, Diagonal, Elementwise, Jacobian


@dataclass(frozen=True)
class Gated(Elementwise, ABC):
    """A layer y[k] = x[k] g(x[k]), the gate g rising from 0 to 1: write `gate` and `pull`.

    Formula:  dy/dx = g(x) + x g'(x)
    Shapes:   x and y (B, …), any shape.
    """

    @abstractmethod
    def gate(self, x: Array) -> Array:
        """Return g(x)."""

    @abstractmethod
    def pull(self, x: Array, gate: Array) -> Array:
        """Return x g'(x), where gate = g(x)."""

    def forward(self, x: Array) -> Array:
        """Return x g(x)."""
        return x * self.gate(x)

    def derivative(self, x: Array, y: Array) -> Array:
        """Return g(x) + x g'(x)."""
        gate = self.gate(x)
        return gate + self.pull(x, gate)

    def linearize(self, x: Array) -> tuple[Array, Jacobian]:
        """Return x g(x) and its derivative, from one gate."""
        gate = self.gate(x)
        return x * gate, Jacobian(Diagonal(gate + self.pull(x, gate)))

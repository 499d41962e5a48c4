"""Rules that move along a sum of earlier gradients."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from chainrule import Array, Schedule, StepContext
from chainrule.optimizers import blocks

from .stateful import State, Stateful, share


@dataclass(frozen=True)
class Momentum(Stateful):
    """The heavy ball.

    Formula:  v ← μ v + dW;  W ← W - λ v
    Raises:   SettingError unless μ is a number of 0 … 1, 1 excluded.
    Source:   Polyak (1964), Some methods of speeding up the convergence of iteration methods.
    """

    coordinatewise = True
    learning_rate: float | Schedule = field(metadata={"try": 0.01})
    momentum: float = 0.9

    keeps: ClassVar[tuple[str, ...]] = ("velocity",)

    def __post_init__(self) -> None:
        super().__post_init__()
        share("momentum", self.momentum)

    def step(self, theta: Array, gradient: Array, state: State, context: StepContext) -> None:
        """Move θ, and v with it."""
        rate = self.rate(context.step)
        for weights, slopes, velocity in blocks(theta, gradient, state["velocity"]):
            velocity *= self.momentum
            velocity += slopes
            weights -= rate * velocity


@dataclass(frozen=True)
class Nesterov(Momentum):
    """Momentum that looks ahead: the gradient counts once more, as if v had been moved by it already.

    Formula:  v ← μ v + dW;  W ← W - λ (dW + μ v)
    Raises:   SettingError unless μ is a number of 0 … 1, 1 excluded.
    Source:   Nesterov (1983); in this form Sutskever et al. (2013), On the importance of initialization and momentum.
    """

    def step(self, theta: Array, gradient: Array, state: State, context: StepContext) -> None:
        """Move θ, and v with it."""
        rate = self.rate(context.step)
        for weights, slopes, velocity in blocks(theta, gradient, state["velocity"]):
            velocity *= self.momentum
            velocity += slopes
            weights -= rate * (slopes + self.momentum * velocity)

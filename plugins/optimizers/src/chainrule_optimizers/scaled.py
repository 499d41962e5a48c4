"""Rules that divide each slope by the size of those before it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from chainrule import Array, Schedule, StepContext, positive_real
from chainrule.optimizers import blocks

from .stateful import State, Stateful, share


@dataclass(frozen=True)
class Adagrad(Stateful):
    """Each parameter has a rate of its own, that shrinks with the slopes it has seen.

    Formula:  q ← q + dW²;  W ← W - λ dW / (√q + ε)
    Raises:   SettingError unless ε is a positive number.
    Source:   Duchi, Hazan and Singer (2011), Adaptive subgradient methods.
    """

    coordinatewise = True
    learning_rate: float | Schedule = field(metadata={"try": 0.01})
    epsilon: float = 1e-10

    keeps: ClassVar[tuple[str, ...]] = ("squares",)

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_real("epsilon", self.epsilon)

    def step(self, theta: Array, gradient: Array, state: State, context: StepContext) -> None:
        """Move θ, and q with it."""
        rate = self.rate(context.step)
        for weights, slopes, squares in blocks(theta, gradient, state["squares"]):
            squares += slopes * slopes
            weights -= rate * slopes / (np.sqrt(squares) + self.epsilon)


@dataclass(frozen=True)
class RMSprop(Stateful):
    """Adagrad that forgets: a running mean in place of the sum.

    Formula:  q ← ρ q + (1 - ρ) dW²;  W ← W - λ dW / (√q + ε)
    Raises:   SettingError unless ρ is a number of 0 … 1, 1 excluded, and ε a positive number.
    Source:   Tieleman and Hinton (2012), Lecture 6.5, Neural networks for machine learning; Ruder (2016), An overview
              of gradient descent optimization algorithms, section 4.5, for the rate of 0.001.
    """

    coordinatewise = True
    learning_rate: float | Schedule = 0.001
    decay: float = 0.99
    epsilon: float = 1e-8

    keeps: ClassVar[tuple[str, ...]] = ("squares",)

    def __post_init__(self) -> None:
        super().__post_init__()
        share("decay", self.decay)
        positive_real("epsilon", self.epsilon)

    def step(self, theta: Array, gradient: Array, state: State, context: StepContext) -> None:
        """Move θ, and q with it."""
        rate = self.rate(context.step)
        for weights, slopes, squares in blocks(theta, gradient, state["squares"]):
            squares *= self.decay
            squares += (1.0 - self.decay) * slopes * slopes
            weights -= rate * slopes / (np.sqrt(squares) + self.epsilon)

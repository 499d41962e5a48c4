"""Adam, and Adam with decoupled weight decay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from chainrule import Array, Schedule, StepContext, positive_real, real
from chainrule.optimizers import blocks

from .stateful import State, Stateful, share


@dataclass(frozen=True)
class Adam(Stateful):
    """Running means of the slopes and of their squares, each divided by what it lacks for having begun at zero.

    Formula:  m ← β₁ m + (1 - β₁) dW;  q ← β₂ q + (1 - β₂) dW²;
              W ← W - λ m̂ / (√q̂ + ε),  m̂ = m / (1 - β₁ᵗ),  q̂ = q / (1 - β₂ᵗ), t counting from 1
    Raises:   SettingError unless the β are numbers of 0 … 1, 1 excluded, and ε is a positive number.
    Source:   Kingma and Ba (2015), Adam: a method for stochastic optimization, algorithm 1, which gives the defaults.
    """

    coordinatewise = True
    learning_rate: float | Schedule = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    keeps: ClassVar[tuple[str, ...]] = ("means", "squares")

    def __post_init__(self) -> None:
        super().__post_init__()
        share("beta1", self.beta1)
        share("beta2", self.beta2)
        positive_real("epsilon", self.epsilon)

    def step(self, theta: Array, gradient: Array, state: State, context: StepContext) -> None:
        """Move θ, and m and q with it."""
        rate, t = self.rate(context.step), context.step + 1
        of_means, of_squares = 1.0 - self.beta1**t, 1.0 - self.beta2**t
        for weights, slopes, means, squares in blocks(theta, gradient, state["means"], state["squares"]):
            means *= self.beta1
            means += (1.0 - self.beta1) * slopes
            squares *= self.beta2
            squares += (1.0 - self.beta2) * slopes * slopes
            self.shrink(weights, rate)
            weights -= rate / of_means * means / (np.sqrt(squares / of_squares) + self.epsilon)

    def shrink(self, weights: Array, rate: float) -> None:
        """Leave the weights as they are."""


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam, the weights shrinking beside it: decay does not pass through the running means.

    Formula:  W ← W - λ w W, and then Adam's update
    Raises:   SettingError as Adam, and unless the decay w is a number of at least 0.
    Source:   Loshchilov and Hutter (2019), Decoupled weight decay regularization, algorithm 2, which gives the defaults
              but for w.
    """

    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        real("weight_decay", self.weight_decay, minimum=0.0)

    def shrink(self, weights: Array, rate: float) -> None:
        """W ← W - λ w W."""
        weights *= 1.0 - rate * self.weight_decay

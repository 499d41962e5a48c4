"""Learning rates that depend on the step t, which counts from 0: a step is a batch, and not an epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from chainrule import Schedule, positive_int, positive_real, real
from chainrule.optimizers import check_learning_rate, learning_rate_at


@dataclass(frozen=True)
class StepDecay(Schedule):
    """A rate that falls by one factor every so many steps.

    Formula:  λ_t = start · factor^⌊t / every⌋
    Raises:   SettingError unless the start is a positive number, `every` a positive int, and the factor a number of
              0 … 1, both excluded.
    Source:   He et al. (2016), Deep residual learning for image recognition, section 4.2; here the distances are equal.
    """

    start: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        positive_real("start", self.start)
        positive_int("every", self.every)
        real("factor", self.factor, above=0.0, below=1.0)

    def rate(self, step: int) -> float:
        """Return λ_t."""
        return float(self.start * self.factor ** (step // self.every))


@dataclass(frozen=True)
class Cosine(Schedule):
    """A rate that falls along half a cosine in so many steps, and then stays.

    Formula:  λ_t = end + (start - end) (1 + cos(π min(t, steps) / steps)) / 2
    Raises:   SettingError unless the start is a positive number, `steps` a positive int, and the end a number of at
              least 0.
    Source:   Loshchilov and Hutter (2017), SGDR: Stochastic gradient descent with warm restarts, eq. 5, no restart.
    """

    start: float
    steps: int
    end: float = 0.0

    def __post_init__(self) -> None:
        positive_real("start", self.start)
        positive_int("steps", self.steps)
        real("end", self.end, minimum=0.0)

    def rate(self, step: int) -> float:
        """Return λ_t."""
        share = (1.0 + math.cos(math.pi * min(step, self.steps) / self.steps)) / 2.0
        return self.end + (self.start - self.end) * share


@dataclass(frozen=True)
class WarmUp(Schedule):
    """A rate that grows in equal parts to where `then` begins, which counts its own steps from the end of that.

    Formula:  λ_t = (t + 1) / steps · then_0 while t < steps; after that λ_t = then_(t - steps)
    Raises:   SettingError unless `steps` is a positive int, and `then` a positive number or a Schedule.
    Source:   Goyal et al. (2017), Accurate, large minibatch SGD, section 2.2.
    """

    steps: int
    then: float | Schedule

    def __post_init__(self) -> None:
        positive_int("steps", self.steps)
        check_learning_rate(self.then, "then")

    def rate(self, step: int) -> float:
        """Return λ_t."""
        if step < self.steps:
            return (step + 1) / self.steps * learning_rate_at(self.then, 0)
        return learning_rate_at(self.then, step - self.steps)

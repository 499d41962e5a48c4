"""What rules share that keep vectors like θ."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from chainrule import Array, Optimizer, Schedule, real
from chainrule.optimizers import check_learning_rate, learning_rate_at

State = dict[str, Array]


@dataclass(frozen=True)
class Stateful(Optimizer, ABC):
    """A rule with a learning rate λ, and a state of vectors like θ, all zero before the first step.

    Raises:   SettingError unless the learning rate is a positive number or a Schedule.
    """

    learning_rate: float | Schedule

    keeps: ClassVar[tuple[str, ...]]
    """The names of the state's vectors."""

    def __post_init__(self) -> None:
        check_learning_rate(self.learning_rate)

    def init(self, theta: Array) -> State:
        """Return zeros."""
        return {name: np.zeros_like(theta) for name in self.keeps}

    def rate(self, step: int) -> float:
        """Return λ for the step."""
        return learning_rate_at(self.learning_rate, step)


def share(name: str, value: float) -> None:
    """Refuse what is no number of 0 … 1, 1 excluded. Raises:   SettingError."""
    real(name, value, minimum=0.0, below=1.0)

"""An optimizer that goes on where an earlier training of the same network left it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chainrule import Array, Optimizer, StepContext


class Continued(Optimizer):
    """A rule with the state and the number of steps that it has from earlier trainings.

    `train` counts its steps from 0 and asks for a new state: schedules and running means would begin anew.
    """

    def __init__(self, rule: Optimizer) -> None:
        self.rule = rule
        self.steps = 0
        self._state: Any = None
        self._begun = False

    def init(self, theta: Array) -> Any:
        """Return the state as it was left."""
        self._before = self.steps
        if not self._begun:
            self._state, self._begun = self.rule.init(theta), True
        return self._state

    def step(self, theta: Array, gradient: Array, state: Any, context: StepContext) -> None:
        """Let the rule make the next step of all."""
        step = self._before + context.step
        self.rule.step(theta, gradient, state, replace(context, step=step))
        self._state, self.steps = state, step + 1

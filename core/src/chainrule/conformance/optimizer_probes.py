"""What a check of an optimizer looks at: a problem, and runs of a rule on it, driven as training drives them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..learning.optimizers import Optimizer
from .blame import blame
from .cases import OptimizerCase
from .outcomes import Failure
from .probes import Probe, Question
from .problems import Problem, draw_problem
from .states import leaves

STEPS = 3
"""How many steps the results are compared after where any will do."""
FIRST = 10
"""How many steps are compared with the reference, and looked at where a few would not do."""
SIZE = 7
"""The size of θ where any will do."""


@dataclass
class OptimizerPoint:
    """A problem, and a θ to start from."""

    problem: Problem
    theta: Array

    def arrays(self) -> Iterator[tuple[str, Array]]:
        """Yield every array by the name that a message uses."""
        yield "θ", self.theta


class Run:
    """A run of an optimizer on a problem; one array holds the gradient of every step, as a network's does."""

    def __init__(
        self, optimizer: Optimizer, problem: Problem, theta: Array, slices: Mapping[str, slice] | None = None
    ) -> None:
        self.optimizer = optimizer
        self.problem = problem
        self.theta = theta
        self.slices = slices
        self.gradient = np.empty_like(theta)
        self.count = 0
        with blame(f"init(θ), θ {theta.shape} {theta.dtype},"):
            self.state = optimizer.init(theta)

    def step(self, gradient: Array | None = None) -> Any:
        """Take a step along the problem's gradient, or another, and return what the rule returns."""
        self.gradient[...] = self.problem.gradient(self.theta, self.count) if gradient is None else gradient
        context = self.problem.context(self.count, self.theta, self.slices)
        with blame(f"step {self.count} of θ {self.theta.shape} {self.theta.dtype}"):
            returned = self.optimizer.step(self.theta, self.gradient, self.state, context)
        self.count += 1
        return returned

    def steps(self, count: int) -> Run:
        """Take some steps, and return the run."""
        for _ in range(count):
            self.step()
        return self


def results(optimizer: Optimizer, point: OptimizerPoint) -> dict[str, Array]:
    """Return θ and the numbers of the state after each of a few steps, by the names that a message uses."""
    run, found = Run(optimizer, point.problem, point.theta.copy()), {}
    for _ in range(STEPS):
        run.step()
        found[f"θ after step {run.count}"] = run.theta.copy()
        with suppress(Failure):  # told by optimizer.state
            for path, value in leaves(run.state):
                if not isinstance(value, str | None):
                    found[f"{path} after step {run.count}"] = np.array(value)
    return found


class OptimizerProbe(Probe):
    """An optimizer on small convex problems."""

    kind = "optimizer"

    def __init__(self, case: OptimizerCase, seed: int, check_id: str, memory: dict[str, Any]) -> None:
        super().__init__(case, seed, check_id, memory)
        self.optimizer: Optimizer = case.optimizer

    def problem(self, size: int = SIZE, **traits: Any) -> Problem:
        """Return a fresh problem: see `draw_problem`."""
        return draw_problem(self.rng, size, **traits)

    def point(self, B: int = 3, *, dtype: Any = np.float64, wide: bool = False) -> OptimizerPoint:
        """Return a fresh problem and its start; θ has 2 B + 1 numbers."""
        problem = self.problem(2 * B + 1)
        return OptimizerPoint(problem, problem.start.astype(dtype))

    def run(self, problem: Problem, dtype: Any = np.float64, slices: Mapping[str, slice] | None = None) -> Run:
        """Return a run that has taken no step yet."""
        return Run(self.optimizer, problem, problem.start.astype(dtype), slices)

    def everything(self, point: OptimizerPoint, subject: Optimizer | None = None) -> dict[str, Array]:
        """Return θ and the state after each of a few steps."""
        return results(self.optimizer if subject is None else subject, point)

    def question(self, point: OptimizerPoint) -> Question:
        """Return a call that another process can answer, too."""
        return Question("θ after a few steps", last_theta, (point,))


def last_theta(optimizer: Optimizer, point: OptimizerPoint) -> Array:
    """Return θ after a few steps."""
    return Run(optimizer, point.problem, point.theta.copy()).steps(STEPS).theta


def require_finite(run: Run, when: str) -> None:
    """Raise a Failure where θ is not finite."""
    wrong = ~np.isfinite(run.theta)
    if wrong.any():
        k = int(np.flatnonzero(wrong)[0])
        raise Failure(f"θ[{k}] is {run.theta[k]} after step {run.count}, {when} ({int(wrong.sum())} of {wrong.size})")

"""A small convex problem for an optimizer, with all that a rule of update may ask of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

from ..arrays import Array
from ..learning.optimizers import StepContext
from .drawing import signed, spread

BATCHES = 10
"""How many batches a problem has: step 10 sees the first one again."""
BEND = 0.1
"""How far the functions are from linear ones: the Gauss-Newton matrix depends on w, and is not the Hessian."""


@dataclass(frozen=True)
class Problem:
    """Least squares of nearly linear functions, another batch at each step.

    Formula:  obj(w) = 1/B Σ_j l_j;  l_j = ½ Σ_i r_i²;  r = z + sin(z) / 10 - y_j;  z = A_j w
              ∂obj/∂w = 1/B Σ_j r J_j;  G = 1/B Σ_j J_jᵀ J_j;  J_j = diag(1 + cos(z) / 10) A_j
    Shapes:   matrices A (batches, B, n, n); targets y (batches, B, n); w (copies · n), whose parts of n numbers are
              problems of their own, with A and y in common.

    G is well conditioned: rounding is not amplified by more than a factor of about ten. `w` may be any sequence of
    numbers, and everything is computed in float64.
    """

    matrices: Array
    targets: Array
    origin: Array
    copies: int = 1

    @property
    def start(self) -> Array:
        """The first w, a fresh array."""
        return np.tile(self.origin, self.copies)

    @property
    def size(self) -> int:
        """How many numbers w has."""
        return self.origin.size * self.copies

    def objective(self, w: Any, step: int = 0) -> float:
        """Return the mean loss over the batch of a step."""
        residuals, _, matrices = self._at(w, step)
        return float((residuals * residuals).sum() / (2 * len(matrices)))

    def gradient(self, w: Any, step: int = 0) -> Array:
        """Return ∂obj/∂w for the batch of a step."""
        residuals, slopes, matrices = self._at(w, step)
        return np.asarray(((residuals * slopes) @ matrices).sum(axis=0).reshape(-1) / len(matrices))

    def gauss_newton(self, w: Any, step: int = 0) -> Array:
        """Return G for the batch of a step, (size, size)."""
        return np.array([self.product(w, v, step) for v in np.eye(self.size)]).reshape(self.size, self.size)

    def product(self, w: Any, v: Any, step: int = 0) -> Array:
        """Return G v."""
        _, slopes, matrices = self._at(w, step)
        pushed = self._parts(v) @ matrices.transpose(0, 2, 1) * slopes
        return np.asarray(((pushed * slopes) @ matrices).sum(axis=0).reshape(-1) / len(matrices))

    def diagonal(self, w: Any, step: int = 0) -> Array:
        """Return the diagonal of G."""
        _, slopes, matrices = self._at(w, step)
        return np.asarray((slopes**2 @ matrices**2).sum(axis=0).reshape(-1) / len(matrices))

    def context(self, step: int, theta: Array, slices: Mapping[str, slice] | None = None) -> StepContext:
        """Return what the loop tells a rule at a step: it is computed at θ as it stands when it is asked for."""
        dtype = theta.dtype
        return StepContext(
            step,
            {"0.W": slice(0, theta.size)} if slices is None else slices,
            gauss_newton=lambda vector: self.product(theta, vector, step).astype(dtype),
            gauss_newton_diagonal=lambda: self.diagonal(theta, step).astype(dtype),
            objective=lambda: self.objective(theta, step),
        )

    def _parts(self, w: Any) -> Array:
        return np.asarray(w, np.float64).reshape(self.copies, self.origin.size)

    def _at(self, w: Any, step: int) -> tuple[Array, Array, Array]:
        """Return residuals and ∂r/∂z, each (B, copies, n), and the matrices of the batch."""
        batch = step % len(self.matrices)
        matrices = self.matrices[batch]
        z = self._parts(w) @ matrices.transpose(0, 2, 1)
        residuals = z + BEND * np.sin(z) - self.targets[batch][:, np.newaxis]
        return residuals, 1 + BEND * np.cos(z), matrices


def draw_problem(
    rng: np.random.Generator,
    size: int,
    *,
    batches: int = BATCHES,
    copies: int = 1,
    solved: int = 0,
    dead: Iterable[int] = (),
    at_zero: bool = False,
) -> Problem:
    """Return a problem whose slopes at the start are not small.

    `solved` says how many batches have their minimum at the start, `dead` which numbers nothing depends on; `at_zero`
    puts the start at 0.
    """
    shape = (batches, 2, size, size)
    matrices = rng.normal(0, 0.3 / max(size, 1) ** 0.5, shape) + np.diag(0.7 + 0.6 * rng.random(size))
    matrices[..., list(dead)] = 0.0
    start = np.zeros(size) if at_zero else spread(rng, (size,), -2.0, 2.0, [0.0])
    start = start.astype(np.float32).astype(np.float64)  # the same in float32
    bare = Problem(matrices, np.zeros(shape[:3]), start)
    targets = np.array([bare._at(start, step)[0][:, 0] for step in range(batches)]).reshape(shape[:3])
    targets[solved:] += (signed(rng, (size,), 0.6) + rng.normal(0, 0.1, shape[:3]))[solved:]
    return Problem(matrices, targets, start, copies)


Rule = Callable[[float, list[float]], Iterable[float]]


def coordinatewise(rule: Rule) -> Callable[[Problem], Iterator[Array]]:
    """Make a case's reference of a rule that treats each number alike: `rule(w, slopes)` yields w after each slope.

    w and the slopes are plain floats; the rule is run anew for every step, with the slopes so far.
    """

    def reference(problem: Problem) -> Iterator[Array]:
        start, w, seen = problem.start.tolist(), problem.start, []
        for step in count():
            seen.append(problem.gradient(w, step).tolist())
            paths = [list(rule(start[k], [slopes[k] for slopes in seen])) for k in range(problem.size)]
            w = np.array([path[-1] for path in paths])
            yield w

    return reference

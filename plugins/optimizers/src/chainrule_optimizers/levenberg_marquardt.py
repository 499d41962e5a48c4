"""Steps of a damped Gauss-Newton method, without its matrix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from chainrule import Array, Optimizer, StepContext, positive_int, positive_real, real

MOST = 1e10
"""Damping does not grow beyond this."""


@dataclass(frozen=True)
class LevenbergMarquardt(Optimizer):
    """The step to the lowest point of a quadratic model, damped as much as the model was wrong.

    Formula:  (G + μ I) D = -dW by conjugate gradients, at most `iterations`, or until the residual is `tolerance` |dW|;
              r = (Obj(W) - Obj(W + D)) / -(dW·D + D·G D / 2);
              W ← W + D if Obj(W + D) < Obj(W);
              μ ← f μ if r < 1/4 or W stays, μ / f if r > 3/4, within `minimum` … 1e10
    Damping:  a batch curves otherwise than the data do. `minimum` keeps a step from following a small batch too far;
              with batches of hundreds, or all of the data, it may be lower. Where the factor f is 1, μ is fixed: the
              plain damped Gauss-Newton method.
    Kinks:    G has the derivatives that the layers declare; a step across a kink that leads upwards is taken back.
    Cost:     a product with G in each iteration, and Obj twice; there is no learning rate to find.
    Raises:   SettingError unless `minimum` is a positive number, the damping μ one of at least that, `iterations` a
              positive int, the tolerance a number of 0 … 1, 1 excluded, and the factor a number of at least 1. In
              `step`, UnsupportedError for a loss without a Hessian.
    Source:   Marquardt (1963), An algorithm for least-squares estimation of nonlinear parameters; Nocedal and Wright
              (2006), Numerical optimization, algorithm 5.2 (conjugate gradients); Martens (2010), Deep learning via
              Hessian-free optimization, section 4.1 (1/4 and 3/4).
    """

    damping: float = 1.0
    iterations: int = 10
    tolerance: float = 0.01
    factor: float = 2.0
    minimum: float = 0.1

    def __post_init__(self) -> None:
        positive_real("minimum", self.minimum)
        real("damping", self.damping, minimum=self.minimum)
        positive_int("iterations", self.iterations)
        real("tolerance", self.tolerance, minimum=0.0, below=1.0)
        real("factor", self.factor, minimum=1.0)

    def init(self, theta: Array) -> dict[str, float]:
        """Return the damping."""
        return {"damping": float(self.damping)}

    def step(self, theta: Array, gradient: Array, state: dict[str, float], context: StepContext) -> None:
        """Move θ if that is downwards, and the damping in any case."""
        damping = state["damping"]
        move, predicted = self._solve(gradient, damping, context.gauss_newton)
        if gradient.any() and not move.any():  # the loss is not convex: enough damping makes its model so
            state["damping"] = min(damping * self.factor, MOST)
            return
        before, start = context.objective(), theta.copy()
        if not predicted > abs(before) * np.finfo(theta.dtype).eps:  # rounding would hide it
            return
        theta += move
        reduction = before - context.objective()
        if not reduction > 0:  # NaN is no reduction
            np.copyto(theta, start)
        if not reduction >= predicted / 4:
            damping *= self.factor
        elif reduction > predicted * 3 / 4:
            damping /= self.factor
        state["damping"] = min(max(damping, self.minimum), MOST)

    def _solve(self, gradient: Array, damping: float, gauss_newton: Callable[[Array], Array]) -> tuple[Array, float]:
        """Return D, in float64, and the reduction that the model predicts of it."""
        slopes = gradient.astype(np.float64)
        move, residual = np.zeros_like(slopes), -slopes
        direction = residual.copy()
        square = first = float(residual @ residual)
        for _ in range(self.iterations):
            if square <= self.tolerance**2 * first:
                break
            product = gauss_newton(direction) + damping * direction
            curvature = float(direction @ product)
            if not curvature > 0:  # the model has no lowest point this way
                break
            length = square / curvature
            move += length * direction
            residual -= length * product
            square, last = float(residual @ residual), square
            direction *= square / last
            direction += residual
        # The residual has the product with G: G D = -dW - residual - μ D.
        return move, (float(move @ (residual - slopes)) + damping * float(move @ move)) / 2

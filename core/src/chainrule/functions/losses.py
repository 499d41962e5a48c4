"""A loss is a function of scores and targets, per data point, and its derivative."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import DefinitionError, ShapeError, UnsupportedError


class Loss(ABC):
    """l(s, y) of each data point, without 1/B: the driver multiplies by it, or by 1/Σ_j w_j, once.

    Write a frozen dataclass; define `value`, one of `gradient` and `linearize`, and `decide`; `error`, `probabilities`
    and `hessian` where they have a meaning. A point with several scores sums over them.

    Shapes:   scores (B, *S); targets as the loss says, or None for a loss that needs none.
    Raises:   TargetError for targets of the wrong shape, kind or range; targets are never broadcast.
    Source:   course, sections 2 and 6.
    """

    applies: str | None = None
    """What it applies to the scores itself, such as "softmax"; then a last layer that bounds them is a mistake."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        unfinished = getattr(cls.value, "__isabstractmethod__", False)
        if not unfinished and cls.gradient is Loss.gradient and cls.linearize is Loss.linearize:
            hint = "define gradient or linearize(scores, targets)"
            raise DefinitionError(f"loss class {cls.__name__} has no derivative", hint=hint)

    @abstractmethod
    def value(self, scores: Array, targets: Any) -> Array:
        """Return l of each point, shape (B,)."""

    def gradient(self, scores: Array, targets: Any) -> Array:
        """Return ∂l/∂s of each point, the shape of `scores`."""
        return self.linearize(scores, targets)[1]

    def linearize(self, scores: Array, targets: Any) -> tuple[Array, Array]:
        """Return value and gradient together: what training runs."""
        return self.value(scores, targets), self.gradient(scores, targets)

    def weight(self, targets: Any) -> Array:
        """Return how much each point counts in a mean, shape (B,): Obj = Σ_j l_j / Σ_j w_j. Ones, unless overridden."""
        return np.ones(len(targets))

    def decide(self, scores: Array) -> Array:
        """Return the final output for each point, in the targets' own alphabet; here the very scores."""
        return scores

    def error(self, scores: Array, targets: Any) -> Array | None:
        """Return which decisions are wrong, bool (B,) or (B, …); None where that has no meaning.

        The share of errors is their sum over that of the weights: a point of several decisions weighs as many.
        """
        return None

    def probabilities(self, scores: Array) -> Array:
        """Return the probabilities that the scores stand for. Raises:   UnsupportedError unless overridden."""
        where = f"{self!r} is no likelihood: its scores are not probabilities"
        raise UnsupportedError(where, hint="use decide(scores)")

    def hessian(self, scores: Array, targets: Any) -> Array:
        """Return ∂²l/∂s∂s of each point, (B, *S, *S). Raises:   UnsupportedError unless overridden."""
        raise UnsupportedError(f"{self!r} has no second derivative", hint="define hessian(scores, targets)")


def total(loss: Loss, values: Any, B: int) -> float:
    """Return Σ_j l_j, added in float64. Raises:   ShapeError."""
    if getattr(values, "shape", None) != (B,):
        hint = "one number per sample"
        raise ShapeError(f"the value of {loss!r}", expected=(B,), got=np.shape(values), hint=hint)
    return float(np.add.reduce(values, dtype=np.float64))


def total_weight(loss: Loss, targets: Any, B: int) -> float:
    """Return Σ_j w_j over a batch; B for a loss whose points all weigh 1. Raises:   ShapeError."""
    if type(loss).weight is Loss.weight:
        return B
    weights = loss.weight(targets)
    if getattr(weights, "shape", None) != (B,):
        raise ShapeError(f"the weight of {loss!r}", expected=(B,), got=np.shape(weights), hint="one number per sample")
    return float(weights.sum(dtype=np.float64))

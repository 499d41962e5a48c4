"""What a check of a loss looks at: fresh scores and targets, and calls that blame the loss."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import UnsupportedError
from ..functions.losses import Loss
from . import drawing
from .blame import blame
from .cases import LossCase
from .outcomes import CaseError, Failure
from .probes import Probe, Question


@dataclass
class LossPoint:
    """Scores and targets of a batch."""

    scores: Array
    targets: Any

    def arrays(self) -> Iterator[tuple[str, Array]]:
        """Yield every array by the name that a message uses."""
        yield "scores", self.scores
        if isinstance(self.targets, np.ndarray):
            yield "targets", self.targets

    def astype(self, dtype: Any) -> LossPoint:
        """Return the point with scores in another dtype."""
        return LossPoint(self.scores.astype(dtype), self.targets)

    def rows(self, rows: Any) -> LossPoint:
        """Return some of the points."""
        return LossPoint(self.scores[rows], None if self.targets is None else self.targets[rows])


class LossProbe(Probe):
    """A loss on scores of its case's shape."""

    kind = "loss"

    def __init__(self, case: LossCase, seed: int, check_id: str, memory: dict[str, Any]) -> None:
        super().__init__(case, seed, check_id, memory)
        self.loss: Loss = case.loss

    def point(self, B: int = 5, *, dtype: Any = np.float64, wide: bool = False) -> LossPoint:
        """Return fresh scores and targets."""
        reach = drawing.WIDE if wide else drawing.NARROW
        scores = drawing.spread(self.rng, (B, *self.case.score_shape), -reach, reach, [0.0])
        targets = self.targets(B)
        if self.case.targets == "real":  # a loss has its kink where the two meet
            scores = np.where(np.abs(scores - targets) < 0.02, targets + 0.05, scores)
        return LossPoint(scores.astype(dtype), targets)

    def targets(self, B: int) -> Any:
        """Return legal targets."""
        try:
            drawn = drawing.draw_targets(self.case.targets, self.rng, B, self.case.score_shape)
        except Exception as error:
            raise CaseError(f"targets(rng, {B}) raised {type(error).__name__}: {error}") from error
        if drawn is not None and (not isinstance(drawn, np.ndarray) or drawn.ndim == 0 or len(drawn) != B):
            came = f"{drawn.shape}" if isinstance(drawn, np.ndarray) else type(drawn).__name__
            raise CaseError(f"targets(rng, {B}) returned {came}, expected an array of {B} targets, or None")
        return drawn

    def value(self, scores: Array, targets: Any, loss: Loss | None = None) -> Array:
        """Return the value of each point."""
        with blame(f"value of scores {scores.shape} {scores.dtype}"):
            return (loss or self.loss).value(scores, targets)

    def gradient(self, scores: Array, targets: Any, loss: Loss | None = None) -> Array:
        """Return the gradient of each point."""
        with blame(f"gradient of scores {scores.shape} {scores.dtype}"):
            return (loss or self.loss).gradient(scores, targets)

    def linearize(self, scores: Array, targets: Any, loss: Loss | None = None) -> tuple[Array, Array]:
        """Return value and gradient."""
        with blame(f"linearize of scores {scores.shape} {scores.dtype}"):
            result = (loss or self.loss).linearize(scores, targets)
        if not isinstance(result, tuple) or len(result) != 2:
            raise Failure(f"linearize returned {type(result).__name__}, not the pair (value, gradient)")
        return result

    def hessian(self, scores: Array, targets: Any) -> Array | None:
        """Return the second derivatives; None where the loss refuses."""
        with blame("hessian"):
            try:
                return self.loss.hessian(scores, targets)
            except (UnsupportedError, NotImplementedError):
                return None

    def everything(self, point: LossPoint, subject: Loss | None = None) -> dict[str, Array]:
        """Return value, gradient, linearize, decide, error and hessian at a point."""
        loss = self.loss if subject is None else subject
        s, t = point.scores, point.targets
        found = {"value": self.value(s, t, loss), "gradient": self.gradient(s, t, loss)}
        found["linearize's value"], found["linearize's gradient"] = self.linearize(s, t, loss)
        with blame("decide"):
            found["decide"] = loss.decide(s)
        with blame("error"):
            error = loss.error(s, t)
        with blame("probabilities"), contextlib.suppress(UnsupportedError, NotImplementedError):
            found["probabilities"] = loss.probabilities(s)
        hessian = self.hessian(s, t)
        return found | {name: v for name, v in (("error", error), ("hessian", hessian)) if v is not None}

    def question(self, point: LossPoint) -> Question:
        """Return the call of value."""
        return Question("value", "value", (point.scores, point.targets))

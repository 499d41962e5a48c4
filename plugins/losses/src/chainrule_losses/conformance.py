"""The cases that prove this family: each with the course's formula for one point, in 60 digits."""

from __future__ import annotations

import math
from decimal import Context, Decimal, localcontext
from typing import Any

import numpy as np

from chainrule.conformance import LossCase

from . import CrossEntropy, Logistic, MulticlassHinge, SequenceCrossEntropy, SignedLogistic, SquaredError

DIGITS = Context(prec=60)


def exactly(formula: Any) -> Any:
    """Return the reference that puts a formula of one point's decimal numbers to each point of a batch."""

    def reference(scores: Any, targets: Any) -> list[float]:
        with localcontext(DIGITS):
            return [
                float(formula([Decimal(float(v)) for v in np.ravel(s)], t))
                for s, t in zip(scores, targets, strict=True)
            ]

    return reference


def decimals(numbers: Any) -> list[Decimal]:
    """Return the scores or targets of one point as decimal numbers."""
    return [Decimal(float(v)) for v in np.ravel(numbers)]


def phi(s: Decimal) -> Decimal:
    """Return the logistic function's literal formula."""
    return 1 / (1 + (-s).exp())


def squared_error(s: list[Decimal], y: Any) -> Decimal:
    """Return Σ (y - s)²."""
    return sum(((b - a) ** 2 for a, b in zip(s, decimals(y), strict=True)), Decimal(0))


def logistic(s: list[Decimal], y: Any) -> Decimal:
    """Return -Σ log(φ^y (1 - φ)^(1 - y))."""
    pairs = zip(map(phi, s), decimals(y), strict=True)
    return -sum(((p**t * (1 - p) ** (1 - t)).ln() for p, t in pairs), Decimal(0))


def signed_logistic(s: list[Decimal], y: Any) -> Decimal:
    """Return -Σ log φ(y s)."""
    return -sum((phi(t * a).ln() for a, t in zip(s, decimals(y), strict=True)), Decimal(0))


def cross_entropy(s: list[Decimal], y: Any) -> Decimal:
    """Return log Σ e^s - s_y, or log Σ e^s - Σ t s for a distribution t."""
    right = s[y] if np.ndim(y) == 0 else sum((t * a for t, a in zip(decimals(y), s, strict=True)), Decimal(0))
    return sum((a.exp() for a in s), Decimal(0)).ln() - right


def hinge(margin: float) -> Any:
    """Return the reference of the hinge of a margin."""
    return exactly(
        lambda s, y: sum((max(Decimal(0), s[i] - s[y] + Decimal(margin)) for i in range(len(s)) if i != y), Decimal(0))
    )


def soft(rng: np.random.Generator, B: int) -> Any:
    """Draw probabilities as targets of a yes-or-no answer."""
    return rng.random((B, 2))


def positions(ignored: int | None, *shape: int) -> dict[str, Any]:
    """Return a case of classes at every position: some positions are ignored, and of point 2 all."""

    def targets(rng: np.random.Generator, B: int) -> Any:
        classes = rng.integers(0, shape[-1], (B, *shape[:-1]))
        if ignored is not None:
            classes[rng.random(classes.shape) < 0.3] = ignored
            classes[:, 0] = 0
            classes[2:3] = ignored
        return classes

    def reference(scores: Any, targets: Any) -> list[float]:
        at_each = exactly(cross_entropy)
        places = [[at for at in np.ndindex(own.shape) if own[at] != ignored] for own in targets]
        return [
            sum(at_each([s[at] for at in kept], [own[at] for at in kept]))
            for s, own, kept in zip(scores, targets, places, strict=True)
        ]

    return {"targets": targets, "reference": reference, "score_shape": shape}


MARGINS = [{"margin": wrong} for wrong in (0, -1.0, "1", True, math.inf)]

IGNORED = [{"ignore_index": wrong} for wrong in (0.0, "0", True, math.inf)]

CASES = [
    LossCase("squared_error", SquaredError(), (4,), "real", exactly(squared_error), non_negative=True, perfect=0.0),
    LossCase("squared_error/picture", SquaredError(), (2, 3), "real", exactly(squared_error), non_negative=True),
    LossCase("squared_error/number", SquaredError(), (), "real", exactly(squared_error), perfect=0.0),
    LossCase("logistic", Logistic(), (3,), "binary", exactly(logistic), non_negative=True, perfect=0.0),
    LossCase("logistic/one", Logistic(), (1,), "binary", exactly(logistic), non_negative=True, perfect=0.0),
    LossCase("logistic/probabilities", Logistic(), (2,), soft, exactly(logistic)),
    LossCase(
        "signed_logistic", SignedLogistic(), (3,), "sign", exactly(signed_logistic), non_negative=True, perfect=0.0
    ),
    LossCase("cross_entropy", CrossEntropy(), (4,), "class", exactly(cross_entropy), non_negative=True, perfect=0.0),
    LossCase("cross_entropy/two", CrossEntropy(), (2,), "class", exactly(cross_entropy), non_negative=True),
    LossCase("cross_entropy/distribution", CrossEntropy(), (4,), "distribution", exactly(cross_entropy)),
    LossCase(
        "sequence_cross_entropy", SequenceCrossEntropy(), **positions(None, 3, 4), invalid=IGNORED, non_negative=True
    ),
    LossCase("sequence_cross_entropy/ignored", SequenceCrossEntropy(-100), **positions(-100, 3, 4), non_negative=True),
    LossCase("sequence_cross_entropy/a class", SequenceCrossEntropy(1), **positions(1, 2, 3), non_negative=True),
    LossCase("sequence_cross_entropy/picture", SequenceCrossEntropy(-1), **positions(-1, 2, 2, 3), non_negative=True),
    LossCase(
        "multiclass_hinge",
        MulticlassHinge(),
        (4,),
        "class",
        hinge(1.0),
        kink_points=[((2.0, 1.0, 0.0, 0.5), 0, (0.0, 0.0, 0.0, 0.0)), ((2.0, 1.3, 0.5, 4.0), 1, (1.0, -3.0, 1.0, 1.0))],
        invalid=MARGINS,
        non_negative=True,
        perfect=0.0,
    ),
    LossCase(
        "multiclass_hinge/kink",
        MulticlassHinge(0.25),
        (2,),
        "class",
        hinge(0.25),
        kink_points=[((0.0, 0.25), 1, (0.0, 0.0))],
        non_negative=True,
        perfect=0.0,
    ),
]

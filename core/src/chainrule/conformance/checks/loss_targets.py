"""Which targets a loss takes, and which it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...arrays import Array
from ...errors import TargetError
from ...functions.losses import Loss
from ..compare import agree, relative
from ..loss_probes import LossPoint, LossProbe
from ..outcomes import Failure, NotApplicable
from ..rules import A_LOSS, Trait, rule
from .loss_decisions import KNOWN
from .losses import differences

HELPERS = {
    "real": "real_targets",
    "binary": "binary_targets",
    "sign": "sign_targets",
    "class": "class_targets",
    "distribution": "distribution_targets",
}
BINARY = Trait("a loss of yes-or-no answers", lambda case: case.targets == "binary")


@rule("loss.targets", A_LOSS, KNOWN, needs=["loss.runs"])
def targets(probe: LossProbe) -> None:
    """Targets of the wrong shape, kind or range are refused with a TargetError, by everything that takes targets.

    (B, 1) against (B,) broadcasts to B × B without a word; -1 indexes the last class.
    """
    point = probe.point(5)
    calls: dict[str, Callable[[Array, Any], Any]] = {
        "value": probe.loss.value,
        "gradient": probe.loss.gradient,
        "linearize": probe.loss.linearize,
    }
    if type(probe.loss).error is not Loss.error:
        calls["error"] = probe.loss.error
    if probe.hessian(point.scores, point.targets) is not None:
        calls["hessian"] = probe.loss.hessian
    taken: dict[str, list[str]] = {}
    for what, wrong in _wrong_targets(probe, point.targets):
        for name, call in calls.items():
            problem = _problem(call, point.scores, wrong)
            if problem:
                taken.setdefault(f"{what}: {problem}", []).append(name)
    if taken:
        helper = HELPERS[probe.case.targets]
        lines = [f"{what} by {', '.join(names)}" for what, names in taken.items()]
        hint = f"\nlikely cause: let chainrule.{helper}(name, scores, targets) check them"
        raise Failure("expected a TargetError for\n  " + "\n  ".join(lines) + hint)


def _problem(call: Callable[[Array, Any], Any], scores: Array, wrong: Any) -> str:
    """Return what came instead of a TargetError, or ""."""
    try:
        call(scores, wrong)
    except TargetError as error:
        return "" if str(error).strip() else "a TargetError without a message"
    except Exception as error:
        hint = ", which python -O removes" if isinstance(error, AssertionError) else ""
        return f"{type(error).__name__}{hint}"
    return "accepted"


def _wrong_targets(probe: LossProbe, given: Any) -> list[tuple[str, Any]]:
    """Return targets that a loss of the kind cannot take, with what is wrong."""
    kind, shape = probe.case.targets, probe.case.score_shape
    found: list[tuple[str, Any]] = [("no targets, None", None)]
    if isinstance(given, np.ndarray) and given.ndim:
        found += [
            ("one target less than points", given[:-1]),
            ("one target more than points", np.concatenate([given, given[:1]])),
        ]
    place = int(probe.rng.integers(given.size))

    def spoilt(value: Any, at: int = place) -> Array:
        changed = np.array(given, np.result_type(given, type(value)))
        changed.reshape(-1)[at] = value
        return changed

    found += [("complex numbers", given.astype(complex)), ("strings", given.astype(str))]
    if kind == "class":
        m = shape[0]
        return [
            *found,
            (f"the class {m} of {m}", spoilt(m)),
            ("the class -1", spoilt(-1)),
            (f"the class {m} of {m} at the end", spoilt(m, -1)),
            ("classes as floats", given.astype(float)),
            ("classes as a column (B, 1)", given[:, np.newaxis]),
        ]
    found.append(("targets with one axis more", given[..., np.newaxis]))
    if len(shape) and shape[-1] > 1:
        found.append(("one target for all scores of a point, (B, …, 1)", given[..., :1]))
    if shape == (1,):
        found.append(("targets (B,) for scores (B, 1)", given[:, 0]))
    if kind == "binary":
        found += [("the target 2", spoilt(2)), ("the target -1", spoilt(-1)), ("a target NaN", spoilt(np.nan))]
    if kind == "sign":
        found += [("the target 0", spoilt(0)), ("the target 2", spoilt(2)), ("the target 1.5", spoilt(1.5))]
        found.append(("a target NaN", spoilt(np.nan)))
    if kind == "distribution":
        row = place // shape[0]
        twice, negative = np.array(given), np.array(given)
        twice[row] *= 2
        negative[row, :2] = (-0.2, negative[row, :2].sum() + 0.2)
        found += [("a row that sums to 2", twice), ("a negative share", negative), ("a share NaN", spoilt(np.nan))]
    return found


@rule("loss.target_dtypes", A_LOSS, KNOWN, needs=["loss.runs"])
def target_dtypes(probe: LossProbe) -> None:
    """Targets of every dtype that can say them give the same value and gradient.

    Labels are read as uint8, and 2 y - 1 or -y of a uint8 is 255: a file's dtype must not change what is learned.
    """
    point = probe.point(300 if probe.case.targets == "class" else 5)
    kinds = {
        "class": ("int64", "int32", "uint8", "int8"),
        "binary": ("int64", "uint8", "int8", "bool", "float32", "float64"),
        "sign": ("int64", "int8", "float32", "float64"),
        "real": ("float64", "float32"),
        "distribution": ("float64", "float32"),
    }[probe.case.targets]
    given = np.asarray(point.targets)
    if given.dtype.kind == "f":
        given = given.astype(np.float32)  # numbers that both can say
    expected = probe.linearize(point.scores, given.astype(kinds[0]))
    for kind in kinds[1:]:
        if not np.array_equal(given.astype(kind), given):
            continue
        try:
            got = probe.linearize(point.scores, given.astype(kind))
        except Failure as failure:
            if kind == "bool" and isinstance(failure.__cause__, TargetError):
                continue  # a loss may ask for numbers
            raise
        for name, array, right in zip(("value", "gradient"), got, expected, strict=True):
            agree(
                array,
                right,
                relative(right, 1e-6),
                label=f"{name}, entry ",
                got_is=f"for targets of {kind}",
                expected_is=f"of {kinds[0]}",
                hint="arithmetic on the targets' own dtype wraps around: turn them into the scores' dtype first",
            )


@rule("loss.soft_targets", A_LOSS, BINARY, needs=["loss.gradient"])
def soft_targets(probe: LossProbe) -> None:
    """Where a yes-or-no loss takes a probability as its target, the gradient is right there, too.

    A rounding of the target hides behind targets that are 0 and 1.
    """
    point = probe.point()
    point = LossPoint(point.scores, probe.rng.uniform(0.1, 0.9, point.scores.shape))
    try:
        numerical = differences(probe, point)
    except Failure as failure:
        if isinstance(failure.__cause__, TargetError):
            raise NotApplicable("a loss that takes probabilities as targets") from None
        raise
    agree(
        probe.gradient(point.scores, point.targets),
        numerical.value,
        np.where(numerical.rough, np.inf, numerical.tolerance()),
        label="∂l/∂s for targets between 0 and 1, entry ",
        got_is="the loss's",
        expected_is="numerical",
        B=len(point.scores),
    )

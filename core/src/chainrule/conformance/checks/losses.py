"""What a loss computes: values, gradients, and the laws of a batch."""

from __future__ import annotations

import numpy as np

from ...arrays import Array
from ..compare import agree, entry, relative
from ..differences import Differences, along, assemble, step_of
from ..drawing import DRAWS
from ..loss_probes import LossPoint, LossProbe
from ..outcomes import CaseError, Failure, NotApplicable
from ..rules import A_LOSS, REFERENCE, Trait, rule

NON_NEGATIVE = Trait("a loss declared non-negative", lambda case: case.non_negative)


@rule("loss.runs", A_LOSS)
def loss_runs(probe: LossProbe) -> None:
    """value returns one finite number per point, shape (B,), and gradient an array in the shape of the scores.

    A loss that has averaged already cannot be weighted, split into shards, or told from its batch.
    """
    for B in (5, 1, 2):
        point = probe.point(B)
        for name, value in (
            ("value", probe.value(point.scores, point.targets)),
            ("linearize's value", probe.linearize(point.scores, point.targets)[0]),
        ):
            if not isinstance(value, np.ndarray) or value.shape != (B,):
                came = getattr(value, "shape", type(value).__name__)
                raise Failure(
                    f"{name} of scores {point.scores.shape} has shape {came}, expected {(B,)}: sum over the scores of "
                    "a point, and not over the points"
                )
            if not np.isfinite(value).all():
                raise Failure(f"{name} of ordinary scores is not finite: {value}")
        for name, gradient in (
            ("gradient", probe.gradient(point.scores, point.targets)),
            ("linearize's gradient", probe.linearize(point.scores, point.targets)[1]),
        ):
            if not isinstance(gradient, np.ndarray) or gradient.shape != point.scores.shape:
                came = getattr(gradient, "shape", type(gradient).__name__)
                raise Failure(f"{name} has shape {came}, expected that of the scores, {point.scores.shape}")


@rule("loss.reference", A_LOSS, REFERENCE, needs=["loss.runs"])
def reference(probe: LossProbe) -> None:
    """value equals the case's independent slow reference, point by point.

    When value and gradient are wrong alike, no derivative check can tell.
    """
    for wide in (False, True):
        for B in (5, 1):
            point = probe.point(B, wide=wide)
            expected = referred(probe, point)
            agree(
                probe.value(point.scores, point.targets),
                expected,
                relative(expected, 1e-9),
                label=entry("value of point "),
                got_is="the loss's",
                expected_is="the reference's",
                B=B,
            )


def referred(probe: LossProbe, point: LossPoint) -> Array:
    """Return the reference's value, asked for the batch, or else for each point. Raises:   CaseError."""
    function, B = probe.case.reference, len(point.scores)
    try:
        value = np.asarray(function(point.scores.copy(), point.targets), np.float64)
        if value.shape == (B,):
            return value
        problem = f"returned shape {value.shape}, expected {(B,)}"
    except Exception as error:
        problem = f"raised {type(error).__name__}: {error}"
    try:
        targets = [None] * B if point.targets is None else point.targets
        value = np.array([float(function(s.copy(), t)) for s, t in zip(point.scores, targets, strict=True)])
    except Exception:
        raise CaseError(f"the reference of the case {problem}; it takes a batch, as value does") from None
    return value


@rule("loss.gradient", A_LOSS, needs=["loss.runs"])
def gradient(probe: LossProbe) -> None:
    """The gradient of each point equals the numerical one, score by score.

    It is where every derivative of a network begins.
    """
    moved = False
    for wide in (False, True):
        point, numerical = smooth(probe, wide)
        moved = moved or bool(numerical.value.any())
        for name, got in (
            ("gradient", probe.gradient(point.scores, point.targets)),
            ("linearize", probe.linearize(point.scores, point.targets)[1]),
        ):
            agree(
                got,
                numerical.value,
                np.where(numerical.rough, np.inf, numerical.tolerance()),
                label=f"∂l/∂s by {name}",
                got_is="the loss's",
                expected_is="numerical",
                B=len(point.scores),
            )
    if not moved:
        raise CaseError("the numerical gradient is zero at every score drawn: the loss is constant there")


def smooth(probe: LossProbe, wide: bool) -> tuple[LossPoint, Differences]:
    """Return a point with no kink near, where the loss is not flat, if one is found, and its numerical gradient."""
    best, fewest = None, np.inf
    for _ in range(DRAWS):
        point = probe.point(wide=wide)
        numerical = differences(probe, point)
        faults = float(numerical.rough.sum()) + (0 if numerical.value.any() else 0.5)
        if faults < fewest:
            best, fewest = (point, numerical), faults
        if not faults:
            break
    if best is None or best[1].rough.mean() > 0.2:
        raise Failure(
            "differences of value with the steps h and h/2 disagree almost everywhere: it is not smooth, or jumps"
        )
    return best


def differences(probe: LossProbe, point: LossPoint) -> Differences:
    """Return the numerical gradient: a score of every point is moved at once, points being apart."""
    scores, B = point.scores, len(point.scores)
    flat, columns = scores.reshape(B, -1), []
    for k in range(flat.shape[1]):
        h = step_of(flat[:, k])

        def moved(t: float, k: int = k, h: Array = h) -> Array:
            far = flat.copy()
            far[:, k] += t * h
            return probe.value(far.reshape(scores.shape), point.targets)

        columns.append(along(moved, h))
    found = assemble(columns, probe.value(scores, point.targets))
    return Differences(*(part.reshape(scores.shape) for part in (found.value, found.error, found.rough)))


@rule("loss.linearize", A_LOSS, needs=["loss.runs"])
def linearize(probe: LossProbe) -> None:
    """linearize returns the value that value returns, and the gradient that gradient returns.

    A step trains by the one, evaluation and the user see the other.
    """
    for wide in (False, True):
        for B in (5, 1):
            point = probe.point(B, wide=wide)
            both = probe.linearize(point.scores, point.targets)
            single = (probe.value(point.scores, point.targets), probe.gradient(point.scores, point.targets))
            for name, got, expected in zip(("value", "gradient"), both, single, strict=True):
                agree(
                    got,
                    expected,
                    relative(expected, 1e-10) + 1e-14,
                    label=f"{name}, entry ",
                    got_is="linearize's",
                    expected_is=f"{name}'s own",
                    B=B,
                )


@rule("loss.points", A_LOSS, needs=["runs.everything"])
def points(probe: LossProbe) -> None:
    """A batch gives what its points give one by one: nothing is divided by B, and no point sees another.

    The driver multiplies by 1/B, once (E17 of the course); a second 1/B makes every step B times too short.
    """
    for B in sorted({2, 5, 131, *probe.case.score_shape}):
        point = probe.point(B)
        whole = probe.everything(point)
        alone = [probe.everything(point.rows(slice(j, j + 1))) for j in range(B)]
        for name, array in whole.items():
            for single in alone:
                came = single[name].shape if name in single else None
                if came != (1, *array.shape[1:]):
                    raise Failure(f"{name} of one point has shape {came}, expected {(1, *array.shape[1:])}")
            expected = np.concatenate([single[name] for single in alone])
            agree(
                array,
                expected,
                relative(expected, 1e-10),
                label=f"{name}, entry ",
                got_is=f"of the batch of {B}",
                expected_is="of its points one by one",
                B=B,
            )


@rule("loss.permutation", A_LOSS, needs=["runs.everything"])
def permutation(probe: LossProbe) -> None:
    """Points in another order give the same results in that order.

    Batches are shuffled.
    """
    point, order = probe.point(5), np.array([3, 0, 4, 1, 2])
    before = probe.everything(point)
    for name, got in probe.everything(point.rows(order)).items():
        if len(before[name]) != len(order):
            raise Failure(f"{name} of {len(order)} points has shape {before[name].shape}")
        agree(
            got,
            before[name][order],
            relative(before[name], 1e-11),
            label=f"{name}, entry ",
            got_is="in another order",
            expected_is="in that order before",
            B=5,
        )


@rule("loss.non_negative", A_LOSS, NON_NEGATIVE, needs=["loss.runs"])
def non_negative(probe: LossProbe) -> None:
    """No point of a loss that is declared non-negative costs less than 0.

    A negative cost can be made up without end.
    """
    for wide in (False, True):
        point = probe.point(17, wide=wide)
        value = probe.value(point.scores, point.targets)
        if (value < 0).any():
            raise Failure(
                f"value of point {int(value.argmin())} is {value.min():.9g}; the case declares it non-negative"
            )


@rule("loss.hessian", A_LOSS, needs=["loss.gradient"])
def hessian(probe: LossProbe) -> None:
    """hessian, where it is offered, equals differences of the gradient, shape (B, *S, *S).

    Gauss-Newton products stand on it.
    """
    for wide in (False, True):
        point, _ = smooth(probe, wide)
        scores, B = point.scores, len(point.scores)
        came = probe.hessian(scores, point.targets)
        if came is None:
            raise NotApplicable("a loss that offers a hessian")
        shape = (*scores.shape, *scores.shape[1:])
        if np.shape(came) != shape:
            raise Failure(f"hessian has shape {np.shape(came)}, expected {shape}")
        flat, columns = scores.reshape(B, -1), []
        for k in range(flat.shape[1]):
            h = step_of(flat[:, k])

            def moved(t: float, k: int = k, h: Array = h, flat: Array = flat, point: LossPoint = point) -> Array:
                far = flat.copy()
                far[:, k] += t * h
                return probe.gradient(far.reshape(point.scores.shape), point.targets).reshape(len(far), -1)

            columns.append(along(moved, h[:, np.newaxis]))
        numerical = assemble(columns, probe.gradient(scores, point.targets))
        agree(
            np.asarray(came).reshape(numerical.value.shape),
            numerical.value,
            np.where(numerical.rough, np.inf, numerical.tolerance()),
            label="∂²l/∂s∂s (scores flattened)",
            got_is="the loss's",
            expected_is="numerical",
            B=B,
        )

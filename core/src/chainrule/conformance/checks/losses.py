"""What a loss computes, decides, and refuses."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays import Array
from ...errors import TargetError
from ...losses import Loss
from ..blame import blame
from ..compare import agree, entry, relative
from ..differences import Differences, along, assemble, step_of
from ..outcomes import CaseError, Failure, NotApplicable
from ..probes import DRAWS, LossPoint, LossProbe
from ..rules import A_LOSS, Trait, rule

REFERENCE = Trait("a case with a reference", lambda case: case.reference is not None)
KINK_POINTS = Trait("a case with kink_points", lambda case: len(case.kink_points) > 0)
CLASSES = ("class", "distribution")
KNOWN = Trait("a case whose kind of targets is named", lambda case: isinstance(case.targets, str))
LABELLED = Trait(
    "a loss of classes or of yes-or-no answers",
    lambda case: case.targets in ("binary", "sign", *CLASSES) if isinstance(case.targets, str) else False,
)
NON_NEGATIVE = Trait("a loss declared non-negative", lambda case: case.non_negative)
PERFECT = Trait("a case that declares what a perfect prediction costs", lambda case: case.perfect is not None)


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
    for wide in (False, True):
        point, numerical = _smooth(probe, wide)
        if not numerical.value.any():
            raise CaseError("the numerical gradient is zero at every score drawn: the loss is constant there")
        agree(
            probe.gradient(point.scores, point.targets),
            numerical.value,
            np.where(numerical.rough, np.inf, numerical.tolerance()),
            label="∂l/∂s",
            got_is="the loss's",
            expected_is="numerical",
            B=len(point.scores),
        )


def _smooth(probe: LossProbe, wide: bool) -> tuple[LossPoint, Differences]:
    best = None
    for _ in range(DRAWS):
        point = probe.point(wide=wide)
        numerical = _differences(probe, point)
        if best is None or numerical.rough.sum() < best[1].rough.sum():
            best = (point, numerical)
        if not numerical.rough.any():
            break
    if best is None or best[1].rough.mean() > 0.2:
        raise Failure(
            "differences of value with the steps h and h/2 disagree almost everywhere: it is not smooth, or jumps"
        )
    return best


def _differences(probe: LossProbe, point: LossPoint) -> Differences:
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


@rule("loss.points", A_LOSS, needs=["loss.runs"])
def points(probe: LossProbe) -> None:
    """A batch gives what its points give one by one: nothing is divided by B, and no point sees another.

    The driver multiplies by 1/B, once (E17 of the course); a second 1/B makes every step B times too short.
    """
    for B in (5, 2):
        point = probe.point(B)
        whole = probe.linearize(point.scores, point.targets)
        alone = [(p.scores, p.targets) for p in (point.rows(slice(j, j + 1)) for j in range(B))]
        for i, name in enumerate(("value", "gradient")):
            calls = (probe.value, probe.gradient)
            for how, parts in (
                ("linearize", [probe.linearize(s, t)[i] for s, t in alone]),
                (name, [calls[i](s, t) for s, t in alone]),
            ):
                expected = np.concatenate(parts)
                got = whole[i] if how == "linearize" else calls[i](point.scores, point.targets)
                agree(
                    got,
                    expected,
                    relative(expected, 1e-10),
                    label=f"{name} by {how}, entry ",
                    got_is=f"of the batch of {B}",
                    expected_is="of its points one by one",
                    B=B,
                )


@rule("loss.permutation", A_LOSS, needs=["loss.runs"])
def permutation(probe: LossProbe) -> None:
    """Points in another order give the same values and gradients in that order.

    Batches are shuffled.
    """
    point, order = probe.point(5), np.array([3, 0, 4, 1, 2])
    before = probe.linearize(point.scores, point.targets)
    other = point.rows(order)
    for name, got, expected in zip(
        ("value", "gradient"), probe.linearize(other.scores, other.targets), before, strict=True
    ):
        agree(
            got,
            expected[order],
            relative(expected, 1e-11),
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


@rule("loss.better_is_cheaper", A_LOSS, KNOWN, needs=["loss.runs"])
def better_is_cheaper(probe: LossProbe) -> None:
    """A right prediction costs less than an equally sure wrong one.

    A loss with its sign the wrong way round has a perfect derivative, and trains a network to be wrong.
    """
    point = probe.point(7)
    for size in (0.5, 3.0):
        right, wrong = _right_and_wrong(probe, point.targets, size)
        cheap, dear = probe.value(right, point.targets), probe.value(wrong, point.targets)
        if not (cheap < dear).all():
            j = int(np.argmax(cheap - dear))
            raise Failure(
                f"point {j}: the right prediction {right[j]} costs {cheap[j]:.9g}, the wrong one {wrong[j]} "
                f"{dear[j]:.9g} (target {np.asarray(point.targets)[j]})\nlikely cause: the sign is the wrong way round"
            )


def _right_and_wrong(probe: LossProbe, targets: Any, size: float) -> tuple[Array, Array]:
    """Return scores that are right for the targets, and equally sure ones that are wrong."""
    kind, shape = probe.case.targets, (len(targets), *probe.case.score_shape)
    if kind == "real":
        return np.array(targets, np.float64), targets + size * np.where(probe.rng.random(shape) < 0.5, -1.0, 1.0)
    if kind in ("binary", "sign"):
        signs = np.where(np.asarray(targets) > 0, 1.0, -1.0)
        return size * signs, -size * signs
    classes = targets if np.ndim(targets) == 1 else np.argmax(targets, axis=1)
    m = probe.case.score_shape[0]
    if m < 2:
        raise NotApplicable("a loss of more than one class")
    right = size * np.eye(m)[classes]
    worst = (classes + 1) % m if np.ndim(targets) == 1 else np.argmin(targets, axis=1)
    return right, size * np.eye(m)[worst]


@rule("loss.perfect", A_LOSS, PERFECT, KNOWN, needs=["loss.runs"])
def perfect(probe: LossProbe) -> None:
    """A perfect prediction costs what the case declares.

    A margin, a constant or a factor that is lost shows where the cost should vanish.
    """
    point = probe.point(7)
    right, _ = _right_and_wrong(probe, point.targets, 200.0)
    if probe.case.targets == "distribution":
        right = np.log(point.targets)
    cost = probe.value(right, point.targets)
    agree(
        cost,
        np.full(cost.shape, float(probe.case.perfect)),
        1e-9,
        label=entry("value of a perfect prediction, point "),
        got_is="the loss's",
        expected_is="declared",
    )


def _decides(loss: Loss) -> bool:
    return type(loss).decide is not Loss.decide or type(loss).error is not Loss.error


@rule("loss.decide", A_LOSS, KNOWN, needs=["loss.runs"])
def decide(probe: LossProbe) -> None:
    """decide answers in the targets' own alphabet, and right scores decide for the target.

    The course's score space is not its output space: a user wants classes, 0 and 1, or -1 and 1.
    """
    if not _decides(probe.loss):
        raise NotApplicable("a loss that decides")
    point = probe.point(9)
    kind, m = probe.case.targets, probe.case.score_shape[0] if probe.case.score_shape else 1
    alphabet = {"binary": {0, 1}, "sign": {-1, 1}, "class": set(range(m)), "distribution": set(range(m))}.get(kind)
    right, wrong = _right_and_wrong(probe, point.targets, 2.0)
    for scores in (point.scores, right, wrong):
        with blame("decide"):
            decided = probe.loss.decide(scores)
        expected_shape = (len(scores),) if kind in CLASSES else scores.shape
        if not isinstance(decided, np.ndarray) or decided.shape != expected_shape:
            raise Failure(f"decide has shape {np.shape(decided)}, expected {expected_shape}")
        if alphabet is not None and not set(np.unique(decided).tolist()) <= alphabet:
            raise Failure(
                f"decide answers {sorted(set(np.unique(decided).tolist()))}, the targets are {sorted(alphabet)}"
            )
    with blame("decide"):
        decided, against = probe.loss.decide(right), probe.loss.decide(wrong)
    truth = np.argmax(point.targets, axis=1) if kind == "distribution" else np.asarray(point.targets)
    agree(decided, truth, 1e-9, label="decide", got_is="for right scores", expected_is="the target")
    if kind != "real" and (np.asarray(against) == truth).any():
        raise Failure("decide gives the target for scores that are wrong")


@rule("loss.error", A_LOSS, KNOWN, needs=["loss.decide"])
def error(probe: LossProbe) -> None:
    """error is true for exactly the points of which any decision is another than the target.

    It is the number that a user quotes.
    """
    if not _decides(probe.loss):
        raise NotApplicable("a loss that decides")
    point = probe.point(17)
    right, wrong = _right_and_wrong(probe, point.targets, 2.0)
    mixed = np.where((np.arange(17) % 2 == 0).reshape(-1, *[1] * (right.ndim - 1)), right, wrong)
    scattered = right.copy()
    scattered.reshape(17, -1)[::3, 0] = wrong.reshape(17, -1)[::3, 0]
    truth = np.argmax(point.targets, axis=1) if probe.case.targets == "distribution" else np.asarray(point.targets)
    for scores in (point.scores, right, wrong, mixed, scattered):
        with blame("error"):
            came = probe.loss.error(scores, point.targets)
            decided = probe.loss.decide(scores)
        if came is None:
            raise NotApplicable("a loss whose errors are counted")
        if not isinstance(came, np.ndarray) or came.shape != (17,) or came.dtype != bool:
            raise Failure(f"error is {getattr(came, 'dtype', '')} {np.shape(came)}, expected bool (17,)")
        expected = (np.asarray(decided) != truth).reshape(17, -1).any(axis=1)
        agree(came, expected, 0, label=entry("error of point "), got_is="error says", expected_is="decide != target")


@rule("loss.probabilities", A_LOSS, LABELLED, needs=["loss.runs"])
def probabilities(probe: LossProbe) -> None:
    """Probabilities lie between 0 and 1, sum to 1 over classes, and agree with decide.

    They are shown to users, and compared with thresholds.
    """
    from ...errors import UnsupportedError

    point = probe.point(9)
    try:
        with blame("probabilities"):
            p = probe.loss.probabilities(point.scores)
    except Failure as failure:
        if isinstance(failure.__cause__, UnsupportedError | NotImplementedError):
            raise NotApplicable("a loss that is a likelihood") from None
        raise
    if np.shape(p) != point.scores.shape:
        raise Failure(f"probabilities have shape {np.shape(p)}, expected {point.scores.shape}")
    if not ((p >= 0) & (p <= 1)).all():
        raise Failure(f"probabilities reach from {np.min(p):.9g} to {np.max(p):.9g}")
    with blame("decide"):
        decided = np.asarray(probe.loss.decide(point.scores))
    if probe.case.targets in CLASSES:
        agree(p.sum(axis=1), np.ones(9), 1e-9, label="the sum of row ", got_is="is", expected_is="expected")
        likeliest = np.argmax(p, axis=1)
    else:
        likeliest = np.where(p > 0.5, 1, 0 if probe.case.targets == "binary" else -1)
    agree(decided, likeliest, 0, label="entry ", got_is="decide says", expected_is="the likeliest is")


@rule("loss.targets", A_LOSS, KNOWN, needs=["loss.runs"])
def targets(probe: LossProbe) -> None:
    """Targets of the wrong shape, kind or range are refused with a TargetError, by value, gradient and linearize.

    (B, 1) against (B,) broadcasts to B × B without a word; -1 indexes the last class.
    """
    point = probe.point(4)
    for what, wrong in _wrong_targets(probe, point.targets):
        calls: dict[str, Any] = {
            "value": probe.loss.value,
            "gradient": probe.loss.gradient,
            "linearize": probe.loss.linearize,
        }
        if type(probe.loss).error is not Loss.error:
            calls["error"] = probe.loss.error
        if probe.hessian(point.scores, point.targets) is not None:
            calls["hessian"] = probe.loss.hessian
        for name, call in calls.items():
            try:
                call(point.scores, wrong)
            except TargetError as raised:
                if not str(raised).strip():
                    raise Failure(f"{name} with {what}: a TargetError without a message") from raised
                continue
            except Exception as raised:
                raise Failure(
                    f"{name} with {what} raised {type(raised).__name__}: {raised}; expected a TargetError"
                ) from raised
            raise Failure(
                f"{name} takes {what}; expected a TargetError: class_targets, real_targets, … of chainrule check them"
            )


def _wrong_targets(probe: LossProbe, given: Any) -> list[tuple[str, Any]]:
    """Return targets that a loss of the kind cannot take, with what is wrong."""
    kind, shape = probe.case.targets, probe.case.score_shape
    found: list[tuple[str, Any]] = [("no targets, None", None), ("one target less than points", given[:-1])]
    if kind == "class":
        m = shape[0]
        found += [
            (f"the class {m} of {m}", _with_first(given, m)),
            ("the class -1", _with_first(given, -1)),
            ("classes as floats", given.astype(float)),
            ("classes as a column (B, 1)", given[:, np.newaxis]),
        ]
        return found
    found.append(("targets with one axis more", given[..., np.newaxis]))
    if len(shape) and shape[-1] > 1:
        found.append(("one target for all scores of a point, (B, …, 1)", given[..., :1]))
    if shape == (1,):
        found.append(("targets (B,) for scores (B, 1)", given[:, 0]))
    if kind == "binary":
        found += [("the target 2", _with_first(given, 2)), ("the target -1", _with_first(given, -1))]
    if kind == "sign":
        found += [("the target 0", _with_first(given, 0)), ("the target 2", _with_first(given, 2))]
    if kind == "distribution":
        found += [("rows that sum to 2", 2 * given), ("a negative share", _with_negative(given))]
    return found


def _with_first(given: Array, value: int) -> Array:
    changed = np.array(given)
    changed.reshape(-1)[0] = value
    return changed


def _with_negative(given: Array) -> Array:
    changed = np.array(given)
    changed[0, :2] = (-0.2, changed[0, :2].sum() + 0.2)
    return changed


@rule("loss.target_dtypes", A_LOSS, KNOWN, needs=["loss.runs"])
def target_dtypes(probe: LossProbe) -> None:
    """Targets of every dtype that can say them give the same value and gradient.

    Labels are read as uint8, and 2 y - 1 or -y of a uint8 is 255: a file's dtype must not change what is learned.
    """
    point = probe.point(5)
    kinds = {
        "class": ("int64", "int32", "uint8", "int8"),
        "binary": ("int64", "uint8", "int8", "bool", "float32", "float64"),
        "sign": ("int64", "int8", "float32", "float64"),
        "real": ("float64", "float32"),
        "distribution": ("float64", "float32"),
    }[probe.case.targets]
    given = np.asarray(point.targets)
    if probe.case.targets in ("real", "distribution"):
        given = given.astype(np.float32)
        given = given if probe.case.targets == "real" else (given / given.sum(axis=1, keepdims=True)).astype(np.float32)
    expected = probe.linearize(point.scores, given.astype(kinds[0]))
    for kind in kinds[1:]:
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


@rule("loss.hessian", A_LOSS, needs=["loss.gradient"])
def hessian(probe: LossProbe) -> None:
    """hessian, where it is offered, equals differences of the gradient, shape (B, *S, *S).

    Gauss-Newton products stand on it.
    """
    for wide in (False, True):
        point, _ = _smooth(probe, wide)
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


@rule("loss.extremes", A_LOSS, needs=["loss.gradient"])
def extremes(probe: LossProbe) -> None:
    """For scores of ±1e4 value and gradient are finite in float32, and right to 1e-5.

    The literal formulas overflow at a score of 89: log(1 + e^s), -s_y + log Σ e^s (E20 of the course).
    """
    for pattern in ("mixed", "up", "down"):
        point = probe.point(5)
        shape: Array = np.asarray(1 - 0.3 * probe.rng.random(point.scores.shape))
        if pattern == "mixed":
            shape = np.where(probe.rng.random(shape.shape) < 0.5, -shape, shape)
        shape = np.asarray(-shape if pattern == "down" else shape)
        scores = (1e4 * shape).astype(np.float32)
        grown = probe.linearize(1e2 * shape, point.targets)
        if any((~np.isfinite(part) | (np.abs(part) > 1e20)).any() for part in grown):
            continue  # it rightly grows like an exponential
        exact = probe.linearize(scores.astype(np.float64), point.targets)
        for dtype in (np.float64, np.float32):
            for how, results in (
                ("linearize", probe.linearize(scores.astype(dtype), point.targets)),
                (
                    "value and gradient",
                    (
                        probe.value(scores.astype(dtype), point.targets),
                        probe.gradient(scores.astype(dtype), point.targets),
                    ),
                ),
            ):
                _finite_and_right(results, exact, np.dtype(dtype), how)
        everything = probe.everything(LossPoint(scores, point.targets))
        for name in ("probabilities", "hessian"):
            if name in everything and not np.isfinite(everything[name]).all():
                raise Failure(f"{name} of scores of ±1e4 is not finite in float32")
        if probe.case.reference is not None:
            _compare_where_finite(probe, LossPoint(scores.astype(np.float64), point.targets), exact[0])


def _finite_and_right(results: Any, exact: Any, dtype: Any, how: str) -> None:
    for name, got, expected in zip(("value", "gradient"), results, exact, strict=True):
        if not np.isfinite(got).all():
            index = tuple(int(i) for i in np.argwhere(~np.isfinite(got))[0])
            raise Failure(
                f"{name}{list(index)} by {how} is {got[index]} for {dtype} scores of ±1e4\n"
                "likely cause: an exponential overflows on the way; subtract the largest score, use log1p(exp(-|s|))"
            )
        agree(
            got.astype(np.float64),
            expected,
            relative(expected, 1e-5) + 1e-30,
            label=f"{name} by {how} for scores of ±1e4, entry ",
            got_is=f"in {dtype}",
            expected_is="in float64",
        )


def _compare_where_finite(probe: LossProbe, point: LossPoint, value: Array) -> None:
    try:
        expected = referred(probe, point)
    except CaseError:
        return
    known = np.isfinite(expected)
    agree(
        np.where(known, value, 0.0),
        np.where(known, expected, 0.0),
        relative(expected[known], 1e-5),
        label=entry("value for scores of ±1e4, point "),
        got_is="the loss's",
        expected_is="the reference's",
    )


@rule("loss.nan", A_LOSS, needs=["loss.points"])
def nan(probe: LossProbe) -> None:
    """A NaN among the scores of a point comes out in its value, and in no other point's value or gradient.

    Training stops at a loss that is not finite; one that swallows NaN trains on.
    """
    point = probe.point(3)
    clean = probe.linearize(point.scores, point.targets)
    scores = point.scores.copy()
    scores[1] = np.nan
    value, gradient_ = probe.linearize(scores, point.targets)
    for name, came in (("value", probe.value(scores, point.targets)), ("linearize's value", value)):
        if not np.isnan(came[1]):
            raise Failure(f"all scores of point 1 are NaN, and {name} of it is {came[1]:.9g}: the NaN is swallowed")
    for name, got, expected in (("value", value, clean[0]), ("gradient", gradient_, clean[1])):
        agree(
            got[[0, 2]],
            expected[[0, 2]],
            relative(expected, 1e-12),
            label=f"{name} of another point, entry ",
            got_is="with NaN in point 1",
            expected_is="without",
        )


@rule("loss.kink_points", A_LOSS, KINK_POINTS, needs=["loss.runs"])
def kink_points(probe: LossProbe) -> None:
    """At each of the case's kink points the gradient is the declared one.

    The convention where a margin is met exactly: E19b of the course.
    """
    for n, declared in enumerate(probe.case.kink_points):
        scores, target, expected = declared if len(declared) == 3 else (declared[0], None, declared[1])
        scores = np.asarray(scores, np.float64)
        if scores.shape == probe.case.score_shape:
            scores = scores[np.newaxis]
            target = None if target is None else np.asarray(target)[np.newaxis]
        got = probe.gradient(scores, None if target is None else np.asarray(target))
        expected = np.asarray(expected, np.float64)
        if expected.size not in (1, got.size):
            raise CaseError(f"kink_points[{n}]: the gradient has shape {expected.shape}, expected {got.shape[1:]}")
        agree(
            got,
            np.broadcast_to(expected.reshape(-1), (got.size,)).reshape(got.shape),
            1e-9,
            label=entry(f"kink_points[{n}], ∂l/∂s"),
            got_is="the loss's",
            expected_is="declared",
        )


@rule("loss.hull", A_LOSS, needs=["loss.gradient"])
def hull(probe: LossProbe) -> None:
    """Where scores are zero, equal, or meet a margin or target, the gradient is finite and among those close by.

    Scores are zero before the first step, and equal for many classes.
    """
    near, few, many = 1e-4, 192, 4096
    base = probe.point(5)
    grid = np.array([-1.0, 0.0, 1.0])
    batches = [np.zeros_like(base.scores), *(probe.rng.choice(grid, base.scores.shape) for _ in range(3))]
    if probe.case.targets == "real":
        batches.append(np.array(base.targets, np.float64))
    for scores in batches:
        at = probe.gradient(scores, base.targets)
        for j in range(len(scores)):
            target = None if base.targets is None else base.targets[j : j + 1]
            for count in (few, many):
                offsets = probe.rng.uniform(-near, near, (count, *scores.shape[1:]))
                repeated = None if target is None else np.repeat(target, count, axis=0)
                around = probe.gradient(scores[j] + offsets, repeated)
                if not np.isfinite(around).all() or np.abs(around).max(initial=0.0) > 1e6:
                    break
                low, high = around.min(axis=0), around.max(axis=0)
                slack = 1e-2 * float(np.abs(around).max(initial=0.0)) + 1e-12
                outside = ~((at[j] >= low - slack) & (at[j] <= high + slack))
                sums = around.reshape(count, -1).sum(axis=1)
                total = float(at[j].sum())
                constant = float(np.ptp(sums)) <= 1e-9 * (1 + float(np.abs(around).max(initial=0.0)))
                lost = constant and not abs(total - float(sums[0])) <= 1e-6 * (
                    1 + float(np.abs(around).max(initial=0.0))
                )
                if not outside.any() and not lost:
                    break
            else:
                _tell_outside(scores[j], at[j], low, high, outside, total, float(sums[0]))


def _tell_outside(
    scores: Array, at: Array, low: Array, high: Array, outside: Array, total: float, close_by: float
) -> None:
    where = f"at the scores {scores.reshape(-1)[:8].tolist()}"
    if outside.any():
        index = tuple(int(i) for i in np.argwhere(outside)[0])
        raise Failure(
            f"∂l/∂s{list(index)} {where}: the loss's {at[index]:.9g}, close by it is {low[index]:.9g} to "
            f"{high[index]:.9g}"
        )
    raise Failure(f"the sum of ∂l/∂s {where}: the loss's {total:.9g}, close by it is always {close_by:.9g}")

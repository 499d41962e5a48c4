"""What a loss decides, and what decisions cost."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays import Array
from ...errors import UnsupportedError
from ...functions.losses import Loss
from ..blame import blame
from ..compare import agree, entry
from ..loss_probes import LossProbe
from ..outcomes import Failure, NotApplicable
from ..rules import A_LOSS, Trait, rule

CLASSES = ("class", "distribution")
KNOWN = Trait("a case whose kind of targets is named", lambda case: isinstance(case.targets, str))
LABELLED = Trait(
    "a loss of classes or of yes-or-no answers",
    lambda case: case.targets in ("binary", "sign", *CLASSES) if isinstance(case.targets, str) else False,
)
PERFECT = Trait("a case that declares what a perfect prediction costs", lambda case: case.perfect is not None)


@rule("loss.better_is_cheaper", A_LOSS, KNOWN, needs=["loss.runs"])
def better_is_cheaper(probe: LossProbe) -> None:
    """A right prediction costs less than an equally sure wrong one.

    A loss with its sign the wrong way round has a perfect derivative, and trains a network to be wrong.
    """
    point, told = probe.point(7), False
    for size in (0.5, 3.0):
        right, wrong = _right_and_wrong(probe, point.targets, size)
        cheap, dear = probe.value(right, point.targets), probe.value(wrong, point.targets)
        told = told or bool((cheap < dear).any())
        if not (cheap <= dear).all():
            j = int(np.argmax(cheap - dear))
            raise Failure(
                f"point {j}: the right prediction {right[j]} costs {cheap[j]:.9g}, the wrong one {wrong[j]} "
                f"{dear[j]:.9g} (target {np.asarray(point.targets)[j]})\nlikely cause: the sign is the wrong way round"
            )
    if not told:
        raise Failure("right and wrong predictions cost the same at every point that was tried")


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
    for scores in (point.scores, right, wrong, np.zeros_like(right)):
        with blame("decide"):
            decided = probe.loss.decide(scores)
        if kind == "distribution" and np.shape(decided) == scores.shape:
            raise NotApplicable("a loss that decides for a class")
        expected_shape = (len(scores),) if kind in CLASSES else scores.shape
        if not isinstance(decided, np.ndarray) or decided.shape != expected_shape:
            raise Failure(f"decide has shape {np.shape(decided)}, expected {expected_shape}")
        if kind in CLASSES and decided.dtype.kind not in "iu":
            raise Failure(f"decide has dtype {decided.dtype}; classes are whole numbers, they index")
        if alphabet is not None and not set(np.unique(decided).tolist()) <= alphabet:
            raise Failure(
                f"decide answers {sorted(set(np.unique(decided).tolist()))}, the targets are {sorted(alphabet)}"
            )
    if kind == "real":
        return  # what a number is rounded to is for the loss to say
    with blame("decide"):
        decided, against = probe.loss.decide(right), probe.loss.decide(wrong)
    truth = np.argmax(point.targets, axis=1) if kind == "distribution" else np.asarray(point.targets)
    agree(decided, truth, 1e-9, label="decide", got_is="for right scores", expected_is="the target")
    if (np.asarray(against) == truth).any():
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
    scattered, nearly = right.copy(), right.copy()
    scattered.reshape(17, -1)[::3, 0] = wrong.reshape(17, -1)[::3, 0]
    nearly.reshape(17, -1)[:, -1] = point.scores.reshape(17, -1)[:, -1]
    truth = np.argmax(point.targets, axis=1) if probe.case.targets == "distribution" else np.asarray(point.targets)
    for scores in (point.scores, right, wrong, mixed, scattered, nearly):
        with blame("error"):
            came = probe.loss.error(scores, point.targets)
            decided = probe.loss.decide(scores)
        if came is None:
            raise NotApplicable("a loss whose errors are counted")
        if not isinstance(came, np.ndarray) or came.shape != (17,) or came.dtype != bool:
            raise Failure(f"error is {getattr(came, 'dtype', '')} {np.shape(came)}, expected bool (17,)")
        if probe.case.targets == "real":
            continue  # how far off is wrong is for the loss to say
        expected = (np.asarray(decided) != truth).reshape(17, -1).any(axis=1)
        agree(came, expected, 0, label=entry("error of point "), got_is="error says", expected_is="decide != target")


@rule("loss.probabilities", A_LOSS, LABELLED, needs=["loss.runs"])
def probabilities(probe: LossProbe) -> None:
    """Probabilities lie between 0 and 1, sum to 1 over classes, and agree with decide.

    They are shown to users, and compared with thresholds.
    """
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
    _likelihood(probe, point.scores, p)


def _likelihood(probe: LossProbe, scores: Array, p: Array) -> None:
    """Compare with e^-value where these are probabilities themselves: they sum to 1 over all that may be true."""
    kind, shape = probe.case.targets, probe.case.score_shape
    if kind == "class":
        answers = [np.full(len(scores), k) for k in range(shape[0])]
    elif kind in ("binary", "sign") and shape == (1,):
        answers = [np.full(scores.shape, k) for k in ((0, 1) if kind == "binary" else (-1, 1))]
    else:
        return
    meant = np.exp(-np.array([probe.value(scores, answer) for answer in answers]).T)
    if np.allclose(meant.sum(axis=1), 1, rtol=0, atol=1e-9):
        got = p if kind == "class" else np.concatenate([1 - p, p], axis=1)
        agree(got, meant, 1e-9, label="p", got_is="probabilities say", expected_is="e^-value of that answer is")


@rule("loss.counts_errors", A_LOSS, LABELLED, needs=["loss.decide"], tier="should")
def counts_errors(probe: LossProbe) -> None:
    """A loss of labels decides for a label, and says which points are decided wrongly.

    Without it training shows a loss, and no share of errors.
    """
    if type(probe.loss).decide is Loss.decide:
        raise Failure("the class does not define decide: a user gets scores, where the targets are labels")
    point = probe.point(5)
    with blame("error"):
        came = probe.loss.error(point.scores, point.targets)
    if came is None:
        raise Failure("error returns None, although decide answers in the targets' alphabet")

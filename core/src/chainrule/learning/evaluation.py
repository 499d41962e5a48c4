"""E_in and E_out: the mean loss over a set, and the share of wrong decisions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..admission import check_finite
from ..errors import TargetError
from ..functions.losses import Loss, total_weight
from ..functions.network import Network
from ..rows import check_lengths, indexable
from ..settings import positive_int
from .history import Evaluation
from .shards import Shards
from .weights import Weighted, sample_weights, weighed

EVALUATION_BATCH = 256


def evaluate(
    network: Network,
    x: Any,
    targets: Any,
    loss: Loss,
    batch_size: int = EVALUATION_BATCH,
    shards: int = 1,
    *,
    sample_weight: Any = None,
) -> Evaluation:
    """Return Σ_i l(Net(x_i), y_i) / Σ_i w_i and the share of errors: E_in on training data, E_out on test data.

    The weights w_i are the loss's, and 1 for most; `sample_weight` multiplies l_i, the errors and them.

    It predicts `batch_size` samples at a time, and so the result depends on it where a layer mixes samples. `shards`
    are as in `train`: with those of a run, the result has the same bits as that run's own.

    Raises:   ShapeError, DataError, TargetError.
    Source:   course, section 2.
    """
    x, targets = indexable(x, "x"), None if targets is None else indexable(targets, "targets")
    positive_int("batch_size", batch_size)
    check_lengths(x, targets, "evaluation")
    given: tuple[Any, Loss] = targets, loss
    if sample_weight is not None:
        given = weighed(targets, sample_weights("sample_weight", sample_weight, len(x))), Weighted(loss)
    try:
        with Shards(network, shards) as threads:
            found = evaluate_in(threads, x, *given, batch_size)
    except TargetError:
        check_finite("targets", targets)  # which row it is, the loss does not know
        raise
    if targets is not None and not math.isfinite(found.loss):
        check_finite("targets", targets)
    return found


def evaluate_in(threads: Shards, x: Any, targets: Any, loss: Loss, batch_size: int) -> Evaluation:
    """Evaluate as many batches at once as there are shards: their number shows in no bit."""

    def measure(batch: tuple[Any, Any]) -> tuple[float, float | None, float]:
        x, own = batch
        scores = threads.network.predict_at_once(x)
        errors = loss.error(scores, own)
        value = float(loss.value(scores, own).sum(dtype=np.float64))
        return value, None if errors is None else float(errors.sum()), total_weight(loss, own, len(x))

    measured: list[tuple[float, float | None, float]] = []
    batches = [slice(start, start + batch_size) for start in range(0, len(x), batch_size)]
    for first in range(0, len(batches), threads.count):
        group = batches[first : first + threads.count]
        measured += threads.map(measure, [(x[rows], None if targets is None else targets[rows]) for rows in group])
    weight = sum(weight for *_, weight in measured) or 1.0
    wrong = [count for _, count, _ in measured if count is not None]
    error = sum(wrong) / weight if len(wrong) == len(measured) else None
    return Evaluation(sum(value for value, *_ in measured) / weight, error)

"""E_in and E_out: the mean loss over a set, and the share of wrong decisions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..admission import check_finite
from ..errors import TargetError
from ..functions.at_once import batches_that_pay
from ..functions.losses import Loss, total_weight
from ..functions.network import Network
from ..rows import check_lengths, indexable
from ..settings import positive_int
from .auto_shards import AUTO, check_shards
from .history import Evaluation
from .metrics import Metric, Outputs, check_metrics, measured
from .shards import Shards
from .weights import Weighted, sample_weights, weighed

EVALUATION_BATCH = 256


def evaluate(
    network: Network,
    x: Any,
    targets: Any,
    loss: Loss,
    batch_size: int = EVALUATION_BATCH,
    shards: int | str = AUTO,
    *,
    sample_weight: Any = None,
    metrics: Mapping[str, Metric] | None = None,
) -> Evaluation:
    """Return Σ_i l(Net(x_i), y_i) / Σ_i w_i and the share of errors: E_in on training data, E_out on test data.

    The weights w_i are the loss's, and 1 for most; `sample_weight` multiplies l_i, the errors and them. `metrics` by
    name are measured of all samples at once: what is kept until then are decisions, and no samples.

    It predicts `batch_size` samples at a time, and so the result depends on it where a layer mixes samples. `shards`
    are as many batches at once, `"auto"` as many as pay. How many there are above 1 shows in no bit, and with those of
    a run, the result has the same bits as that run's own.

    Raises:   ShapeError, DataError, TargetError; SettingError, UnsupportedError and PluginError for metrics.
    Source:   course, section 2.
    """
    x, targets = indexable(x, "x"), None if targets is None else indexable(targets, "targets")
    positive_int("batch_size", batch_size)
    check_lengths(x, targets, "evaluation")
    wanted = check_metrics(metrics, network, loss, x, targets)
    given: tuple[Any, Loss] = targets, loss
    if sample_weight is not None:
        given = weighed(targets, sample_weights("sample_weight", sample_weight, len(x))), Weighted(loss)
    shards = check_shards(network, shards)
    at_once = batches_that_pay(network, len(x), batch_size) if isinstance(shards, str) else shards
    try:
        with Shards(network, at_once) as threads:
            found = evaluate_in(threads, x, *given, batch_size, wanted)
    except TargetError:
        check_finite("targets", targets)  # which row it is, the loss does not know
        raise
    if targets is not None and not math.isfinite(found.loss):
        check_finite("targets", targets)
    return found


def evaluate_in(
    threads: Shards, x: Any, targets: Any, loss: Loss, batch_size: int, metrics: Mapping[str, Metric]
) -> Evaluation:
    """Evaluate as many batches at once as there are shards: their number shows in no bit."""

    def measure(batch: tuple[Any, Any]) -> tuple[float, float | None, float, Outputs | None]:
        x, own = batch
        scores = threads.network.predict_at_once(x)
        errors = loss.error(scores, own)
        value = float(loss.value(scores, own).sum(dtype=np.float64))
        wrong = None if errors is None else float(errors.sum())
        return value, wrong, total_weight(loss, own, len(x)), Outputs.of(loss, scores, own, metrics)

    batches = (slice(start, start + batch_size) for start in range(0, len(x), batch_size))
    given = ((x[rows], None if targets is None else targets[rows]) for rows in batches)
    found = [*threads.in_turn(measure, given)]
    values, counts, weights, outputs = zip(*found, strict=True)
    weight = sum(weights) or 1.0
    wrong = [count for count in counts if count is not None]
    error = sum(wrong) / weight if len(wrong) == len(found) else None
    return Evaluation(sum(values) / weight, error, measured(metrics, loss, outputs))

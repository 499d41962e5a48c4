"""The cases that prove normalization: each with a slow forward of one sample, row by row."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.conformance import LayerCase

from . import BatchNorm, LayerNorm, RMSNorm
from .batch_norm import TrainingBatchNorm

EPS = [{"eps": wrong} for wrong in (0.0, 0, -1e-5, "1e-5", True, None, math.inf, math.nan)]
MOMENTA = [{"momentum": wrong} for wrong in (0.0, 0, 1, 1.0, -0.1, "0.1", True, None, math.inf, math.nan)]


def row_by_row(x: Any, normal: Any) -> Any:
    """Return a function of a list of numbers, applied to each vector along the last axis."""
    y = np.zeros(np.shape(x))
    for place in np.ndindex(y.shape[:-1]):
        y[place] = normal([float(v) for v in x[place]])
    return y


def slow_layer_norm(eps: float) -> Any:
    """Return the reference: Σ v and Σ (v - mean)², number by number."""

    def reference(x: Any, gamma: Any, beta: Any) -> Any:
        def normal(row: list[float]) -> list[float]:
            mean = math.fsum(row) / len(row)
            deviation = math.sqrt(math.fsum((v - mean) ** 2 for v in row) / len(row) + eps)
            return [gamma[k] * (v - mean) / deviation + beta[k] for k, v in enumerate(row)]

        return row_by_row(x, normal)

    return reference


def slow_rms_norm(eps: float) -> Any:
    """Return the reference: Σ v², number by number."""

    def reference(x: Any, gamma: Any) -> Any:
        def normal(row: list[float]) -> list[float]:
            size = math.hypot(*row, math.sqrt(len(row) * eps)) / math.sqrt(len(row))
            return [gamma[k] * v / size for k, v in enumerate(row)]

        return row_by_row(x, normal)

    return reference


def slow_prediction(eps: float) -> Any:
    """Return the reference at the start, where the mean is 0 and the variance 1."""

    def reference(x: Any, gamma: Any, beta: Any) -> Any:
        y = np.zeros(np.shape(x))
        for place, v in np.ndenumerate(x):
            y[place] = gamma[place[-1]] * float(v) / math.sqrt(1 + eps) + beta[place[-1]]
        return y

    return reference


def slow_batch(eps: float) -> Any:
    """Return the reference of a whole batch: the numbers of each channel are collected, and normalized as one row."""

    def reference(x: Any, gamma: Any, beta: Any) -> Any:
        y = np.zeros(np.shape(x))
        for k in range(len(gamma)):
            numbers = [[float(v) for place, v in np.ndenumerate(x) if place[-1] == k]]
            row = slow_layer_norm(eps)(np.array(numbers), [gamma[k]] * len(numbers[0]), [beta[k]] * len(numbers[0]))
            y[..., k] = row.reshape(y[..., k].shape)
        return y

    return reference


def slow_step(momentum: float) -> Any:
    """Return the reference of the statistics after a step: the moments of each channel, the variance over n - 1."""

    def remembered(old: Any, x: Any, gamma: Any, beta: Any) -> Any:
        new: dict[str, list[float]] = {"mean": [], "variance": []}
        for k in range(len(gamma)):
            numbers = [float(v) for place, v in np.ndenumerate(x) if place[-1] == k]
            mean = math.fsum(numbers) / len(numbers)
            variance = math.fsum((v - mean) ** 2 for v in numbers) / (len(numbers) - 1)
            new["mean"].append(momentum * mean + (1 - momentum) * old["mean"][k])
            new["variance"].append(momentum * variance + (1 - momentum) * old["variance"][k])
        return new

    return remembered


CASES = [
    LayerCase(
        "batch_norm/vector",
        BatchNorm(),
        (5,),
        slow_prediction(1e-5),
        invalid=[*EPS, *MOMENTA],
        trained=slow_batch(1e-5),
        remembered=slow_step(0.1),
    ),
    LayerCase(
        "batch_norm/picture",
        BatchNorm(0.1, momentum=0.5),
        (2, 3, 4),
        slow_prediction(0.1),
        trained=slow_batch(0.1),
        remembered=slow_step(0.5),
    ),
    LayerCase(
        "batch_norm/of batch",  # of sequences, for the suite also takes a batch of one sample
        TrainingBatchNorm(),
        (2, 5),
        slow_batch(1e-5),
        laws={"f(x + c) = f(x)": lambda f, x: (f(x + 3), f(x))},
        invalid=EPS,
    ),
    LayerCase("batch_norm/of pictures", TrainingBatchNorm(0.1), (2, 3, 4), slow_batch(0.1)),
    LayerCase("batch_norm/of one channel", TrainingBatchNorm(), (4, 1), slow_batch(1e-5)),
    LayerCase(
        "layer_norm/vector",
        LayerNorm(),
        (5,),
        slow_layer_norm(1e-5),
        laws={"f(x + c) = f(x)": lambda f, x: (f(x + 3), f(x))},
        invalid=EPS,
    ),
    LayerCase("layer_norm/rows", LayerNorm(), (3, 4), slow_layer_norm(1e-5)),
    LayerCase("layer_norm/picture", LayerNorm(eps=0.1), (2, 3, 4), slow_layer_norm(0.1)),
    LayerCase("layer_norm/two", LayerNorm(), (2,), slow_layer_norm(1e-5)),
    LayerCase(
        "layer_norm/one",
        LayerNorm(),
        (2, 1),
        slow_layer_norm(1e-5),
        expected_failures={"gradient.alive": "one number is its own mean: gamma scales 0"},
    ),
    LayerCase(
        "rms_norm/vector",
        RMSNorm(),
        (5,),
        slow_rms_norm(1e-5),
        laws={"f(-x) = -f(x)": lambda f, x: (f(-x), -f(x))},
        invalid=EPS,
    ),
    LayerCase("rms_norm/rows", RMSNorm(), (3, 4), slow_rms_norm(1e-5)),
    LayerCase("rms_norm/picture", RMSNorm(eps=0.1), (2, 3, 4), slow_rms_norm(0.1)),
    LayerCase("rms_norm/one", RMSNorm(), (2, 1), slow_rms_norm(1e-5)),
]

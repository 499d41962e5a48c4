"""The cases of core's own: compositions, of the plainest members, the suite's stand-ins, and gradient descent."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from ..arrays import Array
from ..functions.around import Residual
from ..functions.compose import Chain, Concat
from ..learning.optimizers import SGD
from .cases import LayerCase, LossCase, OptimizerCase
from .problems import coordinatewise
from .standins import Scaled, Wavy


def _product(x: Array, **params: Array) -> Any:
    y = np.array(x)
    for index in np.ndindex(x.shape):
        for factor in params.values():
            y[index] *= factor[index[1:]]
    return y


def _twice(x: Array, a: Array) -> Any:
    return [[[row[k] + row[k] * a[i, k] for k in range(2)] for i, row in enumerate(sample)] for sample in x]


def _joined(x: Array, **params: Array) -> Any:
    return [[sample[k] * factor[k] for factor in params.values() for k in range(len(sample))] for sample in x]


def _nested(x: Array, **params: Array) -> Any:
    a, b, c = (params[name] for name in ("0.a", "1.0.a", "1.1.a"))
    return [[s[k] * a[k] * (1 + b[k] * c[k]) for k in range(len(s))] for s in x]


def _waves(scores: Array, targets: Any, size: float = 1.0) -> Any:
    points = (point.reshape(-1) / size for point in scores)
    return [sum(float(z) ** 2 / 4 + float(np.sin(z + k)) for k, z in enumerate(point)) for point in points]


def _downhill(w: float, slopes: list[float]) -> Iterator[float]:
    for slope in slopes:
        w = w - 0.1 * slope
        yield w


CASES = [
    LayerCase("scaled", Scaled(), (3, 2), reference=_product),
    LayerCase("chain", Chain(Scaled(), Scaled()), (4,), reference=_product),
    LayerCase("chain/one", Chain(Scaled()), (2, 3), reference=_product),
    LayerCase("concat", Concat(Scaled(), Scaled(), Scaled()), (3,), reference=_joined),
    LayerCase("residual", Residual(Scaled()), (3, 2), reference=_twice),
    LayerCase("nested", Chain(Scaled(), Residual(Chain(Scaled(), Scaled()))), (4,), reference=_nested),
    LossCase("wavy", Wavy(), (2, 3), None, reference=_waves),
    LossCase("wavy/long", Wavy(64.0), (2,), None, reference=partial(_waves, size=64.0), invalid=[{"size": 0.0}]),
    OptimizerCase(
        "sgd",
        SGD(0.1),
        coordinatewise(_downhill),
        invalid=[{"learning_rate": wrong} for wrong in (0, -0.1, float("inf"), "0.1", True, None)],
    ),
]

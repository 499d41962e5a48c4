"""The cases of core's own: compositions, of the plainest members, the suite's stand-ins, and gradient descent."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from ..arrays import Array
from ..functions.around import EachPosition, Residual
from ..functions.compose import Chain, Concat, Join
from ..functions.graph import Graph
from ..learning.optimizers import SGD
from .cases import LayerCase, LossCase, OptimizerCase
from .problems import coordinatewise
from .standins import Mixed, Scaled, Times, Wavy


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


def _side_by_side(*parts: Array) -> Any:
    flat = [part.reshape(-1, part.shape[-1]) for part in parts]
    rows = [[number for part in flat for number in part[i]] for i in range(len(flat[0]))]
    return np.array(rows).reshape(*parts[0].shape[:-1], -1)


def _matrix(x: Any, W: Any) -> list[list[float]]:
    return [[sum(W[k][j] * row[j] for j in range(len(row))) for k in range(len(W))] for row in x]


def _there_and_back(x: Any, **params: Array) -> Any:
    W = params["0.W"]
    return _matrix(_matrix(x, W), [[W[k][j] for k in range(len(W))] for j in range(len(W[0]))])


def _fork(x: Any, **params: Array) -> Any:
    a, b = params["a.a"], params["b.a"]
    return [[row[k] * a[k] * row[k] * b[k] * row[k] * a[k] for k in range(len(row))] for row in x]


def _cube(x: Any, **params: Array) -> Any:
    return [[row[k] * params["a.a"][k] ** 3 for k in range(len(row))] for row in x]


def _two_towers(x: Any, z: Any, **params: Array) -> Any:
    W = params["left.W"]
    return np.array(_matrix(x, W)) * _matrix(z, W)


def _ends(x: Any, z: Any, **params: Array) -> Any:
    W, a = params["h.W"], params["b.a"]
    h = np.array(_matrix(x, W))
    return h * np.array(z), [[h[i][k] * a[k] for k in range(len(a))] for i in range(len(h))]


TRANSPOSED = Chain(Mixed(2), Mixed(3), ties={"1.W": "0.W.T"})
TIED = Chain(Scaled(), Scaled(), Scaled(), ties={"1.a": "0.a", "2.a": "0.a"})
FORK = Graph(("a", Scaled(), "x"), ("b", Scaled(), "x"), ("p", Times(), "a", "b"), ("y", Times(), "p", "a"))
TOWERS = Graph(("left", Mixed(3), "x"), ("right", "left", "z"), ("y", Times(), "left", "right"), inputs=("x", "z"))
ENDS = Graph(
    ("h", Mixed(3), "x"), ("p", Times(), "h", "z"), ("b", Scaled(), "h"), inputs=("x", "z"), outputs=("p", "b")
)


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
    LayerCase("each position", EachPosition(Mixed(3)), (4, 2), reference=lambda x, W: [_matrix(s, W) for s in x]),
    LayerCase("nested", Chain(Scaled(), Residual(Chain(Scaled(), Scaled()))), (4,), reference=_nested),
    LayerCase("mixed", Mixed(3), (4,), reference=_matrix, invalid=[{"units": wrong} for wrong in (0, "3", True)]),
    LayerCase("times", Times(), [(2, 3), (2, 3)], reference=lambda u, v: [a * b for a, b in zip(u, v, strict=True)]),
    LayerCase("join", Join(), [(2,), (3,)], reference=_side_by_side),
    LayerCase("join/three", Join(), [(2, 3), (2, 1), (2, 2)], reference=_side_by_side),
    LayerCase(
        "chain/transposed",
        TRANSPOSED,
        (3,),
        reference=_there_and_back,
    ),
    LayerCase(
        "chain/tied",
        TIED,
        (4,),
    ),
    LayerCase("graph/fork", FORK, (4,), reference=_fork),
    LayerCase("graph/shared", Graph(("a", Scaled(), "x"), ("b", "a", "a"), ("c", "a", "b")), (3,), reference=_cube),
    LayerCase("graph/towers", TOWERS, [(4,), (4,)], reference=_two_towers),
    LayerCase("graph/ends", ENDS, [(2,), (3,)], reference=_ends),
    LossCase("wavy", Wavy(), (2, 3), None, reference=_waves),
    LossCase("wavy/long", Wavy(64.0), (2,), None, reference=partial(_waves, size=64.0), invalid=[{"size": 0.0}]),
    OptimizerCase(
        "sgd",
        SGD(0.1),
        coordinatewise(_downhill),
        invalid=[{"learning_rate": wrong} for wrong in (0, -0.1, float("inf"), "0.1", True, None)],
    ),
]

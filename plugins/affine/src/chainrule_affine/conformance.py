"""The cases that prove this family: each with a slow forward of one sample, by loops and the math module."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.conformance import LayerCase

from . import ELU, Affine, AffineReLU, Dropout, DropoutMask, Flatten, Maxout, ReLU, Sigmoid, Softmax, Tanh

UNITS = [{"units": wrong} for wrong in (0, -2, "64", 3.0, True, None)]
STARTS = [{"start": wrong} for wrong in ("zero", "", 7, None)]
ALPHAS = [{"alpha": wrong} for wrong in (0.0, -1, "1", True, math.inf)]
RATES = [{"rate": wrong} for wrong in (1.0, 1, -0.1, "0.5", True, math.nan)]


def slow_affine(x: Any, W: Any, b: Any) -> list[float]:
    """Return Σ_j W[k, j] x[j] + b[k], number by number."""
    return [sum(W[k, j] * x[j] for j in range(len(x))) + b[k] for k in range(len(b))]


def slow_affine_relu(x: Any, W: Any, b: Any) -> list[float]:
    """Return the positive ones of the affine numbers, else 0."""
    return [v if v > 0 else 0.0 for v in slow_affine(x, W, b)]


def slow_maxout(x: Any, W: Any, b: Any) -> list[float]:
    """Return the largest piece of each unit."""
    pieces = range(b.shape[1])
    return [max(sum(W[k, t, j] * x[j] for j in range(len(x))) + b[k, t] for t in pieces) for k in range(len(b))]


def slow_softmax(x: Any) -> Any:
    """Return e^v over the sum of its row, by exponentials."""
    rows = np.asarray(x).reshape(-1, np.shape(x)[-1])
    return np.reshape([[math.exp(v) / sum(math.exp(w) for w in row) for v in row] for row in rows], np.shape(x))


def number_by_number(f: Any) -> Any:
    """Return the reference that applies a function of one number to each."""
    return np.vectorize(f, otypes=[float])


def slow_relu(v: float) -> float:
    """Return v if it is positive, else 0."""
    return v if v > 0 else 0.0


def slow_tanh(v: float) -> float:
    """Return the course's formula; it overflows far out."""
    return (math.exp(v) - math.exp(-v)) / (math.exp(v) + math.exp(-v))


def slow_sigmoid(v: float) -> float:
    """Return the logistic function's formula; it overflows far out."""
    return 1 / (1 + math.exp(-v))


def slow_elu(alpha: float) -> Any:
    """Return the reference of ELU."""
    return number_by_number(lambda v: v if v > 0 else alpha * (math.exp(v) - 1))


ROOM = {"W": np.ones((2, 3)), "b": np.array([-6.0, 0.0])}
"""Parameters that put the first unit exactly on its kink at x = (1, 2, 3)."""

CASES = [
    LayerCase("affine/narrow", Affine(2), (5,), reference=slow_affine, invalid=[*UNITS, *STARTS]),
    LayerCase("affine/wide", Affine(7, start="he"), (3,), reference=slow_affine),
    LayerCase("affine/one", Affine(1), (1,), reference=slow_affine),
    LayerCase(
        "affine_relu",
        AffineReLU(4),
        (5,),
        reference=slow_affine_relu,
        invalid=[*UNITS, *STARTS],
    ),
    LayerCase(
        "affine_relu/kink",
        AffineReLU(2),
        (3,),
        reference=slow_affine_relu,
        kink_points=[((1.0, 2.0, 3.0), [[0, 0, 0], [1, 1, 1]], ROOM)],
    ),
    LayerCase("maxout", Maxout(4, 3), (5,), reference=slow_maxout, invalid=[*UNITS, *STARTS, {"pieces": 0}]),
    LayerCase("maxout/one_piece", Maxout(2, 1), (3,), reference=slow_maxout),
    LayerCase(
        "maxout/tie",
        Maxout(1, 3),
        (1,),
        reference=slow_maxout,
        # Three pieces of one value at x = 2, of slopes 1, 2 and 0: the first wins.
        kink_points=[((2.0,), [[1.0]], {"W": [[[1.0], [2.0], [0.0]]], "b": [[0.0, -2.0, 2.0]]})],
    ),
    LayerCase("relu", ReLU(), (5,), reference=number_by_number(slow_relu), kinks={0.0: 0.0}),
    LayerCase("relu/picture", ReLU(), (2, 3, 2), reference=number_by_number(slow_relu), kinks={0.0: 0.0}),
    LayerCase(
        "tanh",
        Tanh(),
        (5,),
        reference=number_by_number(slow_tanh),
        laws={"f(-x) = -f(x)": lambda f, x: (f(-x), -f(x))},
    ),
    LayerCase(
        "elu", ELU(), (5,), reference=slow_elu(1.0), invalid=[{"alpha": wrong} for wrong in (0.0, -1, "1", True)]
    ),
    LayerCase("elu/another_alpha", ELU(0.3), (2, 3), reference=slow_elu(0.3), kinks={0.0: 0.3}),
    LayerCase(
        "sigmoid",
        Sigmoid(),
        (5,),
        reference=number_by_number(slow_sigmoid),
        laws={"f(x) + f(-x) = 1": lambda f, x: (f(x) + f(-x), 1)},
    ),
    LayerCase(
        "softmax",
        Softmax(),
        (5,),
        reference=slow_softmax,
        laws={
            "Σ f(x) = 1": lambda f, x: (f(x).sum(axis=-1), 1),
            "f(x + c) = f(x)": lambda f, x: (f(x + 3), f(x)),
        },
    ),
    LayerCase("softmax/rows", Softmax(), (2, 3), reference=slow_softmax),
    LayerCase("flatten", Flatten(), (2, 3, 2), reference=lambda x: [v for p in x for q in p for v in q]),
    LayerCase("flatten/number", Flatten(), (), reference=lambda x: [x]),
    LayerCase("dropout", Dropout(0.5), (6,), reference=lambda x: x, invalid=RATES),
    LayerCase("dropout/none", Dropout(0.0), (3, 2), reference=lambda x: x),
    LayerCase("dropout/most", Dropout(0.9), (4, 5), reference=lambda x: x),
    LayerCase(
        "dropout/mask",
        DropoutMask(0.25, 7),
        (6,),
        expected_failures={
            "batch.singles": "its mask follows from the shape of the batch",
            "batch.large": "its mask follows from the shape of the batch",
            "batch.permutation": "its mask follows from the place of a sample",
            "batch.split": "its mask follows from the shape of the batch",
        },
        invalid=[*RATES, {"seed": -1}],
    ),
]

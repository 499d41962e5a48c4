"""The cases that prove this family: each with a slow forward of one sample, by loops and the math module."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from itertools import product
from typing import Any

import numpy as np

from chainrule import Array
from chainrule.conformance import LayerCase

from . import (
    ELU,
    GELU,
    Add,
    Affine,
    AffineReLU,
    Dropout,
    DropoutMask,
    Flatten,
    Maxout,
    Multiply,
    ReLU,
    Reshape,
    Sigmoid,
    SiLU,
    Softmax,
    Tanh,
)

UNITS = [{"units": wrong} for wrong in (0, -2, "64", 3.0, True, None)]
STARTS = [{"start": wrong} for wrong in ("zero", "", 7, None)]
ALPHAS = [{"alpha": wrong} for wrong in (0.0, -1, "1", True, math.inf)]
APPROXIMATIONS = [{"approximate": wrong} for wrong in ("erf", "Tanh", "", True, None)]
SHAPES = [{"shape": wrong} for wrong in (0, -2, 6.0, "6", None, (2, 0), (-1, -1), (2, 3.0), (True, 6), ((2, 3),))]
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


def slow_gelu(v: float) -> float:
    """Return v times the normal distribution function, by the math module's erfc."""
    return v * math.erfc(-v / math.sqrt(2)) / 2


def slow_gelu_tanh(v: float) -> float:
    """Return the paper's approximation by tanh."""
    return 0.5 * v * (1 + math.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3)))


def slow_silu(v: float) -> float:
    """Return v times the logistic function's formula; it overflows far out."""
    return v / (1 + math.exp(-v))


def slow_reshape(*shape: int) -> Any:
    """Return the reference of reshape: all numbers in one list, cut into as many parts as each axis has."""

    def cut(numbers: list[float], axes: tuple[int, ...]) -> Any:
        if not axes:
            return numbers[0]
        parts = axes[0] if axes[0] > 0 else len(numbers) // math.prod(axes[1:])
        size = len(numbers) // parts
        return [cut(numbers[i * size : (i + 1) * size], axes[1:]) for i in range(parts)]

    return lambda x: cut([x[place] for place in product(*map(range, np.shape(x)))], shape)


GATED: dict[str, Any] = {"f(x) - f(-x) = x": lambda f, x: (f(x) - f(-x), x)}
"""A law of x g(x) wherever g(x) + g(-x) = 1."""

ROOM = {"W": np.ones((2, 3)), "b": np.array([-6.0, 0.0])}
"""Parameters that put the first unit exactly on its kink at x = (1, 2, 3)."""


def slow(combine: Callable[[float, float], float]) -> Callable[..., Array]:
    """Return a reference of several inputs that goes through their numbers one by one."""

    def reference(*inputs: Array) -> Array:
        numbers = zip(*(array.ravel().tolist() for array in inputs), strict=True)
        return np.array([reduce(combine, each) for each in numbers]).reshape(inputs[0].shape)

    return reference


CASES = [
    LayerCase("add", Add(), [(5,), (5,)], reference=slow(lambda a, b: a + b)),
    LayerCase("multiply", Multiply(), [(2, 3), (2, 3), (2, 3)], reference=slow(lambda a, b: a * b)),
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
    LayerCase("gelu", GELU(), (5,), number_by_number(slow_gelu), laws=GATED, invalid=APPROXIMATIONS),
    LayerCase("gelu/picture", GELU(), (2, 3, 2), number_by_number(slow_gelu)),
    LayerCase("gelu/tanh", GELU("tanh"), (5,), number_by_number(slow_gelu_tanh), laws=GATED),
    LayerCase("silu", SiLU(), (5,), number_by_number(slow_silu), laws=GATED),
    LayerCase("silu/picture", SiLU(), (2, 3, 2), number_by_number(slow_silu)),
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
    LayerCase("reshape", Reshape((3, 4)), (2, 6), slow_reshape(3, 4), invalid=SHAPES),
    LayerCase("reshape/free", Reshape((2, -1, 3)), (4, 3), slow_reshape(2, -1, 3)),
    LayerCase("reshape/vector", Reshape(-1), (2, 3, 2), slow_reshape(-1)),
    LayerCase("reshape/of number", Reshape(1), (), slow_reshape(1)),
    LayerCase("reshape/to number", Reshape(()), (1, 1), slow_reshape()),
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

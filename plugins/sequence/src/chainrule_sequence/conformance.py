"""The cases that prove this family: each with a slow forward of one sample, by loops and the math module."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.conformance import LayerCase

from . import Embedding, Last, Positions

UNITS = [{"units": wrong} for wrong in (0, -2, "64", 3.0, True, None)]
COUNTS = [{"count": wrong} for wrong in (0, -2, "7", 7.0, True, None)]
PADDINGS = [{"padding": wrong} for wrong in (-1, 7, "0", 0.0, True)]
DEVIATIONS = [{"deviation": wrong} for wrong in (0.0, -1, "1", True, math.inf, None)]
KINDS = [{"kind": wrong} for wrong in ("rotary", "", 7, None)]

HELD = dict.fromkeys(
    [f"gradient.{check}" for check in ("parameters", "shapes", "settings", "network", "magnitudes")],
    "y holds the padding's row, which has no gradient: it is held fixed, as PyTorch does it",
)


def slow_embedding(x: Any, W: Any) -> Any:
    """Return the row of each index, number by number."""
    return np.array([W[int(i), k] for i in np.ravel(x) for k in range(W.shape[1])]).reshape(*np.shape(x), W.shape[1])


def slow_learned(x: Any, P: Any) -> Any:
    """Return x + P of a batch or of one sample, number by number."""
    y = np.array(x)
    for at in np.ndindex(y.shape):
        y[at] += P[at[-2], at[-1]]
    return y


def slow_sinusoidal(x: Any) -> Any:
    """Return x + P, a pair of channels being the parts of one number that turns, the slower the further back."""
    y = np.array(x)
    n = y.shape[-1]
    for at in np.ndindex(y.shape):
        t, k = at[-2:]
        turned = t * math.exp(-math.log(10000) * (k - k % 2) / n)
        y[at] += math.cos(turned) if k % 2 else math.sin(turned)
    return y


CASES = [
    LayerCase(
        "embedding",
        Embedding(7, 3),
        (4,),
        reference=slow_embedding,
        domain=(0, 7),
        invalid=[*UNITS, *COUNTS, *PADDINGS, *DEVIATIONS],
    ),
    LayerCase("embedding/table", Embedding(5, 2, deviation=0.02), (2, 3), reference=slow_embedding, domain=(0, 5)),
    LayerCase("embedding/number", Embedding(5, 2), (), reference=slow_embedding, domain=(0, 5)),
    LayerCase("embedding/many", Embedding(5000, 8), (4,), reference=slow_embedding, domain=(0, 5000)),
    LayerCase("embedding/padding unseen", Embedding(7, 3, padding=6), (4,), reference=slow_embedding, domain=(0, 6)),
    LayerCase(
        "embedding/padding",
        Embedding(7, 3, padding=0),
        (4,),
        reference=slow_embedding,
        domain=(0, 7),
        expected_failures=HELD,
    ),
    LayerCase("positions", Positions(), (4, 3), reference=slow_learned, invalid=KINDS),
    LayerCase("positions/sinusoidal", Positions("sinusoidal"), (5, 4), reference=slow_sinusoidal),
    LayerCase("positions/odd", Positions("sinusoidal"), (3, 5), reference=slow_sinusoidal),
    LayerCase("last", Last(), (4, 3), reference=lambda x: x[..., -1, :]),
    LayerCase("last/one time", Last(), (1, 2), reference=lambda x: x[..., -1, :]),
]

"""The cases that prove this family: each with a slow forward of one sample, by loops and the math module."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.conformance import LayerCase

from . import GRU, LSTM, Embedding, Last, Positions

UNITS = [{"units": wrong} for wrong in (0, -2, "64", 3.0, True, None)]
LASTS = [{"last": wrong} for wrong in ("yes", 1, None)]
COUNTS = [{"count": wrong} for wrong in (0, -2, "7", 7.0, True, None)]
PADDINGS = [{"padding": wrong} for wrong in (-1, 7, "0", 0.0, True)]
DEVIATIONS = [{"deviation": wrong} for wrong in (0.0, -1, "1", True, math.inf, None)]
KINDS = [{"kind": wrong} for wrong in ("rotary", "", 7, None)]

HELD = dict.fromkeys(
    [
        *(f"gradient.{check}" for check in ("parameters", "shapes", "settings", "network", "magnitudes")),
        "integers.repeats",
    ],
    "y holds the padding's row, which has no gradient: it is held fixed, as PyTorch does it",
)
NEAR = (-1.0, 1.0)
"""Further out the gates of an LSTM saturate: then c = f c + i g cancels, and differences judge its rounding."""


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


def slow_logistic(v: float) -> float:
    """Return the logistic function of a number of any size."""
    return 1 / (1 + math.exp(-v)) if v > 0 else math.exp(v) / (1 + math.exp(v))


def slow_sums(M: Any, v: Any, b: Any) -> list[float]:
    """Return M v + b, number by number."""
    return [sum(M[k, j] * v[j] for j in range(len(v))) + b[k] for k in range(len(b))]


def slow_gru(x: Any, W: Any, U: Any, b_W: Any, b_U: Any) -> list[list[float]]:
    """Return the states of a GRU, unit by unit."""
    units, states = len(b_W) // 3, []
    h = [0.0] * units
    for v in x:
        a, p = slow_sums(W, v, b_W), slow_sums(U, h, b_U)
        new = []
        for k in range(units):
            r = slow_logistic(a[k] + p[k])
            z = slow_logistic(a[units + k] + p[units + k])
            n = math.tanh(a[2 * units + k] + r * p[2 * units + k])
            new.append((1 - z) * n + z * h[k])
        h = new
        states.append(h)
    return states


def slow_lstm(x: Any, W: Any, U: Any, b_W: Any, b_U: Any) -> list[list[float]]:
    """Return the states h of an LSTM, unit by unit."""
    units, states = len(b_W) // 4, []
    h, c = [0.0] * units, [0.0] * units
    for v in x:
        a, p = slow_sums(W, v, b_W), slow_sums(U, h, b_U)
        i, f, g, o = ([a[q * units + k] + p[q * units + k] for k in range(units)] for q in range(4))
        c = [slow_logistic(f[k]) * c[k] + slow_logistic(i[k]) * math.tanh(g[k]) for k in range(units)]
        h = [slow_logistic(o[k]) * math.tanh(c[k]) for k in range(units)]
        states.append(h)
    return states


def ending(slow: Any) -> Any:
    """Return the reference of a recurrence that returns its last state."""
    return lambda x, **params: slow(x, **params)[-1]


def with_another_end(x: Any) -> Any:
    """Return sequences whose last vector is another."""
    return np.concatenate([x[:, :-1], 5 - 3 * x[:, -1:]], axis=1)


CAUSAL = {
    "y of a time does not see what comes later": lambda f, x: (f(with_another_end(x))[:, :-1], f(x)[:, :-1]),
    "the beginning of x has the beginning of y": lambda f, x: (f(x[:, :2]), f(x)[:, :2]),
}


UNUSED = {"gradient.alive": "U multiplies the state before the only time, which is 0"}


def recurrences(name: str, kind: Any, slow: Any, domain: tuple[float, float] | None = None) -> list[LayerCase]:
    """Return the cases of one recurrent layer."""
    end = ending(slow)
    wrong: list[dict[str, Any]] = [*UNITS, *LASTS]
    return [
        LayerCase(name, kind(3), (4, 2), reference=slow, laws=CAUSAL, domain=domain, invalid=wrong, causal=True),
        LayerCase(f"{name}/more inputs", kind(2), (3, 5), reference=slow, laws=CAUSAL, domain=domain, causal=True),
        LayerCase(f"{name}/last", kind(3, last=True), (4, 2), reference=end, domain=domain),
        LayerCase(f"{name}/one time", kind(2), (1, 3), reference=slow, expected_failures=UNUSED),
        LayerCase(f"{name}/last of one", kind(2, last=True), (1, 3), reference=end, expected_failures=UNUSED),
        LayerCase(f"{name}/one unit", kind(1), (6, 1), reference=slow, laws=CAUSAL, causal=True),
    ]


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
    *recurrences("gru", GRU, slow_gru),
    *recurrences("lstm", LSTM, slow_lstm, NEAR),
    LayerCase("last", Last(), (4, 3), reference=lambda x: x[..., -1, :]),
    LayerCase("last/one time", Last(), (1, 2), reference=lambda x: x[..., -1, :]),
]

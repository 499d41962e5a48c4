"""The cases that prove this family: each with a slow forward of one sample, number by number."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.conformance import LayerCase

from . import Attention, SelfAttention

HEADS: list[dict[str, Any]] = [{"heads": wrong} for wrong in (0, -1, 2.0, "2", True, None)]
CAUSAL: list[dict[str, Any]] = [{"causal": wrong} for wrong in (0, 1, "yes", None)]
MASK: list[dict[str, Any]] = [{"mask": wrong} for wrong in (0, 1, "key", None)]
UNITS: list[dict[str, Any]] = [{"units": wrong} for wrong in (0, -3, 4.0, "4", True)]


def slow_self_attention(layer: SelfAttention) -> Any:
    """Return the reference of a layer: for each position and head a list of weights, and a mean with these."""

    def affine(W: Any, b: Any, x: Any) -> list[float]:
        return [math.fsum(W[k, j] * x[j] for j in range(len(x))) + b[k] for k in range(len(b))]

    def weights(scores: list[float]) -> list[float]:
        exponentials = [math.exp(score - max(scores)) for score in scores]
        return [e / math.fsum(exponentials) for e in exponentials]

    def reference(x: Any, mask: Any = None, **params: Any) -> Any:
        if mask is not None and x.ndim == 3:
            return np.array([reference(*sample, **params) for sample in zip(x, mask, strict=True)])
        W_in, b_in, W_out, b_out = (params[name] for name in ("W_in", "b_in", "W_out", "b_out"))
        T, n = x.shape
        d = n // layer.heads
        projected = [affine(W_in, b_in, x[i]) for i in range(T)]
        rows = []
        for i in range(T):
            seen = [j for j in range(T) if (mask is None or mask[j]) and not (layer.causal and j > i)]
            found = []
            for first in range(0, n, d):
                part = range(first, first + d)
                dots = [math.fsum(projected[i][c] * projected[j][n + c] for c in part) for j in seen]
                p = weights([dot / math.sqrt(d) for dot in dots])
                found += [math.fsum(w * projected[j][2 * n + c] for w, j in zip(p, seen, strict=True)) for c in part]
            rows.append(affine(W_out, b_out, found))
        return np.array(rows)

    return reference


def slow_attention(causal: bool = False) -> Any:
    """Return the reference of attention: for each query a list of weights of the keys that it sees."""

    def reference(q: Any, k: Any, v: Any, mask: Any = None) -> Any:
        if q.ndim == 3:
            each = zip(q, k, v, [None] * len(q) if mask is None else mask, strict=True)
            return np.array([reference(*sample) for sample in each])
        y = np.zeros((len(q), v.shape[1]))
        for i in range(len(q)):
            seen = [j for j in range(len(k)) if (mask is None or mask[j]) and not (causal and j > i)]
            scores = [math.fsum(a * b for a, b in zip(q[i], k[j], strict=True)) / math.sqrt(q.shape[1]) for j in seen]
            exponentials = [math.exp(score - max(scores)) for score in scores]
            for j, e in zip(seen, exponentials, strict=True):
                y[i] += e / math.fsum(exponentials) * v[j]
        return y

    return reference


def begins_alike(f: Any, x: Any) -> tuple[Any, Any]:
    """Return f of the first half of a sequence, and the first half of f."""
    half = slice(0, -(-x.shape[1] // 2))
    return f(x[:, half]), f(x)[:, half]


def turns(f: Any, x: Any) -> tuple[Any, Any]:
    """Return f of a sequence that is read backwards, and f read backwards."""
    return f(x[:, ::-1]), f(x)[:, ::-1]


def turns_with_its_mask(f: Any, inputs: Any) -> tuple[Any, Any]:
    """Return f of a sequence and its mask that are read backwards, and f read backwards."""
    x, mask = inputs
    return f(x[:, ::-1], mask[:, ::-1]), f(x, mask)[:, ::-1]


def is_shorter(f: Any, inputs: Any) -> tuple[Any, Any]:
    """Return f of a sequence whose end is cut off, and f of it where that is masked."""
    x, mask = inputs
    half = slice(0, -(-x.shape[1] // 2))
    masked = np.zeros_like(mask)
    masked[:, half] = mask[:, half]
    return f(x[:, half], mask[:, half]), f(x, masked)[:, half]


def case(name: str, layer: SelfAttention, shape: tuple[int, int], **traits: Any) -> LayerCase:
    """Return a case, with the slow forward of its layer and its law."""
    laws = {"what comes first is of the first alone": begins_alike} if layer.causal else {"order is nothing": turns}
    slow = slow_self_attention(layer)
    return LayerCase(f"self_attention/{name}", layer, shape, slow, laws=laws, causal=layer.causal, **traits)


def masked(name: str, layer: SelfAttention, shape: tuple[int, int], **traits: Any) -> LayerCase:
    """Return a case with a mask of the positions, its slow forward and its laws."""
    laws = {"what is masked might be missing": is_shorter}
    laws |= {} if layer.causal else {"order is nothing": turns_with_its_mask}
    return LayerCase(
        f"self_attention/{name}",
        layer,
        [shape, shape[:1]],
        slow_self_attention(layer),
        laws=laws,
        causal=layer.causal,
        domain=[None, (0, 2)],
        masks={1: (0,)},
        **traits,
    )


CASES = [
    LayerCase("attention", Attention(), [(3, 2), (4, 2), (4, 3)], slow_attention(), invalid=CAUSAL),
    LayerCase("attention/causal", Attention(causal=True), [(4, 2), (4, 2), (4, 1)], slow_attention(causal=True)),
    LayerCase(
        "attention/masked",
        Attention(),
        [(2, 3), (4, 3), (4, 2), (4,)],
        slow_attention(),
        domain=[None, None, None, (0, 2)],
        masks={3: (1, 2)},
    ),
    case("one head", SelfAttention(), (3, 2), invalid=[*HEADS, *CAUSAL, *UNITS]),
    case("heads", SelfAttention(2), (3, 6)),
    case("a head for each feature", SelfAttention(3), (4, 3)),
    case("causal", SelfAttention(causal=True), (5, 2)),
    case("causal heads", SelfAttention(2, causal=True), (4, 4)),
    case("fewer units", SelfAttention(2, units=1), (3, 4)),
    case("more units", SelfAttention(causal=True, units=5), (2, 2)),
    case("one position", SelfAttention(2), (1, 4)),
    case("one number", SelfAttention(), (1, 1)),
    masked("masked", SelfAttention(mask=True), (4, 2), invalid=MASK),
    masked("masked heads", SelfAttention(2, units=3, mask=True), (3, 4)),
    masked("masked, causal", SelfAttention(2, causal=True, mask=True), (4, 4)),
]

"""The derivative along a direction: what vjp says of it, and what differences say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays import Array
from .compare import entry, judged
from .differences import STEP, STEPS, along, judge
from .drawing import DRAWS
from .layer_probes import LayerPoint, LayerProbe
from .maps import empty_out


def smooth_point(probe: LayerProbe, draw: Callable[[], LayerPoint]) -> LayerPoint:
    """Return a point with no kink within a step, if one is found."""
    for _ in range(DRAWS):
        point = draw()
        if not any(_is_rough(moved) for _, moved in _movements(probe, point)):
            break
    return point


def _is_rough(moved: Callable[[float], Array]) -> bool:
    value, error, bend = along(moved, STEP)
    largest = float(np.abs(value).max(initial=0.0))
    return bool((error > 1e-3 * largest + 1e-9).any() or (bend > 1e-2 * largest + 1e-9).any())


def _movements(probe: LayerProbe, point: LayerPoint) -> list[tuple[str, Callable[[float], Array]]]:
    """Return for x and each parameter: its name, and t ↦ δ * y at t steps along its direction."""

    def moved(t: float, name: str) -> Array:
        if name == "x" and point.tangent is not None:
            y = probe.forward(point.x + t * STEP * point.tangent, point.params)
        else:
            params = {**point.params, name: point.params[name] + t * STEP * point.tangents[name]}
            y = probe.forward(point.x, params)
        return np.asarray(y * point.delta, np.float64)

    names = [*point.tangents] if point.tangent is None else ["x", *point.tangents]
    return [(name, lambda t, name=name: moved(t, name)) for name in names]  # type: ignore[misc]


def compare_along(
    probe: LayerProbe, point: LayerPoint, prefix: str, further: tuple[float, ...] = (), *, strict: bool = True
) -> int:
    """Compare ⟨δ J, v⟩ with differences, for x sample by sample where these are apart; return how many were judged.

    `further` are steps beside the usual ones. Where it is not `strict`, what is no number is not judged.
    Raises:   Failure.
    """
    _, maps = probe.linearize(point.x, point.params)
    pulled: dict[str, Array] = {}
    out = empty_out(point.params)
    if maps.has_input:
        pulled["x"] = maps.vjp(point.delta, out)
    else:
        maps.vjp_params(point.delta, out)
    pulled |= out
    count = 0
    for name, moved in _movements(probe, point):
        direction: Any = point.tangent if name == "x" else point.tangents[name]
        by_sample = name == "x" and not probe.layer.mixes_samples

        def gather(terms: Array, by_sample: bool = by_sample) -> Array:
            return np.asarray(terms.reshape(len(terms), -1).sum(axis=1) if by_sample else terms.sum())

        got = gather(np.asarray(pulled[name] * direction))
        judgement = judge(got, moved, STEP, gather=gather, steps=(*STEPS, *further), strict=strict)
        count += int(judgement.judged.sum())
        sample = entry(f"{prefix}∂⟨δ, y⟩ along a direction of {name}, sample ")
        judged(judgement, got, label=sample, got_is="the layer's", B=len(point.x))
    return count

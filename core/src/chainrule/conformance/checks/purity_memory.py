"""A layer remembers nothing: the same question has the same answer, whatever was asked between."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from ...arrays import Array
from ..compare import agree, relative, same_bits
from ..layer_probes import LayerPoint, LayerProbe
from ..loss_probes import LossProbe
from ..maps import empty_out
from ..probes import Probe
from ..rules import A_FUNCTION, A_LAYER, ANY, rule


@rule("purity.buffers", A_FUNCTION, needs=["runs.everything"])
def buffers(probe: Probe) -> None:
    """No result is a buffer that a later call overwrites.

    The scores of one batch are still read when the next batch runs.
    """
    for dtype in (np.float64, np.float32):
        _buffers(probe, probe.point(dtype=dtype), probe.point(dtype=dtype))


def _buffers(probe: Probe, first: Any, second: Any) -> None:
    results = probe.everything(first)
    kept = {name: array.copy() for name, array in results.items()}
    probe.everything(second)
    probe.everything(first)
    probe.everything(second)
    _compare_kept(results, kept)
    if isinstance(probe, LayerProbe):
        y, maps = probe.linearize(first.x, first.params)
        results = {"linearize's y": y, **probe.derivatives(maps, first)}
        kept = {name: np.array(array) for name, array in results.items()}
        probe.derivatives(maps, LayerPoint(first.x, first.params, second.delta, second.tangent, second.tangents))
        _compare_kept(results, kept)


def _compare_kept(results: dict[str, Array], kept: dict[str, Array]) -> None:
    for name, array in results.items():
        same_bits(
            array,
            kept[name],
            label=f"{name}, entry ",
            got_is="after later calls",
            expected_is="when it was returned",
            hint="it lies in a buffer that is used again: return a fresh array",
        )


@rule("purity.repeat", ANY, needs=["runs.everything"])
def repeat(probe: Probe) -> None:
    """The same arguments give the same bits, again and again, whatever was computed between.

    A run must be repeatable from its seed. Randomness belongs to `realize`.
    """
    other = probe.point(5)
    points = [probe.point()]
    if isinstance(probe, LayerProbe) and not probe.layer.integer_input and probe.case.domain is None:
        points.append(probe.at(probe.rng.choice([-1.0, 0.0, 1.0], points[0].x.shape), points[0].params))  # full of ties
    for point in points:
        _repeat(probe, point, other)


def _repeat(probe: Probe, point: Any, other: Any) -> None:
    first = {name: array.copy() for name, array in probe.everything(point).items()}
    probe.everything(other)
    for time in ("second", "third"):
        for name, array in probe.everything(point).items():
            same_bits(
                array, first[name], label=f"{name}, entry ", got_is=f"at the {time} call", expected_is="at the first"
            )


@rule("purity.interleaved", A_LAYER, needs=["runs.everything"])
def interleaved(probe: LayerProbe) -> None:
    """Two Jacobians at a time do not disturb each other, and one can be asked more than once, in any order.

    Shards, Gauss-Newton products and a layer that stands twice in a network keep several alive.
    """
    first, second = probe.point(), probe.point(2)
    alone = [{name: array.copy() for name, array in _derivatives(probe, point).items()} for point in (first, second)]
    _, maps_first = probe.linearize(first.x, first.params)
    _, maps_second = probe.linearize(second.x, second.params)
    probe.forward(second.x, second.params)
    for turn in ("the first time", "again"):
        for maps, point, expected, title in (
            (maps_first, first, alone[0], "the older of two Jacobians"),
            (maps_second, second, alone[1], "the newer of two Jacobians"),
        ):
            for name, array in probe.derivatives(maps, point).items():
                agree(
                    array,
                    expected[name],
                    relative(expected[name], 1e-12),
                    label=f"{name} of {title}, asked {turn}, entry ",
                    got_is="beside another",
                    expected_is="alone",
                    hint="the Jacobian reads what a later linearize writes: hold masks in it, not in the layer",
                )


def _derivatives(probe: LayerProbe, point: Any) -> dict[str, Array]:
    _, maps = probe.linearize(point.x, point.params)
    return probe.derivatives(maps, point)


@rule("purity.asked_twice", A_LAYER, needs=["runs.everything"])
def asked_twice(probe: LayerProbe) -> None:
    """A Jacobian gives each δ what is its own, whatever it was asked before.

    Dense Jacobians, per-sample gradients and checks pull many δ back through one Jacobian.
    """
    point, other = probe.point(), probe.point()
    _, maps = probe.linearize(point.x, point.params)

    def pull(maps: Any, delta: Array) -> dict[str, Array]:
        out = empty_out(point.params)
        if maps.has_input:
            return {"δ·J_X": np.array(maps.vjp(delta, out)), **out}
        maps.vjp_params(delta, out)
        return out

    def push(maps: Any) -> Array:
        if point.tangent is None and not point.tangents:
            return np.zeros(0)
        return np.array(maps.jvp(point.tangent, point.tangents))

    expected, pushed = pull(maps, point.delta), push(maps)
    pull(maps, other.delta)
    push(maps)
    for name, array in pull(maps, point.delta).items():
        same_bits(array, expected[name], label=f"{name}, entry ", got_is="after other δ", expected_is="at first")
    same_bits(push(maps), pushed, label="J·v, entry ", got_is="after vjp", expected_is="at first")
    _, fresh = probe.linearize(point.x, point.params)
    same_bits(push(fresh), pushed, label="J·v, entry ", got_is="asked before any vjp", expected_is="after one")
    _, fresh = probe.linearize(point.x, point.params)
    for name, array in pull(fresh, other.delta).items():
        again = pull(maps, other.delta)[name]
        same_bits(
            again, array, label=f"{name}, entry ", got_is="of a Jacobian asked before", expected_is="of a fresh one"
        )


@rule(
    "purity.stale",
    A_FUNCTION,
    needs=["runs.everything", "purity.input", "purity.delta", "purity.parameters", "purity.targets"],
)
def stale(probe: Probe) -> None:
    """An array that was changed in place counts with its new values.

    Training moves θ in place: a result kept by the array's identity, or a copy of W made once, is a step old.
    """
    for dtype in (np.float64, np.float32):
        point, other = probe.point(dtype=dtype), probe.point(dtype=dtype)
        for _ in range(20):  # until nothing of them is the same, labels included
            if not any(np.array_equal(a, b) for (_, a), (_, b) in zip(point.arrays(), other.arrays(), strict=True)):
                break
            other = probe.point(dtype=dtype)
        _stale(probe, point, other)


def _stale(probe: Probe, point: Any, other: Any) -> None:
    fresh = {name: array.copy() for name, array in probe.everything(copy.deepcopy(other)).items()}
    probe.everything(point)
    for (_, array), (_, new) in zip(point.arrays(), other.arrays(), strict=True):
        array[...] = new
    if isinstance(probe, LossProbe) and not isinstance(point.targets, np.ndarray):
        point.targets = other.targets
    for name, array in probe.everything(point).items():
        same_bits(
            array,
            fresh[name],
            label=f"{name}, entry ",
            got_is="after the arguments changed in place",
            expected_is="of fresh arrays with those numbers",
            hint="something is cached by identity or by shape, and is out of date",
        )

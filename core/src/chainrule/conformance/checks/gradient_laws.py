"""The laws that make the derivative a linear map: dense, by vjp and by jvp it is the same one."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays import Array
from ..compare import agree, relative
from ..layer_probes import LayerPoint, LayerProbe
from ..maps import empty_out
from ..numerical import analytic_jacobians, numerical_jacobians
from ..outcomes import Failure
from ..rules import A_LAYER, rule


@rule("gradient.dense", A_LAYER, needs=["gradient.runs"])
def dense(probe: LayerProbe) -> None:
    """vjp of any δ equals δ times the layer's own dense Jacobian, made of basis cotangents.

    A vjp that is right for ones, or for one number at a time, may still mix up what it multiplies.
    """
    found = numerical_jacobians(probe)
    point = found.point
    analytic = analytic_jacobians(probe, found)
    chosen = np.zeros(point.delta.shape)
    for row in found.rows:
        chosen[row] = point.delta[row]
    weights = np.array([chosen[row] for row in found.rows])
    _, maps = probe.linearize(point.x, point.params)
    out = empty_out(point.params)
    if maps.has_input:
        pulled = np.asarray(maps.vjp(chosen, out))
        if probe.layer.mixes_samples:
            expected = weights @ analytic["x"]
            got = pulled.reshape(-1)[found.columns["x"]]
        else:
            expected = np.zeros((len(point.x), len(found.columns["x"])))
            for row, weight, entries in zip(found.rows, weights, analytic["x"], strict=True):
                expected[row[0]] += weight * entries
            got = pulled.reshape(len(point.x), -1)[:, found.columns["x"]]
        _same_product(got, expected, "x", point)
    else:
        maps.vjp_params(chosen, out)
    for name, array in out.items():
        _same_product(array.reshape(-1)[found.columns[name]], weights @ analytic[name], name, point)


def _same_product(got: Array, expected: Array, name: str, point: LayerPoint) -> None:
    agree(
        got,
        expected,
        relative(expected, 1e-10),
        label=f"δ·J_{name}, entry ",
        got_is="vjp's",
        expected_is="δ times the dense Jacobian's",
        B=len(point.x),
    )


@rule("gradient.adjoint", A_LAYER, needs=["gradient.runs"])
def adjoint(probe: LayerProbe) -> None:
    """⟨δ, J v⟩ equals ⟨δ J, v⟩ for the input and for each parameter: jvp and vjp are transposes.

    Forward mode, Gauss-Newton products and per-sample curvature use jvp, which plain training never runs.
    """
    for wide in (False, True):
        point = probe.point(wide=wide)
        _, maps = probe.linearize(point.x, point.params)
        out = empty_out(point.params)
        pulled: dict[str, Array] = {}
        if maps.has_input:
            pulled["x"] = maps.vjp(point.delta, out)
        else:
            maps.vjp_params(point.delta, out)
        pulled |= out
        directions = dict(point.tangents) if point.tangent is None else {"x": point.tangent, **point.tangents}
        still = None if point.tangent is None else np.zeros_like(point.tangent)
        pushed = {
            name: maps.jvp(direction if name == "x" else still, {} if name == "x" else {name: direction})
            for name, direction in directions.items()
        }
        for name, direction in directions.items():
            _same_pairing(point, pushed[name], float(np.vdot(pulled[name], direction)), f"J_{name}")
        if len(directions) > 1:
            together = maps.jvp(point.tangent, point.tangents)
            total = sum(float(np.vdot(pulled[name], direction)) for name, direction in directions.items())
            _same_pairing(point, together, total, "all of them together")


def _same_pairing(point: LayerPoint, pushed: Any, expected: float, name: str) -> None:
    try:
        pushed = np.broadcast_to(np.asarray(pushed), point.delta.shape)
    except ValueError:
        raise Failure(f"jvp for {name} has shape {np.shape(pushed)}, expected {point.delta.shape}") from None
    terms = pushed * point.delta
    size = float(np.abs(terms).sum()) + abs(expected)
    agree(
        float(terms.sum()),
        expected,
        1e-11 * size + 1e-13,
        label=f"{name}",
        got_is="⟨δ, J v⟩ by jvp",
        expected_is="⟨δ J, v⟩ by vjp",
        B=len(point.x),
    )


@rule("gradient.linear", A_LAYER, needs=["gradient.runs"])
def linear(probe: LayerProbe) -> None:
    """vjp and jvp are linear: sums go to sums, multiples large and small to multiples, zero to zero.

    A clipped, normalized or thresholded gradient is no derivative; clipping belongs to the optimizer.
    """
    point, other = probe.point(), probe.point()
    _, maps = probe.linearize(point.x, point.params)

    def pulled(delta: Array) -> dict[str, Array]:
        out = empty_out(point.params)
        if not maps.has_input:
            maps.vjp_params(delta, out)
            return out
        return {"x": np.array(maps.vjp(delta, out)), **out}

    first, second = pulled(point.delta), pulled(other.delta)
    for name, array in pulled(np.zeros_like(point.delta)).items():
        agree(array, np.zeros_like(array), 0.0, label=f"0·J_{name}, entry ", got_is="vjp's", expected_is="of zero")
    for a, b in ((1.0, 1.0), (-1.0, 0.0), (1e6, 0.0), (1e-6, 0.0), (-2.5, 1e3)):
        for name, array in pulled(a * point.delta + b * other.delta).items():
            expected = a * first[name] + b * second[name]
            agree(
                array,
                expected,
                relative(expected, 1e-9),
                label=f"({a:g} δ + {b:g} δ')·J_{name}, entry ",
                got_is="vjp's",
                expected_is=f"{a:g} δ·J + {b:g} δ'·J",
            )
    if point.tangent is None and not point.tangents:
        return
    pushed = _pushed(maps.jvp(point.tangent, point.tangents), point)
    for a in (-1.0, 1e6, 1e-6):
        tangent = None if point.tangent is None else a * point.tangent
        scaled = _pushed(maps.jvp(tangent, {name: a * v for name, v in point.tangents.items()}), point)
        agree(
            scaled,
            a * pushed,
            relative(a * pushed, 1e-9),
            label=f"J·({a:g} v), entry ",
            got_is="jvp's",
            expected_is="J·v times it",
        )


def _pushed(pushed: Any, point: LayerPoint) -> Array:
    try:
        return np.array(np.broadcast_to(np.asarray(pushed), point.delta.shape))
    except ValueError:
        raise Failure(f"jvp has shape {np.shape(pushed)}, expected {point.delta.shape}") from None

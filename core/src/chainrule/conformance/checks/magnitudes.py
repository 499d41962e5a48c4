"""Numbers close to zero and far out, in the input, in each parameter, in scores: a formula has branches there."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...arrays import Array, Shape
from .. import drawing
from ..compare import Label, agree, entry, judged, relative, within
from ..differences import EPS, STEP, judge
from ..directions import compare_along
from ..layer_probes import LayerPoint, LayerProbe
from ..loss_probes import LossPoint, LossProbe
from ..magnitudes import EXPONENTS, around, signs, sizes
from ..maps import empty_out
from ..outcomes import CaseError, Failure
from ..rules import A_LAYER, A_LOSS, REFERENCE, Trait, rule
from .forward import referred as layer_reference
from .losses import referred as loss_reference

RANGE = Trait("a layer with an output_range", lambda case: case.layer.output_range is not None)
NUMBERS = 60
"""Of a decade, at least: a fault may be narrower than it."""
NEARBY = 2.0**-10
"""How far, in shares, a number is moved to see the rounding of a function: what its second difference is more than."""


def _points(probe: LayerProbe) -> Iterator[tuple[str, LayerPoint, float]]:
    """Yield points with the input of each decade, and points with a parameter of it; directions are in proportion.

    With each comes where it is, and a size that is at least 1, and that of the decade.
    """
    rng, shape = probe.rng, (max(3, NUMBERS // max(1, math.prod(probe.shape))), *probe.shape)
    for exponent in EXPONENTS:
        size = 10.0 ** max(0, exponent + 1)
        if not probe.layer.integer_input:
            found = around(rng, shape, exponent, [0.0, *probe.case.kinks], probe.case.domain)
            if found is not None:
                x, room = found
                point = probe.at(x, probe.parameters(rng))
                point.tangent = room * drawing.signed(rng, shape)
                yield f"x about 1e{exponent}: ", point, size
        for name in probe.parameter_shapes():
            point = probe.at(probe.inputs(rng, shape), probe.parameters(rng))
            drawn = point.params[name]
            if drawn.size:
                drawn_sizes = sizes(rng, drawn.shape, exponent)
                for sign in (rng.choice([-1.0, 1.0], drawn.shape), np.where(drawn < 0, -1.0, 1.0)):
                    point.params[name] = sign * drawn_sizes
                    if np.isfinite(probe.forward(point.x, point.params)).all():
                        break  # else it is a parameter that must keep its sign
                point.tangents[name] = drawn_sizes * drawing.signed(rng, drawn.shape)
                yield f"{name} about 1e{exponent}: ", point, size


@rule("gradient.magnitudes", A_LAYER, needs=["gradient.input", "gradient.parameters"], since="2.0")
def gradient_magnitudes(probe: LayerProbe) -> None:
    """The derivative is right for inputs and parameters of any size, 1e-6 to 1e4, and near the ends of the domain.

    A branch for small numbers, a threshold of 0.05 and a guard against overflow are formulas of their own, and each has
    a derivative.
    """
    count = 0
    for place, whole, size in _points(probe):
        point = _finite_part(probe, whole)
        if point is not None:
            # A slope that a parameter of 1e3 makes 0 · ∞ is no fault of the formula.
            strict = whole.tangent is None or place.startswith("x ")
            count += compare_along(probe, point, place, (STEP / size,), strict=strict)
    if not count:
        raise CaseError(
            "no derivative could be judged, of whatever size the input is: rounding drowns it, or it is zero; choose "
            "another input_shape, settings or domain"
        )


def _finite_part(probe: LayerProbe, point: LayerPoint) -> LayerPoint | None:
    """Return the samples whose outputs are finite, where samples are apart; None where there are none."""
    finite = np.isfinite(probe.forward(point.x, point.params)).reshape(len(point.x), -1).all(axis=1)
    if finite.all():
        return point
    return point.rows(finite) if finite.any() and probe.samples_apart else None


@rule(
    "gradient.maps",
    A_LAYER,
    needs=[
        "forward.linearize",
        "gradient.adjoint",
        "gradient.magnitudes",
        "gradient.per_sample",
        "gradient.vjp_params",
        "gradient.without_out",
    ],
    since="2.0",
)
def gradient_maps(probe: LayerProbe) -> None:
    """For inputs and parameters of any size all maps are one Jacobian's: vjp without out, vjp_params, per_sample, jvp.

    Each may have a branch of its own, and the driver calls another one for the first layer.
    """
    for place, whole, _ in _points(probe):
        point = _finite_part(probe, whole)
        if point is not None:
            _same_maps(probe, point, place)


def _same_maps(probe: LayerProbe, point: LayerPoint, place: str) -> None:
    y, maps = probe.linearize(point.x, point.params)
    out, alone = empty_out(point.params), empty_out(point.params)
    pairs: list[tuple[str, Any, Any]] = [("y by linearize", y, probe.forward(point.x, point.params))]
    pulled: dict[str, Array] = {}
    maps.vjp_params(point.delta, alone)
    if maps.has_input:
        pulled["x"] = np.array(maps.vjp(point.delta, out))
        pairs.append(("δ·J_X by vjp without out", maps.vjp(point.delta), pulled["x"]))
        pairs += [(f"the gradient of {name} by vjp_params", alone[name], array) for name, array in out.items()]
    rows = None if probe.layer.mixes_samples else maps.per_sample(point.delta)
    for name, array in (rows or {}).items():
        pairs.append((f"the gradient of {name} by per_sample", array.sum(axis=0), alone[name]))
    for name, got, expected in pairs:
        label, close = entry(f"{place}{name}, entry "), relative(expected, 1e-9, floor=1e-30)
        agree(got, expected, close, label=label, got_is="it gives", expected_is="forward or vjp")
    directions = {name: v for name, v in (("x", point.tangent), *point.tangents.items()) if v is not None}
    still = None if point.tangent is None else np.zeros_like(point.tangent)
    for name, v in directions.items():
        pushed = np.asarray((maps.jvp(v, {}) if name == "x" else maps.jvp(still, {name: v})) * point.delta)
        terms = np.asarray({**alone, **pulled}[name] * v)
        agree(
            pushed.sum(),
            terms.sum(),
            1e-9 * float(np.abs(pushed).sum() + np.abs(terms).sum())
            + 1e-13 * float(np.abs(point.delta).sum() * np.abs(v).max(initial=0.0)),  # terms that cancel on the way
            label=f"{place}J_{name}",
            got_is="⟨δ, J v⟩ by jvp",
            expected_is="⟨δ J, v⟩ by vjp",
        )


@rule("forward.range", A_LAYER, RANGE, needs=["forward.runs", "forward.parameters"], realized=False, since="2.0")
def forward_range(probe: LayerProbe) -> None:
    """Every number of y lies in the layer's output_range, whatever the size of inputs and parameters.

    Training warns by it where a loss squashes the scores once more.
    """
    low, high = probe.layer.output_range or (-np.inf, np.inf)
    for place, point, _ in _points(probe):
        y = probe.forward(point.x, point.params)
        if (y < low).any() or (y > high).any():
            raise Failure(f"{place}y is {y.min():.9g} to {y.max():.9g}, and output_range says {low:g} to {high:g}")


@rule("forward.magnitudes", A_LAYER, REFERENCE, needs=["forward.reference"], realized=False, since="2.0")
def forward_magnitudes(probe: LayerProbe) -> None:
    """forward equals the case's reference for inputs and parameters of any size, 1e-6 to 1e4.

    A series for small numbers that is wrong, and consistent with its derivative, shows nowhere else.
    """
    for place, point, size in _points(probe):

        def moved(t: float, point: LayerPoint = point) -> Array:
            return point.x if point.tangent is None else np.asarray(point.x + t * point.tangent)

        def reference(t: float, point: LayerPoint = point) -> Array:
            return layer_reference(probe, moved(t), point.params)

        def own(t: float, point: LayerPoint = point) -> Array:
            return np.asarray(probe.forward(moved(t), point.params), np.float64)

        _same_values(own, reference, size, "layer's", within(place, entry("y")))


def _same_values(
    own: Callable[[float], Array], reference: Callable[[float], Array], size: float, who: str, label: Label
) -> None:
    """Compare values at t = 0, as exactly as both are rounded; where the reference is not finite, nothing is known."""
    try:
        expected, got = reference(0.0), own(0.0)
        rough = _roughness(reference, expected)
    except CaseError:
        return
    known = np.isfinite(expected) & np.isfinite(rough)
    rough = rough + np.nan_to_num(_roughness(own, got))
    largest = np.abs(np.where(known, expected, 0.0)).reshape(len(expected), -1).max(axis=1, initial=0.0)
    tolerance = (
        16 * EPS * size + np.where(known, 4 * rough, 0.0) + 1e-6 * largest.reshape(-1, *[1] * (expected.ndim - 1))
    )
    agree(
        np.where(known, got, 0.0),
        np.where(known, expected, 0.0),
        tolerance,
        label=label,
        got_is=f"the {who}",
        expected_is="the reference's",
    )


def _roughness(f: Callable[[float], Array], middle: Array) -> Array:
    return np.asarray(np.abs(f(NEARBY) - 2 * middle + f(-NEARBY)))


@rule("loss.magnitudes", A_LOSS, needs=["loss.gradient"], since="2.0")
def loss_magnitudes(probe: LossProbe) -> None:
    """Value and gradient are right for scores of any size, 1e-6 to 1e4, and of any distance from a real target.

    A loss turns from a square into a line at some distance, 0.1 perhaps, and has a derivative on both sides.
    """
    count = 0
    for exponent in EXPONENTS:
        size = 10.0 ** max(0, exponent + 1)
        point, room = _scores(probe, exponent)
        place = f"scores about 1e{exponent}: "
        count += _compare_scores(probe, point, room, place)
        if probe.case.reference is not None:

            def reference(t: float, point: LossPoint = point) -> Array:
                return loss_reference(probe, LossPoint(point.scores * (1 + t), point.targets))

            def own(t: float, point: LossPoint = point) -> Array:
                return np.asarray(probe.value(point.scores * (1 + t), point.targets), np.float64)

            _same_values(own, reference, size, "loss's", within(place, entry("value of point ")))
    if not count:
        raise CaseError(
            "no derivative could be judged, of whatever size the scores are: rounding drowns it, or it is zero"
        )


def _scores(probe: LossProbe, exponent: int) -> tuple[LossPoint, Array]:
    """Return scores of a decade, or as far from real targets, and how far each may move."""
    point = probe.point(5)
    shape = point.scores.shape
    apart = sizes(probe.rng, shape, exponent)
    point.scores = signs(probe.rng, shape) * apart
    if probe.case.targets == "real":
        point.targets = np.asarray(point.targets * 10.0**exponent)
        point.scores = point.targets + point.scores
    elif callable(probe.case.targets) and _are_real(point.targets, shape, 10.0**exponent):
        point.scores = point.targets + point.scores
    return point, apart


def _are_real(targets: Any, shape: Shape, apart: float) -> bool:
    """Return whether targets are real ones, from which scores can be so far off and not be lost in rounding."""
    real = isinstance(targets, np.ndarray) and targets.dtype.kind == "f" and targets.shape == shape
    return real and bool(np.isfinite(targets).all()) and apart > 1e-5 * float(np.abs(targets).max(initial=0.0))


def _compare_scores(probe: LossProbe, point: LossPoint, room: Array, place: str) -> int:
    gradient = np.asarray(probe.gradient(point.scores, point.targets))
    together = np.asarray(probe.linearize(point.scores, point.targets)[1])
    B, count = len(point.scores), 0
    flat, room = point.scores.reshape(B, -1), room.reshape(B, -1)
    floor = 1e-3 * np.abs(gradient.reshape(B, -1)).max(axis=1, initial=0.0)
    for k in range(flat.shape[1]):
        h = STEP * room[:, k]

        def moved(t: float, k: int = k, h: Array = h) -> Array:
            far = flat.copy()
            far[:, k] += t * h
            return probe.value(far.reshape(point.scores.shape), point.targets)

        for name, slopes in (("gradient", gradient), ("linearize", together)):
            got = slopes.reshape(B, -1)[:, k]
            judgement = judge(got, moved, h, floor=floor)
            count += int(judgement.judged.sum())
            label = entry(f"{place}∂l/∂s by {name}, score {k} of point ")
            judged(judgement, got, label=label, got_is="the loss's", B=B)
    return count

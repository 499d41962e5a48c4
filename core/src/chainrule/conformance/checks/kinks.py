"""Where no derivative exists: at kinks and ties, tested on purpose.

The Jacobian there must be one of the values that the Jacobian takes close by, or lie between them: entry by entry, and
in the sums over a row or a column where these are the same all around (the mass that a maximum passes on is 1).

Source:   Clarke (1983), Optimization and nonsmooth analysis, section 2.6: the generalized Jacobian.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...arrays import Array
from ..compare import agree, always, entry
from ..drawing import NARROW, bounds
from ..layer_probes import LayerProbe
from ..maps import empty_out
from ..outcomes import CaseError, Failure, NotApplicable
from ..picking import MANY, pick
from ..rules import A_LAYER, PARAMETERS, REAL_INPUT, Trait, rule
from .forward import special_inputs

NEAR = 1e-4
"""How far off the points lie that are close by."""
ROWS = 30
"""Of how many outputs the Jacobian is looked at, picked at random where there are more."""
FEW, MANY_MORE = 192, 4096
"""How many: the second, where the first do not show the layer's value."""
KINKS = Trait("a case with declared kinks", lambda case: bool(getattr(case, "kinks", ())))
KINK_POINTS = Trait("a case with kink_points", lambda case: len(getattr(case, "kink_points", ())) > 0)
TIES = Trait("a case with declared ties", lambda case: getattr(case, "ties", None) is not None)


@rule("kinks.declared", A_LAYER, REAL_INPUT, KINKS, needs=["gradient.runs"])
def declared(probe: LayerProbe) -> None:
    """At each declared kink the derivative is the declared value.

    Whoever reads the convention relies on it; a central difference would say the mean of both slopes.
    """
    for place, value in probe.case.kinks.items():
        point = probe.point()
        x = point.x
        picked = np.asarray(probe.rng.random(x.shape) < 0.5)
        picked.reshape(-1)[0] = True
        x[picked] = place
        y, maps = probe.linearize(x, point.params)
        if np.shape(y) != x.shape:
            raise CaseError("kinks are for elementwise layers, whose y has the shape of x; declare kink_points instead")
        got = np.asarray(maps.vjp(np.ones(x.shape)))
        agree(
            got[picked],
            np.full(int(picked.sum()), float(value)),
            1e-9 * max(1.0, abs(value)),
            label=always(f"dy/dx at x = {place:g}"),
            got_is="the layer's",
            expected_is="declared",
            hint="the comparison is strict where it should not be, or the other way round",
        )


@rule("kinks.between", A_LAYER, REAL_INPUT, KINKS, needs=["gradient.input"])
def between(probe: LayerProbe) -> None:
    """At each declared kink the value lies between the slopes on its two sides.

    A value outside is no subgradient: no limit of derivatives gives it.
    """
    for place in probe.case.kinks:
        point = probe.point(1)
        x = point.x
        x[...] = place
        step = np.array([1e-5, 5e-6])
        slopes = []
        for sign in (1, -1):
            if not probe.case.contains(place + sign * step[0]):
                continue
            middle = probe.forward(x, point.params)
            quotients = [(probe.forward(x + sign * h, point.params) - middle) / (sign * h) for h in step]
            slopes.append(2 * quotients[1] - quotients[0])
        _, maps = probe.linearize(x, point.params)
        got = np.asarray(maps.vjp(np.ones(x.shape)))
        low, high = np.minimum(slopes[0], slopes[-1]), np.maximum(slopes[0], slopes[-1])
        slack = 1e-4 * (1 + np.abs(low) + np.abs(high))
        _between(got, low, high, slack, always(f"dy/dx at x = {place:g}"))


def _between(got: Array, low: Array, high: Array, slack: Any, label: Any) -> None:
    wrong = ~((got >= low - slack) & (got <= high + slack))
    if wrong.any():
        index = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise Failure(
            f"{label(index)}: the layer's {got[index]:.9g}, close by it is {low[index]:.9g} to {high[index]:.9g} "
            f"(numerical); {int(wrong.sum())} of {wrong.size} entries lie outside"
        )


@rule("kinks.points", A_LAYER, REAL_INPUT, KINK_POINTS, needs=["gradient.runs"])
def points(probe: LayerProbe) -> None:
    """At each of the case's kink points the Jacobian is the declared one.

    The convention at a kink that no single number tells: where two pieces meet, or a difference is zero.
    """
    for n, (x, expected, *more) in enumerate(probe.case.kink_points):
        x = np.asarray(x, np.float64)
        x = x[np.newaxis] if x.shape == probe.shape else x
        if x.shape[1:] != probe.shape:
            raise CaseError(f"kink_points[{n}]: x has shape {x.shape}, expected {probe.shape}")
        params = {name: np.asarray(value, np.float64) for name, value in (more[0] if more else {}).items()}
        params = params or probe.parameters(probe.rng)
        rows = _dense(probe, x, params)
        got = rows.reshape(len(x), *probe.output_shape(), *probe.shape)
        expected = np.asarray(expected, np.float64)
        if expected.size not in (1, got.size):
            raise CaseError(f"kink_points[{n}]: J has shape {expected.shape}, expected {got.shape[1:]}")
        expected = np.broadcast_to(expected.reshape(-1), (got.size,)).reshape(got.shape)
        agree(
            got,
            expected,
            1e-9 * (1 + float(np.abs(expected).max(initial=0.0))),
            label=entry(f"kink_points[{n}], ∂y/∂x"),
            got_is="the layer's",
            expected_is="declared",
        )


@rule("kinks.hull", A_LAYER, REAL_INPUT, needs=["gradient.input"])
def hull(probe: LayerProbe) -> None:
    """Where inputs are zero, equal, or at a kink, the Jacobian is finite and among those that are taken close by.

    At a tie the mass that is passed on is 1 and lands on maximisers only; at zero a formula such as x/|x| is no NaN.
    An input of a real network is zero or equal to its neighbour all the time.
    """
    if probe.layer.mixes_samples:
        raise NotApplicable("a layer that treats samples apart")
    if math.prod(probe.shape) > 4 * MANY:
        raise NotApplicable("a small shape")
    for x in special_inputs(probe):
        for at_start in (False, True) if probe.parameter_shapes() else (False,):
            params = _starting(probe) if at_start else probe.parameters(probe.rng)
            if params is None:
                continue
            try:
                _compare_close_by(probe, x, params, FEW)
            except Failure:
                _compare_close_by(probe, x, params, max(FEW, min(MANY_MORE, 2_000_000 // x.size)))


def _starting(probe: LayerProbe) -> dict[str, Array] | None:
    """Return the parameters' start, where zeros put units exactly on their kinks."""
    try:
        started = {k: np.array(v) for k, v in probe.layer.initialize(probe.shape, probe.stream("start")).items()}
        return started if {k: v.shape for k, v in started.items()} == probe.parameter_shapes() else None
    except Exception:  # told by forward.start
        return None


def _compare_close_by(probe: LayerProbe, x: Array, params: dict[str, Array], count: int) -> None:
    offsets = probe.rng.uniform(-1, 1, (count, *probe.shape)) * NEAR
    close_by = x + offsets
    inside = np.array([all(probe.case.contains(v) for v in sample.reshape(-1)) for sample in close_by])
    if not inside.all() or not np.isfinite(probe.forward(x[np.newaxis], params)).all():
        return
    values, value = probe.forward(close_by, params), probe.forward(x[np.newaxis], params)[0]
    rows = [row[1:] for row in pick(probe.rng, (1, *value.shape))]
    rows = [rows[i] for i in probe.rng.permutation(len(rows))[:ROWS]]
    around = _dense(probe, close_by, params, rows)
    if not np.isfinite(around).all() or np.abs(around).max(initial=0.0) > 1e3:
        return  # a pole, or a slope without bound: no value there is right
    step = 4 * NEAR * (float(np.abs(around).max(initial=0.0)) + 1e-3) * max(1, x.size)
    jump = (np.ptp(values, axis=0) < step) & ~(np.abs(value - values.mean(axis=0)) <= step + 1e-9 * np.abs(value))
    if jump.any():
        index = tuple(int(i) for i in np.argwhere(jump)[0])
        low, high = values.min(axis=0)[index], values.max(axis=0)[index]
        shown = np.array2string(x.reshape(-1)[:6], separator=", ")
        raise Failure(f"y{list(index)} at x = {shown}: {value[index]:.9g}, close by it is {low:.9g} to {high:.9g}")
    at = _dense(probe, x[np.newaxis], params, rows)[0]
    slack = 1e-2 * float(np.abs(around).max(initial=0.0)) + 1e-12  # well over curvature at NEAR, well under a jump
    place = f"at x = {np.array2string(x.reshape(-1)[:6], separator=', ')[:-1]}{', …' if x.size > 6 else ''}]"
    at, around = at.reshape(len(rows), x.size), around.reshape(len(around), len(rows), x.size)

    def label(index: tuple[int, ...]) -> str:
        output = rows[index[0]]
        column = np.unravel_index(index[1], x.shape) if x.shape else ()
        show = [f"[{', '.join(str(int(i)) for i in part)}]" if len(part) else "" for part in (output, column)]
        return f"∂y{show[0]}/∂x{show[1]} {place}"

    _between(at, around.min(axis=0), around.max(axis=0), slack, label)
    sums_over = [(1, "the sum over the inputs of ∂y/∂x")]
    if len(rows) == value.size:
        sums_over.append((0, "the sum over the outputs of ∂y/∂x"))
    for axis, what in sums_over:
        sums = around.sum(axis=axis + 1)
        constant = np.ptp(sums, axis=0) <= 1e-9 * max(1.0, float(np.abs(sums).max(initial=0.0)))
        agree(
            np.where(constant, at.sum(axis=axis), sums[0]),
            sums[0],
            1e-6 * max(1.0, float(np.abs(sums).max(initial=0.0))),
            label=entry(f"{what} {place}, number "),
            got_is="the layer's",
            expected_is="close by it is always",
            hint="at a tie each of the largest gets the whole gradient; it is to be given once",
        )


def _dense(probe: LayerProbe, x: Array, params: dict[str, Array], outputs: Any = None) -> Array:
    """Return J_X of samples that do not mix, (B, outputs, *in), pulled back for some outputs, or for every one."""
    y, maps = probe.linearize(x, params)
    rows = []
    for k in np.ndindex(np.shape(y)[1:]) if outputs is None else outputs:
        delta = np.zeros(np.shape(y))
        delta[(slice(None), *k)] = 1.0
        rows.append(np.array(maps.vjp(delta, empty_out(params))))
    return np.stack(rows, axis=1)


@rule("kinks.parameters", A_LAYER, PARAMETERS, needs=["gradient.parameters"])
def parameters(probe: LayerProbe) -> None:
    """Where inputs or parameters are zero or equal, the parameters' Jacobians are finite, and among those close by.

    A gradient that divides by a parameter is 0/0 at the first step of every layer that starts at zero.
    """
    if probe.layer.mixes_samples:
        raise NotApplicable("a layer that treats samples apart")
    shapes = probe.parameter_shapes()
    if math.prod(probe.output_shape()) * sum(map(math.prod, shapes.values())) > 20 * MANY:
        raise NotApplicable("a small shape")
    special = special_inputs(probe)
    inputs = [special[1], *special[3:5]] if len(special) > 4 else [probe.point(1).x[0]]
    for x in inputs:
        for params in (_starting(probe), _with_zeros(probe)):
            if params is not None and np.isfinite(probe.forward(x[np.newaxis], params)).all():
                for count in (10, 300):
                    try:
                        _compare_parameters_close_by(probe, x, params, count)
                        break
                    except Failure:
                        if count == 300:
                            raise


def _with_zeros(probe: LayerProbe) -> dict[str, Array]:
    drawn = probe.parameters(probe.rng)
    return {name: np.where(probe.rng.random(value.shape) < 0.3, 0.0, value) for name, value in drawn.items()}


def _compare_parameters_close_by(probe: LayerProbe, x: Array, params: dict[str, Array], count: int) -> None:
    at = _parameter_rows(probe, x, params)
    around: dict[str, list[Array]] = {name: [] for name in params}
    for _ in range(count):
        near = x if probe.layer.integer_input else x + NEAR * probe.rng.uniform(-1, 1, x.shape)
        moved = {name: value + NEAR * probe.rng.uniform(-1, 1, value.shape) for name, value in params.items()}
        for name, rows in _parameter_rows(probe, near, moved).items():
            around[name].append(rows)
    for name, rows in at.items():
        close_by = np.array(around[name])
        if np.isfinite(close_by).all() and np.abs(close_by).max(initial=0.0) < 1e3:
            slack = 1e-2 * float(np.abs(close_by).max(initial=0.0)) + 1e-12
            # Of few points the outermost is not the limit.
            spread = np.ptp(close_by, axis=0) * (1.0 if count < 100 else 0.1)
            place = f" (outputs × parameter, flat) at x = {np.array2string(x.reshape(-1)[:6], separator=', ')}"
            label = entry(f"∂y/∂{name}{place}, entry ")
            _between(rows, close_by.min(axis=0) - spread, close_by.max(axis=0) + spread, slack, label)


def _parameter_rows(probe: LayerProbe, x: Array, params: dict[str, Array]) -> dict[str, Array]:
    """Return each parameter's Jacobian at one sample, (outputs, size of the parameter)."""
    y, maps = probe.linearize(x[np.newaxis], params)
    rows: dict[str, list[Array]] = {name: [] for name in params}
    for k in np.ndindex(np.shape(y)):
        delta = np.zeros(np.shape(y))
        delta[k] = 1.0
        out = empty_out(params)
        maps.vjp_params(delta, out)
        for name, array in out.items():
            rows[name].append(array.reshape(-1).copy())
    return {name: np.array(parts) for name, parts in rows.items()}


@rule("kinks.ties", A_LAYER, REAL_INPUT, TIES, needs=["gradient.input"])
def ties(probe: LayerProbe) -> None:
    """At a tie the gradient goes to those who are declared: all of it to the first maximiser, or shared by all.

    The first is the first in row-major order among the inputs that the output depends on.
    """
    seen = 0
    low, high = bounds(probe.case.domain, NARROW)
    for _ in range(4):
        x = probe.rng.choice(np.round(np.linspace(low, high, 3), 6), (1, *probe.shape))
        params = probe.parameters(probe.rng)
        y = probe.forward(x, params)
        rows = _dense(probe, x, params)[0].reshape(-1, x.size)
        windows = _windows(probe, x, params, y)
        for o, (row, window) in enumerate(zip(rows, windows, strict=True)):
            largest = np.flatnonzero(window & (x.reshape(-1) == y.reshape(-1)[o]))
            if len(largest) < 2:
                continue
            seen += 1
            expected = np.zeros(x.size)
            if probe.case.ties == "first":
                expected[largest[0]] = 1.0
            else:
                expected[largest] = 1.0 / len(largest)
            agree(
                row,
                expected,
                1e-9,
                label=entry(f"a tie of the inputs {[int(i) for i in largest]} (flat): ∂y.flat[{o}]/∂x.flat"),
                got_is="the layer's",
                expected_is=f"declared, ties={probe.case.ties!r}:",
            )
    if not seen:
        raise CaseError("ties are declared, and no output was the largest of several equal inputs; is it a maximum?")


def _windows(probe: LayerProbe, x: Array, params: dict[str, Array], y: Array) -> Array:
    """Return which inputs each output depends on, (outputs, inputs): those whose large changes it shows."""
    found = np.zeros((y.size, x.size), bool)
    for k in range(x.size):
        for sign in (1, -1):
            far = x.copy()
            far.reshape(-1)[k] += sign * 100
            found[:, k] |= (probe.forward(far, params) != y).reshape(-1)
    return found

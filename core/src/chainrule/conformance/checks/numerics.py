"""Floating point: extremes, NaN, warnings."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ...arrays import Array
from ..compare import agree, relative
from ..drawing import bounds
from ..layer_probes import LayerPoint, LayerProbe
from ..maps import empty_out
from ..outcomes import CaseError, Failure, NotApplicable
from ..picking import pick
from ..probes import Probe
from ..rules import A_LAYER, ANY, REAL_INPUT, rule
from .forward import referred

LADDER = (2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1e3, 2e3, 5e3, 1e4)
"""Inputs of growing size, in units of which a declared domain has ±1e4."""
GROWN = 1e20
"""What has a number above it grows like an exponential, and rightly overflows further up the ladder."""
SAMPLEWISE = ("forward's y", "y", "δ·J_X")
SPREADS = "a product or a reduction over the batch carries it: 0 · NaN is NaN"


@rule("numerics.extremes", A_LAYER, REAL_INPUT, needs=["gradient.input"])
def extremes(probe: LayerProbe) -> None:
    """Up a ladder of inputs to ±1e4, or the ends of the domain, y and δ·J_X stay finite, and y right, in both dtypes.

    e^x overflows float32 at 89, and the literal formulas of the logistic function, tanh, ELU and softmax turn into
    inf/inf = NaN: one such number ends a training run. What grows beyond 1e20 on one rung may be infinite on the next;
    y is never NaN.
    """
    for pattern in _patterns(probe):
        params, grown = probe.parameters(probe.rng), dict[str, Array]()
        for size in LADDER:
            _rung(probe, probe.at(_reached(probe, size * pattern), params), grown)


def _patterns(probe: LayerProbe) -> list[Array]:
    signs = np.where(probe.rng.random((3, *probe.shape)) < 0.5, -1.0, 1.0)
    jitter = 1 - 0.3 * probe.rng.random(signs.shape)
    return [signs * jitter, jitter, -jitter]


def _reached(probe: LayerProbe, x: Array) -> Array:
    """Return x as float32 holds it, or the numbers of the declared domain that are as far from its middle."""
    if probe.case.domain is not None:
        low, high = bounds(probe.case.domain, LADDER[-1] / 2)
        x = (low + high) / 2 + 0.499 * (high - low) * x / LADDER[-1]
    return x.astype(np.float32).astype(np.float64)


def _rung(probe: LayerProbe, point: LayerPoint, grown: dict[str, Array]) -> None:
    """Look at one size of input; `grown` says of each result which entries a lower rung found too large to judge."""
    wide = _forward_and_back(probe, point)
    expected = _expected(probe, point)
    for name, array in wide.items():
        allowed = grown.setdefault(name, np.zeros(array.shape, bool)).copy()
        if name.endswith("y"):
            allowed &= ~np.isnan(array)
            allowed &= True if expected is None else ~np.isfinite(expected)
        _finite(name, array, allowed, point)
    if expected is not None:
        known = np.isfinite(expected) & np.isfinite(wide["y"])
        agree(
            np.where(known, wide["y"], 0.0),
            np.where(known, expected, 0.0),
            relative(expected[known], 1e-6),
            label=f"y for x of about {np.abs(point.x).max():.3g}, entry ",
            got_is="the layer's",
            expected_is="the reference's",
        )
    single = point.astype(np.float32)
    narrow = _forward_and_back(probe, single)
    for name, array in narrow.items():
        large = ~(np.abs(wide[name]) < 1e37)
        _finite(name, array, large & ~np.isnan(array) if name.endswith("y") else large, single)
    sound = np.abs(wide["y"]) < 1e37
    bound = _rounding_bound(probe, single.astype(np.float64))
    agree(
        np.where(sound, narrow["y"], 0.0),
        np.where(sound, wide["y"], 0.0),
        np.where(np.isfinite(bound), bound, 0.0) + relative(wide["y"][sound], 1e-3),
        label=f"y for x of about {np.abs(point.x).max():.3g}, entry ",
        got_is="in float32",
        expected_is="in float64",
    )
    for name, array in wide.items():
        grown[name] |= ~(np.abs(array) <= GROWN)


def _finite(name: str, array: Array, allowed: Array, point: LayerPoint) -> None:
    wrong = ~np.isfinite(array) & ~allowed
    if wrong.any():
        index = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise Failure(
            f"{name}{list(index)} is {array[index]} for x of {point.x.dtype} about "
            f"{np.abs(point.x).max():.3g} ({int(wrong.sum())} of {wrong.size} entries)\n"
            "likely cause: an exponential overflows on the way; subtract the largest, or branch on the sign"
        )


def _expected(probe: LayerProbe, point: LayerPoint) -> Array | None:
    """Return what the reference, often a literal formula, gives, where there is one that takes the point."""
    if probe.case.reference is None or probe.view:
        return None
    try:
        return referred(probe, point.x, point.params)
    except CaseError:
        return None


def _forward_and_back(probe: LayerProbe, point: LayerPoint) -> dict[str, Array]:
    y, maps = probe.linearize(point.x, point.params)
    kept, out = np.array(y), empty_out(point.params)
    pulled = maps.vjp(point.delta, out)
    found = {"forward's y": np.array(probe.forward(point.x, point.params)), "y": kept, "δ·J_X": np.array(pulled)}
    return found | {f"the gradient of {name}": array for name, array in out.items()}


def _rounding_bound(probe: LayerProbe, point: LayerPoint) -> Array:
    """Return what 500 roundings to float32 of each input and parameter change in y, by the Jacobian at the point."""
    y, maps = probe.linearize(point.x, point.params)
    bound = np.full(np.shape(y), np.inf)
    for at in pick(probe.rng, np.shape(y)):
        delta = np.zeros(np.shape(y))
        delta[at] = 1.0
        out = empty_out(point.params)
        passed_on = float((np.abs(maps.vjp(delta, out)) * np.abs(point.x)).sum())
        passed_on += sum(float((np.abs(array) * np.abs(point.params[name])).sum()) for name, array in out.items())
        bound[at] = 500 * 6e-8 * (passed_on + abs(float(y[at])))
    return bound


@rule("numerics.cancellation", A_LAYER, REAL_INPUT, needs=["gradient.input", "arrays.float32"])
def cancellation(probe: LayerProbe) -> None:
    """Far from zero, float32 loses no more than its input's rounding explains.

    A variance by E[x²] - E[x]² is right near zero, and noise for pixels about 4000: two large numbers cancel. The bound
    is 500 roundings of each input and parameter, passed on by the Jacobian (backward stability).
    """
    if probe.case.domain is not None or probe.layer.mixes_samples:
        raise NotApplicable("a layer without a domain that treats samples apart")
    point = probe.point(2)
    x = (4096 + point.x).astype(np.float32)
    params = {name: array.astype(np.float32) for name, array in point.params.items()}
    y = np.asarray(probe.forward(x, params), np.float64)
    exactly = {name: array.astype(np.float64) for name, array in params.items()}
    exact = np.asarray(probe.forward(x.astype(np.float64), exactly))
    if not np.isfinite(exact).all() or np.abs(exact).max(initial=0.0) > GROWN:
        raise NotApplicable("a layer that does not grow like an exponential")
    agree(
        y,
        exact,
        _rounding_bound(probe, probe.at(x.astype(np.float64), exactly)) + 1e-30,
        label="y for x about 4096, entry ",
        got_is="in float32",
        expected_is="in float64",
        hint="two large numbers cancel: subtract the mean first, take np.var, or shift by the largest",
    )


@rule("numerics.nan", A_LAYER, REAL_INPUT, needs=["gradient.input", "batch.apart"])
def nan(probe: LayerProbe) -> None:
    """A NaN in a sample comes out in every output that depends on it, and in no other sample.

    A NaN that is swallowed hides a broken row of data; one that spreads takes the whole batch with it.
    """
    point = probe.point(3)
    for name, value in point.params.items():
        if (
            value.size
            and not np.isnan(probe.forward(point.x, {**point.params, name: np.full_like(value, np.nan)})).any()
        ):
            raise Failure(f"{name} is NaN, and no output is: the NaN is swallowed")
    clean = _forward_and_back(probe, point)
    size = int(np.prod(probe.shape))
    for k in range(size) if size <= 40 else probe.rng.permutation(size)[:40]:
        at: tuple[Any, ...] = (1, *np.unravel_index(int(k), probe.shape)) if probe.shape else (1,)
        depends = _depends(probe, point, at)
        for place in (at, (1,)):  # one NaN, and a sample of nothing else
            x = point.x.copy()
            x[place] = np.nan
            moved = probe.at(x, point.params)
            moved.delta = point.delta
            with np.errstate(all="ignore"):
                results = _forward_and_back(probe, moved)
            y = probe.forward(x, point.params)
            for name, array in (("forward", y), ("linearize", results["y"])):
                swallowed = depends & ~np.isnan(array[1])
                if swallowed.any() and not probe.layer.mixes_samples and not _moved(x[1], array[1]):
                    index = tuple(int(i) for i in np.argwhere(swallowed)[0])
                    raise Failure(
                        f"x[{', '.join(str(int(i)) for i in at)}] is NaN, y{[1, *index]} depends on it and is "
                        f"{array[(1, *index)]} by {name}\n"
                        "likely cause: a comparison with NaN is False: np.where takes the other branch, fmax and "
                        "nanmax ignore it; np.maximum passes it on"
                    )
            if not probe.layer.mixes_samples:
                for name in SAMPLEWISE:
                    array = results[name]
                    agree(
                        array[[0, 2]],
                        clean[name][[0, 2]],
                        relative(clean[name], 1e-12),
                        label=f"{name} of another sample, entry ",
                        got_is="with a NaN in sample 1",
                        expected_is="without",
                        hint=SPREADS,
                    )


def _moved(x: Array, y: Array) -> bool:
    """Return whether an output has the very numbers of its input in another order, NaN included: a sort."""
    return x.size == y.size and np.array_equal(np.sort(x, axis=None), np.sort(y, axis=None), equal_nan=True)


def _depends(probe: LayerProbe, point: LayerPoint, at: tuple[Any, ...]) -> Array:
    """Return which outputs of the sample change with an entry of x, seen at a few values."""
    if probe.case.domain is None:
        values = [-50.0, -1.3, 0.7, 50.0]
    else:
        low, high = bounds(probe.case.domain, 2.0)
        values = list(np.linspace(low, high, 4))
    ys = []
    for value in values:
        x = point.x.copy()
        x[at] = value
        ys.append(np.asarray(probe.forward(x, point.params))[1])
    return np.asarray(np.any([y != ys[0] for y in ys[1:]], axis=0))


@rule("numerics.nan_delta", A_LAYER, REAL_INPUT, needs=["gradient.input", "batch.apart", "purity.delta"])
def nan_delta(probe: LayerProbe) -> None:
    """A NaN in the δ of one sample stays in that sample's δ·J_X.

    0 · NaN is NaN: a product over the whole batch carries it into every sample.
    """
    if probe.layer.mixes_samples:
        return
    point = probe.point(3)
    clean = _forward_and_back(probe, point)["δ·J_X"]
    point.delta[1] = np.nan
    results = _forward_and_back(probe, point)
    got = results["δ·J_X"]
    lost = (clean[1] != 0) & ~np.isnan(got[1])
    if lost.any():
        index = tuple(int(i) for i in np.argwhere(lost)[0])
        raise Failure(f"δ of sample 1 is NaN, and δ·J_X{[1, *index]} is {got[(1, *index)]}: the NaN is swallowed")
    agree(
        got[[0, 2]],
        clean[[0, 2]],
        relative(clean, 1e-12),
        label="δ·J_X of another sample, entry ",
        got_is="with NaN in the δ of sample 1",
        expected_is="without",
        hint=SPREADS,
    )


@rule("numerics.warnings", ANY, needs=["runs.everything"])
def no_warnings(probe: Probe) -> None:
    """Ordinary input raises no floating-point warning, and no other.

    A warning at every step hides the one that matters; under -W error it ends the run.
    """
    for dtype in (np.float32, np.float64):
        point = probe.point(dtype=dtype)
        with warnings.catch_warnings(record=True) as seen, np.errstate(divide="warn", over="warn", invalid="warn"):
            warnings.simplefilter("always")
            probe.everything(point)
        if seen:
            first = seen[0]
            place = f"{first.filename.rpartition('/')[2]}, line {first.lineno}"
            raise Failure(
                f"{np.dtype(dtype)} input of ordinary size: {first.category.__name__}: {first.message} ({place})"
            )

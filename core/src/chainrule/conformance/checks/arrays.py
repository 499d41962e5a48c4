"""dtypes and memory layouts."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays import Array
from ...errors import UnsupportedError
from ..compare import agree, relative
from ..layer_probes import LayerPoint, LayerProbe
from ..loss_probes import LossPoint
from ..maps import empty_out
from ..outcomes import Failure
from ..probes import Probe
from ..rules import A_FUNCTION, A_LAYER, Trait, rule

INTEGERS = Trait("a layer with integer input", lambda case: all(case.integers))
BOUND = Trait("a case with a float32_error", lambda case: case.float32_error is not None)
DECISIONS = ("decide", "error")
"""What a loss computes in other dtypes than its scores'."""


@rule("arrays.float32", A_FUNCTION, needs=["runs.everything"])
def float32(probe: Probe) -> None:
    """float32 in gives float32 out, in every result.

    One NumPy float64 scalar in a formula, np.sqrt(2.0) or np.where(c, 1., 0.), makes everything behind it twice as
    large and half as fast.
    """
    _same_dtype(probe, np.float32)


@rule("arrays.float64", A_FUNCTION, needs=["runs.everything"])
def float64(probe: Probe) -> None:
    """float64 in gives float64 out, in every result, computed in float64.

    Numerical checks and second-order methods need its digits.
    """
    found = _same_dtype(probe, np.float64)
    for name, array in found.items():
        values = array[np.isfinite(array)] if array.dtype.kind == "f" else np.zeros(0)
        rounded = values.astype(np.float32).astype(np.float64)
        if name not in DECISIONS and values.size > 3 and (values == rounded).all() and not _short(values):
            raise Failure(f"{name} has dtype float64 and float32's digits: somewhere it is computed in float32")


def _short(values: Array) -> bool:
    """Return whether all values are of few digits: 0, 1/2, 0.25."""
    with np.errstate(all="ignore"):
        return bool((values * 1024 == np.round(values * 1024)).all())


def _same_dtype(probe: Probe, dtype: Any) -> dict[str, Array]:
    found = probe.everything(probe.point(dtype=dtype))
    single = {f"{name}, B = 1,": array for name, array in probe.everything(probe.point(1, dtype=dtype)).items()}
    for name, array in {**found, **single}.items():
        came = getattr(array, "dtype", type(array).__name__)
        if not name.startswith(DECISIONS) and came != dtype:
            raise Failure(
                f"{name} has dtype {came} for {np.dtype(dtype)} input, expected {np.dtype(dtype)}\n"
                "likely cause: a NumPy float64 in the formula, such as np.sqrt(2.0), np.zeros(…), np.arange(n) or "
                "np.where(c, 1., 0.); Python's numbers keep the dtype"
            )
    return found


@rule("arrays.float32_close", A_FUNCTION, needs=["arrays.float32"])
def float32_close(probe: Probe) -> None:
    """float32 results are close to float64's for the same numbers.

    Training runs in float32; what a formula loses there, no check in float64 sees.
    """
    _as_close(probe, 3e-5, floor=0.1)


@rule("arrays.float32_error", A_LAYER, BOUND, since="2.3", needs=["arrays.float32"])
def float32_error(probe: LayerProbe) -> None:
    """No result in float32 is further from float64's than the case says, in proportion to the largest entry.

    A layer that computes by another method in float32, such as Winograd's tiles, is proved there by nothing else.
    """
    _as_close(probe, probe.case.float32_error or 0.0, floor=0.0)


def _as_close(probe: Probe, rate: float, floor: float) -> None:
    point = probe.point(dtype=np.float32)
    exact = probe.everything(point.astype(np.float64))
    for name, array in probe.everything(point).items():
        if name not in DECISIONS:
            agree(
                array.astype(np.float64),
                exact[name],
                relative(exact[name], rate, floor),
                label=f"{name}, entry ",
                got_is="in float32",
                expected_is="in float64",
            )


def _laid_out(array: Array, layout: str) -> Array:
    """Return the same numbers in another memory layout."""
    if layout == "Fortran order":
        return np.asfortranarray(array)
    if layout == "negative strides":
        flipped = np.ascontiguousarray(array[tuple(slice(None, None, -1) for _ in array.shape)])
        return flipped[tuple(slice(None, None, -1) for _ in array.shape)]
    wide = np.repeat(array, 2, axis=-1)
    return wide[..., ::2]


LAYOUTS = ("Fortran order", "negative strides", "gaps between entries")


@rule("arrays.layout", A_FUNCTION, needs=["runs.everything"])
def layout(probe: Probe) -> None:
    """Fortran order, negative strides and gaps between entries change no result.

    Slices, transposes and flipped pictures are such arrays; code that reads memory in its own order mixes them up.
    """
    point = probe.point()
    expected = {name: np.array(array) for name, array in probe.everything(point).items()}
    for name, array in list(point.arrays()):
        if array.ndim == 0 or (isinstance(point, LayerPoint) and name in point.params):
            continue
        for kind in LAYOUTS:
            _same_results(probe, _with(point, name, _laid_out(array, kind)), expected, f"{name} in {kind}")


@rule("arrays.broadcast", A_FUNCTION, needs=["runs.everything"])
def broadcast(probe: Probe) -> None:
    """An array with zero strides, as np.broadcast_to makes, gives what its copy gives.

    The gradient of a mean is such an array; it cannot be written to, and all its samples share their memory.
    """
    point = probe.point()
    for name, array in list(point.arrays()):
        if array.ndim == 0 or (isinstance(point, LayerPoint) and (name in point.params or "of" in name)):
            continue
        repeated = np.broadcast_to(array[:1], array.shape)
        expected = probe.everything(_with(point, name, repeated.copy()))
        _same_results(probe, _with(point, name, repeated), expected, f"{name} with zero strides")


@rule("arrays.read_only", A_FUNCTION, needs=["runs.everything"])
def read_only(probe: Probe) -> None:
    """Read-only arguments are enough.

    Data may be a memory-mapped file, and θ a view that nobody but the optimizer may write.
    """
    point = probe.point()
    expected = {name: np.array(array) for name, array in probe.everything(point).items()}
    for _, array in point.arrays():
        array.flags.writeable = False
    _same_results(probe, point, expected, "read-only arguments")


def _with(point: Any, name: str, array: Array) -> Any:
    """Return the point with one array in the place of another."""
    if isinstance(point, LossPoint):
        return LossPoint(array, point.targets) if name == "scores" else LossPoint(point.scores, array)
    x, params, delta, tangent, tangents = point.x, point.params, point.delta, point.tangent, point.tangents
    if name.startswith("tangent of "):
        tangents = {**tangents, name.removeprefix("tangent of "): array}
    return LayerPoint(
        array if name == "x" else x,
        params,
        array if name == "delta" else delta,
        array if name == "tangent" else tangent,
        tangents,
    )


def _same_results(probe: Probe, point: Any, expected: dict[str, Array], how: str) -> None:
    for name, array in probe.everything(point).items():
        agree(
            array,
            expected[name],
            relative(expected[name], 1e-10) if name not in DECISIONS else 0,
            label=f"{name}, entry ",
            got_is=f"with {how}",
            expected_is="with plain arrays",
            hint="reshape(), ravel(order='K'), .data and as_strided follow memory, not indices",
        )


@rule("arrays.integers", A_LAYER, INTEGERS, needs=["gradient.runs"])
def integers(probe: LayerProbe) -> None:
    """A layer with integer input takes every integer dtype, answers in its parameters' dtype, and refuses vjp by name.

    Indices have no derivative; a silent zero would train the layers before it on nothing.
    """
    point = probe.point()
    expected = np.array(probe.forward(point.x, point.params))
    for kind in (np.int64, np.int32, np.uint8):
        if point.x.max(initial=0) <= np.iinfo(kind).max and point.x.min(initial=0) >= np.iinfo(kind).min:
            y = probe.forward(point.x.astype(kind), point.params)
            agree(y, expected, 1e-12, label="y", got_is=f"for indices of {np.dtype(kind)}", expected_is="for int64")
    _, maps = probe.linearize(point.x, point.params)
    try:
        maps.jacobian.vjp(point.delta, empty_out(point.params))
    except UnsupportedError:
        return
    except Exception as error:
        raise Failure(f"vjp for integer input raised {type(error).__name__}, expected UnsupportedError") from error
    raise Failure("vjp for integer input returned something, expected UnsupportedError: Jacobian(None, …) refuses it")

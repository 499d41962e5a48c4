"""What a layer computes, and what it declares of it."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import partial
from operator import contains
from typing import Any
from unittest.mock import patch

import numpy as np

from ...arrays import Array, Shape
from ..blame import blame
from ..compare import agree, relative, same_names
from ..drawing import bounds
from ..layer_probes import LayerProbe
from ..outcomes import CaseError, Failure
from ..rules import A_LAYER, REFERENCE, Trait, rule
from ..shapes import neighbours, scaled_up

LAWS = Trait("a case with declared laws", lambda case: bool(getattr(case, "laws", ())))


@rule("forward.runs", A_LAYER)
def forward_runs(probe: LayerProbe) -> None:
    """forward returns an array of shape (B, *output_shape) for every legal batch.

    Everything else stands on this: a network is put together from the shapes that its layers declare.
    """
    declared = probe.output_shape()
    if type(declared) is not tuple or not all(type(axis) is int for axis in declared):
        raise Failure(f"output_shape({probe.shape}) returned {declared!r}, no tuple of ints without the batch axis")
    for B in (3, 1, 2):
        point = probe.point(B)
        y = probe.forward(point.x, point.params)
        if not isinstance(y, np.ndarray):
            raise Failure(f"forward returned {type(y).__name__}, no array")
        expected = (len(point.x), *declared)
        if y.shape != expected:
            raise Failure(f"forward of x {point.x.shape}: y has shape {y.shape}, output_shape declares {expected}")
        if y.dtype.kind != "f":
            raise Failure(f"forward of x {point.x.dtype}: y has dtype {y.dtype}, expected a floating-point dtype")
        if not np.isfinite(y).all():
            raise Failure(
                "forward of ordinary numbers is not finite: declare domain=(low, high) if the layer takes fewer numbers"
            )


@rule("forward.parameters", A_LAYER)
def forward_parameters(probe: LayerProbe) -> None:
    """parameter_shapes maps names to shapes, tuples of ints, the same at every call.

    A network lays out its one vector θ by these shapes.
    """
    shapes = probe.parameter_shapes()
    for name, shape in shapes.items():
        if not isinstance(name, str) or not name:
            raise Failure(f"parameter_shapes({probe.shape}): the name {name!r} is no string")
        if type(shape) is not tuple or not all(type(axis) is int and axis >= 0 for axis in shape):
            raise Failure(f"parameter_shapes({probe.shape})[{name!r}] is {shape!r}, no tuple of ints")
    probe.parameter_shapes()["added by the suite"] = ()
    again = probe.parameter_shapes()
    if list(again.items()) != list(shapes.items()):
        raise Failure(f"parameter_shapes({probe.shape}) gave {shapes} first and {again} at a later call")
    if probe.is_realized:
        own = probe.case.layer.parameter_shapes(probe.shape)
        if dict(own) != shapes:
            raise Failure(f"the realized layer has the parameters {shapes}, the layer itself {dict(own)}")
        if probe.output_shape() != probe.case.layer.output_shape(probe.shape):
            raise Failure(
                f"the realized layer has the output shape {probe.output_shape()}, another than the layer itself"
            )


@rule("forward.declarations", A_LAYER, needs=["forward.runs", "forward.parameters"])
def declarations(probe: LayerProbe) -> None:
    """output_shape and parameter_shapes tell the truth for other input shapes, too.

    A formula for the size that is right for one shape is often wrong for the next: a stride that does not divide it,
    a width that is not the height.
    """
    for other in probe.others():
        declared = other.output_shape()
        point = other.point(2)
        y = other.forward(point.x, point.params)
        if np.shape(y) != (len(point.x), *declared):
            raise Failure(
                f"for {other.samples}, y has shape {np.shape(y)[1:]}, and output_shape declares {declared}; "
                "output_shape must say the truth, or raise ShapeError for what the layer cannot take"
            )


@rule("forward.describes", A_LAYER, needs=["forward.runs", "forward.parameters"], realized=False)
def describes(probe: LayerProbe) -> None:
    """output_shape and parameter_shapes neither run the layer nor allocate.

    A network with 849,347,481,600 parameters is described on a laptop.
    """
    shape = scaled_up(probe.layer, probe.shape, 1 << 20)
    for name, ask in (("output_shape", probe.output_shape), ("parameter_shapes", probe.parameter_shapes)):
        peak = peak_bytes(partial(ask, shape))
        if peak > 100_000:
            raise Failure(
                f"{name}({shape}) allocated {peak:,} bytes; it should compute shapes from shapes, by math.prod and ints"
            )


@rule("forward.reference", A_LAYER, REFERENCE, needs=["forward.runs"], realized=False)
def reference(probe: LayerProbe) -> None:
    """forward equals the case's independent slow reference.

    When forward and derivative are wrong alike, no derivative check can tell.
    """
    for wide in (False, True):
        for B in (3, 1):
            _compare_with_reference(probe, probe.point(B, wide=wide))
    for x in special_inputs(probe):
        _compare_with_reference(probe, probe.at(x[np.newaxis], probe.parameters(probe.rng)))
    for shape in neighbours(probe.layer, probe.shape):
        point = probe.point(2, shape=shape)
        try:
            _compare_with_reference(probe, point)
        except CaseError:
            continue  # a reference may be written for the shape of its case


def special_inputs(probe: LayerProbe) -> list[Array]:
    """Return samples of zeros, of equal numbers, of few different ones, and of declared kinks, in the domain."""
    if probe.layer.integer_input:
        return []
    low, high = bounds(probe.case.domain, 1.0)
    places = [-1.0, 0.0, 1.0] if probe.case.domain is None else list(np.round(np.linspace(low, high, 3), 6))
    layer = probe.written
    names: list[str] = [field.name for field in fields(layer)] if is_dataclass(layer) else []
    settings = [getattr(layer, name) for name in names]
    numbers = [float(value) for value in settings if type(value) in (int, float) and abs(value) < 100]
    likely = [*probe.case.kinks, *numbers, *(-number for number in numbers)]  # where a threshold may lie
    places += [place for place in dict.fromkeys(likely) if probe.case.contains(place)]
    alike = [np.full(probe.shape, place) for place in places]
    return alike + [probe.rng.choice(np.array(places), probe.shape) for _ in range(4)]


@rule("forward.special", A_LAYER, needs=["forward.runs"], realized=False)
def special(probe: LayerProbe) -> None:
    """forward is finite where inputs are zero, or equal to each other.

    sin(x)/x, x/‖x‖ and a deviation of equal numbers are 0/0 there; a picture's background and a dead unit are zeros.
    """
    for x in special_inputs(probe):
        y = np.asarray(probe.forward(x[np.newaxis], probe.parameters(probe.rng)))
        if not np.isfinite(y).all():
            index = tuple(int(i) for i in np.argwhere(~np.isfinite(y))[0])
            raise Failure(f"y{list(index)} is {y[index]} for x = {np.array2string(x.reshape(-1)[:6], separator=', ')}")


def _compare_with_reference(probe: LayerProbe, point: Any) -> None:
    expected = referred(probe, point.x, point.params)
    agree(
        probe.forward(point.x, point.params),
        expected,
        relative(expected, 1e-9),
        label="y",
        got_is="the layer's",
        expected_is="the reference's",
        B=len(point.x),
    )


def referred(probe: LayerProbe, x: Array, params: dict[str, Array]) -> Array:
    """Return the reference's y, asked for the batch, or else for each sample. Raises:   CaseError; Failure."""
    function: Callable[..., Any] = probe.case.reference
    expected, problems = (len(x), *probe.output_shape(x.shape[1:])), []
    asked: dict[str, Callable[[], Any]] = {
        "for the batch": lambda: function(x.copy(), **params),
        "sample by sample": lambda: [np.asarray(function(sample.copy(), **params), np.float64) for sample in x],
    }
    came = None
    fixed = (len(x), *probe.output_shape())  # a reference may be written for the shape of its case alone
    for how, ask in asked.items():
        try:
            y = np.asarray(ask(), np.float64)
        except Exception as error:
            problems.append(f"{how} it raised {type(error).__name__}: {error}")
            continue
        if y.shape == expected:
            return y
        own_size = y.ndim == len(expected) == len(fixed) and all(
            map(contains, zip(fixed, expected, strict=True), y.shape)
        )
        if own_size and fixed != expected:
            problems.append(f"{how} it returned {y.shape}, some of it whatever the input")
        else:
            came = f"{how}, the reference's y has shape {y.shape}, the layer declares {expected}"
    if came is not None:
        raise Failure(came)
    raise CaseError(f"the reference of the case: {'; '.join(problems)}; it takes a batch, as forward does")


@rule("forward.linearize", A_LAYER, needs=["forward.runs"])
def linearize(probe: LayerProbe) -> None:
    """linearize returns the y that forward returns.

    Training runs linearize and prediction runs forward: where they differ, a network predicts with another function
    than it was trained with.
    """
    for dtype, rate in ((np.float64, 1e-11), (np.float32, 1e-4)):
        for wide in (False, True):
            for B in (3, 1):
                point = probe.point(B, dtype=dtype, wide=wide)
                y = probe.forward(point.x, point.params)
                same, _ = probe.linearize(point.x, point.params)
                agree(
                    same, y, relative(y, rate), label="y", got_is="linearize's", expected_is="forward's", B=len(point.x)
                )


@rule("forward.laws", A_LAYER, LAWS, needs=["forward.runs"], realized=False)
def laws(probe: LayerProbe) -> None:
    """The laws that the case declares hold.

    A law, such as f(2x) = 2 f(x), says what a formula is for; a slip that keeps the formula plausible breaks it.
    """
    for wide in (False, True):
        point = probe.point(wide=wide)
        for sentence, law in probe.case.laws.items():
            try:
                left, right = law(*probe.law(point))
            except Failure:
                raise
            except Exception as error:
                raise CaseError(f"the law {sentence!r} raised {type(error).__name__}: {error}") from error
            left, right = np.asarray(left, np.float64), np.asarray(right, np.float64)
            right = np.broadcast_to(right, np.broadcast_shapes(left.shape, right.shape))
            agree(
                np.broadcast_to(left, right.shape),
                right,
                relative(right, 1e-9) + 1e-12,
                label=f"the law {sentence!r}, entry ",
                got_is="left side",
                expected_is="right side",
            )


@rule("forward.start", A_LAYER, needs=["forward.parameters"], realized=False)
def start(probe: LayerProbe) -> None:
    """initialize returns fresh, finite float64 arrays of the declared names and shapes, drawn from its generator alone.

    Two networks of one seed must start alike, and must not share their weights.
    """
    for near in neighbours(probe.layer, probe.shape):
        came = {name: np.shape(value) for name, value in _started(probe, 5, near).items()}
        if came != probe.parameter_shapes(near):
            raise Failure(f"initialize({near}, rng) gives {came}, not what parameter_shapes declares")
    shapes = probe.parameter_shapes()
    first, second = (_started(probe, seed, probe.shape) for seed in (5, 5))
    same_names(list(first), list(shapes), got_is="initialize", expected_is="parameter_shapes")
    if list(first) != list(shapes):
        raise Failure(f"initialize gives {list(first)}, another order than parameter_shapes, {list(shapes)}")
    for name, shape in shapes.items():
        value, again = first[name], second[name]
        if not isinstance(value, np.ndarray) or value.shape != shape or value.dtype != np.float64:
            shown = f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
            raise Failure(f"initialize's {name} is {shown}, expected float64 {shape}")
        if not np.isfinite(value).all():
            raise Failure(f"initialize's {name} is not finite")
        if not np.array_equal(value, again):
            raise Failure(f"initialize's {name} differs for two generators of one seed: it draws from elsewhere")
        if value.size and np.shares_memory(value, again):
            raise Failure(f"initialize's {name} shares memory with that of an earlier call: return a fresh array")
        if not value.flags.writeable:
            raise Failure(f"initialize's {name} is read-only: return a fresh array")


def _started(probe: LayerProbe, seed: int, shape: Shape) -> dict[str, Array]:
    rng = np.random.default_rng(seed)

    def refused(*arguments: Any, **named: Any) -> Any:
        raise Failure("initialize makes a generator of its own: draw from the one that it is given")

    with blame(f"initialize({shape}, rng)"), patch.object(np.random, "default_rng", refused):
        return dict(probe.layer.initialize(shape, rng))


def peak_bytes(call: Callable[[], Any]) -> int:
    """Return how many bytes a call allocates at its peak, over what was there before."""
    was_tracing = tracemalloc.is_tracing()
    if not was_tracing:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        call()
        return max(0, tracemalloc.get_traced_memory()[1] - before)
    finally:
        if not was_tracing:
            tracemalloc.stop()

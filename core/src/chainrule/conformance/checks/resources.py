"""Memory. Time is a matter for benchmarks."""

from __future__ import annotations

import copy
import gc
import math
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from ...arrays import Shape
from ..layer_probes import LayerPoint, LayerProbe
from ..loss_probes import LossProbe
from ..maps import empty_out
from ..outcomes import Failure, NotApplicable
from ..probes import Probe
from ..rules import A_LAYER, A_LOSS, ANY, REAL_INPUT, SAMPLES_APART, rule
from ..shapes import each_scaled_up
from .forward import peak_bytes

NUMBERS = 3000
"""In a sample, for a dense Jacobian to stand out: its square is 9 million."""
GENEROUS = 60
"""How many times its arguments a vjp may allocate: an im2col of a 7 × 7 kernel takes 49."""


@rule("resources.vjp", A_LAYER, REAL_INPUT, needs=["gradient.runs"])
def vjp(probe: LayerProbe) -> None:
    """A vjp or jvp never builds the dense Jacobian, whichever axis of a sample is long.

    J of an affine layer of 784 to 100 numbers takes 4 GB for a batch of 64, where its gradient takes 0.6 MB. What grows
    with the square of one axis alone, as the weights of attention do, is no dense Jacobian.
    """
    found = []
    for shape in list(each_scaled_up(probe.layer, probe.shape, NUMBERS)) or [probe.shape]:
        fault = _builds_dense(probe, shape)
        if fault == "":
            return
        found.append(fault)
    faults = [fault for fault in found if fault is not None]
    if not faults:
        raise NotApplicable(
            "a layer whose output grows with its input, but is not much larger, and its parameters less than both"
        )
    raise Failure(faults[0])


def _builds_dense(probe: LayerProbe, shape: Shape) -> str | None:
    """Return what is wrong on samples of a shape, "" if nothing, None where a dense Jacobian would not stand out."""
    outputs, inputs, B = math.prod(probe.output_shape(shape)), math.prod(shape), 2
    weights = sum(map(math.prod, probe.parameter_shapes(shape).values()))
    arguments = 8 * (2 * B * inputs + B * outputs + 2 * weights)  # x, δ, θ, and a direction of x and θ
    dense = 8 * B * outputs * inputs
    if max(outputs, inputs) > 40 * NUMBERS or dense < 4 * GENEROUS * arguments:
        return None
    point = probe.at(probe.inputs(probe.rng, (B, *shape)), probe.parameters(probe.rng, shape), shape=shape)
    _, maps = probe.linearize(point.x, point.params)
    out = empty_out(point.params)
    for name, call in (
        ("vjp", lambda: maps.vjp(point.delta, out)),
        ("jvp", lambda: maps.jvp(point.tangent, point.tangents)),
    ):
        peak = peak_bytes(call)
        if peak > GENEROUS * arguments:
            return (
                f"{name} of {B} samples of shape {shape} allocates {peak:,} bytes, {peak // arguments} times its "
                f"arguments; the dense Jacobian has {dense:,}"
            )
    return ""


@rule("resources.leak", ANY, needs=["runs.everything"])
def leak(probe: Probe) -> None:
    """Nothing of a batch is kept when its results are gone.

    A list of inputs, a cache by content, a closure in a registry: a run of a day ends where memory does.
    """
    points = [probe.point(64) for _ in range(4)]
    size = sum(array.nbytes for name, array in points[0].arrays() if name in ("x", "scores", "delta", "θ"))

    def run() -> None:
        for point in points * 10:
            for _, array in point.arrays():
                if array.dtype.kind == "f":
                    array += 1e-9  # never the same content again
            probe.everything(copy.deepcopy(point))
        gc.collect()

    with new_objects_alone():
        run()  # what is cached once, such as a table of indices, is no leak
        grown = min(kept_bytes(run) for _ in range(3))  # an interpreter's own tables grow now and then
    if grown > 10 * size + 20_000:
        raise Failure(f"after 40 batches of 64, {grown:,} bytes are kept; a batch and its δ have {size:,}")


@contextmanager
def new_objects_alone() -> Iterator[None]:
    """Spare the collector the objects that are there: in a large process, such as pytest's, they take all its time."""
    if gc.get_freeze_count():  # the program's own
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def kept_bytes(call: Callable[[], None]) -> int:
    """Return how many bytes are allocated after a call that were not before."""
    was_tracing = tracemalloc.is_tracing()
    if not was_tracing:
        tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        call()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        if not was_tracing:
            tracemalloc.stop()


@rule("resources.batch", A_LAYER, SAMPLES_APART, needs=["gradient.runs"])
def batch(probe: LayerProbe) -> None:
    """Peak memory grows linearly with the batch.

    An array of B × B entries goes unseen at B = 32, and ends an evaluation of ten thousand samples.
    """
    one = probe.point(1)

    def step(n: int) -> Callable[[], Any]:
        x = np.repeat(one.x, n, axis=0)
        delta = np.repeat(one.delta, n, axis=0)
        tangent = None if one.tangent is None else x
        point = LayerPoint(x, one.params, delta, tangent, one.tangents)

        def run() -> None:
            probe.forward(point.x, point.params)
            _, maps = probe.linearize(point.x, point.params)
            out = empty_out(point.params)
            if maps.has_input:
                maps.vjp(point.delta, out)
            maps.vjp_params(point.delta, out)
            if point.tangent is not None or point.tangents:
                maps.jvp(point.tangent, point.tangents)

        return run

    _refuse_quadratic(step)


@rule("resources.points", A_LOSS, needs=["runs.everything"])
def points(probe: LossProbe) -> None:
    """Peak memory of a loss grows linearly with the batch.

    Scores indexed by all targets at once, s[:, y], are B × B numbers of which the diagonal is meant.
    """

    def step(n: int) -> Callable[[], Any]:
        return partial(probe.everything, probe.point(n))

    _refuse_quadratic(step)


def _refuse_quadratic(step: Callable[[int], Callable[[], Any]]) -> None:
    """Raise a Failure if the peak grows faster than the batch, also where NumPy's own buffers are long filled."""
    for B in (512, 1024):
        peaks = []
        for n in (B, 2 * B, 4 * B):
            run = step(n)
            run()  # what is cached once is no growth
            peaks.append(peak_bytes(run))
        first, second = peaks[1] - peaks[0], peaks[2] - peaks[1]
        if second <= 2.3 * max(first, 0) + 20_000:
            return
    raise Failure(
        f"{peaks[0]:,}, {peaks[1]:,} and {peaks[2]:,} bytes are allocated for {B}, {2 * B} and {4 * B} samples: twice "
        f"the batch takes {second / max(first, 1):.1f} times the growth; linear is 2"
    )

"""What a layer remembers and no gradient moves: how it is declared, seen, kept and used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...arrays import Array
from ...functions.layers import Layer, trains_otherwise
from ..blame import blame
from ..compare import agree, relative, same_bits
from ..layer_probes import LayerPoint, LayerProbe
from ..maps import Maps, empty_out
from ..outcomes import Failure
from ..rules import A_LAYER, Trait, rule
from ..statistics import has_statistics, remembered, seen_by, started

STATISTICS = Trait("a layer with statistics", has_statistics)


@rule("statistics.shapes", A_LAYER, STATISTICS, needs=["forward.parameters"], realized=False, since="2.1")
def shapes(probe: LayerProbe) -> None:
    """statistic_shapes and initial_statistics name the same finite arrays, in one order, and trains_otherwise is True.

    A network lays them out in one vector behind θ, and realizes only layers that say that they train otherwise.
    """
    layer = probe.layer
    if not trains_otherwise(probe.written):
        raise Failure("it has statistics, and trains_otherwise is False: no step is realized, they stay as they are")
    for near in [probe, *probe.others()]:
        with blame(f"statistic_shapes for {near.samples}"):
            declared = dict(near.layer.statistic_shapes(near.shape))
            again = dict(near.layer.statistic_shapes(near.shape))
        if list(declared.items()) != list(again.items()):
            raise Failure(f"statistic_shapes gave {declared} first and {again} at a later call")
        for name, shape in declared.items():
            if not isinstance(name, str) or type(shape) is not tuple or not all(type(n) is int for n in shape):
                raise Failure(f"statistic_shapes[{name!r}] is {shape!r}, expected a name and a tuple of ints")
        with blame(f"initial_statistics for {near.samples}"):
            start = dict(near.layer.initial_statistics(near.shape))
        came = {name: np.shape(value) for name, value in start.items()}
        if list(came.items()) != list(declared.items()):
            raise Failure(f"initial_statistics gives {came}, statistic_shapes declares {declared}")
        for name, value in start.items():
            if not isinstance(value, np.ndarray) or value.dtype != np.float64 or not np.isfinite(value).all():
                raise Failure(f"initial_statistics' {name} is no finite array of float64")
        for name in declared.keys() & near.parameter_shapes().keys():
            raise Failure(f"{name!r} is the name of a parameter and of a statistic")
    first, second = (layer.initial_statistics(probe.shape) for _ in range(2))
    for name, value in first.items():
        if value.size and np.shares_memory(value, second[name]):
            raise Failure(
                f"initial_statistics' {name} shares memory with that of an earlier call: return a fresh array"
            )


@rule("statistics.realize", A_LAYER, STATISTICS, needs=["statistics.shapes"], realized=False, since="2.1")
def realize(probe: LayerProbe) -> None:
    """What is realized is a plain layer, without statistics, whose Jacobian has `seen`; predicting gives one, too.

    One step differentiates one fixed function; what it saw reaches the statistics by `remembered`, once.
    """
    rng = np.random.default_rng(3)
    before = rng.bit_generator.state
    with blame("realize(rng)"):
        realized = probe.layer.realize(rng)
    if not probe.written.stochastic and rng.bit_generator.state != before:
        raise Failure("realize(rng) draws from its generator, and the class does not say stochastic = True")
    with blame("predicting(**statistics)"):
        predicting = probe.layer.predicting(**started(probe.layer, probe.shape))
    for layer, what in ((realized, "realize(rng)"), (predicting, "predicting(**statistics)")):
        _plain(probe, layer, what)
    x, params, seen = one_step(probe, max(5, probe.least_batch()))
    if not seen:
        raise Failure("the Jacobian of what realize(rng) returns has nothing in `seen`: the statistics never move")
    for name, array in seen.items():
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            raise Failure(f"seen[{name!r}] is {array.dtype}, or not finite, expected finite real numbers")
    _seen_alone(probe, x, params)
    old = started(probe.layer, probe.shape)
    kept = {**{f"old {k}": v.copy() for k, v in old.items()}, **{f"seen {k}": v.copy() for k, v in seen.items()}}
    first, second = (remembered(probe.layer, old, seen) for _ in range(2))
    for name, array in {**{f"old {k}": v for k, v in old.items()}, **{f"seen {k}": v for k, v in seen.items()}}.items():
        same_bits(array, kept[name], label=f"{name}, entry ", got_is="after remembered", expected_is="before")
    for name, array in second.items():
        same_bits(array, first[name], label=f"new {name}, entry ", got_is="asked again", expected_is="at first")


def _plain(probe: LayerProbe, layer: Any, what: str) -> None:
    if not isinstance(layer, Layer):
        raise Failure(f"{what} returned {type(layer).__name__}, no Layer")
    with blame(f"statistic_shapes of what {what} returns"):
        own = dict(layer.statistic_shapes(probe.shape))
    if own or (trains_otherwise(layer) and what.startswith("realize")):
        raise Failure(f"{what} returned {layer!r}, which has statistics or trains otherwise itself: it is to be plain")
    with blame(f"parameter_shapes of what {what} returns"):
        came, shape = dict(layer.parameter_shapes(probe.shape)), layer.output_shape(probe.shape)
    if list(came.items()) != list(probe.parameter_shapes().items()):
        raise Failure(f"what {what} returns has the parameters {came}, the layer itself {probe.parameter_shapes()}")
    if shape != probe.output_shape():
        raise Failure(f"what {what} returns has the output shape {shape}, the layer itself {probe.output_shape()}")


def one_step(probe: LayerProbe, B: int) -> tuple[Array, dict[str, Array], dict[str, Array]]:
    """Return a batch, parameters, and what a training step sees."""
    x, params = probe.inputs(probe.rng, (B, *probe.shape)), probe.parameters(probe.rng)
    return x, params, seen_by(probe.layer, x, params, np.random.default_rng(1))


def _seen_alone(probe: LayerProbe, x: Array, params: dict[str, Array]) -> None:
    """Refuse what is seen that changes when deltas go back, or when another batch comes."""
    layer = probe.layer.realize(np.random.default_rng(1))
    _, jacobian = layer.linearize(x, **params)
    seen = dict(jacobian.seen)
    kept = {name: np.array(array) for name, array in seen.items()}
    point = probe.at(x, params)
    maps, out = Maps(jacobian, layer), empty_out(params)
    if maps.has_input:
        maps.vjp(point.delta, out)
    maps.vjp_params(point.delta, out)
    layer.linearize(x + 1 if x.dtype.kind == "f" else x, **params)
    for name, array in {**dict(jacobian.seen), **seen}.items():
        label = f"seen[{name!r}], entry "
        same_bits(array, kept[name], label=label, got_is="after vjp and another batch", expected_is="before")


@rule("statistics.kept", A_LAYER, STATISTICS, needs=["statistics.realize"], realized=False, since="2.1")
def kept(probe: LayerProbe) -> None:
    """Predicting never changes the statistics, and by itself the layer is what the initial ones make it.

    An evaluation between two epochs would change the run; a network's statistics are views of one vector.
    """
    point = probe.point(4)
    statistics = started(probe.layer, probe.shape)
    before = {name: array.copy() for name, array in statistics.items()}
    with blame("predicting(**statistics)"):
        layer = probe.layer.predicting(**statistics)
    found = {name: np.array(array) for name, array in probe.everything(point, layer).items()}
    for name, array in statistics.items():
        same_bits(array, before[name], label=f"{name}, entry ", got_is="after predicting", expected_is="before")
    for name, array in probe.everything(point, layer).items():
        same_bits(array, found[name], label=f"{name}, entry ", got_is="predicted again", expected_is="at first")
    for name, array in probe.everything(point).items():
        agree(
            array,
            found[name],
            relative(found[name], 1e-12),
            label=f"{name}, entry ",
            got_is="by the layer itself",
            expected_is="predicting with the initial statistics",
        )


@rule("statistics.used", A_LAYER, STATISTICS, needs=["statistics.realize"], realized=False, since="2.1")
def used(probe: LayerProbe) -> None:
    """Every statistic has an effect: on what is predicted, or on what is remembered next; and a step moves them.

    What is kept and not used was meant to be used: a prediction by the batch's own moments changes with its neighbours.
    """
    point = probe.point(4)
    first, seen = (one_step(probe, max(8, probe.least_batch()))[2] for _ in range(2))
    old = remembered(probe.layer, started(probe.layer, probe.shape), first)
    y, new = prediction(probe, old, point), remembered(probe.layer, old, seen)
    predicts = False
    for name, array in old.items():
        other = {**old, name: 1.5 * array + 0.25}
        shows = not np.array_equal(prediction(probe, other, point), y)
        after = remembered(probe.layer, other, seen)
        predicts = predicts or shows
        if array.size and not shows and all(np.array_equal(after[k], new[k]) for k in after if k != name):
            raise Failure(f"the statistic {name} changes neither what is predicted nor another one: it is not used")
    if not predicts:
        raise Failure("no statistic changes what is predicted: it predicts with the batch's own")


def prediction(probe: LayerProbe, statistics: Mapping[str, Array], point: LayerPoint) -> Array:
    """Return what is predicted with these statistics."""
    with blame("predicting(**statistics)"):
        layer = probe.layer.predicting(**statistics)
    return np.array(probe.forward(point.x, point.params, layer))


@rule("statistics.least_batch", A_LAYER, STATISTICS, needs=["statistics.realize"], realized=False, since="2.1")
def least_batch(probe: LayerProbe) -> None:
    """A training step of least_batch samples is finite: y, its gradients, and the statistics after it.

    n - 1 is 0 for one sample; least_batch is what training asks before the first step, not after an epoch.
    """
    least = probe.least_batch()
    if type(least) is not int or least < 1:
        raise Failure(f"least_batch({probe.shape}) is {least!r}, expected a positive int")
    x, params, seen = one_step(probe, least)
    with blame("realize(rng)"):
        realized = probe.layer.realize(np.random.default_rng(1))
    found = dict(probe.everything(probe.at(x, params), realized))
    found |= remembered(probe.layer, started(probe.layer, probe.shape), seen)
    for name, array in found.items():
        if not np.isfinite(array).all():
            raise Failure(
                f"{name} is not finite after a training step of {least} samples: let least_batch return more, or make "
                "it work"
            )

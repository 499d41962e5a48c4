"""What a layer remembers of its training steps, and no gradient moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...arrays import Array
from ...functions.layers import Layer, trains_otherwise
from ...functions.network import Network
from ..blame import blame
from ..compare import agree, relative, same_bits
from ..layer_probes import LayerPoint, LayerProbe
from ..maps import Maps, empty_out
from ..outcomes import CaseError, Failure, NotApplicable
from ..packed import Packed
from ..rules import A_LAYER, Trait, rule
from ..standins import Scaled, Wavy
from ..statistics import has_statistics, remembered, seen_by, started

STATISTICS = Trait("a layer with statistics", has_statistics)
REMEMBERED = Trait("a case with remembered", lambda case: case.remembered is not None)
TRAINED = Trait("a case with trained", lambda case: case.trained is not None)
LARGE = 400
"""Of how many samples a batch is whose moments are close to those of its distribution."""
LONGEST = 4000
"""After how many steps along one batch statistics stand still, at the latest."""


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
    x, params, seen = _step(probe, max(5, probe.least_batch()))
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


def _step(probe: LayerProbe, B: int) -> tuple[Array, dict[str, Array], dict[str, Array]]:
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
    first, seen = (_step(probe, max(8, probe.least_batch()))[2] for _ in range(2))
    old = remembered(probe.layer, started(probe.layer, probe.shape), first)
    y, new = _predicted(probe, old, point), remembered(probe.layer, old, seen)
    predicts = False
    for name, array in old.items():
        other = {**old, name: 1.5 * array + 0.25}
        shows = not np.array_equal(_predicted(probe, other, point), y)
        after = remembered(probe.layer, other, seen)
        predicts = predicts or shows
        if array.size and not shows and all(np.array_equal(after[k], new[k]) for k in after if k != name):
            raise Failure(f"the statistic {name} changes neither what is predicted nor another one: it is not used")
    if not predicts:
        raise Failure("no statistic changes what is predicted: it predicts with the batch's own")


def _predicted(probe: LayerProbe, statistics: Mapping[str, Array], point: LayerPoint) -> Array:
    with blame("predicting(**statistics)"):
        layer = probe.layer.predicting(**statistics)
    return np.array(probe.forward(point.x, point.params, layer))


@rule("statistics.trained", A_LAYER, TRAINED, needs=["forward.runs"], realized=False, since="2.1")
def trained(probe: LayerProbe) -> None:
    """What a training step computes equals the case's independent `trained`.

    A slip in what is realized that has its own right derivative shows in no other place: prediction is another formula.
    """
    if not trains_otherwise(probe.written) or probe.written.stochastic:
        raise CaseError("trained is for layers that train otherwise than they predict, without noise")
    for wide in (False, True):
        point = probe.draw(probe.rng, max(5, probe.least_batch()), wide=wide)
        expected = _slow(probe, "trained", [], point.x, point.params)
        with blame("realize(rng)"):
            realized = probe.layer.realize(np.random.default_rng(1))
        agree(
            probe.forward(point.x, point.params, realized),
            np.asarray(expected, np.float64),
            relative(expected, 1e-9),
            label="y, entry ",
            got_is="the realized layer's",
            expected_is="the reference's",
            B=len(point.x),
        )


def _slow(probe: LayerProbe, name: str, first: list[Any], x: Array, params: dict[str, Array]) -> Any:
    """Return what a function of the case gives. Raises:   CaseError."""
    inputs = probe.layer.unpack(x) if isinstance(probe.layer, Packed) else [x]
    try:
        return getattr(probe.given, name)(*first, *[a.copy() for a in inputs], **params)
    except Exception as error:
        raise CaseError(f"the case's {name} raised {type(error).__name__}: {error}") from error


@rule("statistics.reference", A_LAYER, REMEMBERED, needs=["statistics.realize"], realized=False, since="2.1")
def reference(probe: LayerProbe) -> None:
    """The statistics after each of three training steps are those of the case's independent `remembered`.

    Which share is new, and n or n - 1, shows in no gradient and in no limit.
    """
    statistics, least = started(probe.layer, probe.shape), probe.least_batch()
    for B in (max(5, least), max(2, least), max(7, least)):
        x, params, seen = _step(probe, B)
        given = {name: array.copy() for name, array in statistics.items()}
        expected = dict(_slow(probe, "remembered", [given], x, params))
        statistics = remembered(probe.layer, statistics, seen)
        for name, array in statistics.items():
            if name not in expected:
                raise CaseError(f"the case's remembered has no {name!r}")
            agree(
                array,
                np.asarray(expected[name], np.float64),
                relative(expected[name], 1e-9),
                label=f"{name} after a step of {B} samples, entry ",
                got_is="the layer's",
                expected_is="the reference's",
            )


@rule("statistics.limit", A_LAYER, STATISTICS, needs=["statistics.used"], realized=False, since="2.1")
def limit(probe: LayerProbe) -> None:
    """Along one batch statistics come to rest, step by step, whatever their start, and then predict what it has seen.

    Between old and new lies a running mean; one that overshoots, or that adds up, is none. What training computes on a
    large batch, and prediction with all that was seen of it, is one function but for n against n - 1.
    """
    x, params, seen = _step(probe, max(LARGE, probe.least_batch()))
    start = started(probe.layer, probe.shape)
    at_rest, steps = _at_rest(probe, start, seen)
    first = remembered(probe.layer, start, seen)
    elsewhere = remembered(probe.layer, start, _step(probe, max(9, probe.least_batch()))[2])
    other, count = elsewhere, max(500, steps)
    for _ in range(count):
        other = remembered(probe.layer, other, seen)
    for name, resting in at_rest.items():
        close = relative(np.stack([resting, start[name]]), 1e-6)
        slowly = 4.0 / count * float(np.abs(elsewhere[name] - resting).max(initial=0.0))  # as a mean of all so far does
        label, expected_is = f"{name}, entry ", "where it rests from the first"
        agree(
            other[name],
            resting,
            close + slowly,
            label=label,
            got_is=f"after {count} steps from another start",
            expected_is=expected_is,
        )
        far, near = np.abs(start[name] - resting), np.abs(first[name] - resting)
        wrong = (near > far + close) | ((first[name] - resting) * (start[name] - resting) < -(close**2))
        if wrong.any():
            k = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise Failure(
                f"{name}{list(k)}: {first[name][k]:.9g} after one step from {start[name][k]:.9g}, and "
                f"{resting[k]:.9g} in the end: a step does not lie between old and new"
            )
    if probe.written.stochastic:
        return
    _same_function(probe, {**start, **at_rest}, x, params, 4.0 / len(x), f"after {steps} steps along one batch")


def _at_rest(probe: LayerProbe, old: dict[str, Array], seen: dict[str, Array]) -> tuple[dict[str, Array], int]:
    """Return those statistics that come to rest, with the steps that takes. Raises:   Failure where none does."""
    moved: dict[str, float] = {}
    for step in range(1, LONGEST + 1):
        new = remembered(probe.layer, old, seen)
        moved = {k: float(np.abs(new[k] - old[k]).max(initial=0.0)) for k in new}
        sizes = {k: float(np.abs(new[k]).max(initial=0.0)) for k in new}
        old = new
        if all(moved[k] <= 1e-13 * max(sizes[k], 1e-3) for k in new):
            return old, step
    found = {k: v for k, v in old.items() if moved[k] <= 1e-9 * max(float(np.abs(v).max(initial=0.0)), 1e-3)}
    if not found or not all(np.isfinite(v).all() for v in found.values()):
        raise Failure(
            f"after {LONGEST} steps along one batch no statistic stands still: a running mean takes a share m of the "
            "new and 1 - m of the old"
        )
    return found, LONGEST


def _same_function(
    probe: LayerProbe, statistics: Mapping[str, Array], x: Array, params: dict[str, Array], rate: float, when: str
) -> None:
    """Compare what is predicted for a batch with what training computes of it."""
    with blame("realize(rng)"):
        realized = probe.layer.realize(np.random.default_rng(1))
    point = probe.at(x, params)
    trained, predicted = np.array(probe.forward(x, params, realized)), _predicted(probe, statistics, point)
    spread = float(np.abs(trained - trained.mean(axis=0)).max(initial=0.0))
    agree(
        predicted,
        trained,
        rate * max(spread, 1e-3) + 1e-9 * float(np.abs(trained).max(initial=0.0)),
        label="y, entry ",
        got_is=f"predicted {when}",
        expected_is="as training computes it",
        hint="what is remembered is not what prediction takes it for: a root for a variance, or a sum for a mean",
    )


@rule("statistics.moments", A_LAYER, STATISTICS, needs=["statistics.limit"], realized=False, since="2.1")
def moments(probe: LayerProbe) -> None:
    """After many batches of one distribution, prediction is what training computes on a large batch of it.

    Then the statistics are its mean and variance; those of the last batch alone, or of the first, are not.
    """
    if probe.written.stochastic:
        raise NotApplicable("a layer without noise")
    rng, B = np.random.default_rng(11), max(32, probe.least_batch())
    params = probe.parameters(probe.rng)
    pool = probe.inputs(probe.rng, (max(LARGE, 4 * B), *probe.shape))
    statistics = started(probe.layer, probe.shape)
    seen = seen_by(probe.layer, pool[:B], params, rng)
    _, steps = _at_rest(probe, statistics, seen)
    if steps >= LONGEST:
        steps = LONGEST // 4
    count, sums = 2 * min(max(steps, 100), LONGEST // 4), dict[str, Array]()
    for step in range(count):
        seen = seen_by(probe.layer, pool[rng.permutation(len(pool))[:B]], params, rng)
        statistics = remembered(probe.layer, statistics, seen)
        if step >= count // 2:
            sums = {name: sums.get(name, 0.0) + array for name, array in statistics.items()}
    mean = {name: np.asarray(array / (count - count // 2)) for name, array in sums.items()}
    _same_function(
        probe, mean, pool, params, 0.06, f"after {count} batches of {B}, by the mean of the later statistics,"
    )


@rule("statistics.least_batch", A_LAYER, STATISTICS, needs=["statistics.realize"], realized=False, since="2.1")
def least_batch(probe: LayerProbe) -> None:
    """A training step of least_batch samples is finite: y, its gradients, and the statistics after it.

    n - 1 is 0 for one sample; least_batch is what training asks before the first step, not after an epoch.
    """
    least = probe.least_batch()
    if type(least) is not int or least < 1:
        raise Failure(f"least_batch({probe.shape}) is {least!r}, expected a positive int")
    x, params, seen = _step(probe, least)
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


@rule("statistics.resumed", A_LAYER, STATISTICS, needs=["statistics.realize"], realized=False, since="2.1")
def resumed(probe: LayerProbe) -> None:
    """A training that goes on in another network from its state, θ and statistics, has the bits of one uninterrupted.

    A run that is resumed ends where it would have ended only if the statistics are all that is remembered.
    """
    batches = [probe.inputs(probe.rng, (max(6, probe.least_batch()), *probe.shape)) for _ in range(6)]
    with blame("a network with the layer"):
        whole, first, second = (
            Network([probe.layer, Scaled()], probe.shape, dtype=np.float64)
            if probe.layer.integer_input
            else Network([Scaled(), probe.layer, Scaled()], probe.shape, dtype=np.float64)
            for _ in range(3)
        )
    for step, x in enumerate(batches):
        _train(whole, x, step)
    for step, x in enumerate(batches[:3]):
        _train(first, x, step)
    before = first.statistics.copy()
    first.predict(batches[5])
    same_bits(first.statistics, before, label="the statistics, entry ", got_is="after predict", expected_is="before")
    second.state = first.state
    _train(first, batches[0], 9)
    for step, x in enumerate(batches[3:], 3):
        _train(second, x, step)
    if not np.array_equal(second.state, whole.state, equal_nan=True):
        k = int(np.flatnonzero(second.state != whole.state)[0])
        raise Failure(
            f"the state after six steps, entry {k} of {whole.state.size}: resumed after three it is "
            f"{second.state[k]:.17g}, uninterrupted {whole.state[k]:.17g}\n"
            "likely cause: the layer, its class or its module remembers what belongs into the statistics"
        )


def _train(network: Network, x: Array, step: int) -> None:
    with blame("a training step of a network with the layer"):
        network.backprop(x, None, Wavy(), np.random.default_rng(step))
        network.remember(network.seen)
    network.theta -= 0.01 * network.gradient

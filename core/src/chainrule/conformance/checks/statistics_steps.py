"""What a layer's statistics become in training: step by step, along one batch, along many, and when it is resumed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...arrays import Array
from ...functions.layers import trains_otherwise
from ...functions.network import Network
from ..blame import blame
from ..compare import agree, relative, same_bits
from ..layer_probes import LayerProbe
from ..outcomes import CaseError, Failure, NotApplicable
from ..packed import Packed
from ..rules import A_LAYER, Trait, rule
from ..standins import Scaled, Wavy
from ..statistics import remembered, seen_by, started
from .statistics import STATISTICS, one_step, prediction

REMEMBERED = Trait("a case with remembered", lambda case: case.remembered is not None)
TRAINED = Trait("a case with trained", lambda case: case.trained is not None)
LARGE = 400
"""Of how many samples a batch is whose moments are close to those of its distribution."""
LONGEST = 4000
"""After how many steps along one batch statistics stand still, at the latest."""


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
        x, params, seen = one_step(probe, B)
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
    x, params, seen = one_step(probe, max(LARGE, probe.least_batch()))
    start = started(probe.layer, probe.shape)
    at_rest, steps = _at_rest(probe, start, seen)
    first = remembered(probe.layer, start, seen)
    elsewhere = remembered(probe.layer, start, one_step(probe, max(9, probe.least_batch()))[2])
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
    trained, predicted = np.array(probe.forward(x, params, realized)), prediction(probe, statistics, point)
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

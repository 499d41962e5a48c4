"""Stochastic layers: what is random, where it comes from, and what training sees of it."""

from __future__ import annotations

import numpy as np

from ...arrays import Array
from ...functions.layers import Layer, trains_otherwise
from ..blame import blame
from ..compare import same_bits
from ..layer_probes import LayerProbe
from ..outcomes import Failure, NotApplicable
from ..rules import A_LAYER, Trait, rule
from ..surroundings import changes_around

STOCHASTIC = Trait("a stochastic layer", lambda case: case.layer.stochastic)
AS_IT_PREDICTS = Trait("a layer that trains as it predicts", lambda case: not trains_otherwise(case.layer))


@rule("randomness.declared", A_LAYER, AS_IT_PREDICTS, realized=False)
def declared(probe: LayerProbe) -> None:
    """A layer that is not stochastic, and does not say that it trains otherwise, realizes to itself, and draws nothing.

    A network realizes only the layers that say `stochastic = True` or `trains_otherwise = True`.
    """
    rng = np.random.default_rng(3)
    before = rng.bit_generator.state
    with blame("realize(rng)"):
        realized = probe.layer.realize(rng)
    if realized is not probe.layer and realized != probe.layer:
        raise Failure(
            f"realize(rng) returned {realized!r}, and the class does not say stochastic = True: it is never called"
        )
    if rng.bit_generator.state != before:
        raise Failure("realize(rng) draws from its generator, and the class does not say stochastic = True")


@rule("randomness.realize", A_LAYER, STOCHASTIC, needs=["forward.runs"], realized=False)
def realize(probe: LayerProbe) -> None:
    """realize draws from its generator alone, and returns a deterministic layer.

    A run is repeatable from its seed; a step differentiates one fixed function.
    """
    for name, before, after in changes_around(lambda: _realized(probe, 1)):
        raise Failure(f"realize(rng) changed {name}: {before} before, {after} after; draw from rng")
    first, second = _realized(probe, 1), _realized(probe, 1)
    if first.stochastic:
        raise Failure(f"realize(rng) returned {first!r}, which is stochastic itself; it is to be deterministic")
    point = probe.point()
    y = np.array(probe.forward(point.x, point.params, first))
    same_bits(
        probe.forward(point.x, point.params, second),
        y,
        label="y of what realize(rng) returns, entry ",
        got_is="of a second generator of the same seed",
        expected_is="of the first",
        hint="it draws from another source than its generator",
    )
    for _ in range(3):
        same_bits(
            probe.forward(point.x, point.params, first),
            y,
            label="y of what realize(rng) returns, entry ",
            got_is="asked again",
            expected_is="at first",
            hint="it draws when it runs; draw a seed in realize, and make the numbers from it",
        )
    if first != second:
        raise Failure("two generators of one seed realize to layers that are not equal")


@rule("randomness.varies", A_LAYER, STOCHASTIC, needs=["randomness.realize"], realized=False)
def varies(probe: LayerProbe) -> None:
    """Different generators realize to different layers, and one generator gives another at each step.

    Noise that is the same at every step is no noise; the network learns to live with it.
    """
    point = probe.point()
    rng = np.random.default_rng(1)
    with blame("realize(rng)"):
        steps = [probe.layer.realize(rng) for _ in range(8)]
    ys = [np.asarray(probe.forward(point.x, point.params, layer)) for layer in steps]
    if all(layer == steps[0] for layer in steps) and all(np.array_equal(y, ys[0]) for y in ys):
        raise Failure("eight steps of one generator realize to the same layer: nothing is drawn")


@rule("randomness.samples", A_LAYER, STOCHASTIC, needs=["randomness.varies"], tier="should", realized=False)
def samples_differ(probe: LayerProbe) -> None:
    """The noise differs from sample to sample of a batch.

    One draw for the whole batch makes its samples err alike, and their mean as noisy as one of them.
    """
    point = probe.point()
    x = np.repeat(point.x[:1], 16, axis=0)
    rng = np.random.default_rng(2)
    seen = False
    for _ in range(12):
        with blame("realize(rng)"):
            layer = probe.layer.realize(rng)
        y = np.asarray(probe.forward(x, point.params, layer))
        seen = seen or not np.array_equal(y, np.asarray(probe.forward(x, point.params)))
        if not all(np.array_equal(sample, y[0]) for sample in y):
            return
    if not seen:
        raise NotApplicable("a layer whose noise shows")
    raise Failure("16 equal samples of a batch come out equal, twelve times: all samples share one draw")


@rule("randomness.mean", A_LAYER, STOCHASTIC, needs=["randomness.realize"], realized=False)
def mean(probe: LayerProbe) -> None:
    """Where training and prediction are both linear in x, the mean over the noise is the prediction.

    A dropout that does not make up for what it drops trains a network on other sums than it predicts with.
    """
    point, other = probe.point(8), probe.point(8)
    if not _linear(probe, point.x, other.x, point.params, probe.layer) or not _linear(
        probe, point.x, other.x, point.params, _realized(probe, 4)
    ):
        raise NotApplicable("a layer that is linear in x, in training and in prediction")
    predicted = np.asarray(probe.forward(point.x, point.params))
    rng = np.random.default_rng(5)
    directions = [predicted, np.asarray(probe.rng.normal(size=predicted.shape))]
    sums = np.zeros((400, 2))
    for i in range(len(sums)):
        with blame("realize(rng)"):
            layer = probe.layer.realize(rng)
        apart = np.asarray(probe.forward(point.x, point.params, layer)) - predicted
        sums[i] = [float((apart * direction).sum()) for direction in directions]
    off, spread = sums.mean(axis=0), sums.std(axis=0) / np.sqrt(len(sums))
    size = float((predicted * predicted).sum())
    if (np.abs(off) > 7 * spread + 1e-9 * size).any():
        ratio = 1 + off[0] / size if size else float("nan")
        raise Failure(
            f"the mean of {len(sums)} realized outputs is {ratio:.3g} times the prediction\n"
            "likely cause: what is kept is to be divided by the share that is kept"
        )


def _linear(probe: LayerProbe, x: Array, other: Array, params: dict[str, Array], layer: Layer) -> bool:
    """Return whether f is affine in x: f((a + b) / 2) = (f(a) + f(b)) / 2."""
    y, second = probe.forward(x, params, layer), probe.forward(other, params, layer)
    middle = probe.forward((x + other) / 2, params, layer) if x.dtype.kind == "f" else None
    return middle is not None and bool(np.allclose(middle, (y + second) / 2, rtol=1e-9, atol=1e-12))


def _realized(probe: LayerProbe, seed: int) -> Layer:
    with blame("realize(rng)"):
        layer = probe.layer.realize(np.random.default_rng(seed))
    if not isinstance(layer, Layer):
        raise Failure(f"realize(rng) returned {type(layer).__name__}, no Layer")
    return layer

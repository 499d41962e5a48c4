"""The laws of a batch: samples are treated apart, and nothing depends on how many there are."""

from __future__ import annotations

import numpy as np

from ...arrays import Array
from ..compare import agree, relative
from ..layer_probes import LayerPoint, LayerProbe
from ..maps import empty_out
from ..outcomes import Failure
from ..rules import A_LAYER, SAMPLES_APART, Trait, rule

MIXES = Trait("a layer that mixes samples", lambda case: case.layer.mixes_samples)
RATE = 1e-10


@rule("batch.singles", A_LAYER, SAMPLES_APART, needs=["gradient.runs"], realized=False)
def singles(probe: LayerProbe) -> None:
    """A batch gives what its samples give one by one: y, δ·J_X, and the parameters' gradients summed.

    A loop that ends after the first sample, a mean where a sum belongs, and a hidden 1/B show here.
    """
    for B in sorted({4, 7, *(n for n in (*probe.shape, *probe.output_shape()) if 1 < n <= 16)}):  # B may be mistaken
        point = probe.point(B)
        whole = _results(probe, point)
        parts = [_results(probe, point.rows(slice(j, j + 1))) for j in range(B)]
        for name, array in whole.items():
            single = [part[name] for part in parts]
            expected = np.sum(single, axis=0) if name in point.params else np.concatenate(single)
            agree(
                array,
                expected,
                relative(expected, RATE),
                label=f"{_title(name, point)}, entry ",
                got_is=f"of the batch of {B}",
                expected_is="of its samples one by one, summed"
                if name in point.params
                else "of its samples one by one",
                B=B,
            )


def _results(probe: LayerProbe, point: LayerPoint) -> dict[str, Array]:
    """Return y, δ·J_X and each parameter's gradient."""
    y, maps = probe.linearize(point.x, point.params)
    out = empty_out(point.params)
    found = {"y by forward": np.array(probe.forward(point.x, point.params)), "y": np.array(y)}
    if maps.has_input:
        found["δ·J_X"] = np.array(maps.vjp(point.delta, out))
    else:
        maps.vjp_params(point.delta, out)
    return {**found, **out}


def _title(name: str, point: LayerPoint) -> str:
    return f"the gradient of {name}" if name in point.params else name


@rule("batch.permutation", A_LAYER, SAMPLES_APART, needs=["gradient.runs"], realized=False)
def permutation(probe: LayerProbe) -> None:
    """Samples in another order give the same results in that order, and the same gradients of the parameters.

    Batches are shuffled; what a layer makes of a sample must not depend on where it stands.
    """
    point = probe.point(5)
    order = np.array([3, 0, 4, 1, 2])
    before, after = _results(probe, point), _results(probe, point.rows(order))
    for name, array in after.items():
        expected = before[name] if name in point.params else before[name][order]
        agree(
            array,
            expected,
            relative(expected, RATE),
            label=f"{_title(name, point)}, entry ",
            got_is="with the samples in another order",
            expected_is="in that order before",
            B=5,
        )


@rule("batch.split", A_LAYER, SAMPLES_APART, needs=["gradient.runs"], realized=False)
def split(probe: LayerProbe) -> None:
    """The parts of a batch give the parts of its results, and gradients that add up to its own.

    Shards of one batch are computed by threads, and simply added.
    """
    for B, at in ((6, 1), (6, 4), (131, 64)):  # the last for those that work in blocks
        point = probe.point(B)
        whole = _results(probe, point)
        first, second = (_results(probe, point.rows(rows)) for rows in (slice(0, at), slice(at, None)))
        for name, array in whole.items():
            both = first[name] + second[name] if name in point.params else np.concatenate([first[name], second[name]])
            agree(
                both,
                array,
                relative(array, RATE),
                label=f"{_title(name, point)}, entry ",
                got_is=f"of {at} and {B - at} samples together",
                expected_is=f"of the batch of {B}",
                B=B,
            )


@rule("batch.large", A_LAYER, SAMPLES_APART, needs=["batch.singles"], realized=False)
def large(probe: LayerProbe) -> None:
    """A batch of hundreds gives what its samples give alone, and gradients that are the sum of its parts'.

    What works in blocks, or counts in a byte, is right for the batch that it was tried on.
    """
    B = 521
    point = probe.point(B)
    whole = _results(probe, point)
    for j in (0, 1, 255, 256, 257, 511, 512, B - 1):
        alone = _results(probe, point.rows(slice(j, j + 1)))
        for name, array in alone.items():
            if name not in point.params:
                agree(
                    whole[name][j],
                    array[0],
                    relative(array, RATE),
                    label=f"{name} of sample {j}, entry ",
                    got_is=f"in a batch of {B}",
                    expected_is="alone",
                )
    parts = [_results(probe, point.rows(slice(start, start + 13))) for start in range(0, B, 13)]
    for name in point.params:
        expected = np.sum([part[name] for part in parts], axis=0)
        agree(
            whole[name],
            expected,
            relative(expected, 1e-9),
            label=f"the gradient of {name}, entry ",
            got_is=f"of a batch of {B}",
            expected_is="of its parts of 13, added up",
            B=B,
        )


@rule("batch.apart", A_LAYER, SAMPLES_APART, needs=["gradient.runs"])
def apart(probe: LayerProbe) -> None:
    """No sample has an effect on another's results; a layer that mixes samples says so by `mixes_samples`.

    The driver multiplies the maps of each sample apart, E22 of the course: that is wrong where samples mix.
    """
    point, other = probe.point(4), probe.point(4)
    before = _results(probe, point)
    x, delta = point.x.copy(), point.delta.copy()
    x[2], delta[2] = other.x[2], 3 * other.delta[2]
    after = _results(probe, LayerPoint(x, point.params, delta, point.tangent, point.tangents))
    for name, array in after.items():
        if name not in point.params:
            expected = before[name].copy()
            expected[2] = array[2]
            agree(
                array,
                expected,
                relative(expected, 1e-12),
                label=f"{name}, entry ",
                got_is="after sample 2 changed",
                expected_is="before",
                hint="samples mix: set mixes_samples = True on the class if they are meant to",
            )
    _tangents_apart(probe, point)


def _tangents_apart(probe: LayerProbe, point: LayerPoint) -> None:
    if point.tangent is None:
        return
    _, maps = probe.linearize(point.x, point.params)
    tangent = np.zeros_like(point.tangent)
    tangent[2] = point.tangent[2]
    pushed = np.broadcast_to(np.asarray(maps.jvp(tangent, {})), point.delta.shape)
    rest = np.array([0, 1, 3])
    agree(
        pushed[rest],
        np.zeros_like(pushed[rest]),
        relative(pushed, 1e-12),
        label="J·v, entry ",
        got_is="where only sample 2 moves, of the others",
        expected_is="none:",
    )


@rule("batch.mixing", A_LAYER, MIXES, needs=["gradient.runs"], realized=False)
def mixing(probe: LayerProbe) -> None:
    """A layer that says that it mixes samples does.

    The claim spares it every law of a batch, and costs its user shards and per-sample gradients.
    """
    point, other = probe.point(4), probe.point(4)
    before = np.array(probe.forward(point.x, point.params))
    for j in range(4):
        x = point.x.copy()
        x[j] = other.x[j]
        rest = np.arange(4) != j
        if not np.array_equal(before[rest], np.asarray(probe.forward(x, point.params))[rest]):
            return
    raise Failure("mixes_samples is True, and no output of another sample changes with a sample: leave it False")


@rule("batch.one", A_LAYER, needs=["gradient.runs"])
def one(probe: LayerProbe) -> None:
    """A batch of one sample works like any other, and so does one of many.

    The last batch of an epoch has what is left over; prediction asks for one.
    """
    for wanted in (1, 2, 17):
        point = probe.point(wanted)
        B = len(point.x)
        found = probe.everything(point)
        for name in ("forward's y", "linearize's y", "jvp"):
            shape = np.shape(found.get(name, point.delta))
            if name == "jvp":
                shape = np.broadcast_shapes(shape, point.delta.shape)
            if shape != point.delta.shape:
                raise Failure(f"{name} of a batch of {B} has shape {shape}, expected {point.delta.shape}")
        pulled = found.get("vjp's δ·J_X", point.x)
        if pulled.shape != point.x.shape:
            raise Failure(f"vjp of a batch of {B} has shape {pulled.shape}, expected {point.x.shape}")
        for name, array in point.params.items():
            rows = found.get(f"per_sample's gradient of {name}")
            if rows is not None and rows.shape != (B, *array.shape):
                raise Failure(
                    f"per_sample's {name} of a batch of {B} has shape {rows.shape}, expected {(B, *array.shape)}"
                )

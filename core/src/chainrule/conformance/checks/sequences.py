"""Sequences: an output that depends on nothing later, parts of a sequence, and positions that a mask takes out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...arrays import Array
from ..compare import agree, entry, relative
from ..directions import compare_along
from ..layer_probes import LayerProbe
from ..outcomes import CaseError, Failure
from ..packed import is_several
from ..rules import A_LAYER, Trait, rule
from ..several import Several, SeveralPoint
from ..shapes import takes

CAUSAL = Trait("a case that says it is causal", lambda case: case.causal)
MASKS = Trait("a case with masks", lambda case: bool(case.masks))
FAR = 100.0
"""How far off the numbers are that must not count."""


def _length(several: Several) -> int:
    """Return T, the first axis of the first input and of the output. Raises:   CaseError."""
    shape: Any = several.layer.output_shape(*several.shapes)
    if is_several(shape) or not several.shapes[0] or shape[:1] != several.shapes[0][:1]:
        raise CaseError(f"causal is for sequences in and out, (T, …) → (T, …); this is {several.shapes} → {shape}")
    return several.shapes[0][0]


@rule("sequences.causal", A_LAYER, CAUSAL, needs=["gradient.runs"], realized=False, since="2.1")
def causal(probe: LayerProbe) -> None:
    """Of a causal layer no output depends on a later position: large changes there do not show, nor do derivatives.

    A model that sees the next character learns to copy it, has a wonderful loss, and writes nothing.
    """
    several = Several(probe)
    T = _length(several)
    point, far = several.point(3), several.inputs(3, FAR)
    of_time = [i for i, shape in enumerate(several.shapes) if shape[:1] == (T,)]
    (y,) = several.forward(point.inputs, point.params)
    for t in range(T - 1):
        later = slice(t + 1, None)
        inputs = list(point.inputs)
        for i in of_time:
            inputs[i] = inputs[i].copy()
            inputs[i][:, later] = far[i][:, later]
        moved = several.forward(inputs, point.params)[0]
        place = f"what comes after position {t}"
        _same(moved[:, : t + 1], y[:, : t + 1], "y, entry ", f"with other numbers in {place}")
        early = SeveralPoint(point.inputs, point.params, _cut(point.delta, later), point.tangents)
        _, jacobian = several.linearize(point.inputs, point.params)
        if any(several.real):
            pulled = several.vjp(jacobian, early)
            for i in of_time:
                if pulled[i] is not None:
                    size = relative(pulled[i], 1e-12)
                    _zero(pulled[i][:, later], size, f"δ of input {i} from y up to position {t}, in {place}, entry ")
            tangents = [_cut(v, slice(0, t + 1)) if i in of_time else None for i, v in enumerate(point.tangents)]
            if any(v is not None for v in tangents):
                pushed = np.broadcast_to(several.jvp(jacobian, tangents)[0], y.shape)
                _zero(pushed[:, : t + 1], relative(pushed, 1e-12), f"J·v of {place}, up to position {t}, entry ")


def _cut(array: Array | None, places: slice) -> Any:
    """Return an array with zeros at some positions."""
    if array is None:
        return None
    cut = array.copy()
    cut[:, places] = 0.0
    return cut


def _same(got: Array, expected: Array, label: str, how: str) -> None:
    rate = relative(expected, 1e-11)
    agree(got, expected, rate, label=entry(label), got_is=how, expected_is="before", B=len(got))


def _zero(got: Array, tolerance: float, label: str) -> None:
    agree(got, np.zeros_like(got), tolerance, label=entry(label), got_is="the layer's", expected_is="none:")


@rule("sequences.parts", A_LAYER, CAUSAL, needs=["sequences.causal"], realized=False, since="2.1")
def parts(probe: LayerProbe) -> None:
    """A causal layer takes a sequence of one position, and makes of the first positions the first of what it makes.

    Generation starts with a single character; a loop that ends one step too early is right for most of the length.
    """
    several = Several(probe)
    T = _length(several)
    point = several.point(3)
    (y,) = several.forward(point.inputs, point.params)
    for t in sorted({1, 2, T - 1} & set(range(1, T))):
        shapes = [(t, *shape[1:]) if shape[:1] == (T,) else shape for shape in several.shapes]
        if not takes(several.layer, *shapes):
            if t == 1:
                raise Failure(f"it refuses a sequence of one position, inputs of the shapes {shapes}")
            continue
        other = probe.reshaped(shapes)
        compare_along(other, other.point(2), f"{other.samples}: ")
        if other.parameter_shapes() != probe.parameter_shapes():
            continue  # one that has a parameter for each position
        inputs = [x[:, :t] if shape[:1] == (T,) else x for x, shape in zip(point.inputs, several.shapes, strict=True)]
        (short,) = several.forward(inputs, point.params)
        _same(short, y[:, :t], "y, entry ", f"of the first {t} positions alone")


def _masked(several: Several, point: SeveralPoint, mask: int, of: tuple[int, ...]) -> Iterator[tuple[int, Array]]:
    """Yield each position with the samples in which it is masked. Raises:   CaseError."""
    shape = several.shapes[mask]
    for i in of:
        if len(shape) != 1 or several.shapes[i][:1] != shape:
            fits = f"input {mask} has shape {shape}, input {i} {several.shapes[i]}"
            raise CaseError(f"masks: a mask has shape (T,), what it masks (T, …); {fits}")
    for t in range(shape[0]):
        samples = point.inputs[mask][:, t] == 0
        if samples.any():
            yield t, samples


@rule("masks.apart", A_LAYER, MASKS, needs=["gradient.runs"], realized=False, since="2.1")
def apart(probe: LayerProbe) -> None:
    """A position that is masked has no influence and no gradient, and one that is not has an influence.

    What stands behind the end of a short sequence is whatever filled the batch; it must count for nothing, in training
    and in prediction. Where the output has that position, too, its own output may depend on it.
    """
    several = Several(probe)
    for mask, of in probe.given.masks.items():
        point = several.point(6)
        rng, kept = probe.rng, point.inputs[mask]
        kept[:] = rng.random(kept.shape) < 0.5
        rows = np.arange(len(kept))
        kept[rows, rng.integers(0, kept.shape[1], len(kept))] = 1  # some position of each sample counts
        point.inputs[mask] = kept
        if not _changes(several, point, mask, tuple(of)):
            raise Failure(f"no position that input {mask} leaves in has an influence")
        _no_influence(several, point, mask, tuple(of))


@rule("masks.all", A_LAYER, MASKS, needs=["masks.apart"], realized=False, since="2.1")
def every(probe: LayerProbe) -> None:
    """Where everything is masked, or nothing, results are finite, and what is masked has no influence and no gradient.

    A softmax over no scores is 0/0: the first empty row of a data set ends the run.
    """
    several = Several(probe)
    for mask, of in probe.given.masks.items():
        for value in (0, 1):
            point = several.point(4)
            point.inputs[mask] = np.full_like(point.inputs[mask], value)
            point.inputs[mask][:2] = value  # all alike
            for name, array in several.results(point).items():
                if not np.isfinite(array).all():
                    raise Failure(f"{name} is not finite where input {mask} is {value} everywhere")
            _no_influence(several, point, mask, tuple(of))


def _changes(several: Several, point: SeveralPoint, mask: int, of: tuple[int, ...]) -> bool:
    """Return whether a position that is not masked shows in the output."""
    inputs, other = list(point.inputs), several.inputs(len(point.inputs[0]))
    keeps = point.inputs[mask] != 0
    for i in of:
        inputs[i] = np.where(keeps.reshape(*keeps.shape, *[1] * (inputs[i].ndim - 2)), other[i], inputs[i])
    before, after = (several.forward(given, point.params) for given in (point.inputs, inputs))
    return any(not np.allclose(a, b) for a, b in zip(before, after, strict=True))


def _no_influence(several: Several, point: SeveralPoint, mask: int, of: tuple[int, ...]) -> None:
    far = several.inputs(len(point.inputs[0]), FAR)
    ends, jacobian = several.linearize(point.inputs, point.params)
    deltas = point.delta if isinstance(point.delta, tuple) else (point.delta,)
    for t, samples in _masked(several, point, mask, of):
        length = several.shapes[mask][0]
        own = [y.ndim > 1 and y.shape[1] == length for y in ends]  # where position t has an output of its own
        inputs = list(point.inputs)
        for i in of:
            inputs[i] = inputs[i].copy()
            inputs[i][samples, t] = far[i][samples, t]
        for k, (y, moved) in enumerate(zip(ends, several.forward(inputs, point.params), strict=True)):
            seen, before = (np.delete(a, t, axis=1) if own[k] else a for a in (moved, y))
            how = f"with other numbers at position {t}, masked by input {mask} in samples {np.flatnonzero(samples)}"
            _same(seen, before, f"output {k}, entry ", how)
        if not any(several.real[i] for i in of):
            continue
        cut = tuple(_cut(d, slice(t, t + 1)) if own[k] else d for k, d in enumerate(deltas))
        delta = cut if isinstance(point.delta, tuple) else cut[0]
        pulled = several.vjp(jacobian, SeveralPoint(point.inputs, point.params, delta, point.tangents))
        for i in of:
            if pulled[i] is not None:
                label = f"δ of input {i} at position {t}, which input {mask} masks, entry "
                _zero(pulled[i][samples, t], relative(pulled[i], 1e-12), label)

"""Several inputs: which δ belongs to which, what stands still, whole numbers beside real ones, and a graph around."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays import Array
from ...functions.graph import Graph
from ...functions.network import Network
from ..blame import blame
from ..compare import agree, entry, relative, same_bits
from ..layer_probes import LayerProbe
from ..maps import empty_out
from ..networks import compare_total
from ..outcomes import Failure, NotApplicable
from ..packed import is_several
from ..rules import A_LAYER, REAL_INPUT, SAMPLES_APART, SEVERAL, Trait, rule
from ..several import Several, SeveralPoint
from ..standins import Scaled

WHOLE = Trait("a layer with an input of whole numbers beside others", lambda case: case.several and any(case.integers))


@rule("inputs.deltas", A_LAYER, SEVERAL, REAL_INPUT, needs=["gradient.runs"], realized=False, since="2.1")
def deltas(probe: LayerProbe) -> None:
    """vjp returns a tuple of one δ for each input, in their order; None exactly where an input has no derivative.

    The driver hands them on by their place: a list, a zero in the place of None and a δ that is left out go astray.
    """
    several = Several(probe)
    for B in (3, 1):
        point = several.point(B)
        _, jacobian = several.linearize(point.inputs, point.params)
        alone = several.vjp(jacobian, point)
        together = several.vjp(jacobian, point, empty_out(point.params))
        for i, (part, same) in enumerate(zip(alone, together, strict=True)):
            if part is not None:
                expected = relative(part, 1e-11)
                agree(
                    same, part, expected, label=f"δ of input {i}, entry ", got_is="with out", expected_is="without", B=B
                )


@rule("inputs.still", A_LAYER, SEVERAL, REAL_INPUT, needs=["inputs.deltas"], realized=False, since="2.1")
def still(probe: LayerProbe) -> None:
    """In jvp, None stands for an input that does not move: as zeros would; and J·v of all is the sum of each alone.

    A network's own input does not move, nor does a branch of a graph before which nothing learns.
    """
    several = Several(probe)
    point = several.point(3)
    _, jacobian = several.linearize(point.inputs, point.params)
    places = [i for i, real in enumerate(several.real) if real]
    together = several.jvp(jacobian, point.tangents)
    shapes = [y.shape for y in several.forward(point.inputs, point.params)]
    total = [np.zeros(shape) for shape in shapes]
    for i in places:
        alone: list[Array | None] = [v if j == i else None for j, v in enumerate(point.tangents)]
        rest = [v if j == i or v is None else np.zeros_like(v) for j, v in enumerate(point.tangents)]
        by_none, by_zeros = several.jvp(jacobian, alone), several.jvp(jacobian, rest)
        for k, (got, expected) in enumerate(zip(by_none, by_zeros, strict=True)):
            close = relative(expected, 1e-11)
            label = entry(f"J·v of output {k} where input {i} alone moves, entry ")
            agree(
                np.broadcast_to(got, shapes[k]),
                np.broadcast_to(expected, shapes[k]),
                close,
                label=label,
                got_is="with None for the others",
                expected_is="with zeros",
            )
            total[k] = total[k] + got
    for k, (got, expected) in enumerate(zip(together, total, strict=True)):
        agree(
            np.broadcast_to(got, shapes[k]),
            expected,
            relative(expected, 1e-11),
            label=entry(f"J·v of output {k}, entry "),
            got_is="of all inputs at once",
            expected_is="of each alone, summed",
        )


@rule("inputs.samples", A_LAYER, SEVERAL, SAMPLES_APART, needs=["gradient.runs"], realized=False, since="2.1")
def samples(probe: LayerProbe) -> None:
    """A batch whose samples have other whole numbers each gives what they give one by one: y, each δ, the gradients.

    A mask of the first sample that is applied to all is right as long as all have the same.
    """
    several = Several(probe)
    B = 5
    point = several.point(B)
    whole = several.results(point)
    parts = [several.results(point.rows(slice(j, j + 1))) for j in range(B)]
    for name, array in whole.items():
        single = [part[name] for part in parts]
        expected = np.sum(single, axis=0) if name.startswith("the gradient") else np.concatenate(single)
        agree(
            array,
            expected,
            relative(expected, 1e-10),
            label=entry(f"{name}, entry "),
            got_is=f"of the batch of {B}",
            expected_is="of its samples one by one",
            B=B,
        )


@rule("inputs.one_array", A_LAYER, SEVERAL, REAL_INPUT, needs=["inputs.deltas"], realized=False, since="2.1")
def one_array(probe: LayerProbe) -> None:
    """The same array may be several inputs, f(x, x), and gives what copies of it give.

    Self-attention is attention of x to x; what keeps by identity, or works in place, mixes them up.
    """
    several = Several(probe)
    point = several.point(3)
    domains = probe.given.domains
    pairs = [
        (i, j)
        for j in range(len(several.shapes))
        for i in range(j)
        if (several.shapes[i], domains[i], several.real[i]) == (several.shapes[j], domains[j], several.real[j])
    ]
    if not pairs:
        raise NotApplicable("a layer with two inputs of one kind and shape")
    for i, j in pairs:
        copies, same = list(point.inputs), list(point.inputs)
        copies[j], same[j] = point.inputs[i].copy(), point.inputs[i]
        expected = several.results(SeveralPoint(copies, point.params, point.delta, point.tangents))
        found = several.results(SeveralPoint(same, point.params, point.delta, point.tangents))
        for name, array in found.items():
            same_bits(
                array,
                expected[name],
                label=entry(f"{name}, entry "),
                got_is=f"where inputs {i} and {j} are one array",
                expected_is="where they are copies",
            )


@rule("inputs.untouched", A_LAYER, SEVERAL, needs=["gradient.runs"], realized=False, since="2.1")
def untouched(probe: LayerProbe) -> None:
    """Inputs, whole numbers among them, and each δ are left as they were, and no δ is a buffer that is used again.

    A mask is every layer's that takes it; the δ of one input is read when that of another is computed.
    """
    several = Several(probe)
    point, other = several.point(3), several.point(3)
    deltas = point.delta if isinstance(point.delta, tuple) else (point.delta,)
    given = {f"input {i}": x for i, x in enumerate(point.inputs)}
    given |= {f"the δ of output {k}": delta for k, delta in enumerate(deltas)}
    before = {name: array.copy() for name, array in given.items()}
    _, jacobian = several.linearize(point.inputs, point.params)
    pulled: list[Any] = []
    if any(several.real):
        pulled = [*several.vjp(jacobian, point)]
        several.jvp(jacobian, point.tangents)
    kept = [None if part is None else part.copy() for part in pulled]
    for name, array in given.items():
        same_bits(array, before[name], label=entry(f"{name}, entry "), got_is="afterwards", expected_is="before")
    several.results(other)
    if pulled:
        several.vjp(jacobian, SeveralPoint(point.inputs, point.params, other.delta, other.tangents))
    for i, (part, copied) in enumerate(zip(pulled, kept, strict=True)):
        if part is not None:
            label = entry(f"δ of input {i}, entry ")
            same_bits(part, copied, label=label, got_is="after later calls", expected_is="when it was returned")


@rule("inputs.whole_numbers", A_LAYER, WHOLE, needs=["gradient.runs"], realized=False, since="2.1")
def whole_numbers(probe: LayerProbe) -> None:
    """Whole numbers may be of every integer dtype, and of bool where they are 0 and 1; the results keep the real dtype.

    A mask is read from a file as bytes, or made by a comparison; ~mask of an int is -1 and -2, and True + True is True.
    """
    several = Several(probe)
    point = several.point(3)
    expected = several.results(point)
    for i, real in enumerate(several.real):
        kinds: list[Any] = [] if real else [np.int32, np.uint8]
        values = point.inputs[i]
        if not real and values.min(initial=0) >= 0 and values.max(initial=0) <= 1:
            kinds.append(np.bool_)
        for kind in kinds:
            if kind is np.uint8 and (values.min(initial=0) < 0 or values.max(initial=0) > 255):
                continue
            inputs = [x.astype(kind) if j == i else x for j, x in enumerate(point.inputs)]
            for name, array in several.results(SeveralPoint(inputs, point.params, point.delta, point.tangents)).items():
                agree(
                    array,
                    expected[name],
                    relative(expected[name], 1e-12),
                    label=entry(f"{name}, entry "),
                    got_is=f"where input {i} is of {np.dtype(kind)}",
                    expected_is="of int64",
                )
    _keeps_float32(several, point)


def _keeps_float32(several: Several, point: SeveralPoint) -> None:
    inputs = [x.astype(np.float32) if real else x for x, real in zip(point.inputs, several.real, strict=True)]
    params = {name: array.astype(np.float32) for name, array in point.params.items()}
    if not (params or any(several.real)):
        return
    delta: Any = tuple(d.astype(np.float32) for d in point.delta) if isinstance(point.delta, tuple) else None
    single = SeveralPoint(inputs, params, point.delta.astype(np.float32) if delta is None else delta, point.tangents)
    for name, array in several.results(single).items():
        if array.dtype != np.float32:
            raise Failure(f"{name} has dtype {array.dtype} for float32 beside whole numbers, expected float32")


@rule("inputs.graph", A_LAYER, SEVERAL, needs=["inputs.deltas", "forward.start"], realized=False, since="2.1")
def in_a_graph(probe: LayerProbe) -> None:
    """As a node of a graph that takes its inputs by name the total gradient of the mean loss equals the numerical one.

    Here a layer of several inputs meets what the driver does: deltas go back along several paths and are added.
    """
    several = Several(probe)
    if is_several(several.layer.output_shape(*several.shapes)):
        raise NotApplicable("a layer of one output")
    for B in (3, 1):
        point = several.point(B)
        names = [f"x{i}" for i in range(len(several.shapes))]
        before = [(f"a{i}", Scaled(), name) for i, name in enumerate(names) if several.real[i]]
        taken = [f"a{i}" if real else name for i, (name, real) in enumerate(zip(names, several.real, strict=True))]
        with blame("a network of a graph with the layer"):
            graph = Graph(*before, ("layer", several.layer, *taken), ("end", Scaled(), "layer"), inputs=names)
            network = Network(graph, dict(zip(names, several.shapes, strict=True)), dtype=np.float64)
        network.theta = np.where(network.theta == 1, probe.rng.uniform(0.8, 1.2, network.theta.size), network.theta)
        for name, array in network.parameters.items():
            node, _, own = name.partition(".")
            array[...] = point.params[own] if node == "layer" else 1.0 if node != "end" else array
        compare_total(probe, network, dict(zip(names, point.inputs, strict=True)), B)

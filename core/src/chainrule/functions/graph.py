"""A composition of layers is a layer: named nodes, each of which takes inputs and earlier nodes."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import numpy as np

from ..arrays import Array, Shape
from ..errors import SettingError, ShapeError
from .backprop import forward, linearize
from .jacobians import BatchJacobian
from .layers import Layer, integers_of, set_fields, trains_otherwise
from .wiring import Tie, Wiring, join_names, one_or_all

Node: TypeAlias = tuple[Any, ...]
"""A name, a layer or the name of the node whose layer it is, and the names of what it takes."""


class Composed(Layer):
    """What compositions share: `members`, their `wiring`, and parameters named `"node.parameter"`."""

    members: tuple[Layer, ...]
    wiring: Wiring

    def _wire(
        self, nodes: Sequence[Node], inputs: Sequence[str], outputs: Sequence[str], ties: Mapping[str, str] | None
    ) -> None:
        """Work out who takes what. Raises:   SettingError."""
        places = {name: i for i, name in enumerate(inputs)}
        kinds: dict[str, set[bool]] = {name: set() for name in inputs}  # whether it is taken as integers
        layers: dict[str, Layer] = {}
        own: dict[str, str] = {}  # whose parameters a node has
        sources: list[tuple[int, ...]] = []
        found: list[Tie] = []
        for name, layer, *taken in nodes:
            own[name], layers[name] = name, layer
            if isinstance(layer, str):
                own[name], layers[name] = own[layer], layers[layer]
                found.append(Tie(name, own[layer], nodes=True))
            for source, integer in zip(taken, integers_of(layers[name], len(taken)), strict=True):
                kinds.setdefault(source, set()).add(integer)
            sources.append(tuple(places[source] for source in taken))
            places[name] = len(places)
        for name in inputs:
            if len(kinds[name]) > 1:
                expected = "takers of integers, or of real numbers"
                hint = "make two inputs of it, one for each kind"
                raise SettingError(f"input {name!r}", expected=expected, got="both", hint=hint)
        integers, ends = tuple(True in kinds[name] for name in inputs), tuple(places[name] for name in outputs)
        found += _read_ties(ties, own)
        wiring = Wiring(tuple(layers), tuple(sources), integers, ends, tuple(found))
        set_fields(self, wiring=wiring, ties=dict(ties) if ties else None)
        self._take(tuple(layers.values()))

    def _take(self, members: tuple[Layer, ...]) -> None:
        integers, ends = self.wiring.integers, self.wiring.outputs
        set_fields(
            self,
            members=members,
            stochastic=any(layer.stochastic for layer in members),
            trains_otherwise=any(trains_otherwise(layer) for layer in members),
            mixes_samples=any(layer.mixes_samples for layer in members),
            integer_input=integers if len(integers) > 1 else integers[0],
            output_range=members[ends[0] - len(integers)].output_range if len(ends) == 1 else None,
        )
        set_fields(self, **self._shown(members))

    def _shown(self, members: tuple[Layer, ...]) -> dict[str, Any]:
        """Return the fields that show the members."""
        raise NotImplementedError

    def _with(self, members: Iterable[Layer]) -> Self:
        """Return the same composition of other layers."""
        twin = copy.copy(self)
        twin._take(tuple(members))
        return twin

    def shapes(self, *input_shapes: Shape) -> list[Shape]:
        """Return the shapes of all values: those of the inputs first, then each layer's output."""
        shapes = [*input_shapes]
        for i, layer in enumerate(self.members):
            sources = self.wiring.sources[i]
            try:
                shapes.append(layer.output_shape(*[shapes[s] for s in sources]))
            except ShapeError as error:
                taken = " and ".join(self._named(s) for s in sources)
                raise error.within(f"{self.wiring.where(i, layer)}, does not take {taken}") from None
        return shapes

    def _named(self, value: int) -> str:
        count = len(self.wiring.integers)
        if value >= count:
            return f"the output of {self.wiring.where(value - count, self.members[value - count])}"
        return "the input" if count == 1 else f"input {value}"

    def taken(self, values: Sequence[Any]) -> list[list[Any]]:
        """Return what each layer takes of such a list."""
        return [[values[s] for s in sources] for sources in self.wiring.sources]

    def output_shape(self, input_shape: Shape, /, *others: Any, **_: Any) -> Any:
        """Return the shape of the output, or a tuple of those of several."""
        shapes = self.shapes(input_shape, *others)
        if self.wiring.ties:
            self.parameter_shapes(input_shape, *others)  # refuses shapes that keep tied parameters apart
        return one_or_all([shapes[s] for s in self.wiring.outputs])

    def parameter_shapes(self, input_shape: Shape, /, *others: Any, **_: Any) -> dict[str, Shape]:
        """Return the layers' shapes, each name after its node and a dot; tied parameters are left out."""
        shapes = self._joined("parameter_shapes", (input_shape, *others))
        for name in [name for tie in self.wiring.ties if not tie.nodes for name in (tie.source, tie.name)]:
            if name not in shapes:
                hint = f"the parameters are {', '.join(shapes) or 'none'}"
                raise SettingError("ties", expected="names of parameters", got=name, hint=hint)
        for name, source, transposed in self.wiring.tied(shapes):
            like, came = shapes[source], shapes.pop(name, None)
            expected = like[::-1] if transposed else like
            if came != expected:
                hint = f"only arrays of one shape can be one; write {source + '.T'!r} for the transposed"
                raise ShapeError(f"ties: {name!r}", expected=expected, got=came, hint=hint)
        return shapes

    def initialize(self, input_shape: Shape, /, *others: Any, **more: Any) -> dict[str, Array]:
        """Return the layers' starting values, drawn in turn; where two are tied, the source's start wins."""
        *other_shapes, rng = (*others, *more.values())
        self.output_shape(input_shape, *other_shapes)
        values = self._joined("initialize", (input_shape, *other_shapes), rng)
        for name, *_ in self.wiring.tied(values):
            del values[name]
        return values

    def statistic_shapes(self, input_shape: Shape, /, *others: Any, **_: Any) -> dict[str, Shape]:
        """Return the layers' shapes, each name after its node and a dot; nodes that share a layer have their own."""
        return self._joined("statistic_shapes", (input_shape, *others))

    def initial_statistics(self, input_shape: Shape, /, *others: Any, **_: Any) -> dict[str, Array]:
        """Return the layers' initial statistics."""
        return self._joined("initial_statistics", (input_shape, *others))

    def least_batch(self, input_shape: Shape, /, *others: Any, **_: Any) -> int:
        """Return the largest of the layers'."""
        return max(map(int, self.ask("least_batch", (input_shape, *others))))

    def _joined(self, method: str, input_shapes: Sequence[Shape], *more: Any) -> dict[str, Any]:
        return join_names(self.wiring.names, self.ask(method, input_shapes, *more))

    def ask(self, method: str, input_shapes: Sequence[Shape], *more: Any) -> list[Any]:
        """Return what a method of each layer gives for the shapes that it takes."""
        taken = self.taken(self.shapes(*input_shapes))
        return [getattr(layer, method)(*s, *more) for layer, s in zip(self.members, taken, strict=True)]

    def predicting(self, /, *args: Any, **statistics: Array) -> Self:
        """Give each layer its own."""
        if not statistics:
            return self
        parts = self.wiring.split(statistics)
        return self._with(layer.predicting(**own) for layer, own in zip(self.members, parts, strict=True))

    def remembered(self, old: Mapping[str, Array], seen: Mapping[str, Array], /) -> dict[str, Array]:
        """Ask each layer."""
        parts = zip(self.members, self.wiring.split(old), self.wiring.split(seen), strict=True)
        return join_names(self.wiring.names, [layer.remembered(*own) for layer, *own in parts])

    def forward(self, x: Array, /, *others: Any, **params: Any) -> Any:
        """Return the output, or a tuple of several."""
        parts = self.wiring.split(self.wiring.untied(params))
        return one_or_all(forward(self, (x, *others), parts)[0])

    def linearize(self, x: Array, /, *others: Any, **params: Any) -> tuple[Any, BatchJacobian]:
        """Return the output and the product of the Jacobians."""
        parts = self.wiring.split(self.wiring.untied(params))
        ends, jacobian = linearize(self, (x, *others), parts)
        return one_or_all(ends), jacobian

    def realize(self, rng: np.random.Generator) -> Self:
        """Realize each layer that trains otherwise than it predicts, in turn."""
        if not self.trains_otherwise:
            return self
        return self._with(layer.realize(rng) if trains_otherwise(layer) else layer for layer in self.members)


def _read_ties(ties: Mapping[str, str] | None, own: Mapping[str, str]) -> list[Tie]:
    """Return ties by name as ties; `own` maps each node to the one whose parameters it has. Raises:   SettingError."""
    if ties is not None and not isinstance(ties, Mapping):
        raise SettingError("ties", expected="a table of parameters by name", got=ties)
    found = []
    for name, source in (ties or {}).items():
        for full in (name, source):
            if not isinstance(full, str) or full.partition(".")[0] not in own:
                raise SettingError("ties", expected='parameters by name, such as {"5.W": "0.W"}', got=full)
        tie = Tie(name, source.removesuffix(".T"), transposed=source.endswith(".T"))
        if tie.source == name:
            raise SettingError("ties", expected="another parameter", got=name)
        for full in (name, tie.source):
            node = full.partition(".")[0]
            if own[node] != node or (full is not name and full in (ties or {})):
                raise SettingError("ties", expected="a parameter that is not tied itself", got=full)
        found.append(tie)
    return found


@dataclass(frozen=True, init=False, repr=False)
class Graph(Composed):
    """Layers as named nodes, each of which takes inputs and earlier nodes by name.

        Graph(("h", Affine(64), "x"), ("y", Add(), "x", "h"))

    A node `(name, layer, *names)` gives its layer the values of those names, in their order. In place of the layer may
    stand an earlier node's name: then the two have one layer and one set of parameters. `inputs` and `outputs` are
    names, of which the second defaults to the last node; an output of its own has each of several. `ties` are
    parameters that are one: `{"y.W": "h.W"}`, or `"h.W.T"` for the transposed. The tied name is no parameter any more,
    the start is that of the source, and its gradient is the sum of both.

    Formula:  J = Σ over the paths from an input to the output of the product of the Jacobians on it
    Raises:   SettingError for names that are taken, unknown, or not used; ShapeError naming the node that does not
              take what it is given.
    Source:   Baydin et al. (2018), Automatic differentiation in machine learning: a survey, section 3.2.
    """

    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    ties: Mapping[str, str] | None = None

    def __init__(
        self,
        *nodes: Node,
        inputs: str | Sequence[str] = "x",
        outputs: str | Sequence[str] | None = None,
        ties: Mapping[str, str] | None = None,
    ) -> None:
        taken = _names("inputs", inputs)
        _check_nodes(nodes, taken)
        given = (nodes[-1][0],) if outputs is None else _names("outputs", outputs)
        _check_outputs(nodes, taken, given)
        set_fields(self, nodes=tuple(map(tuple, nodes)), inputs=taken, outputs=given)
        self._wire(nodes, taken, given, ties)

    def _shown(self, members: tuple[Layer, ...]) -> dict[str, Any]:
        if all(node[1] is layer or isinstance(node[1], str) for node, layer in zip(self.nodes, members, strict=True)):
            return {}
        return {"nodes": tuple((n[0], layer, *n[2:]) for n, layer in zip(self.nodes, members, strict=True))}

    def __repr__(self) -> str:
        ends = (
            ("inputs", self.inputs, ("x",)),
            ("outputs", self.outputs, self.nodes[-1][:1]),
            ("ties", self.ties, None),
        )
        shown = [repr(node) for node in self.nodes] + [f"{k}={value!r}" for k, value, plain in ends if value != plain]
        return f"Graph({', '.join(shown)})"

    def __hash__(self) -> int:
        return hash((self.nodes, self.inputs, self.outputs))

    def _named(self, value: int) -> str:
        return f"input {self.inputs[value]!r}" if value < len(self.inputs) else super()._named(value)


def _names(where: str, given: Any) -> tuple[Any, ...]:
    """Return one name, or several. Raises:   SettingError for none, and for what is no list."""
    names = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, list | tuple) else ()
    if not names:
        raise SettingError(where, expected="a name, or a list of names", got=given)
    return names


def _check_nodes(nodes: Sequence[Any], inputs: Sequence[Any]) -> None:
    if not nodes:
        raise SettingError("nodes", expected="at least one node", got=nodes)
    known: dict[str, Any] = {}  # the nodes' layers, None of an input
    for name in inputs:
        _check_name("inputs", name, known)
        known[name] = None
    for i, node in enumerate(nodes):
        if not isinstance(node, tuple | list) or len(node) < 3:
            example = 'write ("h", Affine(64), "x")'
            raise SettingError(f"nodes[{i}]", expected="a name, a layer, and what it takes", got=node, hint=example)
        name, layer, *taken = node
        if isinstance(layer, str):
            layer = known.get(layer) or layer  # that of an earlier node, which may have it of another
        check_layer(f"node {name!r}", layer)
        for source in taken:
            if not isinstance(source, str) or source not in known:
                hint = f"there are {', '.join(sorted(known))}"
                raise SettingError(f"node {name!r}", expected="inputs and earlier nodes", got=source, hint=hint)
        _check_name(f"nodes[{i}]", name, known)
        known[name] = layer
        for source, integer in zip(taken, integers_of(layer, len(taken)), strict=True):
            if integer and source not in inputs:
                hint = "a layer that takes indices takes an input of the graph"
                raise SettingError(f"node {name!r}", expected="a layer with a real input", got=layer, hint=hint)


def _check_name(where: str, name: Any, known: Mapping[str, Any]) -> None:
    if not isinstance(name, str) or not name or "." in name or name in known:
        raise SettingError(where, expected="a name of its own, without a dot", got=name)


def _check_outputs(nodes: Sequence[Node], inputs: Sequence[str], outputs: Sequence[Any]) -> None:
    names = [node[0] for node in nodes]
    for name in outputs:
        if name not in names or len({*outputs}) != len(outputs):
            raise SettingError("outputs", expected="names of nodes, each once", got=outputs)
    used = {source for node in nodes for source in node[2:]} | {*outputs}
    for name in (*inputs, *names):
        if name not in used:
            raise SettingError("nodes", expected=f"a taker of {name!r}", got="none", hint="take it, or leave it out")


def check_layer(name: str, value: Any) -> None:
    """Refuse what is no layer. Raises:   SettingError, with the likely cause."""
    if isinstance(value, Layer):
        return
    hint = f"write {value.__name__}(…)" if isinstance(value, type) and issubclass(value, Layer) else None
    raise SettingError(name, expected="a Layer", got=value, hint=hint)

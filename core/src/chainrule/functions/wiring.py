"""How the nodes of a composition are wired: what each takes, and which parameters stand in two places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ..arrays import Array

Value = TypeVar("Value")


class Tie(NamedTuple):
    """The parameter `name` is the parameter `source`; or, of `nodes`, all parameters of the one are the other's."""

    name: str
    source: str
    transposed: bool = False
    nodes: bool = False


@dataclass(frozen=True)
class Wiring:
    """Which values each node takes: those of the inputs come first, then those of the nodes, in order.

    `integers` says of each input whether it has no derivative; `outputs` are the values that leave.
    """

    names: tuple[str, ...]
    sources: tuple[tuple[int, ...], ...]
    integers: tuple[bool, ...]
    outputs: tuple[int, ...]
    ties: tuple[Tie, ...] = ()
    _back: dict[Any, list[tuple[int, bool, list[int | None]]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @cached_property
    def forth(self) -> list[tuple[tuple[int, ...], list[int]]]:
        """For each node, the values that it takes, and those of them that no later one does: they need not be kept."""
        last = {s: i for i, sources in enumerate(self.sources) for s in sources}
        kept = {*self.outputs}
        finished = [[s for s, at in last.items() if at == i and s not in kept] for i in range(len(self.names))]
        return list(zip(self.sources, finished, strict=True))

    def back(self, learns: tuple[bool, ...] | None, to_input: bool) -> list[tuple[int, bool, list[int | None]]]:
        """Return the nodes of a sweep back to what learns, and to the inputs, from the last to the first.

        And of each whether it passes on a delta, and to which of the values that it takes; None stands for the others.
        """
        known = self._back.get((learns, to_input))
        if known is not None:
            return known
        several = len(self.integers) > 1
        wanted, way = [to_input and not (several and integer) for integer in self.integers], []
        for i, sources in enumerate(self.sources):
            on = any([wanted[s] for s in sources])
            wanted.append(on or (learns is not None and learns[i]))
            if wanted[-1]:
                way.append((i, on, [s if wanted[s] else None for s in sources]))
        return self._back.setdefault((learns, to_input), way[::-1])

    def where(self, i: int, layer: Any) -> str:
        """Return how errors speak of a node: by its position, or by its name if it has one."""
        name = self.names[i]
        return f"layer {name}, {layer!r}" if name.isdigit() else f"node {name!r}, {layer!r}"

    def split(self, named: Mapping[str, Value]) -> list[dict[str, Value]]:
        """Return {"0.W": …, "2.b": …} as one dictionary of names for each node."""
        return split_by_name(named, self.names)

    def tied(self, names: Iterable[str]) -> list[tuple[str, str, bool]]:
        """Return name, source and `transposed` of each tied parameter, of all names or of those that are not tied.

        A source that is tied itself comes after what is tied to it.
        """
        found: list[tuple[str, str, bool]] = []
        if not self.ties:
            return found
        known = dict.fromkeys(names)
        for tie in reversed(self.ties):
            sources = [s for s in known if (s.startswith(f"{tie.source}.") if tie.nodes else s == tie.source)]
            own = [(tie.name + source.removeprefix(tie.source), source, tie.transposed) for source in sources]
            known |= dict.fromkeys(name for name, *_ in own)
            found = own + found
        return found

    def untied(self, named: Mapping[str, Array]) -> Mapping[str, Array]:
        """Return arrays by parameter name with those of tied parameters, which are views, beside them."""
        if not self.ties:
            return named
        full = dict(named)
        for name, source, transposed in reversed(self.tied(named)):
            full[name] = full[source].T if transposed else full[source]
        return full


class Slots:
    """Where the gradients of a backward sweep go: arrays by name, and room of their own for tied parameters."""

    def __init__(self, wiring: Wiring, out: Mapping[str, Array]) -> None:
        tied, full = wiring.tied(out), dict(out)
        for name, source, transposed in reversed(tied):
            like = full[source].T if transposed else full[source]
            full[name] = np.full(like.shape, np.nan, like.dtype)
        self.parts = wiring.split(full)
        self.ties = [(full[source], full[name].T if transposed else full[name]) for name, source, transposed in tied]

    def add_ties(self) -> None:
        """Add each tied parameter's gradient to that of its source: ∂/∂W of f(W, W) is the sum of both."""
        for into, own in self.ties:
            into += own


def one_or_all(values: Sequence[Any]) -> Any:
    """Return what a composition with so many ends returns: the one value, or a tuple of several."""
    return values[0] if len(values) == 1 else tuple(values)


def as_list(given: Any, count: int) -> list[Any]:
    """Return what is one value, or several, of so many ends."""
    return [given] if count == 1 else [*given]


def split_by_name(named: Mapping[str, Value], nodes: Sequence[str]) -> list[dict[str, Value]]:
    """Return arrays named `"node.parameter"` as one dictionary for each node; all are those of one without a name."""
    if nodes == ("",):
        return [dict(named)]
    parts: dict[str, dict[str, Value]] = {node: {} for node in nodes}
    for key, value in named.items():
        node, _, name = key.partition(".")
        parts[node][name] = value
    return list(parts.values())


def join_names(nodes: Iterable[str], parts: Iterable[Mapping[str, Value]]) -> dict[str, Value]:
    """Return one dictionary of the nodes' own, each name behind its node's and a dot, if it has a name."""
    prefixes = [f"{node}." if node else "" for node in nodes]
    return {f"{node}{name}": value for node, own in zip(prefixes, parts, strict=True) for name, value in own.items()}

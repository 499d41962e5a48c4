"""Layers of a chain that are computed as one: a plug-in offers the rewriting, and all but the computation stays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, TypeAlias

from ..arrays import Shape
from ..errors import ChainruleError, DefinitionError
from .compose import Chain
from .graph import Composed
from .layers import Layer, set_fields, trains_otherwise
from .wiring import Wiring

Rewriting: TypeAlias = Callable[[tuple[Layer, ...]], tuple[int, Layer] | None]
"""Looks at a chain's layers from some position on, and answers that the first so many are one layer, or None."""


class Run(NamedTuple):
    """Layers `first` to `last` of a chain, and the one that computes them under the name of the node `name`."""

    first: int
    last: int
    name: str
    layer: Layer


@dataclass(frozen=True)
class Runs(Wiring):
    """The wiring of a chain with runs; `places` say how errors speak of each node."""

    places: tuple[str, ...] = ()

    def where(self, i: int, layer: Any) -> str:
        """Return how errors speak of a node: by the positions in the chain as it is written."""
        return f"{self.places[i]}, {layer!r}"


@dataclass(frozen=True, init=False, repr=False)
class Rewritten(Composed):
    """A chain as it is computed: a run is one node, named like its layer that learns, and so parameters keep names.

    Layers that draw random numbers, remember, or mix samples are in no run, so that what is drawn stays, too.
    """

    chain: Chain
    runs: tuple[Run, ...]

    def __init__(self, chain: Chain, runs: Sequence[Run]) -> None:
        within = {i for run in runs for i in range(run.first, run.last + 1)}
        alone = [(i, str(i), layer, f"layer {i}") for i, layer in enumerate(chain.layers) if i not in within]
        fused = [(run.first, run.name, run.layer, f"layers {run.first} to {run.last}, fused") for run in runs]
        _, names, layers, places = zip(*sorted([*alone, *fused], key=lambda node: node[0]), strict=True)
        sources = tuple((i,) for i in range(len(names)))
        known = {field.name: getattr(chain.wiring, field.name) for field in fields(Wiring) if field.init}
        wiring = Runs(**{**known, "names": names, "sources": sources, "outputs": (len(names),)}, places=places)
        set_fields(self, chain=chain, runs=tuple(runs), wiring=wiring, ties=chain.ties)
        self._take(layers)

    def _shown(self, members: tuple[Layer, ...]) -> dict[str, Any]:
        return {}

    def __repr__(self) -> str:
        return repr(self.chain)


def rewritten(chain: Composed, rewritings: Iterable[Rewriting], *input_shapes: Shape) -> Composed:
    """Return what is computed in place of a chain: the first rewriting that answers is taken at each position.

    A graph is computed as it is written, and so are chains within layers. Raises:   DefinitionError for an answer that
    is no layer with the shapes and the parameters of those that it stands for.
    """
    rewritings = tuple(rewritings)
    if not rewritings or not isinstance(chain, Chain):
        return chain
    found: list[Run] = []
    at = 0
    while at < len(chain.layers):
        answers = ((rewriting, rewriting(chain.layers[at:])) for rewriting in rewritings)
        rewriting, answer = next((given for given in answers if given[1] is not None), (None, None))
        if answer is not None:
            found.append(_run(rewriting, chain, at, answer, chain.shapes(*input_shapes)))
            at = found[-1].last
        at += 1
    return Rewritten(chain, found) if found else chain


def _run(rewriting: Any, chain: Chain, first: int, answer: Any, shapes: Sequence[Shape]) -> Run:
    """Return what a rewriting has answered. Raises:   DefinitionError."""
    where = f"the rewriting {getattr(rewriting, '__name__', rewriting)} at layer {first}"
    pair = isinstance(answer, tuple) and len(answer) == 2 and isinstance(answer[0], int)
    if not pair or not isinstance(answer[1], Layer) or not 2 <= answer[0] <= len(chain.layers) - first:
        expected = "None, or of how many layers, from 2 on, it makes which layer"
        raise DefinitionError(where, expected=expected, got=answer)
    count, layer = answer
    run, input_shape = chain.layers[first : first + count], shapes[first]
    for own in (*run, layer):
        if trains_otherwise(own) or own.mixes_samples:
            hint = "what draws random numbers, remembers or mixes samples is computed as it is written"
            raise DefinitionError(where, expected="plain layers", got=own, hint=hint)
    parts = [own.parameter_shapes(shapes[first + i]) for i, own in enumerate(run)]
    learners = [i for i, part in enumerate(parts) if part]
    if len(learners) > 1:
        raise DefinitionError(where, expected="at most one layer with parameters", got=[run[i] for i in learners])
    learner = learners[0] if learners else 0
    stated: Any = (shapes[first + count], parts[learner], run[0].integer_input)
    try:
        got: Any = (layer.output_shape(input_shape), layer.parameter_shapes(input_shape), layer.integer_input)
    except ChainruleError as error:
        got = error
    if got != stated:
        hint = "the output's shape, the parameters' and whether it takes integers are those of the layers"
        raise DefinitionError(f"{where}: {layer!r}", expected=stated, got=got, hint=hint)
    return Run(first, first + count - 1, str(first + learner), layer)

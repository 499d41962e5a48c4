"""What a check of a layer looks at: fresh arguments for it, and calls that blame the layer."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from ..arrays import Array, Shape
from ..functions.layers import Layer
from . import drawing
from .blame import blame
from .cases import LayerCase, Reference
from .maps import Maps, empty_out
from .outcomes import CaseError, Failure, NotApplicable
from .packed import Packed, flat, is_several
from .probes import Probe, Question
from .shapes import others, others_of_several
from .statistics import Predicting, remembered, seen_by, started, values_of

MOST = 24
"""How many other shapes of several inputs are looked at."""


@dataclass
class LayerPoint:
    """A batch for a layer, its parameters, a cotangent, and directions."""

    x: Array
    params: dict[str, Array]
    delta: Array
    tangent: Array | None
    tangents: dict[str, Array]

    def arrays(self) -> Iterator[tuple[str, Array]]:
        """Yield every array by the name that a message uses."""
        yield "x", self.x
        yield "delta", self.delta
        if self.tangent is not None:
            yield "tangent", self.tangent
        yield from self.params.items()
        yield from ((f"tangent of {name}", array) for name, array in self.tangents.items())

    def astype(self, dtype: Any) -> LayerPoint:
        """Return the point in another dtype; integers stay."""
        x = self.x if self.x.dtype.kind in "iu" else self.x.astype(dtype)
        return LayerPoint(
            x,
            {name: array.astype(dtype) for name, array in self.params.items()},
            self.delta.astype(dtype),
            None if self.tangent is None else self.tangent.astype(dtype),
            {name: array.astype(dtype) for name, array in self.tangents.items()},
        )

    def rows(self, rows: Any) -> LayerPoint:
        """Return some of the samples."""
        tangent = None if self.tangent is None else self.tangent[rows]
        return LayerPoint(self.x[rows], self.params, self.delta[rows], tangent, self.tangents)


class LayerProbe(Probe):
    """A layer on the input shape of its case."""

    kind = "layer"

    def __init__(self, case: LayerCase, seed: int, check_id: str, memory: dict[str, Any]) -> None:
        super().__init__(case, seed, check_id, memory)
        self.given = case
        self.view = ""
        self.layer: Layer = case.layer
        self.shape: Shape = case.input_shape
        if case.several or has_several_outputs(case):
            self._pack(case.shapes)

    def _pack(self, shapes: Sequence[Shape]) -> None:
        """Look at the layer through one vector of all its real inputs."""
        given, rng = self.given, self.stream("held")
        if len(given.integers) != len(shapes):
            answers = f"True or False, or {len(shapes)} of them, one for each input"
            raise Failure(f"integer_input is {given.layer.integer_input!r}, expected {answers}")
        held = [
            self.whole_numbers(rng, (1, *shape), domain) if integer else ()
            for shape, domain, integer in zip(shapes, given.domains, given.integers, strict=True)
        ]
        with blame(f"the layer on inputs of the shapes {', '.join(map(str, shapes))}"):
            packed = Packed(self.written, tuple(shapes), tuple(tuple(np.ravel(h).tolist()) for h in held))
        reals = [d for d, taken in zip(given.domains, packed.taken, strict=True) if taken and d is not None]
        low, high = max((d[0] for d in reals), default=-math.inf), min((d[1] for d in reals), default=math.inf)
        if not low < high:
            raise CaseError("the domains of the real inputs have nothing in common")
        self.layer, self.shape = packed, (packed.size,)
        self.case = replace(
            given,
            layer=packed,
            input_shape=self.shape,
            domain=(low, high) if reals else None,
            reference=None if given.reference is None else _packed_reference(given.reference, packed),
            masks={},
        )

    @property
    def is_realized(self) -> bool:
        """Whether this is what one training step differentiates."""
        return self.view == "realized"

    @property
    def written(self) -> Layer:
        """The layer without what the suite has put around it."""
        layer = self.layer
        while isinstance(layer, Packed | Predicting):
            layer = layer.layer
        return layer

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """The shape of each input, as the layer has them."""
        layer = self.layer.layer if isinstance(self.layer, Predicting) else self.layer
        return layer.shapes if isinstance(layer, Packed) else (self.shape,)

    def reshaped(self, shapes: Sequence[Shape]) -> LayerProbe:
        """Return a probe of inputs of other shapes."""
        probe = copy.copy(self)
        if isinstance(self.layer, Packed):
            probe._pack(shapes)
        else:
            (probe.shape,) = shapes
        return probe

    def others(self) -> Iterator[LayerProbe]:
        """Yield probes of inputs of other shapes that the layer does not refuse."""
        if isinstance(self.layer, Packed):
            found = islice(others_of_several(self.written, self.shapes), MOST)
        else:
            found = ((shape,) for shape in others(self.layer, self.shape))  # type: ignore[assignment]
        for shapes in found:
            yield self.reshaped(shapes)

    @property
    def samples(self) -> str:
        """How a message speaks of the samples of its shape."""
        return f"samples of shape {' and '.join(map(str, self.shapes))}"

    def predicting(self) -> LayerProbe:
        """Return a probe of what predicts after a few training steps."""
        probe, rng = copy.copy(self), self.stream("statistics")
        probe.rng = self.stream(f"{self.check_id}/predicting")
        try:
            statistics, (least, params) = started(self.layer, self.shape), (self.least_batch(), self.parameters(rng))
            for _ in range(3):
                x = self.inputs(rng, (max(8, least), *self.shape))
                statistics = remembered(self.layer, statistics, seen_by(self.layer, x, params, rng))
            with blame("predicting(**statistics)"):
                probe.layer, probe.view = Predicting(self.layer, values_of(statistics)), "predicting"
        except Failure as failure:
            raise NotApplicable("a layer that trains and predicts: see statistics.realize") from failure
        return probe

    def least_batch(self) -> int:
        """Return of how many samples a training step must be."""
        with blame(f"least_batch({self.shape})"):
            least: int = self.case.layer.least_batch(self.shape)
            return least

    def realized(self) -> LayerProbe:
        """Return a probe of the layer that one training step differentiates."""
        probe = copy.copy(self)
        probe.rng = self.stream(f"{self.check_id}/realized")
        with blame("realize(rng)"):
            realized = self.layer.realize(self.stream("realize"))
        if not isinstance(realized, Layer):
            raise Failure(f"realize(rng) returned {type(realized).__name__}, no Layer")
        probe.layer, probe.view = realized, "realized"
        return probe

    @property
    def samples_apart(self) -> bool:
        """Whether the laws of a batch apply: samples do not mix, and noise does not depend on their place."""
        return not (self.layer.mixes_samples or self.is_realized)

    # Calls that blame the layer.

    def output_shape(self, shape: Shape | None = None) -> Shape:
        """Return what the layer declares for an input shape."""
        shape = self.shape if shape is None else shape
        with blame(f"output_shape({shape})"):
            return self.layer.output_shape(shape)

    def parameter_shapes(self, shape: Shape | None = None) -> dict[str, Shape]:
        """Return what the layer declares for an input shape."""
        shape = self.shape if shape is None else shape
        with blame(f"parameter_shapes({shape})"):
            return dict(self.layer.parameter_shapes(shape))

    def forward(self, x: Array, params: dict[str, Array], layer: Layer | None = None) -> Array:
        """Return y."""
        with blame(f"forward of x {x.shape} {x.dtype}"):
            return (layer or self.layer).forward(x, **params)

    def linearize(self, x: Array, params: dict[str, Array], layer: Layer | None = None) -> tuple[Array, Maps]:
        """Return y and the Jacobian."""
        with blame(f"linearize of x {x.shape} {x.dtype}"):
            result = (layer or self.layer).linearize(x, **params)
        if not isinstance(result, tuple) or len(result) != 2:
            raise Failure(f"linearize returned {type(result).__name__}, not the pair (y, Jacobian)")
        return result[0], Maps(result[1], self.layer)

    # Fresh arrays.

    def inputs(self, rng: np.random.Generator, shape: Shape, wide: bool = False) -> Array:
        """Return inputs in the domain: distinct, and away from 0 and the declared kinks."""
        domains = [d for d in self.given.domains if d is not None]
        if isinstance(self.layer, Packed) and domains and len(self.shapes) > 1:
            return self._by_domain(self.layer, rng, shape[0], wide)
        if self.layer.integer_input:
            return self.whole_numbers(rng, shape, self.case.domain)
        low, high = drawing.bounds(self.case.domain, drawing.WIDE if wide else drawing.NARROW)
        return drawing.spread(rng, shape, low, high, [0.0, *self.case.kinks])

    def whole_numbers(self, rng: np.random.Generator, shape: Shape, domain: tuple[float, float] | None) -> Array:
        """Return whole numbers of a domain, 0 and 1 where none is declared."""
        low, high = (0, 2) if domain is None else domain
        first, last = math.ceil(low), max(math.ceil(high) - 1, math.ceil(low))
        x = rng.integers(first, last + 1, shape)
        ends = x.reshape(-1)[: x.size // 2]
        ends[:3] = (last, first, last)[: len(ends[:3])]  # the ends of the range, and one of them twice
        return rng.permutation(x.reshape(-1)).reshape(shape)

    def _by_domain(self, packed: Packed, rng: np.random.Generator, B: int, wide: bool) -> Array:
        parts: list[Any] = []
        for shape, domain in zip(packed.shapes, self.given.domains, strict=True):
            if packed.integer_input:
                parts.append(self.whole_numbers(rng, (B, *shape), domain))
            else:
                low, high = drawing.bounds(domain, drawing.WIDE if wide else drawing.NARROW)
                parts.append(drawing.spread(rng, (B, *shape), low, high, [0.0]))
        return packed.pack(parts)

    def parameters(self, rng: np.random.Generator, shape: Shape | None = None, far: bool = False) -> dict[str, Array]:
        """Return parameters at random, away from where they start."""
        shapes = self.parameter_shapes(shape)
        try:
            starts = self.layer.initialize(self.shape if shape is None else shape, self.stream("start"))
            fit = {name: np.shape(start) for name, start in starts.items()} == shapes
        except Exception:  # told by lifecycle.initialize
            fit = False
        if not fit:
            return {name: drawing.signed(rng, own) for name, own in shapes.items()}
        return {name: drawing.away(rng, starts[name], far=far) for name in shapes}

    def point(
        self, B: int = 3, *, dtype: Any = np.float64, wide: bool = False, shape: Shape | None = None
    ) -> LayerPoint:
        """Return fresh arguments; `wide` ones reach further out, with parameters of any sign.

        A training step may ask for more samples than B.
        """
        B = max(B, self.least_batch()) if self.is_realized else B
        return self.draw(self.rng, B, wide=wide, shape=shape).astype(dtype)

    def draw(self, rng: np.random.Generator, B: int, *, wide: bool, shape: Shape | None = None) -> LayerPoint:
        """Return arguments in float64 that are drawn from random numbers of another purpose."""
        shape = self.shape if shape is None else shape
        x = self.inputs(rng, (B, *shape), wide)
        params = self.parameters(rng, shape, far=wide)
        if wide and params and not np.isfinite(self.forward(x, params)).all():
            params = self.parameters(rng, shape)  # a parameter that must keep its sign
        return self.at(x, params, rng, shape)

    def at(
        self, x: Array, params: dict[str, Array], rng: np.random.Generator | None = None, shape: Shape | None = None
    ) -> LayerPoint:
        """Return the point of given x and parameters, with a cotangent and directions."""
        rng = self.rng if rng is None else rng
        return LayerPoint(
            x,
            params,
            drawing.signed(rng, (len(x), *self.output_shape(shape))),
            None if self.layer.integer_input else drawing.signed(rng, x.shape),
            {name: drawing.signed(rng, array.shape) for name, array in params.items()},
        )

    # Everything that the layer computes.

    def everything(self, point: LayerPoint, subject: Layer | None = None) -> dict[str, Array]:
        """Return forward, linearize, vjp, vjp_params, jvp and per_sample at a point."""
        layer = self.layer if subject is None else subject
        found = {"forward's y": self.forward(point.x, point.params, layer)}
        found["linearize's y"], maps = self.linearize(point.x, point.params, layer)
        return {**found, **self.derivatives(maps, point)}

    def derivatives(self, maps: Maps, point: LayerPoint) -> dict[str, Array]:
        """Return vjp, vjp_params, jvp and per_sample of a Jacobian."""
        found: dict[str, Array] = {}
        out = empty_out(point.params)
        if maps.has_input:
            found["vjp's δ·J_X"] = maps.vjp(point.delta, out)
            found |= {f"vjp's gradient of {name}": array for name, array in out.items()}
        out = empty_out(point.params)
        maps.vjp_params(point.delta, out)
        found |= {f"vjp_params' gradient of {name}": array for name, array in out.items()}
        if point.tangents or point.tangent is not None:
            found["jvp"] = maps.jvp(point.tangent, point.tangents)
        rows = maps.per_sample(point.delta)
        found |= {f"per_sample's gradient of {name}": array for name, array in (rows or {}).items()}
        return found

    def law(self, point: LayerPoint) -> tuple[Callable[..., Array], Any]:
        """Return the f and the x that a law speaks of: of several inputs a function of so many, and a tuple."""
        if not isinstance(self.layer, Packed):
            return lambda x: self.forward(np.asarray(x), point.params), point.x.copy()

        def f(*inputs: Any) -> Array:
            with blame("forward"):
                return self.written.forward(*map(np.asarray, inputs), **point.params)

        return f, tuple(part.copy() for part in self.layer.unpack(point.x))

    def question(self, point: LayerPoint) -> Question:
        """Return the call of forward."""
        return Question("forward", "forward", (point.x,), point.params)


def has_several_outputs(case: LayerCase) -> bool:
    """Return whether a layer has several outputs."""
    try:
        return is_several(case.layer.output_shape(*case.shapes))
    except Exception:  # told by forward.runs
        return False


def _packed_reference(reference: Reference, packed: Packed) -> Reference:
    """Return a case's reference as a function of the packed inputs, of a batch or of a sample."""

    def function(x: Array, **params: Array) -> Any:
        y = reference(*packed.unpack(x), **params)
        if packed.outputs is None:
            return y
        return flat(y) if x.ndim > 1 else np.concatenate([np.ravel(part) for part in y])

    return function

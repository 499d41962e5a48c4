"""What a check of a layer looks at: fresh arguments for it, and calls that blame the layer."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, Shape
from ..functions.layers import Layer
from . import drawing
from .blame import blame
from .cases import LayerCase
from .maps import Maps, empty_out
from .outcomes import Failure
from .probes import Probe, Question


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
        self.layer: Layer = case.layer
        self.shape: Shape = case.input_shape
        self.is_realized = False

    def realized(self) -> LayerProbe:
        """Return a probe of the layer that one training step differentiates."""
        probe = copy.copy(self)
        probe.rng = self.stream(f"{self.check_id}/realized")
        with blame("realize(rng)"):
            realized = self.layer.realize(self.stream("realize"))
        if not isinstance(realized, Layer):
            raise Failure(f"realize(rng) returned {type(realized).__name__}, no Layer")
        probe.layer, probe.is_realized = realized, True
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
        if self.layer.integer_input:
            low, high = (0, 2) if self.case.domain is None else self.case.domain
            first, last = math.ceil(low), max(math.ceil(high) - 1, math.ceil(low))
            x = rng.integers(first, last + 1, shape)
            ends = x.reshape(-1)[: x.size // 2]
            ends[:3] = (last, first, last)[: len(ends[:3])]  # the ends of the range, and one of them twice
            return rng.permutation(x.reshape(-1)).reshape(shape)
        low, high = drawing.bounds(self.case.domain, drawing.WIDE if wide else drawing.NARROW)
        return drawing.spread(rng, shape, low, high, [0.0, *self.case.kinks])

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
        """Return fresh arguments; `wide` ones reach further out, with parameters of any sign."""
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

    def question(self, point: LayerPoint) -> Question:
        """Return the call of forward."""
        return Question("forward", "forward", (point.x,), point.params)

"""A layer with all of its inputs in view: what its driver hands it, and what it gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..functions.jacobians import BatchJacobian
from . import drawing
from .blame import blame
from .layer_probes import LayerProbe
from .maps import empty_out
from .outcomes import Failure
from .packed import check_pulled, is_several


@dataclass
class SeveralPoint:
    """A batch of each input, whole numbers another in each sample; parameters, cotangents and directions."""

    inputs: list[Array]
    params: dict[str, Array]
    delta: Any
    tangents: list[Array | None]

    def rows(self, rows: Any) -> SeveralPoint:
        """Return some of the samples."""
        delta = tuple(d[rows] for d in self.delta) if isinstance(self.delta, tuple) else self.delta[rows]
        moved = [None if v is None else v[rows] for v in self.tangents]
        return SeveralPoint([x[rows] for x in self.inputs], self.params, delta, moved)


class Several:
    """A layer on the input shapes of a probe, called with blame."""

    def __init__(self, probe: LayerProbe) -> None:
        self.probe = probe
        self.layer = probe.written
        self.shapes = probe.shapes
        self.real = [not integer for integer in probe.given.integers]

    def inputs(self, B: int, reach: float = drawing.NARROW) -> list[Array]:
        """Return a fresh batch of each input."""
        rng = self.probe.rng
        return [
            drawing.spread(rng, (B, *shape), *drawing.bounds(domain, reach), [0.0])
            if real
            else self.probe.whole_numbers(rng, (B, *shape), domain)
            for shape, domain, real in zip(self.shapes, self.probe.given.domains, self.real, strict=True)
        ]

    def point(self, B: int) -> SeveralPoint:
        """Return fresh arguments in float64."""
        rng, inputs = self.probe.rng, self.inputs(B)
        tangents = [drawing.signed(rng, x.shape) if real else None for x, real in zip(inputs, self.real, strict=True)]
        declared: Any = self.layer.output_shape(*self.shapes)
        ends = tuple(drawing.signed(rng, (B, *end)) for end in (declared if is_several(declared) else (declared,)))
        params = self.probe.parameters(rng)
        return SeveralPoint(inputs, params, ends if is_several(declared) else ends[0], tangents)

    def forward(self, inputs: Sequence[Array], params: dict[str, Array]) -> list[Array]:
        """Return the outputs."""
        with blame(f"forward of inputs {' and '.join(str(x.shape) for x in inputs)}"):
            return as_list(self.layer.forward(*inputs, **params))

    def linearize(self, inputs: Sequence[Array], params: dict[str, Array]) -> tuple[list[Array], BatchJacobian]:
        """Return the outputs and the Jacobian."""
        with blame(f"linearize of inputs {' and '.join(str(x.shape) for x in inputs)}"):
            y, jacobian = self.layer.linearize(*inputs, **params)
        if not isinstance(jacobian, BatchJacobian):
            raise Failure(f"the derivative is a {type(jacobian).__name__}, no BatchJacobian")
        return as_list(y), jacobian

    def vjp(self, jacobian: BatchJacobian, point: SeveralPoint, out: dict[str, Array] | None = None) -> Sequence[Any]:
        """Return the δ of each input, None of those that have none. Raises:   Failure where it is not so."""
        with blame("vjp"):
            pulled = jacobian.vjp(point.delta, out)
        return check_pulled(pulled, len(point.inputs[0]), self.shapes, self.real)

    def jvp(self, jacobian: BatchJacobian, tangents: Sequence[Array | None]) -> list[Array]:
        """Return J·v of the outputs, without the parameters' directions."""
        shown, single = ", ".join("None" if v is None else "v" for v in tangents), len(tangents) == 1
        with blame(f"jvp of ({shown})"):
            return [np.asarray(v) for v in as_list(jacobian.jvp(tangents[0] if single else tuple(tangents), {}))]

    def results(self, point: SeveralPoint) -> dict[str, Array]:
        """Return the outputs, the δ of each input, and the gradient of each parameter."""
        ends, jacobian = self.linearize(point.inputs, point.params)
        found = {f"output {k}": np.array(y) for k, y in enumerate(ends)}
        found |= {f"forward's output {k}": np.array(y) for k, y in enumerate(self.forward(point.inputs, point.params))}
        out = empty_out(point.params)
        if any(self.real):
            pulled = self.vjp(jacobian, point, out)
            found |= {f"δ of input {i}": np.array(part) for i, part in enumerate(pulled) if part is not None}
        else:
            with blame("vjp_params"):
                jacobian.vjp_params(point.delta, out)
        return found | {f"the gradient of {name}": array for name, array in out.items()}


def as_list(ends: Any) -> list[Array]:
    """Return one output, or several, as a list."""
    return [*ends] if isinstance(ends, tuple) else [ends]

"""A layer that is computed in place of a chain has the chain's bits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...arrays import Array
from ...functions.compose import Chain
from ...functions.layers import Layer
from ..blame import blame
from ..compare import agree, same_names
from ..layer_probes import LayerPoint, LayerProbe
from ..maps import Maps, empty_out
from ..outcomes import CaseError
from ..rules import Trait, rule

FUSED = Trait("a case with a chain", lambda case: bool(getattr(case, "chain", ())))
BATCHES = (1, 2, 5, 34)


class _Chain:
    """The chain, whose parameters have the names of its layer that learns."""

    def __init__(self, probe: LayerProbe) -> None:
        self.layer = Chain(*probe.case.chain)
        try:
            self.shapes = self.layer.parameter_shapes(probe.shape)
        except Exception as error:
            raise CaseError(f"the case's chain does not take {probe.shape}: {error}") from error
        self.prefix = next((f"{name.partition('.')[0]}." for name in self.shapes), "")

    def named(self, arrays: dict[str, Array]) -> dict[str, Array]:
        """Return arrays under the chain's names."""
        return {f"{self.prefix}{name}": array for name, array in arrays.items()}

    def own(self, arrays: dict[str, Any]) -> dict[str, Any]:
        """Return arrays under the layer's names."""
        return {name.removeprefix(self.prefix): array for name, array in arrays.items()}


@rule("rewriting.parameters", FUSED, needs=["forward.parameters"], realized=False, since="2.4")
def parameters(probe: LayerProbe) -> None:
    """The layer has the parameters, the starts and the output's shape of the chain that it is computed in place of.

    θ keeps its names and its start, whatever is computed as one.
    """
    chain = _Chain(probe)
    shapes, expected = probe.parameter_shapes(), chain.own(chain.shapes)
    same_names(list(shapes), list(expected), got_is="the layer's parameters", expected_is="the chain's")
    with blame("initialize"):
        starts = probe.layer.initialize(probe.shape, np.random.default_rng(3))
    for name, start in chain.own(chain.layer.initialize(probe.shape, np.random.default_rng(3))).items():
        _same(f"the start of {name}", starts[name], start)
    _same("output_shape", probe.output_shape(), chain.layer.output_shape(probe.shape))


@rule("rewriting.bits", FUSED, needs=["rewriting.parameters", "gradient.runs"], realized=False, since="2.4")
def bits(probe: LayerProbe) -> None:
    """All that the layer computes has the bits of the chain that it is computed in place of: at kinks and ties, too.

    That is what lets a network be computed either way, resumed either way, and compared with itself. The sign of a zero
    may differ.
    """
    chain = _Chain(probe)
    for dtype in (np.float64, np.float32):
        for place, point in _points(probe, dtype):
            expected = _everything(chain.layer, point, chain)
            for name, array in _everything(probe.layer, point, None).items():
                _same(f"{place}, {np.dtype(dtype)}: {name}", array, expected[name])


def _points(probe: LayerProbe, dtype: Any) -> Iterator[tuple[str, LayerPoint]]:
    """Yield drawn points of several sizes; such with few different numbers, with zeros alone, with NaN and infinity."""
    rng = probe.rng
    for B in BATCHES:
        yield f"B = {B}", probe.point(B, dtype=dtype, wide=B == 2)
    point = probe.point(5, dtype=dtype)
    coarse = {name: rng.integers(-1, 2, array.shape).astype(dtype) for name, array in point.params.items()}
    x = rng.integers(-1, 2, point.x.shape).astype(point.x.dtype)
    yield "numbers -1, 0 and 1", LayerPoint(x, coarse, point.delta, point.tangent, point.tangents)
    still = {name: np.zeros_like(array) for name, array in point.params.items()}
    yield "zeros", LayerPoint(np.zeros_like(x), still, point.delta, point.tangent, point.tangents)
    if not probe.layer.integer_input:
        for name, value in (("NaN", np.nan), ("infinity", np.inf), ("-infinity", -np.inf), ("-0", -0.0)):
            at = probe.point(5, dtype=dtype)
            at.x.reshape(-1)[rng.random(at.x.size) < 0.1] = value
            yield f"x with {name}", at


def _everything(layer: Layer, point: LayerPoint, chain: _Chain | None) -> dict[str, Array]:
    """Return all that a layer computes at a point; the chain's under the names of the layer."""
    name, own = (chain.named, chain.own) if chain else (dict, dict)
    params = name(point.params)
    with blame("forward"):
        found = {"y by forward": layer.forward(point.x.copy(), **params)}
    with blame("linearize"):
        found["y by linearize"], jacobian = layer.linearize(point.x.copy(), **params)
    maps, out, alone = Maps(jacobian, layer), empty_out(params), empty_out(params)
    if maps.has_input:
        found["δ·J_X by vjp"] = maps.vjp(point.delta.copy(), out)
        found["δ·J_X by vjp without out"] = maps.vjp(point.delta.copy())
        found |= {f"the gradient of {key} by vjp": array for key, array in own(out).items()}
    maps.vjp_params(point.delta.copy(), alone)
    found |= {f"the gradient of {key} by vjp_params": array for key, array in own(alone).items()}
    found |= {f"{key} by per_sample": array for key, array in own(maps.per_sample(point.delta.copy()) or {}).items()}
    directions = [(point.tangent, point.tangents), (point.tangent, {})]
    for i, (tangent, tangents) in enumerate(directions[: 1 + (point.tangent is not None)]):
        found[f"J·v by jvp{' of the input' * i}"] = maps.jvp(tangent, name(tangents))
    return found


def _same(label: str, got: Any, expected: Any) -> None:
    """Refuse another number; NaN is NaN, and -0 is 0."""
    agree(got, expected, 0, label=label, got_is="the layer gives", expected_is="the chain")

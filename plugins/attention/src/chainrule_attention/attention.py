"""Attention of one sequence to another: a layer of several inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chainrule import Array, BatchJacobian, Layer, Shape, ShapeError, boolean

from .dot_product import AttentionMaps, attention


@dataclass(frozen=True)
class Attention(Layer):
    """Each query's mean of the values, weighted by how its key agrees.

    Formula:  y[i] = Σ_j p[i, j] v[j], p[i, j] = e^(q[i]·k[j] / √d) / Σ_j e^(q[i]·k[j] / √d)
    Shapes:   q (B, T_q, d); k (B, T_k, d); v (B, T_k, m); y (B, T_q, m); as a fourth input a mask (B, T_k) of
              booleans or whole numbers, other than 0 where there is a key.
    Causal:   j goes from the first key to the i-th alone.
    Raises:   SettingError; ShapeError for sequences that do not fit.
    Source:   Vaswani et al. (2017), Attention is all you need, eq. 1.

    A query that sees no key gives 0, and no gradient. What is behind a masked key has no influence, not even NaN.
    """

    causal: bool = False
    integer_input = (False, False, False, True)

    def __post_init__(self) -> None:
        boolean("causal", self.causal)

    def output_shape(self, input_shape: Shape, /, *others: Any, **_: Any) -> Shape:
        """Return (T_q, m)."""
        shapes = (input_shape, *others)
        if len(shapes) not in (3, 4) or any(len(s) != 2 or min(s) < 1 for s in shapes[:3]):
            expected = "queries (T, d), keys (T, d) and values (T, m), and perhaps a mask (T,)"
            raise ShapeError("attention inputs", expected=expected, got=shapes)
        (T_q, d), k, (T_k, m), *mask = shapes
        if k != (T_k, d):
            raise ShapeError("attention keys", expected=(T_k, d), got=k, hint="one for each value, as long as a query")
        if mask and mask[0] != (T_k,):
            raise ShapeError("attention mask", expected=(T_k,), got=mask[0], hint="one for each key")
        return T_q, m

    def forward(self, q: Array, k: Array, v: Array, mask: Array | None = None, /) -> Array:
        """Return y."""
        return self.linearize(q, k, v, mask)[0]

    def linearize(self, q: Array, k: Array, v: Array, mask: Array | None = None, /) -> tuple[Array, BatchJacobian]:
        """Return y and its derivative."""
        y, maps = attention(q, k, v, None if mask is None else mask != 0, causal=self.causal)
        return y, ToEach(maps)


class ToEach(BatchJacobian):
    """The derivative of attention to queries, keys and values; a mask has none."""

    __slots__ = ("maps",)

    def __init__(self, maps: AttentionMaps) -> None:
        self.maps = maps

    def vjp(self, delta: Array, out: Mapping[str, Array] | None = None) -> tuple[Array | None, ...]:
        """Return δ·J_q, δ·J_k and δ·J_v, and None for the mask."""
        passed = self.maps.vjp(delta)
        return passed if self.maps.mask is None else (*passed, None)

    def jvp(self, tangent: Any, params: Mapping[str, Array]) -> Array:
        """Return J_q·v_q + J_k·v_k + J_v·v_v."""
        return self.maps.jvp(*tangent[:3])

    def per_sample(self, delta: Array) -> dict[str, Array]:
        """Return nothing: there are no parameters."""
        return {}

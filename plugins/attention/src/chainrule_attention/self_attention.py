"""Self-attention: every position of a sequence looks at the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import Array, BatchJacobian, Jacobian, Layer, Outer, Shape, ShapeError, Shift, boolean, positive_int

from .dot_product import attention
from .heads import Heads, merge, split
from .in_turn import BesideMask, EveryPosition, InTurn, every_position


@dataclass(frozen=True)
class SelfAttention(Layer):
    """Attention of the positions of a sequence to each other, in `heads` parts of n / heads = d features each.

    Formula:  y[i] = W_out a[i] + b_out, the h-th part of a[i] being Σ_j p_h[i, j] V_h[j],
              p_h[i, j] = e^(Q_h[i]·K_h[j] / √d) / Σ_j e^(Q_h[i]·K_h[j] / √d),
              where (Q[i], K[i], V[i]) = W_in x[i] + b_in, and Q_h, K_h, V_h are the h-th parts of Q, K and V.
    Shapes:   x (B, T, n); y (B, T, units), n of them unless `units` says otherwise;
              W_in (3n, n), the rows of Q before those of K and of V; b_in (3n,); W_out (units, n); b_out (units,);
              with `mask`, a second input (B, T) of booleans or whole numbers, other than 0 where a position is there.
    Causal:   j goes from the first position to i alone: y[i] depends on nothing later.
    Mask:     j goes over the positions that are there; where i sees none, a[i] is 0, and y[i] is b_out.
    Start:    W_in uniform on ±sqrt(6 / 4n), W_out on ±1 / sqrt(n), b_in and b_out zero, as PyTorch's.
    Raises:   SettingError; ShapeError when a sample is not (T, n), n is not a multiple of `heads`, or a mask is not
              (T,), is missing, or was not asked for.
    Source:   Vaswani et al. (2017), Attention is all you need, section 3.2, which has no biases;
              torch.nn.MultiheadAttention has them and calls the parameters in_proj_weight, in_proj_bias,
              out_proj.weight and out_proj.bias; its n is embed_dim, and so are its units. Its key_padding_mask is True
              where ours is 0, and a query that sees nothing is NaN there.

    A masked position has no influence on the others, and no gradient by them. Its own y[i] is there as any other, made
    of its own query, and whoever goes on from here leaves it out; its x has to be finite.
    """

    heads: int = 1
    causal: bool = False
    units: int | None = None
    mask: bool = False

    def __post_init__(self) -> None:
        positive_int("heads", self.heads)
        boolean("causal", self.causal)
        if self.units is not None:
            positive_int("units", self.units)
        boolean("mask", self.mask)
        if self.mask:
            object.__setattr__(self, "integer_input", (False, True))

    def output_shape(self, input_shape: Shape, /, *others: Any, **_: Any) -> Shape:
        """Return (T, units)."""
        if len(others) != self.mask:
            expected = "a sequence (T, n) and a mask (T,)" if self.mask else "a sequence (T, n) alone"
            hint = "leave out the setting mask, or give one" if self.mask else "the setting mask = true takes a mask"
            raise ShapeError("self_attention inputs", expected=expected, got=(input_shape, *others), hint=hint)
        if len(input_shape) != 2 or min(input_shape) < 1:
            raise ShapeError("self_attention input", expected=("T", "n"), got=input_shape)
        T, n = input_shape
        if n % self.heads:
            divisible, hint = f"a multiple of {self.heads}", "each of the heads takes an equal part of the features"
            raise ShapeError("self_attention input", expected=("T", divisible), got=input_shape, hint=hint)
        if self.mask and others[0] != (T,):
            raise ShapeError("self_attention mask", expected=(T,), got=others[0], hint="one for each position")
        return T, n if self.units is None else self.units

    def parameter_shapes(self, input_shape: Shape, /, *others: Any, **_: Any) -> dict[str, Shape]:
        """Return W_in (3n, n), b_in (3n,), W_out (units, n) and b_out (units,)."""
        units, n = self.output_shape(input_shape, *others)[1], input_shape[1]
        return {"W_in": (3 * n, n), "b_in": (3 * n,), "W_out": (units, n), "b_out": (units,)}

    def initialize(self, input_shape: Shape, /, *others: Any, **more: Any) -> dict[str, Array]:
        """Draw W_in and W_out from `rng`, the last argument; the biases are zero."""
        *masks, rng = (*others, *more.values())
        shapes = self.parameter_shapes(input_shape, *masks)
        n = input_shape[1]
        values = {name: np.zeros(shape) for name, shape in shapes.items()}
        for name, limit in (("W_in", (6 / (4 * n)) ** 0.5), ("W_out", n**-0.5)):
            values[name] = rng.uniform(-limit, limit, shapes[name])
        return values

    def forward(
        self, x: Array, mask: Array | None = None, /, *, W_in: Array, b_in: Array, W_out: Array, b_out: Array
    ) -> Array:
        """Return y."""
        return self.linearize(x, mask, W_in=W_in, b_in=b_in, W_out=W_out, b_out=b_out)[0]

    def linearize(
        self, x: Array, mask: Array | None = None, /, *, W_in: Array, b_in: Array, W_out: Array, b_out: Array
    ) -> tuple[Array, BatchJacobian]:
        """Return y and its derivative: that of an affine map, of the heads, and of another affine map."""
        projected = every_position(x, W_in.T)
        projected += b_in
        q, k, v = split(projected, 3, self.heads)
        there = None if mask is None else np.repeat(mask != 0, self.heads, axis=0)
        found, maps = attention(q, k, v, there, causal=self.causal)
        a = merge([found], self.heads)
        y = every_position(a, W_out.T)
        y += b_out
        inner = Jacobian(EveryPosition(W_in), after=Heads(maps, self.heads), W_in=Outer(x), b_in=Shift(b_in.shape))
        outer = Jacobian(EveryPosition(W_out), W_out=Outer(a), b_out=Shift(b_out.shape))
        return y, InTurn(inner, outer) if mask is None else BesideMask(InTurn(inner, outer))

"""Self-attention: every position of a sequence looks at the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Array, BatchJacobian, Jacobian, Layer, Outer, Shape, ShapeError, Shift, boolean, positive_int

from .dot_product import attention
from .heads import Heads, merge, split
from .in_turn import EveryPosition, InTurn, every_position


@dataclass(frozen=True)
class SelfAttention(Layer):
    """Attention of the positions of a sequence to each other, in `heads` parts of n / heads = d features each.

    Formula:  y[i] = W_out a[i] + b_out, the h-th part of a[i] being Σ_j p_h[i, j] V_h[j],
              p_h[i, j] = e^(Q_h[i]·K_h[j] / √d) / Σ_j e^(Q_h[i]·K_h[j] / √d),
              where (Q[i], K[i], V[i]) = W_in x[i] + b_in, and Q_h, K_h, V_h are the h-th parts of Q, K and V.
    Shapes:   x (B, T, n); y (B, T, units), n of them unless `units` says otherwise;
              W_in (3n, n), the rows of Q before those of K and of V; b_in (3n,); W_out (units, n); b_out (units,).
    Causal:   j goes from the first position to i alone: y[i] depends on nothing later.
    Start:    W_in uniform on ±sqrt(6 / 4n), W_out on ±1 / sqrt(n), b_in and b_out zero, as PyTorch's.
    Raises:   SettingError; ShapeError when a sample is not (T, n), or n is not a multiple of `heads`.
    Source:   Vaswani et al. (2017), Attention is all you need, section 3.2, which has no biases;
              torch.nn.MultiheadAttention has them and calls the parameters in_proj_weight, in_proj_bias,
              out_proj.weight and out_proj.bias; its n is embed_dim, and so are its units.
    """

    heads: int = 1
    causal: bool = False
    units: int | None = None

    def __post_init__(self) -> None:
        positive_int("heads", self.heads)
        boolean("causal", self.causal)
        if self.units is not None:
            positive_int("units", self.units)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (T, units)."""
        if len(input_shape) != 2 or min(input_shape) < 1:
            raise ShapeError("self_attention input", expected=("T", "n"), got=input_shape)
        T, n = input_shape
        if n % self.heads:
            expected, hint = (
                ("T", f"a multiple of {self.heads}"),
                "each of the heads takes an equal part of the features",
            )
            raise ShapeError("self_attention input", expected=expected, got=input_shape, hint=hint)
        return T, n if self.units is None else self.units

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return W_in (3n, n), b_in (3n,), W_out (units, n) and b_out (units,)."""
        _, units = self.output_shape(input_shape)
        n = input_shape[1]
        return {"W_in": (3 * n, n), "b_in": (3 * n,), "W_out": (units, n), "b_out": (units,)}

    def initialize(self, input_shape: Shape, rng: np.random.Generator) -> dict[str, Array]:
        """Draw W_in and W_out; the biases are zero."""
        shapes = self.parameter_shapes(input_shape)
        n = input_shape[1]
        values = {name: np.zeros(shape) for name, shape in shapes.items()}
        for name, limit in (("W_in", (6 / (4 * n)) ** 0.5), ("W_out", n**-0.5)):
            values[name] = rng.uniform(-limit, limit, shapes[name])
        return values

    def forward(self, x: Array, W_in: Array, b_in: Array, W_out: Array, b_out: Array) -> Array:
        """Return y."""
        return self.linearize(x, W_in, b_in, W_out, b_out)[0]

    def linearize(self, x: Array, W_in: Array, b_in: Array, W_out: Array, b_out: Array) -> tuple[Array, BatchJacobian]:
        """Return y and its derivative: that of an affine map, of the heads, and of another affine map."""
        projected = every_position(x, W_in.T)
        projected += b_in
        found, maps = attention(*split(projected, 3, self.heads), causal=self.causal)
        a = merge([found], self.heads)
        y = every_position(a, W_out.T)
        y += b_out
        inner = Jacobian(EveryPosition(W_in), after=Heads(maps, self.heads), W_in=Outer(x), b_in=Shift(b_in.shape))
        outer = Jacobian(EveryPosition(W_out), W_out=Outer(a), b_out=Shift(b_out.shape))
        return y, InTurn(inner, outer)

"""Positions: what tells the places of a sequence apart."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from chainrule import Array, Jacobian, Layer, Reshape, Shape, Shift, one_of

from .shapes import check_sequence

KINDS = ("learned", "sinusoidal")


@dataclass(frozen=True)
class Positions(Layer):
    """Adds to each vector of a sequence the vector of its place.

    Formula:  y[t, k] = x[t, k] + P[t, k]; "learned": P is a parameter; "sinusoidal": there is none, and
              P[t, 2i] = sin(t / 10000^(2i/n)), P[t, 2i + 1] = cos(t / 10000^(2i/n)), t from 0; of an odd n the last
              channel is a sine
    Shapes:   x and y (B, T, n); P (T, n): a learned one fits sequences of this length alone.
    Jacobian: ∂y[t, k]/∂x[s, j] = ∂y[t, k]/∂P[s, j] = δ_ts δ_kj
    Start:    P normal with deviation 0.02, as GPT-2 has it.
    Raises:   SettingError; ShapeError when a sample is no sequence of vectors.
    Source:   Vaswani et al. (2017), Attention is all you need, section 3.5, both kinds; Radford et al. (2019), Language
              models are unsupervised multitask learners, for the start, which their code has.
    """

    kind: str = "learned"

    def __post_init__(self) -> None:
        one_of("kind", self.kind, KINDS)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of x."""
        return check_sequence(self, input_shape)

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return P (T, n), if it is learned."""
        shape = self.output_shape(input_shape)
        return {"P": shape} if self.kind == "learned" else {}

    def initialize(self, input_shape: Shape, rng: np.random.Generator) -> dict[str, Array]:
        """Draw P."""
        return {name: rng.normal(0.0, 0.02, shape) for name, shape in self.parameter_shapes(input_shape).items()}

    def forward(self, x: Array, P: Array | None = None) -> Array:
        """Return x + P."""
        return np.asarray(x + (sinusoids(*x.shape[1:], x.dtype) if P is None else P))

    def jacobian(self, x: Array, y: Array, P: Array | None = None) -> Jacobian:
        """Return the identity, and 1ᵀ δ for P."""
        identity = Reshape(x.shape[1:], x.shape[1:])
        return Jacobian(identity) if P is None else Jacobian(identity, P=Shift(P.shape))


@lru_cache(maxsize=16)
def sinusoids(T: int, n: int, dtype: np.dtype[Any]) -> Array:
    """Return the sinusoidal P, read-only."""
    pairs = np.arange(n) // 2
    angles = np.arange(T)[:, np.newaxis] / 10000.0 ** (2 * pairs / n)
    P = np.where(np.arange(n) % 2 == 0, np.sin(angles), np.cos(angles)).astype(dtype)
    P.flags.writeable = False
    return P

"""The maxout layer: the largest of several affine maps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Array, Jacobian, Layer, Matrix, Outer, Reshaped, Selection, Shape, Shift, one_of, positive_int

from .start import STARTS, draw
from .weighted import check_vector


@dataclass(frozen=True)
class Maxout(Layer):
    """For each unit, the largest of `pieces` affine maps.

    Formula:  y[k] = max_t (Σ_j W[k, t, j] x[j] + b[k, t])
    Shapes:   x (B, n); y (B, units); W (units, pieces, n); b (units, pieces).
    Jacobian: that of the winning piece; at a tie the first piece that wins takes the whole gradient.
    Start:    "glorot" or "he", see `start.draw`; b zero.
    Raises:   SettingError; ShapeError when a sample is not a vector.
    Source:   course, section 4; Goodfellow et al. (2013), Maxout networks, section 3.
    """

    units: int
    pieces: int
    start: str = "glorot"

    def __post_init__(self) -> None:
        positive_int("units", self.units)
        positive_int("pieces", self.pieces)
        one_of("start", self.start, STARTS)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (units,)."""
        check_vector(self, input_shape)
        return (self.units,)

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return W (units, pieces, n) and b (units, pieces)."""
        self.output_shape(input_shape)
        return {"W": (self.units, self.pieces, *input_shape), "b": (self.units, self.pieces)}

    def initialize(self, input_shape: Shape, rng: np.random.Generator) -> dict[str, Array]:
        """Draw W as `start` says; b is zero."""
        shapes = self.parameter_shapes(input_shape)
        return {"W": draw(self.start, shapes["W"], input_shape[0], self.units, rng), "b": np.zeros(shapes["b"])}

    def forward(self, x: Array, W: Array, b: Array) -> Array:
        """Return the largest piece of each unit."""
        return np.asarray(affine_pieces(x, W, b).max(axis=2))

    def linearize(self, x: Array, W: Array, b: Array) -> tuple[Array, Jacobian]:
        """Return y and the maps of the winning pieces, from one pass."""
        pieces = affine_pieces(x, W, b)
        winner = pieces.argmax(axis=2)  # the first, where several are largest
        y = np.take_along_axis(pieces, winner[:, :, np.newaxis], axis=2)[:, :, 0]
        rows, n = self.units * self.pieces, x.shape[1]
        return y, Jacobian(
            Matrix(W.reshape(rows, n)),
            after=Selection(winner + np.arange(0, rows, self.pieces), (rows,)),
            W=Reshaped(Outer(x), (rows, n), W.shape),
            b=Reshaped(Shift((rows,)), (rows,), b.shape),
        )


def affine_pieces(x: Array, W: Array, b: Array) -> Array:
    """Return every piece of every unit, (B, units, pieces)."""
    units, pieces, n = W.shape
    return np.asarray((x @ W.reshape(units * pieces, n).T).reshape(len(x), units, pieces) + b)

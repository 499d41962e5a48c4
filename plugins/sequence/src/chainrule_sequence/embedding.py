"""The embedding: a vector for each symbol."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chainrule import (
    Array,
    DataError,
    Jacobian,
    Layer,
    SettingError,
    Shape,
    ShapeError,
    integer,
    positive_int,
    positive_real,
)


@dataclass(frozen=True)
class Embedding(Layer):
    """The row of W for each index; its rows are the vectors of `count` symbols.

    Formula:  y[…, k] = W[x[…], k]
    Shapes:   x (B, …) of integers from 0 to count - 1, any rank; y (B, …, units); W (count, units).
    Jacobian: ∂y[…, k]/∂W[i, j] = δ_kj 1[x[…] = i]: the gradients of an index that occurs more than once add up. x has
              no derivative.
    Padding:  PyTorch's form. The row of the index `padding` starts at 0 and takes no gradient, and no tangent: it stays
              what it is, and y is what it holds. So it is a constant, not the derivative at that row.
    Start:    normal with `deviation`, which is PyTorch's if it is 1; transformers want less, such as 0.02.
    Raises:   SettingError; ShapeError for an axis of length 0; DataError for an index without a row, or no integers.
    Source:   Bengio et al. (2003), A neural probabilistic language model, section 2 (the matrix C).
    """

    integer_input = True

    count: int
    units: int
    padding: int | None = None
    deviation: float = 1.0

    def __post_init__(self) -> None:
        positive_int("count", self.count)
        positive_int("units", self.units)
        positive_real("deviation", self.deviation)
        if self.padding is not None and integer("padding", self.padding, minimum=0) >= self.count:
            raise SettingError("padding", expected=f"an index below count = {self.count}", got=self.padding)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (…, units)."""
        if 0 in input_shape:
            raise ShapeError("Embedding input", expected="no axis of length 0", got=input_shape)
        return (*input_shape, self.units)

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return W (count, units)."""
        self.output_shape(input_shape)
        return {"W": (self.count, self.units)}

    def initialize(self, input_shape: Shape, rng: np.random.Generator) -> dict[str, Array]:
        """Draw W; the row of the padding is zero."""
        W = rng.normal(0.0, self.deviation, self.parameter_shapes(input_shape)["W"])
        if self.padding is not None:
            W[self.padding] = 0.0
        return {"W": W}

    def forward(self, x: Array, W: Array) -> Array:
        """Return the rows."""
        check_indices(x, len(W))
        return np.asarray(W[x])

    def jacobian(self, x: Array, y: Array, W: Array) -> Jacobian:
        """Return the map from the rows to where they were taken."""
        return Jacobian(None, W=Rows(x, W.shape, self.padding))


@dataclass(slots=True, eq=False)
class Rows:
    """The map of W in y = W[x]; its transpose adds up what belongs to one row, but nothing to the padding's.

    Shapes:   x (B, …); δ (B, …, units); shape that of W, (count, units).
    """

    x: Array
    shape: Shape
    padding: int | None

    def vjp(self, delta: Array, out: Array) -> None:
        """Write Σ δ[…] 1[x[…] = i] into row i."""
        add_rows(self.x.reshape(-1), delta, out)
        if self.padding is not None:
            out[self.padding] = 0

    def jvp(self, tangent: Array) -> Array:
        """Return v[x], 0 at the padding."""
        y = np.asarray(tangent[self.x])
        if self.padding is not None:
            y[self.x == self.padding] = 0
        return y

    def per_sample(self, delta: Array) -> Array:
        """Return each sample's rows, (B, count, units)."""
        B, (count, units) = len(delta), self.shape
        rows = np.empty((B, count, units), delta.dtype)
        samples = np.arange(B).reshape(-1, *[1] * (self.x.ndim - 1))
        add_rows((self.x.astype(np.intp) + count * samples).reshape(-1), delta, rows.reshape(B * count, units))
        if self.padding is not None:
            rows[:, self.padding] = 0
        return rows


def add_rows(index: Array, delta: Array, out: Array) -> None:
    """Write into each row of `out` the sum of the δ that belong to it: sorted by row, each run is added at once."""
    order = np.argsort(index, kind="stable")
    rows, starts = np.unique(index[order], return_index=True)
    out[...] = 0
    out[rows] = np.add.reduceat(delta.reshape(len(index), -1)[order], starts, axis=0)


def check_indices(x: Array, count: int) -> None:
    """Refuse indices without a row. Raises:   DataError naming the first one, its sample and its place."""
    if x.dtype.kind not in "iu":
        raise DataError("Embedding input", expected="integers", got=x.dtype, hint="it takes indices: x.astype(int)")
    if x.size == 0 or (x.min() >= 0 and x.max() < count):
        return
    first = int(np.argmax(((x < 0) | (x >= count)).reshape(-1)))
    sample, place = divmod(first, math.prod(x.shape[1:]))
    at = tuple(map(int, np.unravel_index(place, x.shape[1:]))) if x.ndim > 1 else ()
    where = f", place {at[0] if len(at) == 1 else at}" if at else ""
    raise DataError(
        f"Embedding input, sample {sample}{where}",
        expected=f"an index from 0 to {count - 1}",
        got=int(x.reshape(-1)[first]),
        hint=f"count = {count} rows; count is to be one more than the largest index",
    )

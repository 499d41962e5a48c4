"""The direct method, compiled: each output is a sum in a register, and no matrix of windows is made.

Formula:  Y = X̂ K + 1 bᵀ; dK = X̂ᵀ δ; dX is a convolution of δ with Kᵀ, for each remainder of the strides.
Source:   `chainrule_conv.direct`, whose products these are.
"""

from __future__ import annotations

import numpy as np

from chainrule import Array, Shape, ShapeError
from chainrule.windows import Walk
from chainrule_conv.direct import Direct

from .correlate import add_parts, correlate, correlate_and_pool, correlate_with, pack_columns
from .plans import Plan, backward_plan, forward_plan, kernel_plan
from .registers import CHANNELS, INNER, OUTER, VECTOR
from .threads import aligned, together
from .windows import as_lines, winner_dtype

PARTS = 8
PARTS_BYTES = 4 << 20
"""Parts of the batch whose gradients of the kernel are worked out apart, for threads to share, and their size."""

WORTH = 32
"""Products that take as long as a number that is only read and written."""


class Sums(Direct):
    """The direct method."""

    def forward(self, x: Array, K: Array, b: Array | None = None, *, positive: bool = False) -> Array:
        """Return X̂ K + 1 bᵀ, (B, H', W', C_out), or its `positive` part."""
        dtype, (x, K) = x.dtype, real(x, K)
        plan, packed, start = self._prepared(x, K, b)
        y = np.empty((len(x), *self.counts, K.shape[-1]), x.dtype)
        _correlate(plan, x, packed, start, y, few=False, positive=positive)
        return y.astype(dtype, copy=False)

    def forward_pooled(
        self, x: Array, K: Array, b: Array | None, walks: tuple[Walk, Walk], *, with_winner: bool
    ) -> tuple[Array, Array]:
        """Return the largest of each window of the positive part, and which it is, as `pooling.select`, if it is asked.

        Raises:   ShapeError.
        """
        x, K = real(x, K)
        (down, right), (H, W), F = walks, self.counts, K.shape[-1]
        plan, packed, start = self._prepared(x, K, b)
        y = np.empty((len(x), down.count(H), right.count(W), F), x.dtype)
        winner = np.empty(y.shape if with_winner else (0, 0, 0, 0), winner_dtype(walks))
        work = len(x) * H * W * packed.size // WORTH
        windows = (self.counts, *as_lines(walks))
        together(correlate_and_pool, work, x, *plan, packed, start, *windows, with_winner, y, winner)
        return y, winner

    def _prepared(self, x: Array, K: Array, b: Array | None) -> tuple[Plan, Array, Array]:
        """Return the plan, K's columns packed, and what sums start with. Raises:   ShapeError."""
        F = K.shape[-1]
        self._check(x, K, (len(x), *self.counts, F))
        start = np.zeros(up(F, lanes_of(x)), x.dtype)
        start[:F] = 0 if b is None else b
        return forward_plan(self.walks, self.plane, x.shape[3], OUTER), _columns(K.reshape(-1, F)), start

    def backward(self, x: Array, K: Array, delta: Array, dK: Array | None, *, to_input: bool) -> Array | None:
        """Overwrite `dK`, if given, with X̂ᵀ δ; return dX if `to_input`."""
        dtype, (x, K, delta) = x.dtype, real(x, K, delta)
        self._check(x, K, delta.shape)
        if dK is not None:
            dK[...] = self._kernel_gradient(x, K, delta)
        return self._input_gradient(x, K, delta).astype(dtype, copy=False) if to_input else None

    def _check(self, x: Array, K: Array, output_shape: Shape) -> None:
        """Raise ShapeError unless shapes fit: kernels would read beside the arrays."""
        (H, W), C, F = self.plane, x.shape[-1], K.shape[-1]
        for name, got, expected in (
            ("x", x.shape, (len(x), H, W, C)),
            ("K", K.shape, (self.walks[0].size, self.walks[1].size, C, F)),
            ("output", output_shape, (len(x), *self.counts, F)),
        ):
            if got != expected:
                raise ShapeError(f"conv2d {name}", expected=expected, got=got)

    def _kernel_gradient(self, x: Array, K: Array, delta: Array) -> Array:
        B, F = len(x), K.shape[3]
        plan = kernel_plan(self.walks, self.plane, x.shape[3], OUTER)
        count = min(-(-B // plan.room[0]), max(2, min(PARTS, PARTS_BYTES // K.nbytes)))
        parts = np.empty((max(1, count), len(plan.places) * up(F, lanes_of(x))), x.dtype)
        step = self.walks[1].stride * x.shape[3]
        work = delta.size * K[..., 0].size // WORTH
        together(correlate_with, work, x, delta.reshape(B, delta.shape[1] * delta.shape[2], F), *plan, step, parts)
        total = np.empty((K[..., 0].size, F), x.dtype)
        add_parts(parts, lanes_of(x), total)
        return total.reshape(K.shape)

    def _input_gradient(self, x: Array, K: Array, delta: Array) -> Array:
        k_h, k_w, C, F = K.shape
        lanes = lanes_of(x)
        few = prefers_inner(C, lanes)
        if few:
            packed = aligned((k_h * k_w, up(C, CHANNELS), up(F, lanes)), x.dtype)
            packed[...] = 0
            packed[:, :C, :F] = K.reshape(-1, C, F)
        else:
            packed = _columns(np.ascontiguousarray(K.transpose(0, 1, 3, 2)).reshape(-1, C))
        plan = backward_plan(self.walks, self.plane, up(F, lanes) if few else F, F, INNER if few else OUTER)
        dx = np.empty(x.shape, x.dtype)
        _correlate(plan, delta, packed.reshape(-1), np.zeros(up(C, lanes), x.dtype), dx, few=few)
        return dx


def prefers_inner(channels: int, lanes: int) -> bool:
    """Return whether vectors of filters cost less than vectors of so few channels, though lanes are added up then."""
    return 1.2 * up(channels, CHANNELS) < up(channels, lanes)


def _correlate(
    plan: Plan, x: Array, packed: Array, start: Array, y: Array, *, few: bool, positive: bool = False
) -> None:
    N = y.shape[3]
    work = y.size * (packed.size // N) // WORTH
    together(correlate, work, x, *plan, packed, start, few, positive, y.reshape(len(y), y.shape[1] * y.shape[2], N))


def real(*arrays: Array) -> list[Array]:
    """Return arrays as kernels take them: of float32 or float64, contiguous, and writable, which is a type."""
    dtype = np.float32 if all(array.dtype.char in "ef" for array in arrays) else np.float64
    return [np.require(array, dtype, ["C", "W"]) for array in arrays]


def lanes_of(x: Array) -> int:
    """Return how many of its numbers make a vector."""
    return VECTOR // x.itemsize


def up(n: int, k: int) -> int:
    """Return n, or the next multiple of k."""
    return -(-n // k) * k


def _columns(matrix: Array) -> Array:
    """Return a matrix with its columns packed."""
    packed = aligned((len(matrix) * up(matrix.shape[1], lanes_of(matrix)),), matrix.dtype)
    packed[...] = 0
    pack_columns(matrix, lanes_of(matrix), packed)
    return packed

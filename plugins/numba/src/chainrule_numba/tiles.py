"""Winograd's method, compiled: transforms and products in one call, without the interpreter's lock.

The input's gradient is a convolution of δ with the kernel turned round, and is computed as one.
"""

from __future__ import annotations

import numpy as np

from chainrule import Array, ShapeError
from chainrule_conv.winograd import ALPHA, Winograd

from .products import POINTS, apart, convolve, kernel_gradient
from .registers import OUTER
from .sums import lanes_of, real, up
from .threads import aligned, together

TOGETHER, FOR_GRADIENT = 28, 56
"""Tiles that are worked through at once, at least: their transforms stay in the cache, and pay for reading G K; and for
the kernel's gradient, where they pay for reading and writing the sum."""

LARGE = 1 << 13
"""Channels times filters from which on that sum is not in the cache, and more tiles are taken at once."""

PARTS, PARTS_BYTES = 8, 2 << 20
"""Parts of the batch whose gradients of the kernel are worked out apart, for threads to share, and their size."""

WORTH = 64
"""Products that take as long as a number that is only read and written: of the direct sum, which has more of them."""


class Tiles(Winograd):
    """Winograd's method; see `Winograd` for what it computes."""

    def pays(self, channels: int, filters: int) -> bool:
        """Return whether a training step by tiles takes less time than the direct sum, both compiled.

        Time is counted in multiplications: for a number of x and of y that is transformed 8 and 20 more, and for a loop
        over channels those of 8 channels more. The kernel's transforms take those of two tiles in each sample. Fitted
        to 270 shapes of 4 to 256 channels and batches of 1 to 64 with vectors of 64 bytes and 270 with 32: what it
        takes needs 1.02 of the better one's time on average, and where not a single sample goes through, 1.26 at worst.
        """
        (th, tw), (rows, columns) = self.tiles, self.counts
        products, transforms = channels * filters, 8 * (channels + 8) + 20 * (filters + 8)
        tiled = ALPHA**2 * ((th * tw + 2) * products + th * tw * transforms)
        return tiled < rows * columns * self.walks[0].size ** 2 * channels * (filters + 8)

    def forward(self, x: Array, K: Array, b: Array | None = None, *, positive: bool = False) -> Array:
        """Return K # x + 1 bᵀ, (B, H', W', C_out), or its `positive` part."""
        rows, columns = self.walks
        _check(x, (len(x), *self.plane, K.shape[2]), "x")
        return self._convolved(x, K, self.counts, (rows.before, columns.before), b, 0.0 if positive else -np.inf)

    def backward(self, x: Array, K: Array, delta: Array, dK: Array | None, *, to_input: bool) -> Array | None:
        """Overwrite `dK`, if given, with the kernel's gradient; return the input's if `to_input`."""
        rows, columns = self.walks
        _check(x, (len(x), *self.plane, K.shape[2]), "x")
        _check(delta, (len(x), *self.counts, K.shape[3]), "output")
        if dK is not None:
            dK[...] = self._kernel_gradient(x, K, delta)
        if not to_input:
            return None
        corner = rows.size - 1 - rows.before, columns.size - 1 - columns.before
        return self._convolved(delta, K[::-1, ::-1].transpose(0, 1, 3, 2), self.plane, corner)

    def _convolved(
        self,
        x: Array,
        K: Array,
        outputs: tuple[int, int],
        corner: tuple[int, int],
        b: Array | None = None,
        least: float = -np.inf,
    ) -> Array:
        """Return the outputs of tiles whose first one begins at the corner, so far above and left of x."""
        x, K = real(x, K)
        (r, _, C, F), lanes, (th, tw) = K.shape, lanes_of(x), self._tiles_of(outputs)
        _check(K, (self.walks[0].size, self.walks[1].size, C, F), "K")
        added = np.zeros(up(F, lanes), x.dtype)
        if b is not None:
            added[:F] = b
        y = np.empty((len(x), *outputs, F), x.dtype)
        U = aligned((-(-F // (2 * lanes)) * POINTS * apart(2 * lanes * C, lanes),), x.dtype)
        strips = filling(tw, len(x) * th)
        work, floor = y.size * r * r * C // WORTH, np.full(lanes, least, x.dtype)
        together(convolve, work, x, K, added, floor, (th, tw), corner, strips, U, y)
        return y

    def _kernel_gradient(self, x: Array, K: Array, delta: Array) -> Array:
        x, delta = real(x, delta)
        (r, _, C, F), (th, tw), (rows, columns) = K.shape, self.tiles, self.walks
        lines = up(F, lanes_of(x))
        count, strips = shares(C, F, tw, len(x) * th, POINTS * C * lines * x.itemsize)
        parts, dK = np.empty((count, POINTS * C * lines), x.dtype), np.empty((r, r, C, lines), x.dtype)
        work, corner = delta.size * r * r * C // WORTH, (rows.before, columns.before)
        together(kernel_gradient, work, x, delta, self.tiles, corner, strips, parts, dK)
        return dK[..., :F]

    def _tiles_of(self, outputs: tuple[int, int]) -> tuple[int, int]:
        return -(-outputs[0] // self.m), -(-outputs[1] // self.m)


def filling(tw: int, strips: int) -> int:
    """Return how many strips of tw tiles are taken at once: those that leave least of the registers' tiles empty."""
    least = -(-TOGETHER // tw)
    found = min(range(least, 2 * least), key=lambda count: up(count * tw, OUTER) / (count * tw))
    return max(1, min(found, strips))


def shares(C: int, F: int, tw: int, strips: int, size: int) -> tuple[int, int]:
    """Return the parts of the kernel's gradient, of so many bytes each, and how many strips are taken at once."""
    count = max(1, min(strips * tw // FOR_GRADIENT, max(2, min(PARTS, PARTS_BYTES // size))))
    own, together = -(-strips // count), FOR_GRADIENT * max(1, min(3, C * F // LARGE))
    return count, max(1, -(-own // max(1, own * tw // together)))


def _check(array: Array, expected: tuple[int, ...], name: str) -> None:
    """Raise ShapeError unless shapes fit: kernels would read beside the arrays."""
    if array.shape != expected:
        raise ShapeError(f"conv2d {name}", expected=expected, got=array.shape)

"""Heads: the features of a position in equal parts, each of which is a sample of its own to `attention`.

Letters:  c arrays of n features side by side, such as Q, K and V; n = h d, h the number of heads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chainrule import Array

from .dot_product import AttentionMaps


def split(x: Array, c: int, h: int) -> Array:
    """Return (B, T, c n) as c arrays of heads, (c, B h, T, d)."""
    B, T, features = x.shape
    d = features // (c * h)
    apart = x.reshape(B, T, c, h, d).transpose(2, 0, 3, 1, 4)
    return np.ascontiguousarray(apart).reshape(c, B * h, T, d)


def merge(arrays: Sequence[Array], h: int) -> Array:
    """Return c arrays of heads, (B h, T, d) each, as (B, T, c n)."""
    pairs, T, d = arrays[0].shape
    x = np.empty((pairs // h, T, len(arrays), h, d), arrays[0].dtype)
    for i, array in enumerate(arrays):
        x[:, :, i] = array.reshape(-1, h, T, d).swapaxes(1, 2)
    return x.reshape(pairs // h, T, -1)


@dataclass(slots=True, eq=False)
class Heads:
    """The derivative of the heads' outputs, (B, T, n), to Q, K and V side by side, (B, T, 3n)."""

    maps: AttentionMaps
    h: int

    def vjp(self, delta: Array) -> Array:
        """Return δ·J, (B, T, 3n)."""
        return merge(self.maps.vjp(split(delta, 1, self.h)[0]), self.h)

    def jvp(self, tangent: Array) -> Array:
        """Return J·v, (B, T, n); v is (B, T, 3n), or (3n,) where all positions have the same."""
        pairs, T, d = self.maps.q.shape
        whole = np.broadcast_to(tangent, (pairs // self.h, T, 3 * self.h * d))
        return merge([self.maps.jvp(*split(whole, 3, self.h))], self.h)

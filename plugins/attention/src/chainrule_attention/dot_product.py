"""Attention of queries to keys by their dot products, and its derivative: what the layers of this family share.

Letters:  B samples of T_q queries and T_k keys, of d numbers each, and T_k values of m numbers; i a query, j a key.
Formula:  y[i] = Σ_j P[j, i] v[j], P[j, i] = E[j, i] / Σ_j E[j, i], E[j, i] = e^(S[j, i] - max_j S[j, i]),
          S[j, i] = q[i]·k[j] / √d, or -∞ where query i does not see key j.
Source:   Vaswani et al. (2017), Attention is all you need, eq. 1; Dao et al. (2022), FlashAttention, section 3.1, for
          weights that are made block by block, and again in the derivative.

Kept are, for each query, its largest score and the sum of its exponentials.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chainrule import Array

from .weights import Block, add_product, blocks_of, products_of, sums_of


def attention(
    q: Array, k: Array, v: Array, mask: Array | None = None, *, causal: bool = False
) -> tuple[Array, AttentionMaps]:
    """Return y, (B, T_q, m), and its derivative.

    Shapes:   q (B, T_q, d); k (B, T_k, d); v (B, T_k, m); mask (B, T_k), True where there is a key.
    Causal:   query i sees the keys 0 to i.

    A query that sees no key gets 0, and has no gradient. What a masked key and its value hold does not matter: not
    even NaN. `mask` and `causal` mean what they do in torch.nn.functional.scaled_dot_product_attention.
    """
    k, v = _present(k, mask), _present(v, mask)
    B, T_q, _ = q.shape
    y = np.empty((B, T_q, v.shape[2]), q.dtype)
    largest, total = np.empty((B, T_q), q.dtype), np.empty((B, T_q), q.dtype)
    maps = AttentionMaps(q, k, v, mask, causal, largest, total)
    for block in maps.blocks():
        samples, queries, keys, _ = block
        S = maps.scores(block)
        top = S.max(axis=0)
        if mask is not None:
            top[np.isneginf(top)] = 0  # no key is there: e^(-∞ - 0) = 0
        S -= top
        E = np.exp(S, out=S)
        sums = sums_of(E)
        sums[sums == 0] = 1
        own = np.matmul(E.transpose(1, 2, 0), v[samples, keys], out=y[samples, queries])
        own /= sums[:, :, np.newaxis]
        largest[samples, queries], total[samples, queries] = top, sums
    return y, maps


@dataclass(slots=True, eq=False)
class AttentionMaps:
    """The derivative of y to q, k and v.

    Formula:  with ∂y[i] = δ[i]: dv[j] = Σ_i P[j, i] δ[i], dP[j, i] = δ[i]·v[j], dS = P * (dP - Σ_j P * dP),
              dq[i] = Σ_j dS[j, i] k[j] / √d, dk[j] = Σ_i dS[j, i] q[i] / √d.
    Shapes:   as `attention` has them; largest and total (B, T_q) are max_j S and Σ_j E, 0 and 1 where no key is seen.
    """

    q: Array
    k: Array
    v: Array
    mask: Array | None
    causal: bool
    largest: Array
    total: Array

    def vjp(self, delta: Array) -> tuple[Array, Array, Array]:
        """Return δ·J_q, δ·J_k and δ·J_v."""
        dq, dk, dv = map(np.empty_like, (self.q, self.k, self.v))
        for block in self.blocks():
            samples, queries, keys, first = block
            E, total = self.exponentials(block), self.total[samples, queries]
            own = delta[samples, queries] / total[:, :, np.newaxis]  # and so E may stand for P
            add_product(E, own, dv[samples, keys], first)
            dS = products_of(self.v[samples, keys], own, self.scale)
            dS *= E
            E *= sums_of(dS) / total
            dS -= E
            add_product(dS, self.q[samples, queries], dk[samples, keys], first)
            np.matmul(dS.transpose(1, 2, 0), self.k[samples, keys], out=dq[samples, queries])
        return dq, dk, dv

    def jvp(self, q: Array | None, k: Array | None, v: Array | None) -> Array:
        """Return J_q·q + J_k·k + J_v·v; None is what does not move."""
        q, k, v = (
            np.zeros_like(own) if tangent is None else tangent
            for own, tangent in zip((self.q, self.k, self.v), (q, k, v), strict=True)
        )
        k, v = _present(k, self.mask), _present(v, self.mask)
        tangent = np.empty((*q.shape[:2], v.shape[2]), q.dtype)
        for block in self.blocks():
            samples, queries, keys, _ = block
            P = self.exponentials(block)
            P /= self.total[samples, queries]
            dS = products_of(self.k[samples, keys], q[samples, queries], self.scale)
            dS += products_of(k[samples, keys], self.q[samples, queries], self.scale)
            dS -= sums_of(P * dS)
            dS *= P
            own = np.matmul(P.transpose(1, 2, 0), v[samples, keys], out=tangent[samples, queries])
            own += dS.transpose(1, 2, 0) @ self.v[samples, keys]
        return tangent

    @property
    def scale(self) -> float:
        """1 / √d."""
        return float(self.q.shape[2] ** -0.5)

    def blocks(self) -> Iterator[Block]:
        """Yield the blocks in which all is computed."""
        return blocks_of(len(self.q), self.q.shape[1], self.k.shape[1], self.q.itemsize, causal=self.causal)

    def scores(self, block: Block) -> Array:
        """Return S of a block, (keys, samples, queries)."""
        samples, queries, keys, _ = block
        S = products_of(self.k[samples, keys], self.q[samples, queries], self.scale)
        if self.mask is not None:
            S[~self.mask[samples, keys].T] = -np.inf
        if self.causal:
            start = queries.start
            sees = np.arange(start, keys.stop)[:, np.newaxis] <= np.arange(start, queries.stop)
            limit = np.where(sees, np.inf, -np.inf).astype(S.dtype)[:, np.newaxis]
            np.minimum(S[start:], limit, out=S[start:])
        return S

    def exponentials(self, block: Block) -> Array:
        """Return E of a block once more."""
        S = self.scores(block)
        S -= self.largest[block.samples, block.queries]
        return np.exp(S, out=S)


def _present(array: Array, mask: Array | None) -> Array:
    """Return the array with 0 at every masked key, so that NaN there meets no weight of 0."""
    return array if mask is None else np.where(mask[:, :, np.newaxis], array, array.dtype.type(0))

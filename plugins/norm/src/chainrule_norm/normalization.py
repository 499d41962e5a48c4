"""What normalization layers share: numbers that are divided by their root mean square, and the linear map of that."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from chainrule import Array


class Means(ABC):
    """Over which axes means are taken; these axes are kept, so that a mean fits the array that it is of."""

    @abstractmethod
    def of(self, a: Array) -> Array:
        """Return mean(a)."""

    @abstractmethod
    def of_product(self, a: Array, b: Array) -> Array:
        """Return mean(a b); no product of the arrays is stored."""


class Along(Means):
    """Means along the last axis, of each vector."""

    def of(self, a: Array) -> Array:
        """Return the mean of each vector."""
        return np.asarray(a.mean(axis=-1, keepdims=True))

    def of_product(self, a: Array, b: Array) -> Array:
        """Return the mean product of each two vectors."""
        return np.asarray(np.einsum("...i,...i->...", a, b)[..., np.newaxis] / a.shape[-1])


class Across(Means):
    """Means over all axes but the last, of each channel; first within each sample, which loses fewer digits."""

    def of(self, a: Array) -> Array:
        """Return the mean of each channel."""
        return self._of_sums(np.einsum("bpc->bc", a.reshape(len(a), -1, a.shape[-1])), a)

    def of_product(self, a: Array, b: Array) -> Array:
        """Return the mean product of each two channels."""
        shape = (len(a), -1, a.shape[-1])
        return self._of_sums(np.einsum("bpc,bpc->bc", a.reshape(shape), b.reshape(shape)), a)

    def _of_sums(self, sums: Array, a: Array) -> Array:
        mean = sums.sum(axis=0, dtype=np.float64) / (a.size // a.shape[-1])
        return np.asarray(mean, a.dtype).reshape((1,) * (a.ndim - 1) + (-1,))


ALONG, ACROSS = Along(), Across()


def deviations(x: Array, over: Means = ALONG) -> tuple[Array, Array]:
    """Return x - mean(x), and mean(x).

    The mean is rounded, that of numbers of 1e4 in float32 by more than eps. What is left of it is taken out once more,
    so that a constant comes out as 0, and what all numbers share leaves their variance alone.
    """
    mean = over.of(x)
    d: Array = np.subtract(x, mean, order="C")  # sums along memory lose the fewest digits
    left = over.of(d)
    d -= left
    return d, mean + left


def inverse_root(mean_square: Array, eps: float) -> Array:
    """Return 1 / sqrt(mean(d²) + eps)."""
    return np.asarray(1 / np.sqrt(mean_square + eps))


@dataclass(slots=True, eq=False)
class Normalization:
    """The map of x in y = γ z, z = d r, r = 1 / sqrt(mean(d²) + eps), where d is x, or x - mean(x) if `centred`.

    Formula:  ∂z[k]/∂x[j] = r (δ_kj - z[k] z[j] / n) and, if centred, - r / n; it is symmetric, whatever eps is. k and j
              are two of the n numbers that one mean is taken of.
    Shapes:   z (B, …, n), as δ and v; r fits z; gamma (n,).
    """

    z: Array
    r: Array
    gamma: Array
    centred: bool
    over: Means = ALONG

    def vjp(self, delta: Array) -> Array:
        """Return (δ * γ) ∂z/∂x."""
        return self._project(delta * self.gamma)

    def jvp(self, tangent: Array) -> Array:
        """Return γ * (∂z/∂x v)."""
        return self._project(tangent) * self.gamma

    def _project(self, v: Array) -> Array:
        """Return r (v - (z mean(z v) + mean(v))), the last only if centred."""
        result: Array = self.z * self.over.of_product(self.z, v)
        if self.centred:
            result += self.over.of(v)
        np.subtract(v, result, out=result)
        result *= self.r
        return result

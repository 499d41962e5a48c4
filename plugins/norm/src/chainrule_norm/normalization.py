"""What normalization layers share: numbers that are divided by their root mean square, and the linear map of that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Array


def deviations(x: Array) -> Array:
    """Return x - mean(x) along the last axis.

    The mean is rounded, that of numbers of 1e4 in float32 by more than eps. What is left of it is taken out once more,
    so that a constant comes out as 0, and what all numbers share leaves their variance alone.
    """
    d: Array = np.subtract(x, x.mean(axis=-1, keepdims=True), order="C")  # sums along memory lose the fewest digits
    d -= d.mean(axis=-1, keepdims=True)
    return d


def inverse_root(d: Array, eps: float) -> Array:
    """Return 1 / sqrt(mean(d²) + eps) along the last axis, which is kept."""
    return np.asarray(1 / np.sqrt(mean_product(d, d) + eps))


def mean_product(a: Array, b: Array) -> Array:
    """Return mean(a b) along the last axis, which is kept; no product of the arrays is stored."""
    return np.asarray(np.einsum("...i,...i->...", a, b)[..., np.newaxis] / a.shape[-1])


@dataclass(slots=True, eq=False)
class Normalization:
    """The map of x in y = γ z, z = d r, r = 1 / sqrt(mean(d²) + eps), where d is x, or x - mean(x) if `centred`.

    Formula:  ∂z[k]/∂x[j] = r (δ_kj - z[k] z[j] / n) and, if centred, - r / n; it is symmetric, whatever eps is.
    Shapes:   z (B, …, n), as δ and v; r (B, …, 1); gamma (n,).
    """

    z: Array
    r: Array
    gamma: Array
    centred: bool

    def vjp(self, delta: Array) -> Array:
        """Return (δ * γ) ∂z/∂x."""
        return self._project(delta * self.gamma)

    def jvp(self, tangent: Array) -> Array:
        """Return γ * (∂z/∂x v)."""
        return self._project(tangent) * self.gamma

    def _project(self, v: Array) -> Array:
        """Return r (v - (z mean(z v) + mean(v))), the last only if centred."""
        result: Array = self.z * mean_product(self.z, v)
        if self.centred:
            result += v.mean(axis=-1, keepdims=True)
        np.subtract(v, result, out=result)
        result *= self.r
        return result

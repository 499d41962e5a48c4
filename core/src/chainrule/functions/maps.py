"""Linear maps, one for each sample: of a layer's input, and of its parameters. A Jacobian is made of them.

Letters:  as in `jacobians`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..arrays import Array, Shape, ones, times


class LinearMap(Protocol):
    """A linear map per sample, from *in to *out."""

    def vjp(self, delta: Array, /) -> Array:
        """Return δ·J, shape (B, *in)."""

    def jvp(self, tangent: Array, /) -> Array:
        """Return J·v, shape (B, *out)."""


class ParameterMap(Protocol):
    """A linear map per sample, from *param to *out; the parameter is the same for all samples."""

    def vjp(self, delta: Array, out: Array, /) -> None:
        """Overwrite `out`, shape *param, with Σ_j δ_j·J_j."""

    def jvp(self, tangent: Array, /) -> Array:
        """Return J·v, broadcastable to (B, *out)."""

    def per_sample(self, delta: Array, /) -> Array:
        """Return δ_j·J_j for each sample j, shape (B, *param)."""


@dataclass(slots=True, eq=False)
class Dense:
    """Any linear map of the input, written out.

    Shapes:   J (B, *out, *in).
    """

    J: Array

    def vjp(self, delta: Array) -> Array:
        """Return Σ_out δ[b, out] J[b, out, in]."""
        rows = delta.reshape(len(delta), 1, -1)
        return (rows @ self.J.reshape(len(delta), rows.shape[2], -1)).reshape(len(delta), *self.J.shape[delta.ndim :])

    def jvp(self, tangent: Array) -> Array:
        """Return Σ_in J[b, out, in] v[b, in]."""
        columns = tangent.reshape(len(tangent), -1, 1)
        output = self.J.shape[1 : self.J.ndim - tangent.ndim + 1]
        return (self.J.reshape(len(tangent), -1, columns.shape[1]) @ columns).reshape(len(tangent), *output)


@dataclass(slots=True, eq=False)
class Matrix:
    """One matrix for all samples, y = W x over the last axis.

    Shapes:   W (units, n); δ (B, …, units); v (B, …, n).
    """

    W: Array

    def vjp(self, delta: Array) -> Array:
        """Return δ W."""
        return delta @ self.W

    def jvp(self, tangent: Array) -> Array:
        """Return v Wᵀ."""
        return tangent @ self.W.T


@dataclass(slots=True, eq=False)
class Diagonal:
    """An elementwise map, y = d * x; d may be a mask of bool.

    Shapes:   d (B, *in), as δ and v.
    """

    d: Array

    def vjp(self, delta: Array) -> Array:
        """Return δ * d."""
        return times(delta, self.d)

    def jvp(self, tangent: Array) -> Array:
        """Return v * d."""
        return times(tangent, self.d)


@dataclass(slots=True, eq=False)
class Selection:
    """A gather, y[b, o] = x[b].flat[index[b, o]]; its transpose scatters, and adds where an entry was taken twice.

    Shapes:   index (B, *out), or (1, *out) when it is the same for all samples; input_shape *in.
    """

    index: Array
    input_shape: Shape

    def vjp(self, delta: Array) -> Array:
        """Return Σ_o δ[b, o] 1[index[b, o] = i]."""
        B = len(delta)
        result = np.zeros((B, math.prod(self.input_shape)), delta.dtype)
        flat = self.index.reshape(len(self.index), -1)
        np.add.at(result, (np.arange(B)[:, None], flat), delta.reshape(B, -1))
        return result.reshape(B, *self.input_shape)

    def jvp(self, tangent: Array) -> Array:
        """Return v[b].flat[index[b, o]]."""
        B = len(tangent)
        index = np.broadcast_to(self.index, (B, *self.index.shape[1:]))
        taken = np.take_along_axis(tangent.reshape(B, -1), index.reshape(B, -1), axis=1)
        return taken.reshape(index.shape)


@dataclass(slots=True, eq=False)
class Reshape:
    """The same numbers, row-major, in another shape.

    Shapes:   input_shape *in, output_shape *out, of equal size.
    """

    input_shape: Shape
    output_shape: Shape

    def vjp(self, delta: Array) -> Array:
        """Return δ in the shape of the input."""
        return delta.reshape(len(delta), *self.input_shape)

    def jvp(self, tangent: Array) -> Array:
        """Return v in the shape of the output."""
        return tangent.reshape(len(tangent), *self.output_shape)


@dataclass(slots=True, eq=False)
class DenseParameter:
    """Any linear map of a parameter, written out.

    Shapes:   J (B, *out, *param).
    """

    J: Array

    def vjp(self, delta: Array, out: Array) -> None:
        """Write Σ_(b,out) δ[b, out] J[b, out, param]."""
        out[...] = (delta.reshape(-1) @ self.J.reshape(delta.size, -1)).reshape(out.shape)

    def jvp(self, tangent: Array) -> Array:
        """Return Σ_param J[b, out, param] v[param]."""
        output = self.J.shape[: self.J.ndim - tangent.ndim]
        return (self.J.reshape(-1, tangent.size) @ tangent.reshape(-1)).reshape(output)

    def per_sample(self, delta: Array) -> Array:
        """Return Σ_out δ[b, out] J[b, out, param]."""
        return Dense(self.J).vjp(delta)


@dataclass(slots=True, eq=False)
class Outer:
    """The map of W in y = W x: ∂y[k]/∂W[u, v] = δ_ku x[v]; axes between B and the last are summed over.

    Shapes:   x (B, …, n); δ (B, …, units); W (units, n).
    Source:   course, section 4, dW = (δX^i)ᵀ · X^(i-1).
    """

    x: Array

    def vjp(self, delta: Array, out: Array) -> None:
        """Write δᵀ x."""
        x = self.x
        if x.ndim > 2:
            x, delta = x.reshape(-1, x.shape[-1]), delta.reshape(-1, delta.shape[-1])
        _multiply(delta.T, x, out)

    def jvp(self, tangent: Array) -> Array:
        """Return x vᵀ."""
        return self.x @ tangent.T

    def per_sample(self, delta: Array) -> Array:
        """Return δ[b, u] x[b, v]."""
        rows = delta.reshape(len(delta), -1, delta.shape[-1])
        return np.asarray(rows.swapaxes(1, 2) @ self.x.reshape(len(self.x), -1, self.x.shape[-1]))


@dataclass(slots=True, eq=False)
class Shift:
    """The map of b in y = x + b: ∂y[k]/∂b[u] = δ_ku; axes between B and the shape of b are summed over.

    Shapes:   shape *param; δ (B, …, *param).
    Source:   course, section 4, dbᵀ = 1ᵀ · δX^i.
    """

    shape: Shape

    def vjp(self, delta: Array, out: Array) -> None:
        """Write 1ᵀ δ."""
        if delta.ndim > 2 or out.ndim != 1:
            delta, out = delta.reshape(-1, out.size), out.reshape(-1)
        _multiply(ones(len(delta), delta.dtype), delta, out)

    def jvp(self, tangent: Array) -> Array:
        """Return v."""
        return tangent

    def per_sample(self, delta: Array) -> Array:
        """Return δ[b], summed to the shape of b."""
        between = tuple(range(1, delta.ndim - len(self.shape)))
        return np.asarray(delta.sum(axis=between))


@dataclass(slots=True, eq=False)
class Scale:
    """The map of a in y = a * x: ∂y[k]/∂a[u] = δ_ku x[u]; axes between B and the shape of a are summed over.

    Shapes:   x (B, …, *param), as δ; shape *param.
    """

    x: Array
    shape: Shape

    def vjp(self, delta: Array, out: Array) -> None:
        """Write 1ᵀ (δ * x)."""
        Shift(self.shape).vjp(delta * self.x, out)

    def jvp(self, tangent: Array) -> Array:
        """Return v * x."""
        return np.asarray(tangent * self.x)

    def per_sample(self, delta: Array) -> Array:
        """Return δ[b] * x[b], summed to the shape of a."""
        return Shift(self.shape).per_sample(delta * self.x)


@dataclass(slots=True, eq=False)
class Reshaped:
    """A parameter's map where the formula sees the parameter in another shape.

    Shapes:   inner_shape as `map` has it; shape as the layer declares it, of equal size.
    """

    map: ParameterMap
    inner_shape: Shape
    shape: Shape

    def vjp(self, delta: Array, out: Array) -> None:
        """Write what `map` writes."""
        self.map.vjp(delta, out.reshape(self.inner_shape))

    def jvp(self, tangent: Array) -> Array:
        """Return what `map` returns."""
        return self.map.jvp(tangent.reshape(self.inner_shape))

    def per_sample(self, delta: Array) -> Array:
        """Return what `map` returns, in `shape`."""
        return self.map.per_sample(delta).reshape(len(delta), *self.shape)


def _multiply(a: Array, b: Array, out: Array) -> None:
    """Write a b; np.dot takes half of matmul's time on small matrices, and refuses unequal dtypes."""
    try:
        np.dot(a, b, out=out)
    except ValueError:
        np.matmul(a, b, out=out)

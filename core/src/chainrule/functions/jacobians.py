"""A Jacobian is an object: a batch of linear maps, one per sample.

Letters:  B batch; *in, *out, *param the shapes of one sample's input, of its output and of a parameter.
          δ (`delta`) is ∂Obj/∂y, v (`tangent`) a direction.
Source:   course, section 3: δX^(i-1) = δX^i · J_X and dW^i = Σ_j δX^(i,j) · J_W.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ..arrays import Array
from ..errors import UnsupportedError
from .maps import *
from .maps import LinearMap, ParameterMap


class BatchJacobian(ABC):
    """The Jacobians of a layer at every sample of a batch: what the driver multiplies.

    It may hold x, y and views of the parameters, and is valid until one of them changes. Of a layer of several inputs
    `vjp` returns, and `jvp` takes, a tuple of arrays, with None for an input that has no derivative or does not move.
    """

    seen: Mapping[str, Array] = MappingProxyType({})
    """What the layer makes its statistics of, by name: see `Layer.remembered`."""

    @abstractmethod
    def vjp(self, delta: Array, out: Mapping[str, Array] | None = None) -> Any:
        """Return δ·J_X, shape (B, *in); with `out`, overwrite each `out[name]` with Σ_j δ_j·J_name."""

    def vjp_params(self, delta: Array, out: Mapping[str, Array]) -> None:
        """Overwrite each `out[name]` with Σ_j δ_j·J_name, and nothing else: all that the first layer needs."""
        self.vjp(delta, out)

    @abstractmethod
    def jvp(self, tangent: Any, params: Mapping[str, Array]) -> Array:
        """Return J_X·v + Σ_name J_name·v_name, shape (B, *out); a name that is missing is zero.

        `tangent` is None where the input has no derivative (integers).
        """

    def per_sample(self, delta: Array) -> dict[str, Array]:
        """Return δ_j·J_name of each sample j, shape (B, *param). Raises:   UnsupportedError unless overridden."""
        raise UnsupportedError(f"{type(self).__name__} has no per-sample gradients", hint="define per_sample")


class Jacobian(BatchJacobian):
    """The ready-made Jacobian: J_X = after∘input and J_name = after∘params[name].

    `after`, the part that all of them share (a ReLU's mask), is pulled back once. `input` is None where the input has
    no derivative; asking for it is an UnsupportedError.
    """

    __slots__ = ("after", "input", "params")

    def __init__(self, input: LinearMap | None, /, *, after: LinearMap | None = None, **params: ParameterMap) -> None:  # noqa: A002 - positional, and the right word
        self.input = input
        self.after = after
        self.params = params

    def __repr__(self) -> str:
        params = "".join(f", {name}={map_!r}" for name, map_ in self.params.items())
        return f"Jacobian({self.input!r}, after={self.after!r}{params})"

    def vjp(self, delta: Array, out: Mapping[str, Array] | None = None) -> Array:
        """Return δ·after·input; with `out`, fill it with each parameter's Σ_j δ_j·after·J_name."""
        if self.input is None:
            raise _no_input_derivative()
        if self.after is not None:
            delta = self.after.vjp(delta)
        if out is not None:
            for name, map_ in self.params.items():
                map_.vjp(delta, out[name])
        return self.input.vjp(delta)

    def vjp_params(self, delta: Array, out: Mapping[str, Array]) -> None:
        """Fill `out` with each parameter's Σ_j δ_j·after·J_name."""
        if self.after is not None and self.params:
            delta = self.after.vjp(delta)
        for name, map_ in self.params.items():
            map_.vjp(delta, out[name])

    def jvp(self, tangent: Array | None, params: Mapping[str, Array]) -> Array:
        """Return after·(input·v + Σ_name J_name·v_name)."""
        terms = [map_.jvp(params[name]) for name, map_ in self.params.items() if name in params]
        if tangent is not None:
            if self.input is None:
                raise _no_input_derivative()
            terms.insert(0, self.input.jvp(tangent))
        if not terms:
            raise UnsupportedError("jvp without any direction", hint="give a tangent of the input or of a parameter")
        total = sum(terms[1:], terms[0])
        return total if self.after is None else self.after.jvp(total)

    def per_sample(self, delta: Array) -> dict[str, Array]:
        """Return each parameter's δ_j·after·J_name."""
        if self.after is not None and self.params:
            delta = self.after.vjp(delta)
        return {name: map_.per_sample(delta) for name, map_ in self.params.items()}


def _no_input_derivative() -> UnsupportedError:
    return UnsupportedError(
        "the input has no derivative", hint="it holds indices; a layer with integer input must be the network's first"
    )

"""Layers around one layer, whose parameters are theirs: a shortcut, and one at every position."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, Shape
from ..errors import SettingError, ShapeError
from .backprop import wrong_delta
from .graph import Composed, check_layer
from .jacobians import BatchJacobian
from .layers import Layer, integers_of, set_fields
from .wiring import Wiring


@dataclass(frozen=True)
class Around(Composed):
    """What layers around `inner` share: each is a composition of one node, which has no name, and so no prefix."""

    inner: Layer

    def __post_init__(self) -> None:
        check_layer("inner", self.inner)
        if integers_of(self.inner, 1)[0]:
            raise SettingError("inner", expected="a layer with a real input", got=self.inner)
        set_fields(self, wiring=Wiring(names=("",), sources=((0,),), integers=(False,), outputs=(1,)))
        self._take((self.inner,))

    def _shown(self, members: tuple[Layer, ...]) -> dict[str, Any]:
        return {"inner": members[0], "output_range": None}

    def inside(self, input_shape: Shape) -> tuple[Shape, int]:
        """Return the shape that `inner` sees, and of how many of its samples one sample is made."""
        return input_shape, 1

    def shapes(self, *input_shapes: Shape) -> list[Shape]:
        """Return the shapes of x and y."""
        return [*input_shapes, self.output_shape(*input_shapes)]

    def taken(self, values: Sequence[Any]) -> list[list[Any]]:
        """Return what `inner` sees of such shapes."""
        return [[self.inside(values[0])[0]]]

    def least_batch(self, input_shape: Shape) -> int:
        """Return that of `inner`, in samples of its own."""
        shape, times = self.inside(input_shape)
        return math.ceil(self.inner.least_batch(shape) / max(1, times))


class Residual(Around):
    """A layer with a shortcut around it; its parameters are those of `inner`.

    Formula:  y = x + f(x; W)
    Jacobian: J_X = I + J_X(f)
    Raises:   ShapeError when the output of `inner` has not the shape of its input.
    Source:   He et al. (2016), Deep residual learning for image recognition, eq. 1.
    """

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of x."""
        output = self.inner.output_shape(input_shape)
        if output != input_shape:
            where, hint = f"residual: the output of {self.inner!r}", "x + f(x) needs f(x) in the shape of x"
            raise ShapeError(where, expected=input_shape, got=output, hint=hint)
        return output

    def forward(self, x: Array, /, **params: Any) -> Array:
        """Return x + f(x)."""
        return np.asarray(x + self.inner.forward(x, **params))

    def linearize(self, x: Array, /, **params: Any) -> tuple[Array, Sum]:
        """Return x + f(x) and I + J."""
        y, jacobian = self.inner.linearize(x, **params)
        return x + y, Sum(jacobian)


class Sum(BatchJacobian):
    """The Jacobian of x + f(x), I + J."""

    __slots__ = ("jacobian", "seen")

    def __init__(self, jacobian: BatchJacobian) -> None:
        self.jacobian = jacobian
        self.seen = jacobian.seen

    def vjp(self, delta: Array, out: Mapping[str, Array] | None = None) -> Array:
        """Return δ + δ·J."""
        through = self.jacobian.vjp(delta, out)
        if getattr(through, "shape", None) != delta.shape:
            raise wrong_delta("the inner layer of a residual", through, delta.shape)
        return np.asarray(delta + through)

    def vjp_params(self, delta: Array, out: Mapping[str, Array]) -> None:
        """Overwrite the inner layer's gradients."""
        self.jacobian.vjp_params(delta, out)

    def jvp(self, tangent: Array | None, params: Mapping[str, Array]) -> Array:
        """Return v + J·v."""
        pushed = self.jacobian.jvp(tangent, params)
        return pushed if tangent is None else np.asarray(tangent + pushed)

    def per_sample(self, delta: Array) -> dict[str, Array]:
        """Return the inner layer's per-sample gradients."""
        return self.jacobian.per_sample(delta)


class EachPosition(Around):
    """A layer of vectors applied at every position of a sequence, or at every place, with the parameters of `inner`.

    Formula:  y[t] = f(x[t]; W), each t a position of its own, with the same W
    Jacobian: δX[t] = δY[t]·J_t; dW = Σ_t δY[t]·J_W,t
    Shapes:   x (B, …, n); y (B, …, *out), out the shape that `inner` makes of (n,).
    Raises:   ShapeError for a sample that is a single number, or has no position.
    """

    def inside(self, input_shape: Shape) -> tuple[Shape, int]:
        """Return (n,), and the number of positions."""
        return input_shape[-1:], math.prod(input_shape[:-1])

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the positions' shape with that of one output."""
        shape, times = self.inside(input_shape)
        if not input_shape or times == 0:
            raise ShapeError("a sample", expected=("…", "n"), got=input_shape, hint="it needs positions of vectors")
        return (*input_shape[:-1], *self.inner.output_shape(shape))

    def forward(self, x: Array, /, **params: Any) -> Array:
        """Return f of every position."""
        y = self.inner.forward(x.reshape(-1, x.shape[-1]), **params)
        return y.reshape(*x.shape[:-1], *y.shape[1:])

    def linearize(self, x: Array, /, **params: Any) -> tuple[Array, Positions]:
        """Return f of every position, and the Jacobians of all of them."""
        y, jacobian = self.inner.linearize(x.reshape(-1, x.shape[-1]), **params)
        return y.reshape(*x.shape[:-1], *y.shape[1:]), Positions(jacobian, x.shape, y.shape[1:])


class Positions(BatchJacobian):
    """The Jacobians of a layer at the positions of x; `input_shape` has the batch axis, `output_shape` is of one."""

    __slots__ = ("input_shape", "jacobian", "output_shape", "seen")

    def __init__(self, jacobian: BatchJacobian, input_shape: Shape, output_shape: Shape) -> None:
        self.jacobian = jacobian
        self.input_shape = input_shape
        self.output_shape = output_shape
        self.seen = jacobian.seen

    def vjp(self, delta: Array, out: Mapping[str, Array] | None = None) -> Array:
        """Return δ·J of every position."""
        passed: Array = self.jacobian.vjp(delta.reshape(-1, *self.output_shape), out)
        return passed.reshape(self.input_shape)

    def vjp_params(self, delta: Array, out: Mapping[str, Array]) -> None:
        """Overwrite the parameters' gradients with the sums over samples and positions."""
        self.jacobian.vjp_params(delta.reshape(-1, *self.output_shape), out)

    def jvp(self, tangent: Array | None, params: Mapping[str, Array]) -> Array:
        """Return J·v of every position."""
        v = None if tangent is None else tangent.reshape(-1, self.input_shape[-1])
        count = math.prod(self.input_shape[:-1])
        pushed = np.broadcast_to(self.jacobian.jvp(v, params), (count, *self.output_shape))
        return pushed.reshape(*self.input_shape[:-1], *self.output_shape)

    def per_sample(self, delta: Array) -> dict[str, Array]:
        """Return the sums over each sample's positions."""
        B = self.input_shape[0]
        times = math.prod(self.input_shape[1:-1])
        found = self.jacobian.per_sample(delta.reshape(-1, *self.output_shape))
        return {name: part.reshape(B, times, *part.shape[1:]).sum(axis=1) for name, part in found.items()}

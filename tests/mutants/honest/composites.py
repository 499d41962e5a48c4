"""Nothing but a dense Jacobian; layers of layers."""

from abc import ABC
from dataclasses import dataclass

import numpy as np

from chainrule import (
    BatchJacobian,
    Chain,
    Concat,
    Dense,
    DenseParameter,
    Jacobian,
    Layer,
    Residual,
    ShapeError,
    positive_int,
)

from .base import Vectors, check_layer, draw, honest
from .functions import Sine, Softplus, TanhOfCopy
from .kinks import HardTanh


@dataclass(frozen=True)
class DenseAffine(Vectors):
    """The affine layer by its written-out Jacobians."""

    units: int

    def __post_init__(self):
        positive_int("units", self.units)

    def output_shape(self, input_shape):
        self.width(input_shape)
        return (self.units,)

    def parameter_shapes(self, input_shape):
        return {"W": (self.units, self.width(input_shape)), "b": (self.units,)}

    def initialize(self, input_shape, rng):
        return {"W": draw(rng, self.units, self.width(input_shape)), "b": np.zeros(self.units)}

    def forward(self, x, W, b):
        return x @ W.T + b

    def jacobian(self, x, y, W, b):
        B, n = x.shape
        one = np.eye(self.units, dtype=x.dtype)
        J_W = one[None, :, :, None] * x[:, None, None, :]
        J_b = np.broadcast_to(one, (B, self.units, self.units))
        J_x = np.broadcast_to(W, (B, self.units, n))
        return Jacobian(Dense(J_x), W=DenseParameter(J_W), b=DenseParameter(J_b))


@dataclass(frozen=True)
class DenseSoftmax(Vectors):
    def output_shape(self, input_shape):
        return (self.width(input_shape),)

    def forward(self, x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def jacobian(self, x, y):
        J = -y[:, :, None] * y[:, None, :]
        J[:, np.arange(y.shape[1]), np.arange(y.shape[1])] += y
        return Jacobian(Dense(J))


class Composite(Layer, ABC):
    """A layer of layers, which takes on what they are."""

    def _adopt(self, **members):
        for name, member in members.items():
            check_layer(name, member)
        for flag in ("stochastic", "mixes_samples"):
            object.__setattr__(self, flag, any(getattr(member, flag) for member in members.values()))


@dataclass(frozen=True)
class Product(Composite):
    """y = f(x) g(x), as in a gated linear unit: Dauphin et al. (2017)."""

    first: Layer
    second: Layer

    def __post_init__(self):
        self._adopt(first=self.first, second=self.second)

    def _named(self, first, second):
        return {f"{side}.{name}": own for side, part in (("f", first), ("g", second)) for name, own in part.items()}

    def output_shape(self, input_shape):
        shape, other = self.first.output_shape(input_shape), self.second.output_shape(input_shape)
        if shape != other:
            raise ShapeError("the second output of a product", expected=shape, got=other)
        return shape

    def parameter_shapes(self, input_shape):
        self.output_shape(input_shape)
        return self._named(self.first.parameter_shapes(input_shape), self.second.parameter_shapes(input_shape))

    def initialize(self, input_shape, rng):
        self.output_shape(input_shape)
        return self._named(self.first.initialize(input_shape, rng), self.second.initialize(input_shape, rng))

    def forward(self, x, **params):
        return self.first.forward(x, **of_side("f", params)) * self.second.forward(x, **of_side("g", params))

    def linearize(self, x, **params):
        y, first = self.first.linearize(x, **of_side("f", params))
        z, second = self.second.linearize(x, **of_side("g", params))
        return y * z, OfProduct(first, second, y, z)

    def realize(self, rng):
        return Product(self.first.realize(rng), self.second.realize(rng))


def of_side(side, named):
    return {name[2:]: array for name, array in named.items() if name[0] == side}


@dataclass
class OfProduct(BatchJacobian):
    first: BatchJacobian
    second: BatchJacobian
    y: np.ndarray
    z: np.ndarray

    def vjp(self, delta, out=None):
        outs = (None, None) if out is None else (of_side("f", out), of_side("g", out))
        return self.first.vjp(delta * self.z, outs[0]) + self.second.vjp(delta * self.y, outs[1])

    def vjp_params(self, delta, out):
        self.first.vjp_params(delta * self.z, of_side("f", out))
        self.second.vjp_params(delta * self.y, of_side("g", out))

    def jvp(self, tangent, params):
        total = np.zeros_like(self.y)
        for side, jacobian, other in (("f", self.first, self.z), ("g", self.second, self.y)):
            own = of_side(side, params)
            if tangent is not None or own:
                total = total + jacobian.jvp(tangent, own) * other
        return total

    def per_sample(self, delta):
        parts = {"f": self.first.per_sample(delta * self.z), "g": self.second.per_sample(delta * self.y)}
        return {f"{side}.{name}": rows for side, own in parts.items() for name, rows in own.items()}


@dataclass(frozen=True)
class Repeat(Composite):
    """One layer applied several times with the same parameters."""

    inner: Layer
    times: int = 3

    def __post_init__(self):
        positive_int("times", self.times)
        self._adopt(inner=self.inner)

    def output_shape(self, input_shape):
        shape = self.inner.output_shape(input_shape)
        if shape != input_shape:
            raise ShapeError("the output of what is repeated", expected=input_shape, got=shape)
        return shape

    def parameter_shapes(self, input_shape):
        self.output_shape(input_shape)
        return self.inner.parameter_shapes(input_shape)

    def initialize(self, input_shape, rng):
        self.output_shape(input_shape)
        return self.inner.initialize(input_shape, rng)

    def forward(self, x, **params):
        for _ in range(self.times):
            x = self.inner.forward(x, **params)
        return x

    def linearize(self, x, **params):
        jacobians = []
        for _ in range(self.times):
            x, jacobian = self.inner.linearize(x, **params)
            jacobians.append(jacobian)
        return x, OfRepeat(jacobians, x.shape)

    def realize(self, rng):
        return Repeat(self.inner.realize(rng), self.times)


@dataclass
class OfRepeat(BatchJacobian):
    jacobians: list
    shape: tuple

    def vjp(self, delta, out=None):
        names = out or {}
        totals = {name: np.zeros_like(array) for name, array in names.items()}
        for jacobian in reversed(self.jacobians):
            own = {name: np.empty_like(array) for name, array in names.items()}
            delta = jacobian.vjp(delta, own if own else None)
            for name, array in own.items():
                totals[name] += array
        for name, array in totals.items():
            names[name][...] = array
        return delta

    def jvp(self, tangent, params):
        for jacobian in self.jacobians:
            tangent = np.broadcast_to(jacobian.jvp(tangent, params), self.shape)
        return tangent


honest("dense/affine", DenseAffine(4), (5,), reference=lambda x, W, b: W @ x + b)


honest("dense/softmax", DenseSoftmax(), (5,))


honest("layers/residual", Residual(Chain(DenseAffine(4), TanhOfCopy())), (4,))


honest("layers/residual-of-residual", Residual(Residual(Chain(TanhOfCopy(), DenseAffine(3)))), (3,))


honest("layers/concat", Concat(TanhOfCopy(), DenseAffine(2), Chain(DenseAffine(3), Softplus())), (4,))


honest("layers/product", Product(DenseAffine(3), Chain(DenseAffine(3), DenseSoftmax())), (4,))


honest("layers/square", Product(TanhOfCopy(), TanhOfCopy()), (2, 3))


honest("layers/repeat", Repeat(Chain(DenseAffine(3), TanhOfCopy())), (3,))


honest("layers/repeat-without-parameters", Repeat(Sine(), 2), (2, 2))


honest("layers/concat-of-one", Concat(DenseAffine(3)), (2,))


honest("layers/chain-of-chain", Chain(Chain(Chain(DenseAffine(2))), Chain(HardTanh(), DenseAffine(3))), (3,))

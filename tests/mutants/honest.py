"""Correct but unusual layers: each keeps the contract of layers, and the suite must pass it at every seed."""

import threading
from abc import ABC
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import ClassVar

import numpy as np

from chainrule import (
    BatchJacobian,
    Chain,
    Concat,
    Dense,
    DenseParameter,
    Diagonal,
    Elementwise,
    Jacobian,
    Layer,
    Matrix,
    Outer,
    Reshape,
    Residual,
    Scale,
    Selection,
    SettingError,
    ShapeError,
    Shift,
    integer,
    one_of,
    positive_int,
    positive_real,
    real,
)
from chainrule.conformance import LayerCase

from .stochastic import Depth, Dropout, Dropped, Factor, Noise, seed_of

HONEST = []


def honest(name, layer, input_shape, **traits):
    HONEST.append(LayerCase(f"honest/{name}", layer, input_shape, **traits))


def refuse_unless(layer, takes, expected, shape):
    if not takes:
        raise ShapeError(f"{type(layer).__name__} input", expected=expected, got=shape)


class Alike(Layer, ABC):
    """A layer whose y has the shape of x, which has `axes` axes, or at least one."""

    axes: ClassVar[int] = 0

    def output_shape(self, input_shape):
        takes = len(input_shape) == self.axes if self.axes else len(input_shape) > 0
        refuse_unless(self, takes, ("n", "m")[: self.axes] or ("…", "n"), input_shape)
        return input_shape


class Vectors(Layer, ABC):
    """A layer that takes vectors of at least `least` numbers."""

    least: ClassVar[int] = 1

    def width(self, input_shape):
        takes = len(input_shape) == 1 and input_shape[0] >= self.least
        refuse_unless(self, takes, (f"n ≥ {self.least}",), input_shape)
        return input_shape[0]


class Map:
    """A linear map of the input as two functions."""

    def __init__(self, vjp, jvp):
        self.vjp = vjp
        self.jvp = jvp


class Of:
    """The map of a parameter as two functions: δ to each sample's gradient, and a direction to its image."""

    def __init__(self, per_sample, jvp):
        self.per_sample = per_sample
        self.jvp = jvp

    def vjp(self, delta, out):
        out[...] = self.per_sample(delta).sum(axis=0)


def check_layer(name, value, kind=Layer):
    if not isinstance(value, kind):
        raise SettingError(name, expected=f"a layer of the class {kind.__name__}", got=value)


def permutation(name, entries):
    entries = tuple(integer(name, entry, minimum=0) for entry in entries)
    if sorted(entries) != list(range(len(entries))):
        raise SettingError(name, expected="0, 1, …, n - 1 in some order", got=entries)
    return entries


def draw(rng, *shape):
    return rng.normal(0, 0.5, shape)


# Kinks, declared and not.


@dataclass(frozen=True)
class HalfReLU(Elementwise):
    """The mean of both slopes at the kink, as a central difference has it."""

    def forward(self, x):
        return np.maximum(x, 0)

    def derivative(self, x, y):
        return (np.sign(x) + 1) / 2


@dataclass(frozen=True)
class Abs(Elementwise):
    def forward(self, x):
        return np.abs(x)

    def derivative(self, x, y):
        return np.sign(x)


@dataclass(frozen=True)
class LeakyReLU(Elementwise):
    slope: float = 0.1

    def __post_init__(self):
        real("slope", self.slope)

    def forward(self, x):
        return np.where(x < 0, self.slope * x, x)

    def derivative(self, x, y):
        return np.where(x <= 0, self.slope, 1).astype(x.dtype)


@dataclass(frozen=True)
class Shrink(Elementwise):
    """Soft thresholding: Donoho and Johnstone (1994)."""

    by: float = 0.5

    def __post_init__(self):
        positive_real("by", self.by)

    def forward(self, x):
        return np.sign(x) * np.maximum(np.abs(x) - self.by, 0)

    def derivative(self, x, y):
        return np.abs(x) > self.by


@dataclass(frozen=True)
class HardShrink(Elementwise):
    """It jumps at ±by."""

    by: float = 0.5

    def __post_init__(self):
        positive_real("by", self.by)

    def forward(self, x):
        return x * (np.abs(x) > self.by)

    def derivative(self, x, y):
        return np.abs(x) > self.by


@dataclass(frozen=True)
class HardTanh(Elementwise):
    def forward(self, x):
        return np.clip(x, -1, 1)

    def derivative(self, x, y):
        return np.abs(x) < 1


@dataclass(frozen=True)
class ReLU6(Elementwise):
    """Howard et al. (2017), MobileNets; at 0 it has the slope to the right, at 6 that to the left."""

    def forward(self, x):
        return np.minimum(np.maximum(x, 0), 6)

    def derivative(self, x, y):
        return (x >= 0) & (x <= 6)


@dataclass(frozen=True)
class TwoRamps(Elementwise):
    """(x)₊ - (-x - 1)₊."""

    def forward(self, x):
        return np.maximum(x, 0) - np.maximum(-x - 1, 0)

    def derivative(self, x, y):
        return (x > 0) | (x < -1)


@dataclass(frozen=True)
class Triangle(Elementwise):
    """A triangle wave of period 2."""

    def forward(self, x):
        return np.abs(x % 2 - 1)

    def derivative(self, x, y):
        return np.sign(x % 2 - 1)


@dataclass(frozen=True)
class Fraction(Elementwise):
    """x - ⌊x⌋, which jumps at every integer and has slope 1 elsewhere."""

    def forward(self, x):
        return x - np.floor(x)

    def derivative(self, x, y):
        return np.ones_like(x)


@dataclass(frozen=True)
class SignedSquare(Elementwise):
    """x |x|, whose derivative has a kink."""

    def forward(self, x):
        return x * np.abs(x)

    def derivative(self, x, y):
        return 2 * np.abs(x)


@dataclass(frozen=True)
class HingeOfSum(Vectors):
    """(1 - Σ x)₊, a scalar."""

    def output_shape(self, input_shape):
        self.width(input_shape)
        return ()

    def forward(self, x):
        return np.maximum(1 - x.sum(axis=1), 0)

    def jacobian(self, x, y):
        active = -(y > 0).astype(x.dtype)
        return Jacobian(Dense(np.repeat(active[:, None], x.shape[1], axis=1)))


@dataclass(frozen=True)
class WindowMax(Vectors):
    """The largest of every `size` neighbours, the windows overlapping."""

    size: int
    ties: str = "first"

    def __post_init__(self):
        positive_int("size", self.size)
        one_of("ties", self.ties, ["first", "split"])

    def output_shape(self, input_shape):
        n = self.width(input_shape)
        refuse_unless(self, n >= self.size, (f"n ≥ {self.size}",), input_shape)
        return (n - self.size + 1,)

    def forward(self, x):
        return np.lib.stride_tricks.sliding_window_view(x, self.size, axis=1).max(axis=-1)

    def jacobian(self, x, y):
        windows = np.lib.stride_tricks.sliding_window_view(x, self.size, axis=1)
        if self.ties == "first":
            return Jacobian(Selection(windows.argmax(axis=-1) + np.arange(y.shape[1]), x.shape[1:]))
        share = (windows == y[..., None]).astype(x.dtype)
        share /= share.sum(axis=-1, keepdims=True)

        def vjp(delta):
            pulled = np.zeros_like(x)
            for k in range(self.size):
                pulled[:, k : k + y.shape[1]] += delta * share[..., k]
            return pulled

        def jvp(tangent):
            moved = np.lib.stride_tricks.sliding_window_view(tangent, self.size, axis=1)
            return (moved * share).sum(axis=-1)

        return Jacobian(Map(vjp, jvp))


@dataclass(frozen=True)
class Range(Vectors):
    """The largest less the smallest."""

    def output_shape(self, input_shape):
        self.width(input_shape)
        return ()

    def forward(self, x):
        return np.ptp(x, axis=1)

    def jacobian(self, x, y):
        rows, J = np.arange(len(x)), np.zeros_like(x)
        J[rows, x.argmax(axis=1)] += 1
        J[rows, x.argmin(axis=1)] -= 1
        return Jacobian(Dense(J))


@dataclass(frozen=True)
class Maxout(Vectors):
    """The largest of `pieces` affine maps, all with zero weights at the start but the first."""

    units: int
    pieces: int = 3

    def __post_init__(self):
        positive_int("units", self.units)
        positive_int("pieces", self.pieces)

    def output_shape(self, input_shape):
        self.width(input_shape)
        return (self.units,)

    def parameter_shapes(self, input_shape):
        return {"W": (self.pieces, self.units, self.width(input_shape)), "b": (self.pieces, self.units)}

    def initialize(self, input_shape, rng):
        shapes = self.parameter_shapes(input_shape)
        return {"W": rng.uniform(-1, 1, shapes["W"]), "b": np.zeros(shapes["b"])}

    def forward(self, x, W, b):
        return (np.einsum("puv,jv->jpu", W, x) + b).max(axis=1)

    def jacobian(self, x, y, W, b):
        values = np.einsum("puv,jv->jpu", W, x) + b
        wins = np.arange(self.pieces)[:, None] == values.argmax(axis=1)[:, None, :]
        wins = wins.astype(x.dtype)
        return Jacobian(
            Map(
                lambda delta: np.einsum("ju,jpu,puv->jv", delta, wins, W),
                lambda tangent: np.einsum("jv,jpu,puv->ju", tangent, wins, W),
            ),
            W=Of(
                lambda delta: np.einsum("ju,jpu,jv->jpuv", delta, wins, x),
                lambda tangent: np.einsum("jv,jpu,puv->ju", x, wins, tangent),
            ),
            b=Of(
                lambda delta: delta[:, None] * wins,
                lambda tangent: (wins * tangent).sum(axis=1),
            ),
        )


honest("half-at-the-kink", HalfReLU(), (3, 4), kinks={0.0: 0.5})
honest("half-at-the-kink/undeclared", HalfReLU(), (5,))
honest("abs", Abs(), (4,), kinks={0.0: 0.0}, reference=lambda x: np.sqrt(x * x))
honest("abs/undeclared", Abs(), (2, 3))
honest("leaky-relu", LeakyReLU(0.25), (5,), kinks={0.0: 0.25})
honest("leaky-relu/falling", LeakyReLU(-0.5), (5,))
honest("leaky-relu/whole", LeakyReLU(0), (5,))
honest("shrink", Shrink(), (4,), kinks={-0.5: 0.0, 0.5: 0.0})
honest("shrink/undeclared", Shrink(), (4,))
honest("shrink/at-one", Shrink(1.0), (4,))
honest("hard-shrink", HardShrink(), (4,))
honest("hard-shrink/at-one", HardShrink(1.0), (4,))
honest("hard-tanh", HardTanh(), (6,))
honest("relu6", ReLU6(), (6,))
honest("two-ramps", TwoRamps(), (6,))
honest("triangle", Triangle(), (6,))
honest("fraction", Fraction(), (6,))
honest("signed-square", SignedSquare(), (6,))
honest("hinge-of-sum", HingeOfSum(), (4,))
honest("window-max/first", WindowMax(3), (7,), ties="first")
honest("window-max/split", WindowMax(3, "split"), (7,), ties="split")
honest("window-max/undeclared", WindowMax(2), (5,))
honest("range", Range(), (5,))
honest("maxout", Maxout(3), (4,))


# Functions on a part of the line, fast ones, and implicit ones.


@dataclass(frozen=True)
class Log(Elementwise):
    def forward(self, x):
        return np.log(x)

    def derivative(self, x, y):
        return 1 / x


@dataclass(frozen=True)
class Sqrt(Elementwise):
    def forward(self, x):
        return np.sqrt(x)

    def derivative(self, x, y):
        return 0.5 / y


@dataclass(frozen=True)
class Reciprocal(Elementwise):
    def forward(self, x):
        return 1 / x

    def derivative(self, x, y):
        return -y * y


@dataclass(frozen=True)
class Logit(Elementwise):
    def forward(self, x):
        return np.log(x) - np.log1p(-x)

    def derivative(self, x, y):
        return 1 / (x * (1 - x))


@dataclass(frozen=True)
class Arcsine(Elementwise):
    def forward(self, x):
        return np.arcsin(x)

    def derivative(self, x, y):
        return 1 / np.sqrt(1 - x * x)


@dataclass(frozen=True)
class Exp(Elementwise):
    def forward(self, x):
        return np.exp(x)

    def derivative(self, x, y):
        return y


@dataclass(frozen=True)
class Fourth(Elementwise):
    def forward(self, x):
        return x**4

    def derivative(self, x, y):
        return 4 * x**3


@dataclass(frozen=True)
class CubeRoot(Elementwise):
    """Its slope has no bound at 0."""

    def forward(self, x):
        return np.cbrt(x)

    def derivative(self, x, y):
        with np.errstate(divide="ignore"):
            return 1 / (3 * y * y)


@dataclass(frozen=True)
class Sine(Elementwise):
    frequency: float = 1.0

    def __post_init__(self):
        positive_real("frequency", self.frequency)

    def forward(self, x):
        return np.sin(self.frequency * x)

    def derivative(self, x, y):
        return self.frequency * np.cos(self.frequency * x)


@dataclass(frozen=True)
class Sinc(Elementwise):
    """sin(x)/x, which is 1 at 0."""

    def forward(self, x):
        safe = np.where(x == 0, 1, x)
        return np.where(x == 0, 1, np.sin(safe) / safe)

    def derivative(self, x, y):
        return np.where(x == 0, 0, (np.cos(x) - y) / np.where(x == 0, 1, x))


@dataclass(frozen=True)
class Softplus(Elementwise):
    def forward(self, x):
        return np.logaddexp(x, 0)

    def derivative(self, x, y):
        return np.exp(x - y)


@dataclass(frozen=True)
class Kepler(Elementwise):
    """The y that solves y - e sin y = x, by Newton's method; the derivative by the implicit function theorem."""

    eccentricity: float = 0.5

    def __post_init__(self):
        real("eccentricity", self.eccentricity, minimum=0, below=0.9)

    def forward(self, x):
        y = x + self.eccentricity * np.sin(x)
        for _ in range(8):
            y = y - (y - self.eccentricity * np.sin(y) - x) / (1 - self.eccentricity * np.cos(y))
        return y

    def derivative(self, x, y):
        return 1 / (1 - self.eccentricity * np.cos(y))


@dataclass(frozen=True)
class TanhOfCopy(Elementwise):
    def forward(self, x):
        return np.tanh(np.array(x, order="C"))

    def derivative(self, x, y):
        return np.array(1 - y * y, order="C")


@dataclass(frozen=True)
class Polar(Layer):
    """(a, b) as radius and angle."""

    def output_shape(self, input_shape):
        refuse_unless(self, input_shape == (2,), (2,), input_shape)
        return input_shape

    def forward(self, x):
        return np.stack([np.hypot(x[:, 0], x[:, 1]), np.arctan2(x[:, 1], x[:, 0])], axis=1)

    def jacobian(self, x, y):
        a, b, r = x[:, 0], x[:, 1], y[:, 0]
        rows = [np.stack([a / r, b / r], axis=1), np.stack([-b / (r * r), a / (r * r)], axis=1)]
        return Jacobian(Dense(np.stack(rows, axis=1)))


honest("log", Log(), (4,), domain=(0.0, np.inf))
honest("log/scaled", Log(), (4,), domain=(0.1, 10.0))
honest("sqrt", Sqrt(), (4,), domain=(0.0, np.inf))
honest("reciprocal", Reciprocal(), (4,), domain=(0.0, np.inf))
honest("reciprocal/negative", Reciprocal(), (4,), domain=(-np.inf, 0.0))
honest("logit", Logit(), (4,), domain=(0.0, 1.0))
honest("arcsine", Arcsine(), (4,), domain=(-1.0, 1.0))
honest("exp", Exp(), (4,))
honest("fourth-power", Fourth(), (4,))
honest("cube-root", CubeRoot(), (4,))
honest("sine", Sine(), (4,))
honest("sine/fast", Sine(30.0), (4,))
honest("sine/fast-in-a-domain", Sine(30.0), (4,), domain=(-2.0, 2.0))
honest("sinc", Sinc(), (4,))
honest("softplus", Softplus(), (4,))
honest("kepler", Kepler(), (4,))
honest("tanh-of-copy", TanhOfCopy(), (3, 4))
honest("tanh/narrow", TanhOfCopy(), (1,))
honest("tanh/scalar", TanhOfCopy(), ())
honest("polar", Polar(), (2,), domain=(0.1, 3.0))


# Nothing but a dense Jacobian; layers of layers.


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


# Matrices and vectors.


@dataclass(frozen=True)
class Bilinear(Vectors):
    """y[k] = uᵀ A[k] v, x being u and v in a row."""

    units: int
    least = 2

    def __post_init__(self):
        positive_int("units", self.units)

    def half(self, input_shape):
        n = self.width(input_shape)
        refuse_unless(self, n % 2 == 0, ("2n",), input_shape)
        return n // 2

    def output_shape(self, input_shape):
        self.half(input_shape)
        return (self.units,)

    def parameter_shapes(self, input_shape):
        n = self.half(input_shape)
        return {"A": (self.units, n, n)}

    def initialize(self, input_shape, rng):
        return {"A": draw(rng, *self.parameter_shapes(input_shape)["A"])}

    def forward(self, x, A):
        u, v = np.split(x, 2, axis=1)
        return np.einsum("ju,kuv,jv->jk", u, A, v, optimize=True)

    def jacobian(self, x, y, A):
        u, v = np.split(x, 2, axis=1)

        def vjp(delta):
            left = np.einsum("jk,kuv,jv->ju", delta, A, v, optimize=True)
            right = np.einsum("jk,kuv,ju->jv", delta, A, u, optimize=True)
            return np.concatenate([left, right], axis=1)

        def jvp(tangent):
            s, t = np.split(tangent, 2, axis=1)
            return self.forward(np.concatenate([s, v], axis=1), A) + self.forward(np.concatenate([u, t], axis=1), A)

        return Jacobian(
            Map(vjp, jvp),
            A=Of(
                lambda delta: delta[:, :, None, None] * u[:, None, :, None] * v[:, None, None, :],
                lambda tangent: self.forward(x, tangent),
            ),
        )


@dataclass(frozen=True)
class LowRank(Vectors):
    """y = P (Q x)."""

    units: int
    rank: int = 2

    def __post_init__(self):
        positive_int("units", self.units)
        positive_int("rank", self.rank)

    def output_shape(self, input_shape):
        self.width(input_shape)
        return (self.units,)

    def parameter_shapes(self, input_shape):
        return {"P": (self.units, self.rank), "Q": (self.rank, self.width(input_shape))}

    def initialize(self, input_shape, rng):
        return {name: draw(rng, *shape) for name, shape in self.parameter_shapes(input_shape).items()}

    def forward(self, x, P, Q):
        return x @ Q.T @ P.T

    def jacobian(self, x, y, P, Q):
        rows = lambda delta: (delta @ P)[:, :, None] * x[:, None, :]  # noqa: E731
        return Jacobian(
            Map(lambda delta: delta @ P @ Q, lambda tangent: tangent @ Q.T @ P.T),
            P=Outer(x @ Q.T),
            Q=Of(rows, lambda tangent: x @ tangent.T @ P.T),
        )


@dataclass(frozen=True)
class TiedAutoencoder(Vectors):
    """y = Wᵀ tanh(W x): W counts twice."""

    hidden: int

    def __post_init__(self):
        positive_int("hidden", self.hidden)

    def output_shape(self, input_shape):
        return (self.width(input_shape),)

    def parameter_shapes(self, input_shape):
        return {"W": (self.hidden, self.width(input_shape))}

    def initialize(self, input_shape, rng):
        return {"W": draw(rng, *self.parameter_shapes(input_shape)["W"])}

    def forward(self, x, W):
        return np.tanh(x @ W.T) @ W

    def jacobian(self, x, y, W):
        h = np.tanh(x @ W.T)
        slope = 1 - h * h

        def per_sample(delta):
            through = (delta @ W.T) * slope
            return through[:, :, None] * x[:, None, :] + h[:, :, None] * delta[:, None, :]

        return Jacobian(
            Map(lambda delta: ((delta @ W.T) * slope) @ W, lambda tangent: ((tangent @ W.T) * slope) @ W),
            W=Of(per_sample, lambda tangent: ((x @ tangent.T) * slope) @ W + h @ tangent),
        )


@dataclass(frozen=True)
class PerPosition(Layer):
    """One affine map for all positions, x (…, n)."""

    units: int

    def __post_init__(self):
        positive_int("units", self.units)

    def output_shape(self, input_shape):
        refuse_unless(self, len(input_shape) > 0, ("…", "n"), input_shape)
        return (*input_shape[:-1], self.units)

    def parameter_shapes(self, input_shape):
        self.output_shape(input_shape)
        return {"W": (self.units, input_shape[-1]), "b": (self.units,)}

    def initialize(self, input_shape, rng):
        return {name: draw(rng, *shape) for name, shape in self.parameter_shapes(input_shape).items()}

    def forward(self, x, W, b):
        return x @ W.T + b

    def jacobian(self, x, y, W, b):
        return Jacobian(Matrix(W), W=Outer(x), b=Shift(b.shape))


@dataclass(frozen=True)
class OuterProduct(Vectors):
    """All products of two features, a matrix."""

    def output_shape(self, input_shape):
        n = self.width(input_shape)
        return (n, n)

    def forward(self, x):
        return x[:, :, None] * x[:, None, :]

    def jacobian(self, x, y):
        def vjp(delta):
            return np.einsum("juv,jv->ju", delta, x) + np.einsum("juv,ju->jv", delta, x)

        def jvp(tangent):
            half = tangent[:, :, None] * x[:, None, :]
            return half + half.swapaxes(1, 2)

        return Jacobian(Map(vjp, jvp))


@dataclass(frozen=True)
class Householder(Vectors):
    """A reflection, y = x - 2 v (v·x) / (v·v): symmetric and orthogonal."""

    def output_shape(self, input_shape):
        return (self.width(input_shape),)

    def parameter_shapes(self, input_shape):
        return {"v": (self.width(input_shape),)}

    def initialize(self, input_shape, rng):
        return {"v": rng.normal(size=self.width(input_shape))}

    def forward(self, x, v):
        return x - (2 / (v @ v)) * np.outer(x @ v, v)

    def jacobian(self, x, y, v):
        square = v @ v
        dot = (x @ v)[:, None]

        def per_sample(delta):
            along = (delta @ v)[:, None]
            return -(2 / square) * (along * x + dot * delta - (2 / square) * along * dot * v)

        def push(t):
            return -(2 / square) * (np.outer(x @ t, v) + dot * t - (2 / square) * (v @ t) * dot * v)

        return Jacobian(Map(lambda d: self.forward(d, v), lambda t: self.forward(t, v)), v=Of(per_sample, push))


@dataclass(frozen=True)
class Rotation(Layer):
    """The plane turned by a learned angle, a parameter of shape ()."""

    def output_shape(self, input_shape):
        refuse_unless(self, input_shape == (2,), (2,), input_shape)
        return input_shape

    def parameter_shapes(self, input_shape):
        self.output_shape(input_shape)
        return {"angle": ()}

    def initialize(self, input_shape, rng):
        self.output_shape(input_shape)
        return {"angle": np.zeros(())}

    def forward(self, x, angle):
        return x @ turned(angle).T

    def jacobian(self, x, y, angle):
        R, dR = turned(angle), turned(angle + np.pi / 2)
        per_sample = lambda delta: (delta * (x @ dR.T)).sum(axis=1)  # noqa: E731
        return Jacobian(Matrix(R), angle=Of(per_sample, lambda t: t * (x @ dR.T)))


def turned(angle):
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s], [s, c]], dtype=angle.dtype)


@dataclass(frozen=True)
class Determinant(Layer):
    """The determinant of 3 by 3 matrices; its gradient is the matrix of cofactors."""

    def output_shape(self, input_shape):
        refuse_unless(self, input_shape == (3, 3), (3, 3), input_shape)
        return ()

    def forward(self, x):
        return (x[:, 0] * np.cross(x[:, 1], x[:, 2])).sum(axis=1)

    def jacobian(self, x, y):
        a, b, c = x[:, 0], x[:, 1], x[:, 2]
        return Jacobian(Dense(np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], axis=1)))


@dataclass(frozen=True)
class RBF(Vectors):
    """y[k] = exp(-g[k] |x - c[k]|²), g = e^s: Broomhead and Lowe (1988)."""

    units: int

    def __post_init__(self):
        positive_int("units", self.units)

    def output_shape(self, input_shape):
        self.width(input_shape)
        return (self.units,)

    def parameter_shapes(self, input_shape):
        return {"c": (self.units, self.width(input_shape)), "s": (self.units,)}

    def initialize(self, input_shape, rng):
        return {"c": draw(rng, self.units, self.width(input_shape)), "s": np.full(self.units, -1.0)}

    def forward(self, x, c, s):
        apart = x[:, None, :] - c
        return np.exp(-np.exp(s) * (apart * apart).sum(axis=2))

    def jacobian(self, x, y, c, s):
        apart = x[:, None, :] - c
        square, g = (apart * apart).sum(axis=2), np.exp(s)
        weight = (-2 * g * y)[:, :, None] * apart
        return Jacobian(
            Dense(weight),
            c=Of(lambda d: -d[:, :, None] * weight, lambda t: -(weight * t).sum(axis=2)),
            s=Of(lambda d: -d * g * square * y, lambda t: -t * g * square * y),
        )


@dataclass(frozen=True)
class Recurrent(Layer):
    """h[t] = tanh(U x[t] + V h[t - 1]), back through time."""

    units: int

    def __post_init__(self):
        positive_int("units", self.units)

    def output_shape(self, input_shape):
        refuse_unless(self, len(input_shape) == 2, ("T", "n"), input_shape)
        return (input_shape[0], self.units)

    def parameter_shapes(self, input_shape):
        self.output_shape(input_shape)
        return {"U": (self.units, input_shape[1]), "V": (self.units, self.units)}

    def initialize(self, input_shape, rng):
        shapes = self.parameter_shapes(input_shape)
        return {"U": draw(rng, *shapes["U"]), "V": np.eye(self.units)}

    def forward(self, x, U, V):
        h, states = np.zeros((len(x), self.units), x.dtype), []
        for t in range(x.shape[1]):
            h = np.tanh(x[:, t] @ U.T + h @ V.T)
            states.append(h)
        return np.stack(states, axis=1)

    def jacobian(self, x, y, U, V):
        return OfRecurrent(x, y, U, V)


class OfRecurrent(BatchJacobian):
    def __init__(self, x, y, U, V):
        self.x, self.U, self.V = x, U, V
        self.before = np.concatenate([np.zeros_like(y[:, :1]), y[:, :-1]], axis=1)
        self.slope = 1 - y * y

    def back(self, delta):
        inner = np.empty_like(delta)
        later = np.zeros_like(delta[:, 0])
        for t in reversed(range(delta.shape[1])):
            inner[:, t] = (delta[:, t] + later) * self.slope[:, t]
            later = inner[:, t] @ self.V
        return inner

    def vjp(self, delta, out=None):
        inner = self.back(delta)
        if out is not None:
            out["U"][...] = np.einsum("jtu,jtv->uv", inner, self.x)
            out["V"][...] = np.einsum("jtu,jtv->uv", inner, self.before)
        return inner @ self.U

    def jvp(self, tangent, params):
        moved, states = np.zeros_like(self.slope[:, 0]), []
        for t in range(self.x.shape[1]):
            total = moved @ self.V.T
            if tangent is not None:
                total = total + tangent[:, t] @ self.U.T
            if "U" in params:
                total = total + self.x[:, t] @ params["U"].T
            if "V" in params:
                total = total + self.before[:, t] @ params["V"].T
            moved = total * self.slope[:, t]
            states.append(moved)
        return np.stack(states, axis=1)

    def per_sample(self, delta):
        inner = self.back(delta)
        return {
            "U": np.einsum("jtu,jtv->juv", inner, self.x),
            "V": np.einsum("jtu,jtv->juv", inner, self.before),
        }


honest("bilinear", Bilinear(3), (4,))
honest("low-rank", LowRank(4), (5,))
honest("tied-autoencoder", TiedAutoencoder(2), (4,))
honest("per-position", PerPosition(3), (4, 2))
honest("per-position/picture", PerPosition(2), (2, 3, 4))
honest("outer-product", OuterProduct(), (3,))
honest("householder", Householder(), (4,))
honest("rotation", Rotation(), (2,))
honest("determinant", Determinant(), (3, 3), domain=(-3.0, 3.0), reference=np.linalg.det)
honest("rbf", RBF(3), (2,))
honest("recurrent", Recurrent(3), (4, 2))


# Parameters: scalar, positive, starting at zero or one, and with odd names.


@dataclass(frozen=True)
class PReLU(Alike):
    """He et al. (2015), Delving deep into rectifiers: one slope for each channel."""

    def parameter_shapes(self, input_shape):
        return {"slope": self.output_shape(input_shape)[-1:]}

    def initialize(self, input_shape, rng):
        return {"slope": np.full(self.output_shape(input_shape)[-1], 0.25)}

    def forward(self, x, slope):
        return np.maximum(x, 0) + slope * np.minimum(x, 0)

    def jacobian(self, x, y, slope):
        return Jacobian(Diagonal(np.where(x > 0, 1, slope)), slope=Scale(np.minimum(x, 0), slope.shape))


@dataclass(frozen=True)
class LearnedThreshold(Alike):
    """(x - θ)₊ with one θ of shape ()."""

    def parameter_shapes(self, input_shape):
        self.output_shape(input_shape)
        return {"θ": ()}

    def initialize(self, input_shape, rng):
        self.output_shape(input_shape)
        return {"θ": np.zeros(())}

    def forward(self, x, θ):
        return np.maximum(x - θ, 0)

    def jacobian(self, x, y, θ):
        on = y > 0
        per_sample = lambda delta: -(delta * on).reshape(len(delta), -1).sum(axis=1)  # noqa: E731
        return Jacobian(Diagonal(on), θ=Of(per_sample, lambda t: -t * on))


@dataclass(frozen=True)
class LogScale(Alike):
    """y = e^s x, s starting at 0."""

    def parameter_shapes(self, input_shape):
        return {"s": self.output_shape(input_shape)[-1:]}

    def initialize(self, input_shape, rng):
        return {"s": np.zeros(self.output_shape(input_shape)[-1])}

    def forward(self, x, s):
        return x * np.exp(s)

    def jacobian(self, x, y, s):
        return Jacobian(Diagonal(np.broadcast_to(np.exp(s), x.shape)), s=Scale(y, s.shape))


@dataclass(frozen=True)
class Whiten(Alike):
    """y = (x - m) / sqrt(v), v starting at 0.1: it must stay positive."""

    def parameter_shapes(self, input_shape):
        shape = self.output_shape(input_shape)
        return {"m": shape, "v": shape}

    def initialize(self, input_shape, rng):
        return {"m": np.zeros(input_shape), "v": np.full(self.output_shape(input_shape), 0.1)}

    def forward(self, x, m, v):
        return (x - m) / np.sqrt(v)

    def jacobian(self, x, y, m, v):
        inverse = np.broadcast_to(1 / np.sqrt(v), x.shape)
        return Jacobian(Diagonal(inverse), m=Scale(-inverse, m.shape), v=Scale(-y / (2 * v), v.shape))


@dataclass(frozen=True)
class LearnedPower(Alike):
    """y = x^p for positive x, p starting at 1."""

    def parameter_shapes(self, input_shape):
        self.output_shape(input_shape)
        return {"p": ()}

    def initialize(self, input_shape, rng):
        self.output_shape(input_shape)
        return {"p": np.ones(())}

    def forward(self, x, p):
        return x**p

    def jacobian(self, x, y, p):
        slope = y * np.log(x)
        per_sample = lambda delta: (delta * slope).reshape(len(delta), -1).sum(axis=1)  # noqa: E731
        return Jacobian(Diagonal(p * x ** (p - 1)), p=Of(per_sample, lambda t: t * slope))


@dataclass(frozen=True)
class ReZero(Alike):
    """y = x + α tanh(x), α starting at 0: Bachlechner et al. (2020)."""

    def parameter_shapes(self, input_shape):
        self.output_shape(input_shape)
        return {"α": (1,)}

    def initialize(self, input_shape, rng):
        self.output_shape(input_shape)
        return {"α": np.zeros(1)}

    def forward(self, x, α):
        return x + α * np.tanh(x)

    def jacobian(self, x, y, α):
        h = np.tanh(x)
        per_sample = lambda delta: (delta * h).reshape(len(delta), -1).sum(axis=1, keepdims=True)  # noqa: E731
        return Jacobian(Diagonal(1 + α * (1 - h * h)), α=Of(per_sample, lambda t: t * h))


@dataclass(frozen=True)
class Huber(Alike):
    """x²/2 within ±r and linear beyond; r must stay positive."""

    def parameter_shapes(self, input_shape):
        self.output_shape(input_shape)
        return {"r": ()}

    def initialize(self, input_shape, rng):
        self.output_shape(input_shape)
        return {"r": np.ones(())}

    def forward(self, x, r):
        size = np.abs(x)
        return np.where(size <= r, x * x / 2, r * (size - r / 2))

    def jacobian(self, x, y, r):
        size = np.abs(x)
        slope = np.where(size <= r, 0, size - r)
        per_sample = lambda d: (d * slope).reshape(len(d), -1).sum(axis=1)  # noqa: E731
        inner = np.where(size <= r, x, r * np.sign(x))
        return Jacobian(Diagonal(inner), r=Of(per_sample, lambda t: t * slope))


@dataclass(frozen=True)
class Swish(Alike):
    """x / (1 + e^(-βx)), β of shape (): Ramachandran et al. (2017)."""

    def parameter_shapes(self, input_shape):
        self.output_shape(input_shape)
        return {"β": ()}

    def initialize(self, input_shape, rng):
        self.output_shape(input_shape)
        return {"β": np.ones(())}

    def forward(self, x, β):
        return x * (1 + np.tanh(β * x / 2)) / 2

    def jacobian(self, x, y, β):
        gate = (1 + np.tanh(β * x / 2)) / 2
        bend = gate * (1 - gate)
        per_sample = lambda delta: (delta * x * x * bend).reshape(len(delta), -1).sum(axis=1)  # noqa: E731
        return Jacobian(Diagonal(gate + β * x * bend), β=Of(per_sample, lambda t: t * x * x * bend))


@dataclass(frozen=True)
class LearnedConstant(Vectors):
    """y = b whatever x is: a learned token. Every sample shares the memory of b."""

    def output_shape(self, input_shape):
        return (self.width(input_shape),)

    def parameter_shapes(self, input_shape):
        return {"b": self.output_shape(input_shape)}

    def initialize(self, input_shape, rng):
        return {"b": draw(rng, self.width(input_shape))}

    def forward(self, x, b):
        return np.broadcast_to(b, x.shape)

    def jacobian(self, x, y, b):
        return Jacobian(Map(np.zeros_like, np.zeros_like), b=Shift(b.shape))


@dataclass(frozen=True)
class Spline(Alike):
    """A broken line with learned values at knots 1 apart, the same for every number; slopes to the right at knots."""

    knots: int = 5

    def __post_init__(self):
        integer("knots", self.knots, minimum=2)

    def parameter_shapes(self, input_shape):
        self.output_shape(input_shape)
        return {"values": (self.knots,)}

    def initialize(self, input_shape, rng):
        self.output_shape(input_shape)
        return {"values": rng.normal(size=self.knots)}

    def from_knots(self, x):
        return x[..., None] - (np.arange(self.knots, dtype=x.dtype) - self.knots // 2)

    def forward(self, x, values):
        return np.maximum(1 - np.abs(self.from_knots(x)), 0) @ values

    def jacobian(self, x, y, values):
        d = self.from_knots(x)
        hats = np.maximum(1 - np.abs(d), 0)
        rising, falling = (d >= -1) & (d < 0), (d >= 0) & (d < 1)
        slopes = rising.astype(x.dtype) - falling.astype(x.dtype)
        rows = lambda delta: np.einsum("jn,jnk->jk", delta.reshape(len(x), -1), hats.reshape(len(x), -1, self.knots))  # noqa: E731
        return Jacobian(Diagonal(slopes @ values), values=Of(rows, lambda t: hats @ t))


honest("prelu", PReLU(), (3, 4))
honest("learned-threshold", LearnedThreshold(), (5,))
honest("log-scale", LogScale(), (4,))
honest("whiten", Whiten(), (4,))
honest("learned-power", LearnedPower(), (3,), domain=(0.1, 4.0))
honest("rezero", ReZero(), (4,))
honest("huber", Huber(), (4,))
honest("swish", Swish(), (4,))
honest("learned-constant", LearnedConstant(), (4,))
honest("spline", Spline(), (3,))
honest("spline/even", Spline(4), (2, 2))


# Orders, sums and products along an axis; views and broadcasts.


@dataclass(frozen=True)
class Sort(Vectors):
    """np.sort puts a NaN last."""

    def output_shape(self, input_shape):
        return (self.width(input_shape),)

    def forward(self, x):
        return np.sort(x, axis=1)

    def jacobian(self, x, y):
        return Jacobian(Selection(np.argsort(x, axis=1, kind="stable"), x.shape[1:]))


@dataclass(frozen=True)
class TopK(Vectors):
    """The k largest, the largest first."""

    k: int = 2

    def __post_init__(self):
        positive_int("k", self.k)

    def output_shape(self, input_shape):
        n = self.width(input_shape)
        refuse_unless(self, n >= self.k, (f"n ≥ {self.k}",), input_shape)
        return (self.k,)

    def forward(self, x):
        y = np.take_along_axis(x, self.largest(x), axis=1)
        y[np.isnan(x).any(axis=1)] = np.nan
        return y

    def largest(self, x):
        return np.argsort(-x, axis=1, kind="stable")[:, : self.k]

    def jacobian(self, x, y):
        return Jacobian(Selection(self.largest(x), x.shape[1:]))


@dataclass(frozen=True)
class Median(Vectors):
    """The mean of the two in the middle, where the count is even."""

    def output_shape(self, input_shape):
        self.width(input_shape)
        return ()

    def forward(self, x):
        return np.median(x, axis=1)

    def jacobian(self, x, y):
        order, n = np.argsort(x, axis=1, kind="stable"), x.shape[1]
        J, rows = np.zeros_like(x), np.arange(len(x))
        for k in ((n - 1) // 2, n // 2):
            J[rows, order[:, k]] += 0.5
        return Jacobian(Dense(J))


@dataclass(frozen=True)
class CumulativeSum(Layer):
    axis: int = -1

    def __post_init__(self):
        integer("axis", self.axis, minimum=-8)

    def output_shape(self, input_shape):
        refuse_unless(self, -len(input_shape) <= self.axis < len(input_shape), f"an axis {self.axis}", input_shape)
        return input_shape

    def forward(self, x):
        return x.cumsum(axis=self.along)

    @property
    def along(self):
        return self.axis if self.axis < 0 else self.axis + 1

    def jacobian(self, x, y):
        flip = lambda array: np.flip(array, axis=self.along)  # noqa: E731
        return Jacobian(Map(lambda delta: flip(self.forward(flip(delta))), self.forward))


@dataclass(frozen=True)
class CumulativeProduct(Vectors):
    """The derivative without a division: it holds where a factor is 0."""

    def output_shape(self, input_shape):
        return (self.width(input_shape),)

    def forward(self, x):
        return x.cumprod(axis=1)

    def jacobian(self, x, y):
        n = x.shape[1]
        J = np.zeros((len(x), n, n), x.dtype)
        for i in range(n):
            without = x.copy()
            without[:, i] = 1
            J[:, i:, i] = without.cumprod(axis=1)[:, i:]
        return Jacobian(Dense(J))


@dataclass(frozen=True)
class Permute(Vectors):
    """The features in another fixed order; `order` is a tuple of ints."""

    order: tuple

    def __post_init__(self):
        object.__setattr__(self, "order", permutation("order", self.order))

    def output_shape(self, input_shape):
        n = self.width(input_shape)
        refuse_unless(self, n == len(self.order), (len(self.order),), input_shape)
        return input_shape

    def forward(self, x):
        return x[:, self.order]

    def jacobian(self, x, y):
        return Jacobian(Selection(np.array([self.order]), x.shape[1:]))


@dataclass(frozen=True)
class Transpose(Layer):
    """Axes in another order, as a view of x."""

    axes: tuple = (1, 0)

    def __post_init__(self):
        object.__setattr__(self, "axes", permutation("axes", self.axes))

    def output_shape(self, input_shape):
        refuse_unless(self, len(input_shape) == len(self.axes), f"{len(self.axes)} axes", input_shape)
        return tuple(input_shape[axis] for axis in self.axes)

    def forward(self, x):
        return x.transpose(0, *(axis + 1 for axis in self.axes))

    def jacobian(self, x, y):
        back = np.argsort(self.axes)
        return Jacobian(Map(lambda delta: delta.transpose(0, *(int(axis) + 1 for axis in back)), self.forward))


@dataclass(frozen=True)
class Crop(Vectors):
    """A slice of x, as a view; `stop` may be negative or None."""

    start: int = 0
    stop: int | None = None
    step: int = 1

    def __post_init__(self):
        integer("start", self.start, minimum=0)
        if self.stop is not None:
            integer("stop", self.stop, minimum=-(10**9))
        if self.step == 0:
            integer("step", self.step, minimum=1)
        integer("step", self.step, minimum=-(10**9))

    @property
    def part(self):
        return slice(self.start if self.step > 0 else None, self.stop, self.step)

    def output_shape(self, input_shape):
        kept = len(range(*self.part.indices(self.width(input_shape))))
        refuse_unless(self, kept > 0, "more numbers", input_shape)
        return (kept,)

    def forward(self, x):
        return x[:, self.part]

    def jacobian(self, x, y):
        def vjp(delta):
            pulled = np.zeros(x.shape, delta.dtype)
            pulled[:, self.part] = delta
            return pulled

        return Jacobian(Map(vjp, self.forward))


@dataclass(frozen=True)
class Copies(Layer):
    """Every sample several times, as a broadcast view that nobody can write into."""

    copies: int = 3

    def __post_init__(self):
        positive_int("copies", self.copies)

    def output_shape(self, input_shape):
        return (self.copies, *input_shape)

    def forward(self, x):
        return np.broadcast_to(x[:, None], (len(x), self.copies, *x.shape[1:]))

    def jacobian(self, x, y):
        return Jacobian(Map(lambda delta: delta.sum(axis=1), self.forward))


@dataclass(frozen=True)
class Mean(Layer):
    """The mean of a sample, a scalar; δ·J_X is a broadcast view."""

    def output_shape(self, input_shape):
        refuse_unless(self, len(input_shape) > 0, ("…", "n"), input_shape)
        return ()

    def forward(self, x):
        return x.mean(axis=tuple(range(1, x.ndim)))

    def jacobian(self, x, y):
        n = x[0].size

        def vjp(delta):
            return np.broadcast_to((delta / n).reshape(-1, *[1] * (x.ndim - 1)), x.shape)

        return Jacobian(Map(vjp, self.forward))


@dataclass(frozen=True)
class Harmonics(Layer):
    """A scalar x as sin(x), sin(2x), …"""

    count: int = 3

    def __post_init__(self):
        positive_int("count", self.count)

    def output_shape(self, input_shape):
        refuse_unless(self, input_shape == (), (), input_shape)
        return (self.count,)

    def forward(self, x):
        return np.sin(x[:, None] * self.factors(x))

    def factors(self, x):
        return np.arange(1, self.count + 1, dtype=x.dtype)

    def jacobian(self, x, y):
        slopes = self.factors(x) * np.cos(x[:, None] * self.factors(x))
        return Jacobian(Map(lambda d: (d * slopes).sum(axis=1), lambda v: v[:, None] * slopes))


@dataclass(frozen=True)
class Distance(Vectors):
    """sqrt(1 + |x|²), a scalar."""

    def output_shape(self, input_shape):
        self.width(input_shape)
        return ()

    def forward(self, x):
        return np.sqrt(1 + (x * x).sum(axis=1))

    def jacobian(self, x, y):
        return Jacobian(Dense(x / y[:, None]))


honest("sort", Sort(), (5,), reference=lambda x: np.partition(x, range(x.shape[1]), axis=1))
honest("top-k", TopK(), (5,))
honest("median", Median(), (5,), reference=np.median)
honest("median/even", Median(), (4,))
honest("cumulative-sum", CumulativeSum(), (5,))
honest("cumulative-sum/first-axis", CumulativeSum(0), (3, 2))
honest("cumulative-product", CumulativeProduct(), (5,))
honest("permute", Permute((3, 0, 2, 1)), (4,))
honest("transpose", Transpose(), (3, 4))
honest("transpose/three-axes", Transpose((2, 0, 1)), (2, 3, 4))
honest("crop", Crop(1, 4), (6,))
honest("crop/from-the-end", Crop(1, -1), (6,))
honest("reversed", Crop(step=-1), (5,))
honest("every-second", Crop(step=2), (5,))
honest("copies", Copies(), (4,))
honest("copies/scalar", Copies(2), ())
honest("mean", Mean(), (3, 4))
honest("harmonics", Harmonics(), ())
honest("distance", Distance(), (4,))


# Normalization, mixing, convolution.


@dataclass(frozen=True)
class LayerNorm(Alike):
    """Ba et al. (2016), eq. 4, with gain γ and shift β."""

    eps: float = 1e-5

    def __post_init__(self):
        positive_real("eps", self.eps)

    def parameter_shapes(self, input_shape):
        shape = self.output_shape(input_shape)[-1:]
        return {"γ": shape, "β": shape}

    def initialize(self, input_shape, rng):
        shape = self.output_shape(input_shape)[-1:]
        return {"γ": np.ones(shape), "β": np.zeros(shape)}

    def forward(self, x, γ, β):
        return normal(x, self.eps)[0] * γ + β

    def jacobian(self, x, y, γ, β):
        z, scale = normal(x, self.eps)
        symmetric = lambda v: scale * (v - v.mean(axis=-1, keepdims=True) - z * (v * z).mean(axis=-1, keepdims=True))  # noqa: E731
        return Jacobian(
            Map(lambda delta: symmetric(delta * γ), lambda tangent: symmetric(tangent) * γ),
            γ=Scale(z, γ.shape),
            β=Shift(β.shape),
        )


def normal(x, eps):
    centred = x - x.mean(axis=-1, keepdims=True)
    scale = 1 / np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + eps)
    return centred * scale, scale


@dataclass(frozen=True)
class RMSNorm(Alike):
    """Zhang and Sennrich (2019), eq. 4."""

    eps: float = 1e-6

    def __post_init__(self):
        positive_real("eps", self.eps)

    def parameter_shapes(self, input_shape):
        return {"g": self.output_shape(input_shape)[-1:]}

    def initialize(self, input_shape, rng):
        return {"g": np.ones(self.output_shape(input_shape)[-1:])}

    def scale(self, x):
        return 1 / np.sqrt((x * x).mean(axis=-1, keepdims=True) + self.eps)

    def forward(self, x, g):
        return x * self.scale(x) * g

    def jacobian(self, x, y, g):
        scale = self.scale(x)
        z = x * scale
        symmetric = lambda v: scale * (v - z * (v * z).mean(axis=-1, keepdims=True))  # noqa: E731
        return Jacobian(Map(lambda d: symmetric(d * g), lambda v: symmetric(v) * g), g=Scale(z, g.shape))


@dataclass(frozen=True)
class UnitLength(Alike):
    """x / sqrt(|x|² + eps)."""

    eps: float = 1e-12

    def __post_init__(self):
        positive_real("eps", self.eps)

    def length(self, x):
        return np.sqrt((x * x).sum(axis=-1, keepdims=True) + self.eps)

    def forward(self, x):
        return x / self.length(x)

    def jacobian(self, x, y):
        length = self.length(x)
        symmetric = lambda v: (v - y * (v * y).sum(axis=-1, keepdims=True)) / length  # noqa: E731
        return Jacobian(Map(symmetric, symmetric))


@dataclass(frozen=True)
class BatchCentre(Alike):
    """x less the mean of its batch."""

    mixes_samples = True

    def forward(self, x):
        return x - x.mean(axis=0)

    def jacobian(self, x, y):
        return Jacobian(Map(self.forward, self.forward))


@dataclass(frozen=True)
class BatchMax(Alike):
    """The largest of each feature over the batch, for every sample."""

    mixes_samples = True

    def forward(self, x):
        return np.broadcast_to(x.max(axis=0), x.shape)

    def jacobian(self, x, y):
        winner = x.argmax(axis=0)[None]

        def vjp(delta):
            pulled = np.zeros_like(delta)
            np.put_along_axis(pulled, winner, delta.sum(axis=0, keepdims=True), axis=0)
            return pulled

        return Jacobian(Map(vjp, lambda v: np.broadcast_to(np.take_along_axis(v, winner, axis=0), v.shape)))


@dataclass(frozen=True)
class BatchNorm(Alike):
    """Ioffe and Szegedy (2015), algorithm 1, without running statistics."""

    eps: float = 1e-3
    mixes_samples = True

    def __post_init__(self):
        positive_real("eps", self.eps)

    def parameter_shapes(self, input_shape):
        return {"γ": self.output_shape(input_shape)}

    def initialize(self, input_shape, rng):
        return {"γ": np.ones(self.output_shape(input_shape))}

    def forward(self, x, γ):
        return self.normal(x)[0] * γ

    def normal(self, x):
        centred = x - x.mean(axis=0)
        scale = 1 / np.sqrt((centred * centred).mean(axis=0) + self.eps)
        return centred * scale, scale

    def jacobian(self, x, y, γ):
        return OfBatchNorm(*self.normal(x), γ)


class OfBatchNorm(BatchJacobian):
    def __init__(self, z, scale, γ):
        self.z, self.scale, self.γ = z, scale, γ

    def symmetric(self, v):
        return self.scale * (v - v.mean(axis=0) - self.z * (v * self.z).mean(axis=0))

    def vjp(self, delta, out=None):
        if out is not None:
            self.vjp_params(delta, out)
        return self.symmetric(delta * self.γ)

    def vjp_params(self, delta, out):
        np.sum(delta * self.z, axis=0, out=out["γ"])

    def jvp(self, tangent, params):
        total = self.z * params.get("γ", self.γ.dtype.type(0))
        return total if tangent is None else total + self.symmetric(tangent) * self.γ


@dataclass(frozen=True)
class AttentionPool(Layer):
    """y = Σ_t p[t] x[t], p the softmax of x[t]·q."""

    def output_shape(self, input_shape):
        refuse_unless(self, len(input_shape) == 2 and input_shape[0] > 0, ("T", "d"), input_shape)
        return input_shape[1:]

    def parameter_shapes(self, input_shape):
        return {"q": self.output_shape(input_shape)}

    def initialize(self, input_shape, rng):
        return {"q": np.zeros(self.output_shape(input_shape))}

    def shares(self, x, q):
        scores = x @ q
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def forward(self, x, q):
        return (self.shares(x, q)[:, None, :] @ x)[:, 0]

    def jacobian(self, x, y, q):
        p = self.shares(x, q)[:, :, None]
        apart = x - y[:, None, :]

        def vjp(delta):
            return p * (delta[:, None, :] + (apart @ delta[:, :, None]) * q)

        def jvp(v):
            return (p * (v + (v @ q)[:, :, None] * apart)).sum(axis=1)

        def per_sample(delta):
            return (p * (apart @ delta[:, :, None]) * x).sum(axis=1)

        return Jacobian(Map(vjp, jvp), q=Of(per_sample, lambda t: (p * (x @ t)[:, :, None] * apart).sum(axis=1)))


@dataclass(frozen=True)
class SoftmaxOver(Layer):
    """The softmax along any axis of a sample, with a learned temperature e^s."""

    axis: int = -1

    def __post_init__(self):
        integer("axis", self.axis, minimum=-8)

    def output_shape(self, input_shape):
        refuse_unless(self, -len(input_shape) <= self.axis < len(input_shape), f"an axis {self.axis}", input_shape)
        return input_shape

    def parameter_shapes(self, input_shape):
        self.output_shape(input_shape)
        return {"s": ()}

    def initialize(self, input_shape, rng):
        self.output_shape(input_shape)
        return {"s": np.zeros(())}

    @property
    def along(self):
        return self.axis if self.axis < 0 else self.axis + 1

    def forward(self, x, s):
        z = (x - x.max(axis=self.along, keepdims=True)) * np.exp(s)
        e = np.exp(z)
        return e / e.sum(axis=self.along, keepdims=True)

    def jacobian(self, x, y, s):
        mixed = lambda v: y * (v - (v * y).sum(axis=self.along, keepdims=True))  # noqa: E731
        slope = mixed((x - x.max(axis=self.along, keepdims=True)) * np.exp(s))
        per_sample = lambda delta: (delta * slope).reshape(len(delta), -1).sum(axis=1)  # noqa: E731
        scaled = lambda v: np.exp(s) * mixed(v)  # noqa: E731
        return Jacobian(Map(scaled, scaled), s=Of(per_sample, lambda t: t * slope))


@dataclass(frozen=True)
class Convolution(Layer):
    """y[t, k] = Σ K[w, c, k] x[t + w, c]; the width is an int or a tuple of one."""

    filters: int
    width: tuple = (2,)

    def __post_init__(self):
        positive_int("filters", self.filters)
        width = self.width if isinstance(self.width, tuple | list) else (self.width,)
        object.__setattr__(self, "width", tuple(positive_int("width", entry) for entry in width))

    def output_shape(self, input_shape):
        takes = len(input_shape) == 2 and input_shape[0] >= self.width[0]
        refuse_unless(self, takes, (f"T ≥ {self.width[0]}", "C"), input_shape)
        return (input_shape[0] - self.width[0] + 1, self.filters)

    def parameter_shapes(self, input_shape):
        self.output_shape(input_shape)
        return {"K": (*self.width, input_shape[1], self.filters)}

    def initialize(self, input_shape, rng):
        return {"K": draw(rng, *self.parameter_shapes(input_shape)["K"])}

    def forward(self, x, K):
        steps = len(x[0]) - len(K) + 1
        return sum(x[:, w : w + steps] @ K[w] for w in range(len(K)))

    def jacobian(self, x, y, K):
        steps = y.shape[1]

        def vjp(delta):
            pulled = np.zeros_like(x)
            for w in range(len(K)):
                pulled[:, w : w + steps] += delta @ K[w].T
            return pulled

        def per_sample(delta):
            return np.stack([x[:, w : w + steps].swapaxes(1, 2) @ delta for w in range(len(K))], axis=1)

        return Jacobian(Map(vjp, lambda v: self.forward(v, K)), K=Of(per_sample, lambda t: self.forward(x, t)))


@dataclass(frozen=True)
class Roll(Alike):
    shift: int = -2

    def __post_init__(self):
        integer("shift", self.shift, minimum=-(10**9))

    def forward(self, x):
        return np.roll(x, self.shift, axis=-1)

    def jacobian(self, x, y):
        return Jacobian(Map(lambda delta: np.roll(delta, -self.shift, axis=-1), self.forward))


@dataclass(frozen=True)
class CircularConvolution(Vectors):
    """y = k ⊛ x by the convolution theorem."""

    def output_shape(self, input_shape):
        return (self.width(input_shape),)

    def parameter_shapes(self, input_shape):
        return {"k": self.output_shape(input_shape)}

    def initialize(self, input_shape, rng):
        return {"k": draw(rng, self.width(input_shape))}

    def forward(self, x, k):
        return np.fft.irfft(np.fft.rfft(x) * np.fft.rfft(k), n=x.shape[1])

    def jacobian(self, x, y, k):
        def correlated(delta, other):
            return np.fft.irfft(np.fft.rfft(delta) * np.fft.rfft(other).conj(), n=x.shape[1])

        return Jacobian(
            Map(lambda delta: correlated(delta, k), lambda v: self.forward(v, k)),
            k=Of(lambda delta: correlated(delta, x), lambda t: self.forward(x, t)),
        )


honest("layer-norm", LayerNorm(), (6,))
honest("layer-norm/sequence", LayerNorm(), (2, 4))
honest("rms-norm", RMSNorm(), (5,))
honest("rms-norm/narrow", RMSNorm(), (1,))
honest("unit-length", UnitLength(1e-6), (4,))
honest("unit-length/narrow", UnitLength(1e-6), (1,))
honest("batch-centre", BatchCentre(), (4,))
honest("batch-max", BatchMax(), (3,))
honest("batch-norm", BatchNorm(), (4,))
honest("batch-norm/chain", Chain(TanhOfCopy(), BatchNorm(), DenseAffine(3)), (4,))
honest("attention-pool", AttentionPool(), (3, 4))
honest("softmax/last-axis", SoftmaxOver(), (2, 4))
honest("softmax/first-axis", SoftmaxOver(0), (3, 2))
honest("convolution", Convolution(2), (5, 3))
honest("convolution/of-an-int", Convolution(2, 3), (5, 2))
honest("roll", Roll(), (5,))
honest("circular-convolution", CircularConvolution(), (6,))
honest("circular-convolution/odd", CircularConvolution(), (7,))


# Scalars of vectors, gates, distances, features.


@dataclass(frozen=True)
class LogSumExp(Vectors):
    def output_shape(self, input_shape):
        self.width(input_shape)
        return ()

    def forward(self, x):
        largest = x.max(axis=1)
        return largest + np.log(np.exp(x - largest[:, None]).sum(axis=1))

    def jacobian(self, x, y):
        return Jacobian(Dense(np.exp(x - y[:, None])))


@dataclass(frozen=True)
class GLU(Vectors):
    """a φ(b), x being a and b in a row: Dauphin et al. (2017), eq. 1."""

    least = 2

    def output_shape(self, input_shape):
        n = self.width(input_shape)
        refuse_unless(self, n % 2 == 0, ("2n",), input_shape)
        return (n // 2,)

    def forward(self, x):
        a, b = np.split(x, 2, axis=1)
        return a * (1 + np.tanh(b / 2)) / 2

    def jacobian(self, x, y):
        a, b = np.split(x, 2, axis=1)
        gate = (1 + np.tanh(b / 2)) / 2
        slope = a * gate * (1 - gate)

        def jvp(tangent):
            da, db = np.split(tangent, 2, axis=1)
            return da * gate + db * slope

        return Jacobian(Map(lambda delta: np.concatenate([delta * gate, delta * slope], axis=1), jvp))


@dataclass(frozen=True)
class Distances(Layer):
    """The squared distances between all rows of a sample."""

    def output_shape(self, input_shape):
        refuse_unless(self, len(input_shape) == 2, ("T", "d"), input_shape)
        return (input_shape[0], input_shape[0])

    def apart(self, x):
        return x[:, :, None] - x[:, None]

    def forward(self, x):
        return (self.apart(x) ** 2).sum(axis=3)

    def jacobian(self, x, y):
        apart = self.apart(x)

        def vjp(delta):
            pulled = 2 * delta[..., None] * apart
            return pulled.sum(axis=2) - pulled.sum(axis=1)

        return Jacobian(Map(vjp, lambda v: 2 * (apart * self.apart(v)).sum(axis=3)))


@dataclass(frozen=True)
class Projection(Vectors):
    """A fixed random matrix that follows from a seed among the settings."""

    units: int
    seed: int = 0

    def __post_init__(self):
        positive_int("units", self.units)
        integer("seed", self.seed, minimum=0)

    def output_shape(self, input_shape):
        self.width(input_shape)
        return (self.units,)

    def matrix(self, x):
        return np.random.default_rng(self.seed).normal(size=(self.units, x.shape[1])).astype(x.dtype)

    def forward(self, x):
        return x @ self.matrix(x).T

    def jacobian(self, x, y):
        return Jacobian(Matrix(self.matrix(x)))


@dataclass(frozen=True)
class Fourier(Vectors):
    """cos(W x + b): Rahimi and Recht (2007), with learned frequencies."""

    units: int

    def __post_init__(self):
        positive_int("units", self.units)

    def output_shape(self, input_shape):
        self.width(input_shape)
        return (self.units,)

    def parameter_shapes(self, input_shape):
        return {"W": (self.units, self.width(input_shape)), "b": (self.units,)}

    def initialize(self, input_shape, rng):
        shapes = self.parameter_shapes(input_shape)
        return {"W": rng.normal(size=shapes["W"]), "b": rng.uniform(0, 6, shapes["b"])}

    def forward(self, x, W, b):
        return np.cos(x @ W.T + b)

    def jacobian(self, x, y, W, b):
        return Jacobian(Matrix(W), after=Diagonal(-np.sin(x @ W.T + b)), W=Outer(x), b=Shift(b.shape))


honest("log-sum-exp", LogSumExp(), (4,))
honest("glu", GLU(), (4,))
honest("distances", Distances(), (3, 2))
honest("projection", Projection(3), (4,))
honest("fourier", Fourier(4), (3,))


# Integer input.


@dataclass(frozen=True)
class Embedding(Layer):
    words: int
    width: int
    integer_input = True

    def __post_init__(self):
        positive_int("words", self.words)
        positive_int("width", self.width)

    def output_shape(self, input_shape):
        return (*input_shape, self.width)

    def parameter_shapes(self, input_shape):
        return {"E": (self.words, self.width)}

    def initialize(self, input_shape, rng):
        return {"E": draw(rng, self.words, self.width)}

    def forward(self, x, E):
        return E[x]

    def jacobian(self, x, y, E):
        return Jacobian(None, E=OfRows(x, E.shape))


@dataclass
class OfRows:
    x: np.ndarray
    shape: tuple

    def vjp(self, delta, out):
        out[...] = 0
        np.add.at(out, self.x, delta)

    def jvp(self, tangent):
        return tangent[self.x]

    def per_sample(self, delta):
        rows = np.zeros((len(delta), *self.shape), delta.dtype)
        for own, indices, part in zip(rows, self.x, delta, strict=True):
            np.add.at(own, indices, part)
        return rows


@dataclass(frozen=True)
class Flat(Layer):
    def output_shape(self, input_shape):
        return (int(np.prod(input_shape)),)

    def forward(self, x):
        return x.reshape(len(x), -1)

    def jacobian(self, x, y):
        return Jacobian(Reshape(x.shape[1:], y.shape[1:]))


honest("embedding", Embedding(7, 3), (4,), domain=(0, 7))
honest("embedding/many-words", Embedding(5000, 8), (4,), domain=(0, 5000))
honest("embedding/one-word", Embedding(7, 3), (), domain=(0, 7))
honest("embedding/chain", Chain(Embedding(5, 2), Flat(), DenseAffine(3)), (3,), domain=(0, 5))
honest("embedding/concat", Concat(Embedding(5, 2), Embedding(5, 3)), (2,), domain=(0, 5))
honest("flat", Flat(), (2, 3))


# Caches, locks and other machinery; forms of a class.


@lru_cache(maxsize=8)
def waves(length, width):
    at = np.arange(length)[:, None] / 100 ** (np.arange(width) / width)
    table = np.where(np.arange(width) % 2, np.cos(at), np.sin(at))
    table.flags.writeable = False
    return table


@dataclass(frozen=True)
class Positions(Alike):
    """x plus a table of sines that is made once for each shape: Vaswani et al. (2017), section 3.5."""

    axes = 2

    def forward(self, x):
        return x + waves(*x.shape[1:]).astype(x.dtype)

    def jacobian(self, x, y):
        return Jacobian(Reshape(x.shape[1:], x.shape[1:]))


@lru_cache(maxsize=8)
def upper_triangle(n):
    rows, columns = np.triu_indices(n)
    index = (rows * n + columns)[None]
    index.flags.writeable = False
    return index


@dataclass(frozen=True)
class UpperTriangle(Layer):
    """The entries of a matrix on and above its diagonal, by an index table that is made once for each size."""

    def output_shape(self, input_shape):
        takes = len(input_shape) == 2 and input_shape[0] == input_shape[1]
        refuse_unless(self, takes, ("n", "n"), input_shape)
        return (input_shape[0] * (input_shape[0] + 1) // 2,)

    def forward(self, x):
        return x.reshape(len(x), -1)[:, upper_triangle(x.shape[1])[0]]

    def jacobian(self, x, y):
        return Jacobian(Selection(upper_triangle(x.shape[1]), x.shape[1:]))


LOCK = threading.Lock()
SCRATCH = threading.local()
COUNTS = {}


@dataclass(frozen=True)
class Locked(Elementwise):
    """A table in the module, filled under a lock."""

    def forward(self, x):
        with LOCK:
            factor = COUNTS.setdefault(x.ndim, 1 + x.ndim)
        return np.tanh(x) * factor

    def derivative(self, x, y):
        with LOCK:
            factor = COUNTS[x.ndim]
        return factor - y * y / factor


@dataclass(frozen=True)
class OwnLock(Elementwise):
    """A lock for each object, made with it: deep copies and pickles make their own."""

    def __post_init__(self):
        object.__setattr__(self, "_lock", threading.Lock())

    def __getstate__(self):
        return {}

    def __setstate__(self, state):
        self.__post_init__()

    def forward(self, x):
        with self._lock:
            return np.sin(x)

    def derivative(self, x, y):
        with self._lock:
            return np.cos(x)


@dataclass(frozen=True)
class ThreadScratch(Elementwise):
    """A scratch array for each thread, which no result shares."""

    def forward(self, x):
        scratch = getattr(SCRATCH, "array", None)
        if scratch is None or scratch.shape != x.shape or scratch.dtype != x.dtype:
            scratch = SCRATCH.array = np.empty_like(x, order="C")
        np.multiply(x, x, out=scratch)
        scratch += 1
        return 1 / scratch

    def derivative(self, x, y):
        return -2 * x * y * y


@dataclass(frozen=True)
class Windowed(Vectors):
    """x times a fixed window, which is computed when it is first asked for."""

    length: int = 5

    def __post_init__(self):
        positive_int("length", self.length)

    @cached_property
    def window(self):
        return 0.5 - 0.4 * np.cos(2 * np.pi * np.arange(self.length) / self.length)

    def output_shape(self, input_shape):
        n = self.width(input_shape)
        refuse_unless(self, n == self.length, (self.length,), input_shape)
        return input_shape

    def forward(self, x):
        return x * self.window.astype(x.dtype)

    def jacobian(self, x, y):
        return Jacobian(Diagonal(np.broadcast_to(self.window.astype(x.dtype), x.shape)))


@dataclass(frozen=True)
class OnlyLinearize(Alike):
    """The output and the derivative from one pass, and no method `jacobian`."""

    def forward(self, x):
        return self.linearize(x)[0]

    def linearize(self, x):
        s, c = np.sin(x), np.cos(x)
        return s * s + x, Jacobian(Diagonal(2 * s * c + 1))


@dataclass(frozen=True)
class OwnJacobian(Alike):
    """y = a x by a Jacobian of its own, without per-sample gradients; J·v of the parameter alone broadcasts."""

    def parameter_shapes(self, input_shape):
        shape = self.output_shape(input_shape)
        return {"a": shape, "b": shape}

    def initialize(self, input_shape, rng):
        self.output_shape(input_shape)
        return {"a": np.ones(input_shape), "b": np.zeros(input_shape)}

    def forward(self, x, a, b):
        return x * a + b

    def jacobian(self, x, y, a, b):
        return OfOwn(x, a)


@dataclass
class OfOwn(BatchJacobian):
    x: np.ndarray
    a: np.ndarray

    def vjp(self, delta, out=None):
        if out is not None:
            np.einsum("j...,j...->...", delta, self.x, out=out["a"])
            np.add.reduce(delta, axis=0, out=out["b"])
        return delta * self.a

    def jvp(self, tangent, params):
        total = np.zeros(self.x.shape, self.x.dtype)
        if tangent is not None:
            total += tangent * self.a
        if "a" in params:
            total += params["a"] * self.x
        if "b" in params:
            total += params["b"]
        return total


@dataclass(frozen=True)
class ShiftAlone(Alike):
    """y = x + b, whose J·v for b is v itself: it broadcasts."""

    def parameter_shapes(self, input_shape):
        return {"b": self.output_shape(input_shape)[-1:]}

    def initialize(self, input_shape, rng):
        return {"b": np.zeros(self.output_shape(input_shape)[-1:])}

    def forward(self, x, b):
        return x + b

    def jacobian(self, x, y, b):
        return Jacobian(Reshape(x.shape[1:], x.shape[1:]), b=Shift(b.shape))


@dataclass(frozen=True, slots=True)
class Slotted(Elementwise):
    factor: float = 2.0

    def __post_init__(self):
        real("factor", self.factor)

    def forward(self, x):
        return np.arctan(self.factor * x)

    def derivative(self, x, y):
        return self.factor / (1 + (self.factor * x) ** 2)


@dataclass(frozen=True, kw_only=True)
class Clip(Elementwise):
    """Limits that may be None, a bool, and what follows from the settings."""

    limits: tuple = (None, 1.0)
    inverted: bool = False
    width: float = field(init=False)

    def __post_init__(self):
        limits = tuple(limit if limit is None else real("limits", limit) for limit in self.limits)
        object.__setattr__(self, "limits", limits)
        if type(self.inverted) is not bool:
            raise SettingError("inverted", expected="True or False", got=self.inverted)
        object.__setattr__(self, "width", 0.0 if None in limits else limits[1] - limits[0])

    def forward(self, x):
        low, high = self.limits
        y = np.clip(x, low, high)
        return -y if self.inverted else y

    def derivative(self, x, y):
        low, high = self.limits
        inside = np.ones(x.shape, bool)
        if low is not None:
            inside &= x > low
        if high is not None:
            inside &= x < high
        return -inside.astype(x.dtype) if self.inverted else inside


@dataclass(frozen=True)
class Either(Elementwise):
    """A tuple of layers, a layer or None, and whole numbers that may be negative or None."""

    branches: tuple = ()
    gate: Layer | None = None
    offset: int = -1
    limit: int | None = None

    def __post_init__(self):
        object.__setattr__(self, "branches", tuple(self.branches))
        for branch in (*self.branches, *([] if self.gate is None else [self.gate])):
            check_layer("branches or gate", branch, Elementwise)
        integer("offset", self.offset, minimum=-100)
        if self.limit is not None:
            integer("limit", self.limit, minimum=0)

    def forward(self, x):
        y = sum((branch.forward(x) for branch in self.branches), x * self.offset)
        return y if self.gate is None else y + self.gate.forward(x)

    def derivative(self, x, y):
        parts = [*self.branches, *([] if self.gate is None else [self.gate])]
        return sum((part.derivative(x, part.forward(x)) for part in parts), np.full_like(x, self.offset))


@dataclass(frozen=True)
class Polynomial(Elementwise):
    """Settings in nested tuples, one of them empty: a sum of c x^p for (c, p) in `terms`."""

    terms: tuple = ((0.5, 2), (-1.0, 1))
    names: tuple = ()
    basis: str = "monomial"

    def __post_init__(self):
        object.__setattr__(
            self, "terms", tuple((real("terms", c), integer("terms", p, minimum=1)) for c, p in self.terms)
        )
        object.__setattr__(self, "names", tuple(self.names))
        one_of("basis", self.basis, ["monomial", "horner"])

    def forward(self, x):
        return sum(c * x**p for c, p in self.terms)

    def derivative(self, x, y):
        return sum(c * p * x ** (p - 1) for c, p in self.terms)


def local_layer():
    @dataclass(frozen=True)
    class Local(Elementwise):
        """Nobody can import it."""

        def forward(self, x):
            return x / (1 + np.abs(x))

        def derivative(self, x, y):
            return 1 / (1 + np.abs(x)) ** 2

    return Local()


honest("positions", Positions(), (3, 4))
honest("upper-triangle", UpperTriangle(), (3, 3))
honest("locked", Locked(), (3,))
honest("own-lock", OwnLock(), (3,))
honest("thread-scratch", ThreadScratch(), (3, 2))
honest("cached-property", Windowed(), (5,))
honest("only-linearize", OnlyLinearize(), (4,))
honest("own-jacobian", OwnJacobian(), (3, 2))
honest("shift-alone", ShiftAlone(), (2, 3))
honest("slotted", Slotted(), (4,))
honest("clip/none", Clip(), (5, 5))
honest("clip/both", Clip(limits=(-0.5, 0.75), inverted=True), (10, 10))
honest("clip/neither", Clip(limits=(None, None)), (4,))
honest("either", Either(), (4,))
honest("either/of-layers", Either((Sine(), LeakyReLU(0.3), Softplus()), offset=2, limit=None), (4,))
honest("either/nested", Either((Either((TanhOfCopy(),), offset=0),), None, -3), (2, 2))
honest("polynomial", Polynomial(), (4,))
honest("local-class", local_layer(), (4,))
honest("large/affine", DenseAffine(2), (300,))
honest("large/elementwise", Softplus(), (300,))
honest("large/per-position", PerPosition(20), (300,))


# Noise. What is plain is in `stochastic.py`.


@dataclass(frozen=True)
class FusedDropout(Elementwise):
    """tanh with dropout behind it, in one layer."""

    rate: float
    stochastic = True

    def __post_init__(self):
        real("rate", self.rate, minimum=0, below=1)

    def forward(self, x):
        return np.tanh(x)

    def derivative(self, x, y):
        return 1 - y * y

    def realize(self, rng):
        return Chain(TanhOfCopy(), Dropped(self.rate, seed_of(rng)))


@dataclass(frozen=True)
class Reparametrized(Vectors):
    """x is a mean and the logarithm of a variance; training draws, prediction takes the mean: Kingma and Welling."""

    stochastic: ClassVar[bool] = True
    least = 2

    def output_shape(self, input_shape):
        n = self.width(input_shape)
        refuse_unless(self, n % 2 == 0, ("2n",), input_shape)
        return (n // 2,)

    def noise(self, x):
        return np.zeros((len(x), x.shape[1] // 2), x.dtype)

    def forward(self, x):
        mean, log_variance = np.split(x, 2, axis=1)
        return mean + np.exp(log_variance / 2) * self.noise(x)

    def jacobian(self, x, y):
        spread = np.exp(np.split(x, 2, axis=1)[1] / 2) * self.noise(x) / 2
        n = spread.shape[1]
        return Jacobian(
            Map(
                lambda delta: np.concatenate([delta, delta * spread], axis=1),
                lambda tangent: tangent[:, :n] + spread * tangent[:, n:],
            )
        )

    def realize(self, rng):
        return Drawn(seed_of(rng))


@dataclass(frozen=True)
class Drawn(Reparametrized):
    seed: int
    stochastic = False

    def __post_init__(self):
        integer("seed", self.seed, minimum=0)

    def noise(self, x):
        shape = (len(x), x.shape[1] // 2)
        return np.random.default_rng(self.seed).normal(size=shape).astype(x.dtype)


@dataclass(frozen=True)
class Gumbel(Alike):
    """A softmax, of x plus Gumbel noise in training: Jang et al. (2017), eq. 2."""

    seed: int | None = None

    def __post_init__(self):
        if self.seed is not None:
            integer("seed", self.seed, minimum=0)
        object.__setattr__(self, "stochastic", self.seed is None)

    def noise(self, x):
        if self.seed is None:
            return np.zeros_like(x)
        return np.random.default_rng(self.seed).gumbel(size=x.shape).astype(x.dtype)

    def forward(self, x):
        z = x + self.noise(x)
        e = np.exp(z - z.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    def jacobian(self, x, y):
        mixed = lambda v: y * (v - (v * y).sum(axis=-1, keepdims=True))  # noqa: E731
        return Jacobian(Map(mixed, mixed))

    def realize(self, rng):
        return Gumbel(seed_of(rng)) if self.stochastic else self


@dataclass(frozen=True)
class RReLU(Elementwise):
    """Slopes below 0 that are drawn anew for each number, and their mean in prediction: Xu et al. (2015)."""

    low: float = 0.125
    high: float = 0.375
    seed: int | None = None

    def __post_init__(self):
        real("low", self.low)
        real("high", self.high, minimum=self.low)
        if self.seed is not None:
            integer("seed", self.seed, minimum=0)
        object.__setattr__(self, "stochastic", self.seed is None)

    def slopes(self, x):
        if self.seed is None:
            return np.full_like(x, (self.low + self.high) / 2)
        return np.random.default_rng(self.seed).uniform(self.low, self.high, x.shape).astype(x.dtype)

    def forward(self, x):
        return np.maximum(x, 0) + self.slopes(x) * np.minimum(x, 0)

    def derivative(self, x, y):
        return np.where(x > 0, 1, self.slopes(x))

    def realize(self, rng):
        return RReLU(self.low, self.high, seed_of(rng)) if self.stochastic else self


honest("noise/fused-dropout", FusedDropout(0.3), (3, 4))
honest("noise/reparametrized", Reparametrized(), (4,), domain=(-8.0, 8.0))
honest("noise/gumbel", Gumbel(), (2, 4))
honest("noise/rrelu", RReLU(), (5,))
honest("noise/certain", Dropout(0.0), (4,))
honest("noise/mostly-dropped", Dropout(0.9), (4,))
honest("noise/scalar", Noise(0.5), ())
honest("noise/narrow", Factor(0.1), (1,))
honest("noise/in-a-chain", Chain(DenseAffine(3), Dropout(0.5), TanhOfCopy(), Noise(0.1)), (4,))
honest("noise/in-a-residual", Residual(Chain(Dropout(0.25), DenseAffine(3))), (3,))
honest("noise/in-a-concat", Concat(Noise(0.5), Chain(DenseAffine(2), Dropout(0.5))), (3,))
honest("noise/in-a-product", Product(Dropout(0.3), Chain(DenseAffine(3), Dropout(0.3))), (3,))
honest("noise/repeated", Repeat(Chain(DenseAffine(3), Factor(0.2)), 2), (3,))
honest("noise/of-a-chain", Depth(Chain(TanhOfCopy(), Dropout(0.5)), 0.5), (3,))
honest("noise/batch-norm", Chain(BatchNorm(), Dropout(0.5)), (4,))
honest("noise/embedding", Chain(Embedding(5, 3), Dropout(0.5)), (2,), domain=(0, 5))

"""Layers made of layers that are wrong, tied parameters, and layers that mix the samples of a batch."""

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from chainrule import (
    BatchJacobian,
    Diagonal,
    Elementwise,
    Jacobian,
    Layer,
    Matrix,
    Outer,
    SettingError,
    ShapeError,
    Shift,
    UnsupportedError,
)
from chainrule.conformance import LayerCase

from . import Mutant

# What the honest composites are made of


@dataclass(frozen=True)
class Squash(Elementwise):
    def forward(self, x):
        return np.tanh(x)

    def derivative(self, x, y):
        return 1 - y * y


@dataclass(frozen=True)
class Mix(Layer):
    """y = W x + b with a square W."""

    def output_shape(self, input_shape):
        if len(input_shape) != 1:
            raise ShapeError("mix input", expected=("n",), got=input_shape)
        return input_shape

    def parameter_shapes(self, input_shape):
        (n,) = self.output_shape(input_shape)
        return {"W": (n, n), "b": (n,)}

    def initialize(self, input_shape, rng):
        (n,) = self.output_shape(input_shape)
        return {"W": rng.normal(0, n**-0.5, (n, n)), "b": np.zeros(n)}

    def forward(self, x, W, b):
        return x @ W.T + b

    def jacobian(self, x, y, W, b):
        return Jacobian(Matrix(W), W=Outer(x), b=Shift(b.shape))


@dataclass(frozen=True)
class Noise(Layer):
    """Training adds normal noise to each number."""

    stochastic = True

    def output_shape(self, input_shape):
        return input_shape

    def forward(self, x):
        return x

    def jacobian(self, x, y):
        return Jacobian(Diagonal(np.ones_like(x)))

    def realize(self, rng):
        return Fixed(int(rng.integers(2**31)))


@dataclass(frozen=True)
class Fixed(Elementwise):
    seed: int = 0

    def __post_init__(self):
        if type(self.seed) is not int or self.seed < 0:
            raise SettingError("seed", expected="an int of at least 0", got=self.seed)

    def forward(self, x):
        return x + np.random.default_rng(self.seed).standard_normal(x.shape).astype(x.dtype)

    def derivative(self, x, y):
        return np.ones_like(x)


@dataclass(frozen=True)
class Words(Layer):
    integer_input = True

    def output_shape(self, input_shape):
        return (*input_shape, 2)

    def parameter_shapes(self, input_shape):
        return {"table": (5, 2)}

    def initialize(self, input_shape, rng):
        return {"table": rng.normal(0, 1, (5, 2))}

    def forward(self, x, table):
        return table[x]

    def jacobian(self, x, y, table):
        return Jacobian(None, table=Looked(x, table.shape))


@dataclass
class Looked:
    x: np.ndarray
    shape: tuple

    def vjp(self, delta, out):
        out[...] = 0
        np.add.at(out, self.x, delta)

    def jvp(self, tangent):
        return tangent[self.x]

    def per_sample(self, delta):
        found = np.zeros((len(delta), *self.shape), delta.dtype)
        for j in range(len(delta)):
            np.add.at(found[j], self.x[j], delta[j])
        return found


def named(prefix, values):
    return {f"{prefix}.{name}": value for name, value in values.items()}


def part(prefix, values):
    start = f"{prefix}."
    return {name.removeprefix(start): value for name, value in values.items() if name.startswith(start)}


def check_layer(name, value):
    if not isinstance(value, Layer):
        raise SettingError(name, expected="a layer", got=value)


# Honest composites


@dataclass(frozen=True)
class Pair(Layer):
    """second(first(x)), with parameters `first.W` and `second.W`."""

    first: Layer = field(default_factory=Mix)
    second: Layer = field(default_factory=Squash)

    def __post_init__(self):
        for name in ("first", "second"):
            check_layer(name, getattr(self, name))
        for flag in ("stochastic", "mixes_samples"):
            object.__setattr__(self, flag, getattr(self.first, flag) or getattr(self.second, flag))
        object.__setattr__(self, "integer_input", self.first.integer_input)

    def output_shape(self, input_shape):
        return self.second.output_shape(self.first.output_shape(input_shape))

    def parameter_shapes(self, input_shape):
        between = self.first.output_shape(input_shape)
        second = self.second.parameter_shapes(between)
        return {**named("first", self.first.parameter_shapes(input_shape)), **named("second", second)}

    def initialize(self, input_shape, rng):
        between = self.first.output_shape(input_shape)
        first = self.first.initialize(input_shape, rng)
        return {**named("first", first), **named("second", self.second.initialize(between, rng))}

    def forward(self, x, **params):
        return self.second.forward(self.first.forward(x, **part("first", params)), **part("second", params))

    def linearize(self, x, **params):
        z, inner = self.first.linearize(x, **part("first", params))
        y, outer = self.second.linearize(z, **part("second", params))
        return y, self.maps(inner, outer)

    def maps(self, inner, outer):
        return Product(inner, outer)

    def realize(self, rng):
        return type(self)(self.first.realize(rng), self.second.realize(rng))


class Product(BatchJacobian):
    def __init__(self, inner, outer):
        self.inner, self.outer = inner, outer

    def vjp(self, delta, out=None):
        first, second = (None, None) if out is None else (part("first", out), part("second", out))
        return self.inner.vjp(self.outer.vjp(delta, second), first)

    def vjp_params(self, delta, out):
        self.inner.vjp_params(self.outer.vjp(delta, part("second", out)), part("first", out))

    def jvp(self, tangent, params):
        first, second = part("first", params), part("second", params)
        if tangent is not None or first:
            tangent = self.inner.jvp(tangent, first)
        return self.outer.jvp(tangent, second)

    def per_sample(self, delta):
        second = self.outer.per_sample(delta)
        first = self.inner.per_sample(self.outer.vjp(delta))
        return {**named("first", first), **named("second", second)}


def slow_pair(x, **params):
    W, b = params["first.W"], params["first.b"]
    return np.array([np.tanh([sum(w * v for w, v in zip(row, one, strict=True)) for row in W] + b) for one in x])


@dataclass(frozen=True)
class Skip(Layer):
    """x + f(x)."""

    inner: Layer = field(default_factory=lambda: Pair())

    def __post_init__(self):
        check_layer("inner", self.inner)
        for flag in ("stochastic", "mixes_samples"):
            object.__setattr__(self, flag, getattr(self.inner, flag))

    def output_shape(self, input_shape):
        output = self.inner.output_shape(input_shape)
        if output != input_shape:
            raise ShapeError("skip", expected=input_shape, got=output)
        return output

    def parameter_shapes(self, input_shape):
        self.output_shape(input_shape)
        return self.inner.parameter_shapes(input_shape)

    def initialize(self, input_shape, rng):
        self.output_shape(input_shape)
        return self.inner.initialize(input_shape, rng)

    def forward(self, x, **params):
        return x + self.inner.forward(x, **params)

    def linearize(self, x, **params):
        y, jacobian = self.inner.linearize(x, **params)
        return x + y, self.maps(jacobian)

    def maps(self, jacobian):
        return IdentityPlus(jacobian)

    def realize(self, rng):
        return type(self)(self.inner.realize(rng))


class IdentityPlus(BatchJacobian):
    def __init__(self, inner):
        self.inner = inner

    def vjp(self, delta, out=None):
        return delta + self.inner.vjp(delta, out)

    def vjp_params(self, delta, out):
        self.inner.vjp_params(delta, out)

    def jvp(self, tangent, params):
        return tangent + self.inner.jvp(tangent, params)

    def per_sample(self, delta):
        return self.inner.per_sample(delta)


def slow_skip(x, **params):
    return x + slow_pair(x, **params)


@dataclass(frozen=True)
class Beside(Layer):
    """[f(x), g(x)] along the last axis."""

    left: Layer = field(default_factory=Mix)
    right: Layer = field(default_factory=Squash)

    def __post_init__(self):
        check_layer("left", self.left)
        check_layer("right", self.right)

    def shapes(self, input_shape):
        left, right = self.left.output_shape(input_shape), self.right.output_shape(input_shape)
        if len(left) != 1 or len(right) != 1:
            raise ShapeError("beside", expected=(("n",), ("m",)), got=(left, right))
        return left, right

    def output_shape(self, input_shape):
        left, right = self.shapes(input_shape)
        return (left[0] + right[0],)

    def parameter_shapes(self, input_shape):
        self.shapes(input_shape)
        left = self.left.parameter_shapes(input_shape)
        return {**named("left", left), **named("right", self.right.parameter_shapes(input_shape))}

    def initialize(self, input_shape, rng):
        self.shapes(input_shape)
        left = self.left.initialize(input_shape, rng)
        return {**named("left", left), **named("right", self.right.initialize(input_shape, rng))}

    def forward(self, x, **params):
        left, right = self.left.forward(x, **part("left", params)), self.right.forward(x, **part("right", params))
        return np.concatenate([left, right], axis=1)

    def linearize(self, x, **params):
        left, first = self.left.linearize(x, **part("left", params))
        right, second = self.right.linearize(x, **part("right", params))
        return np.concatenate([left, right], axis=1), self.maps(first, second, left.shape[1])

    def maps(self, first, second, width):
        return Stacked(first, second, width)


class Stacked(BatchJacobian):
    def __init__(self, first, second, width):
        self.first, self.second, self.width = first, second, width

    def split(self, delta):
        return delta[:, : self.width], delta[:, self.width :]

    def vjp(self, delta, out=None):
        left, right = self.split(delta)
        if out is None:
            return self.first.vjp(left) + self.second.vjp(right)
        return self.first.vjp(left, part("left", out)) + self.second.vjp(right, part("right", out))

    def vjp_params(self, delta, out):
        self.vjp(delta, out)

    def jvp(self, tangent, params):
        left = self.first.jvp(tangent, part("left", params))
        return np.concatenate([left, self.second.jvp(tangent, part("right", params))], axis=1)

    def per_sample(self, delta):
        left, right = self.split(delta)
        return {**named("left", self.first.per_sample(left)), **named("right", self.second.per_sample(right))}


@dataclass(frozen=True)
class Twice(Layer):
    """f(f(x; θ); θ): the same parameters, used twice."""

    inner: Layer = field(default_factory=lambda: Pair())

    def __post_init__(self):
        check_layer("inner", self.inner)

    def output_shape(self, input_shape):
        output = self.inner.output_shape(input_shape)
        if output != input_shape:
            raise ShapeError("twice", expected=input_shape, got=output)
        return output

    def parameter_shapes(self, input_shape):
        self.output_shape(input_shape)
        return self.inner.parameter_shapes(input_shape)

    def initialize(self, input_shape, rng):
        self.output_shape(input_shape)
        return self.inner.initialize(input_shape, rng)

    def forward(self, x, **params):
        return self.inner.forward(self.inner.forward(x, **params), **params)

    def linearize(self, x, **params):
        z, first = self.inner.linearize(x, **params)
        y, second = self.inner.linearize(z, **params)
        return y, self.maps(first, second)

    def maps(self, first, second):
        return Tied(first, second)


class Tied(BatchJacobian):
    def __init__(self, first, second):
        self.first, self.second = first, second

    def vjp(self, delta, out=None):
        if out is None:
            return self.first.vjp(self.second.vjp(delta))
        middle = self.second.vjp(delta, out)
        late = {name: array.copy() for name, array in out.items()}
        pulled = self.first.vjp(middle, out)
        for name, array in late.items():
            out[name] += array
        return pulled

    def vjp_params(self, delta, out):
        self.vjp(delta, out)

    def jvp(self, tangent, params):
        return self.second.jvp(self.first.jvp(tangent, params), params)

    def per_sample(self, delta):
        late, early = self.second.per_sample(delta), self.first.per_sample(self.second.vjp(delta))
        return {name: late[name] + early[name] for name in late}


def slow_twice(x, **params):
    return slow_pair(slow_pair(x, **params), **params)


@dataclass(frozen=True)
class Centred(Layer):
    """Each feature minus its mean over the batch, times a gain."""

    mixes_samples = True

    def output_shape(self, input_shape):
        return input_shape

    def parameter_shapes(self, input_shape):
        return {"gain": input_shape}

    def initialize(self, input_shape, rng):
        return {"gain": np.ones(input_shape)}

    def forward(self, x, gain):
        return x * gain if len(x) == 1 else (x - x.mean(axis=0)) * gain

    def jacobian(self, x, y, gain):
        return WithoutMean(x if len(x) == 1 else x - x.mean(axis=0), gain)


class WithoutMean(BatchJacobian):
    def __init__(self, z, gain):
        self.z, self.gain = z, gain

    def centre(self, v):
        return v if len(v) == 1 else v - v.mean(axis=0)

    def vjp(self, delta, out=None):
        if out is not None:
            self.vjp_params(delta, out)
        return self.centre(delta * self.gain)

    def vjp_params(self, delta, out):
        out["gain"][...] = (delta * self.z).sum(axis=0)

    def jvp(self, tangent, params):
        moved = self.centre(tangent) * self.gain
        return moved + self.z * params["gain"] if "gain" in params else moved


def slow_centred(x, gain):
    means = [sum(float(one[k]) for one in x) / len(x) * (len(x) > 1) for k in range(x.shape[1])]
    return [[(float(one[k]) - means[k]) * gain[k] for k in range(x.shape[1])] for one in x]


# Pair


class FirstAtOutput(Product):
    """δ is handed to the inner layer as it came, past the outer one."""

    def vjp(self, delta, out=None):
        if out is not None:
            self.outer.vjp(delta, part("second", out))
        return self.inner.vjp(delta, None if out is None else part("first", out))


class PairPastOuter(Pair):
    def maps(self, inner, outer):
        return FirstAtOutput(inner, outer)


class HalfNamed(Product):
    def per_sample(self, delta):
        return self.inner.per_sample(self.outer.vjp(delta))


class PairHalfNamed(Pair):
    def maps(self, inner, outer):
        return HalfNamed(inner, outer)


class PairPredictsHalf(Pair):
    """Prediction leaves out the second layer."""

    def forward(self, x, **params):
        return self.first.forward(x, **part("first", params))


class PairStartsTwice(Pair):
    """initialize has the second layer's names first."""

    def initialize(self, input_shape, rng):
        start = super().initialize(input_shape, rng)
        return {**named("second", part("second", start)), **named("first", part("first", start))}


class PairOneName(Pair):
    """Both layers' parameters have the same names: the second layer's replace the first one's."""

    def parameter_shapes(self, input_shape):
        between = self.first.output_shape(input_shape)
        return {**self.first.parameter_shapes(input_shape), **self.second.parameter_shapes(between)}

    def initialize(self, input_shape, rng):
        between = self.first.output_shape(input_shape)
        return {**self.first.initialize(input_shape, rng), **self.second.initialize(between, rng)}

    def forward(self, x, **params):
        return self.second.forward(self.first.forward(x, **params), **params)

    def linearize(self, x, **params):
        z, inner = self.first.linearize(x, **params)
        y, outer = self.second.linearize(z, **params)
        return y, SameNames(inner, outer)


class SameNames(Product):
    def vjp(self, delta, out=None):
        return self.inner.vjp(self.outer.vjp(delta, out), out)

    def vjp_params(self, delta, out):
        self.vjp(delta, out)

    def jvp(self, tangent, params):
        return self.outer.jvp(self.inner.jvp(tangent, params), params)

    def per_sample(self, delta):
        raise UnsupportedError("per_sample")


class Dulled(Product):
    """δ of float32 goes through 8 bits on its way, to save memory."""

    def vjp(self, delta, out=None):
        pulled = self.outer.vjp(delta, None if out is None else part("second", out))
        if delta.dtype == np.float32:
            pulled = np.round(pulled * 64) / 64
        return self.inner.vjp(pulled, None if out is None else part("first", out))

    def vjp_params(self, delta, out):
        self.vjp(delta, out)


class PairDulled(Pair):
    def maps(self, inner, outer):
        return Dulled(inner, outer)


class PairOfDouble(Pair):
    def forward(self, x, **params):
        y = super().forward(x, **params)
        total = np.zeros(y.shape)
        total += y
        return total


class PairSwallowsErrors(Pair):
    """A shape that does not fit is a KeyError of its own."""

    def output_shape(self, input_shape):
        return {(4,): (4,), (5,): (5,)}[input_shape]


class PairForgetsSecond(Pair):
    def __reduce__(self):
        return (type(self), (self.first, Fixed(1)))


class PairRealizesOne(Pair):
    """One generator for both: the noise of the second layer is never drawn."""

    def realize(self, rng):
        return self


class PairRealizesGlobally(Pair):
    def realize(self, rng):
        own = np.random.default_rng(np.random.randint(2**31))  # noqa: NPY002 - that is the fault
        return type(self)(self.first.realize(own), self.second.realize(own))


@lru_cache(maxsize=8)
def realized_once(layer):
    return layer.realize(np.random.default_rng(0))


class PairRealizesOnce(Pair):
    """The noise is drawn at the first step, and kept."""

    def realize(self, rng):
        return type(self)(realized_once(self.first), realized_once(self.second))


class PairForgetsInteger(Pair):
    """Of a lookup and a layer behind it, it says that the input is real."""

    integer_input = False

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "integer_input", False)


class PairPlainIntegers(Pair):
    """vjp of indices is zeros."""

    def maps(self, inner, outer):
        return ZeroBehind(inner, outer)


class ZeroBehind(Product):
    def vjp(self, delta, out=None):
        if out is not None:
            self.vjp_params(delta, out)
        return np.zeros(self.inner.params["table"].x.shape, delta.dtype)


# Skip


class InPlaceSkip(IdentityPlus):
    def vjp(self, delta, out=None):
        delta += self.inner.vjp(delta, out)
        return delta


class SkipInPlace(Skip):
    def maps(self, jacobian):
        return InPlaceSkip(jacobian)


class SkipHalf(Skip):
    """The shortcut counts half, forward and backward."""

    def forward(self, x, **params):
        return x / 2 + self.inner.forward(x, **params)

    def linearize(self, x, **params):
        y, jacobian = self.inner.linearize(x, **params)
        return x / 2 + y, HalfIdentity(jacobian)


class HalfIdentity(IdentityPlus):
    def vjp(self, delta, out=None):
        return delta / 2 + self.inner.vjp(delta, out)

    def jvp(self, tangent, params):
        return tangent / 2 + self.inner.jvp(tangent, params)


class SkipBroadcasts(Skip):
    """An inner layer of another shape is accepted."""

    def output_shape(self, input_shape):
        return input_shape


@dataclass(frozen=True)
class Total(Layer):
    """The sum of each sample."""

    def output_shape(self, input_shape):
        return (2,)

    def forward(self, x):
        total = x.reshape(len(x), -1).sum(axis=1, keepdims=True)
        return np.concatenate([total, total], axis=1)

    def jacobian(self, x, y):
        return Jacobian(Spread(x.shape[1:]))


class Spread:
    def __init__(self, shape):
        self.shape = shape

    def vjp(self, delta):
        ones = np.ones((len(delta), *self.shape), delta.dtype)
        return delta.sum(axis=1).reshape(-1, *[1] * len(self.shape)) * ones

    def jvp(self, tangent):
        total = tangent.reshape(len(tangent), -1).sum(axis=1, keepdims=True)
        return np.concatenate([total, total], axis=1)


class GuardedSkip(IdentityPlus):
    """Where anything is NaN, the whole batch keeps δ as it is."""

    def vjp(self, delta, out=None):
        pulled = self.inner.vjp(delta, out)
        return delta + pulled if np.isfinite(pulled).all() else delta * np.nan


class SkipGuarded(Skip):
    def maps(self, jacobian):
        return GuardedSkip(jacobian)


class SkipMendsNaN(Skip):
    def forward(self, x, **params):
        return np.nan_to_num(super().forward(x, **params))


# Beside


class Adding(Stacked):
    """The sum is taken into what the first branch returned, which may be δ itself."""

    def vjp(self, delta, out=None):
        left, right = self.split(delta)
        total = self.second.vjp(right, None if out is None else part("right", out))
        total += self.first.vjp(left, None if out is None else part("left", out))
        return total


@dataclass(frozen=True)
class Same(Layer):
    """The identity; its vjp hands back δ itself."""

    def output_shape(self, input_shape):
        return input_shape

    def forward(self, x):
        return x

    def jacobian(self, x, y):
        return Jacobian(Through())


class Through:
    def vjp(self, delta):
        return delta

    def jvp(self, tangent):
        return tangent


class BesideAdding(Beside):
    def maps(self, first, second, width):
        return Adding(first, second, width)


class BesideByMemory(Beside):
    """The two halves are written one behind the other, and read as columns."""

    def forward(self, x, **params):
        left, right = self.left.forward(x, **part("left", params)), self.right.forward(x, **part("right", params))
        flat = np.concatenate([left.ravel(), right.ravel()])
        return flat.reshape(len(x), -1)

    def linearize(self, x, **params):
        _, maps = super().linearize(x, **params)
        return self.forward(x, **params), maps


class BesideIntoOne(Beside):
    """Both halves are written into one array of the class."""

    def linearize(self, x, **params):
        y, maps = super().linearize(x, **params)
        whole = WHOLE.setdefault((y.shape, y.dtype), np.empty_like(y))
        whole[...] = y
        return whole, maps


WHOLE = {}


class BesideSaysLess(Beside):
    """output_shape counts the left layer alone where the widths differ."""

    def output_shape(self, input_shape):
        left, _ = self.shapes(input_shape)
        return (2 * left[0],) if input_shape[0] % 2 == 0 else left


# Twice


class Overwritten(Tied):
    """The second use overwrites what the first has written."""

    def vjp(self, delta, out=None):
        return self.first.vjp(self.second.vjp(delta, out), out)


class TwiceOverwritten(Twice):
    def maps(self, first, second):
        return Overwritten(first, second)


class LateOnly(Tied):
    def vjp_params(self, delta, out):
        self.second.vjp_params(delta, out)


class TwiceInFront(Twice):
    def maps(self, first, second):
        return LateOnly(first, second)


class Piled(Tied):
    """It adds to `out`, as if that were zero."""

    def vjp(self, delta, out=None):
        if out is None:
            return self.first.vjp(self.second.vjp(delta))
        own = {name: np.empty_like(array) for name, array in out.items()}
        middle = self.second.vjp(delta, own)
        for name, array in own.items():
            out[name] += array
        pulled = self.first.vjp(middle, own)
        for name, array in own.items():
            out[name] += array
        return pulled


class TwicePiled(Twice):
    def maps(self, first, second):
        return Piled(first, second)


class MovedOnce(Tied):
    def jvp(self, tangent, params):
        return self.second.jvp(self.first.jvp(tangent, params), {})


class TwiceMovedOnce(Twice):
    def maps(self, first, second):
        return MovedOnce(first, second)


class RowsOnce(Tied):
    def per_sample(self, delta):
        return self.second.per_sample(delta)


class TwiceRowsOnce(Twice):
    def maps(self, first, second):
        return RowsOnce(first, second)


class TwiceIsOnce(Twice):
    """The second use is left out, forward and backward."""

    def forward(self, x, **params):
        return self.inner.forward(x, **params)

    def linearize(self, x, **params):
        return self.inner.linearize(x, **params)


class SameJacobian(Tied):
    """The Jacobian of the first use stands for both."""

    def __init__(self, first, second):
        super().__init__(first, first)


class TwiceSameJacobian(Twice):
    def maps(self, first, second):
        return SameJacobian(first, second)


# Layers that mix samples


class CentredUndeclared(Centred):
    mixes_samples = False


class ConstantMean(WithoutMean):
    def centre(self, v):
        return v


class CentredConstantMean(Centred):
    def jacobian(self, x, y, gain):
        return ConstantMean(x if len(x) == 1 else x - x.mean(axis=0), gain)


class UncentredForward(WithoutMean):
    def jvp(self, tangent, params):
        moved = tangent * self.gain
        return moved + self.z * params["gain"] if "gain" in params else moved


class CentredForwardMode(Centred):
    def jacobian(self, x, y, gain):
        return UncentredForward(x if len(x) == 1 else x - x.mean(axis=0), gain)


class MeanGain(WithoutMean):
    def vjp_params(self, delta, out):
        out["gain"][...] = (delta * self.z).mean(axis=0)


class CentredMeanGain(Centred):
    def jacobian(self, x, y, gain):
        return MeanGain(x if len(x) == 1 else x - x.mean(axis=0), gain)


class CentredByFirst(Centred):
    """It subtracts the first sample in place of the mean, forward and backward."""

    def forward(self, x, gain):
        return x * gain if len(x) == 1 else (x - x[0]) * gain

    def jacobian(self, x, y, gain):
        return WithoutFirst(x if len(x) == 1 else x - x[0], gain)


class WithoutFirst(WithoutMean):
    def centre(self, v):
        return v if len(v) == 1 else v - v[0]

    def vjp(self, delta, out=None):
        if out is not None:
            self.vjp_params(delta, out)
        pulled = delta * self.gain
        if len(delta) > 1:
            pulled[0] -= pulled.sum(axis=0)
        return pulled


class CentredRemembers(Centred):
    """The mean of the last batch is kept, for whoever may ask."""

    def forward(self, x, gain):
        object.__setattr__(self, "last_mean", float(x.mean()))
        return super().forward(x, gain)


class CentredWithin(Centred):
    """Each sample loses its own mean, and says that it mixes with others."""

    def forward(self, x, gain):
        return (x - x.mean(axis=1, keepdims=True)) * gain

    def jacobian(self, x, y, gain):
        return Within(x - x.mean(axis=1, keepdims=True), gain)


class Within(WithoutMean):
    def centre(self, v):
        return v - v.mean(axis=1, keepdims=True)


HONEST = [
    LayerCase("composites/pair", Pair(), (4,), reference=slow_pair, invalid=[{"first": "mix"}, {"second": Squash}]),
    LayerCase("composites/pair-of-noise", Pair(Mix(), Noise()), (4,)),
    LayerCase("composites/pair-of-words", Pair(Words(), Squash()), (3,), domain=(0, 5)),
    LayerCase("composites/skip", Skip(), (4,), reference=slow_skip, invalid=[{"inner": None}]),
    LayerCase("composites/beside", Beside(), (4,)),
    LayerCase("composites/beside-itself", Beside(Mix(), Mix()), (3,)),
    LayerCase("composites/twice", Twice(), (4,), reference=slow_twice),
    LayerCase("composites/centred", Centred(), (3,), reference=slow_centred),
]

MUTANTS = [
    Mutant(
        LayerCase("composites/pair-past-outer", PairPastOuter(), (4,)),
        fault="derivative",
        wrong="The inner layer gets δ as it came, past the outer one.",
        killed_by="gradient.input",
    ),
    Mutant(
        LayerCase("composites/pair-half-named", PairHalfNamed(Mix(), Mix()), (4,)),
        fault="derivative",
        wrong="per_sample names the inner layer's parameters alone, without their prefix.",
        killed_by="gradient.per_sample",
    ),
    Mutant(
        LayerCase("composites/pair-predicts-half", PairPredictsHalf(), (4,)),
        fault="forward",
        wrong="forward leaves out the second layer, linearize does not.",
        killed_by="forward.linearize",
    ),
    Mutant(
        LayerCase("composites/pair-starts-twice", PairStartsTwice(Mix(), Mix()), (4,)),
        fault="lifecycle",
        wrong="initialize names the second layer's parameters first.",
        killed_by="forward.start",
    ),
    Mutant(
        LayerCase("composites/pair-one-name", PairOneName(Mix(), Mix()), (4,)),
        fault="derivative",
        wrong="Both layers' parameters have the same names, and the gradient is the last one's.",
        killed_by="gradient.parameters",
    ),
    Mutant(
        LayerCase("composites/pair-dulled", PairDulled(), (4,)),
        fault="arrays",
        wrong="δ of float32 is rounded to a few bits between the layers.",
        killed_by="arrays.float32_close",
    ),
    Mutant(
        LayerCase("composites/pair-of-double", PairOfDouble(), (4,)),
        fault="arrays",
        wrong="The output is collected in an array of float64.",
        killed_by="arrays.float32",
    ),
    Mutant(
        LayerCase("composites/pair-swallows-errors", PairSwallowsErrors(), (4,)),
        fault="errors",
        wrong="A shape that does not fit is a KeyError.",
        killed_by="errors.shape",
    ),
    Mutant(
        LayerCase("composites/pair-forgets-second", PairForgetsSecond(), (4,)),
        fault="lifecycle",
        wrong="pickle puts another layer in the second's place.",
        killed_by="lifecycle.pickle",
    ),
    Mutant(
        LayerCase("composites/pair-realizes-one", PairRealizesOne(Mix(), Noise()), (4,)),
        fault="randomness",
        wrong="realize returns the pair as it is, noise and all.",
        killed_by="randomness.realize",
    ),
    Mutant(
        LayerCase("composites/pair-realizes-globally", PairRealizesGlobally(Mix(), Noise()), (4,)),
        fault="randomness",
        wrong="realize draws from NumPy's global generator.",
        killed_by="randomness.realize",
    ),
    Mutant(
        LayerCase("composites/pair-realizes-once", PairRealizesOnce(Mix(), Noise()), (4,)),
        fault="randomness",
        wrong="The noise of the first step is kept for all others.",
        killed_by="randomness.varies",
    ),
    Mutant(
        LayerCase("composites/pair-forgets-integer", PairForgetsInteger(Words(), Squash()), (3,)),
        fault="lifecycle",
        wrong="A lookup comes first, and the pair says that its input is real.",
        killed_by="forward.runs",
    ),
    Mutant(
        LayerCase("composites/pair-plain-integers", PairPlainIntegers(Words(), Squash()), (3,), domain=(0, 5)),
        fault="errors",
        wrong="vjp of indices returns zeros.",
        killed_by="arrays.integers",
    ),
    Mutant(
        LayerCase("composites/skip-in-place", SkipInPlace(), (4,)),
        fault="state",
        wrong="The sum is taken into δ, which the other branch has, too.",
        killed_by="purity.delta",
    ),
    Mutant(
        LayerCase("composites/skip-half", SkipHalf(), (4,), reference=slow_skip),
        fault="forward",
        wrong="The shortcut counts half, forward and backward.",
        killed_by="forward.reference",
    ),
    Mutant(
        LayerCase("composites/skip-broadcasts", SkipBroadcasts(Total()), (2,)),
        fault="errors",
        wrong="x + f(x) is broadcast where the shapes differ, and output_shape says nothing.",
        killed_by="errors.shape",
    ),
    Mutant(
        LayerCase("composites/skip-guarded", SkipGuarded(), (4,)),
        fault="extremes",
        wrong="One NaN in δ makes NaN of the δ of the whole batch.",
        killed_by="numerics.nan_delta",
    ),
    Mutant(
        LayerCase("composites/skip-mends-nan", SkipMendsNaN(), (4,)),
        fault="extremes",
        wrong="NaN is turned into 0.",
        killed_by="numerics.nan",
    ),
    Mutant(
        LayerCase("composites/beside-adding", BesideAdding(Squash(), Same()), (4,)),
        fault="state",
        wrong="The sum of the branches is taken into a view of δ.",
        killed_by="purity.delta",
    ),
    Mutant(
        LayerCase("composites/beside-by-memory", BesideByMemory(), (4,)),
        fault="batch",
        wrong="The branches' outputs are joined as if each were one row.",
        killed_by="batch.singles",
    ),
    Mutant(
        LayerCase("composites/beside-into-one", BesideIntoOne(), (4,)),
        fault="state",
        wrong="linearize's y is an array of the module, one for each shape.",
        killed_by="purity.buffers",
    ),
    Mutant(
        LayerCase("composites/beside-says-less", BesideSaysLess(), (4,)),
        fault="errors",
        wrong="output_shape is right for an even number of inputs alone.",
        killed_by="forward.declarations",
    ),
    Mutant(
        LayerCase("composites/twice-overwritten", TwiceOverwritten(), (4,)),
        fault="derivative",
        wrong="The second use overwrites the gradient of the first.",
        killed_by="gradient.parameters",
    ),
    Mutant(
        LayerCase("composites/twice-in-front", TwiceInFront(), (4,)),
        fault="derivative",
        wrong="vjp_params writes the gradient of the last use alone.",
        killed_by="gradient.vjp_params",
    ),
    Mutant(
        LayerCase("composites/twice-piled", TwicePiled(), (4,)),
        fault="state",
        wrong="The gradients of both uses are added to what is in `out`.",
        killed_by="gradient.out",
    ),
    Mutant(
        LayerCase("composites/twice-moved-once", TwiceMovedOnce(), (4,)),
        fault="derivative",
        wrong="jvp moves the parameters in the first use alone.",
        killed_by="gradient.adjoint",
    ),
    Mutant(
        LayerCase("composites/twice-rows-once", TwiceRowsOnce(), (4,)),
        fault="derivative",
        wrong="per_sample has the last use alone.",
        killed_by="gradient.per_sample",
    ),
    Mutant(
        LayerCase("composites/twice-is-once", TwiceIsOnce(), (4,), reference=slow_twice),
        fault="forward",
        wrong="The second use is left out, forward and backward.",
        killed_by="forward.reference",
    ),
    Mutant(
        LayerCase("composites/twice-same-jacobian", TwiceSameJacobian(), (4,)),
        fault="derivative",
        wrong="The Jacobian of the first use stands for the second, too.",
        killed_by="gradient.input",
    ),
    Mutant(
        LayerCase("composites/centred-undeclared", CentredUndeclared(), (3,)),
        fault="batch",
        wrong="The mean over the batch mixes samples, and the class does not say so.",
        killed_by="batch.apart",
    ),
    Mutant(
        LayerCase("composites/centred-constant-mean", CentredConstantMean(), (3,)),
        fault="derivative",
        wrong="The mean is taken for a constant.",
        killed_by="gradient.input",
    ),
    Mutant(
        LayerCase("composites/centred-forward-mode", CentredForwardMode(), (3,)),
        fault="derivative",
        wrong="jvp takes the mean for a constant, vjp does not.",
        killed_by="gradient.adjoint",
    ),
    Mutant(
        LayerCase("composites/centred-mean-gain", CentredMeanGain(), (3,)),
        fault="batch",
        wrong="The gradient of the gain is a mean over the batch.",
        killed_by="gradient.parameters",
    ),
    Mutant(
        LayerCase("composites/centred-by-first", CentredByFirst(), (3,), reference=slow_centred),
        fault="forward",
        wrong="The first sample is subtracted in place of the mean.",
        killed_by="forward.reference",
    ),
    Mutant(
        LayerCase("composites/centred-remembers", CentredRemembers(), (3,)),
        fault="state",
        wrong="The layer keeps the mean of the last batch.",
        killed_by="purity.state",
    ),
    Mutant(
        LayerCase("composites/centred-within", CentredWithin(), (3,)),
        fault="batch",
        wrong="Each sample is centred by itself, and mixes_samples is True.",
        killed_by="batch.mixing",
    ),
]

"""Right composites, of which the wrong ones are made."""

from dataclasses import dataclass, field

import numpy as np

from chainrule import BatchJacobian, Layer, ShapeError
from chainrule.conformance import LayerCase

from .parts import Mix, Noise, Squash, Words, check_layer, named, part


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

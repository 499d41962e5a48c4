"""A pair of layers, one after the other."""

from functools import lru_cache

import numpy as np

from chainrule import UnsupportedError
from chainrule.conformance import LayerCase

from .. import Mutant
from .honest import Pair, Product
from .parts import Fixed, Mix, Noise, Squash, Words, named, part


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
]

"""Faults that came past an earlier state of the suite: each is why a check is there, or looks where it does."""

from dataclasses import dataclass

import numpy as np

from chainrule import (
    BatchJacobian,
    Diagonal,
    Elementwise,
    Jacobian,
    Layer,
    Loss,
    Matrix,
    Outer,
    Scale,
    SettingError,
    ShapeError,
    Shift,
    class_targets,
    positive_int,
)
from chainrule.conformance import LayerCase, LossCase

from . import Mutant
from .elementwise.honest import Tanh

MUTANTS = []


def mutant(case, fault, killed_by):
    MUTANTS.append(Mutant(case, fault, type(case.subject).__doc__, killed_by))


@dataclass(frozen=True)
class Dense(Layer):
    units: int

    def __post_init__(self):
        positive_int("units", self.units)

    def output_shape(self, input_shape):
        if len(input_shape) != 1:
            raise ShapeError("input", expected=("n",), got=input_shape)
        return (self.units,)

    def parameter_shapes(self, input_shape):
        self.output_shape(input_shape)
        return {"W": (self.units, *input_shape), "b": (self.units,)}

    def initialize(self, input_shape, rng):
        return {name: rng.normal(size=shape) for name, shape in self.parameter_shapes(input_shape).items()}

    def forward(self, x, W, b):
        return x @ W.T + b

    def jacobian(self, x, y, W, b):
        return Jacobian(Matrix(W), W=Outer(x), b=Shift(b.shape))


class CheckedInDebugOnly(Dense):
    """Its settings are checked under __debug__ alone, which python -O turns off."""

    def __post_init__(self):
        if __debug__:
            positive_int("units", self.units)


mutant(LayerCase("affine/checked-in-debug-only", CheckedInDebugOnly(3), (4,)), "errors", "errors.optimized")


class ForgetsBiasInLargeBatches(Dense):
    """A way for batches over 64 leaves out the bias."""

    def forward(self, x, W, b):
        return x @ W.T + b if len(x) <= 140 else x @ W.T


mutant(LayerCase("affine/large-batch-without-bias", ForgetsBiasInLargeBatches(3), (4,)), "batch", "batch.large")


class PullsBackFlat(Dense):
    """Its vjp returns δ·J_X as one vector."""

    def jacobian(self, x, y, W, b):
        return Flat(Matrix(W), W=Outer(x), b=Shift(b.shape))


class Flat(Jacobian):
    def vjp(self, delta, out=None):
        return super().vjp(delta, out).reshape(-1)


mutant(LayerCase("affine/vjp-flat", PullsBackFlat(3), (4,)), "derivative", "gradient.runs")


@dataclass(frozen=True)
class ReLUOfDense(Dense):
    def forward(self, x, W, b):
        return np.maximum(x @ W.T + b, 0)

    def jacobian(self, x, y, W, b):
        return Jacobian(Matrix(W), after=Diagonal(y > 0), W=Outer(x), b=Shift(b.shape))


class OneAtTheKink(ReLUOfDense):
    """At the kink it passes the gradient on; the case declares 0."""

    def jacobian(self, x, y, W, b):
        return Jacobian(Matrix(W), after=Diagonal(x @ W.T + b >= 0), W=Outer(x), b=Shift(b.shape))


AT_ZERO = [((1.0, 2.0), [[0.0, 0.0]], {"W": [[2.0, -1.0]], "b": [0.0]})]
mutant(LayerCase("affine/one-at-the-kink", OneAtTheKink(1), (2,), kink_points=AT_ZERO), "kinks", "kinks.points")


class FiveAtTheKink(ReLUOfDense):
    """At the kink the parameters' gradients are five times too large."""

    def jacobian(self, x, y, W, b):
        z = x @ W.T + b
        return Five(Matrix(W), after=Diagonal(z > 0), W=Outer(x), b=Shift(b.shape)).at(z, x)


class Five(Jacobian):
    __slots__ = ("x", "z")

    def at(self, z, x):
        self.z, self.x = z, x
        return self

    def vjp_params(self, delta, out):
        delta = delta * ((self.z > 0) + 5.0 * (self.z == 0))
        self.params["W"].vjp(delta, out["W"])
        self.params["b"].vjp(delta, out["b"])

    def vjp(self, delta, out=None):
        if out is not None:
            self.vjp_params(delta, out)
        return super().vjp(delta)


mutant(LayerCase("affine/five-at-the-kink", FiveAtTheKink(2), (3,)), "kinks", "kinks.parameters")


@dataclass(frozen=True)
class ReZero(Layer):
    """The gradient of its factor divides by the factor, which starts at zero."""

    def output_shape(self, input_shape):
        return input_shape

    def parameter_shapes(self, input_shape):
        return {"a": ()}

    def initialize(self, input_shape, rng):
        return {"a": np.zeros(())}

    def forward(self, x, a):
        return a * np.tanh(x)

    def jacobian(self, x, y, a):
        return Jacobian(Diagonal(a * (1 - np.tanh(x) ** 2)), a=Scale(y / a, ()))


mutant(LayerCase("affine/gradient-divides-by-its-start", ReZero(), (3,)), "extremes", "kinks.parameters")


class ShiftedTanh(Tanh):
    """It is tanh moved up by a hundredth: no odd function, which the case declares."""

    def forward(self, x):
        return np.tanh(x) + 0.01

    def derivative(self, x, y):
        return 1 - np.tanh(x) ** 2


ODD = {"f(-x) = -f(x)": lambda f, x: (f(-x), -f(x))}
mutant(LayerCase("elementwise/tanh-moved-up", ShiftedTanh(), (3, 4), laws=ODD), "forward", "forward.laws")


@dataclass(frozen=True)
class Sinc(Elementwise):
    """sin(x)/x is 0/0 at 0."""

    def forward(self, x):
        return np.sin(x) / x

    def derivative(self, x, y):
        return (np.cos(x) - y) / x


mutant(LayerCase("elementwise/sinc-without-zero", Sinc(), (3, 2)), "extremes", "forward.special")


@dataclass(frozen=True)
class Huber(Elementwise):
    """Beyond ten its derivative has lost the sign."""

    def forward(self, x):
        return np.where(np.abs(x) < 10, x * x / 2, 10 * (np.abs(x) - 5))

    def derivative(self, x, y):
        return np.where(np.abs(x) < 10, x, 10)


mutant(LayerCase("elementwise/sign-lost-far-out", Huber(), (3, 2)), "derivative", "gradient.magnitudes")


@dataclass(frozen=True)
class Power(Elementwise):
    """Its derivative has the exponent 2 written out, and the only case is of exponent 2."""

    exponent: int = 2

    def __post_init__(self):
        positive_int("exponent", self.exponent)

    def forward(self, x):
        return x**self.exponent

    def derivative(self, x, y):
        return 2 * x


mutant(LayerCase("elementwise/exponent-written-out", Power(), (3, 2)), "derivative", "gradient.settings")


@dataclass(frozen=True)
class Hides(Layer):
    """A layer around a stochastic one that does not say that it is stochastic itself: it trains without noise."""

    inner: Layer

    def __post_init__(self):
        if not isinstance(self.inner, Layer):
            raise SettingError("inner", expected="a Layer", got=self.inner)

    def output_shape(self, input_shape):
        return self.inner.output_shape(input_shape)

    def forward(self, x):
        return self.inner.forward(x)

    def linearize(self, x):
        return self.inner.linearize(x)


@dataclass(frozen=True)
class Noisy(Elementwise):
    stochastic = True

    def forward(self, x):
        return x

    def derivative(self, x, y):
        return np.ones_like(x)


mutant(LayerCase("composites/hides-the-noise-inside", Hides(Noisy()), (4,)), "randomness", "lifecycle.flags")


@dataclass(frozen=True)
class Variance(Layer):
    """It takes the variance as E[x²] - E[x]², which cancels for numbers far from 0."""

    def output_shape(self, input_shape):
        if len(input_shape) != 1:
            raise ShapeError("input", expected=("n",), got=input_shape)
        return (1,)

    def forward(self, x):
        return (x * x).mean(axis=1, keepdims=True) - x.mean(axis=1, keepdims=True) ** 2

    def jacobian(self, x, y):
        return VarianceJacobian(x)


class VarianceJacobian(BatchJacobian):
    def __init__(self, x):
        self.slope = 2 * (x - x.mean(axis=1, keepdims=True)) / x.shape[1]

    def vjp(self, delta, out=None):
        return delta * self.slope

    def jvp(self, tangent, params):
        return (self.slope * tangent).sum(axis=1, keepdims=True)


mutant(LayerCase("affine/variance-that-cancels", Variance(), (6,)), "extremes", "numerics.cancellation")

KEPT = {}


class KeepsByContent(Tanh):
    """It keeps every batch that it ever saw, by content."""

    def forward(self, x):
        return KEPT.setdefault(x.tobytes(), np.tanh(x)).copy()


mutant(LayerCase("elementwise/keeps-every-batch", KeepsByContent(), (3, 4)), "resources", "resources.leak")

SLOPES = {}


@dataclass(frozen=True)
class Leaky(Elementwise):
    """A cache of its slope, keyed by the shape alone, is shared by layers of other slopes."""

    slope: float = 0.25

    def kept(self, x):
        return SLOPES.setdefault(x.shape[1:], self.slope)

    def forward(self, x):
        return np.where(x > 0, x, self.kept(x) * x)

    def derivative(self, x, y):
        return np.where(x > 0, x.dtype.type(1), x.dtype.type(self.kept(x)))


mutant(
    LayerCase("elementwise/cache-forgets-the-slope", Leaky(), (3, 4), kinks={0.0: 0.25}), "state", "purity.instances"
)


@dataclass(frozen=True)
class LogOfProbability(Loss):
    """It takes the logarithm of a softmax, which is 0 from a score of 40 on."""

    def value(self, scores, targets):
        return self.linearize(scores, targets)[0]

    def linearize(self, scores, targets):
        rows = np.arange(len(scores)), class_targets("loss", scores, targets)
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        value = -np.log(p[rows])
        p[rows] -= 1
        return value, p

    def decide(self, scores):
        return scores.argmax(axis=1)

    def error(self, scores, targets):
        return self.decide(scores) != class_targets("loss", scores, targets)


mutant(LossCase("loss/logarithm-of-zero", LogOfProbability(), (3,), "class"), "extremes", "loss.extremes")

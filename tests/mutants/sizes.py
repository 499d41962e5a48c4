"""Close to zero and far out: formulas with branches, thresholds and guards, right ones and wrong ones."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chainrule import Diagonal, Elementwise, Jacobian, Layer, Scale, positive_real
from chainrule.conformance import LayerCase

from . import Mutant
from .elementwise.honest import ROW, Tanh, each
from .honest.base import Alike, Map
from .honest.functions import Exp

HONEST = []
MUTANTS = []


def honest(name, layer, shape=ROW, **traits):
    HONEST.append(LayerCase(name, layer, shape, **traits))


def mutant(name, layer, killed_by, fault="derivative", shape=ROW, **traits):
    MUTANTS.append(Mutant(LayerCase(name, layer, shape, **traits), fault, type(layer).__doc__, killed_by))


@dataclass(frozen=True)
class SoftShrink(Elementwise):
    edge: float

    def __post_init__(self):
        positive_real("edge", self.edge)

    def forward(self, x):
        return x - np.clip(x, -self.edge, self.edge)

    def derivative(self, x, y):
        return np.abs(x) > self.edge


class ShrinkPassesAll(SoftShrink):
    """The gradient passes below the edge, too, where the output is 0."""

    def derivative(self, x, y):
        return np.ones_like(x)


@dataclass(frozen=True)
class Clip(Elementwise):
    limit: float

    def __post_init__(self):
        positive_real("limit", self.limit)
        object.__setattr__(self, "output_range", (-self.limit, self.limit))

    def forward(self, x):
        return np.clip(x, -self.limit, self.limit)

    def derivative(self, x, y):
        return np.abs(x) < self.limit


class ClipBeyondItsRange(Clip):
    """It says that y lies within half of its limit."""

    def __post_init__(self):
        object.__setattr__(self, "output_range", (-self.limit / 2, self.limit / 2))


class ClipStraightThrough(Clip):
    """The gradient passes beyond the limit, where the output is constant."""

    def derivative(self, x, y):
        return np.ones_like(x)


for edge in (0.05, 0.1):
    honest(f"elementwise/soft-shrink-{edge}", SoftShrink(edge))
    mutant(f"elementwise/soft-shrink-{edge}-passes-all", ShrinkPassesAll(edge), "gradient.magnitudes")
for limit in (30.0, 300.0, 1000.0):
    honest(f"elementwise/clip-{limit:g}", Clip(limit))
    mutant(f"elementwise/clip-{limit:g}-straight-through", ClipStraightThrough(limit), "gradient.magnitudes")


mutant("elementwise/clip-beyond-its-range", ClipBeyondItsRange(30.0), "forward.range", "forward")


@dataclass(frozen=True)
class HuberLayer(Elementwise):
    edge: float = 0.1

    def forward(self, x):
        size = np.abs(x)
        return np.where(size < self.edge, x * x / (2 * self.edge), size - self.edge / 2)

    def derivative(self, x, y):
        return np.clip(x / self.edge, -1, 1)


class HuberWithoutSquare(HuberLayer):
    """Its derivative is the sign, below the edge, too."""

    def derivative(self, x, y):
        return np.sign(x)


honest("elementwise/huber", HuberLayer())
mutant("elementwise/huber-without-square", HuberWithoutSquare(), "gradient.magnitudes")


def slow_sinc(x):
    return each(x, lambda v: math.sin(v) / v if v else 1.0)


@dataclass(frozen=True)
class Sinc(Elementwise):
    """y = sin(x) / x, by its series close to 0."""

    def series(self, x):
        return 1 - x * x / 6 + x**4 / 120

    def slope(self, x):
        return -x / 3 + x**3 / 30

    def forward(self, x):
        safe = np.where(np.abs(x) < 0.1, 1, x)
        return np.where(np.abs(x) < 0.1, self.series(x), np.sin(safe) / safe)

    def derivative(self, x, y):
        safe = np.where(np.abs(x) < 0.1, 1, x)
        return np.where(np.abs(x) < 0.1, self.slope(x), (np.cos(safe) - np.sin(safe) / safe) / safe)


class SeriesOfTheSlope(Sinc):
    """Close to 0 its derivative is -x/6: the series was not multiplied by the exponent."""

    def slope(self, x):
        return -x / 6


class SeriesWithoutFactor(Sinc):
    """Close to 0 value and derivative are those of 1 - x²/2."""

    def series(self, x):
        return 1 - x * x / 2

    def slope(self, x):
        return -x


honest("elementwise/sinc", Sinc(), reference=slow_sinc)
mutant("elementwise/sinc-slope", SeriesOfTheSlope(), "gradient.magnitudes", reference=slow_sinc)
mutant("elementwise/sinc-series", SeriesWithoutFactor(), "forward.magnitudes", "forward", reference=slow_sinc)


@dataclass(frozen=True)
class FlooredLog(Elementwise):
    def forward(self, x):
        return np.log(np.maximum(x, 1e-3))

    def derivative(self, x, y):
        return np.where(x > 1e-3, 1 / x, 0)


class LogOfTheFloor(FlooredLog):
    """It is constant below 0.001, and its derivative 1/x."""

    def derivative(self, x, y):
        return 1 / x


honest("elementwise/floored-log", FlooredLog(), domain=(1e-6, 10.0))
mutant("elementwise/log-of-the-floor", LogOfTheFloor(), "gradient.magnitudes", domain=(1e-6, 10.0))


@dataclass(frozen=True)
class Offset(Elementwise):
    """y = offset + slope * x."""

    offset: float
    slope: float

    def forward(self, x):
        return self.offset + self.slope * x

    def derivative(self, x, y):
        return np.full_like(x, self.slope)


honest("elementwise/offset", Offset(2e5, 8e4))
honest("elementwise/small-slope", Offset(0.0, 1e-7))


@dataclass(frozen=True)
class HighTanh(Tanh):
    """y = 1e10 + tanh(x)."""

    def forward(self, x):
        return 1e10 + np.tanh(x)

    def derivative(self, x, y):
        return 1 - np.tanh(x) ** 2


class HighTanhTooSteep(HighTanh):
    """Its derivative is 1.5 times the right one; rounding hides it from small steps, as y is 1e10."""

    def derivative(self, x, y):
        return 1.5 * super().derivative(x, y)


mutant("elementwise/high-tanh-too-steep", HighTanhTooSteep(), "gradient.magnitudes")


class ExpByTwoTerms(Exp):
    """y = e^x is written as a sum whose terms are both infinite beyond 709: it is NaN there, and not infinite."""

    def forward(self, x):
        return 2 * np.exp(x) - np.exp(x)


honest("elementwise/exp", Exp())
mutant("elementwise/exp-by-two-terms", ExpByTwoTerms(), "numerics.extremes", "extremes")


@dataclass(frozen=True)
class Gain(Layer):
    """y = g(a) * x, g(a) being a as far as its size is between two limits."""

    low: float = 0.01
    high: float = 100.0

    def output_shape(self, input_shape):
        return input_shape

    def parameter_shapes(self, input_shape):
        return {"a": input_shape}

    def initialize(self, input_shape, rng):
        return {"a": rng.uniform(0.5, 1.5, input_shape)}

    def gain(self, a):
        return np.sign(a) * np.clip(np.abs(a), self.low, self.high)

    def moves(self, a):
        return (np.abs(a) > self.low) & (np.abs(a) < self.high)

    def forward(self, x, a):
        return x * self.gain(a)

    def jacobian(self, x, y, a):
        return Jacobian(Diagonal(np.broadcast_to(self.gain(a), x.shape)), a=Scale(x * self.moves(a), a.shape))


class GainUnlimited(Gain):
    """The gradient of a passes beyond the upper limit."""

    def moves(self, a):
        return np.abs(a) > self.low


class GainFromZero(Gain):
    """The gradient of a passes below the lower limit."""

    def moves(self, a):
        return np.abs(a) < self.high


honest("affine/gain", Gain())
mutant("affine/gain-unlimited", GainUnlimited(), "gradient.magnitudes")
mutant("affine/gain-from-zero", GainFromZero(), "gradient.magnitudes")


@dataclass(frozen=True)
class SelfAttention(Alike):
    """y = softmax(x xᵀ) x over the positions of a sample (T, n)."""

    axes = 2

    def weights(self, x):
        scores = x @ x.swapaxes(1, 2)
        e = np.exp(scores - scores.max(axis=2, keepdims=True))
        return e / e.sum(axis=2, keepdims=True)

    def forward(self, x):
        return self.weights(x) @ x

    def jacobian(self, x, y):
        p = self.weights(x)

        def through_scores(g):
            return p * (g - (p * g).sum(axis=2, keepdims=True))

        def vjp(delta):
            ds = through_scores(delta @ x.swapaxes(1, 2))
            return p.swapaxes(1, 2) @ delta + (ds + ds.swapaxes(1, 2)) @ x

        def jvp(v):
            s = v @ x.swapaxes(1, 2)
            return p @ v + through_scores(s + s.swapaxes(1, 2)) @ x

        return Jacobian(Map(vjp, jvp))


class SelfAttentionUnshifted(SelfAttention):
    """The largest score is not subtracted: scores grow as x², and overflow for inputs of 30 already."""

    def weights(self, x):
        e = np.exp(x @ x.swapaxes(1, 2))
        return e / e.sum(axis=2, keepdims=True)


honest("composites/self-attention", SelfAttention(), (3, 2))
mutant("composites/self-attention-unshifted", SelfAttentionUnshifted(), "numerics.extremes", "extremes", (3, 2))


@dataclass(frozen=True)
class Chirp(Elementwise):
    """y = sin(x²): far out it oscillates within every step, and nothing can be said of its derivative."""

    def forward(self, x):
        return np.sin(x * x)

    def derivative(self, x, y):
        return 2 * x * np.cos(x * x)


honest("elementwise/chirp", Chirp())


@dataclass(frozen=True)
class Doubled(Elementwise):
    def forward(self, x):
        return 2 * x

    def derivative(self, x, y):
        return np.full_like(x, 2)


class DoubledWithAHole(Doubled):
    """It is NaN close to 0, but not at 0 itself."""

    def forward(self, x):
        return np.where((np.abs(x) < 1e-3) & (x != 0), np.nan, 2 * x)


class DoubledWithoutSlope(Doubled):
    """Its derivative is NaN for inputs between 0.0001 and 0.01."""

    def derivative(self, x, y):
        return np.where((np.abs(x) > 1e-4) & (np.abs(x) < 0.01), np.nan, 2.0)


mutant("elementwise/hole", DoubledWithAHole(), "forward.magnitudes", "extremes", reference=lambda x: 2 * x)
mutant("elementwise/no-slope", DoubledWithoutSlope(), "gradient.magnitudes", "extremes")


class HalfWhereAsked(Jacobian):
    def vjp_params(self, delta, out):
        super().vjp_params(delta, out)
        for array in out.values():
            array[...] = np.where(np.abs(array) < 0.02, array / 2, array)


class GainInFront(Gain):
    """vjp_params, which the driver asks of the first layer, halves small gradients."""

    def jacobian(self, x, y, a):
        return HalfWhereAsked(Diagonal(np.broadcast_to(self.gain(a), x.shape)), a=Scale(x * self.moves(a), a.shape))


mutant("affine/gain-in-front", GainInFront(), "gradient.maps")

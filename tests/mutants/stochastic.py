"""Stochastic layers that are wrong: what is drawn, from where, and what a training step sees of it."""

import time
from dataclasses import dataclass

import numpy as np

from chainrule import (
    Diagonal,
    Elementwise,
    Jacobian,
    Layer,
    Matrix,
    Outer,
    Reshape,
    SettingError,
    ShapeError,
    Shift,
    integer,
    positive_int,
    positive_real,
    real,
)
from chainrule.conformance import LayerCase

from . import Mutant

SHAPE = (3, 2)
INVALID = [{"rate": 1.0}, {"rate": -0.1}, {"rate": 2}]


def seed_of(rng):
    return int(rng.integers(2**63))


def kept(seed, rate, shape, dtype):
    """Return 0 with probability `rate`, and 1 / (1 - rate) otherwise."""
    drawn = np.random.default_rng(seed).random(shape) >= rate
    return drawn.astype(dtype) / (1 - rate)


@dataclass(frozen=True)
class Dropped(Elementwise):
    """Dropout in one training step."""

    rate: float
    seed: int

    def __post_init__(self):
        real("rate", self.rate, minimum=0, below=1)
        integer("seed", self.seed, minimum=0)

    def mask(self, x):
        return kept(self.seed, self.rate, x.shape, x.dtype)

    def forward(self, x):
        return x * self.mask(x)

    def derivative(self, x, y):
        return self.mask(x)


@dataclass(frozen=True)
class Dropout(Layer):
    """Srivastava et al. (2014), scaled in training."""

    stochastic = True
    realized = Dropped

    rate: float

    def __post_init__(self):
        real("rate", self.rate, minimum=0, below=1)

    def output_shape(self, input_shape):
        return input_shape

    def forward(self, x):
        return x

    def jacobian(self, x, y):
        return Jacobian(Reshape(x.shape[1:], x.shape[1:]))

    def realize(self, rng):
        return self.realized(self.rate, seed_of(rng))


@dataclass(frozen=True)
class NoiseOf(Elementwise):
    size: float
    seed: int

    def __post_init__(self):
        positive_real("size", self.size)
        integer("seed", self.seed, minimum=0)

    def drawn(self, x):
        return np.random.default_rng(self.seed).normal(0, self.size, x.shape).astype(x.dtype)

    def forward(self, x):
        return x + self.drawn(x)

    def derivative(self, x, y):
        return np.ones_like(x)


class FactorOf(NoiseOf):
    def forward(self, x):
        return x * (1 + self.drawn(x))

    def derivative(self, x, y):
        return 1 + self.drawn(x)


@dataclass(frozen=True)
class Noise(Elementwise):
    """The identity in prediction, additive Gaussian noise in training."""

    stochastic = True
    realized = NoiseOf

    size: float

    def __post_init__(self):
        positive_real("size", self.size)

    def forward(self, x):
        return x

    def derivative(self, x, y):
        return np.ones_like(x)

    def realize(self, rng):
        return self.realized(self.size, seed_of(rng))


class Factor(Noise):
    """Multiplicative Gaussian noise of mean 1: Srivastava et al. (2014), section 10."""

    realized = FactorOf


@dataclass(frozen=True)
class DropConnect(Layer):
    """An affine layer that drops weights in training: Wan et al. (2013), a mask for each sample."""

    stochastic = True

    units: int
    rate: float

    def __post_init__(self):
        positive_int("units", self.units)
        real("rate", self.rate, minimum=0, below=1)

    def output_shape(self, input_shape):
        if len(input_shape) != 1:
            raise ShapeError(f"{type(self).__name__} input", expected=("n",), got=input_shape)
        return (self.units,)

    def parameter_shapes(self, input_shape):
        return {"W": (*self.output_shape(input_shape), *input_shape), "b": (self.units,)}

    def initialize(self, input_shape, rng):
        shapes = self.parameter_shapes(input_shape)
        return {"W": rng.normal(size=shapes["W"]), "b": np.zeros(self.units)}

    def forward(self, x, W, b):
        return x @ W.T + b

    def jacobian(self, x, y, W, b):
        return Jacobian(Matrix(W), W=Outer(x), b=Shift(b.shape))

    def realize(self, rng):
        return Disconnected(self.units, self.rate, seed_of(rng))


@dataclass(frozen=True)
class Disconnected(DropConnect):
    stochastic = False

    seed: int = 0

    def __post_init__(self):
        super().__post_init__()
        integer("seed", self.seed, minimum=0)

    def mask(self, x, W):
        return kept(self.seed, self.rate, (len(x), *W.shape), x.dtype)

    def forward(self, x, W, b):
        return np.einsum("juv,jv->ju", self.mask(x, W) * W, x) + b

    def jacobian(self, x, y, W, b):
        mask = self.mask(x, W)
        return Jacobian(EachMatrix(mask * W), W=MaskedOuter(x, mask), b=Shift(b.shape))


@dataclass
class EachMatrix:
    """A matrix for each sample."""

    W: np.ndarray

    def vjp(self, delta):
        return np.einsum("ju,juv->jv", delta, self.W)

    def jvp(self, tangent):
        return np.einsum("jv,juv->ju", tangent, self.W)


@dataclass
class MaskedOuter:
    x: np.ndarray
    mask: np.ndarray

    def vjp(self, delta, out):
        out[...] = self.per_sample(delta).sum(axis=0)

    def jvp(self, tangent):
        return np.einsum("juv,jv->ju", self.mask * tangent, self.x)

    def per_sample(self, delta):
        return delta[:, :, None] * self.x[:, None, :] * self.mask


@dataclass(frozen=True)
class Depth(Layer):
    """x + q f(x), and x + g f(x) in training, g being 1 with probability q: Huang et al. (2016), for each sample."""

    stochastic = True

    inner: Layer
    survival: float

    def __post_init__(self):
        if not isinstance(self.inner, Layer):
            raise SettingError("inner", expected="a Layer", got=self.inner)
        real("survival", self.survival, above=0)

    def output_shape(self, input_shape):
        shape = self.inner.output_shape(input_shape)
        if shape != input_shape:
            raise ShapeError(f"{type(self).__name__}: f(x)", expected=input_shape, got=shape)
        return shape

    def gates(self, x):
        return np.full((len(x), *[1] * (x.ndim - 1)), self.survival, x.dtype)

    def forward(self, x):
        return x + self.gates(x) * self.inner.forward(x)

    def linearize(self, x):
        y, jacobian = self.inner.linearize(x)
        gates = self.gates(x)
        return x + gates * y, Jacobian(Gated(jacobian, gates))

    def realize(self, rng):
        return ThisDeep(self.inner.realize(rng), self.survival, seed_of(rng))


@dataclass(frozen=True)
class ThisDeep(Depth):
    stochastic = False

    seed: int = 0

    def __post_init__(self):
        super().__post_init__()
        integer("seed", self.seed, minimum=0)

    def gates(self, x):
        shape = (len(x), *[1] * (x.ndim - 1))
        return (np.random.default_rng(self.seed).random(shape) < self.survival).astype(x.dtype)


class Gated:
    """v + g J v."""

    def __init__(self, jacobian, gates):
        self.jacobian, self.gates = jacobian, gates

    def vjp(self, delta):
        return delta + self.jacobian.vjp(delta * self.gates)

    def jvp(self, tangent):
        return tangent + self.gates * self.jacobian.jvp(tangent, {})


@dataclass(frozen=True)
class Half(Elementwise):
    """A linear branch, so that the mean over the gates is known."""

    def forward(self, x):
        return x / 2

    def derivative(self, x, y):
        return np.full_like(x, 0.5)


# What is wrong.


class WithoutRescaling(Dropped):
    def mask(self, x):
        return (np.random.default_rng(self.seed).random(x.shape) >= self.rate).astype(x.dtype)


class RescaledByRate(Dropped):
    def mask(self, x):
        return super().mask(x) * (1 - self.rate) / self.rate


class KeptInsteadOfDropped(Dropped):
    def mask(self, x):
        return (np.random.default_rng(self.seed).random(x.shape) < self.rate).astype(x.dtype) / (1 - self.rate)


class DrawnAtForward(Dropped):
    def mask(self, x):
        return kept(None, self.rate, x.shape, x.dtype)


class SeedsTheGlobal(Dropped):
    def mask(self, x):
        np.random.seed(self.seed % 2**32)  # noqa: NPY002
        return (np.random.random(x.shape) >= self.rate).astype(x.dtype) / (1 - self.rate)  # noqa: NPY002


class ByCallCount(Dropped):
    calls = 0

    def mask(self, x):
        type(self).calls += 1
        return kept(self.seed + type(self).calls, self.rate, x.shape, x.dtype)


class LinearizedByAnother(Dropped):
    def linearize(self, x):
        mask = kept(self.seed + 1, self.rate, x.shape, x.dtype)
        return x * mask, Jacobian(Diagonal(mask))


class PulledBackByAnother(Dropped):
    def derivative(self, x, y):
        return kept(self.seed + 1, self.rate, x.shape, x.dtype)


class MaskOfTheFirst(Dropped):
    def derivative(self, x, y):
        return np.repeat(self.mask(x)[:1], len(x), axis=0)


class ForgetsTheMask(Dropped):
    def derivative(self, x, y):
        return np.ones_like(x)


class ForgetsTheScale(Dropped):
    def derivative(self, x, y):
        return (self.mask(x) > 0).astype(x.dtype)


class PassesAllWhereZero(Dropped):
    def derivative(self, x, y):
        return np.where(y == x, 1, 1 / (1 - self.rate)).astype(x.dtype)


class JvpForgetsTheMask(Dropped):
    def jacobian(self, x, y):
        return Jacobian(TransposeOnly(self.mask(x)))


@dataclass
class TransposeOnly:
    d: np.ndarray

    def vjp(self, delta):
        return delta * self.d

    def jvp(self, tangent):
        return tangent


class InFloat64(Dropped):
    def mask(self, x):
        return kept(self.seed, self.rate, x.shape, np.float64)


class DrawnInTheDtype(Dropped):
    def mask(self, x):
        drawn = np.random.default_rng(self.seed).random(x.shape, x.dtype) >= self.rate
        return drawn.astype(x.dtype) / (1 - self.rate)


class InMemoryOrder(Dropped):
    def forward(self, x):
        flat = x.ravel(order="K")
        return (flat * self.mask(flat)).reshape(x.shape)

    def derivative(self, x, y):
        return self.mask(x.ravel()).reshape(x.shape)


class DropsInPlace(Dropped):
    def forward(self, x):
        x *= self.mask(x)
        return x

    def linearize(self, x):
        return x * self.mask(x), Jacobian(Diagonal(self.mask(x)))


class KeepsItsMask(Dropped):
    def mask(self, x):
        mask = super().mask(x)
        object.__setattr__(self, "last", mask)
        return mask


GENERATOR = np.random.default_rng(0)


class SharedGenerator(Dropped):
    def mask(self, x):
        GENERATOR.bit_generator.state = np.random.PCG64(self.seed).state
        drawn = GENERATOR.random(x.shape) >= self.rate
        return drawn.astype(x.dtype) / (1 - self.rate)


class RolledOverTheBatch(Dropped):
    def forward(self, x):
        mask = self.mask(x)
        return x * mask + np.roll(x, 1, axis=0) * (mask == 0)

    def linearize(self, x):
        mask = self.mask(x)
        rest = (mask == 0).astype(x.dtype)
        back = Rolled(mask, rest)
        return self.forward(x), Jacobian(back)


@dataclass
class Rolled:
    mask: np.ndarray
    rest: np.ndarray

    def vjp(self, delta):
        return delta * self.mask + np.roll(delta * self.rest, -1, axis=0)

    def jvp(self, tangent):
        return tangent * self.mask + np.roll(tangent, 1, axis=0) * self.rest


class Unequal(Dropped):
    __eq__ = object.__eq__
    __hash__ = object.__hash__


def dropout_of(realized_as):
    """Return a dropout that realizes to a wrong class; a class in the module, so that pickle finds it."""
    kind = type(f"DropoutOf{realized_as.__name__}", (Dropout,), {"realized": realized_as, "__module__": __name__})
    globals()[kind.__name__] = kind
    return kind


class SeedOfTheGlobal(Dropout):
    def realize(self, rng):
        return Dropped(self.rate, int(np.random.randint(2**31)))  # noqa: NPY002


class SeedOfTheClock(Dropout):
    def realize(self, rng):
        return Dropped(self.rate, time.perf_counter_ns())


class SeedsAlongside(Dropout):
    def realize(self, rng):
        seed = seed_of(rng)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        return Dropped(self.rate, seed)


class OneSeed(Dropout):
    def realize(self, rng):
        return Dropped(self.rate, 0)


class SeedOfACopy(Dropout):
    def realize(self, rng):
        return Dropped(self.rate, seed_of(np.random.Generator(type(rng.bit_generator)(rng.bit_generator.seed_seq))))


class RealizesToItself(Dropout):
    def realize(self, rng):
        seed_of(rng)
        return self


class StillStochastic(Dropped):
    stochastic = True


class Undeclared(Dropout):
    stochastic = False


class DropsInPrediction(Dropout):
    def forward(self, x):
        return x * kept(0, self.rate, x.shape, x.dtype)

    def jacobian(self, x, y):
        return Jacobian(Diagonal(kept(0, self.rate, x.shape, x.dtype)))


class DropsWhereItIsLinearized(Dropout):
    def linearize(self, x):
        return Dropped(self.rate, 0).linearize(x)


class ScaledInPredictionToo(Dropout):
    def forward(self, x):
        return x * (1 - self.rate)

    def jacobian(self, x, y):
        return Jacobian(Diagonal(np.full_like(x, 1 - self.rate)))


class AnyRate(Dropout):
    def __post_init__(self):
        pass


@dataclass(frozen=True)
class UpToOne(Dropout):
    def __post_init__(self):
        real("rate", self.rate, minimum=0)
        if self.rate > 1:
            real("rate", self.rate, below=1)


class NumPySeed(Dropped):
    def __post_init__(self):
        real("rate", self.rate, minimum=0, below=1)


class SeedOfNumPy(Dropout):
    def realize(self, rng):
        return NumPySeed(self.rate, rng.integers(2**63))


@dataclass(frozen=True)
class HoldsAGenerator(Dropped):
    seed: object = None

    def __post_init__(self):
        real("rate", self.rate, minimum=0, below=1)

    def mask(self, x):
        return (self.seed.random(x.shape) >= self.rate).astype(x.dtype) / (1 - self.rate)


class GivesItsGenerator(Dropout):
    def realize(self, rng):
        return HoldsAGenerator(self.rate, rng)


class BiasedNoiseOf(NoiseOf):
    def drawn(self, x):
        return np.abs(super().drawn(x))


class BiasedNoise(Noise):
    realized = BiasedNoiseOf


class FactorAroundZeroOf(FactorOf):
    def forward(self, x):
        return x * self.drawn(x)

    def derivative(self, x, y):
        return self.drawn(x)


class FactorAroundZero(Factor):
    realized = FactorAroundZeroOf


class ForgetsWhatIsDropped(Disconnected):
    def jacobian(self, x, y, W, b):
        return Jacobian(EachMatrix(self.mask(x, W) * W), W=Outer(x), b=Shift(b.shape))


class DrawsInPrediction(Dropout):
    def forward(self, x):
        return x * kept(None, self.rate, x.shape, x.dtype)

    def linearize(self, x):
        mask = kept(None, self.rate, x.shape, x.dtype)
        return x * mask, Jacobian(Diagonal(mask))


class SeedWhenAsked(Dropped):
    def mask(self, x):
        if "own" not in vars(self):
            object.__setattr__(self, "own", seed_of(self.rng))
        return kept(self.own, self.rate, x.shape, x.dtype)


class GivesItsGeneratorAlong(Dropout):
    def realize(self, rng):
        realized = SeedWhenAsked(self.rate, 0)
        object.__setattr__(realized, "rng", rng)
        return realized


class NoiseOfTheBatchOf(NoiseOf):
    def drawn(self, x):
        return super().drawn(x) * x.std()


class NoiseOfTheBatch(Noise):
    realized = NoiseOfTheBatchOf


class LosesTheShift(Disconnected):
    def parameter_shapes(self, input_shape):
        return {"W": super().parameter_shapes(input_shape)["W"]}

    def initialize(self, input_shape, rng):
        return {"W": super().initialize(input_shape, rng)["W"]}

    def forward(self, x, W, b=0):
        return super().forward(x, W, b)

    def jacobian(self, x, y, W, b=0):
        return Jacobian(EachMatrix(self.mask(x, W) * W), W=MaskedOuter(x, self.mask(x, W)))


class RenamesItsParameters(Disconnected):
    def parameter_shapes(self, input_shape):
        return {f"inner.{name}": shape for name, shape in super().parameter_shapes(input_shape).items()}

    def initialize(self, input_shape, rng):
        return {f"inner.{name}": value for name, value in super().initialize(input_shape, rng).items()}

    def forward(self, x, **params):
        return super().forward(x, params["inner.W"], params["inner.b"])

    def jacobian(self, x, y, **params):
        jacobian = super().jacobian(x, y, params["inner.W"], params["inner.b"])
        jacobian.params = {f"inner.{name}": map_ for name, map_ in jacobian.params.items()}
        return jacobian


def drop_connect_of(realized_as):
    def realize(self, rng):
        return realized_as(self.units, self.rate, seed_of(rng))

    kind = type(f"DropConnectOf{realized_as.__name__}", (DropConnect,), {"realize": realize, "__module__": __name__})
    globals()[kind.__name__] = kind
    return kind


class StartsFromTheGlobal(DropConnect):
    def initialize(self, input_shape, rng):
        shapes = self.parameter_shapes(input_shape)
        return {"W": np.random.standard_normal(shapes["W"]), "b": np.zeros(self.units)}  # noqa: NPY002


class PredictsUngated(Depth):
    def gates(self, x):
        return np.ones((len(x), *[1] * (x.ndim - 1)), x.dtype)


HONEST = [
    LayerCase("stochastic/dropout", Dropout(0.3), SHAPE, invalid=INVALID),
    LayerCase("stochastic/noise", Noise(0.2), SHAPE, invalid=[{"size": 0.0}]),
    LayerCase("stochastic/factor", Factor(0.2), SHAPE),
    LayerCase("stochastic/drop-connect", DropConnect(3, 0.3), (4,), invalid=[*INVALID, {"units": 0}]),
    LayerCase("stochastic/depth", Depth(Half(), 0.7), SHAPE),
]
MUTANTS = []


def mutant(name, layer, wrong, killed_by, shape=SHAPE, fault="randomness", **traits):
    MUTANTS.append(Mutant(LayerCase(f"stochastic/{name}", layer, shape, **traits), fault, wrong, killed_by))


mutant(
    "without-rescaling",
    dropout_of(WithoutRescaling)(0.3),
    "What is kept is not divided by the share that is kept.",
    "randomness.mean",
)
mutant("rescaled-by-rate", dropout_of(RescaledByRate)(0.3), "It divides by rate, not by 1 - rate.", "randomness.mean")
mutant(
    "kept-instead-of-dropped",
    dropout_of(KeptInsteadOfDropped)(0.3),
    "Numbers are kept with probability rate, and divided by 1 - rate.",
    "randomness.mean",
)
mutant(
    "scaled-in-prediction-too",
    ScaledInPredictionToo(0.3),
    "Prediction multiplies by 1 - rate, which training has made up for already.",
    "randomness.mean",
)
mutant("biased-noise", BiasedNoise(0.2), "The noise is never negative, and its mean not 0.", "randomness.mean")
mutant("factor-around-zero", FactorAroundZero(0.2), "The factor has mean 0 instead of 1.", "randomness.mean")
mutant(
    "predicts-ungated",
    PredictsUngated(Half(), 0.7),
    "Prediction adds the whole branch, which training adds with probability 0.7.",
    "randomness.mean",
)
mutant("drops-in-prediction", DropsInPrediction(0.3), "Prediction drops numbers, too.", "randomness.mean")
mutant(
    "drops-where-it-is-linearized",
    DropsWhereItIsLinearized(0.3),
    "Unrealized, forward drops nothing and linearize does.",
    "forward.linearize",
)
mutant(
    "drawn-at-forward",
    dropout_of(DrawnAtForward)(0.3),
    "The realized layer draws its mask anew whenever it runs.",
    "randomness.realize",
)
mutant(
    "by-call-count",
    dropout_of(ByCallCount)(0.3),
    "The mask depends on how many calls there were before.",
    "randomness.realize",
)
mutant(
    "holds-a-generator",
    GivesItsGenerator(0.3),
    "The realized layer holds the generator, and draws from it when it runs.",
    "randomness.realize",
)
mutant("seed-of-the-global", SeedOfTheGlobal(0.3), "realize draws from np.random.", "randomness.realize")
mutant("seed-of-the-clock", SeedOfTheClock(0.3), "realize takes the clock for a seed.", "randomness.realize")
mutant(
    "seeds-alongside",
    SeedsAlongside(0.3),
    "realize draws from its generator, and seeds the global one as well.",
    "randomness.realize",
)
mutant("realizes-to-itself", RealizesToItself(0.3), "realize returns the layer itself.", "randomness.realize")
mutant(
    "still-stochastic",
    dropout_of(StillStochastic)(0.3),
    "The realized layer says that it is stochastic.",
    "randomness.realize",
)
mutant(
    "unequal",
    dropout_of(Unequal)(0.3),
    "Realized layers of one seed are not equal.",
    "randomness.realize",
)
mutant("one-seed", OneSeed(0.3), "Every step has the same mask.", "randomness.varies")
mutant(
    "seed-of-a-copy",
    SeedOfACopy(0.3),
    "realize draws from a copy of its generator, which therefore never moves on.",
    "randomness.varies",
)
mutant("draws-in-prediction", DrawsInPrediction(0.3), "Prediction draws a mask at every call.", "purity.repeat")
mutant(
    "seed-when-asked",
    GivesItsGeneratorAlong(0.3),
    "The realized layer takes the generator along, and draws its seed when it first runs.",
    "purity.state",
    fault="state",
)
mutant(
    "noise-of-the-batch",
    NoiseOfTheBatch(0.2),
    "The noise is as large as the spread of the whole batch, which its derivative ignores.",
    "batch.apart",
    fault="batch",
)
mutant("undeclared", Undeclared(0.3), "It does not say that it is stochastic.", "randomness.declared")
mutant(
    "seeds-the-global",
    dropout_of(SeedsTheGlobal)(0.3),
    "The realized layer seeds the global generator with its seed.",
    "purity.surroundings",
    fault="state",
)
mutant(
    "keeps-its-mask", dropout_of(KeepsItsMask)(0.3), "The layer remembers its last mask.", "purity.state", fault="state"
)
mutant("drops-in-place", dropout_of(DropsInPlace)(0.3), "forward multiplies x in place.", "purity.input", fault="state")
mutant(
    "shared-generator",
    dropout_of(SharedGenerator)(0.3),
    "All layers seed and use one generator of the module: two threads mix up their masks.",
    "purity.threads",
    fault="state",
)
mutant(
    "linearized-by-another",
    dropout_of(LinearizedByAnother)(0.3),
    "linearize of the realized layer drops others than forward.",
    "forward.linearize",
)
mutant(
    "pulled-back-by-another",
    dropout_of(PulledBackByAnother)(0.3),
    "The derivative is that of another mask.",
    "gradient.input",
    fault="derivative",
)
mutant(
    "mask-of-the-first",
    dropout_of(MaskOfTheFirst)(0.3),
    "The derivative takes the first sample's mask for all.",
    "gradient.input",
    fault="derivative",
)
mutant(
    "forgets-the-mask", dropout_of(ForgetsTheMask)(0.3), "The derivative is 1.", "gradient.input", fault="derivative"
)
mutant(
    "forgets-the-scale",
    dropout_of(ForgetsTheScale)(0.3),
    "The derivative is 1 where numbers are kept, not 1 / (1 - rate).",
    "gradient.input",
    fault="derivative",
)
mutant(
    "jvp-forgets-the-mask",
    dropout_of(JvpForgetsTheMask)(0.3),
    "jvp passes on what was dropped.",
    "gradient.adjoint",
    fault="derivative",
)
mutant(
    "passes-all-where-zero",
    dropout_of(PassesAllWhereZero)(0.3),
    "The derivative is worked out from y == x, and 1 / (1 - rate) for what was dropped.",
    "gradient.input",
    fault="derivative",
)
mutant(
    "forgets-what-is-dropped",
    drop_connect_of(ForgetsWhatIsDropped)(3, 0.3),
    "The gradient of W counts the weights that were dropped.",
    "gradient.parameters",
    shape=(4,),
    fault="derivative",
)
mutant(
    "loses-the-shift",
    drop_connect_of(LosesTheShift)(3, 0.3),
    "The realized layer has no b.",
    "forward.parameters",
    shape=(4,),
)
mutant(
    "renames-its-parameters",
    drop_connect_of(RenamesItsParameters)(3, 0.3),
    "The realized layer has other names for its parameters.",
    "forward.parameters",
    shape=(4,),
)
mutant(
    "starts-from-the-global",
    StartsFromTheGlobal(3, 0.3),
    "initialize draws from np.random.",
    "forward.start",
    shape=(4,),
    fault="lifecycle",
)
mutant("in-float64", dropout_of(InFloat64)(0.3), "The mask is float64 whatever x is.", "arrays.float32", fault="arrays")
mutant(
    "drawn-in-the-dtype",
    dropout_of(DrawnInTheDtype)(0.3),
    "The generator draws other numbers in float32, and so the mask depends on the dtype.",
    "arrays.float32_close",
    fault="arrays",
)
mutant(
    "in-memory-order",
    dropout_of(InMemoryOrder)(0.3),
    "The mask follows the memory of x, not its indices.",
    "arrays.layout",
    fault="arrays",
)
mutant(
    "rolled-over-the-batch",
    dropout_of(RolledOverTheBatch)(0.3),
    "What is dropped is replaced by the sample before, and mixes_samples is False.",
    "batch.apart",
    fault="batch",
)
mutant("any-rate", AnyRate(0.3), "No rate is refused.", "errors.settings", fault="errors", invalid=INVALID)
mutant(
    "up-to-one",
    UpToOne(0.3),
    "A rate of 1 is taken, and divides by 0.",
    "errors.settings",
    fault="errors",
    invalid=INVALID,
)
mutant(
    "seed-of-numpy",
    SeedOfNumPy(0.3),
    "The realized layer's seed is NumPy's number, which no recipe can hold.",
    "lifecycle.frozen",
    fault="lifecycle",
)

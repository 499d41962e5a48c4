"""Elementwise layers that are wrong: a function of each number, and its derivative."""

import math
import warnings
from dataclasses import dataclass, field

import numpy as np

from chainrule import Diagonal, Elementwise, Jacobian, ShapeError, integer, positive_real, real
from chainrule.conformance import LayerCase

from . import Mutant

SHAPE = (3, 4)
ROW = (5,)


def each(x, f):
    return np.array([f(float(v)) for v in x.reshape(-1)]).reshape(x.shape)


# Honest layers


@dataclass(frozen=True)
class Tanh(Elementwise):
    def forward(self, x):
        return np.tanh(x)

    def derivative(self, x, y):
        return 1 - y * y


def slow_tanh(x):
    return (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x))


@dataclass(frozen=True)
class ReLU(Elementwise):
    def forward(self, x):
        return np.maximum(x, 0)

    def derivative(self, x, y):
        return x > 0


def slow_relu(x):
    return each(x, lambda v: v if v > 0 else 0.0)


@dataclass(frozen=True)
class Leaky(Elementwise):
    slope: float = 0.1

    def __post_init__(self):
        real("slope", self.slope, minimum=0, below=1)

    def forward(self, x):
        return np.maximum(x, self.slope * x)

    def derivative(self, x, y):
        return np.where(x > 0, x.dtype.type(1), self.slope)


def slow_leaky(x):
    return each(x, lambda v: v if v > 0 else 0.1 * v)


@dataclass(frozen=True)
class ELU(Elementwise):
    alpha: float = 1.5

    def __post_init__(self):
        positive_real("alpha", self.alpha)

    def forward(self, x):
        return np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0)))

    def derivative(self, x, y):
        return np.where(x > 0, 1, y + self.alpha)


def slow_elu(x):
    return each(x, lambda v: v if v > 0 else 1.5 * (math.exp(v) - 1))


@dataclass(frozen=True)
class Sigmoid(Elementwise):
    def forward(self, x):
        return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))

    def derivative(self, x, y):
        return y * (1 - y)


def slow_sigmoid(x):
    return each(x, lambda v: 0.5 + 0.5 * math.tanh(v / 2))


@dataclass(frozen=True)
class Softplus(Elementwise):
    def forward(self, x):
        return np.logaddexp(x, 0)

    def derivative(self, x, y):
        return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))


def slow_softplus(x):
    return each(x, lambda v: max(v, 0.0) + math.log1p(math.exp(-abs(v))))


@dataclass(frozen=True)
class HardTanh(Elementwise):
    limit: float = 3.0

    def __post_init__(self):
        positive_real("limit", self.limit)

    def forward(self, x):
        return np.clip(x, -self.limit, self.limit)

    def derivative(self, x, y):
        return np.abs(x) < self.limit


def slow_hard_tanh(x):
    return each(x, lambda v: min(max(v, -3.0), 3.0))


@dataclass(frozen=True)
class Abs(Elementwise):
    def forward(self, x):
        return np.abs(x)

    def derivative(self, x, y):
        return np.sign(x)


@dataclass(frozen=True)
class Power(Elementwise):
    exponent: int = 3

    def __post_init__(self):
        integer("exponent", self.exponent, minimum=1)

    def forward(self, x):
        return x**self.exponent

    def derivative(self, x, y):
        return self.exponent * x ** (self.exponent - 1)


def slow_cube(x):
    return each(x, lambda v: v * v * v)


@dataclass(frozen=True)
class Swish(Elementwise):
    def forward(self, x):
        return x * Sigmoid().forward(x)

    def derivative(self, x, y):
        s = Sigmoid().forward(x)
        return s + y * (1 - s)


@dataclass(frozen=True)
class Log(Elementwise):
    def forward(self, x):
        return np.log(x)

    def derivative(self, x, y):
        return 1 / x


# The derivative is wrong


class TanhWithoutSquare(Tanh):
    def derivative(self, x, y):
        return 1 - y


class LeakyWithoutSlope(Leaky):
    def derivative(self, x, y):
        return x > 0


class HardTanhStraightThrough(HardTanh):
    def derivative(self, x, y):
        return np.ones_like(x)


class ForwardOnlyByMask(Diagonal):
    """vjp is right, jvp forgets the slope."""

    def jvp(self, tangent):
        return tangent * (self.d != 0)


class SoftplusForwardMode(Softplus):
    def jacobian(self, x, y):
        return Jacobian(ForwardOnlyByMask(self.derivative(x, y)))


class Clipped(Diagonal):
    def vjp(self, delta):
        return np.clip(delta * self.d, -1, 1)

    def jvp(self, tangent):
        return np.clip(tangent * self.d, -1, 1)


class ReLUClipsGradient(ReLU):
    def jacobian(self, x, y):
        return Jacobian(Clipped(self.derivative(x, y)))


class SigmoidSecondFormula(Sigmoid):
    """linearize is right; jacobian, written a second time, is not."""

    def linearize(self, x):
        y = self.forward(x)
        return y, Jacobian(Diagonal(y * (1 - y)))

    def jacobian(self, x, y):
        return Jacobian(Diagonal(1 - y))


# Forward and derivative are wrong alike


class TanhOfHalf(Tanh):
    def forward(self, x):
        return np.tanh(x / 2)

    def derivative(self, x, y):
        return (1 - y * y) / 2


class SoftplusFromZero(Softplus):
    def forward(self, x):
        return np.logaddexp(x, 0) - math.log(2)


class ReLUCappedFarOut(ReLU):
    def forward(self, x):
        return np.clip(x, 0, 100)

    def derivative(self, x, y):
        return (x > 0) & (x < 100)


class SigmoidLinearizesHard(Sigmoid):
    """Training sees another function than prediction."""

    def linearize(self, x):
        y = np.clip(x / 4 + x.dtype.type(0.5), 0, 1)
        return y, Jacobian(Diagonal(np.where((y > 0) & (y < 1), x.dtype.type(0.25), 0)))


# Batches


class SoftplusMean(Softplus):
    def derivative(self, x, y):
        return super().derivative(x, y) / len(x)


class TanhOfFirst(Tanh):
    def derivative(self, x, y):
        return np.broadcast_to(1 - y[:1] * y[:1], y.shape)


class ReLULeavesLast(ReLU):
    def derivative(self, x, y):
        slope = np.zeros_like(x)
        for j in range(max(1, len(x) - 1)):
            slope[j] = x[j] > 0
        return slope


class AbsOfCentred(Abs):
    """The mean is taken over the whole array, not over each sample."""

    def forward(self, x):
        return np.abs(x - x.mean())

    def derivative(self, x, y):
        return np.sign(x - x.mean())


class LeakyByPlace(Leaky):
    """Every second sample gets another slope."""

    def slopes(self, x):
        odd = (np.arange(len(x)) % 2).reshape(-1, *[1] * (x.ndim - 1))
        return np.where(odd == 0, x.dtype.type(self.slope), x.dtype.type(2 * self.slope))

    def forward(self, x):
        return np.maximum(x, self.slopes(x) * x)

    def derivative(self, x, y):
        return np.where(x > 0, x.dtype.type(1), self.slopes(x))


class SwishSaysItMixes(Swish):
    mixes_samples = True


class SigmoidSqueezes(Sigmoid):
    """A batch of one loses its batch axis in the derivative."""

    def jacobian(self, x, y):
        return Jacobian(SqueezedDiagonal(self.derivative(x, y)))


class SqueezedDiagonal(Diagonal):
    def jvp(self, tangent):
        return np.concatenate([tangent * self.d, tangent[-1:]])[: max(2, len(tangent))]


# dtypes and memory layouts


class SwishByNumPyScalar(Swish):
    def derivative(self, x, y):
        return super().derivative(x, y) * (np.sqrt(2.0) / math.sqrt(2.0))


class HardTanhByTwoNumbers(HardTanh):
    def derivative(self, x, y):
        return np.where(np.abs(x) < self.limit, 1.0, 0.0)


class InSingle(Diagonal):
    def vjp(self, delta):
        return np.multiply(delta, self.d, dtype=np.float32, casting="same_kind").astype(delta.dtype)


class TanhInSingle(Tanh):
    def jacobian(self, x, y):
        return Jacobian(InSingle(self.derivative(x, y)))


class SigmoidInHalf(Sigmoid):
    """Half precision where the input is float32, to be quick."""

    def forward(self, x):
        low = np.float16 if x.dtype == np.float32 else x.dtype
        return super().forward(x.astype(low)).astype(x.dtype)


class ReLUByMemoryOrder(ReLU):
    def forward(self, x):
        return np.maximum(x.ravel(order="K"), 0).reshape(x.shape)


class LeakyOnMemory(Leaky):
    """It walks the memory behind x and trusts that it is contiguous."""

    def forward(self, x):
        whole = np.lib.stride_tricks.as_strided(x, (x.size,), (x.itemsize,))
        return np.maximum(whole, self.slope * whole).reshape(x.shape)


class TakesBroadcastForOne(Diagonal):
    def vjp(self, delta):
        if delta.strides[0] == 0 and len(delta) > 1:
            return np.broadcast_to(delta[0] * self.d[0], delta.shape)
        return delta * self.d


class AbsShortcut(Abs):
    def jacobian(self, x, y):
        return Jacobian(TakesBroadcastForOne(self.derivative(x, y)))


class SoftplusBorrowsInput(Softplus):
    """It works in x and puts the numbers back afterwards."""

    def forward(self, x):
        kept = x.copy()
        np.logaddexp(x, 0, out=x)
        y = x.copy()
        x[...] = kept
        return y


# State and aliasing


class ReLUInPlace(ReLU):
    def forward(self, x):
        return np.maximum(x, 0, out=x)


class InPlaceDiagonal(Diagonal):
    def vjp(self, delta):
        delta *= self.d
        return delta


class ReLUInPlaceBackwards(ReLU):
    def jacobian(self, x, y):
        return Jacobian(InPlaceDiagonal(self.derivative(x, y)))


class Spent(Diagonal):
    """The product overwrites the mask that it is made from."""

    def vjp(self, delta):
        self.d = delta * self.d
        return self.d


class SwishOnce(Swish):
    def jacobian(self, x, y):
        return Jacobian(Spent(self.derivative(x, y)))


class TanhCounts(Tanh):
    calls = 0

    def forward(self, x):
        type(self).calls += 1
        return np.tanh(x)


PULLED = {}


class IntoBuffer(Diagonal):
    def vjp(self, delta):
        out = PULLED.setdefault((delta.shape, delta.dtype), np.empty_like(delta))
        return np.multiply(delta, self.d, out=out)


class SigmoidIntoBuffer(Sigmoid):
    def jacobian(self, x, y):
        return Jacobian(IntoBuffer(self.derivative(x, y)))


SLOPES = {}


class SoftplusSharesSlope(Softplus):
    """The slope lies in a buffer of the module, one for each size of x."""

    def derivative(self, x, y):
        slope = SLOPES.setdefault(x[0].shape, np.empty((32, *x[0].shape)))
        slope[: len(x)] = super().derivative(x, y)
        return slope[: len(x)].astype(x.dtype, copy=False)


SCRATCH = {}


class SwishInScratch(Swish):
    """What it returns is fresh, what it computes with is shared by all threads."""

    def forward(self, x):
        work = SCRATCH.setdefault((x.shape, x.dtype), np.empty_like(x))
        work[...] = Sigmoid().forward(np.ascontiguousarray(x))
        work *= x
        return work.copy()


KNOWN = {}


class AbsByIdentity(Abs):
    """It takes an array at the same address for the same array."""

    def forward(self, x):
        key = (x.ctypes.data, x.shape, x.strides, x.dtype.char)
        if key not in KNOWN or KNOWN[key][0] is not x:
            KNOWN.clear()
            KNOWN[key] = (x, np.abs(x))
        return KNOWN[key][1]


class LeakyAtRandom(Leaky):
    """The slope is drawn anew at every call."""

    generator = np.random.default_rng(0)

    def forward(self, x):
        slope = self.slope * LeakyAtRandom.generator.uniform(0.5, 1.5)
        return np.maximum(x, slope * x)


class LeakySeedsAll(Leaky):
    def forward(self, x):
        np.random.seed(0)  # noqa: NPY002 - that is the fault
        return np.maximum(x, self.slope * x)


class ELURaises(ELU):
    def forward(self, x):
        np.seterr(over="raise")
        return super().forward(x)


class HardTanhPrints(HardTanh):
    def forward(self, x):
        clipped = np.abs(x) > self.limit
        print(f"{clipped.mean():.0%} saturated")
        return super().forward(x)


# Kinks


class ReLUFromZero(ReLU):
    def derivative(self, x, y):
        return x >= 0


class ReLUSteepAtZero(ReLU):
    def derivative(self, x, y):
        return np.where(x == 0, 2, x > 0)


class AbsByQuotient(Abs):
    def derivative(self, x, y):
        return x / y


class HardTanhSumsPieces(HardTanh):
    """At a corner both pieces count, so that the slope is 2 there."""

    def derivative(self, x, y):
        inside, corner = np.abs(x) < self.limit, np.abs(x) == self.limit
        return inside + 2 * corner.astype(x.dtype)


class LeakyAtMiddle(Leaky):
    """The slope at 0 is the mean of both, as a central difference says, and not the one that is declared."""

    def derivative(self, x, y):
        return np.where(x > 0, x.dtype.type(1), np.where(x < 0, self.slope, (1 + self.slope) / 2).astype(x.dtype))


# Extremes


class TanhByExponentials(Tanh):
    def forward(self, x):
        return slow_tanh(x)


class SoftplusLiteral(Softplus):
    def forward(self, x):
        return np.log(1 + np.exp(x))


class ReLUSwallowsNaN(ReLU):
    def forward(self, x):
        return np.where(x > 0, x, 0)


class ELUGivesUp(ELU):
    """One NaN in the batch, and all of its outputs are NaN."""

    def forward(self, x):
        return super().forward(x) if np.isfinite(x).all() else np.full_like(x, np.nan)


class ByOneProduct(Diagonal):
    """δ * d by a product with the identity of the batch: 0 · NaN is NaN in the other samples."""

    def vjp(self, delta):
        rows = (delta * self.d).reshape(len(delta), -1)
        return (np.eye(len(delta), dtype=delta.dtype) @ rows).reshape(delta.shape)


class TanhByProduct(Tanh):
    def jacobian(self, x, y):
        return Jacobian(ByOneProduct(self.derivative(x, y)))


class PowerDeprecated(Power):
    def forward(self, x):
        warnings.warn("Power will be renamed", DeprecationWarning, stacklevel=2)
        return super().forward(x)


# Errors


@dataclass(frozen=True)
class ELUUnchecked(ELU):
    def __post_init__(self):
        pass


@dataclass(frozen=True)
class LeakyByAssert(Leaky):
    def __post_init__(self):
        assert 0 <= self.slope < 1, "slope"


@dataclass(frozen=True)
class PowerOfAnything(Power):
    def __post_init__(self):
        integer("exponent", int(self.exponent), minimum=1)


class TanhOfPictures(Tanh):
    """It takes samples with two axes, and does not say so."""

    def forward(self, x):
        B, h, w = x.shape
        return np.tanh(x).reshape(B, h, w)


class ReLUOfVectors(ReLU):
    """The error says nothing of shapes."""

    def output_shape(self, input_shape):
        if len(input_shape) != 1:
            raise ShapeError("this layer wants vectors")
        return input_shape


# Lifecycle


@dataclass(frozen=True, eq=False)
class SigmoidIncomparable(Elementwise):
    def forward(self, x):
        return Sigmoid().forward(x)

    def derivative(self, x, y):
        return y * (1 - y)


@dataclass(frozen=True)
class LeakyAllEqual(Leaky):
    slope: float = field(default=0.1, compare=False)


@dataclass
class TanhMelts(Elementwise):
    """A dataclass that is not frozen has no hash, and settings that change."""

    gain: float = 1.0

    def forward(self, x):
        return np.tanh(self.gain * x)

    def derivative(self, x, y):
        return self.gain * (1 - y * y)


class ELUPickledBare(ELU):
    def __reduce__(self):
        return (type(self), ())

    def __deepcopy__(self, memo):
        return type(self)(self.alpha)

    def __copy__(self):
        return type(self)(self.alpha)


@dataclass(frozen=True)
class LeakyGrowsInCopies(Leaky):
    """What it is made from is not what it keeps."""

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "slope", self.slope / 2)


@dataclass(frozen=True)
class LeakyWithUse(Elementwise):
    """A recipe has the layer's own name under `use`."""

    use: str = "max"

    def forward(self, x):
        return np.maximum(x, 0.1 * x) if self.use == "max" else np.minimum(x, 0.1 * x)

    def derivative(self, x, y):
        return np.where((x > 0) == (self.use == "max"), x.dtype.type(1), 0.1)


@dataclass(frozen=True)
class PowerAnnounced(Power):
    def __post_init__(self):
        super().__post_init__()
        print(f"using {self!r}")


# Resources


class WrittenOut(Diagonal):
    """The diagonal matrix of each sample, written out."""

    def vjp(self, delta):
        flat = delta.reshape(len(delta), -1)
        matrices = np.zeros((len(flat), flat.shape[1], flat.shape[1]), delta.dtype)
        np.einsum("bii->bi", matrices)[...] = self.d.reshape(len(delta), -1)
        return np.einsum("bi,bij->bj", flat, matrices).reshape(delta.shape)


class SoftplusWrittenOut(Softplus):
    def jacobian(self, x, y):
        return Jacobian(WrittenOut(self.derivative(x, y)))


class ReLUByPairs(ReLU):
    """It asks of all pairs of samples which is which."""

    def forward(self, x):
        places = np.arange(len(x))
        same = places[:, None] == places[None, :]
        return np.maximum(x, 0)[same.argmax(axis=1)]


class TanhDescribesByRunning(Tanh):
    def output_shape(self, input_shape):
        return np.tanh(np.zeros((1, *input_shape))).shape[1:]


HONEST = [
    LayerCase("elementwise/tanh", Tanh(), SHAPE, reference=slow_tanh),
    LayerCase("elementwise/relu", ReLU(), SHAPE, reference=slow_relu, kinks={0.0: 0.0}),
    LayerCase("elementwise/leaky", Leaky(), SHAPE, reference=slow_leaky, kinks={0.0: 0.1}, invalid=[{"slope": 1.0}]),
    LayerCase("elementwise/elu", ELU(), ROW, reference=slow_elu, kinks={0.0: 1.5}, invalid=[{"alpha": 0.0}]),
    LayerCase("elementwise/sigmoid", Sigmoid(), SHAPE, reference=slow_sigmoid),
    LayerCase("elementwise/softplus", Softplus(), (2, 2, 2), reference=slow_softplus),
    LayerCase("elementwise/hard-tanh", HardTanh(), SHAPE, reference=slow_hard_tanh, kinks={-3.0: 0.0, 3.0: 0.0}),
    LayerCase("elementwise/abs", Abs(), ROW, kinks={0.0: 0.0}),
    LayerCase("elementwise/power", Power(), ROW, reference=slow_cube, invalid=[{"exponent": 0}]),
    LayerCase("elementwise/swish", Swish(), (), laws={"f(x) - f(-x) = x": lambda f, x: (f(x) - f(-x), x)}),
    LayerCase("elementwise/log", Log(), ROW, domain=(0.1, 20.0)),
]
MUTANTS = [
    Mutant(
        LayerCase("elementwise/tanh-without-square", TanhWithoutSquare(), SHAPE),
        fault="derivative",
        wrong="The derivative of tanh is 1 - y² and this is 1 - y.",
        killed_by="gradient.input",
    ),
    Mutant(
        LayerCase("elementwise/leaky-without-slope", LeakyWithoutSlope(), SHAPE),
        fault="derivative",
        wrong="The derivative below 0 is 0, as if it were a ReLU.",
        killed_by="gradient.input",
    ),
    Mutant(
        LayerCase("elementwise/hard-tanh-straight-through", HardTanhStraightThrough(), SHAPE),
        fault="derivative",
        wrong="The gradient passes where the output is clipped.",
        killed_by="gradient.input",
    ),
    Mutant(
        LayerCase("elementwise/softplus-forward-mode", SoftplusForwardMode(), SHAPE),
        fault="derivative",
        wrong="jvp takes the slope for a mask, vjp does not.",
        killed_by="gradient.adjoint",
    ),
    Mutant(
        LayerCase("elementwise/relu-clips-gradient", ReLUClipsGradient(), SHAPE),
        fault="derivative",
        wrong="δ·J_X is clipped to ±1.",
        killed_by="gradient.linear",
    ),
    Mutant(
        LayerCase("elementwise/sigmoid-second-formula", SigmoidSecondFormula(), SHAPE),
        fault="derivative",
        wrong="jacobian and linearize give two derivatives.",
        killed_by="gradient.jacobian",
    ),
    Mutant(
        LayerCase("elementwise/tanh-of-half", TanhOfHalf(), SHAPE, reference=slow_tanh),
        fault="forward",
        wrong="It computes tanh(x / 2), forward and backward.",
        killed_by="forward.reference",
    ),
    Mutant(
        LayerCase("elementwise/softplus-from-zero", SoftplusFromZero(), ROW, reference=slow_softplus),
        fault="forward",
        wrong="It is shifted by log 2, which no derivative shows.",
        killed_by="forward.reference",
    ),
    Mutant(
        LayerCase("elementwise/relu-capped-far-out", ReLUCappedFarOut(), ROW, reference=slow_relu),
        fault="forward",
        wrong="It is capped at 100, where nobody looks.",
        killed_by="numerics.extremes",
    ),
    Mutant(
        LayerCase("elementwise/sigmoid-linearizes-hard", SigmoidLinearizesHard(), SHAPE),
        fault="forward",
        wrong="linearize computes the hard sigmoid, forward the soft one.",
        killed_by="forward.linearize",
    ),
    Mutant(
        LayerCase("elementwise/softplus-mean", SoftplusMean(), SHAPE),
        fault="batch",
        wrong="δ·J_X is divided by B.",
        killed_by="batch.singles",
    ),
    Mutant(
        LayerCase("elementwise/tanh-of-first", TanhOfFirst(), SHAPE),
        fault="batch",
        wrong="Every sample gets the derivative of the first.",
        killed_by="batch.permutation",
    ),
    Mutant(
        LayerCase("elementwise/relu-leaves-last", ReLULeavesLast(), ROW),
        fault="batch",
        wrong="A loop over the samples ends before the last, unless it is the only one.",
        killed_by="batch.split",
    ),
    Mutant(
        LayerCase("elementwise/abs-of-centred", AbsOfCentred(), SHAPE),
        fault="batch",
        wrong="The mean of the whole batch is subtracted, and mixes_samples is False.",
        killed_by="batch.apart",
    ),
    Mutant(
        LayerCase("elementwise/leaky-by-place", LeakyByPlace(), ROW),
        fault="batch",
        wrong="Samples at odd places get another slope, forward and backward.",
        killed_by="batch.permutation",
    ),
    Mutant(
        LayerCase("elementwise/swish-says-it-mixes", SwishSaysItMixes(), SHAPE),
        fault="batch",
        wrong="mixes_samples is True, and no samples mix.",
        killed_by="batch.mixing",
    ),
    Mutant(
        LayerCase("elementwise/sigmoid-squeezes", SigmoidSqueezes(), SHAPE),
        fault="batch",
        wrong="jvp of a batch of one returns two samples.",
        killed_by="batch.one",
    ),
    Mutant(
        LayerCase("elementwise/swish-by-numpy-scalar", SwishByNumPyScalar(), SHAPE),
        fault="arrays",
        wrong="A float64 scalar of NumPy makes the derivative float64.",
        killed_by="arrays.float32",
    ),
    Mutant(
        LayerCase("elementwise/hard-tanh-by-two-numbers", HardTanhByTwoNumbers(), SHAPE),
        fault="arrays",
        wrong="np.where of two Python floats is float64.",
        killed_by="arrays.float32",
    ),
    Mutant(
        LayerCase("elementwise/tanh-in-single", TanhInSingle(), SHAPE),
        fault="arrays",
        wrong="vjp of float64 multiplies in float32.",
        killed_by="arrays.float64",
    ),
    Mutant(
        LayerCase("elementwise/sigmoid-in-half", SigmoidInHalf(), SHAPE),
        fault="arrays",
        wrong="float32 is computed in half precision.",
        killed_by="arrays.float32_close",
    ),
    Mutant(
        LayerCase("elementwise/relu-by-memory-order", ReLUByMemoryOrder(), SHAPE),
        fault="arrays",
        wrong="ravel(order='K') reads x as it lies in memory.",
        killed_by="arrays.layout",
    ),
    Mutant(
        LayerCase("elementwise/leaky-on-memory", LeakyOnMemory(), (4,)),
        fault="arrays",
        wrong="It walks the memory behind x as if it were contiguous.",
        killed_by="arrays.layout",
    ),
    Mutant(
        LayerCase("elementwise/abs-shortcut", AbsShortcut(), SHAPE),
        fault="arrays",
        wrong="A δ with zero strides is taken for one sample.",
        killed_by="arrays.broadcast",
    ),
    Mutant(
        LayerCase("elementwise/softplus-borrows-input", SoftplusBorrowsInput(), SHAPE),
        fault="arrays",
        wrong="It computes in x and restores it: a read-only x raises.",
        killed_by="arrays.read_only",
    ),
    Mutant(
        LayerCase("elementwise/relu-in-place", ReLUInPlace(), SHAPE),
        fault="state",
        wrong="The output overwrites x.",
        killed_by="purity.input",
    ),
    Mutant(
        LayerCase("elementwise/relu-in-place-backwards", ReLUInPlaceBackwards(), SHAPE),
        fault="state",
        wrong="vjp overwrites δ.",
        killed_by="purity.delta",
    ),
    Mutant(
        LayerCase("elementwise/swish-once", SwishOnce(), SHAPE),
        fault="state",
        wrong="vjp overwrites its own mask, and is right once.",
        killed_by="purity.asked_twice",
    ),
    Mutant(
        LayerCase("elementwise/tanh-counts", TanhCounts(), SHAPE),
        fault="state",
        wrong="The class counts the calls.",
        killed_by="purity.state",
    ),
    Mutant(
        LayerCase("elementwise/sigmoid-into-buffer", SigmoidIntoBuffer(), SHAPE),
        fault="state",
        wrong="δ·J_X is a buffer of the module, which the next batch overwrites.",
        killed_by="purity.buffers",
    ),
    Mutant(
        LayerCase("elementwise/softplus-shares-slope", SoftplusSharesSlope(), SHAPE),
        fault="state",
        wrong="Two Jacobians hold the same array of slopes.",
        killed_by="purity.interleaved",
    ),
    Mutant(
        LayerCase("elementwise/swish-in-scratch", SwishInScratch(), SHAPE),
        fault="state",
        wrong="All threads compute in one array of the module.",
        killed_by="purity.threads",
    ),
    Mutant(
        LayerCase("elementwise/abs-by-identity", AbsByIdentity(), SHAPE),
        fault="state",
        wrong="The result of an array is kept by its identity, though the array may change.",
        killed_by="purity.stale",
    ),
    Mutant(
        LayerCase("elementwise/leaky-at-random", LeakyAtRandom(), SHAPE),
        fault="randomness",
        wrong="forward draws its slope, at prediction, too.",
        killed_by="purity.repeat",
    ),
    Mutant(
        LayerCase("elementwise/leaky-seeds-all", LeakySeedsAll(), SHAPE),
        fault="state",
        wrong="It seeds NumPy's global generator.",
        killed_by="purity.surroundings",
    ),
    Mutant(
        LayerCase("elementwise/elu-raises", ELURaises(), ROW),
        fault="state",
        wrong="It changes np.seterr for the whole process.",
        killed_by="purity.surroundings",
    ),
    Mutant(
        LayerCase("elementwise/hard-tanh-prints", HardTanhPrints(), SHAPE),
        fault="state",
        wrong="It prints the share of saturated units.",
        killed_by="purity.surroundings",
    ),
    Mutant(
        LayerCase("elementwise/relu-from-zero", ReLUFromZero(), SHAPE, kinks={0.0: 0.0}),
        fault="kinks",
        wrong="The derivative at 0 is 1, and is declared as 0.",
        killed_by="kinks.declared",
    ),
    Mutant(
        LayerCase("elementwise/leaky-at-middle", LeakyAtMiddle(), ROW, kinks={0.0: 0.1}),
        fault="kinks",
        wrong="The derivative at 0 is the mean of both slopes, and not what is declared.",
        killed_by="kinks.declared",
    ),
    Mutant(
        LayerCase("elementwise/relu-steep-at-zero", ReLUSteepAtZero(), SHAPE),
        fault="kinks",
        wrong="The derivative at 0 is 2, which lies outside 0 to 1.",
        killed_by="kinks.hull",
    ),
    Mutant(
        LayerCase("elementwise/abs-by-quotient", AbsByQuotient(), SHAPE),
        fault="kinks",
        wrong="The sign is computed as x / |x|, NaN at 0.",
        killed_by="kinks.hull",
    ),
    Mutant(
        LayerCase("elementwise/hard-tanh-sums-pieces", HardTanhSumsPieces(), SHAPE, kinks={-3.0: 2.0, 3.0: 2.0}),
        fault="kinks",
        wrong="The slope at the corners is 2, and that is declared.",
        killed_by="kinks.between",
    ),
    Mutant(
        LayerCase("elementwise/tanh-by-exponentials", TanhByExponentials(), SHAPE, reference=slow_tanh),
        fault="extremes",
        wrong="The literal formula is inf/inf at x = 1e4 (E20 of the course).",
        killed_by="numerics.extremes",
    ),
    Mutant(
        LayerCase("elementwise/softplus-literal", SoftplusLiteral(), SHAPE),
        fault="extremes",
        wrong="log(1 + e^x) is inf at x = 1e4.",
        killed_by="numerics.extremes",
    ),
    Mutant(
        LayerCase("elementwise/relu-swallows-nan", ReLUSwallowsNaN(), SHAPE),
        fault="extremes",
        wrong="np.where(x > 0, x, 0) makes 0 of NaN.",
        killed_by="numerics.nan",
    ),
    Mutant(
        LayerCase("elementwise/elu-gives-up", ELUGivesUp(), ROW),
        fault="extremes",
        wrong="One NaN makes NaN of the whole batch.",
        killed_by="numerics.nan",
    ),
    Mutant(
        LayerCase("elementwise/tanh-by-product", TanhByProduct(), SHAPE),
        fault="extremes",
        wrong="A product over the batch carries a NaN of δ into other samples.",
        killed_by="numerics.nan_delta",
    ),
    Mutant(
        LayerCase("elementwise/power-deprecated", PowerDeprecated(), ROW),
        fault="extremes",
        wrong="forward warns of a later version.",
        killed_by="numerics.warnings",
    ),
    Mutant(
        LayerCase("elementwise/elu-unchecked", ELUUnchecked(), ROW, invalid=[{"alpha": -1.0}]),
        fault="errors",
        wrong="No setting is checked.",
        killed_by="errors.settings",
    ),
    Mutant(
        LayerCase("elementwise/leaky-by-assert", LeakyByAssert(), ROW, invalid=[{"slope": 1.5}]),
        fault="errors",
        wrong="The slope is checked by assert.",
        killed_by="errors.settings",
    ),
    Mutant(
        LayerCase("elementwise/power-of-anything", PowerOfAnything(), ROW),
        fault="errors",
        wrong='The exponent may be "3" or True.',
        killed_by="errors.types",
    ),
    Mutant(
        LayerCase("elementwise/tanh-of-pictures", TanhOfPictures(), SHAPE),
        fault="errors",
        wrong="forward takes two axes alone, and output_shape accepts every number of them.",
        killed_by="errors.shape",
    ),
    Mutant(
        LayerCase("elementwise/relu-of-vectors", ReLUOfVectors(), ROW),
        fault="errors",
        wrong="The ShapeError names neither what was expected nor what came.",
        killed_by="errors.shape",
    ),
    Mutant(
        LayerCase("elementwise/sigmoid-incomparable", SigmoidIncomparable(), SHAPE),
        fault="lifecycle",
        wrong="eq=False: two sigmoids are not equal.",
        killed_by="lifecycle.equality",
    ),
    Mutant(
        LayerCase("elementwise/leaky-all-equal", LeakyAllEqual(), SHAPE),
        fault="lifecycle",
        wrong="The slope does not count in a comparison.",
        killed_by="lifecycle.equality",
    ),
    Mutant(
        LayerCase("elementwise/tanh-melts", TanhMelts(), SHAPE),
        fault="lifecycle",
        wrong="The dataclass is not frozen.",
        killed_by="lifecycle.frozen",
    ),
    Mutant(
        LayerCase("elementwise/elu-pickled-bare", ELUPickledBare(2.5), ROW),
        fault="lifecycle",
        wrong="pickle loses alpha.",
        killed_by="lifecycle.pickle",
    ),
    Mutant(
        LayerCase("elementwise/leaky-grows-in-copies", LeakyGrowsInCopies(), SHAPE),
        fault="lifecycle",
        wrong="__post_init__ halves the slope: made again from its settings, it is another layer.",
        killed_by="lifecycle.construction",
    ),
    Mutant(
        LayerCase("elementwise/leaky-with-use", LeakyWithUse(), SHAPE),
        fault="lifecycle",
        wrong="A setting has the name `use`, which a recipe needs for the layer's own.",
        killed_by="lifecycle.recipe",
    ),
    Mutant(
        LayerCase("elementwise/power-announced", PowerAnnounced(), ROW),
        fault="lifecycle",
        wrong="Making one prints.",
        killed_by="lifecycle.construction",
    ),
    Mutant(
        LayerCase("elementwise/softplus-written-out", SoftplusWrittenOut(), SHAPE),
        fault="resources",
        wrong="vjp builds the dense matrix of each sample.",
        killed_by="resources.vjp",
    ),
    Mutant(
        LayerCase("elementwise/relu-by-pairs", ReLUByPairs(), ROW),
        fault="resources",
        wrong="It makes an array of B × B.",
        killed_by="resources.batch",
    ),
    Mutant(
        LayerCase("elementwise/tanh-describes-by-running", TanhDescribesByRunning(), SHAPE),
        fault="resources",
        wrong="output_shape runs the layer.",
        killed_by="forward.describes",
    ),
]

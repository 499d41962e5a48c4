"""Wrong normalisations of each sample: what their derivative leaves out, and where ε, n and the axes stand."""

from dataclasses import dataclass

import numpy as np

from chainrule import BatchJacobian, Layer, ShapeError, real
from chainrule.conformance import LayerCase

from . import Mutant

MUTANTS = []
HONEST = []


def mutant(name, layer, fault, killed_by, shape=(2, 4), **traits):
    MUTANTS.append(Mutant(LayerCase(f"norms/{name}", layer, shape, **traits), fault, type(layer).__doc__, killed_by))


def honest(name, layer, shape, **traits):
    HONEST.append(LayerCase(f"honest/norms/{name}", layer, shape, **traits))


@dataclass(frozen=True)
class Norm(Layer):
    """y = gain (x - mean) / √(variance + ε) + shift, mean and variance over the last axis."""

    eps: float = 0.01

    def __post_init__(self):
        real("eps", self.eps, above=0)

    def output_shape(self, shape):
        if not shape:
            raise ShapeError("a sample", expected=("…", "n"), got=shape)
        return shape

    def parameter_shapes(self, shape):
        self.output_shape(shape)
        return {"gain": shape[-1:], "shift": shape[-1:]}

    def initialize(self, shape, rng):
        self.output_shape(shape)
        return {"gain": np.ones(shape[-1:]), "shift": np.zeros(shape[-1:])}

    def centred(self, x):
        return x - x.mean(axis=-1, keepdims=True)

    def root(self, x):
        return np.sqrt((self.centred(x) ** 2).mean(axis=-1, keepdims=True) + self.eps)

    def forward(self, x, gain, shift):
        return self.centred(x) / self.root(x) * gain + shift

    def jacobian(self, x, y, gain, shift):
        return self.maps(self.centred(x) / self.root(x), self.root(x), gain, x)

    def maps(self, z, root, gain, x):
        return Normal(z, root, gain)


class Normal(BatchJacobian):
    def __init__(self, z, root, gain):
        self.z, self.root, self.gain = z, root, gain

    def mean(self, v):
        return v.mean(axis=-1, keepdims=True)

    def project(self, v):
        return (v - self.mean(v) - self.z * self.mean(v * self.z)) / self.root

    def vjp(self, delta, out=None):
        if out is not None:
            self.vjp_params(delta, out)
        return self.project(delta * self.gain)

    def vjp_params(self, delta, out):
        for name, rows in self.per_sample(delta).items():
            out[name][...] = rows.sum(axis=0)

    def jvp(self, tangent, params):
        moved = np.zeros_like(self.z) if tangent is None else self.gain * self.project(tangent)
        return moved + self.z * params.get("gain", 0) + params.get("shift", 0)

    def per_sample(self, delta):
        between = tuple(range(1, delta.ndim - 1))
        return {"gain": (delta * self.z).sum(axis=between), "shift": delta.sum(axis=between)}


def slow(x, gain, shift):
    y = np.empty_like(x)
    for at in np.ndindex(x.shape[:-1]):
        mean = sum(x[at]) / x.shape[-1]
        root = (sum((v - mean) ** 2 for v in x[at]) / x.shape[-1] + 0.01) ** 0.5
        y[at] = [(v - mean) / root * g + s for v, g, s in zip(x[at], gain, shift, strict=True)]
    return y


honest("layer", Norm(), (4,), reference=slow)
honest("layer/positions", Norm(), (2, 4), reference=slow)


class NoMean(Normal):
    def project(self, v):
        return (v - self.z * self.mean(v * self.z)) / self.root


class MeanLeftOut(Norm):
    """The derivative through the mean is left out."""

    def maps(self, z, root, gain, x):
        return NoMean(z, root, gain)


mutant("mean-left-out", MeanLeftOut(), "derivative", "gradient.input")


class NoVariance(Normal):
    def project(self, v):
        return (v - self.mean(v)) / self.root


class VarianceLeftOut(Norm):
    """The derivative through the variance is left out."""

    def maps(self, z, root, gain, x):
        return NoVariance(z, root, gain)


mutant("variance-left-out", VarianceLeftOut(), "derivative", "gradient.input")


class VarianceSquared(Normal):
    def project(self, v):
        return (v - self.mean(v) - self.z * self.mean(v * self.z) / self.root) / self.root


class OneRootTooMany(Norm):
    """In the derivative through the variance the root divides once too often."""

    def maps(self, z, root, gain, x):
        return VarianceSquared(z, root, gain)


mutant("one-root-too-many", OneRootTooMany(), "derivative", "gradient.input")


class HalfForgotten(Normal):
    def project(self, v):
        return (v - self.mean(v) - 2 * self.z * self.mean(v * self.z)) / self.root


class TwiceTheVariance(Norm):
    """The ½ of the root's derivative is forgotten."""

    def maps(self, z, root, gain, x):
        return HalfForgotten(z, root, gain)


mutant("half-of-the-root-forgotten", TwiceTheVariance(), "derivative", "gradient.input")


class LessOneBack(Normal):
    def mean(self, v):
        return v.sum(axis=-1, keepdims=True) / max(v.shape[-1] - 1, 1)


class OverLessBackward(Norm):
    """Backward the means are over n - 1, forward over n."""

    def maps(self, z, root, gain, x):
        return LessOneBack(z, root, gain)


mutant("over-less-backward", OverLessBackward(), "derivative", "gradient.input")


class OverLess(Norm):
    """The variance is over n - 1, forward and backward."""

    def root(self, x):
        n = x.shape[-1]
        return np.sqrt((self.centred(x) ** 2).sum(axis=-1, keepdims=True) / max(n - 1, 1) + self.eps)

    def maps(self, z, root, gain, x):
        return Stretched(z, root, gain)


class Stretched(Normal):
    def project(self, v):
        n = v.shape[-1]
        return (v - self.mean(v) - self.z * self.mean(v * self.z) * (n / max(n - 1, 1))) / self.root


mutant("variance-over-less", OverLess(), "forward", "forward.reference", reference=slow)


class EpsForward(Norm):
    """ε stands outside the root forward, inside backward."""

    def forward(self, x, gain, shift):
        root = np.sqrt((self.centred(x) ** 2).mean(axis=-1, keepdims=True)) + self.eps
        return self.centred(x) / root * gain + shift

    def linearize(self, x, gain, shift):
        y = self.forward(x, gain, shift)
        return y, self.jacobian(x, y, gain, shift)


mutant("eps-outside-forward", EpsForward(), "derivative", "gradient.input")


class EpsTwice(Norm):
    """ε is squared under the root."""

    def root(self, x):
        return np.sqrt((self.centred(x) ** 2).mean(axis=-1, keepdims=True) + self.eps**2)


mutant("eps-squared", EpsTwice(), "forward", "forward.reference", reference=slow)


class AllAxesBack(Normal):
    def mean(self, v):
        return v.mean(axis=tuple(range(1, v.ndim)), keepdims=True)


class BackwardOverAll(Norm):
    """Backward the means go over all axes of a sample, forward over the last."""

    def maps(self, z, root, gain, x):
        return AllAxesBack(z, root, gain)


mutant("backward-over-all-axes", BackwardOverAll(), "derivative", "gradient.input")


class OverPositions(Norm):
    """Mean and variance go over all axes of a sample, forward and backward."""

    def centred(self, x):
        return x - x.mean(axis=tuple(range(1, x.ndim)), keepdims=True)

    def root(self, x):
        return np.sqrt((self.centred(x) ** 2).mean(axis=tuple(range(1, x.ndim)), keepdims=True) + self.eps)

    def maps(self, z, root, gain, x):
        return AllAxesBack(z, root, gain)


mutant("over-all-axes", OverPositions(), "forward", "forward.reference", reference=slow)


class OverBatch(Norm):
    """The variance is the mean of those of the batch."""

    def root(self, x):
        return np.sqrt((self.centred(x) ** 2).mean(axis=(0, -1), keepdims=True) + self.eps)


mutant("variance-of-the-batch", OverBatch(), "batch", "batch.apart", (4,))


class RawGain(Normal):
    def __init__(self, z, root, gain, x):
        super().__init__(z, root, gain)
        self.x = x

    def per_sample(self, delta):
        between = tuple(range(1, delta.ndim - 1))
        return {**super().per_sample(delta), "gain": (delta * self.x).sum(axis=between)}


class GainOfX(Norm):
    """The gradient of the gain has x in the place of what is normalised."""

    def maps(self, z, root, gain, x):
        return RawGain(z, root, gain, x)


mutant("gain-of-x", GainOfX(), "derivative", "gradient.parameters")


class FirstPosition(Normal):
    def per_sample(self, delta):
        return {"gain": (delta * self.z)[:, 0], "shift": delta[:, 0]} if delta.ndim == 3 else super().per_sample(delta)


class GradientOfTheFirst(Norm):
    """The gradients of gain and shift are those of the first position."""

    def maps(self, z, root, gain, x):
        return FirstPosition(z, root, gain)


mutant("gradient-of-the-first-position", GradientOfTheFirst(), "derivative", "gradient.parameters")


class MeanOfPositions(Normal):
    def per_sample(self, delta):
        between = tuple(range(1, delta.ndim - 1))
        return {**super().per_sample(delta), "shift": delta.mean(axis=between)}


class ShiftAveraged(Norm):
    """The gradient of the shift is a mean over positions, not a sum."""

    def maps(self, z, root, gain, x):
        return MeanOfPositions(z, root, gain)


mutant("shift-averaged", ShiftAveraged(), "derivative", "gradient.parameters")


class GainLate(Normal):
    def vjp(self, delta, out=None):
        if out is not None:
            self.vjp_params(delta, out)
        return self.project(delta) * self.gain


class GainAfterwards(Norm):
    """Backward the gain multiplies after the projection, where before is its place."""

    def maps(self, z, root, gain, x):
        return GainLate(z, root, gain)


mutant("gain-after-the-projection", GainAfterwards(), "derivative", "gradient.input")


class GainEarly(Normal):
    def jvp(self, tangent, params):
        moved = np.zeros_like(self.z) if tangent is None else self.project(self.gain * tangent)
        return moved + self.z * params.get("gain", 0) + params.get("shift", 0)


class GainBefore(Norm):
    """Forward mode multiplies by the gain before the projection, as backward mode does."""

    def maps(self, z, root, gain, x):
        return GainEarly(z, root, gain)


mutant("gain-before-the-projection-in-jvp", GainBefore(), "derivative", "gradient.adjoint")


class Squares(Norm):
    """The variance is E[x²] - E[x]²: far from zero it cancels."""

    def root(self, x):
        squares = (x * x).mean(axis=-1, keepdims=True) - x.mean(axis=-1, keepdims=True) ** 2
        return np.sqrt(np.maximum(squares, 0) + self.eps)


mutant("squares-that-cancel", Squares(), "extremes", "numerics.cancellation")


class InPlace(Norm):
    """The mean is taken off in place."""

    def centred(self, x):
        x -= x.mean(axis=-1, keepdims=True)
        return x


mutant("centred-in-place", InPlace(), "state", "purity.input")


class Wide(Norm):
    """n is a NumPy float: float32 becomes float64."""

    def root(self, x):
        n = np.float64(x.shape[-1])
        return np.sqrt((self.centred(x) ** 2).sum(axis=-1, keepdims=True) / n + self.eps)


mutant("n-is-a-float64", Wide(), "arrays", "arrays.float32")


# Without a mean: y = gain x / √(mean of squares + ε).


@dataclass(frozen=True)
class RootMeanSquare(Norm):
    """y = gain x / √(mean of squares + ε) + shift."""

    def centred(self, x):
        return x

    def maps(self, z, root, gain, x):
        return Bare(z, root, gain)


class Bare(Normal):
    def project(self, v):
        return (v - self.z * self.mean(v * self.z)) / self.root


honest("root-mean-square", RootMeanSquare(), (2, 3))


class Centres(RootMeanSquare):
    """Backward the mean is taken off, which forward is not."""

    def maps(self, z, root, gain, x):
        return Normal(z, root, gain)


mutant("rms-centred-backward", Centres(), "derivative", "gradient.input")


class NoEps(RootMeanSquare):
    """There is no ε: a sample of zeros is 0/0."""

    def root(self, x):
        return np.sqrt((x * x).mean(axis=-1, keepdims=True))


mutant("rms-without-eps", NoEps(), "extremes", "forward.special")


class SumOfSquares(RootMeanSquare):
    """The root is of the sum of squares, and the derivative that of the mean."""

    def root(self, x):
        return np.sqrt((x * x).sum(axis=-1, keepdims=True) + self.eps)


mutant("rms-of-the-sum", SumOfSquares(), "derivative", "gradient.input")

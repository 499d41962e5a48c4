"""Wrong moments: in a training step, in what it leaves behind, and in prediction."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from chainrule.conformance import LayerCase

from .. import Mutant
from .honest import SLOW, BatchNorm, Centre, Centred, Less, LessItsMean, Normalised, Prediction, Training

MUTANTS = []


def mutant(name, layer, fault, killed_by, shape=(3,), **traits):
    case = LayerCase(f"statistics/{name}", layer, shape, **traits)
    MUTANTS.append(Mutant(case, fault, type(layer).__doc__, killed_by))


# A training step.


class FrozenMean(Normalised):
    def project(self, v):
        return (v - self.z * self.over(v * self.z)) / self.root


class TrainsWithFrozenMean(Training):
    def maps(self, x, z, root, gain, seen):
        return FrozenMean(z, root, gain, seen)


class MeanIsConstant(BatchNorm):
    """The derivative through the batch's mean is left out."""

    training = TrainsWithFrozenMean


mutant("mean-is-constant", MeanIsConstant(), "derivative", "gradient.input")


class FrozenVariance(Normalised):
    def project(self, v):
        return (v - self.over(v)) / self.root


class TrainsWithFrozenVariance(Training):
    def maps(self, x, z, root, gain, seen):
        return FrozenVariance(z, root, gain, seen)


class VarianceIsConstant(BatchNorm):
    """The derivative through the batch's variance is left out."""

    training = TrainsWithFrozenVariance


mutant("variance-is-constant", VarianceIsConstant(), "derivative", "gradient.input", (2, 2))


class FrozenMoments(Normalised):
    def project(self, v):
        return v / self.root


class TrainsWithFrozenMoments(Training):
    def maps(self, x, z, root, gain, seen):
        return FrozenMoments(z, root, gain, seen)


class StatisticsAreNoFunction(BatchNorm):
    """What is seen is taken for a constant of the step: its Jacobian is that of prediction."""

    training = TrainsWithFrozenMoments


mutant("statistics-are-constants", StatisticsAreNoFunction(), "derivative", "gradient.input")


class ForwardAlone(Normalised):
    def jvp(self, tangent, params):
        moved = np.zeros_like(self.z) if tangent is None else self.gain * tangent / self.root
        return moved + self.z * params.get("gain", 0) + params.get("shift", 0)


class TrainsWithPlainJvp(Training):
    def maps(self, x, z, root, gain, seen):
        return ForwardAlone(z, root, gain, seen)


class JvpOfPrediction(BatchNorm):
    """Backward a step has the batch's moments, forward those of prediction are taken for constants."""

    training = TrainsWithPlainJvp


mutant("jvp-of-prediction", JvpOfPrediction(), "derivative", "gradient.adjoint")


class PerSample(Normalised):
    def over(self, v):
        return v.mean(axis=tuple(range(1, v.ndim - 1)), keepdims=True) if v.ndim > 2 else v.mean(axis=0)


class TrainsOverPlaces(Training):
    def maps(self, x, z, root, gain, seen):
        return PerSample(z, root, gain, seen)


class BackwardOverPlaces(BatchNorm):
    """Backward the means go over the places of each sample, forward over the batch as well."""

    training = TrainsOverPlaces


mutant("backward-over-places", BackwardOverPlaces(), "derivative", "gradient.input", (3, 2))


@dataclass(frozen=True)
class OverLess(Training):
    def normal(self, x):
        n = x.size // x.shape[-1]
        mean, variance = self.moments(x)
        root = np.sqrt(variance * (n / max(n - 1, 1)) + self.eps)
        return (x - mean) / root, root

    def maps(self, x, z, root, gain, seen):
        n = x.size // x.shape[-1]
        return Stretched(z, root, gain, seen, n / max(n - 1, 1))


class Stretched(Normalised):
    def __init__(self, z, root, gain, seen, factor):
        super().__init__(z, root, gain, seen)
        self.factor = factor

    def project(self, v):
        return (v - self.over(v) - self.factor * self.z * self.over(v * self.z)) / self.root


class NormalisesOverLess(BatchNorm):
    """A step divides by the variance over n - 1, forward and backward."""

    training = OverLess


mutant("training-over-less", NormalisesOverLess(), "forward", "statistics.trained", **SLOW)


@dataclass(frozen=True)
class ByPrediction(Training):
    """The initial moments in a step, the batch's are seen."""

    mixes_samples = False

    def normal(self, x):
        root = np.sqrt(np.ones(x.shape[-1], x.dtype) + self.eps)
        return x / root, root

    def maps(self, x, z, root, gain, seen):
        return FrozenMoments(z, root, gain, seen)


class RunningWhileTraining(BatchNorm):
    """A training step uses running statistics, as prediction does."""

    training = ByPrediction


mutant("running-while-training", RunningWhileTraining(), "forward", "statistics.limit")


@dataclass(frozen=True)
class OfEachSample(Training):
    def moments(self, x):
        axes = tuple(range(1, x.ndim - 1))
        mean = x.mean(axis=axes, keepdims=True)
        return mean, ((x - mean) ** 2).mean(axis=axes, keepdims=True)

    def maps(self, x, z, root, gain, seen):
        own = {name: value.mean(axis=tuple(range(value.ndim - 1))) for name, value in seen.items()}
        return InEachSample(z, root, gain, own)


class InEachSample(Normalised):
    def over(self, v):
        return v.mean(axis=tuple(range(1, v.ndim - 1)), keepdims=True)


class OfEachSampleItsOwn(BatchNorm):
    """A step takes the moments of each sample by itself, and remembers their mean."""

    training = OfEachSample


mutant("moments-of-each-sample", OfEachSampleItsOwn(), "forward", "statistics.limit", (4, 2))


class ScalesInPlace(Normalised):
    def vjp(self, delta, out=None):
        pulled = super().vjp(delta, out)
        self.seen["mean"] *= 0.5
        return pulled


class TrainsAndScales(Training):
    def maps(self, x, z, root, gain, seen):
        return ScalesInPlace(z, root, gain, seen)


class SeenChangesBackward(BatchNorm):
    """The backward pass works in the arrays that were seen."""

    training = TrainsAndScales


mutant("seen-changes-backward", SeenChangesBackward(), "state", "statistics.realize")

ROOM = {}


class TrainsInOneRoom(Training):
    def maps(self, x, z, root, gain, seen):
        room = ROOM.setdefault(gain.size, np.zeros(gain.size))
        room[...] = seen["mean"]
        return Normalised(z, root, gain, {**seen, "mean": room})


class SeenInABuffer(BatchNorm):
    """What was seen lies in one buffer for all batches."""

    training = TrainsInOneRoom


mutant("seen-in-a-buffer", SeenInABuffer(), "state", "statistics.realize")


class SeesNothing(Normalised):
    def __init__(self, z, root, gain, seen):
        super().__init__(z, root, gain, {})


class TrainsBlind(Training):
    def maps(self, x, z, root, gain, seen):
        return SeesNothing(z, root, gain, seen)


class NothingSeen(BatchNorm):
    """Its Jacobian has nothing in `seen`: the statistics stay as they are."""

    training = TrainsBlind

    def remembered(self, old, seen):
        return super().remembered(old, seen) if seen else dict(old)


mutant("nothing-seen", NothingSeen(), "forward", "statistics.realize")


class RealizesAnother(BatchNorm):
    """What is realized trains otherwise, and has statistics, itself."""

    def realize(self, rng):
        return self


mutant("realizes-itself", RealizesAnother(), "forward", "statistics.realize")


class DrawsInRealize(BatchNorm):
    """realize draws a number that nobody uses; the class does not say that it is stochastic."""

    def realize(self, rng):
        rng.random()
        return super().realize(rng)


mutant("draws-in-realize", DrawsInRealize(), "randomness", "statistics.realize")


# What is remembered.


class OldForNew(BatchNorm):
    """The momentum stands at the old statistics in the place of the new: 1/8 old and 7/8 new."""

    def remembered(self, old, seen):
        new = super().remembered(dict.fromkeys(old, 0.0), seen)
        return {name: self.momentum * old[name] + (1 - self.momentum) / self.momentum * new[name] for name in old}


mutant("momentum-turned-round", OldForNew(), "forward", "statistics.reference", **SLOW)


class OverN(BatchNorm):
    """The running variance is over n, PyTorch's over n - 1."""

    def remembered(self, old, seen):
        return {name: old[name] + self.momentum * (seen[name] - old[name]) for name in old}


mutant("running-variance-over-n", OverN(), "forward", "statistics.reference", **SLOW)


class BiasedTwice(BatchNorm):
    """n / (n - 1) multiplies the mean as well."""

    def remembered(self, old, seen):
        n = seen["count"]
        return super().remembered(old, {**seen, "mean": seen["mean"] * n / np.maximum(n - 1, 1)})


mutant("mean-over-less", BiasedTwice(), "forward", "statistics.reference", **SLOW)


class Deviation(BatchNorm):
    """It remembers the standard deviation, and takes it for the variance."""

    def remembered(self, old, seen):
        return super().remembered(old, {**seen, "variance": np.sqrt(seen["variance"])})


mutant("deviation-for-variance", Deviation(), "forward", "statistics.limit")


class AddsUp(BatchNorm):
    """What is seen is added to what is remembered, which does not shrink."""

    def remembered(self, old, seen):
        return {name: old[name] + self.momentum * seen[name] for name in old}


mutant("adds-up", AddsUp(), "forward", "statistics.limit")


class FirstAlone(BatchNorm):
    """It remembers the first batch, for ever."""

    def remembered(self, old, seen):
        fresh = not old["mean"].any()
        return {name: seen[name] if fresh else old[name] for name in old}


mutant("first-batch-alone", FirstAlone(), "forward", "statistics.limit")


class Overshoots(BatchNorm):
    """A step goes past what was seen, as far again less a quarter."""

    def remembered(self, old, seen):
        return {name: old[name] + 1.75 * (seen[name] - old[name]) for name in old}


mutant("overshoots", Overshoots(), "forward", "statistics.limit")


class QuickUpwards(BatchNorm):
    """Upwards a statistic goes by half of the way, downwards by a fiftieth."""

    def remembered(self, old, seen):
        apart = {name: seen[name] - old[name] for name in old}
        return {name: old[name] + np.where(apart[name] > 0, 0.5, 0.02) * apart[name] for name in old}


mutant("quick-upwards", QuickUpwards(), "forward", "statistics.moments")


class SumOfSquares(Training):
    def maps(self, x, z, root, gain, seen):
        return Normalised(z, root, gain, {**seen, "variance": seen["variance"] * seen["count"]})


class SumRemembered(BatchNorm):
    """The sum of squares is remembered, not their mean."""

    training = SumOfSquares


mutant("sum-for-mean", SumRemembered(), "forward", "statistics.limit")


class NotCentred(Training):
    def maps(self, x, z, root, gain, seen):
        axes = tuple(range(x.ndim - 1))
        return Normalised(z, root, gain, {**seen, "variance": (x * x).mean(axis=axes)})


class SquaresRemembered(BatchNorm):
    """The mean of squares is remembered in the place of the variance, without the mean's square taken off."""

    training = NotCentred


mutant("squares-not-centred", SquaresRemembered(), "forward", "statistics.limit", domain=(1.0, 4.0))


class InPlace(BatchNorm):
    """remembered moves the old statistics in place."""

    def remembered(self, old, seen):
        new = super().remembered(old, seen)
        for name, array in old.items():
            array[...] = new[name]
        return new


mutant("remembers-in-place", InPlace(), "state", "statistics.realize")


class Forgets(BatchNorm):
    """remembered gives the mean alone."""

    def remembered(self, old, seen):
        new = super().remembered(old, seen)
        return {"mean": new["mean"]}


mutant("forgets-one", Forgets(), "forward", "statistics.realize")

STEPS = {"seen": 0}


class CountsBeside(BatchNorm):
    """How many steps there were is counted in its module: the momentum falls, in a resumed run once more."""

    def realize(self, rng):
        STEPS["seen"] += 1
        return super().realize(rng)

    def remembered(self, old, seen):
        n = seen["count"]
        new = {"mean": seen["mean"], "variance": seen["variance"] * (n / np.maximum(n - 1, 1))}
        share = 1 / (1 + STEPS["seen"] % 7)
        return {name: old[name] + share * (new[name] - old[name]) for name in old}


mutant("counts-beside", CountsBeside(), "state", "statistics.resumed")


class SaysNothing(BatchNorm):
    """The class does not say that it trains otherwise than it predicts: it never trains otherwise."""

    trains_otherwise = False


mutant("does-not-say-so", SaysNothing(), "lifecycle", "statistics.shapes")


class StartsFlat(BatchNorm):
    """The initial statistics are numbers, and not of the declared shapes."""

    def initial_statistics(self, input_shape):
        return {"mean": np.zeros(()), "variance": np.ones(())}


mutant("starts-flat", StartsFlat(), "lifecycle", "statistics.shapes")

ZEROS, ONES = np.zeros(3), np.ones(3)


class SharesItsStart(BatchNorm):
    """All networks start from the same arrays."""

    def initial_statistics(self, input_shape):
        if input_shape[-1:] == (3,):
            return {"mean": ZEROS, "variance": ONES}
        return super().initial_statistics(input_shape)


mutant("shares-its-start", SharesItsStart(), "state", "statistics.shapes")


class OneFitsAll(BatchNorm):
    """Its statistics have the width of its case, whatever the input's."""

    def statistic_shapes(self, input_shape):
        return {"mean": (3,), "variance": (3,)}


mutant("width-of-the-case", OneFitsAll(), "errors", "statistics.shapes")


class ForOne(BatchNorm):
    """It says that a step of one sample will do, and divides by n - 1."""

    def remembered(self, old, seen):
        n = seen["count"]
        new = {"mean": seen["mean"], "variance": seen["variance"] * (n / (n - 1))}
        return {name: old[name] + self.momentum * (new[name] - old[name]) for name in old}

    def least_batch(self, input_shape):
        return 1


mutant("one-sample-will-do", ForOne(), "batch", "statistics.least_batch")


@dataclass(frozen=True)
class CentreAndCount(Centre):
    """It remembers the variance, which nobody uses."""

    def statistic_shapes(self, input_shape):
        return {"mean": input_shape, "variance": input_shape}

    def initial_statistics(self, input_shape):
        return {"mean": np.zeros(input_shape), "variance": np.ones(input_shape)}

    def predicting(self, mean, variance):
        return Less(mean)

    def realize(self, rng):
        return CentredWithVariance()

    def remembered(self, old, seen):
        return {name: 0.75 * old[name] + 0.25 * seen[name] for name in old}


class CentredWithVariance(Centred):
    def jacobian(self, x, y):
        found = LessItsMean(x.mean(axis=0))
        found.seen = {"mean": x.mean(axis=0), "variance": x.var(axis=0)}
        return found


mutant("statistic-unused", CentreAndCount(), "forward", "statistics.used")


# Prediction.


@dataclass(frozen=True, eq=False)
class MovesOn(Prediction):
    def normal(self, x):
        found = super().normal(x)
        if x.dtype == self.mean.dtype:
            self.mean[...] += 0.1 * (x.mean(axis=tuple(range(x.ndim - 1))) - self.mean)
        return found


class PredictingMoves(BatchNorm):
    """Predicting moves the running mean on."""

    prediction = MovesOn


mutant("predicting-moves-it", PredictingMoves(), "state", "statistics.kept")


@dataclass(frozen=True, eq=False)
class ByItsBatch(Prediction):
    def normal(self, x):
        mean, variance = Training(self.eps).moments(x)
        root = np.sqrt(variance + self.eps)
        return (x - mean) / root, root


class PredictsByItsBatch(BatchNorm):
    """Prediction uses the batch's own moments."""

    prediction = ByItsBatch


mutant("predicts-by-its-batch", PredictsByItsBatch(), "batch", "batch.singles")


@dataclass(frozen=True, eq=False)
class RootAndEps(Prediction):
    def normal(self, x):
        root = np.sqrt(self.variance) + self.eps
        return (x - self.mean) / root, root


class OutsideInPrediction(BatchNorm):
    """In prediction ε stands outside the root, in training inside."""

    prediction = RootAndEps


mutant("eps-outside-in-prediction", OutsideInPrediction(eps=0.5), "forward", "statistics.limit")


@dataclass(frozen=True, eq=False)
class NotLessTheMean(Prediction):
    def normal(self, x):
        root = np.sqrt(self.variance + self.eps)
        return x / root, root


class MeanUnused(BatchNorm):
    """Prediction leaves out the mean."""

    prediction = NotLessTheMean


mutant("mean-left-out-in-prediction", MeanUnused(), "forward", "statistics.used")


class StartsOtherwise(BatchNorm):
    """By itself it predicts with other statistics than the initial ones."""

    def linearize(self, x, gain, shift):
        ones = np.ones_like(gain)
        return self.predicting(0 * ones, 2 * ones).linearize(x, gain=gain, shift=shift)

    def forward(self, x, gain, shift):
        return self.linearize(x, gain, shift)[0]


mutant("starts-otherwise", StartsOtherwise(), "forward", "statistics.kept")


@dataclass(frozen=True)
class Bare(Prediction):
    def parameter_shapes(self, input_shape):
        return {"gain": input_shape[-1:]}


class PredictsWithFewer(BatchNorm):
    """What predicts declares fewer parameters."""

    prediction = Bare


mutant("predicts-with-fewer", PredictsWithFewer(), "lifecycle", "statistics.realize")


class DoublesSlopes(Prediction):
    def jacobian(self, x, y, gain, shift):
        found = super().jacobian(x, y, gain, shift)
        found.input.d = found.input.d * (1 + self.mean**2)
        return found


class WrongAfterSteps(BatchNorm):
    """The Jacobian of prediction is wrong where the running mean is not 0, as it is at first."""

    prediction = DoublesSlopes
    kept: ClassVar[str] = "the initial mean hides it"


mutant("wrong-after-the-first-step", WrongAfterSteps(), "derivative", "gradient.input")

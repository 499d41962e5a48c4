"""A sample depends on its batch."""

import numpy as np

from chainrule import Diagonal, Jacobian
from chainrule.conformance import LayerCase

from .. import Mutant
from .honest import ROW, SHAPE, Abs, Leaky, ReLU, Sigmoid, Softplus, Swish, Tanh


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


MUTANTS = [
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
]

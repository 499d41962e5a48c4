"""Forward and derivative are wrong alike."""

import math

import numpy as np

from chainrule import Diagonal, Jacobian
from chainrule.conformance import LayerCase

from .. import Mutant
from .honest import ROW, SHAPE, ReLU, Sigmoid, Softplus, Tanh, slow_relu, slow_softplus, slow_tanh


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


MUTANTS = [
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
]

"""The derivative is wrong."""

import numpy as np

from chainrule import Diagonal, Jacobian
from chainrule.conformance import LayerCase

from .. import Mutant
from .honest import SHAPE, HardTanh, Leaky, ReLU, Sigmoid, Softplus, Tanh


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
]

"""Kinks."""

import numpy as np

from chainrule.conformance import LayerCase

from .. import Mutant
from .honest import ROW, SHAPE, Abs, HardTanh, Leaky, ReLU


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


MUTANTS = [
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
]

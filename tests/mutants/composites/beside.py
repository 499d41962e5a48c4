"""Two layers side by side."""

from dataclasses import dataclass

import numpy as np

from chainrule import Jacobian, Layer
from chainrule.conformance import LayerCase

from .. import Mutant
from .honest import Beside, Stacked
from .parts import Squash, part


class Adding(Stacked):
    """The sum is taken into what the first branch returned, which may be δ itself."""

    def vjp(self, delta, out=None):
        left, right = self.split(delta)
        total = self.second.vjp(right, None if out is None else part("right", out))
        total += self.first.vjp(left, None if out is None else part("left", out))
        return total


@dataclass(frozen=True)
class Same(Layer):
    """The identity; its vjp hands back δ itself."""

    def output_shape(self, input_shape):
        return input_shape

    def forward(self, x):
        return x

    def jacobian(self, x, y):
        return Jacobian(Through())


class Through:
    def vjp(self, delta):
        return delta

    def jvp(self, tangent):
        return tangent


class BesideAdding(Beside):
    def maps(self, first, second, width):
        return Adding(first, second, width)


class BesideByMemory(Beside):
    """The two halves are written one behind the other, and read as columns."""

    def forward(self, x, **params):
        left, right = self.left.forward(x, **part("left", params)), self.right.forward(x, **part("right", params))
        flat = np.concatenate([left.ravel(), right.ravel()])
        return flat.reshape(len(x), -1)

    def linearize(self, x, **params):
        _, maps = super().linearize(x, **params)
        return self.forward(x, **params), maps


class BesideIntoOne(Beside):
    """Both halves are written into one array of the class."""

    def linearize(self, x, **params):
        y, maps = super().linearize(x, **params)
        whole = WHOLE.setdefault((y.shape, y.dtype), np.empty_like(y))
        whole[...] = y
        return whole, maps


WHOLE = {}


class BesideSaysLess(Beside):
    """output_shape counts the left layer alone where the widths differ."""

    def output_shape(self, input_shape):
        left, _ = self.shapes(input_shape)
        return (2 * left[0],) if input_shape[0] % 2 == 0 else left


MUTANTS = [
    Mutant(
        LayerCase("composites/beside-adding", BesideAdding(Squash(), Same()), (4,)),
        fault="state",
        wrong="The sum of the branches is taken into a view of δ.",
        killed_by="purity.delta",
    ),
    Mutant(
        LayerCase("composites/beside-by-memory", BesideByMemory(), (4,)),
        fault="batch",
        wrong="The branches' outputs are joined as if each were one row.",
        killed_by="batch.singles",
    ),
    Mutant(
        LayerCase("composites/beside-into-one", BesideIntoOne(), (4,)),
        fault="state",
        wrong="linearize's y is an array of the module, one for each shape.",
        killed_by="purity.buffers",
    ),
    Mutant(
        LayerCase("composites/beside-says-less", BesideSaysLess(), (4,)),
        fault="errors",
        wrong="output_shape is right for an even number of inputs alone.",
        killed_by="forward.declarations",
    ),
]

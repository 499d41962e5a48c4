"""One layer twice, with the same parameters."""

import numpy as np

from chainrule.conformance import LayerCase

from .. import Mutant
from .honest import Tied, Twice, slow_twice


class Overwritten(Tied):
    """The second use overwrites what the first has written."""

    def vjp(self, delta, out=None):
        return self.first.vjp(self.second.vjp(delta, out), out)


class TwiceOverwritten(Twice):
    def maps(self, first, second):
        return Overwritten(first, second)


class LateOnly(Tied):
    def vjp_params(self, delta, out):
        self.second.vjp_params(delta, out)


class TwiceInFront(Twice):
    def maps(self, first, second):
        return LateOnly(first, second)


class Piled(Tied):
    """It adds to `out`, as if that were zero."""

    def vjp(self, delta, out=None):
        if out is None:
            return self.first.vjp(self.second.vjp(delta))
        own = {name: np.empty_like(array) for name, array in out.items()}
        middle = self.second.vjp(delta, own)
        for name, array in own.items():
            out[name] += array
        pulled = self.first.vjp(middle, own)
        for name, array in own.items():
            out[name] += array
        return pulled


class TwicePiled(Twice):
    def maps(self, first, second):
        return Piled(first, second)


class MovedOnce(Tied):
    def jvp(self, tangent, params):
        return self.second.jvp(self.first.jvp(tangent, params), {})


class TwiceMovedOnce(Twice):
    def maps(self, first, second):
        return MovedOnce(first, second)


class RowsOnce(Tied):
    def per_sample(self, delta):
        return self.second.per_sample(delta)


class TwiceRowsOnce(Twice):
    def maps(self, first, second):
        return RowsOnce(first, second)


class TwiceIsOnce(Twice):
    """The second use is left out, forward and backward."""

    def forward(self, x, **params):
        return self.inner.forward(x, **params)

    def linearize(self, x, **params):
        return self.inner.linearize(x, **params)


class SameJacobian(Tied):
    """The Jacobian of the first use stands for both."""

    def __init__(self, first, second):
        super().__init__(first, first)


class TwiceSameJacobian(Twice):
    def maps(self, first, second):
        return SameJacobian(first, second)


MUTANTS = [
    Mutant(
        LayerCase("composites/twice-overwritten", TwiceOverwritten(), (4,)),
        fault="derivative",
        wrong="The second use overwrites the gradient of the first.",
        killed_by="gradient.parameters",
    ),
    Mutant(
        LayerCase("composites/twice-in-front", TwiceInFront(), (4,)),
        fault="derivative",
        wrong="vjp_params writes the gradient of the last use alone.",
        killed_by="gradient.vjp_params",
    ),
    Mutant(
        LayerCase("composites/twice-piled", TwicePiled(), (4,)),
        fault="state",
        wrong="The gradients of both uses are added to what is in `out`.",
        killed_by="gradient.out",
    ),
    Mutant(
        LayerCase("composites/twice-moved-once", TwiceMovedOnce(), (4,)),
        fault="derivative",
        wrong="jvp moves the parameters in the first use alone.",
        killed_by="gradient.adjoint",
    ),
    Mutant(
        LayerCase("composites/twice-rows-once", TwiceRowsOnce(), (4,)),
        fault="derivative",
        wrong="per_sample has the last use alone.",
        killed_by="gradient.per_sample",
    ),
    Mutant(
        LayerCase("composites/twice-is-once", TwiceIsOnce(), (4,), reference=slow_twice),
        fault="forward",
        wrong="The second use is left out, forward and backward.",
        killed_by="forward.reference",
    ),
    Mutant(
        LayerCase("composites/twice-same-jacobian", TwiceSameJacobian(), (4,)),
        fault="derivative",
        wrong="The Jacobian of the first use stands for the second, too.",
        killed_by="gradient.input",
    ),
]

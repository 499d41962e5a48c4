"""A layer and a way past it."""

from dataclasses import dataclass

import numpy as np

from chainrule import Jacobian, Layer
from chainrule.conformance import LayerCase

from .. import Mutant
from .honest import IdentityPlus, Skip, slow_skip


class InPlaceSkip(IdentityPlus):
    def vjp(self, delta, out=None):
        delta += self.inner.vjp(delta, out)
        return delta


class SkipInPlace(Skip):
    def maps(self, jacobian):
        return InPlaceSkip(jacobian)


class SkipHalf(Skip):
    """The shortcut counts half, forward and backward."""

    def forward(self, x, **params):
        return x / 2 + self.inner.forward(x, **params)

    def linearize(self, x, **params):
        y, jacobian = self.inner.linearize(x, **params)
        return x / 2 + y, HalfIdentity(jacobian)


class HalfIdentity(IdentityPlus):
    def vjp(self, delta, out=None):
        return delta / 2 + self.inner.vjp(delta, out)

    def jvp(self, tangent, params):
        return tangent / 2 + self.inner.jvp(tangent, params)


class SkipBroadcasts(Skip):
    """An inner layer of another shape is accepted."""

    def output_shape(self, input_shape):
        return input_shape


@dataclass(frozen=True)
class Total(Layer):
    """The sum of each sample."""

    def output_shape(self, input_shape):
        return (2,)

    def forward(self, x):
        total = x.reshape(len(x), -1).sum(axis=1, keepdims=True)
        return np.concatenate([total, total], axis=1)

    def jacobian(self, x, y):
        return Jacobian(Spread(x.shape[1:]))


class Spread:
    def __init__(self, shape):
        self.shape = shape

    def vjp(self, delta):
        ones = np.ones((len(delta), *self.shape), delta.dtype)
        return delta.sum(axis=1).reshape(-1, *[1] * len(self.shape)) * ones

    def jvp(self, tangent):
        total = tangent.reshape(len(tangent), -1).sum(axis=1, keepdims=True)
        return np.concatenate([total, total], axis=1)


class GuardedSkip(IdentityPlus):
    """Where anything is NaN, the whole batch keeps δ as it is."""

    def vjp(self, delta, out=None):
        pulled = self.inner.vjp(delta, out)
        return delta + pulled if np.isfinite(pulled).all() else delta * np.nan


class SkipGuarded(Skip):
    def maps(self, jacobian):
        return GuardedSkip(jacobian)


class SkipMendsNaN(Skip):
    def forward(self, x, **params):
        return np.nan_to_num(super().forward(x, **params))


MUTANTS = [
    Mutant(
        LayerCase("composites/skip-in-place", SkipInPlace(), (4,)),
        fault="state",
        wrong="The sum is taken into δ, which the other branch has, too.",
        killed_by="purity.delta",
    ),
    Mutant(
        LayerCase("composites/skip-half", SkipHalf(), (4,), reference=slow_skip),
        fault="forward",
        wrong="The shortcut counts half, forward and backward.",
        killed_by="forward.reference",
    ),
    Mutant(
        LayerCase("composites/skip-broadcasts", SkipBroadcasts(Total()), (2,)),
        fault="errors",
        wrong="x + f(x) is broadcast where the shapes differ, and output_shape says nothing.",
        killed_by="errors.shape",
    ),
    Mutant(
        LayerCase("composites/skip-guarded", SkipGuarded(), (4,)),
        fault="extremes",
        wrong="One NaN in δ makes NaN of the δ of the whole batch.",
        killed_by="numerics.nan_delta",
    ),
    Mutant(
        LayerCase("composites/skip-mends-nan", SkipMendsNaN(), (4,)),
        fault="extremes",
        wrong="NaN is turned into 0.",
        killed_by="numerics.nan",
    ),
]

"""Learned slopes."""

import numpy as np

from chainrule import Diagonal, Jacobian, Scale
from chainrule.conformance import LayerCase

from .. import Mutant
from .honest import PReLU, slow_prelu


class PReLUSharesFirst(PReLU):
    """The slope of the first feature is everybody's, forward and backward."""

    def forward(self, x, a):
        return np.maximum(x, 0) + a[0] * np.minimum(x, 0)

    def jacobian(self, x, y, a):
        slope = (x > 0) + a[0] * (x <= 0)
        return Jacobian(Diagonal(slope), a=First(np.minimum(x, 0), a.shape))


class First(Scale):
    def vjp(self, delta, out):
        out[...] = 0
        out[0] = (delta * self.x).sum()

    def jvp(self, tangent):
        return tangent[0] * self.x

    def per_sample(self, delta):
        found = np.zeros((len(delta), *self.shape), delta.dtype)
        found[:, 0] = (delta * self.x).reshape(len(delta), -1).sum(axis=1)
        return found


class PReLUOfAll(PReLU):
    """The gradient of the slope counts what is above 0, too."""

    def jacobian(self, x, y, a):
        slope = (x > 0) + a * (x <= 0)
        return Jacobian(Diagonal(slope), a=Scale(x, a.shape))


class PReLUBySign(PReLU):
    """It tells the sides apart by y, whose sign is another where the slope is negative."""

    def jacobian(self, x, y, a):
        slope = (y > 0) + a * (y <= 0)
        return Jacobian(Diagonal(slope), a=Scale(np.where(y > 0, 0, x), a.shape))


class PReLUMeans(PReLU):
    """Between the batch and the features it takes the mean, where a sum belongs."""

    def jacobian(self, x, y, a):
        slope = (x > 0) + a * (x <= 0)
        return Jacobian(Diagonal(slope), a=MeanScale(np.minimum(x, 0), a.shape))


class MeanScale(Scale):
    def vjp(self, delta, out):
        out[...] = (delta * self.x).sum(axis=0).reshape(-1, *self.shape).mean(axis=0)

    def per_sample(self, delta):
        return (delta * self.x).reshape(len(delta), -1, *self.shape).mean(axis=1)


MUTANTS = [
    Mutant(
        LayerCase("affine/prelu-shares-first", PReLUSharesFirst(), (2, 3), reference=slow_prelu),
        fault="forward",
        wrong="All features have the slope of the first, forward and backward.",
        killed_by="forward.reference",
    ),
    Mutant(
        LayerCase("affine/prelu-of-all", PReLUOfAll(), (3,)),
        fault="derivative",
        wrong="The gradient of the slope counts positive inputs, too.",
        killed_by="gradient.parameters",
    ),
    Mutant(
        LayerCase("affine/prelu-by-sign", PReLUBySign(), (12,)),
        fault="derivative",
        wrong="The side is told by the sign of y, which is another where a slope is negative.",
        killed_by="gradient.input",
    ),
    Mutant(
        LayerCase("affine/prelu-means", PReLUMeans(), (2, 3)),
        fault="batch",
        wrong="The gradient of a slope is a mean over the rows of a sample.",
        killed_by="gradient.parameters",
    ),
]

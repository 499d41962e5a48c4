"""Softmax."""

import numpy as np

from chainrule import Diagonal, Jacobian
from chainrule.conformance import LayerCase

from .. import Mutant
from .honest import Shares, Softmax, slow_softmax


class SoftmaxDiagonal(Softmax):
    """The derivative is that of each score alone."""

    def jacobian(self, x, y):
        return Jacobian(Diagonal(y * (1 - y)))


class SoftmaxLiteral(Softmax):
    def forward(self, x):
        y = np.exp(x)
        return y / y.sum(axis=-1, keepdims=True)


class SoftmaxSumsBatch(Softmax):
    def forward(self, x):
        y = np.exp(x - x.max())
        return y / y.sum(axis=0, keepdims=True)

    def jacobian(self, x, y):
        return Jacobian(SharesOfBatch(y))


class SharesOfBatch(Shares):
    def vjp(self, delta):
        return self.p * (delta - (delta * self.p).sum(axis=0, keepdims=True))


class SoftmaxOfHigher(Softmax):
    """The temperature is 2, forward and backward."""

    def forward(self, x):
        return super().forward(x / 2)

    def jacobian(self, x, y):
        return Jacobian(HalfShares(y))


class HalfShares(Shares):
    def vjp(self, delta):
        return super().vjp(delta) / 2


class SoftmaxDense(Softmax):
    def jacobian(self, x, y):
        return Jacobian(DenseShares(y))


class DenseShares(Shares):
    """diag(p) - p pᵀ, written out in every product."""

    def vjp(self, delta):
        p = self.p
        J = np.zeros((*p.shape, p.shape[-1]), p.dtype)
        np.einsum("...ii->...i", J)[...] = p
        J -= p[..., :, None] * p[..., None, :]
        return np.einsum("...i,...ij->...j", delta, J)


MUTANTS = [
    Mutant(
        LayerCase("affine/softmax-diagonal", SoftmaxDiagonal(), (4,)),
        fault="derivative",
        wrong="The derivative is the diagonal of the Jacobian alone.",
        killed_by="gradient.input",
    ),
    Mutant(
        LayerCase("affine/softmax-literal", SoftmaxLiteral(), (4,)),
        fault="extremes",
        wrong="Without the shift e^x overflows.",
        killed_by="numerics.extremes",
    ),
    Mutant(
        LayerCase("affine/softmax-sums-batch", SoftmaxSumsBatch(), (4,)),
        fault="batch",
        wrong="The sum runs over the batch.",
        killed_by="batch.apart",
    ),
    Mutant(
        LayerCase("affine/softmax-of-higher", SoftmaxOfHigher(), (4,), reference=slow_softmax),
        fault="forward",
        wrong="The temperature is 2, forward and backward.",
        killed_by="forward.reference",
    ),
    Mutant(
        LayerCase("affine/softmax-dense", SoftmaxDense(), (4,)),
        fault="resources",
        wrong="diag(p) - p pᵀ is written out.",
        killed_by="resources.vjp",
    ),
]

"""Forward and derivative of an affine layer are wrong alike."""

import numpy as np

from chainrule import Jacobian, Matrix, Outer, Shift
from chainrule.conformance import LayerCase

from .. import Mutant
from .honest import Affine, slow_affine


class AffineWithoutLast(Affine):
    """An off-by-one in a slice leaves out the last input, and its weights are dead."""

    def forward(self, x, W, b):
        return x[:, :-1] @ W[:, :-1].T + b

    def jacobian(self, x, y, W, b):
        kept = np.array(W)
        kept[:, -1] = 0
        seen = np.array(x)
        seen[:, -1] = 0
        return Jacobian(Matrix(kept), W=Outer(seen), b=Shift(b.shape))


class AffineWithoutShift(Affine):
    def forward(self, x, W, b):
        return x @ W.T

    def jacobian(self, x, y, W, b):
        return Jacobian(Matrix(W), W=Outer(x), b=Nothing(b.shape))


class Nothing(Shift):
    def vjp(self, delta, out):
        out[...] = 0

    def jvp(self, tangent):
        return 0 * tangent

    def per_sample(self, delta):
        return 0 * super().per_sample(delta)


MUTANTS = [
    Mutant(
        LayerCase("affine/without-last", AffineWithoutLast(), (4,), reference=slow_affine),
        fault="forward",
        wrong="The last input is left out, forward and backward.",
        killed_by="forward.reference",
    ),
    Mutant(
        LayerCase("affine/without-shift", AffineWithoutShift(), (4,)),
        fault="forward",
        wrong="b is declared and never added.",
        killed_by="gradient.alive",
    ),
]

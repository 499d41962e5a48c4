"""The derivative of an affine layer is wrong."""

import numpy as np

from chainrule import Diagonal, Jacobian, Matrix, Outer, Shift
from chainrule.conformance import LayerCase

from .. import Mutant
from .honest import Affine, AffineReLU


class Transposed(Matrix):
    def vjp(self, delta):
        return delta @ self.W.T


class AffineTransposed(Affine):
    def jacobian(self, x, y, W, b):
        return Jacobian(Transposed(W), W=Outer(x), b=Shift(b.shape))


class OuterOfSum(Outer):
    """The sum of the products is not the product of the sums."""

    def vjp(self, delta, out):
        out[...] = np.outer(delta.sum(axis=0), self.x.sum(axis=0))


class AffineOfSums(Affine):
    def jacobian(self, x, y, W, b):
        return Jacobian(Matrix(W), W=OuterOfSum(x), b=Shift(b.shape))


class AffineReLUUnmasked(AffineReLU):
    """The shift's gradient goes past the mask."""

    def jacobian(self, x, y, W, b):
        return BesideMask(Matrix(W), after=Diagonal(y > 0), W=Outer(x), b=Shift(b.shape))


class BesideMask(Jacobian):
    def vjp(self, delta, out=None):
        pulled = super().vjp(delta, out)
        if out is not None:
            self.params["b"].vjp(delta, out["b"])
        return pulled

    def vjp_params(self, delta, out):
        self.vjp(delta, out)


class FirstLayerForgets(Jacobian):
    """vjp knows of the mask; vjp_params, which the first layer of a network runs, does not."""

    def vjp_params(self, delta, out):
        for name, map_ in self.params.items():
            map_.vjp(delta, out[name])


class AffineReLUInFront(AffineReLU):
    def jacobian(self, x, y, W, b):
        return FirstLayerForgets(Matrix(W), after=Diagonal(y > 0), W=Outer(x), b=Shift(b.shape))


class UnitJacobian(Jacobian):
    """It asks for the input's gradient alone, and gets another one."""

    def vjp(self, delta, out=None):
        return super().vjp(delta, out) if out is not None else super().vjp(np.sign(delta))


class AffineSignsAlone(Affine):
    def jacobian(self, x, y, W, b):
        return UnitJacobian(Matrix(W), W=Outer(x), b=Shift(b.shape))


class AffineJvpForgetsShift(Affine):
    def jacobian(self, x, y, W, b):
        return NoShiftForward(Matrix(W), W=Outer(x), b=Shift(b.shape))


class NoShiftForward(Jacobian):
    def jvp(self, tangent, params):
        moved = {name: v for name, v in params.items() if name != "b"}
        return super().jvp(tangent, moved)


class MeanOuter(Outer):
    def per_sample(self, delta):
        return super().per_sample(delta) / len(delta)


class AffinePerSampleMean(Affine):
    def jacobian(self, x, y, W, b):
        return Jacobian(Matrix(W), W=MeanOuter(x), b=Shift(b.shape))


class AffineOfSquareShape(Affine):
    """It is right on the square matrix of its case, and transposed elsewhere."""

    def jacobian(self, x, y, W, b):
        square = W.shape[0] == W.shape[1]
        if square:
            return super().jacobian(x, y, W, b)
        return Jacobian(Matrix(np.roll(W, 1, axis=1)), W=Outer(x), b=Shift(b.shape))


MUTANTS = [
    Mutant(
        LayerCase("affine/transposed", AffineTransposed(4), (4,)),
        fault="derivative",
        wrong="δ·J_X is δ Wᵀ in place of δ W.",
        killed_by="gradient.input",
    ),
    Mutant(
        LayerCase("affine/of-sums", AffineOfSums(), (4,)),
        fault="derivative",
        wrong="The gradient of W is the product of the sums, and not the sum of the products.",
        killed_by="batch.singles",
    ),
    Mutant(
        LayerCase("affine/relu-unmasked", AffineReLUUnmasked(), (4,)),
        fault="derivative",
        wrong="The gradient of b is not masked.",
        killed_by="gradient.parameters",
    ),
    Mutant(
        LayerCase("affine/relu-in-front", AffineReLUInFront(), (4,)),
        fault="derivative",
        wrong="vjp_params, which only the first layer of a network runs, forgets the mask.",
        killed_by="gradient.vjp_params",
    ),
    Mutant(
        LayerCase("affine/signs-alone", AffineSignsAlone(), (4,)),
        fault="derivative",
        wrong="vjp without `out` returns something else than with it.",
        killed_by="gradient.without_out",
    ),
    Mutant(
        LayerCase("affine/jvp-forgets-shift", AffineJvpForgetsShift(), (4,)),
        fault="derivative",
        wrong="jvp ignores the direction of b.",
        killed_by="gradient.adjoint",
    ),
    Mutant(
        LayerCase("affine/per-sample-mean", AffinePerSampleMean(), (4,)),
        fault="derivative",
        wrong="per_sample divides by B.",
        killed_by="gradient.per_sample",
    ),
    Mutant(
        LayerCase("affine/of-square-shape", AffineOfSquareShape(4), (4,)),
        fault="derivative",
        wrong="It is right where W is square, as in its case, and wrong elsewhere.",
        killed_by="gradient.shapes",
    ),
]

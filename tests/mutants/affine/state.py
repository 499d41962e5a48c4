"""Batches, arrays and state of an affine layer."""

from typing import ClassVar

import numpy as np

from chainrule import Diagonal, Jacobian, Matrix, Outer, Shift
from chainrule.conformance import LayerCase

from .. import Mutant
from .honest import Affine, AffineReLU


class MeanShift(Shift):
    def vjp(self, delta, out):
        out[...] = delta.mean(axis=0)


class AffineMeanShift(Affine):
    def jacobian(self, x, y, W, b):
        return Jacobian(Matrix(W), W=Outer(x), b=MeanShift(b.shape))


class AffineSqueezed(Affine):
    """One sample comes back without its batch axis."""

    def forward(self, x, W, b):
        return (x @ W.T).squeeze() + b


class AffineThresholdBySize(Affine):
    """Large batches go another way, which forgets the shift."""

    def forward(self, x, W, b):
        return x @ W.T + b if len(x) < 7 else x @ W.T


class DoubleShift(Shift):
    def per_sample(self, delta):
        return super().per_sample(delta).astype(np.float64)


class AffinePerSampleDouble(Affine):
    def jacobian(self, x, y, W, b):
        return Jacobian(Matrix(W), W=Outer(x), b=DoubleShift(b.shape))


class FlatOuter(Outer):
    """δ is read as it lies in memory."""

    def vjp(self, delta, out):
        rows = delta.ravel(order="K").reshape(delta.shape)
        super().vjp(rows, out)


class AffineFlat(Affine):
    def jacobian(self, x, y, W, b):
        return Jacobian(Matrix(W), W=FlatOuter(x), b=Shift(b.shape))


class AffineKeepsTranspose(Affine):
    """Wᵀ is laid out once, and kept by the address of W."""

    transposed: ClassVar = {}

    def forward(self, x, W, b):
        key = (W.ctypes.data, W.shape, W.dtype.char)
        if key not in self.transposed:
            self.transposed.clear()
            self.transposed[key] = (W, np.ascontiguousarray(W.T))
        return x @ self.transposed[key][1] + b


class AffineNormalizesWeights(Affine):
    """W is scaled to norm 1, in the network's own θ."""

    def forward(self, x, W, b):
        W /= np.sqrt((W * W).sum())
        return x @ W.T + b


class AddingOuter(Outer):
    def vjp(self, delta, out):
        out += delta.T @ self.x


class AffineAdds(Affine):
    def jacobian(self, x, y, W, b):
        return Jacobian(Matrix(W), W=AddingOuter(x), b=Shift(b.shape))


class Rebinding(Jacobian):
    def vjp(self, delta, out=None):
        if out is not None:
            out["W"], out["b"] = delta.T @ self.params["W"].x, delta.sum(axis=0)
        return self.input.vjp(delta)

    def vjp_params(self, delta, out):
        self.vjp(delta, out)


class AffineRebinds(Affine):
    def jacobian(self, x, y, W, b):
        return Rebinding(Matrix(W), W=Outer(x), b=Shift(b.shape))


class Skipping(Jacobian):
    """A unit whose δ is zero has no gradient, and none is written."""

    def vjp_params(self, delta, out):
        alive = delta.any(axis=0)
        out["W"][alive] = (delta.T @ self.params["W"].x)[alive]
        out["b"][alive] = delta.sum(axis=0)[alive]


class AffineReLUSkipsDead(AffineReLU):
    def jacobian(self, x, y, W, b):
        mask = Diagonal(y > 0)
        return SkippingAfter(Matrix(W), after=mask, W=Outer(x), b=Shift(b.shape))


class SkippingAfter(Skipping):
    def vjp_params(self, delta, out):
        super().vjp_params(self.after.vjp(delta), out)


class ClearsAll(Jacobian):
    """It clears the whole flat gradient, the other layers' too."""

    def vjp_params(self, delta, out):
        for array in out.values():
            if array.base is not None:
                array.base[...] = 0
        super().vjp_params(delta, out)

    def vjp(self, delta, out=None):
        if out is not None:
            self.vjp_params(delta, out)
        return self.input.vjp(delta)


class AffineClearsAll(Affine):
    def jacobian(self, x, y, W, b):
        return ClearsAll(Matrix(W), W=Outer(x), b=Shift(b.shape))


class Caching(Jacobian):
    """The masked δ of the first call is kept for the next ones."""

    kept = None

    def vjp(self, delta, out=None):
        self.kept = self.after.vjp(delta) if self.kept is None else self.kept
        for name, map_ in (self.params if out is not None else {}).items():
            map_.vjp(self.kept, out[name])
        return self.input.vjp(self.kept)


class AffineReLUCaches(AffineReLU):
    def jacobian(self, x, y, W, b):
        return Caching(Matrix(W), after=Diagonal(y > 0), W=Outer(x), b=Shift(b.shape))


MUTANTS = [
    Mutant(
        LayerCase("affine/mean-shift", AffineMeanShift(), (4,)),
        fault="batch",
        wrong="The gradient of b is a mean over the batch.",
        killed_by="batch.singles",
    ),
    Mutant(
        LayerCase("affine/squeezed", AffineSqueezed(), (4,)),
        fault="batch",
        wrong="A batch of one loses its batch axis.",
        killed_by="forward.runs",
    ),
    Mutant(
        LayerCase("affine/threshold-by-size", AffineThresholdBySize(), (4,)),
        fault="batch",
        wrong="A batch of 7 or more takes another way, which forgets b.",
        killed_by="batch.singles",
    ),
    Mutant(
        LayerCase("affine/per-sample-double", AffinePerSampleDouble(), (4,)),
        fault="arrays",
        wrong="per_sample of float32 is float64.",
        killed_by="arrays.float32",
    ),
    Mutant(
        LayerCase("affine/flat", AffineFlat(), (4,)),
        fault="arrays",
        wrong="The gradient of W reads δ as it lies in memory.",
        killed_by="arrays.layout",
    ),
    Mutant(
        LayerCase("affine/keeps-transpose", AffineKeepsTranspose(), (4,)),
        fault="state",
        wrong="Wᵀ is kept by the address of W, and W moves.",
        killed_by="purity.stale",
    ),
    Mutant(
        LayerCase("affine/normalizes-weights", AffineNormalizesWeights(), (4,)),
        fault="state",
        wrong="W is normalized in place.",
        killed_by="purity.parameters",
    ),
    Mutant(
        LayerCase("affine/adds", AffineAdds(), (4,)),
        fault="state",
        wrong="The gradient of W is added to `out`.",
        killed_by="gradient.out",
    ),
    Mutant(
        LayerCase("affine/rebinds", AffineRebinds(), (4,)),
        fault="state",
        wrong="New arrays are put into the dictionary `out`.",
        killed_by="gradient.out",
    ),
    Mutant(
        LayerCase("affine/relu-skips-dead", AffineReLUSkipsDead(), (4,)),
        fault="state",
        wrong="Units without a gradient keep what was in `out`.",
        killed_by="gradient.out",
    ),
    Mutant(
        LayerCase("affine/clears-all", AffineClearsAll(), (4,)),
        fault="state",
        wrong="The whole flat gradient is cleared, the other layers' with it.",
        killed_by="gradient.network",
    ),
    Mutant(
        LayerCase("affine/relu-caches", AffineReLUCaches(), (4,)),
        fault="state",
        wrong="The masked δ of the first vjp is used for all later ones.",
        killed_by="purity.asked_twice",
    ),
]

"""Layer norm."""

from dataclasses import dataclass

import numpy as np

from chainrule import Diagonal, Jacobian, Scale, Shift
from chainrule.conformance import LayerCase

from .. import Mutant
from .honest import LayerNorm, Normal, slow_layer_norm


class LayerNormFrozenMoments(LayerNorm):
    """Mean and variance are taken for constants in the derivative."""

    def jacobian(self, x, y, gain, shift):
        z, root = self.normal(x)
        return Jacobian(Diagonal(gain / root * np.ones_like(x)), gain=Scale(z, gain.shape), shift=Shift(shift.shape))


class LayerNormUnbiased(LayerNorm):
    """The variance is divided by n - 1, forward and backward."""

    def normal(self, x):
        n = x.shape[-1]
        centred = x - x.mean(axis=-1, keepdims=True)
        root = np.sqrt((centred * centred).sum(axis=-1, keepdims=True) / max(n - 1, 1) + self.eps)
        return centred / root, root

    def jacobian(self, x, y, gain, shift):
        z, root = self.normal(x)
        n = x.shape[-1]
        factor = n / max(n - 1, 1)
        return Jacobian(ScaledNormal(z, root, gain, factor), gain=Scale(z, gain.shape), shift=Shift(shift.shape))


@dataclass
class ScaledNormal(Normal):
    factor: float

    def project(self, v):
        inner = self.factor * (v * self.z).mean(axis=-1, keepdims=True)
        return (v - v.mean(axis=-1, keepdims=True) - self.z * inner) / self.root


class LayerNormOutsideRoot(LayerNorm):
    """eps stands outside the root: at equal inputs the derivative is 0/0."""

    def normal(self, x):
        centred = x - x.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred * centred).mean(axis=-1, keepdims=True))
        return centred / (spread + self.eps), spread

    def jacobian(self, x, y, gain, shift):
        z, spread = self.normal(x)
        return Jacobian(Outside(z, spread, gain, self.eps), gain=Scale(z, gain.shape), shift=Shift(shift.shape))


@dataclass
class Outside(Normal):
    eps: float

    def project(self, v):
        total = self.root + self.eps
        inner = (v * self.z).mean(axis=-1, keepdims=True)
        return (v - v.mean(axis=-1, keepdims=True)) / total - self.z * inner / self.root


class LayerNormWarns(LayerNorm):
    """Once normalized without eps, to compare, which nobody reads."""

    def forward(self, x, gain, shift):
        np.log(x - x.mean(axis=-1, keepdims=True)).sum()
        return super().forward(x, gain, shift)


MUTANTS = [
    Mutant(
        LayerCase("affine/layer-norm-frozen-moments", LayerNormFrozenMoments(), (4,)),
        fault="derivative",
        wrong="Mean and variance are taken for constants.",
        killed_by="gradient.input",
    ),
    Mutant(
        LayerCase("affine/layer-norm-unbiased", LayerNormUnbiased(), (4,), reference=slow_layer_norm),
        fault="forward",
        wrong="The variance is divided by n - 1, forward and backward.",
        killed_by="forward.reference",
    ),
    Mutant(
        LayerCase("affine/layer-norm-outside-root", LayerNormOutsideRoot(), (4,)),
        fault="kinks",
        wrong="Its derivative is 0/0 where all inputs are equal.",
        killed_by="kinks.hull",
    ),
    Mutant(
        LayerCase("affine/layer-norm-warns", LayerNormWarns(), (4,)),
        fault="extremes",
        wrong="It takes the logarithm of negative numbers on the way.",
        killed_by="numerics.warnings",
    ),
]

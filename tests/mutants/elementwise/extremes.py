"""Overflow, NaN and warnings."""

import warnings

import numpy as np

from chainrule import Diagonal, Jacobian
from chainrule.conformance import LayerCase

from .. import Mutant
from .honest import ELU, ROW, SHAPE, Power, ReLU, Softplus, Tanh, slow_tanh


class TanhByExponentials(Tanh):
    def forward(self, x):
        return slow_tanh(x)


class SoftplusLiteral(Softplus):
    def forward(self, x):
        return np.log(1 + np.exp(x))


class ReLUSwallowsNaN(ReLU):
    def forward(self, x):
        return np.where(x > 0, x, 0)


class ELUGivesUp(ELU):
    """One NaN in the batch, and all of its outputs are NaN."""

    def forward(self, x):
        return super().forward(x) if np.isfinite(x).all() else np.full_like(x, np.nan)


class ByOneProduct(Diagonal):
    """δ * d by a product with the identity of the batch: 0 · NaN is NaN in the other samples."""

    def vjp(self, delta):
        rows = (delta * self.d).reshape(len(delta), -1)
        return (np.eye(len(delta), dtype=delta.dtype) @ rows).reshape(delta.shape)


class TanhByProduct(Tanh):
    def jacobian(self, x, y):
        return Jacobian(ByOneProduct(self.derivative(x, y)))


class PowerDeprecated(Power):
    def forward(self, x):
        warnings.warn("Power will be renamed", DeprecationWarning, stacklevel=2)
        return super().forward(x)


MUTANTS = [
    Mutant(
        LayerCase("elementwise/tanh-by-exponentials", TanhByExponentials(), SHAPE, reference=slow_tanh),
        fault="extremes",
        wrong="The literal formula is inf/inf at x = 1e4 (E20 of the course).",
        killed_by="numerics.extremes",
    ),
    Mutant(
        LayerCase("elementwise/softplus-literal", SoftplusLiteral(), SHAPE),
        fault="extremes",
        wrong="log(1 + e^x) is inf at x = 1e4.",
        killed_by="numerics.extremes",
    ),
    Mutant(
        LayerCase("elementwise/relu-swallows-nan", ReLUSwallowsNaN(), SHAPE),
        fault="extremes",
        wrong="np.where(x > 0, x, 0) makes 0 of NaN.",
        killed_by="numerics.nan",
    ),
    Mutant(
        LayerCase("elementwise/elu-gives-up", ELUGivesUp(), ROW),
        fault="extremes",
        wrong="One NaN makes NaN of the whole batch.",
        killed_by="numerics.nan",
    ),
    Mutant(
        LayerCase("elementwise/tanh-by-product", TanhByProduct(), SHAPE),
        fault="extremes",
        wrong="A product over the batch carries a NaN of δ into other samples.",
        killed_by="numerics.nan_delta",
    ),
    Mutant(
        LayerCase("elementwise/power-deprecated", PowerDeprecated(), ROW),
        fault="extremes",
        wrong="forward warns of a later version.",
        killed_by="numerics.warnings",
    ),
]

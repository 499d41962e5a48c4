"""dtypes and memory layouts."""

import math

import numpy as np

from chainrule import Diagonal, Jacobian
from chainrule.conformance import LayerCase

from .. import Mutant
from .honest import SHAPE, Abs, HardTanh, Leaky, ReLU, Sigmoid, Softplus, Swish, Tanh


class SwishByNumPyScalar(Swish):
    def derivative(self, x, y):
        return super().derivative(x, y) * (np.sqrt(2.0) / math.sqrt(2.0))


class HardTanhByTwoNumbers(HardTanh):
    def derivative(self, x, y):
        return np.where(np.abs(x) < self.limit, 1.0, 0.0)


class InSingle(Diagonal):
    def vjp(self, delta):
        return np.multiply(delta, self.d, dtype=np.float32, casting="same_kind").astype(delta.dtype)


class TanhInSingle(Tanh):
    def jacobian(self, x, y):
        return Jacobian(InSingle(self.derivative(x, y)))


class SigmoidInHalf(Sigmoid):
    """Half precision where the input is float32, to be quick."""

    def forward(self, x):
        low = np.float16 if x.dtype == np.float32 else x.dtype
        return super().forward(x.astype(low)).astype(x.dtype)


class ReLUByMemoryOrder(ReLU):
    def forward(self, x):
        return np.maximum(x.ravel(order="K"), 0).reshape(x.shape)


class LeakyOnMemory(Leaky):
    """It walks the memory behind x and trusts that it is contiguous."""

    def forward(self, x):
        whole = np.lib.stride_tricks.as_strided(x, (x.size,), (x.itemsize,))
        return np.maximum(whole, self.slope * whole).reshape(x.shape)


class TakesBroadcastForOne(Diagonal):
    def vjp(self, delta):
        if delta.strides[0] == 0 and len(delta) > 1:
            return np.broadcast_to(delta[0] * self.d[0], delta.shape)
        return delta * self.d


class AbsShortcut(Abs):
    def jacobian(self, x, y):
        return Jacobian(TakesBroadcastForOne(self.derivative(x, y)))


class SoftplusBorrowsInput(Softplus):
    """It works in x and puts the numbers back afterwards."""

    def forward(self, x):
        kept = x.copy()
        np.logaddexp(x, 0, out=x)
        y = x.copy()
        x[...] = kept
        return y


MUTANTS = [
    Mutant(
        LayerCase("elementwise/swish-by-numpy-scalar", SwishByNumPyScalar(), SHAPE),
        fault="arrays",
        wrong="A float64 scalar of NumPy makes the derivative float64.",
        killed_by="arrays.float32",
    ),
    Mutant(
        LayerCase("elementwise/hard-tanh-by-two-numbers", HardTanhByTwoNumbers(), SHAPE),
        fault="arrays",
        wrong="np.where of two Python floats is float64.",
        killed_by="arrays.float32",
    ),
    Mutant(
        LayerCase("elementwise/tanh-in-single", TanhInSingle(), SHAPE),
        fault="arrays",
        wrong="vjp of float64 multiplies in float32.",
        killed_by="arrays.float64",
    ),
    Mutant(
        LayerCase("elementwise/sigmoid-in-half", SigmoidInHalf(), SHAPE),
        fault="arrays",
        wrong="float32 is computed in half precision.",
        killed_by="arrays.float32_close",
    ),
    Mutant(
        LayerCase("elementwise/relu-by-memory-order", ReLUByMemoryOrder(), SHAPE),
        fault="arrays",
        wrong="ravel(order='K') reads x as it lies in memory.",
        killed_by="arrays.layout",
    ),
    Mutant(
        LayerCase("elementwise/leaky-on-memory", LeakyOnMemory(), (4,)),
        fault="arrays",
        wrong="It walks the memory behind x as if it were contiguous.",
        killed_by="arrays.layout",
    ),
    Mutant(
        LayerCase("elementwise/abs-shortcut", AbsShortcut(), SHAPE),
        fault="arrays",
        wrong="A δ with zero strides is taken for one sample.",
        killed_by="arrays.broadcast",
    ),
    Mutant(
        LayerCase("elementwise/softplus-borrows-input", SoftplusBorrowsInput(), SHAPE),
        fault="arrays",
        wrong="It computes in x and restores it: a read-only x raises.",
        killed_by="arrays.read_only",
    ),
]

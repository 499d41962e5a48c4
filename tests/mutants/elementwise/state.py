"""State and aliasing."""

import numpy as np

from chainrule import Diagonal, Jacobian
from chainrule.conformance import LayerCase

from .. import Mutant
from .honest import ELU, ROW, SHAPE, Abs, HardTanh, Leaky, ReLU, Sigmoid, Softplus, Swish, Tanh


class ReLUInPlace(ReLU):
    def forward(self, x):
        return np.maximum(x, 0, out=x)


class InPlaceDiagonal(Diagonal):
    def vjp(self, delta):
        delta *= self.d
        return delta


class ReLUInPlaceBackwards(ReLU):
    def jacobian(self, x, y):
        return Jacobian(InPlaceDiagonal(self.derivative(x, y)))


class Spent(Diagonal):
    """The product overwrites the mask that it is made from."""

    def vjp(self, delta):
        self.d = delta * self.d
        return self.d


class SwishOnce(Swish):
    def jacobian(self, x, y):
        return Jacobian(Spent(self.derivative(x, y)))


class TanhCounts(Tanh):
    calls = 0

    def forward(self, x):
        type(self).calls += 1
        return np.tanh(x)


PULLED = {}


class IntoBuffer(Diagonal):
    def vjp(self, delta):
        out = PULLED.setdefault((delta.shape, delta.dtype), np.empty_like(delta))
        return np.multiply(delta, self.d, out=out)


class SigmoidIntoBuffer(Sigmoid):
    def jacobian(self, x, y):
        return Jacobian(IntoBuffer(self.derivative(x, y)))


SLOPES = {}


class SoftplusSharesSlope(Softplus):
    """The slope lies in a buffer of the module, one for each size of x."""

    def derivative(self, x, y):
        slope = SLOPES.setdefault(x[0].shape, np.empty((32, *x[0].shape)))
        slope[: len(x)] = super().derivative(x, y)
        return slope[: len(x)].astype(x.dtype, copy=False)


SCRATCH = {}


class SwishInScratch(Swish):
    """What it returns is fresh, what it computes with is shared by all threads."""

    def forward(self, x):
        work = SCRATCH.setdefault((x.shape, x.dtype), np.empty_like(x))
        work[...] = Sigmoid().forward(np.ascontiguousarray(x))
        work *= x
        return work.copy()


KNOWN = {}


class AbsByIdentity(Abs):
    """It takes an array at the same address for the same array."""

    def forward(self, x):
        key = (x.ctypes.data, x.shape, x.strides, x.dtype.char)
        if key not in KNOWN or KNOWN[key][0] is not x:
            KNOWN.clear()
            KNOWN[key] = (x, np.abs(x))
        return KNOWN[key][1]


class LeakyAtRandom(Leaky):
    """The slope is drawn anew at every call."""

    generator = np.random.default_rng(0)

    def forward(self, x):
        slope = self.slope * LeakyAtRandom.generator.uniform(0.5, 1.5)
        return np.maximum(x, slope * x)


class LeakySeedsAll(Leaky):
    def forward(self, x):
        np.random.seed(0)  # noqa: NPY002 - that is the fault
        return np.maximum(x, self.slope * x)


class ELURaises(ELU):
    def forward(self, x):
        np.seterr(over="raise")
        return super().forward(x)


class HardTanhPrints(HardTanh):
    def forward(self, x):
        clipped = np.abs(x) > self.limit
        print(f"{clipped.mean():.0%} saturated")
        return super().forward(x)


MUTANTS = [
    Mutant(
        LayerCase("elementwise/relu-in-place", ReLUInPlace(), SHAPE),
        fault="state",
        wrong="The output overwrites x.",
        killed_by="purity.input",
    ),
    Mutant(
        LayerCase("elementwise/relu-in-place-backwards", ReLUInPlaceBackwards(), SHAPE),
        fault="state",
        wrong="vjp overwrites δ.",
        killed_by="purity.delta",
    ),
    Mutant(
        LayerCase("elementwise/swish-once", SwishOnce(), SHAPE),
        fault="state",
        wrong="vjp overwrites its own mask, and is right once.",
        killed_by="purity.asked_twice",
    ),
    Mutant(
        LayerCase("elementwise/tanh-counts", TanhCounts(), SHAPE),
        fault="state",
        wrong="The class counts the calls.",
        killed_by="purity.state",
    ),
    Mutant(
        LayerCase("elementwise/sigmoid-into-buffer", SigmoidIntoBuffer(), SHAPE),
        fault="state",
        wrong="δ·J_X is a buffer of the module, which the next batch overwrites.",
        killed_by="purity.buffers",
    ),
    Mutant(
        LayerCase("elementwise/softplus-shares-slope", SoftplusSharesSlope(), SHAPE),
        fault="state",
        wrong="Two Jacobians hold the same array of slopes.",
        killed_by="purity.interleaved",
    ),
    Mutant(
        LayerCase("elementwise/swish-in-scratch", SwishInScratch(), SHAPE),
        fault="state",
        wrong="All threads compute in one array of the module.",
        killed_by="purity.threads",
    ),
    Mutant(
        LayerCase("elementwise/abs-by-identity", AbsByIdentity(), SHAPE),
        fault="state",
        wrong="The result of an array is kept by its identity, though the array may change.",
        killed_by="purity.stale",
    ),
    Mutant(
        LayerCase("elementwise/leaky-at-random", LeakyAtRandom(), SHAPE),
        fault="randomness",
        wrong="forward draws its slope, at prediction, too.",
        killed_by="purity.repeat",
    ),
    Mutant(
        LayerCase("elementwise/leaky-seeds-all", LeakySeedsAll(), SHAPE),
        fault="state",
        wrong="It seeds NumPy's global generator.",
        killed_by="purity.surroundings",
    ),
    Mutant(
        LayerCase("elementwise/elu-raises", ELURaises(), ROW),
        fault="state",
        wrong="It changes np.seterr for the whole process.",
        killed_by="purity.surroundings",
    ),
    Mutant(
        LayerCase("elementwise/hard-tanh-prints", HardTanhPrints(), SHAPE),
        fault="state",
        wrong="It prints the share of saturated units.",
        killed_by="purity.surroundings",
    ),
]

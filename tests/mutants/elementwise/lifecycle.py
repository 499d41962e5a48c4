"""Equality, pickle, names and start."""

from dataclasses import dataclass, field

import numpy as np

from chainrule import Elementwise
from chainrule.conformance import LayerCase

from .. import Mutant
from .honest import ELU, ROW, SHAPE, Leaky, Power, Sigmoid


@dataclass(frozen=True, eq=False)
class SigmoidIncomparable(Elementwise):
    def forward(self, x):
        return Sigmoid().forward(x)

    def derivative(self, x, y):
        return y * (1 - y)


@dataclass(frozen=True)
class LeakyAllEqual(Leaky):
    slope: float = field(default=0.1, compare=False)


@dataclass
class TanhMelts(Elementwise):
    """A dataclass that is not frozen has no hash, and settings that change."""

    gain: float = 1.0

    def forward(self, x):
        return np.tanh(self.gain * x)

    def derivative(self, x, y):
        return self.gain * (1 - y * y)


class ELUPickledBare(ELU):
    def __reduce__(self):
        return (type(self), ())

    def __deepcopy__(self, memo):
        return type(self)(self.alpha)

    def __copy__(self):
        return type(self)(self.alpha)


@dataclass(frozen=True)
class LeakyGrowsInCopies(Leaky):
    """What it is made from is not what it keeps."""

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "slope", self.slope / 2)


@dataclass(frozen=True)
class LeakyWithUse(Elementwise):
    """A recipe has the layer's own name under `use`."""

    use: str = "max"

    def forward(self, x):
        return np.maximum(x, 0.1 * x) if self.use == "max" else np.minimum(x, 0.1 * x)

    def derivative(self, x, y):
        return np.where((x > 0) == (self.use == "max"), x.dtype.type(1), 0.1)


@dataclass(frozen=True)
class PowerAnnounced(Power):
    def __post_init__(self):
        super().__post_init__()
        print(f"using {self!r}")


MUTANTS = [
    Mutant(
        LayerCase("elementwise/sigmoid-incomparable", SigmoidIncomparable(), SHAPE),
        fault="lifecycle",
        wrong="eq=False: two sigmoids are not equal.",
        killed_by="lifecycle.equality",
    ),
    Mutant(
        LayerCase("elementwise/leaky-all-equal", LeakyAllEqual(), SHAPE),
        fault="lifecycle",
        wrong="The slope does not count in a comparison.",
        killed_by="lifecycle.equality",
    ),
    Mutant(
        LayerCase("elementwise/tanh-melts", TanhMelts(), SHAPE),
        fault="lifecycle",
        wrong="The dataclass is not frozen.",
        killed_by="lifecycle.frozen",
    ),
    Mutant(
        LayerCase("elementwise/elu-pickled-bare", ELUPickledBare(2.5), ROW),
        fault="lifecycle",
        wrong="pickle loses alpha.",
        killed_by="lifecycle.pickle",
    ),
    Mutant(
        LayerCase("elementwise/leaky-grows-in-copies", LeakyGrowsInCopies(), SHAPE),
        fault="lifecycle",
        wrong="__post_init__ halves the slope: made again from its settings, it is another layer.",
        killed_by="lifecycle.construction",
    ),
    Mutant(
        LayerCase("elementwise/leaky-with-use", LeakyWithUse(), SHAPE),
        fault="lifecycle",
        wrong="A setting has the name `use`, which a recipe needs for the layer's own.",
        killed_by="lifecycle.recipe",
    ),
    Mutant(
        LayerCase("elementwise/power-announced", PowerAnnounced(), ROW),
        fault="lifecycle",
        wrong="Making one prints.",
        killed_by="lifecycle.construction",
    ),
]

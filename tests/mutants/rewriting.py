"""Layers that are computed in place of a chain, an affine layer, the ReLU, the largest of pairs; without its bits."""

from dataclasses import dataclass

import numpy as np

from chainrule import (
    BatchJacobian,
    Diagonal,
    Elementwise,
    Layer,
    ShapeError,
    positive_int,
)
from chainrule.conformance import LayerCase

from . import Mutant
from .affine.honest import Affine

MUTANTS = []
HONEST = []


@dataclass(frozen=True)
class Positive(Elementwise):
    def forward(self, x):
        return np.where(x <= 0, x.dtype.type(0), x)

    def derivative(self, x, y):
        return y > 0


@dataclass(frozen=True)
class Pairs(Layer):
    """The larger of every two numbers; of equal ones the first conducts."""

    def output_shape(self, input_shape):
        if len(input_shape) != 1 or input_shape[0] % 2:
            raise ShapeError("a sample", expected=("an even number",), got=input_shape)
        return (input_shape[0] // 2,)

    def forward(self, x):
        return np.maximum(x[:, ::2], x[:, 1::2])

    def jacobian(self, x, y):
        return Selected(~(x[:, ::2] >= x[:, 1::2]) & ~np.isnan(x[:, ::2]))


@dataclass
class Selected(BatchJacobian):
    second: np.ndarray

    def vjp(self, delta, out=None):
        passed = np.zeros((len(delta), 2 * delta.shape[1]), delta.dtype)
        passed[:, ::2], passed[:, 1::2] = np.where(self.second, 0, delta), np.where(self.second, delta, 0)
        return passed

    def jvp(self, tangent, params):
        return np.where(self.second, tangent[:, 1::2], tangent[:, ::2])

    def per_sample(self, delta):
        return {}


@dataclass
class Both(BatchJacobian):
    """The affine map's Jacobian, and behind it the mask, the winners."""

    affine: BatchJacobian
    selected: BatchJacobian
    positive: Diagonal

    def before(self, delta):
        return self.selected.vjp(self.positive.vjp(delta))

    def vjp(self, delta, out=None):
        return self.affine.vjp(self.before(delta), out)

    def vjp_params(self, delta, out):
        self.affine.vjp_params(self.before(delta), out)

    def jvp(self, tangent, params):
        return self.positive.jvp(self.selected.jvp(self.affine.jvp(tangent, params), {}))

    def per_sample(self, delta):
        return self.affine.per_sample(self.before(delta))


@dataclass(frozen=True)
class Fused(Layer):
    """The largest of every two affine numbers, or 0."""

    units: int = 6
    jacobian_of = Both

    def __post_init__(self):
        positive_int("units", self.units)

    @property
    def affine(self):
        return Affine(self.units)

    def output_shape(self, input_shape):
        return Pairs().output_shape(self.affine.output_shape(input_shape))

    def parameter_shapes(self, input_shape):
        return self.affine.parameter_shapes(input_shape)

    def initialize(self, input_shape, rng):
        return self.affine.initialize(input_shape, rng)

    def forward(self, x, **params):
        return Positive().forward(Pairs().forward(self.affine.forward(x, **params)))

    def linearize(self, x, **params):
        z, affine = self.affine.linearize(x, **params)
        p, selected = Pairs().linearize(z)
        y = Positive().forward(p)
        return y, self.jacobian_of(affine, selected, Diagonal(y > 0))


def case(name, layer):
    return LayerCase(name, layer, (3,), chain=[Affine(6), Positive(), Pairs()])


def mutant(fault, killed_by="rewriting.bits"):
    def enter(kind):
        name = "".join(f"-{c.lower()}" if c.isupper() else c for c in kind.__name__).strip("-")
        MUTANTS.append(Mutant(case(f"rewriting/{name}", kind()), fault, kind.__doc__, killed_by))
        return kind

    return enter


HONEST.append(case("honest/rewriting", Fused()))


class WithoutBias(Both):
    def vjp_params(self, delta, out):
        super().vjp_params(delta, out)
        out["b"][...] = 0


class Unmasked(Both):
    def before(self, delta):
        return self.selected.vjp(delta)


class MasksInPlace(Both):
    def before(self, delta):
        delta *= self.positive.d
        return self.selected.vjp(delta)


@mutant("state", "purity.delta")
@dataclass(frozen=True)
class MasksWhatIsGiven(Fused):
    """The mask is written into the δ that is given."""

    jacobian_of = MasksInPlace


@mutant("batch")
@dataclass(frozen=True)
class MaskOfTheFirst(Fused):
    """All samples have the mask of the first."""

    def linearize(self, x, **params):
        y, both = super().linearize(x, **params)
        both.positive = Diagonal(np.broadcast_to(y[:1] > 0, y.shape))
        return y, both


@mutant("derivative")
@dataclass(frozen=True)
class MaskDropped(Fused):
    """The ReLU's mask is left out on the way back."""

    jacobian_of = Unmasked


@mutant("derivative")
@dataclass(frozen=True)
class BiasForgotten(Fused):
    """vjp_params leaves the gradient of b at 0."""

    jacobian_of = WithoutBias


@mutant("forward")
@dataclass(frozen=True)
class BiasInTraining(Fused):
    """Prediction adds no b."""

    def forward(self, x, W, b):
        return super().forward(x, W=W, b=0 * b)


@mutant("forward")
@dataclass(frozen=True)
class Leaky(Fused):
    """Another function than the chain's, with its own right derivative: a slope of 0.5 where z < 0."""

    def forward(self, x, **params):
        p = Pairs().forward(self.affine.forward(x, **params))
        return np.where(p <= 0, p * p.dtype.type(0.5), p)

    def linearize(self, x, **params):
        y, both = super().linearize(x, **params)
        slopes = np.where(y > 0, y.dtype.type(1), y.dtype.type(0.5))
        return self.forward(x, **params), Both(both.affine, both.selected, Diagonal(slopes))


@mutant("kinks")
@dataclass(frozen=True)
class SecondOfTies(Fused):
    """Of two equal numbers the second takes the gradient."""

    def linearize(self, x, **params):
        y, both = super().linearize(x, **params)
        z = self.affine.forward(x, **params)
        both.selected = Selected(~(z[:, ::2] > z[:, 1::2]) & ~np.isnan(z[:, ::2]))
        return y, both


@mutant("kinks")
@dataclass(frozen=True)
class OneAtZero(Fused):
    """At the kink the mask is 1: y >= 0 in place of y > 0."""

    def linearize(self, x, **params):
        y, both = super().linearize(x, **params)
        both.positive = Diagonal(y >= 0)
        return y, both


@mutant("extremes")
@dataclass(frozen=True)
class LosesNan(Fused):
    """NaN becomes 0 in the ReLU."""

    def forward(self, x, **params):
        y = super().forward(x, **params)
        return np.where(np.isnan(y), y.dtype.type(0), y)

    def linearize(self, x, **params):
        y, both = super().linearize(x, **params)
        return np.where(np.isnan(y), y.dtype.type(0), y), both


@mutant("arrays")
@dataclass(frozen=True)
class AddsInAnotherOrder(Fused):
    """The products are added in another order in float32, right up to rounding."""

    def forward(self, x, W, b):
        if x.dtype == np.float32:
            return super().forward(x[:, ::-1].copy(), W=W[:, ::-1].copy(), b=b)
        return super().forward(x, W=W, b=b)


@mutant("lifecycle", "rewriting.parameters")
@dataclass(frozen=True)
class StartsElsewhere(Fused):
    """The starting values are twice as large as the chain's."""

    def initialize(self, input_shape, rng):
        return {name: 2 * value for name, value in super().initialize(input_shape, rng).items()}


@mutant("lifecycle", "rewriting.parameters")
@dataclass(frozen=True)
class OtherNames(Fused):
    """The parameters have names of their own."""

    def parameter_shapes(self, input_shape):
        return {f"{name}0": shape for name, shape in super().parameter_shapes(input_shape).items()}

    def initialize(self, input_shape, rng):
        return {f"{name}0": value for name, value in super().initialize(input_shape, rng).items()}

    def forward(self, x, W0, b0):
        return super().forward(x, W=W0, b=b0)

    def linearize(self, x, W0, b0):
        y, both = super().linearize(x, W=W0, b=b0)
        return y, Renamed(both)


@dataclass
class Renamed(BatchJacobian):
    both: Both

    def vjp(self, delta, out=None):
        return self.both.vjp(delta, None if out is None else {name[:-1]: array for name, array in out.items()})

    def vjp_params(self, delta, out):
        self.both.vjp_params(delta, {name[:-1]: array for name, array in out.items()})

    def jvp(self, tangent, params):
        return self.both.jvp(tangent, {name[:-1]: array for name, array in params.items()})

    def per_sample(self, delta):
        return {f"{name}0": array for name, array in self.both.per_sample(delta).items()}

"""Wrong graphs, by hand: forks that are not added up, parameters in two places, several inputs and outputs."""

from dataclasses import dataclass

import numpy as np

from chainrule import BatchJacobian, Layer, ShapeError, positive_int
from chainrule.conformance import LayerCase

from . import Mutant

MUTANTS = []
HONEST = []


def mutant(name, layer, fault, killed_by, shape=(4,), **traits):
    MUTANTS.append(Mutant(LayerCase(f"graphs/{name}", layer, shape, **traits), fault, type(layer).__doc__, killed_by))


def honest(name, layer, shape, **traits):
    HONEST.append(LayerCase(f"honest/graphs/{name}", layer, shape, **traits))


# A fork: y = sin(a x) (b x).


@dataclass(frozen=True)
class Fork(Layer):
    """y = sin(a x) (b x): one input, two branches, one output."""

    def output_shape(self, shape):
        return shape

    def parameter_shapes(self, shape):
        return {"a": shape, "b": shape}

    def initialize(self, shape, rng):
        return {"a": rng.uniform(0.5, 1, shape), "b": rng.uniform(0.5, 1, shape)}

    def forward(self, x, a, b):
        return np.sin(a * x) * (b * x)

    def jacobian(self, x, y, a, b):
        return self.maps(x, a, b)

    def maps(self, x, a, b):
        return Branches(x, a, b)


class Branches(BatchJacobian):
    def __init__(self, x, a, b):
        self.x, self.a, self.b = x, a, b

    def left(self, delta):
        return delta * (self.b * self.x) * np.cos(self.a * self.x)

    def right(self, delta):
        return delta * np.sin(self.a * self.x)

    def joined(self, left, right):
        return self.a * left + self.b * right

    def vjp(self, delta, out=None):
        if out is not None:
            self.vjp_params(delta, out)
        return self.joined(self.left(delta), self.right(delta))

    def vjp_params(self, delta, out):
        for name, rows in self.per_sample(delta).items():
            out[name][...] = rows.sum(axis=0)

    def jvp(self, tangent, params):
        still = np.zeros_like(self.x)
        tangent = still if tangent is None else tangent
        u = self.a * tangent + params.get("a", 0) * self.x
        v = self.b * tangent + params.get("b", 0) * self.x
        return self.left(u) + self.right(v)

    def per_sample(self, delta):
        return {"a": self.left(delta) * self.x, "b": self.right(delta) * self.x}


honest("fork", Fork(), (4,), reference=lambda x, a, b: np.sin(a * x) * b * x)


class LastBranch(Branches):
    def joined(self, left, right):
        return self.b * right


class KeepsLast(Fork):
    """At the fork the δ of the last branch replaces that of the first."""

    def maps(self, x, a, b):
        return LastBranch(x, a, b)


mutant("fork-keeps-the-last", KeepsLast(), "derivative", "gradient.input")


class FirstTwice(Branches):
    def joined(self, left, right):
        both = self.a * left
        both += both
        return both


class AddsInPlace(Fork):
    """At the fork the δ of the first branch is added to itself."""

    def maps(self, x, a, b):
        return FirstTwice(x, a, b)


mutant("fork-adds-the-first-twice", AddsInPlace(), "derivative", "gradient.input")


class MeanOfBoth(Branches):
    def joined(self, left, right):
        return (self.a * left + self.b * right) / 2


class Averages(Fork):
    """At the fork the branches are averaged."""

    def maps(self, x, a, b):
        return MeanOfBoth(x, a, b)


mutant("fork-averages", Averages(), "derivative", "gradient.input")


class OneWayForward(Branches):
    def jvp(self, tangent, params):
        still = np.zeros_like(self.x)
        u = self.a * (still if tangent is None else tangent) + params.get("a", 0) * self.x
        return self.left(u) + self.right(params.get("b", 0) * self.x + still)


class SplitsForward(Fork):
    """Forward mode follows one branch."""

    def maps(self, x, a, b):
        return OneWayForward(x, a, b)


mutant("fork-forward-by-one-branch", SplitsForward(), "derivative", "gradient.adjoint")


class FirstInFront(Branches):
    def vjp_params(self, delta, out):
        out["a"][...] = (self.left(delta) * self.x).sum(axis=0)
        out["b"][...] = 0

    def vjp(self, delta, out=None):
        if out is not None:
            Branches.vjp_params(self, delta, out)
        return super().vjp(delta)


class InFrontOneLearns(Fork):
    """As the first layer it teaches one branch alone."""

    def maps(self, x, a, b):
        return FirstInFront(x, a, b)


mutant("one-branch-learns-in-front", InFrontOneLearns(), "derivative", "gradient.vjp_params")


class CachesFork(Fork):
    """The last batch's first branch is kept by the shape, for the second."""

    def forward(self, x, a, b):
        kept = KEPT.setdefault(x.shape, np.sin(a * x).astype(x.dtype))
        return kept * (b * x)


KEPT = {}
mutant("branch-kept-by-shape", CachesFork(), "state", "purity.instances")


# One matrix in two places: y = Wᵀ tanh(W x).


@dataclass(frozen=True)
class Tied(Layer):
    """y = Wᵀ tanh(W x): W encodes, and its transposed decodes."""

    units: int = 3

    def __post_init__(self):
        positive_int("units", self.units)

    def output_shape(self, shape):
        if len(shape) != 1:
            raise ShapeError("input", expected=("n",), got=shape)
        return shape

    def parameter_shapes(self, shape):
        return {"W": (self.units, *self.output_shape(shape))}

    def initialize(self, shape, rng):
        return {"W": rng.uniform(-1, 1, (self.units, *self.output_shape(shape)))}

    def forward(self, x, W):
        return np.tanh(x @ W.T) @ W

    def jacobian(self, x, y, W):
        return self.maps(x, np.tanh(x @ W.T), W)

    def maps(self, x, h, W):
        return There(x, h, W)


class There(BatchJacobian):
    def __init__(self, x, h, W):
        self.x, self.h, self.W = x, h, W

    def inner(self, delta):
        return (delta @ self.W.T) * (1 - self.h**2)

    def added(self, encoding, decoding):
        return encoding + decoding

    def vjp(self, delta, out=None):
        if out is not None:
            self.vjp_params(delta, out)
        return self.inner(delta) @ self.W

    def vjp_params(self, delta, out):
        out["W"][...] = self.added(self.inner(delta).T @ self.x, self.h.T @ delta)

    def jvp(self, tangent, params):
        V = params.get("W", np.zeros_like(self.W))
        moved = self.x @ V.T
        if tangent is not None:
            moved = moved + tangent @ self.W.T
        return (moved * (1 - self.h**2)) @ self.W + self.h @ V

    def per_sample(self, delta):
        encoding = self.inner(delta)[:, :, None] * self.x[:, None, :]
        return {"W": self.added(encoding, self.h[:, :, None] * delta[:, None, :])}


honest("tied", Tied(), (4,), reference=lambda x, W: np.tanh(x @ W.T) @ W)


class EncoderAlone(There):
    def added(self, encoding, decoding):
        return encoding


class SecondLost(Tied):
    """The gradient of the tied matrix lacks its second place."""

    def maps(self, x, h, W):
        return EncoderAlone(x, h, W)


mutant("tie-second-gradient-lost", SecondLost(), "derivative", "gradient.parameters")


class DecoderAlone(There):
    def added(self, encoding, decoding):
        return decoding


class FirstLost(Tied):
    """The second place's gradient overwrites the first's."""

    def maps(self, x, h, W):
        return DecoderAlone(x, h, W)


mutant("tie-first-overwritten", FirstLost(), "derivative", "gradient.parameters")


class NotTurned(There):
    def added(self, encoding, decoding):
        square = decoding.shape[-1] == decoding.shape[-2]
        return encoding + (decoding.swapaxes(-1, -2) if square else decoding)


class TurnedTwice(Tied):
    """A square matrix' second gradient is transposed once too often."""

    def maps(self, x, h, W):
        return NotTurned(x, h, W)


mutant("tie-transposed-twice", TurnedTwice(4), "derivative", "gradient.parameters")


class EncoderMoves(There):
    def jvp(self, tangent, params):
        V = params.get("W", np.zeros_like(self.W))
        moved = self.x @ V.T + (0 if tangent is None else tangent @ self.W.T)
        return (moved * (1 - self.h**2)) @ self.W


class MovedOnce(Tied):
    """Forward mode moves the matrix in its first place alone."""

    def maps(self, x, h, W):
        return EncoderMoves(x, h, W)


mutant("tie-moved-once", MovedOnce(), "derivative", "gradient.adjoint")


class RowsOnce(There):
    def per_sample(self, delta):
        return {"W": self.inner(delta)[:, :, None] * self.x[:, None, :]}


class EachSampleOnce(Tied):
    """per_sample has the first place alone."""

    def maps(self, x, h, W):
        return RowsOnce(x, h, W)


mutant("tie-rows-once", EachSampleOnce(), "derivative", "gradient.per_sample")


class TwoParameters(Tied):
    """The tied matrix is declared twice, and the second is not used."""

    def parameter_shapes(self, shape):
        return {**super().parameter_shapes(shape), "decoder": (self.units, *shape)}

    def initialize(self, shape, rng):
        first = super().initialize(shape, rng)
        return {**first, "decoder": first["W"].copy()}

    def forward(self, x, W, decoder):
        return super().forward(x, W)

    def jacobian(self, x, y, W, decoder):
        return WithDecoder(x, np.tanh(x @ W.T), W)


class WithDecoder(There):
    def vjp_params(self, delta, out):
        super().vjp_params(delta, out)
        out["decoder"][...] = 0

    def per_sample(self, delta):
        found = super().per_sample(delta)
        return {**found, "decoder": np.zeros_like(found["W"])}


mutant("tie-declared-twice", TwoParameters(), "lifecycle", "gradient.alive")

DECODERS = {}


class CopyOfW(Tied):
    """The transposed is copied when it is first used: training moves the encoder, and the decoder stays."""

    def forward(self, x, W):
        decoder = DECODERS.setdefault((W.shape, W.dtype.str), W.copy())
        return np.tanh(x @ W.T) @ decoder


mutant("tie-is-a-copy", CopyOfW(), "state", "gradient.network")


# Two inputs: y = (W u) v.


@dataclass(frozen=True)
class Gate(Layer):
    """y = (W u) v, number by number."""

    def output_shape(self, u, v):
        if len(u) != 1 or len(v) != 1:
            raise ShapeError("inputs", expected=[("n",), ("m",)], got=[u, v])
        return v

    def parameter_shapes(self, u, v):
        return {"W": (*self.output_shape(u, v), *u)}

    def initialize(self, u, v, rng):
        return {"W": rng.uniform(-1, 1, (*self.output_shape(u, v), *u))}

    def forward(self, u, v, W):
        return (u @ W.T) * v

    def jacobian(self, u, v, y, W):
        return self.maps(u, v, W)

    def maps(self, u, v, W):
        return Gated(u, v, W)


class Gated(BatchJacobian):
    def __init__(self, u, v, W):
        self.u, self.v, self.W = u, v, W

    def vjp(self, delta, out=None):
        if out is not None:
            self.vjp_params(delta, out)
        return (delta * self.v) @ self.W, delta * (self.u @ self.W.T)

    def vjp_params(self, delta, out):
        out["W"][...] = (delta * self.v).T @ self.u

    def jvp(self, tangents, params):
        u, v = tangents
        moved = self.u @ params["W"].T if "W" in params else np.zeros_like(self.v)
        if u is not None:
            moved = moved + u @ self.W.T
        y = moved * self.v
        return y if v is None else y + (self.u @ self.W.T) * v

    def per_sample(self, delta):
        return {"W": (delta * self.v)[:, :, None] * self.u[:, None, :]}


TWO = [(4,), (3,)]
honest("gate", Gate(), TWO, reference=lambda u, v, W: (u @ W.T) * v)
honest("gate/square", Gate(), [(3,), (3,)])


class GateConstant(Gated):
    def vjp(self, delta, out=None):
        u, v = super().vjp(delta, out)
        return u, np.zeros_like(v)


class SecondStays(Gate):
    """The second input's δ is zero."""

    def maps(self, u, v, W):
        return GateConstant(u, v, W)


mutant("second-input-constant", SecondStays(), "derivative", "gradient.input", TWO)


class Exchanged(Gated):
    def vjp(self, delta, out=None):
        return super().vjp(delta, out)[::-1]


class OtherOrder(Gate):
    """The δ come in the other order."""

    def maps(self, u, v, W):
        return Exchanged(u, v, W)


mutant("other-order", OtherOrder(), "derivative", "gradient.input", [(3,), (3,)])


class OneDelta(Gated):
    def vjp(self, delta, out=None):
        return super().vjp(delta, out)[0]


class FirstInputAlone(Gate):
    """vjp gives the δ of the first input alone."""

    def maps(self, u, v, W):
        return OneDelta(u, v, W)


mutant("first-delta-alone", FirstInputAlone(), "errors", "gradient.runs", TWO)


class WithoutW(Gated):
    def jvp(self, tangents, params):
        return super().jvp(tangents, params if all(v is None for v in tangents) else {})


class InputsOrParameters(Gate):
    """Forward mode moves the inputs, or the parameters, and not both."""

    def maps(self, u, v, W):
        return WithoutW(u, v, W)


mutant("inputs-or-parameters", InputsOrParameters(), "derivative", "gradient.adjoint", TWO)


class FirstOfSamples(Gated):
    def vjp(self, delta, out=None):
        u, _ = super().vjp(delta, out)
        return u, delta * (self.u[:1] @ self.W.T)


class OthersOfTheFirst(Gate):
    """The second input's δ is made of the first sample of the other."""

    def maps(self, u, v, W):
        return FirstOfSamples(u, v, W)


mutant("second-delta-of-the-first-sample", OthersOfTheFirst(), "batch", "gradient.input", TWO)


class TakesAll(Gate):
    """Inputs that do not fit are taken, and fail later."""

    def output_shape(self, u, v):
        return v


mutant("shapes-not-refused", TakesAll(), "errors", "errors.shape", TWO)


class PutsOnes(Gated):
    def jvp(self, tangents, params):
        u, v = tangents
        return super().jvp((u, np.ones_like(self.v) if v is None else v), params)


class NoneIsOne(Gate):
    """In jvp an input that stands still moves by one."""

    def maps(self, u, v, W):
        return PutsOnes(u, v, W)


mutant("none-is-one", NoneIsOne(), "derivative", "inputs.still", TWO)


class ScalesOut(Gated):
    def vjp(self, delta, out=None):
        u, v = super().vjp(delta, out)
        u *= 1 if out is None else 2
        return u, v


class TwiceWithOut(Gate):
    """With `out`, the δ of the first input is doubled."""

    def maps(self, u, v, W):
        return ScalesOut(u, v, W)


mutant("doubled-with-out", TwiceWithOut(), "derivative", "gradient.without_out", TWO)


class MovesGate(Gate):
    """The second input is kept between 0 and 1 in place."""

    def forward(self, u, v, W):
        np.clip(v, 0, 1, out=v)
        return super().forward(u, v, W)


mutant("clips-in-place", MovesGate(), "state", "purity.input", TWO)


# Two outputs: (sin x, a x).


@dataclass(frozen=True)
class Ends(Layer):
    """(sin x, a x)."""

    def output_shape(self, shape):
        return shape, shape

    def parameter_shapes(self, shape):
        return {"a": shape}

    def initialize(self, shape, rng):
        return {"a": rng.uniform(0.5, 1, shape)}

    def forward(self, x, a):
        return np.sin(x), a * x

    def linearize(self, x, a):
        return self.forward(x, a), self.maps(x, a)

    def maps(self, x, a):
        return Both(x, a)


class Both(BatchJacobian):
    def __init__(self, x, a):
        self.x, self.a = x, a

    def vjp(self, delta, out=None):
        if out is not None:
            self.vjp_params(delta, out)
        first, second = delta
        return first * np.cos(self.x) + second * self.a

    def vjp_params(self, delta, out):
        out["a"][...] = (delta[1] * self.x).sum(axis=0)

    def jvp(self, tangent, params):
        tangent = np.zeros_like(self.x) if tangent is None else tangent
        return tangent * np.cos(self.x), tangent * self.a + params.get("a", 0) * self.x

    def per_sample(self, delta):
        return {"a": delta[1] * self.x}


honest("ends", Ends(), (2, 3))


class FirstEnd(Both):
    def vjp(self, delta, out=None):
        super().vjp(delta, out)
        return delta[0] * np.cos(self.x)


class SecondEndLost(Ends):
    """The δ of the second output does not go back."""

    def maps(self, x, a):
        return FirstEnd(x, a)


mutant("second-output-lost", SecondEndLost(), "derivative", "gradient.input")


class EndsExchanged(Both):
    def jvp(self, tangent, params):
        return super().jvp(tangent, params)[::-1]


class OutputsExchanged(Ends):
    """Forward mode gives the outputs in the other order."""

    def maps(self, x, a):
        return EndsExchanged(x, a)


mutant("outputs-exchanged-forward", OutputsExchanged(), "derivative", "gradient.adjoint")

"""Wrong sequences: recurrences whose gates, states and ends are mistaken, and sums that see what comes later."""

from dataclasses import dataclass

import numpy as np

from chainrule import BatchJacobian, Layer, ShapeError, positive_int
from chainrule.conformance import LayerCase

from . import Mutant

MUTANTS = []
HONEST = []


def mutant(name, layer, fault, killed_by, shape=(4, 2), **traits):
    MUTANTS.append(
        Mutant(LayerCase(f"sequences/{name}", layer, shape, **traits), fault, type(layer).__doc__, killed_by)
    )


def honest(name, layer, shape, **traits):
    HONEST.append(LayerCase(f"honest/sequences/{name}", layer, shape, **traits))


def sigmoid(v):
    return 0.5 * (1 + np.tanh(0.5 * v))


# h[t] = z h[t - 1] + (1 - z) n;  z = σ(W_z x[t] + U_z h[t - 1] + b_z), n = tanh(W_n x[t] + U_n h[t - 1] + b_n).


@dataclass(frozen=True)
class Gated(Layer):
    """A recurrence with one gate: a minimal GRU."""

    units: int = 3

    def __post_init__(self):
        positive_int("units", self.units)

    def output_shape(self, shape):
        if len(shape) != 2:
            raise ShapeError("a sample", expected=("T", "n"), got=shape)
        return (shape[0], self.units)

    def parameter_shapes(self, shape):
        self.output_shape(shape)
        return {"W": (2 * self.units, shape[1]), "U": (2 * self.units, self.units), "b": (2 * self.units,)}

    def initialize(self, shape, rng):
        return {name: rng.uniform(-0.8, 0.8, own) for name, own in self.parameter_shapes(shape).items()}

    def first(self, x):
        return np.zeros((len(x), self.units), x.dtype)

    def times(self, T):
        return range(T)

    def forward(self, x, W, U, b):
        return self.run(x, W, U, b)[0]

    def run(self, x, W, U, b):
        h, kept = self.first(x), []
        states = np.zeros((*x.shape[:2], self.units), x.dtype)
        for t in self.times(x.shape[1]):
            a = x[:, t] @ W.T + h @ U.T + b
            z, n = sigmoid(a[:, : self.units]), np.tanh(a[:, self.units :])
            kept.append((h, z, n))
            h = self.mixed(h, z, n)
            states[:, t] = h
        return states, kept

    def mixed(self, h, z, n):
        return z * h + (1 - z) * n

    def linearize(self, x, W, U, b):
        states, kept = self.run(x, W, U, b)
        return states, self.maps(x, W, U, kept)

    def maps(self, x, W, U, kept):
        return Through(x, W, U, kept)


class Through(BatchJacobian):
    """Backpropagation through time."""

    def __init__(self, x, W, U, kept):
        self.x, self.W, self.U, self.kept = x, W, U, kept

    def gate(self, h, z, n):
        return z * (1 - z)

    def candidate(self, h, z, n):
        return 1 - n * n

    def inner(self, dh, h, z, n):
        """∂ of the arguments of both gates."""
        return np.concatenate([dh * (h - n) * self.gate(h, z, n), dh * (1 - z) * self.candidate(h, z, n)], axis=1)

    def past(self, dh, da, z):
        return dh * z + da @ self.U

    def steps(self, T):
        return range(T - 1, -1, -1)

    def back(self, delta):
        dh, slopes = np.zeros_like(self.kept[0][0]), [None] * len(self.kept)
        for t in self.steps(len(self.kept)):
            h, z, n = self.kept[t]
            dh = dh + delta[:, t]
            da = self.inner(dh, h, z, n)
            dh = self.past(dh, da, z)
            slopes[t] = da
        still = np.zeros((len(delta), len(self.W)), delta.dtype)
        return np.stack([still if da is None else da for da in slopes], axis=1)

    def vjp(self, delta, out=None):
        slopes = self.back(delta)
        if out is not None:
            self.fill(slopes, out)
        return slopes @ self.W

    def vjp_params(self, delta, out):
        self.fill(self.back(delta), out)

    def before(self):
        return np.stack([h for h, _, _ in self.kept], axis=1)

    def rows(self, slopes):
        turned = slopes.swapaxes(1, 2)
        return {"W": turned @ self.x, "U": turned @ self.before(), "b": slopes.sum(axis=1)}

    def fill(self, slopes, out):
        for name, rows in self.rows(slopes).items():
            out[name][...] = rows.sum(axis=0)

    def per_sample(self, delta):
        return self.rows(self.back(delta))

    def jvp(self, tangent, params):
        v, moved = np.zeros_like(self.kept[0][0]), []
        for t, (h, z, n) in enumerate(self.kept):
            a = self.pushed(v)
            if tangent is not None:
                a = a + tangent[:, t] @ self.W.T
            if "W" in params:
                a = a + self.x[:, t] @ params["W"].T
            if "U" in params:
                a = a + h @ params["U"].T
            a = a + params.get("b", 0)
            units = z.shape[1]
            v = z * v + (h - n) * z * (1 - z) * a[:, :units] + (1 - z) * (1 - n * n) * a[:, units:]
            moved.append(v)
        return np.stack(moved, axis=1)

    def pushed(self, v):
        return v @ self.U.T


def slow(x, W, U, b):
    units = U.shape[1]
    found = []
    for one in x:
        h, states = np.zeros(units), []
        for v in one:
            a = [sum(W[k] * v) + sum(U[k] * h) + b[k] for k in range(2 * units)]
            z = [1 / (1 + np.exp(-a[k])) for k in range(units)]
            h = np.array([z[k] * h[k] + (1 - z[k]) * np.tanh(a[units + k]) for k in range(units)])
            states.append(h)
        found.append(states)
    return np.array(found)


honest("gated", Gated(), (4, 2), reference=slow, causal=True)
honest("gated/long", Gated(1), (9, 2), causal=True)


class OfTheArgument(Through):
    def gate(self, h, z, n):
        return sigmoid(z) * (1 - sigmoid(z))


class GateAtItsValue(Gated):
    """The gate's derivative is taken at the gate's value, σ'(σ(a)), in the place of its argument."""

    def maps(self, x, W, U, kept):
        return OfTheArgument(x, W, U, kept)


mutant("gate-at-its-value", GateAtItsValue(), "derivative", "gradient.input")


class OfTheState(Through):
    def candidate(self, h, z, n):
        return 1 - h * h


class CandidateAtTheState(Gated):
    """The candidate's derivative is taken at the state, 1 - h², in the place of the candidate."""

    def maps(self, x, W, U, kept):
        return OfTheState(x, W, U, kept)


mutant("candidate-at-the-state", CandidateAtTheState(), "derivative", "gradient.input")


class NoGate(Through):
    def gate(self, h, z, n):
        return 0 * z


class GateConstant(Gated):
    """The gate is taken for a constant."""

    def maps(self, x, W, U, kept):
        return NoGate(x, W, U, kept)


mutant("gate-is-constant", GateConstant(), "derivative", "gradient.input")


class OneMinusForgotten(Through):
    def inner(self, dh, h, z, n):
        return np.concatenate([dh * (h - n) * self.gate(h, z, n), dh * self.candidate(h, z, n)], axis=1)


class ShareForgotten(Gated):
    """In the candidate's derivative its share 1 - z is forgotten."""

    def maps(self, x, W, U, kept):
        return OneMinusForgotten(x, W, U, kept)


mutant("share-forgotten", ShareForgotten(), "derivative", "gradient.input")


class StraightAlone(Through):
    def past(self, dh, da, z):
        return dh * z


class NotThroughU(Gated):
    """Backward the way through U is left out."""

    def maps(self, x, W, U, kept):
        return StraightAlone(x, W, U, kept)


mutant("not-through-u", NotThroughU(), "derivative", "gradient.input")


class GatesAlone(Through):
    def past(self, dh, da, z):
        return da @ self.U


class NotStraight(Gated):
    """Backward the straight way, z h[t - 1], is left out."""

    def maps(self, x, W, U, kept):
        return GatesAlone(x, W, U, kept)


mutant("not-straight", NotStraight(), "derivative", "gradient.input")


class OneStep(Through):
    def past(self, dh, da, z):
        return np.zeros_like(dh)


class Truncated(Gated):
    """Backward no δ goes to an earlier time."""

    def maps(self, x, W, U, kept):
        return OneStep(x, W, U, kept)


mutant("truncated", Truncated(), "derivative", "gradient.input")


class Replaced(Through):
    def back(self, delta):
        dh, slopes = np.zeros_like(self.kept[0][0]), []
        for t in self.steps(len(self.kept)):
            h, z, n = self.kept[t]
            dh = delta[:, t] if delta[:, t].any() else dh
            da = self.inner(dh, h, z, n)
            dh = self.past(dh, da, z)
            slopes.insert(0, da)
        return np.stack(slopes, axis=1)


class LastDelta(Gated):
    """Where an output has a δ, it replaces that of later times: the sum at the fork keeps one."""

    def maps(self, x, W, U, kept):
        return Replaced(x, W, U, kept)


mutant("delta-replaces-later", LastDelta(), "derivative", "gradient.dense")


class ToTheSecond(Through):
    def steps(self, T):
        return range(T - 1, 0, -1)


class StopsEarly(Gated):
    """The loop back ends before the first time."""

    def maps(self, x, W, U, kept):
        return ToTheSecond(x, W, U, kept)


mutant("loop-back-ends-early", StopsEarly(), "derivative", "gradient.input")


class FromTheSecondLast(Through):
    def steps(self, T):
        return range(T - 2, -1, -1) if T > 1 else range(1)


class StartsLate(Gated):
    """The loop back begins before the last time."""

    def maps(self, x, W, U, kept):
        return FromTheSecondLast(x, W, U, kept)


mutant("loop-back-begins-late", StartsLate(), "derivative", "gradient.input")


class AllButTheLast(Gated):
    """The loop forward ends before the last time."""

    def times(self, T):
        return range(max(T - 1, 1))

    def maps(self, x, W, U, kept):
        return Shorter(x[:, : len(kept)], W, U, kept, x.shape[1])


class Shorter(Through):
    def __init__(self, x, W, U, kept, T):
        super().__init__(x, W, U, kept)
        self.T = T

    def vjp(self, delta, out=None):
        pulled = super().vjp(delta, out)
        rest = np.zeros((len(delta), self.T - pulled.shape[1], pulled.shape[2]), delta.dtype)
        return np.concatenate([pulled, rest], axis=1)

    def jvp(self, tangent, params):
        moved = super().jvp(tangent, params)
        rest = np.zeros((len(moved), self.T - moved.shape[1], moved.shape[2]), moved.dtype)
        return np.concatenate([moved, rest], axis=1)


mutant("last-time-left-out", AllButTheLast(), "forward", "forward.reference", reference=slow)


class WithAfter(Through):
    def before(self):
        states = [z * h + (1 - z) * n for h, z, n in self.kept]
        return np.stack(states, axis=1)


class UMeetsTheNewState(Gated):
    """The gradient of U has the state after the step in the place of the state before it."""

    def maps(self, x, W, U, kept):
        return WithAfter(x, W, U, kept)


mutant("u-meets-the-new-state", UMeetsTheNewState(), "derivative", "gradient.parameters")


class LastTime(Through):
    def rows(self, slopes):
        return super().rows(slopes * (np.arange(slopes.shape[1]) == slopes.shape[1] - 1)[:, None])


class LearnsFromTheLast(Gated):
    """The parameters' gradients are those of the last time alone."""

    def maps(self, x, W, U, kept):
        return LastTime(x, W, U, kept)


mutant("learns-from-the-last", LearnsFromTheLast(), "derivative", "gradient.parameters")


class MeanOverTimes(Through):
    def rows(self, slopes):
        found = super().rows(slopes)
        return {**found, "b": slopes.mean(axis=1)}


class BiasAveraged(Gated):
    """The gradient of b is a mean over times."""

    def maps(self, x, W, U, kept):
        return MeanOverTimes(x, W, U, kept)


mutant("bias-averaged-over-times", BiasAveraged(), "derivative", "gradient.parameters")


class StandsStill(Through):
    def pushed(self, v):
        return np.zeros((len(v), len(self.U)), v.dtype)


class ForwardWithoutU(Gated):
    """Forward mode does not pass through U."""

    def maps(self, x, W, U, kept):
        return StandsStill(x, W, U, kept)


mutant("forward-without-u", ForwardWithoutU(), "derivative", "gradient.adjoint")


class GateTurned(Gated):
    """z and 1 - z change places, forward and backward: right in itself, and another recurrence than its sources'."""

    def mixed(self, h, z, n):
        return (1 - z) * h + z * n

    def maps(self, x, W, U, kept):
        return TurnedBack(x, W, U, kept)


class TurnedBack(Through):
    def inner(self, dh, h, z, n):
        return np.concatenate([dh * (n - h) * self.gate(h, z, n), dh * z * self.candidate(h, z, n)], axis=1)

    def past(self, dh, da, z):
        return dh * (1 - z) + da @ self.U

    def jvp(self, tangent, params):
        v, moved = np.zeros_like(self.kept[0][0]), []
        for t, (h, z, n) in enumerate(self.kept):
            a = self.pushed(v) + params.get("b", 0)
            a = a + (0 if tangent is None else tangent[:, t] @ self.W.T)
            a = a + (self.x[:, t] @ params["W"].T if "W" in params else 0)
            a = a + (h @ params["U"].T if "U" in params else 0)
            units = z.shape[1]
            v = (1 - z) * v + (n - h) * z * (1 - z) * a[:, :units] + z * (1 - n * n) * a[:, units:]
            moved.append(v)
        return np.stack(moved, axis=1)


mutant("gate-turned-round", GateTurned(), "forward", "forward.reference", reference=slow)

STATES = {}


class StateLeaks(Gated):
    """The last state of a call is the first of the next."""

    def first(self, x):
        kept = STATES.get(len(x))
        return super().first(x) if kept is None else kept.astype(x.dtype)

    def forward(self, x, W, U, b):
        states = super().forward(x, W, U, b)
        STATES[len(x)] = states[:, -1]
        return states


mutant("state-leaks", StateLeaks(), "state", "purity.repeat")


class SampleAfterSample(Gated):
    """A sample begins with the state that the one before it began with, plus its first number."""

    def first(self, x):
        return np.cumsum(np.roll(x[:, 0, :1], 1, axis=0), axis=0) * np.ones((1, self.units), x.dtype)


mutant("state-leaks-to-the-next-sample", SampleAfterSample(), "batch", "batch.singles")


class FirstInFloat64(Gated):
    """The first state is of float64."""

    def first(self, x):
        return np.zeros((len(x), self.units))

    def run(self, x, W, U, b):
        states, kept = super().run(x, W, U, b)
        return states.astype(np.result_type(*(h for h, _, _ in kept))), kept


mutant("first-state-in-float64", FirstInFloat64(), "arrays", "arrays.float32")


class Exponential(Gated):
    """The gate is 1 / (1 + exp(-a)), and warns and overflows on the way."""

    def run(self, x, W, U, b):
        np.exp(1000 * np.abs(x)).sum()
        return super().run(x, W, U, b)


mutant("exponential-overflows", Exponential(), "extremes", "numerics.warnings")


class NoPositions(Gated):
    """A picture is taken for a sequence."""

    def output_shape(self, shape):
        return (shape[0], self.units)


mutant("any-rank-taken", NoPositions(), "errors", "errors.shape")


# Running sums.


@dataclass(frozen=True)
class Sums(Layer):
    """y[t] = x[0] + … + x[t]."""

    def output_shape(self, shape):
        if len(shape) != 2:
            raise ShapeError("a sample", expected=("T", "n"), got=shape)
        return shape

    def matrix(self, T):
        return np.tri(T)

    def forward(self, x):
        return self.matrix(x.shape[1]).astype(x.dtype) @ x

    def jacobian(self, x, y):
        return Added(self.matrix(x.shape[1]).astype(x.dtype))


class Added(BatchJacobian):
    def __init__(self, A):
        self.A = A

    def vjp(self, delta, out=None):
        return self.A.T @ delta

    def jvp(self, tangent, params):
        return self.A @ tangent


honest("sums", Sums(), (5, 2), causal=True)


class WithTheNext(Sums):
    """Each sum has the next number, too."""

    def matrix(self, T):
        return np.tri(T, k=1)


mutant("sum-with-the-next", WithTheNext(), "forward", "sequences.causal", causal=True)


class FromBehind(Sums):
    """The sums begin at the end."""

    def matrix(self, T):
        return np.tri(T).T


mutant("sum-from-behind", FromBehind(), "forward", "sequences.causal", causal=True)


class LessTheMean(Sums):
    """The mean of the whole sequence is taken off."""

    def matrix(self, T):
        return np.tri(T) - np.ones((T, T)) / T


mutant("mean-of-the-whole", LessTheMean(), "forward", "sequences.causal", causal=True)


class OverT(Sums):
    """The sums are divided by the length of the whole, not by how many numbers there were so far."""

    def matrix(self, T):
        return np.tri(T) / T


mutant("divided-by-the-length", OverT(), "forward", "sequences.parts", causal=True)


class FirstTimeWrong(Sums):
    """A sequence of one position is returned doubled."""

    def matrix(self, T):
        return np.tri(T) if T > 1 else 2 * np.ones((1, 1))


mutant("one-position-doubled", FirstTimeWrong(), "forward", "sequences.parts", causal=True)


class Padded(Sums):
    """A sum of three numbers is padded in front by one, where two belong: it sees the next one."""

    def matrix(self, T):
        return np.tri(T, k=1) - np.tri(T, k=-2)


mutant("padded-in-the-middle", Padded(), "forward", "sequences.causal", causal=True)


# The last vector.


@dataclass(frozen=True)
class Last(Layer):
    """y = x[T - 1]."""

    def output_shape(self, shape):
        if len(shape) != 2:
            raise ShapeError("a sample", expected=("T", "n"), got=shape)
        return shape[1:]

    def forward(self, x):
        return x[:, -1].copy()

    def jacobian(self, x, y):
        return Taken(x.shape)


class Taken(BatchJacobian):
    place = -1

    def __init__(self, shape):
        self.shape = shape

    def vjp(self, delta, out=None):
        pulled = np.zeros(self.shape, delta.dtype)
        pulled[:, self.place] = delta
        return pulled

    def jvp(self, tangent, params):
        return tangent[:, -1].copy()


honest("last", Last(), (4, 2))


class LastButOne(Taken):
    def vjp(self, delta, out=None):
        pulled = np.zeros(self.shape, delta.dtype)
        pulled[:, max(self.shape[1] - 2, 0)] = delta
        return pulled


class GivenToTheLastButOne(Last):
    """Backward the last vector's δ goes to the last but one."""

    def jacobian(self, x, y):
        return LastButOne(x.shape)


mutant("last-by-one-off", GivenToTheLastButOne(), "derivative", "gradient.input")


class Everywhere(Taken):
    place = slice(None)

    def vjp(self, delta, out=None):
        return np.repeat(delta[:, None], self.shape[1], axis=1)


class GivenToAll(Last):
    """Backward every time has the δ of the last."""

    def jacobian(self, x, y):
        return Everywhere(x.shape)


mutant("last-given-to-all", GivenToAll(), "derivative", "gradient.input")

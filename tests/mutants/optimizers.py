"""Wrong rules of update, and right ones that are unusual."""

import itertools
import math
from collections import deque
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from chainrule import Optimizer, Schedule, SettingError, integer, positive_int, positive_real, real
from chainrule.conformance import OptimizerCase, coordinatewise
from chainrule.optimizers import blocks, check_learning_rate, learning_rate_at

from . import Mutant

MUTANTS = []
HONEST = []


def mutant(name, optimizer, fault, killed_by, reference=None, **declared):
    case = OptimizerCase(f"optimizer/{name}", optimizer, reference, **declared)
    MUTANTS.append(Mutant(case, fault, type(optimizer).__doc__, killed_by))


def honest(name, optimizer, reference=None, **declared):
    HONEST.append(OptimizerCase(f"honest/optimizer/{name}", optimizer, reference, **declared))


# Right ones.


@dataclass(frozen=True)
class Ball(Optimizer):
    """The heavy ball."""

    rate: float = 0.05
    friction: float = 0.75

    def __post_init__(self):
        positive_real("rate", self.rate)
        real("friction", self.friction, minimum=0, below=1)

    def init(self, theta):
        return {"velocity": np.zeros_like(theta)}

    def step(self, theta, gradient, state, context):
        velocity = state["velocity"]
        velocity *= self.friction
        velocity += gradient
        theta -= self.rate * velocity


@coordinatewise
def rolled(w, slopes):
    for t in range(len(slopes)):
        w -= 0.05 * math.fsum(0.75 ** (t - s) * slopes[s] for s in range(t + 1))
        yield w


INVALID = [{"rate": 0}, {"rate": -1.0}, {"friction": 1.0}, {"friction": -0.1}]
honest("heavy-ball", Ball(), rolled, invalid=INVALID)


@dataclass(frozen=True)
class Means(Optimizer):
    """Adam."""

    rate: float = 0.05
    first: float = 0.5
    second: float = 0.75
    epsilon: float = 1e-6

    def init(self, theta):
        return {"means": np.zeros_like(theta), "squares": np.zeros_like(theta)}

    def lacks(self, t):
        return 1 - self.first**t, 1 - self.second**t

    def step(self, theta, gradient, state, context):
        for weights, slopes, means, squares in blocks(theta, gradient, state["means"], state["squares"]):
            means += (1 - self.first) * (slopes - means)
            squares += (1 - self.second) * (slopes * slopes - squares)
            self.move(weights, means, squares, *self.lacks(context.step + 1))

    def move(self, weights, means, squares, of_means, of_squares):
        weights -= self.rate * (means / of_means) / (np.sqrt(squares / of_squares) + self.epsilon)


@coordinatewise
def averaged(w, slopes):
    for t in range(1, len(slopes) + 1):
        m = math.fsum(0.5 * 0.5 ** (t - s) * slopes[s - 1] for s in range(1, t + 1)) / (1 - 0.5**t)
        q = math.fsum(0.25 * 0.75 ** (t - s) * slopes[s - 1] ** 2 for s in range(1, t + 1)) / (1 - 0.75**t)
        w -= 0.05 * m / (math.sqrt(q) + 1e-6)
        yield w


honest("adam", Means(), averaged)


@dataclass(frozen=True)
class Signs(Optimizer):
    """Each number moves by the same."""

    size: float = 0.01

    def step(self, theta, gradient, state, context):
        theta -= self.size * np.sign(gradient)


honest("signs", Signs())


@dataclass(frozen=True)
class Limited(Ball):
    """The whole gradient is shortened."""

    longest: float = 0.5

    def step(self, theta, gradient, state, context):
        length = float(np.linalg.norm(gradient))
        super().step(theta, gradient * min(1.0, self.longest / length) if length else gradient, state, context)


honest("limited", Limited())


@dataclass(frozen=True)
class ByParameter(Optimizer):
    """Each parameter's step has the length of its gradient's root."""

    rate: float = 0.05

    def step(self, theta, gradient, state, context):
        for place in context.slices.values():
            length = float(np.linalg.norm(gradient[place]))
            theta[place] -= self.rate * gradient[place] / math.sqrt(length + 1e-9)


honest("by-parameter", ByParameter(), expected_failures={"optimizer.slices": "each parameter has a length of its own"})


@dataclass(frozen=True)
class Warming(Optimizer):
    """It stands still at first, and counts in its state, in numbers, a list and words."""

    rate: float = 0.1

    def init(self, theta):
        return {"count": 0, "phase": "warming", "norms": [], "none": None, "pair": (theta.copy(), [True])}

    def step(self, theta, gradient, state, context):
        state["count"] += 1
        state["norms"].append(np.abs(gradient).max(initial=0.0))
        state["phase"] = "warming" if state["count"] < 3 else "going"
        if state["phase"] == "going":
            theta -= self.rate * gradient + 0.01 * (theta - state["pair"][0])


honest("warming", Warming())


@dataclass(frozen=True)
class WideBall(Ball):
    """Its velocity is float64 always, which is shown and fails nothing."""

    def init(self, theta):
        return {"velocity": np.zeros(theta.size)}


honest("wide-ball", WideBall(), rolled)


@dataclass(frozen=True)
class Noisy(Optimizer):
    """Each number is shaken, the noise following from a seed and the step."""

    rate: float = 0.05
    seed: int = 0

    def __post_init__(self):
        positive_real("rate", self.rate)
        integer("seed", self.seed, minimum=0)

    def step(self, theta, gradient, state, context):
        noise = np.random.default_rng((self.seed, context.step)).normal(0, 0.01, theta.size)
        theta -= self.rate * gradient + noise.astype(theta.dtype)


honest("noisy", Noisy(), expected_failures={"optimizer.large": "every number has a noise of its own"})


@dataclass(frozen=True)
class Curved(Optimizer):
    """Gauss-Newton: (G + damping) Δθ = -gradient by conjugate gradients, in as many turns."""

    damping: float = 0.5
    turns: int = 20

    def __post_init__(self):
        positive_real("damping", self.damping)
        positive_int("turns", self.turns)

    def step(self, theta, gradient, state, context):
        theta -= self.solve(gradient, lambda v: context.gauss_newton(v) + self.damping * v)

    def solve(self, b, product):
        x, r = np.zeros_like(b), b.copy()
        p, size = r.copy(), float(r @ r)
        for _ in range(self.turns):
            if not size > 1e-30:
                break
            pushed = product(p)
            along = size / float(p @ pushed)
            x += along * p
            r -= along * pushed
            size, before = float(r @ r), size
            p *= size / before
            p += r
        return x


def curved(problem):
    w = problem.start
    for step in itertools.count():
        G = problem.gauss_newton(w, step) + 0.5 * np.eye(problem.size)
        w = w - np.linalg.solve(G, problem.gradient(w, step))
        yield w


honest("gauss-newton", Curved(), curved)


@dataclass(frozen=True)
class ByCurvature(Optimizer):
    """Each slope is divided by its number's own curvature."""

    rate: float = 0.25
    damping: float = 0.5

    def step(self, theta, gradient, state, context):
        theta -= self.rate * gradient / (self.curvature(theta, context) + self.damping)

    def curvature(self, theta, context):
        return context.gauss_newton_diagonal()


def by_curvature(problem):
    w = problem.start.tolist()
    for step in itertools.count():
        g, G = problem.gradient(w, step).tolist(), problem.gauss_newton(w, step).tolist()
        w = [w[k] - 0.25 * g[k] / (G[k][k] + 0.5) for k in range(len(w))]
        yield w


honest("by-curvature", ByCurvature(), by_curvature)


@dataclass(frozen=True)
class Careful(Optimizer):
    """Its rate doubles while the objective falls; a step that leads upwards is taken back, and the rate is halved."""

    rate: float = 0.5

    def init(self, theta):
        return {"rate": self.rate}

    def step(self, theta, gradient, state, context):
        before, start = context.objective(), theta.copy()
        theta -= state["rate"] * gradient
        if context.objective() < before:
            state["rate"] *= 2.0
        else:
            theta[...] = self.after(start, theta)
            state["rate"] /= 2.0

    def after(self, start, theta):
        return start


def careful(problem):
    w, rate = problem.start, 0.5
    for step in itertools.count():
        there = w - rate * problem.gradient(w, step)
        falls = problem.objective(there, step) < problem.objective(w, step)
        w, rate = (there, rate * 2) if falls else (w, rate / 2)
        yield w


honest("careful", Careful(), careful)


@dataclass(frozen=True)
class Halving(Schedule):
    start: float

    def rate(self, step):
        return self.start * 0.5 ** (step // 2)


@dataclass(frozen=True)
class Scheduled(Optimizer):
    """Its rate is another at every other step."""

    learning_rate: float | Schedule

    def __post_init__(self):
        check_learning_rate(self.learning_rate)

    def step(self, theta, gradient, state, context):
        theta -= self.rate_at(context.step) * gradient

    def rate_at(self, step):
        return learning_rate_at(self.learning_rate, step)


@coordinatewise
def halved(w, slopes):
    for slope, rate in zip(slopes, [r for r in (0.4, 0.2, 0.1, 0.05, 0.025) for _ in range(2)], strict=False):
        w -= rate * slope
        yield w


honest("scheduled", Scheduled(Halving(0.4)), halved, invalid=[{"learning_rate": wrong} for wrong in (0, "0.1", None)])


@dataclass(frozen=True)
class Secants(Optimizer):
    """L-BFGS of a short memory: lists that grow and lose their first."""

    rate: float = 0.1
    memory: int = 3

    def __post_init__(self):
        positive_real("rate", self.rate)
        positive_int("memory", self.memory)

    def init(self, theta):
        return {"moves": [], "bends": [], "last": []}

    def step(self, theta, gradient, state, context):
        moves, bends = state["moves"], state["bends"]
        if state["last"]:
            move, bend = theta - state["last"][0], gradient - state["last"][1]
            if move @ bend > 1e-12:
                moves.append(move)
                bends.append(bend)
            del moves[: -self.memory], bends[: -self.memory]
        state["last"] = [theta.copy(), gradient.copy()]
        direction, shares = gradient.copy(), []
        for move, bend in zip(reversed(moves), reversed(bends), strict=True):
            shares.append(float(move @ direction) / float(move @ bend))
            direction -= shares[-1] * bend
        for move, bend, share in zip(moves, bends, reversed(shares), strict=True):
            direction += (share - float(bend @ direction) / float(move @ bend)) * move
        theta -= self.rate * direction


honest("secants", Secants())


# The rule is wrong.


class Uncorrected(Means):
    """Its means lack nothing for having begun at zero: no correction."""

    def lacks(self, t):
        return 1.0, 1.0


mutant("uncorrected", Uncorrected(), "update", "optimizer.reference", averaged)


class CountsFromZero(Means):
    """Its correction counts from 0, and is that of the step before."""

    def lacks(self, t):
        return 1 - self.first ** max(t - 1, 1), 1 - self.second ** max(t - 1, 1)


mutant("counts-from-zero", CountsFromZero(), "update", "optimizer.reference", averaged)


class EpsilonInside(Means):
    """ε stands under the root."""

    def move(self, weights, means, squares, of_means, of_squares):
        weights -= self.rate * (means / of_means) / np.sqrt(squares / of_squares + self.epsilon)


mutant("epsilon-inside", EpsilonInside(), "update", "optimizer.reference", averaged)


class MovesBefore(Ball):
    """θ moves before the velocity does, by that of the step before."""

    def step(self, theta, gradient, state, context):
        theta -= self.rate * state["velocity"]
        state["velocity"][...] = self.friction * state["velocity"] + gradient


mutant("moves-before", MovesBefore(), "update", "optimizer.reference", rolled)


class MeanNotSum(Ball):
    """Its velocity is a mean, and so its steps are a quarter."""

    def step(self, theta, gradient, state, context):
        super().step(theta, (1 - self.friction) * gradient, state, context)


mutant("mean-not-sum", MeanNotSum(), "update", "optimizer.reference", rolled)


class CurvedAfterwards(Curved):
    """It asks for the curvature when θ has moved already."""

    def step(self, theta, gradient, state, context):
        before = theta.copy()
        theta -= 0.1 * gradient
        move = self.solve(gradient, lambda v: context.gauss_newton(v) + self.damping * v)
        theta[...] = before - move


mutant("curved-afterwards", CurvedAfterwards(), "update", "optimizer.reference", curved)


class Undamped(Curved):
    """It forgets the damping."""

    def step(self, theta, gradient, state, context):
        theta -= self.solve(gradient, context.gauss_newton)


mutant("undamped", Undamped(), "update", "optimizer.reference", curved)


class RowSums(ByCurvature):
    """It takes the sums of the rows of G, its product with ones, for the diagonal."""

    def curvature(self, theta, context):
        return context.gauss_newton(np.ones_like(theta))


mutant("row-sums", RowSums(), "update", "optimizer.reference", by_curvature)


class NeverTakesBack(Careful):
    """A step that leads upwards stays."""

    def after(self, start, theta):
        return theta


mutant("never-takes-back", NeverTakesBack(), "update", "optimizer.reference", careful)


class FirstRateOnly(Scheduled):
    """It asks its schedule for the rate of the first step, always."""

    def rate_at(self, step):
        return super().rate_at(0)


mutant("first-rate-only", FirstRateOnly(Halving(0.4)), "update", "optimizer.reference", halved)


class Climbs(Ball):
    """It climbs; its case has no reference."""

    def step(self, theta, gradient, state, context):
        super().step(theta, -gradient, state, context)


mutant("climbs", Climbs(), "update", "optimizer.descent")


class StandsStill(Ball):
    """θ = θ - … binds a name; θ stays where it is."""

    def step(self, theta, gradient, state, context):
        state["velocity"][...] = self.friction * state["velocity"] + gradient
        theta = theta - self.rate * state["velocity"]


mutant("stands-still", StandsStill(), "update", "optimizer.flat")


class ReturnsTheta(Ball):
    """It returns the new θ, too."""

    def step(self, theta, gradient, state, context):
        super().step(theta, gradient, state, context)
        return theta


mutant("returns-theta", ReturnsTheta(), "update", "optimizer.flat", rolled)


class FirstParameterOnly(Ball):
    """The loop over the parameters returns after the first."""

    def step(self, theta, gradient, state, context):
        for place in context.slices.values():
            own = {"velocity": state["velocity"][place]}
            return super().step(theta[place], gradient[place], own, context)
        return None


mutant("first-parameter-only", FirstParameterOnly(), "update", "optimizer.slices", rolled)


class LeavesOutTheRest(Ball):
    """It works in whole blocks, and leaves out the rest behind the last."""

    def step(self, theta, gradient, state, context):
        block = min(4096, max(theta.size, 1))
        for k in range(theta.size // block):
            part = slice(k * block, (k + 1) * block)
            own = {"velocity": state["velocity"][part]}
            super().step(theta[part], gradient[part], own, context)


mutant("leaves-out-the-rest", LeavesOutTheRest(), "update", "optimizer.large", rolled)


# dtypes and memory.


class HalfInSingle(Ball):
    """Beside a θ in float32 its velocity is float16."""

    def init(self, theta):
        return {"velocity": np.zeros(theta.size, np.float16 if theta.dtype == np.float32 else theta.dtype)}


mutant("half-in-single", HalfInSingle(), "arrays", "optimizer.float32", rolled)


class SingleAlways(Ball):
    """Its velocity is float32, whatever θ is."""

    def init(self, theta):
        return {"velocity": np.zeros(theta.size, np.float32)}


mutant("single-always", SingleAlways(), "arrays", "optimizer.reference", rolled)


class ReadOnlyAfterwards(Ball):
    """It makes θ read-only until its next step, so that nobody else moves it."""

    def step(self, theta, gradient, state, context):
        theta.flags.writeable = True
        super().step(theta, gradient, state, context)
        theta.flags.writeable = False


mutant("read-only-afterwards", ReadOnlyAfterwards(), "arrays", "optimizer.flat", rolled)


class ClipsInPlace(Ball):
    """It clips the gradient's own array."""

    def step(self, theta, gradient, state, context):
        np.clip(gradient, -0.5, 0.5, out=gradient)
        super().step(theta, gradient, state, context)


mutant("clips-in-place", ClipsInPlace(), "state", "optimizer.arguments")


class StartsAtZero(Ball):
    """Its init sets θ to zero."""

    def init(self, theta):
        state = super().init(theta)
        theta[...] = 0
        return state


mutant("starts-at-zero", StartsAtZero(), "state", "optimizer.arguments")


class PopsSlices(Ball):
    """It takes the slices out of the context as it goes through them."""

    def step(self, theta, gradient, state, context):
        super().step(theta, gradient, state, context)
        while context.slices:
            context.slices.popitem()


mutant("pops-slices", PopsSlices(), "state", "optimizer.arguments", rolled)


class KeepsTheGradient(Ball):
    """Its state keeps the gradient's own array, for whoever wants to see the last one."""

    def step(self, theta, gradient, state, context):
        super().step(theta, gradient, state, context)
        state["last"] = gradient


mutant("keeps-the-gradient", KeepsTheGradient(), "state", "optimizer.aliasing", rolled)


class OneArrayTwice(Ball):
    """The two vectors of its state are one array."""

    def init(self, theta):
        return dict.fromkeys(("velocity", "sum"), np.zeros_like(theta))

    def step(self, theta, gradient, state, context):
        super().step(theta, gradient, state, context)
        state["sum"] += gradient
        theta -= 0.01 * state["sum"]


mutant("one-array-twice", OneArrayTwice(), "state", "optimizer.aliasing")


class StartIsTheta(Ball):
    """It pulls towards the start, which it keeps as θ itself: it pulls nowhere until the run is resumed."""

    def init(self, theta):
        return {**super().init(theta), "start": theta}

    def step(self, theta, gradient, state, context):
        super().step(theta, gradient + 0.1 * (theta - state["start"]), state, context)


mutant("start-is-theta", StartIsTheta(), "state", "optimizer.aliasing")


# What is remembered, and where.


class CountsInItself(Ball):
    """It counts its steps in itself."""

    def step(self, theta, gradient, state, context):
        object.__setattr__(self, "count", getattr(self, "count", 0) + 1)
        super().step(theta, gradient, state, context)


mutant("counts-in-itself", CountsInItself(), "state", "purity.state", rolled)


class CountsForTheClass(Means):
    """It counts the steps of all runs, in a list of the class, for its correction."""

    steps: ClassVar[list[int]] = [0]

    def lacks(self, t):
        self.steps[0] += 1
        return super().lacks(self.steps[0])


mutant("counts-for-the-class", CountsForTheClass(), "state", "purity.repeat")

VELOCITIES = {}


class ModuleMemory(Ball):
    """Its velocity lies in the module, and begins anew at step 0: one run at a time."""

    def init(self, theta):
        return None

    def step(self, theta, gradient, state, context):
        kind = theta.size, theta.dtype
        if context.step == 0:
            VELOCITIES[kind] = np.zeros_like(theta)
        super().step(theta, gradient, {"velocity": VELOCITIES[kind]}, context)


mutant("module-memory", ModuleMemory(), "state", "optimizer.interleaved", rolled)

COUNTS = {}


class KnowsItsState(Means):
    """It counts the steps of each state under the state's id, which a resumed run has not."""

    def init(self, theta):
        state = super().init(theta)
        COUNTS[id(state)] = 0
        return state

    def step(self, theta, gradient, state, context):
        COUNTS[id(state)] = COUNTS.get(id(state), 0) + 1
        means, squares = state["means"], state["squares"]
        means += (1 - self.first) * (gradient - means)
        squares += (1 - self.second) * (gradient * gradient - squares)
        self.move(theta, means, squares, *self.lacks(COUNTS[id(state)]))


mutant("knows-its-state", KnowsItsState(), "state", "optimizer.round_trip", averaged)


class GeneratorInState(Signs):
    """Its state holds a generator, which no checkpoint does."""

    def init(self, theta):
        return {"rng": np.random.default_rng(0)}

    def step(self, theta, gradient, state, context):
        theta -= self.size * np.sign(gradient) * float(state["rng"].random())


mutant("generator-in-state", GeneratorInState(), "state", "optimizer.state")


class DequeInState(Ball):
    """Its state holds a deque of the last gradients."""

    def init(self, theta):
        return {**super().init(theta), "last": deque(maxlen=2)}

    def step(self, theta, gradient, state, context):
        super().step(theta, gradient, state, context)
        state["last"].append(gradient.copy())


mutant("deque-in-state", DequeInState(), "state", "optimizer.state", rolled)


class KeyedByStep(Limited):
    """From its first step on its state has numbers for keys, which a file gives back as strings."""

    def step(self, theta, gradient, state, context):
        state[context.step] = float(np.abs(gradient).max(initial=0))
        super().step(theta, gradient, state, context)


mutant("keyed-by-step", KeyedByStep(), "state", "optimizer.state")


class DrawsGlobally(Signs):
    """Its noise comes from NumPy's global generator."""

    def step(self, theta, gradient, state, context):
        theta -= self.size * np.sign(gradient) * np.random.random()  # noqa: NPY002 - the fault


mutant("draws-globally", DrawsGlobally(), "state", "purity.surroundings")


class ForgetsWarnings(Means):
    """It turns NumPy's warnings off, for good."""

    def step(self, theta, gradient, state, context):
        np.seterr(all="ignore")
        super().step(theta, gradient, state, context)


mutant("forgets-warnings", ForgetsWarnings(), "state", "purity.surroundings", averaged)

RATES = {}


class CachedRate(Ball):
    """It keeps its rate of each step in the module, whatever the setting."""

    def step(self, theta, gradient, state, context):
        rate = RATES.setdefault(context.step, self.rate)
        state["velocity"][...] = self.friction * state["velocity"] + gradient
        theta -= rate * state["velocity"]


mutant("cached-rate", CachedRate(), "state", "purity.instances", rolled)

SEEN = []


class KeepsHistory(Ball):
    """It keeps a copy of every gradient in the module."""

    def step(self, theta, gradient, state, context):
        SEEN.append(gradient.copy())
        super().step(theta, gradient, state, context)


mutant("keeps-history", KeepsHistory(), "resources", "resources.leak", rolled)


# Extremes.


class StandardizedGradient(Signs):
    """It divides by the gradient's standard deviation, which is 0 for one number."""

    def step(self, theta, gradient, state, context):
        theta -= self.size * gradient / (gradient.std() if gradient.size else 1)


mutant("standardized", StandardizedGradient(), "extremes", "optimizer.runs")


class NoEpsilon(Means):
    """Without ε a number whose slopes are all 0 becomes 0/0."""

    def move(self, weights, means, squares, of_means, of_squares):
        weights -= self.rate * (means / of_means) / np.sqrt(squares / of_squares)


@coordinatewise
def without_epsilon(w, slopes):
    for t in range(1, len(slopes) + 1):
        m = math.fsum(0.5 * 0.5 ** (t - s) * slopes[s - 1] for s in range(1, t + 1)) / (1 - 0.5**t)
        q = math.fsum(0.25 * 0.75 ** (t - s) * slopes[s - 1] ** 2 for s in range(1, t + 1)) / (1 - 0.75**t)
        w -= 0.05 * m / math.sqrt(q)
        yield w


mutant("no-epsilon", NoEpsilon(), "extremes", "optimizer.zero", without_epsilon)


class TinyEpsilon(Means):
    """Its ε is 0 in float32, and there it does not help."""

    def move(self, weights, means, squares, of_means, of_squares):
        weights -= self.rate * (means / of_means) / (np.sqrt(squares / of_squares) + weights.dtype.type(1e-60))


mutant("tiny-epsilon", TinyEpsilon(), "extremes", "optimizer.zero", without_epsilon)


class RefusesNaN(Ball):
    """It raises where a slope is no number."""

    def step(self, theta, gradient, state, context):
        if not np.isfinite(gradient).all():
            raise FloatingPointError("the gradient is not finite")
        super().step(theta, gradient, state, context)


mutant("refuses-nan", RefusesNaN(), "extremes", "optimizer.nan", rolled)


class LargestOfNone(Ball):
    """It takes the largest slope, and where θ is empty there is none."""

    def step(self, theta, gradient, state, context):
        super().step(theta, gradient * min(1.0, 100.0 / (float(np.abs(gradient).max()) + 1e-9)), state, context)


mutant("largest-of-none", LargestOfNone(), "extremes", "optimizer.empty", rolled)


class RootsOfNegatives(Ball):
    """It takes a root of every slope on the way, and throws away those of the negative ones."""

    def step(self, theta, gradient, state, context):
        roots = np.where(gradient > 0, np.sqrt(gradient), 0)
        super().step(theta, np.where(gradient > 0, roots * roots, gradient), state, context)


mutant("roots-of-negatives", RootsOfNegatives(), "extremes", "numerics.warnings")


# Settings.


@dataclass(frozen=True)
class Unchecked(Ball):
    """It takes any friction."""

    def __post_init__(self):
        positive_real("rate", self.rate)


mutant("unchecked", Unchecked(), "errors", "errors.settings", rolled, invalid=INVALID)


@dataclass(frozen=True)
class CountedByText(Ball):
    """It takes "3" for its whole number."""

    every: int = 3

    def __post_init__(self):
        object.__setattr__(self, "every", int(self.every))

    def step(self, theta, gradient, state, context):
        super().step(theta, gradient / self.every, state, context)


mutant("counted-by-text", CountedByText(), "errors", "errors.types")


@dataclass(frozen=True)
class CheckedInDebugOnly(Ball):
    """Its settings are checked under __debug__ alone, which python -O turns off."""

    def __post_init__(self):
        if __debug__:
            super().__post_init__()


mutant("checked-in-debug-only", CheckedInDebugOnly(), "errors", "errors.optimized", rolled, invalid=INVALID)


@dataclass
class NotFrozen(Optimizer):
    """It is a dataclass that is not frozen."""

    rate: float = 0.1

    def step(self, theta, gradient, state, context):
        theta -= self.rate * gradient

    def __hash__(self):
        return hash(self.rate)


mutant("not-frozen", NotFrozen(), "lifecycle", "lifecycle.frozen")


@dataclass(frozen=True)
class HalfInRecipe(Ball):
    """A setting that it derives is written into the recipe, and derived once more when it is read."""

    friction: float = 0.75

    def __post_init__(self):
        object.__setattr__(self, "friction", 1 - 0.5 * (1 - self.friction))


mutant("half-in-recipe", HalfInRecipe(), "lifecycle", "lifecycle.recipe")


class Shared(Ball):
    """A deep copy is made with the default settings."""

    def __deepcopy__(self, memo):
        return Shared()


mutant("shared", Shared(0.1), "lifecycle", "lifecycle.equality")


class ByHash(Ball):
    """It moves a little more for a word whose hash is odd, which differs from process to process."""

    def step(self, theta, gradient, state, context):
        super().step(theta, gradient * (1 + hash("heavy ball") % 7919 * 1e-6), state, context)


mutant("by-hash", ByHash(), "lifecycle", "lifecycle.process")


@dataclass(frozen=True)
class WithFunction(Ball):
    """A setting is a function, which no recipe can hold."""

    shape: object = np.sign

    def __post_init__(self):
        if not callable(self.shape):
            raise SettingError("shape", expected="a function", got=self.shape)

    def step(self, theta, gradient, state, context):
        super().step(theta, self.shape(gradient), state, context)


mutant("with-function", WithFunction(), "lifecycle", "lifecycle.frozen")


# Coordinatewise, by their own word.


@dataclass(frozen=True)
class EachItsOwn(Ball):
    """The heavy ball, which says that it is coordinatewise."""

    coordinatewise = True


honest("coordinatewise", EachItsOwn(), rolled)


class ByNorm(EachItsOwn):
    """It says it is coordinatewise, and shortens the whole gradient to the length 1."""

    def step(self, theta, gradient, state, context):
        super().step(theta, gradient / max(1.0, float(np.sqrt(gradient @ gradient))), state, context)


mutant("says-coordinatewise-and-clips", ByNorm(), "update", "optimizer.coordinatewise")


class OneMean(EachItsOwn):
    """It says it is coordinatewise, and takes off the mean of all slopes."""

    def step(self, theta, gradient, state, context):
        super().step(theta, gradient - gradient.mean() / 2, state, context)


mutant("says-coordinatewise-and-centres", OneMean(), "update", "optimizer.coordinatewise")


class ByPlace(EachItsOwn):
    """It says it is coordinatewise, and has a rate by the place in θ."""

    def step(self, theta, gradient, state, context):
        rates = 1 + np.arange(theta.size, dtype=theta.dtype) % 7
        super().step(theta, gradient * rates, state, context)


mutant("says-coordinatewise-and-counts", ByPlace(), "update", "optimizer.coordinatewise")


class OneSize(EachItsOwn):
    """It says it is coordinatewise, and keeps one size of gradients for all."""

    def init(self, theta):
        return {**super().init(theta), "size": 0.0}

    def step(self, theta, gradient, state, context):
        state["size"] = 0.9 * state["size"] + 0.1 * float(gradient @ gradient) / max(theta.size, 1)
        super().step(theta, gradient / (1 + state["size"]), state, context)


mutant("says-coordinatewise-with-one-size", OneSize(), "update", "optimizer.coordinatewise")


class AsksCurvature(EachItsOwn):
    """It says it is coordinatewise, and asks the context for curvature, which a part of θ has not."""

    def step(self, theta, gradient, state, context):
        super().step(theta, gradient / (1 + context.gauss_newton_diagonal()), state, context)


mutant("says-coordinatewise-and-asks", AsksCurvature(), "update", "optimizer.coordinatewise")


class PerhapsOne(Ball):
    """coordinatewise is a word."""

    coordinatewise = "yes"


mutant("coordinatewise-is-a-word", PerhapsOne(), "lifecycle", "optimizer.coordinatewise")

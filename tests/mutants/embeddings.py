"""Wrong tables: rows that are overwritten, left out, scaled one way, or taken for another's."""

from dataclasses import dataclass

import numpy as np

from chainrule import BatchJacobian, DataError, Layer, ShapeError, UnsupportedError, positive_int
from chainrule.conformance import LayerCase

from . import Mutant

MUTANTS = []
HONEST = []


def mutant(name, layer, fault, killed_by, shape=(4,), **traits):
    domain = traits.pop("domain", (0, 5))
    case = LayerCase(f"embeddings/{name}", layer, shape, domain=domain, **traits)
    MUTANTS.append(Mutant(case, fault, type(layer).__doc__, killed_by))


def honest(name, layer, shape, domain=(0, 5), **traits):
    HONEST.append(LayerCase(f"honest/embeddings/{name}", layer, shape, domain=domain, **traits))


@dataclass(frozen=True)
class Table(Layer):
    """y[…] = E[x[…]]."""

    count: int = 5
    width: int = 2
    integer_input = True

    def __post_init__(self):
        positive_int("count", self.count)
        positive_int("width", self.width)

    def output_shape(self, shape):
        return (*shape, self.width)

    def parameter_shapes(self, shape):
        return {"E": (self.count, self.width)}

    def initialize(self, shape, rng):
        return {"E": rng.normal(size=(self.count, self.width))}

    def forward(self, x, E):
        if x.size and (x.min() < 0 or x.max() >= self.count):
            raise DataError("indices", expected=f"0 to {self.count - 1}", got=f"{x.min()} to {x.max()}")
        return E[x]

    def jacobian(self, x, y, E):
        return self.maps(x, E)

    def maps(self, x, E):
        return Rows(x, E)


class Rows(BatchJacobian):
    def __init__(self, x, E):
        self.x, self.E = x, E

    def vjp(self, delta, out=None):
        raise UnsupportedError("indices have no derivative")

    def vjp_params(self, delta, out):
        out["E"][...] = self.added(self.x, delta)

    def added(self, x, delta):
        total = np.zeros(self.E.shape, delta.dtype)
        np.add.at(total, x, delta)
        return total

    def jvp(self, tangent, params):
        return params["E"][self.x]

    def per_sample(self, delta):
        return {"E": np.stack([self.added(x, d) for x, d in zip(self.x, delta, strict=True)])}


def slow(x, E):
    return np.array([[E[int(i)] for i in np.ravel(one)] for one in x]).reshape(*np.shape(x), -1)


honest("table", Table(), (4,), reference=slow)
honest("table/grid", Table(), (2, 3), reference=slow)
honest("table/number", Table(), ())


class Overwrites(Rows):
    def added(self, x, delta):
        total = np.zeros(self.E.shape, delta.dtype)
        total[x] = delta
        return total


class RepeatOverwritten(Table):
    """An index that comes again overwrites what it had."""

    def maps(self, x, E):
        return Overwrites(x, E)


mutant("repeat-overwritten", RepeatOverwritten(), "derivative", "gradient.parameters")


class OncePerSample(Rows):
    def added(self, x, delta):
        total = np.zeros(self.E.shape, delta.dtype)
        if x.ndim < 2:
            total[x] += delta
            return total
        for one, d in zip(x, delta, strict=True):
            total[one] += d
        return total


class RepeatInASample(Table):
    """Samples add up; within one, an index that repeats counts once."""

    def maps(self, x, E):
        return OncePerSample(x, E)


mutant("repeat-within-a-sample", RepeatInASample(), "derivative", "gradient.parameters")


class Counted(Rows):
    def added(self, x, delta):
        counts = np.bincount(x.reshape(-1), minlength=len(self.E)).astype(delta.dtype)
        return super().added(x, delta) / np.maximum(counts, 1)[:, None]


class MeanOfRepeats(Table):
    """The gradient of a row is the mean over where its index stands, not the sum."""

    def maps(self, x, E):
        return Counted(x, E)


mutant("repeats-averaged", MeanOfRepeats(), "derivative", "gradient.parameters")


class NotTheLast(Rows):
    def added(self, x, delta):
        total = super().added(x, delta)
        total[-1] = 0
        return total


class LastUntrained(Table):
    """The last row has no gradient."""

    def maps(self, x, E):
        return NotTheLast(x, E)


mutant("last-row-untrained", LastUntrained(), "derivative", "gradient.parameters")


class NotTheFirst(Rows):
    def added(self, x, delta):
        total = super().added(x, delta)
        total[0] = 0
        return total


class FirstIsPadding(Table):
    """The row 0 has no gradient, as if it were a padding, which it does not say."""

    def maps(self, x, E):
        return NotTheFirst(x, E)


mutant("first-row-untrained", FirstIsPadding(), "derivative", "gradient.parameters")


class OneTooEarly(Table):
    """The last index is taken for the last but one, forward and backward."""

    def forward(self, x, E):
        return super().forward(np.minimum(x, self.count - 2), E)

    def maps(self, x, E):
        return Rows(np.minimum(x, self.count - 2), E)


mutant("last-index-clipped", OneTooEarly(), "forward", "forward.reference", reference=slow)


class FromOne(Table):
    """Indices count from one: 0 is the last row."""

    def forward(self, x, E):
        return super().forward((x.astype(int) - 1) % self.count, E)

    def maps(self, x, E):
        return Rows((x.astype(int) - 1) % self.count, E)


mutant("counts-from-one", FromOne(), "forward", "forward.reference", reference=slow)


class ScaledForward(Table):
    """The rows are multiplied by the root of their width forward, and their gradients are not."""

    def forward(self, x, E):
        return super().forward(x, E) * self.width**0.5


mutant("scaled-forward-alone", ScaledForward(), "derivative", "gradient.parameters")


class ScaledRows(Rows):
    def jvp(self, tangent, params):
        return params["E"][self.x] * self.E.shape[1] ** 0.5


class ScaledJvp(Table):
    """Forward mode multiplies by the root of the width."""

    def maps(self, x, E):
        return ScaledRows(x, E)


mutant("scaled-in-jvp-alone", ScaledJvp(), "derivative", "gradient.adjoint")


class Weighted(Rows):
    def per_sample(self, delta):
        found = np.zeros((len(delta), *self.E.shape), delta.dtype)
        for j, (x, d) in enumerate(zip(self.x, delta, strict=True)):
            found[j][x] = d
        return {"E": found}


class PerSampleOverwritten(Table):
    """In per_sample an index that repeats counts once."""

    def maps(self, x, E):
        return Weighted(x, E)


mutant("per-sample-overwritten", PerSampleOverwritten(), "derivative", "gradient.per_sample")


class Bytes(Table):
    """The indices are kept as bytes for the way back."""

    def maps(self, x, E):
        return Rows(x.astype(np.uint8), E)


mutant("indices-as-bytes", Bytes(300, 1), "arrays", "gradient.parameters", domain=(0, 300))


class Leaves(Rows):
    def vjp_params(self, delta, out):
        out["E"][self.x] = 0
        np.add.at(out["E"], self.x, delta)


class AbsentRowsKept(Table):
    """The gradients of rows that do not occur stay as they were."""

    def maps(self, x, E):
        return Leaves(x, E)


mutant("absent-rows-kept", AbsentRowsKept(), "state", "batch.singles")


class ByOneHot(Table):
    """One-hot vectors of the batch's set of indices: one that repeats in a sample is there once."""

    def forward(self, x, E):
        return super().forward(x, E) * self.seen(x)[..., None].astype(E.dtype)

    def seen(self, x):
        flat = x.reshape(len(x), -1)
        first = [[k not in row[:i] for i, k in enumerate(row)] for row in flat.tolist()]
        return np.array(first).reshape(x.shape)

    def maps(self, x, E):
        return Once(x, E, self.seen(x))


class Once(Rows):
    def __init__(self, x, E, seen):
        super().__init__(x, E)
        self.seen = seen

    def vjp_params(self, delta, out):
        out["E"][...] = self.added(self.x, delta * self.seen[..., None])

    def jvp(self, tangent, params):
        return super().jvp(tangent, params) * self.seen[..., None].astype(self.E.dtype)

    def per_sample(self, delta):
        return super().per_sample(delta * self.seen[..., None])


mutant("repeat-is-zero", ByOneHot(), "forward", "forward.reference", reference=slow)


# Two tables: of words and of places.


@dataclass(frozen=True)
class Words(Layer):
    """y = E[word] + P[place]."""

    count: int = 5
    width: int = 2
    integer_input = (True, True)

    def __post_init__(self):
        positive_int("count", self.count)
        positive_int("width", self.width)

    def output_shape(self, words, places):
        if words != places:
            raise ShapeError("places", expected=words, got=places)
        return (*words, self.width)

    def parameter_shapes(self, words, places):
        self.output_shape(words, places)
        return {"E": (self.count, self.width), "P": (self.count, self.width)}

    def initialize(self, words, places, rng):
        return {name: rng.normal(size=shape) for name, shape in self.parameter_shapes(words, places).items()}

    def forward(self, words, places, E, P):
        for x in (words, places):
            if x.size and (x.min() < 0 or x.max() >= self.count):
                raise DataError("indices", expected=f"0 to {self.count - 1}", got=f"{x.min()} to {x.max()}")
        return E[words] + P[places]

    def jacobian(self, words, places, y, E, P):
        return self.maps(words, places, E)

    def maps(self, words, places, E):
        return BothRows(words, places, E)


class BothRows(BatchJacobian):
    def __init__(self, words, places, E):
        self.words, self.places, self.E = Rows(words, E), Rows(places, E), E

    def vjp(self, delta, out=None):
        raise UnsupportedError("indices have no derivative")

    def vjp_params(self, delta, out):
        out["E"][...] = self.words.added(self.words.x, delta)
        out["P"][...] = self.places.added(self.places.x, delta)

    def jvp(self, tangent, params):
        terms = [rows.jvp(None, {"E": params[name]}) for name, rows in self.named().items() if name in params]
        return sum(terms[1:], terms[0])

    def named(self):
        return {"E": self.words, "P": self.places}

    def per_sample(self, delta):
        return {name: rows.per_sample(delta)["E"] for name, rows in self.named().items()}


PAIR = {"shape": [(3,), (3,)], "domain": [(0, 5), (0, 3)]}
honest("words", Words(), **PAIR)


class PlacesOfTheFirst(Words):
    """The places of the first sample are everyone's."""

    def forward(self, words, places, E, P):
        return E[words] + P[places[:1]]

    def maps(self, words, places, E):
        return BothRows(words, np.repeat(places[:1], len(places), axis=0), E)


mutant("places-of-the-first-sample", PlacesOfTheFirst(), "batch", "batch.singles", **PAIR)


class WordsForPlaces(Words):
    """The gradient of the places' table is added up by the words."""

    def maps(self, words, places, E):
        return BothRows(words, words, E)


mutant("places-by-words", WordsForPlaces(), "derivative", "gradient.parameters", **PAIR)

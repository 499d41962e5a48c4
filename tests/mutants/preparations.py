"""Wrong preparations, and the right ones that they are made from."""

from dataclasses import dataclass, replace

import numpy as np

from chainrule import DataError, Preparation
from chainrule.conformance import PreparationCase
from chainrule.rows import Column

from . import Mutant

MUTANTS = []
HONEST = []
COLUMNS = (Column("age"), Column("kind", ("a", "b", "c")))


def numbers(rng, B):
    return rng.normal([5.0, -2.0], [1.0, 3.0], (B, 2))


def mixed(rng, B):
    return np.stack([rng.normal(5, 2, B), rng.integers(3, size=B)], axis=1)


def centred(x, rows):
    return [[row[i] - sum(other[i] for other in x) / len(x) for i in range(2)] for row in rows]


def mutant(name, preparation, fault, killed_by, rows=numbers, columns=(), **declared):
    case = PreparationCase(f"preparation/{name}", preparation, rows, columns, **declared)
    MUTANTS.append(Mutant(case, fault, type(preparation).__doc__, killed_by))


@dataclass(frozen=True)
class Centre(Preparation):
    """Numbers less their mean."""

    times: float = 1.0

    def fit(self, rows, columns):
        if not np.isfinite(rows).all():
            raise DataError("rows", expected="finite numbers", got="others")
        return replace(self, state={"count": len(rows), "mean": rows.mean(axis=0).tolist()})

    def merge(self, later):
        a, b = self.state["count"], later.state["count"]
        mean = (a * np.array(self.state["mean"]) + b * np.array(later.state["mean"])) / (a + b)
        return replace(self, state={"count": a + b, "mean": mean.tolist()})

    def apply(self, rows, columns):
        if not np.isfinite(rows).all():
            raise DataError("rows", expected="finite numbers", got="others")
        return (rows - np.array(self.state["mean"])) * self.times


@dataclass(frozen=True)
class Kinds(Preparation):
    """A number, and for each word that was seen whether it is that."""

    def fit(self, rows, columns):
        words = columns[1].words
        return replace(self, state=sorted({words[int(code)] for code in rows[:, 1]}))

    def merge(self, later):
        return replace(self, state=sorted({*self.state, *later.state}))

    def apply(self, rows, columns):
        at = {column.name: i for i, column in enumerate(columns)}
        words = np.array(columns[at["kind"]].words)[rows[:, at["kind"]].astype(int)]
        return np.stack([rows[:, at["age"]], *(words == word for word in self.state)], axis=1)

    def names(self, columns):
        return ("age", *self.state)


REFUSED = ([[1, np.nan]], [[np.inf, 1]])
HONEST.append(PreparationCase("honest/preparation/centre", Centre(), numbers, reference=centred, refused=REFUSED))
HONEST.append(PreparationCase("honest/preparation/kinds", Kinds(), mixed, COLUMNS))


@dataclass(frozen=True)
class NoWeights(Centre):
    """the mean of two parts is the mean of their means, whatever their sizes"""

    def merge(self, later):
        mean = (np.array(self.state["mean"]) + np.array(later.state["mean"])) / 2
        return replace(self, state={"count": 1, "mean": mean.tolist()})


@dataclass(frozen=True)
class OwnMean(Centre):
    """the rows of a batch are compared with their own mean"""

    def apply(self, rows, columns):
        return rows - rows.mean(axis=0)


@dataclass(frozen=True)
class InPlace(Centre):
    """rows are centred in place"""

    def apply(self, rows, columns):
        rows -= np.array(self.state["mean"])
        return rows.copy()


@dataclass(frozen=True)
class Grows(Centre):
    """merge adds to the state of the first part"""

    def merge(self, later):
        merged = super().merge(later)
        self.state.update(merged.state)
        return merged


@dataclass(frozen=True)
class Beside(Centre):
    """the mean is kept beside the state"""

    def fit(self, rows, columns):
        made = replace(self, state={"count": len(rows)})
        object.__setattr__(made, "mean", rows.mean(axis=0))
        return made

    def merge(self, later):
        a, b = self.state["count"], later.state["count"]
        made = replace(self, state={"count": a + b})
        object.__setattr__(made, "mean", (a * self.mean + b * later.mean) / (a + b))
        return made

    def apply(self, rows, columns):
        return rows - self.mean


@dataclass(frozen=True)
class Arrays(Centre):
    """the state holds an array"""

    def fit(self, rows, columns):
        made = super().fit(rows, columns)
        return replace(made, state={**made.state, "mean": rows.mean(axis=0)})


@dataclass(frozen=True)
class Takes(Centre):
    """a missing number becomes 0 without a word"""

    def fit(self, rows, columns):
        return super().fit(np.nan_to_num(rows), columns)

    def apply(self, rows, columns):
        return super().apply(np.nan_to_num(rows), columns)


@dataclass(frozen=True)
class Twice(Centre):
    """the mean is taken away twice"""

    def apply(self, rows, columns):
        return super().apply(rows, columns) - np.array(self.state["mean"])


@dataclass(frozen=True)
class Ratio(Centre):
    """a column that is constant is divided by 0"""

    def apply(self, rows, columns):
        made = super().apply(rows, columns)
        return made / np.abs(made).max(axis=0)


@dataclass(frozen=True)
class ByPlace(Kinds):
    """columns are taken by their place"""

    def apply(self, rows, columns):
        words = np.array(columns[-1].words or [""])[rows[:, -1].astype(int) % len(columns[-1].words or [""])]
        return np.stack([rows[:, 0], *(words == word for word in self.state)], axis=1)


@dataclass(frozen=True)
class Unsaid(Kinds):
    """the names are those of the columns, where the samples have others"""

    def names(self, columns):
        return columns


@dataclass(frozen=True)
class AnyTimes(Centre):
    """a setting is not looked at"""


mutant("means-of-means", NoWeights(), "batch", "preparation.parts")
mutant("own-mean", OwnMean(), "batch", "preparation.apart")
mutant("in-place", InPlace(), "state", "preparation.arguments")
mutant("merge-grows", Grows(), "state", "preparation.arguments")
mutant("beside-the-state", Beside(), "state", "preparation.files")
mutant("arrays", Arrays(), "lifecycle", "preparation.files")
mutant("takes-nan", Takes(), "errors", "preparation.refuses", refused=REFUSED)
mutant("twice", Twice(), "forward", "preparation.reference", reference=centred)
mutant("constant", Ratio(), "extremes", "preparation.runs", lambda rng, B: np.full((B, 2), 3.0))
mutant("by-place", ByPlace(), "arrays", "preparation.columns", mixed, COLUMNS)
mutant("names", Unsaid(), "lifecycle", "preparation.columns", mixed, COLUMNS)
mutant("settings", AnyTimes(), "errors", "errors.settings", invalid=[{"times": "2"}])

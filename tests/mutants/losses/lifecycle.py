"""Equality, pickle and recipes."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule import Loss, real_targets
from chainrule_losses import MulticlassHinge

from .base import CLASSES, REAL, mutant, total
from .honest import Squared, Weighted


@dataclass
class SquaredThatCanChange(Loss):
    """The dataclass is not frozen."""

    factor: float = 2.0

    def value(self, scores, targets):
        return self.factor * total((scores - real_targets("squared", scores, targets)) ** 2)

    def gradient(self, scores, targets):
        return 2 * self.factor * (scores - real_targets("squared", scores, targets))


class SquaredByHand(Loss):
    """It is no dataclass."""

    def __init__(self, factor=2.0):
        self.factor = factor

    value = SquaredThatCanChange.value
    gradient = SquaredThatCanChange.gradient


@dataclass(frozen=True)
class WeightedEqualToOthers(Weighted):
    """Losses of different class weights are equal."""

    weights: tuple = field(default=(1.0, 2.5, 0.5), compare=False)


@dataclass(frozen=True)
class HingeEqualToOthers(MulticlassHinge):
    """Losses of different margins are equal."""

    margin: float = field(default=1.0, compare=False)


@dataclass(frozen=True, eq=False)
class HingeEqualToNone(MulticlassHinge):
    """A copy is not equal."""

    def __eq__(self, other):
        return self is other

    __hash__ = object.__hash__


@dataclass(frozen=True)
class HingeEqualToAll(MulticlassHinge):
    """It equals everything."""

    def __eq__(self, other):
        return True

    def __hash__(self):
        return 1


class HingeThatStays(MulticlassHinge):
    """It cannot be pickled."""

    def __getstate__(self):
        raise TypeError("no state of its own")

    def __deepcopy__(self, memo):
        return self

    def __copy__(self):
        return self


class HingeThatForgets(MulticlassHinge):
    """Pickle forgets the margin."""

    def __reduce__(self):
        return type(self), ()

    def __deepcopy__(self, memo):
        return self

    def __copy__(self):
        return self


@dataclass(frozen=True)
class WeightedByArray(Weighted):
    """A setting is an array."""

    weights: Any = field(default_factory=lambda: np.array([1.0, 2.5, 0.5]), compare=False)


@dataclass(frozen=True)
class SquaredOfFunction(Squared):
    """A setting is a function, which no recipe can hold."""

    shrink: Any = np.tanh

    def apart(self, scores, targets):
        return scores - self.shrink(real_targets("squared", scores, targets))


@dataclass(frozen=True)
class HingeThatDoubles(MulticlassHinge):
    """Made from its own settings it is another."""

    def __post_init__(self):
        object.__setattr__(self, "margin", 2 * self.margin)


MUTANTS = [
    mutant(SquaredThatCanChange(), REAL, "lifecycle", "lifecycle.frozen"),
    mutant(SquaredByHand(), REAL, "lifecycle", "lifecycle.frozen"),
    mutant(WeightedEqualToOthers(), {"score_shape": (3,), "targets": "class"}, "lifecycle", "lifecycle.equality"),
    mutant(HingeEqualToOthers(), CLASSES, "lifecycle", "lifecycle.equality"),
    mutant(HingeEqualToNone(), CLASSES, "lifecycle", "lifecycle.equality"),
    mutant(HingeEqualToAll(), CLASSES, "lifecycle", "lifecycle.equality"),
    mutant(HingeThatStays(), CLASSES, "lifecycle", "lifecycle.pickle"),
    mutant(HingeThatForgets(2.0), CLASSES, "lifecycle", "lifecycle.pickle"),
    mutant(WeightedByArray(), {"score_shape": (3,), "targets": "class"}, "lifecycle", "lifecycle.frozen"),
    mutant(SquaredOfFunction(), REAL, "lifecycle", "lifecycle.frozen"),
    mutant(HingeThatDoubles(), CLASSES, "lifecycle", "lifecycle.construction"),
]

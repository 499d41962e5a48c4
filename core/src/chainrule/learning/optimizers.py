"""An optimizer is a rule that moves one flat vector of parameters along one flat gradient."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..arrays import Array
from ..errors import SettingError, UnsupportedError
from ..settings import positive_real


def _not_given(*_: Array) -> Any:
    raise UnsupportedError("this step's context has no curvature and no objective", hint="train gives one that has")


@dataclass(frozen=True)
class StepContext:
    """What a rule may want to know beside the gradient: of the present batch, at θ as it is when it is asked.

    `step` counts from 0; `slices` maps each parameter's name to its place in θ; `gauss_newton(v)` is the product of
    the Gauss-Newton matrix with a vector of θ's size, `gauss_newton_diagonal()` its diagonal, `objective()` the mean
    loss. Nothing is computed before it is asked for, and then of the layers that the step differentiates.
    """

    step: int
    slices: Mapping[str, slice]
    gauss_newton: Callable[[Array], Array] = _not_given
    gauss_newton_diagonal: Callable[[], Array] = _not_given
    objective: Callable[[], float] = _not_given


class Optimizer(ABC):
    """A rule of update: write a frozen dataclass whose fields are the settings.

    A rate that the rule's source gives is the default. Where there is none, `field(metadata={"try": 0.1})` says what to
    try first, and so does the error of whoever leaves it out.
    """

    coordinatewise: bool = False
    """A step on a part of θ is that part of the step on all: the rule needs of each coordinate only its own."""

    def init(self, theta: Array) -> Any:
        """Return the state before the first step; None unless the rule keeps any."""
        return None

    @abstractmethod
    def step(self, theta: Array, gradient: Array, state: Any, context: StepContext) -> None:
        """Move `theta`, and `state` with it, in place."""


class Schedule(ABC):
    """A learning rate that depends on the step."""

    @abstractmethod
    def rate(self, step: int) -> float:
        """Return λ for the step, counted from 0."""


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent, the plain update.

    Formula:  W ← W - λ dW
    Raises:   SettingError unless the learning rate is a positive number or a Schedule.
    Source:   course, section 3.
    """

    coordinatewise = True
    learning_rate: float | Schedule = field(metadata={"try": 0.1})

    def __post_init__(self) -> None:
        check_learning_rate(self.learning_rate)

    def step(self, theta: Array, gradient: Array, state: Any, context: StepContext) -> None:
        """θ ← θ - λ ∂Obj/∂θ."""
        rate = learning_rate_at(self.learning_rate, context.step)
        for weights, slopes in blocks(theta, gradient):
            weights -= rate * slopes


def check_learning_rate(value: Any, name: str = "learning_rate") -> None:
    """Refuse what is neither a positive number nor a Schedule. Raises:   SettingError."""
    if isinstance(value, Schedule):
        return
    try:
        positive_real(name, value)
    except SettingError as error:
        error.expected = "a positive number or a Schedule"
        raise


def learning_rate_at(value: float | Schedule, step: int) -> float:
    """Return λ for the step."""
    if type(value) is float:  # as most are, and sooner known than what is a Schedule
        return value
    return float(value.rate(step)) if isinstance(value, Schedule) else value


BLOCK = 1 << 16


def blocks(*vectors: Array) -> Iterator[tuple[Array, ...]]:
    """Cut flat vectors of one size into views whose temporaries stay in the cache.

    A rule that works through them allocates nothing of θ's size.
    """
    if vectors[0].size <= BLOCK:
        return iter((vectors,))
    return (tuple([vector[i : i + BLOCK] for vector in vectors]) for i in range(0, vectors[0].size, BLOCK))

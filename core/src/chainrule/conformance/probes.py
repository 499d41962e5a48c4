"""What the probes of layers, losses and optimizers share: a subject, its random numbers, and what is asked of it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ..arrays import Array, random_stream


@dataclass(frozen=True)
class Question:
    """A call that another process can be asked to make: a method's name, or a function of the object."""

    name: str
    method: str | Callable[..., Any]
    arguments: tuple[Any, ...]
    named: dict[str, Any] = field(default_factory=dict)

    def answer(self, subject: Any) -> Any:
        """Return what the call gives here."""
        if callable(self.method):
            return self.method(subject, *self.arguments, **self.named)
        return getattr(subject, self.method)(*self.arguments, **self.named)


class Probe:
    """What the probes of layers, losses and optimizers share."""

    kind: ClassVar[str]
    """The name of the attribute that holds the subject."""

    def __init__(self, case: Any, seed: int, check_id: str, memory: dict[str, Any]) -> None:
        self.case = case
        self.seed = seed
        self.check_id = check_id
        self.memory = memory
        self.rng = self.stream(check_id)

    def stream(self, name: str) -> np.random.Generator:
        """Return the random numbers of a purpose: they depend on the seed, the case and the purpose alone."""
        return random_stream(self.seed, f"{self.case.id}/{name}")

    @property
    def subject(self) -> Any:
        """The layer, the loss or the optimizer."""
        return getattr(self, self.kind)

    @property
    def written(self) -> Any:
        """What its author has written: the subject without what the suite has put around it."""
        return self.subject

    def of(self, subject: Any) -> Any:
        """Return a probe of another subject, on the same case."""
        probe = copy.copy(self)
        setattr(probe, self.kind, subject)
        return probe

    def point(self, B: int = 3, *, dtype: Any = np.float64, wide: bool = False) -> Any:
        """Return fresh arguments."""
        raise NotImplementedError

    def everything(self, point: Any, subject: Any = None) -> dict[str, Array]:
        """Return all that the subject computes at a point, by the name that a message uses."""
        raise NotImplementedError

    def question(self, point: Any) -> Question:
        """Return a call that shows what the subject computes at a point."""
        raise NotImplementedError

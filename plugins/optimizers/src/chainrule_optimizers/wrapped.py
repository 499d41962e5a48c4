"""Rules that change the gradient and hand it to another rule: the state is that rule's."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from chainrule import Array, Optimizer, SettingError, StepContext, positive_real, real
from chainrule.optimizers import blocks


@dataclass(frozen=True)
class Wrapped(Optimizer, ABC):
    """A rule around a rule.

    Raises:   SettingError unless `inner` is an Optimizer.
    """

    inner: Optimizer

    apart: ClassVar[bool] = True
    """Each slope is changed by itself: the whole is coordinatewise where the inner rule is."""

    def __post_init__(self) -> None:
        if not isinstance(self.inner, Optimizer):
            raise SettingError("inner", expected="an Optimizer, such as SGD(0.1)", got=self.inner)
        object.__setattr__(self, "coordinatewise", self.apart and self.inner.coordinatewise)

    def init(self, theta: Array) -> Any:
        """Return the inner rule's state."""
        return self.inner.init(theta)

    def step(self, theta: Array, gradient: Array, state: Any, context: StepContext) -> None:
        """Let the inner rule move θ along another gradient."""
        self.inner.step(theta, self.changed(theta, gradient), state, self.seen(theta, context))

    @abstractmethod
    def changed(self, theta: Array, gradient: Array) -> Array:
        """Return the gradient that the inner rule sees; the one that is given stays as it is."""

    def seen(self, theta: Array, context: StepContext) -> StepContext:
        """Return the context that the inner rule sees."""
        return context


@dataclass(frozen=True)
class WeightDecay(Wrapped):
    """A penalty on the length of θ, biases included: the inner rule sees Obj + w/2 |W|², its slopes and curvature.

    With Adam and its like the decay passes through the running means; `AdamW` is the rule in which it does not.

    Formula:  dW ← dW + w W
    Raises:   SettingError unless the decay w is a number of at least 0.
    Source:   Krogh and Hertz (1992), A simple weight decay can improve generalization.
    """

    decay: float = field(metadata={"try": 1e-4})

    def __post_init__(self) -> None:
        super().__post_init__()
        real("decay", self.decay, minimum=0.0)

    def changed(self, theta: Array, gradient: Array) -> Array:
        """Return dW + w W."""
        return gradient + self.decay * theta

    def seen(self, theta: Array, context: StepContext) -> StepContext:
        """Return the context of Obj + w/2 |W|²."""
        return replace(
            context,
            gauss_newton=lambda vector: context.gauss_newton(vector) + self.decay * vector,
            gauss_newton_diagonal=lambda: context.gauss_newton_diagonal() + self.decay,
            objective=lambda: context.objective() + self.decay / 2.0 * _squared_length(theta),
        )


@dataclass(frozen=True)
class ClipNorm(Wrapped):
    """The whole gradient shortened to a norm where it is longer, its direction kept.

    Formula:  dW ← dW min(1, c / |dW|), |dW| over all parameters together
    Raises:   SettingError unless the norm c is a positive number.
    Source:   Pascanu, Mikolov and Bengio (2013), On the difficulty of training recurrent neural networks, algorithm 1.
    """

    norm: float = field(metadata={"try": 1.0})

    apart = False

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_real("norm", self.norm)

    def changed(self, theta: Array, gradient: Array) -> Array:
        """Return dW min(1, c / |dW|)."""
        length = math.sqrt(_squared_length(gradient))
        return gradient * (self.norm / length) if length > self.norm else gradient


@dataclass(frozen=True)
class ClipValue(Wrapped):
    """Each slope kept within bounds.

    Formula:  dW[k] ← min(max(dW[k], -c), c)
    Raises:   SettingError unless the value c is a positive number.
    Source:   Mikolov (2012), Statistical language models based on neural networks; Pascanu et al. (2013), section 3.2,
              compare the two.
    """

    value: float = field(metadata={"try": 1.0})

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_real("value", self.value)

    def changed(self, theta: Array, gradient: Array) -> Array:
        """Return dW within ±c."""
        return np.clip(gradient, -self.value, self.value)


def _squared_length(vector: Array) -> float:
    parts = (part.astype(np.float64) for (part,) in blocks(vector))  # squares of float32 may overflow
    return math.fsum(float(part @ part) for part in parts)

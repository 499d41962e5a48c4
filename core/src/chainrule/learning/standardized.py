"""A loss of standardised targets: the network learns numbers of about 1, and decides in the targets' own unit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ..admission import as_array, check_finite, real_array
from ..arrays import Array
from ..errors import SettingError, TargetError
from ..functions.losses import Loss
from ..functions.network import Network
from ..rows import Named, check_lengths, indexable
from .preparation import ROWS


@dataclass(frozen=True)
class Standardized(Loss):
    """A loss of numbers, whose targets are standardised before it sees them; scores are standardised numbers.

    Formula:  l(s, y) = loss(s, (y - μ) / σ), and so are its derivatives by s; the decision is μ + σ s
    Unit:     l is the loss of standardised targets, a squared error one in units of σ²; decisions are in that of y.
    Shapes:   μ = `mean` and σ = `deviation` are numbers, or have the shape of one target, S: tuples. y (B, *S).
    Raises:   TargetError as the loss, and for targets of another shape; SettingError for a loss that decides anything
              but its very scores, such as a class, and unless μ is finite and σ above 0.
    """

    loss: Loss
    mean: float | tuple[Any, ...]
    deviation: float | tuple[Any, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.loss, Loss) or not decides_its_scores(self.loss):
            expected, hint = "a loss whose decisions are its scores", "targets that are classes are not standardised"
            raise SettingError("loss", expected=expected, got=self.loss, hint=hint)
        for name in ("mean", "deviation"):
            numbers = real_array(name, getattr(self, name), SettingError).astype(np.float64)
            if not np.isfinite(numbers).all() or (name == "deviation" and not (numbers > 0).all()):
                expected = "finite numbers" + " above 0" * (name == "deviation")
                raise SettingError(name, expected=expected, got=getattr(self, name))
            object.__setattr__(self, name, _tuples(numbers.tolist()))
        if np.shape(self.mean) != np.shape(self.deviation):
            expected = f"one for each mean, shape {np.shape(self.mean)}"
            raise SettingError("deviation", expected=expected, got=np.shape(self.deviation))
        object.__setattr__(self, "applies", self.loss.applies)

    @classmethod
    def learned(cls, loss: Loss, targets: Any) -> Self:
        """Return the loss with μ and σ of targets, those of the training part; σ is 1 where all are equal.

        They are read some at a time, twice: they may lie in a file. Raises:   SettingError; DataError.
        """
        rows = indexable(targets, "targets")
        check_lengths(rows, None, "targets")
        first = next(_chunks(rows))[0]
        mean = first + sum((chunk - first).sum(axis=0) for chunk in _chunks(rows)) / len(rows)
        squares = sum(((chunk - mean) ** 2).sum(axis=0) for chunk in _chunks(rows))
        deviation = np.sqrt(squares / len(rows))
        return cls(loss, mean, np.where(deviation > 0, deviation, 1.0))  # type: ignore[arg-type]  # made tuples there

    def value(self, scores: Array, targets: Any) -> Array:
        """Return the loss of standardised targets."""
        return self.loss.value(scores, self._standardized(targets))

    def gradient(self, scores: Array, targets: Any) -> Array:
        """Return ∂l/∂s."""
        return self.loss.gradient(scores, self._standardized(targets))

    def linearize(self, scores: Array, targets: Any) -> tuple[Array, Array]:
        """Return both."""
        return self.loss.linearize(scores, self._standardized(targets))

    def weight(self, targets: Any) -> Array:
        """Return the loss's weights."""
        return self.loss.weight(self._standardized(targets))

    def decide(self, scores: Array) -> Array:
        """Return μ + σ s, float64: a float32 has too few digits for a small σ beside a large μ."""
        return np.asarray(self.mean + np.asarray(self.deviation) * self.loss.decide(scores))

    def error(self, scores: Array, targets: Any) -> Array | None:
        """Return what the loss calls an error."""
        return self.loss.error(scores, self._standardized(targets))

    def hessian(self, scores: Array, targets: Any) -> Array:
        """Return ∂²l/∂s∂s."""
        return self.loss.hessian(scores, self._standardized(targets))

    def _standardized(self, targets: Any) -> Array | None:
        """Return (y - μ) / σ; what are no numbers is left to the loss."""
        if targets is None:
            return None
        y, shape = as_array("targets", targets, TargetError), np.shape(self.mean)
        if shape and y.shape[1:] != shape:
            raise TargetError("targets", expected=("B", *shape), got=y.shape, hint="as those that μ and σ are of")
        return (y.astype(np.float64) - self.mean) / self.deviation if y.dtype.kind in "fiub" else y


def decides_its_scores(loss: Loss) -> bool:
    """Return whether a loss's decisions are its very scores, numbers in the unit of the targets."""
    if type(loss).decide is Loss.decide:
        return True
    scores = np.array([[-1.5, 0.25]])
    with suppress(Exception):  # of other scores, such as those of several outputs
        return np.array_equal(loss.decide(scores), scores)
    return False


def decides_numbers(network: Network, loss: Loss, targets: Any) -> bool:
    """Return whether the decisions are numbers as the targets are, none of which is right or wrong: a regression's."""
    if targets is None or isinstance(targets, Named) or isinstance(network.output_shape, dict):
        return False
    scores, first = np.zeros((1, *network.output_shape), network.dtype), np.asarray(targets[:1])
    decided = loss.decide(scores)
    return decided.dtype.kind == "f" and decided.shape == first.shape and loss.error(scores, first) is None


def _chunks(targets: Any) -> Iterator[Array]:
    for start in range(0, len(targets), ROWS):
        chunk = real_array("targets", targets[start : start + ROWS])
        check_finite("targets", chunk, start)
        yield chunk.astype(np.float64)


def _tuples(numbers: Any) -> Any:
    return tuple(map(_tuples, numbers)) if isinstance(numbers, list) else numbers

"""Parameters that do not move: to the optimizer they do not exist."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import SettingError
from ..functions.network import Network
from .optimizers import Optimizer, StepContext


@dataclass(frozen=True)
class Freezing(Optimizer):
    """A rule for the parameters of these names alone: θ, its gradient and its curvature are theirs.

    All others keep their bits, whatever the rule: no decay shrinks them, no norm counts their gradients, and the
    products of the Gauss-Newton matrix are those of the block of what moves.
    """

    optimizer: Optimizer
    moving: Mapping[str, slice]

    def init(self, theta: Array) -> Any:
        """Return the state of the rule for what moves."""
        return self.optimizer.init(self._gathered(theta))

    def step(self, theta: Array, gradient: Array, state: Any, context: StepContext) -> None:
        """Move a copy of what moves, and put it back: also before the rule asks for anything at θ as it is."""
        own = self._gathered(theta)

        def product(v: Array) -> Array:
            self._spread(theta, own)
            whole = np.zeros(theta.shape, np.asarray(v).dtype)
            self._spread(whole, v)
            return self._gathered(context.gauss_newton(whole))

        def diagonal() -> Array:
            self._spread(theta, own)
            return self._gathered(context.gauss_newton_diagonal())

        def objective() -> float:
            self._spread(theta, own)
            return context.objective()

        within = StepContext(context.step, self._slices(), product, diagonal, objective)
        self.optimizer.step(own, self._gathered(gradient), state, within)
        self._spread(theta, own)

    def _gathered(self, vector: Array) -> Array:
        return np.concatenate([vector[place] for place in self.moving.values()])

    def _slices(self) -> dict[str, slice]:
        """Return where each parameter is among what moves."""
        found, start = {}, 0
        for name, place in self.moving.items():
            found[name] = slice(start, start := start + place.stop - place.start)
        return found

    def _spread(self, vector: Array, own: Array) -> None:
        for place, part in zip(self.moving.values(), self._slices().values(), strict=True):
            vector[place] = own[part]


def with_frozen(optimizer: Optimizer, network: Network, frozen: Sequence[str]) -> Optimizer:
    """Return the rule for all parameters but the frozen ones, `1.W`, or all those of a layer, `1` or `encoder`.

    Raises:   SettingError for a name of none, with those that are near, and where nothing is left to move.
    """
    if not isinstance(frozen, list | tuple) or not all(isinstance(name, str) for name in frozen):
        raise SettingError("frozen", expected="a list of names of layers or parameters", got=frozen)
    if not frozen:
        return optimizer
    still: set[str] = set()
    for name in frozen:
        own = {parameter for parameter in network.slices if f"{parameter}.".startswith(f"{name}.")}
        if not own:
            known = list(dict.fromkeys(n for p in network.slices for n in (p.partition(".")[0], p)))
            near = difflib.get_close_matches(name, known, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known[:20])}"
            raise SettingError("frozen", expected="layers with parameters, or parameters", got=name, hint=hint)
        still |= own
    moving = {name: place for name, place in network.slices.items() if name not in still}
    if not moving:
        hint = "leave a layer out of the list: nothing would be trained"
        raise SettingError("frozen", expected="a parameter that moves", got=frozen, hint=hint)
    return Freezing(optimizer, moving)

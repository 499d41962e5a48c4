"""Every exception of chainrule, and its warning.

A message has four parts: where, what was expected, what came, what to do next. The parts are attributes, too.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from typing import Any

from .arrays import Array


class ChainruleError(Exception):
    """Base of all errors of chainrule.

    `expected` and `got` are shown together, `hint` says what to do next, and `recipe_hint` the same to somebody who
    writes no Python, where that is another thing. A caller that knows more about the place may put it in front of
    `where` and raise the error again.
    """

    def __init__(
        self,
        where: str,
        *,
        expected: Any = None,
        got: Any = None,
        hint: str | None = None,
        recipe_hint: str | None = None,
    ) -> None:
        super().__init__(where)
        self.where = where
        self.expected = expected
        self.got = got
        self.hint = hint
        self.recipe_hint = recipe_hint

    def __str__(self) -> str:
        text = self.where
        if self.expected is not None:
            text += f": expected {self.show_expected(self.expected)}, got {self.show_got(self.got)}"
        return f"{text}; {self.hint}" if self.hint else text

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.args, self.__dict__)

    def within(self, place: str) -> ChainruleError:
        """Put `place` in front of `where`, and return the error to be raised again."""
        self.where = f"{place}: {self.where}"
        return self

    def for_recipe(self) -> ChainruleError:
        """Say what to do in a recipe, where it is something else in Python, and return the error."""
        self.hint = self.hint if self.recipe_hint is None else self.recipe_hint
        return self

    def show_expected(self, value: Any) -> str:
        """Return the text for what was expected, a shape without quotes."""
        return show_shape(value)

    def show_got(self, value: Any) -> str:
        """Return the text for what came, a shape without quotes."""
        return show_shape(value)


def _restore(kind: type[ChainruleError], args: tuple[Any, ...], facts: dict[str, Any]) -> ChainruleError:
    error: ChainruleError = Exception.__new__(kind, *args)  # MemoryError has a __new__ of its own
    error.__dict__.update(facts)
    return error


class ShapeError(ChainruleError, ValueError):
    """An array or a sample has a shape that does not fit."""


def show_shape(value: Any) -> str:
    """Show a shape the way docstrings write it, `("B", 3)` as `(B, 3)`; anything else is shown as it is."""
    if not isinstance(value, tuple):
        return str(value)
    return "(" + ", ".join(str(axis) for axis in value) + (",)" if len(value) == 1 else ")")


class SettingError(ChainruleError, ValueError):
    """A setting of a layer, a loss or a run has a wrong type or value; `where` begins with its name."""

    def show_got(self, value: Any) -> str:
        """Show the value as it would be typed, so that "64" and 64 differ."""
        return repr(value)


class TargetError(ChainruleError, ValueError):
    """Targets have the wrong shape, kind or range for the loss."""


class SizeError(ChainruleError, MemoryError):
    """A result would need more bytes than the limit (None: than there are); `bytes_needed` estimates them."""

    def __init__(self, where: str, *, bytes_needed: int, limit: int | None = None, hint: str) -> None:
        expected = "no more memory than there is" if limit is None else f"at most {limit:,} bytes"
        super().__init__(where, expected=expected, got=f"about {bytes_needed:,} bytes", hint=hint)
        self.bytes_needed = bytes_needed
        self.limit = limit


class UnsupportedError(ChainruleError, NotImplementedError):
    """A derivative was asked for that the layer or the loss does not have."""


class DefinitionError(ChainruleError, TypeError):
    """A class of a layer or a loss leaves out what it must define."""


class PluginError(ChainruleError, ImportError):
    """A plug-in cannot be loaded, offers something of the wrong kind, or two offer one name.

    `distribution` and `version` say whose it is, where one is to blame.
    """

    def __init__(self, where: str, *, distribution: str = "", version: str = "", **parts: Any) -> None:
        super().__init__(where, **parts)
        self.distribution = distribution
        self.version = version


class UnknownNameError(ChainruleError, LookupError):
    """No plug-in offers the name; `near` are the most similar known names, `known` all of them."""

    def __init__(self, where: str, *, near: Sequence[str], known: Sequence[str], hint: str) -> None:
        super().__init__(where, hint=hint)
        self.near = tuple(near)
        self.known = tuple(known)


class RecipeError(ChainruleError, ValueError):
    """A recipe is wrong; `where` begins with the path of the key, such as `network.layers[2].units`."""


class DataError(ChainruleError, ValueError):
    """Data cannot be read or used."""


class CheckpointError(ChainruleError, ValueError):
    """The files of a run cannot be written, read or trusted, or belong to another run."""


class DivergenceError(ChainruleError, ArithmeticError):
    """The loss is not finite.

    `theta` is a copy of the parameters after the last good epoch (the start, if there was none), `state` one of these
    and the statistics, and `history` has the epochs up to then.
    """

    def __init__(
        self, *, epoch: int, batch: int, loss: float, largest: float, theta: Array, state: Array, history: Any
    ) -> None:
        got, hint = f"{loss} with a largest |θ| of {largest:.3g}", "lower the learning rate or scale the data"
        further = f"{hint}; network.state = error.state goes back to the last good epoch"
        where = f"epoch {epoch}, batch {batch}"
        super().__init__(where, expected="a finite loss", got=got, hint=further, recipe_hint=hint)
        self.epoch, self.batch = epoch, batch
        self.loss, self.largest = loss, largest
        self.theta, self.state = theta, state
        self.history = history


class ChainruleWarning(UserWarning):
    """What is wrong but legal: said once, and training goes on."""


def warn(message: str) -> None:
    """Warn at the line that called chainrule, from however deep inside of it."""
    level, frame = 1, sys._getframe(0)
    while frame.f_back is not None and _is_inside(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, ChainruleWarning, stacklevel=level)


def _is_inside(module: str) -> bool:
    """Return whether a module is of chainrule or of a plug-in."""
    package = module.partition(".")[0]
    return package == "chainrule" or package.startswith("chainrule_")

"""The catalogue: every check, with a permanent id, its rule, its tier and what it needs."""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from ..errors import UnknownNameError
from .cases import Case, LayerCase, LossCase, OptimizerCase, PreparationCase

CheckFunction = Callable[[Any], None]


@dataclass(frozen=True)
class Trait:
    """What a case must have for a check to apply."""

    name: str
    holds: Callable[[Any], bool]


ANY = Trait("anything", lambda case: True)
A_LAYER = Trait("a layer", lambda case: isinstance(case, LayerCase))
A_LOSS = Trait("a loss", lambda case: isinstance(case, LossCase))
A_FUNCTION = Trait("a layer or a loss", lambda case: isinstance(case, LayerCase | LossCase))
AN_OPTIMIZER = Trait("an optimizer", lambda case: isinstance(case, OptimizerCase))
A_PREPARATION = Trait("a preparation", lambda case: isinstance(case, PreparationCase))
IN_A_RECIPE = Trait("a layer or an optimizer", lambda case: isinstance(case, LayerCase | OptimizerCase))
REFERENCE = Trait("a case with a reference", lambda case: case.reference is not None)
REAL_INPUT = Trait("a layer with a real input", lambda case: not all(case.integers))
PARAMETERS = Trait("a layer with parameters", lambda case: bool(_parameters(case)))
SEVERAL = Trait("a layer of several inputs", lambda case: case.several)
SAMPLES_APART = Trait("a layer that treats samples apart", lambda case: not case.layer.mixes_samples)


def _parameters(case: Any) -> dict[str, Any]:
    try:
        return dict(case.layer.parameter_shapes(*case.shapes))
    except Exception:  # told by forward.parameters
        return {"unknown": ()}


@dataclass(frozen=True)
class Check:
    """One rule that a layer, a loss or an optimizer must keep.

    `rule` is one sentence, `why` what its breach does to a user. `tier` is "must" or "should"; `since` is the version
    of the suite in which it came; `applies` names the traits that the case must have; `needs` are prerequisites.
    """

    id: str
    rule: str
    why: str
    tier: str
    since: str
    applies: tuple[Trait, ...]
    needs: tuple[str, ...]
    realized: bool
    function: CheckFunction

    @property
    def family(self) -> str:
        """The first part of the id."""
        return self.id.partition(".")[0]

    def missing_trait(self, case: Case) -> str | None:
        """Return the trait that keeps the check from applying."""
        return next((trait.name for trait in self.applies if not trait.holds(case)), None)


_checks: dict[str, Check] = {}


def rule(
    check_id: str,
    *applies: Trait,
    needs: Iterable[str] = (),
    tier: str = "must",
    since: str = "1.0",
    realized: bool = True,
) -> Callable[[CheckFunction], CheckFunction]:
    """Enter a function into the catalogue; the first sentence of its docstring is the rule, the rest says why.

    Of a layer that trains otherwise than it predicts a check looks at what `realize` returns, too, and of one with
    statistics at what `predicting` returns, unless `realized` is false.
    """

    def enter(function: CheckFunction) -> CheckFunction:
        if check_id in _checks and _checks[check_id].function.__code__ is not function.__code__:
            raise ValueError(f"two checks have the id {check_id}")
        first, _, rest = inspect.cleandoc(function.__doc__ or "").partition("\n\n")
        _checks[check_id] = Check(
            id=check_id,
            rule=" ".join(first.split()),
            why=" ".join(rest.split()),
            tier=tier,
            since=since,
            applies=applies,
            needs=tuple(needs),
            realized=realized,
            function=function,
        )
        return function

    return enter


@lru_cache(maxsize=1)
def catalogue() -> tuple[Check, ...]:
    """Return every check, prerequisites before those that need them."""
    from . import checks

    for module in pkgutil.iter_modules(checks.__path__):
        importlib.import_module(f"{checks.__name__}.{module.name}")
    ordered: dict[str, Check] = {}

    def place(check: Check) -> None:
        for need in check.needs:
            place(_checks[need])
        ordered.setdefault(check.id, check)

    for check in sorted(_checks.values(), key=lambda check: check.id):
        place(check)
    return tuple(ordered.values())


def find_check(check_id: str) -> Check:
    """Return the check of an id. Raises:   UnknownNameError with near matches."""
    known = {check.id: check for check in catalogue()}
    if check_id not in known:
        near = difflib.get_close_matches(check_id, known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(sorted(known))}"
        raise UnknownNameError(f"no check {check_id!r}", near=near, known=sorted(known), hint=hint)
    return known[check_id]


def selector(only: str | Iterable[str] | None) -> Callable[[str, str], bool]:
    """Return the function of (case id, check id) that says whether it is selected.

    A pattern is a check's id, a family ("gradient"), a case and a check ("affine/wide::gradient.input"), or any of
    these with wildcards. Raises:   UnknownNameError for one that no check matches.
    """
    if only is None:
        return lambda case_id, check_id: True
    patterns = [only] if isinstance(only, str) else list(only)
    split = [(case or "*", name) for case, _, name in (pattern.rpartition("::") for pattern in patterns)]
    for _, name in split:
        if not any(_matches(check.id, name) for check in catalogue()):
            find_check(name)
    return lambda case_id, check_id: any(
        (case_id == case or fnmatchcase(case_id, case)) and _matches(check_id, name) for case, name in split
    )


def _matches(check_id: str, pattern: str) -> bool:
    return fnmatchcase(check_id, pattern) or check_id.partition(".")[0] == pattern

"""Targets: what a user names on the command line, and the cases that it stands for."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..assembly import beside, registry
from ..errors import ChainruleError, PluginError, SettingError, ShapeError, UnknownNameError
from ..functions.layers import Layer
from ..functions.losses import Loss
from ..learning.optimizers import Optimizer
from ..learning.preparation import Preparation
from .cases import Case, LayerCase, OptimizerCase
from .engine import as_cases

SHAPES = ((5,), (3, 4), (5, 4, 2))
"""Input shapes to try for a layer that comes without a case."""
GROUPS = ("layers", "losses", "optimizers", "preparations")
"""The groups whose entries need cases."""


@dataclass(frozen=True)
class Target:
    """The cases of a target, and the registered layers, losses and optimizers that none of them covers."""

    cases: tuple[Case, ...]
    unchecked: tuple[str, ...] = ()


def find_target(name: str | None = None, source: registry.Registry | None = None, folder: Path | None = None) -> Target:
    """Return the cases of a distribution, of a registered name, of `module:attribute`, or of all that is installed.

    A module is one that lies in `folder`, or else an installed one.
    Raises:   UnknownNameError with near matches; PluginError when the cases cannot be loaded; SettingError.
    """
    source = source or registry.default
    entries = source.entries()
    distributions = sorted({entry.distribution for entry in entries})
    if name is None:
        target = _of_distributions(source, distributions)
        return replace(target, unchecked=(*target.unchecked, *(f"distribution {entry}" for entry in source.damaged())))
    if registry.normalized(name) in distributions:
        target = _of_distributions(source, [registry.normalized(name)])
        if not target.cases and not target.unchecked:
            raise SettingError(
                name, expected="a distribution with layers, losses, optimizers, preparations or cases", got=name
            )
        return target
    owner, colon, short = name.rpartition(":")
    offers = [
        entry
        for entry in entries
        if entry.group in GROUPS
        and entry.name == short
        and (not colon or entry.distribution == registry.normalized(owner))
    ]
    if offers:
        return _of_names(source, offers)
    if colon:
        return _of_attribute(source, name, folder)
    names = sorted({entry.name for entry in entries if entry.group in GROUPS})
    near = difflib.get_close_matches(name, [*distributions, *names], n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join([*distributions, *names])}"
    hint = next(filter(None, [source.missing(name), *(source.bringing(group, name) for group in GROUPS)]), hint)
    damaged = [str(entry) for entry in source.damaged() if any(entry.may_offer(group, name) for group in GROUPS)]
    hint = "; ".join([hint, *(f"failed: {entry}" for entry in damaged if entry not in hint)])
    raise UnknownNameError(
        f"nothing to check is called {name!r}",
        near=near,
        known=[*distributions, *names],
        hint=f"{hint}; a distribution, a registered layer, loss, optimizer or preparation, or module:attribute",
    )


def _of_distributions(source: registry.Registry, distributions: Iterable[str]) -> Target:
    cases: list[Case] = []
    unchecked: list[str] = []
    for distribution in distributions:
        found, broken = _cases_of(source, distribution)
        taken = {case.id for case in cases}
        cases += [replace(case, id=f"{distribution}/{case.id}") if case.id in taken else case for case in found]
        unchecked += broken
        covered = {type(case.subject) for case in found}
        for entry in source.entries():
            if entry.distribution == distribution and entry.group in GROUPS:
                problem = _problem(source, entry, covered)
                unchecked += [problem] if problem else []
            if entry.distribution == distribution and entry.group == "rewritings":
                unchecked += _unproved(source, entry, found)
    return Target(tuple(cases), tuple(unchecked))


def _cases_of(source: registry.Registry, distribution: str) -> tuple[list[Case], list[str]]:
    """Return a distribution's cases, and what is wrong with entries that give none."""
    cases: list[Case] = []
    broken = []
    for entry in source.entries("conformance"):
        if entry.distribution == distribution:
            try:
                cases += _as_cases(source.load(entry))
            except (PluginError, SettingError, UnknownNameError) as error:
                broken.append(f"the cases {entry.name!r} of {distribution} ({error})")
    return cases, broken


def _problem(source: registry.Registry, entry: registry.Entry, covered: set[type]) -> str | None:
    noun = registry.NOUNS[entry.group]
    try:
        kind = source.load(entry)
    except PluginError as error:
        return f"{noun} {entry} ({error})"
    return None if kind in covered else f"{noun} {entry}"


def _unproved(source: registry.Registry, entry: registry.Entry, cases: list[Case]) -> list[str]:
    """Return what is wrong with a rewriting that makes of no case's chain the layer that the case judges."""
    chains = [(tuple(case.chain), case.layer) for case in cases if isinstance(case, LayerCase) and case.chain]
    try:
        rewriting = source.load(entry)
        if any(rewriting(chain) == (len(chain), layer) for chain, layer in chains):
            return []
    except Exception as error:  # its own, too
        return [f"rewriting {entry} ({type(error).__name__}: {error})"]
    return [f"rewriting {entry} (it wants a case with a chain, of which it makes the case's layer)"]


def _of_names(source: registry.Registry, offers: list[registry.Entry]) -> Target:
    cases: list[Case] = []
    unchecked = []
    for entry in offers:
        kind = source.load(entry)
        found, broken = _cases_of(source, entry.distribution)
        own = [case for case in found if type(case.subject) is kind]
        cases += own
        unchecked += broken if own or broken else [f"{registry.NOUNS[entry.group]} {entry}"]
    return Target(tuple(cases), tuple(unchecked))


def _of_attribute(source: registry.Registry, name: str, folder: Path | None) -> Target:
    module, _, attribute = name.rpartition(":")
    try:
        found: Any = importlib.import_module(source.located(module, folder))
        for part in attribute.split("."):
            found = getattr(found, part)
    except Exception as error:
        raise PluginError(
            f"{name} cannot be loaded: {type(error).__name__}: {error}",
            hint=beside.advice(folder, error)
            or "write module:attribute of a case, a list of cases, a layer, a loss or an optimizer",
        ) from error
    return Target(tuple(_as_cases(found, name)))


def _as_cases(found: Any, name: str = "") -> list[Case]:
    """Return the cases that an object is, holds or returns; a layer or optimizer without a case gets a plain one."""
    if isinstance(found, type) and issubclass(found, Layer | Loss | Optimizer | Preparation):
        kind = found
        try:
            found = found()
        except Exception as error:
            raise SettingError(
                name or kind.__name__,
                expected="a class that can be made without settings",
                got=kind,
                hint=f"write a case: {_case_of(kind)}",
            ) from error
    if isinstance(found, Loss):
        raise SettingError(
            name or repr(found),
            expected="a case of the loss",
            got=found,
            hint='write one: LossCase("name", YourLoss(), score_shape=(4,), targets="class")',
        )
    if isinstance(found, Preparation):
        raise SettingError(
            name or repr(found),
            expected="a case of the preparation",
            got=found,
            hint='write one: PreparationCase("name", YourPreparation(), rows=lambda rng, B: rng.normal(size=(B, 3)))',
        )
    if isinstance(found, Optimizer):
        return [OptimizerCase(name or repr(found), found)]
    if isinstance(found, Layer):
        return [LayerCase(name or repr(found), found, _shape_for(found))]
    if not callable(found):
        return list(as_cases(found))
    try:
        return list(as_cases(found()))
    except ChainruleError:
        raise
    except Exception as error:
        called = name or getattr(found, "__name__", repr(found))
        raise PluginError(
            f"{called} gives no cases: {type(error).__name__}: {error}",
            hint="write a function without arguments that returns a case or a list of cases",
        ) from error


def _case_of(kind: type) -> str:
    made = f'Case("{kind.__name__.lower()}", {kind.__name__}(…)'
    if issubclass(kind, Optimizer):
        return f"Optimizer{made})"
    if issubclass(kind, Preparation):
        return f"Preparation{made}, rows=lambda rng, B: rng.normal(size=(B, 3)))"
    if issubclass(kind, Loss):
        return f'Loss{made}, score_shape=(4,), targets="class")'
    return f"Layer{made}, input_shape=(5,))"


def _shape_for(layer: Layer) -> tuple[int, ...]:
    for shape in SHAPES:
        try:
            layer.output_shape(shape)
        except ShapeError:
            continue
        return shape
    raise SettingError(
        repr(layer),
        expected=f"a layer that takes one of the shapes {SHAPES}",
        got=layer,
        hint="write a case with an input_shape of its own",
    )

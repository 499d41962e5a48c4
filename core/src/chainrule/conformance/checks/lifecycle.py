"""Layers, losses and optimizers are data: made, compared, copied, pickled, written into a recipe and read again."""

from __future__ import annotations

import contextlib
import copy
import pickle
import random
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, fields, is_dataclass, replace
from typing import Any

import numpy as np

from ...assembly import registry
from ...assembly.recipe_tables import build_layer, build_optimizer, layer_table, optimizer_table
from ...functions.layers import Layer
from ...learning.optimizers import Optimizer, Schedule
from ..blame import blame
from ..compare import same_bits
from ..importable import importable
from ..layer_probes import LayerProbe
from ..optimized import interpreter
from ..outcomes import Failure, NotApplicable
from ..probes import Probe
from ..rules import A_LAYER, ANY, IN_A_RECIPE, Trait, rule
from ..surroundings import changes_around
from ..variants import variants

IMPORTABLE = Trait("a class that can be imported by its name", lambda case: importable(type(case.subject)))
SCALARS = (bool, int, float, str, type(None))


@rule("lifecycle.frozen", ANY)
def frozen(probe: Probe) -> None:
    """It is a frozen dataclass of settings: scalars, strings, tuples, None, layers; an optimizer's: rules, schedules.

    Settings that can change, or that are arrays, make two networks of one recipe differ.
    """
    subject = probe.written
    if not is_dataclass(subject):
        raise Failure(f"{type(subject).__name__} is no dataclass: write @dataclass(frozen=True) above the class")
    for field in fields(subject):
        try:
            setattr(subject, field.name, getattr(subject, field.name))
        except FrozenInstanceError:
            continue
        except AttributeError:
            continue
        raise Failure(f"{type(subject).__name__}.{field.name} can be set: write @dataclass(frozen=True)")
    held = (Optimizer, Schedule) if isinstance(subject, Optimizer) else (Layer,)
    for field in fields(subject):
        _check_setting(field.name, getattr(subject, field.name), held)


def _check_setting(name: str, value: Any, held: tuple[type, ...]) -> None:
    if isinstance(value, tuple):
        for i, entry in enumerate(value):
            _check_setting(f"{name}[{i}]", entry, held)
    elif type(value) is dict and {type(entry) for item in value.items() for entry in item} == {str}:
        return  # names of names, such as ties
    elif type(value) not in SCALARS and not isinstance(value, held):
        raise Failure(
            f"the setting {name} is a {type(value).__name__}; a recipe can hold scalars, strings, tuples, None, "
            + " and ".join(f"{kind.__name__.lower()}s" for kind in held)
        )


@rule("lifecycle.equality", ANY)
def equality(probe: Probe) -> None:
    """Objects of equal settings are equal and have one hash; of other settings they are not equal.

    Caches, recipes and resumed runs compare layers.
    """
    subject = probe.subject
    for field in fields(subject) if is_dataclass(subject) else ():
        if field.init and not field.compare:
            raise Failure(f"the setting {field.name} does not count in ==: leave out compare=False")
    with blame("copy.deepcopy"):
        twin = copy.deepcopy(subject)
    with blame("== or hash"):
        if not (subject == twin) or subject != twin:
            raise Failure(f"a deep copy of {subject!r} is not equal to it")
        if hash(subject) != hash(twin):
            raise Failure(f"a deep copy of {subject!r} has another hash")
        for other in variants(subject):
            if subject == other:
                raise Failure(f"{subject!r} equals {other!r}, whose settings differ")
        if subject == object():
            raise Failure(f"{subject!r} equals anything")
    for name, short in _short_forms(subject):
        if short != subject or hash(short) != hash(subject):
            raise Failure(
                f"{short!r} and {subject!r} differ in the form of {name} alone, and are not equal: normalize it"
            )


def _short_forms(subject: Any) -> Iterator[tuple[str, Any]]:
    """Yield what a pair in the place of a number makes, or a number in that of a pair, where that is legal."""
    for field in fields(subject) if is_dataclass(subject) else ():
        value = getattr(subject, field.name)
        if field.init and type(value) is int and not _takes(subject, field.name, str(value)):
            with contextlib.suppress(Exception):  # most numbers are no pairs
                yield field.name, replace(subject, **{field.name: (value, value)})
        pair = isinstance(value, tuple) and len(value) == 2 and type(value[0]) is int and value[0] == value[1]
        if field.init and pair:
            with contextlib.suppress(Exception):  # not every pair has a short form
                yield field.name, replace(subject, **{field.name: value[0]})


def _takes(subject: Any, name: str, value: Any) -> bool:
    """Return whether a setting may have a value."""
    try:
        replace(subject, **{name: value})
    except Exception:
        return False
    return True


@rule("lifecycle.repr", ANY, tier="should")
def representation(probe: Probe) -> None:
    """Its repr shows the class and its settings, so that two layers can be told apart in a message.

    Errors and summaries name a layer by its repr.
    """
    subject = probe.subject
    text = repr(subject)
    if type(subject).__name__ not in text:
        raise Failure(f"repr is {text!r}, without the class's name {type(subject).__name__}")
    for other in variants(subject):
        if repr(other) == text:
            raise Failure(f"repr is {text!r} for two layers whose settings differ")


def _same_as(probe: Probe, twin: Any, how: str) -> None:
    subject = probe.subject
    if type(twin) is not type(subject) or twin != subject:
        raise Failure(f"{how} gives {twin!r}, which is not equal to {subject!r}")
    point = probe.point()
    expected = {name: np.array(array) for name, array in probe.everything(point).items()}
    for name, array in probe.everything(point, twin).items():
        same_bits(array, expected[name], label=f"{name}, entry ", got_is=f"by {how}", expected_is="by the original")


@rule("lifecycle.copy", ANY, needs=["runs.everything", "purity.repeat"])
def copies(probe: Probe) -> None:
    """A copy and a deep copy are equal and compute the same.

    Best-epoch snapshots and ensembles copy networks.
    """
    for name, make in (("copy.copy", copy.copy), ("copy.deepcopy", copy.deepcopy)):
        with blame(name):
            twin = make(probe.subject)
        _same_as(probe, twin, name)


@rule("lifecycle.pickle", ANY, IMPORTABLE, needs=["runs.everything", "purity.repeat"])
def pickled(probe: Probe) -> None:
    """What pickle saves and loads is equal and computes the same.

    Networks go to other processes, and to disk.
    """
    if not importable(type(probe.subject)):
        raise NotApplicable(IMPORTABLE.name)
    for used in (False, True):
        if used:
            probe.everything(probe.point())
        with blame("pickle"):
            twin = pickle.loads(pickle.dumps(probe.subject))
        _same_as(probe, twin, "pickle")


@rule("lifecycle.recipe", IN_A_RECIPE, IMPORTABLE, needs=["runs.everything", "purity.repeat"], realized=False)
def recipe(probe: Probe) -> None:
    """It goes into a recipe and back: the table that is written builds an equal one.

    A run leaves its recipe; whoever trains it again must get the same network.
    """
    subject = probe.subject
    if not importable(type(subject)) or not all(map(importable, _kinds(subject))):
        raise NotApplicable(IMPORTABLE.name)
    a_layer = isinstance(subject, Layer)
    with blame("writing a recipe"):
        table = layer_table(subject) if a_layer else optimizer_table(subject)
    _check_toml("", table)
    with blame(f"reading the recipe {table}"):
        twin: Any = build_layer(copy.deepcopy(table)) if a_layer else build_optimizer(copy.deepcopy(table))
    _same_as(probe, twin, f"the recipe {table}")


def _kinds(subject: Any) -> list[type]:
    """Return the classes of a layer or an optimizer and of those among its settings."""
    if isinstance(subject, tuple):
        return [kind for entry in subject for kind in _kinds(entry)]
    if not isinstance(subject, Layer | Optimizer | Schedule) or not is_dataclass(subject):
        return []
    return [type(subject), *(kind for field in fields(subject) for kind in _kinds(getattr(subject, field.name)))]


def _check_toml(path: str, value: Any) -> None:
    if isinstance(value, dict):
        for key, entry in value.items():
            _check_toml(f"{path}.{key}".strip("."), entry)
    elif isinstance(value, list):
        for entry in value:
            _check_toml(path, entry)
    elif type(value) not in (str, int, float, bool):
        raise Failure(f"the recipe's {path} is a {type(value).__name__}, which TOML cannot hold")


@rule("lifecycle.process", ANY, IMPORTABLE, needs=["runs.everything", "purity.repeat"])
def process(probe: Probe) -> None:
    """Another process computes the same bits, and names the parameters in the same order.

    What follows from id(), hash() of a string, a set's order or a process number differs from run to run.
    """
    subject = probe.subject
    if not importable(type(subject)) or type(subject).__module__ == "__main__" or not is_dataclass(subject):
        raise NotApplicable(IMPORTABLE.name)
    kept = {field.name: getattr(subject, field.name) for field in fields(subject) if field.init}
    question, other = probe.question(probe.point()), interpreter()
    answer = None
    if other is not None:
        answer = other.ask(type(subject), kept, question.method, *question.arguments, **question.named)
    if other is None or answer is None or answer.error:
        raise NotApplicable("a class that another interpreter can import by its name")
    same_bits(
        answer.value,
        question.answer(subject),
        label=f"{question.name}, entry ",
        got_is="in another process",
        expected_is="in this one",
    )
    if isinstance(probe, LayerProbe):
        answer, names = other.ask(type(subject), kept, "parameter_shapes", probe.shape), list(probe.parameter_shapes())
        if answer is not None and not answer.error and list(answer.value) != names:
            raise Failure(f"parameters: {list(answer.value)} in another process, {names} in this one")


@rule("lifecycle.construction", ANY)
def construction(probe: Probe) -> None:
    """Making one has no side effects: nothing is drawn, set, or printed.

    A recipe may be read without being run.
    """
    subject = probe.written
    if not is_dataclass(subject):
        raise NotApplicable("a dataclass")
    kept = {field.name: getattr(subject, field.name) for field in fields(subject) if field.init}

    def make() -> None:
        with blame("construction from its own settings"):
            made = registry.construct(type(subject), type(subject).__name__, kept)
        if made != subject:
            raise Failure(f"made from the settings of {subject!r}, it is {made!r}")

    np.random.random(), random.random()  # noqa: NPY002 - so that a seed that it sets is another state
    for name, before, after in changes_around(make):
        raise Failure(f"construction changes {name}: {before} before, {after} after")


@rule("lifecycle.names", A_LAYER, needs=["forward.parameters", "runs.everything"])
def names(probe: LayerProbe) -> None:
    """The names, order and shapes of the parameters are the same before and after use, and for an equal layer.

    θ is one vector: another order means other weights.
    """
    before = list(probe.parameter_shapes().items())
    probe.everything(probe.point())
    after = list(probe.parameter_shapes().items())
    with blame("copy.deepcopy"):
        twin = list(dict(copy.deepcopy(probe.layer).parameter_shapes(probe.shape)).items())
    for when, came in (("after use", after), ("of a deep copy", twin)):
        if came != before:
            raise Failure(f"parameter_shapes {when}: {came}, before: {before}")


@rule("lifecycle.flags", A_LAYER)
def flags(probe: LayerProbe) -> None:
    """stochastic, trains_otherwise, mixes_samples and integer_input are True or False, the last for each input perhaps.

    The network and the suite believe them.
    """
    layer, count = probe.written, len(probe.shapes)
    for name in ("stochastic", "trains_otherwise", "mixes_samples", "integer_input"):
        value = getattr(layer, name, None)
        if name == "integer_input" and count > 1 and type(value) is tuple:
            if len(value) < count or not all(type(entry) is bool for entry in value):
                raise Failure(
                    f"{name} is {value!r}, expected True or False, or {count} of them, one for each input, or more"
                )
        elif type(value) is not bool:
            raise Failure(f"{name} is {value!r}, expected True or False")
    for name in ("stochastic", "trains_otherwise", "mixes_samples"):
        if not getattr(layer, name) and not (name == "trains_otherwise" and layer.stochastic):
            for inner in _inner(layer):
                if getattr(inner, name):
                    raise Failure(f"{name} is False, and True of {inner!r} among its settings: pass it on")


def _inner(layer: Any) -> list[Layer]:
    """Return the layers among a layer's settings, and theirs."""
    if isinstance(layer, tuple):
        return [found for entry in layer for found in ([entry] if isinstance(entry, Layer) else []) + _inner(entry)]
    if not is_dataclass(layer):
        return []
    return _inner(tuple(getattr(layer, field.name) for field in fields(layer)))

"""What a layer refuses, and how it says so."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from ...arrays import Shape
from ...assembly import registry
from ...errors import SettingError, ShapeError
from ...functions.layers import Layer
from ...learning.optimizers import Optimizer, Schedule
from ..blame import without_addresses
from ..importable import importable
from ..layer_probes import LayerProbe
from ..optimized import interpreter
from ..outcomes import Failure, NotApplicable
from ..packed import Packed, is_several
from ..probes import Probe
from ..rules import A_LAYER, ANY, Trait, rule
from ..shapes import refusal

INVALID = Trait("a case with invalid settings", lambda case: len(case.invalid) > 0)


@rule("errors.shape", A_LAYER, needs=["forward.runs"], realized=False)
def shape(probe: LayerProbe) -> None:
    """Every input shape is computed as output_shape declares, or refused with a ShapeError that names both shapes.

    A network's mistakes are found when it is put together, by the layers' own words, or in an IndexError hours later.
    """
    layer = probe.written
    for other in _other_arguments(probe.shapes):
        shown = _listed(other)
        try:
            declared = layer.output_shape(*other)
        except ShapeError as error:
            _check_names_both(error, f"output_shape({shown})")
            _same_refusal(layer, other)
            continue
        except Exception as error:
            raise Failure(
                f"output_shape({shown}) raised {type(error).__name__}: {error}; expected a ShapeError"
                + _assertion_hint(error)
            ) from error
        ends: Any = declared if is_several(declared) else (declared,)
        if any(axis < 1 for end in ends for axis in end):
            raise Failure(f"output_shape({shown}) declares {declared}, nothing or less; expected a ShapeError")
        try:
            reshaped = probe.reshaped(other)
            point = reshaped.point(2)
            y = reshaped.forward(point.x, point.params)
        except Failure as failure:
            raise Failure(
                f"output_shape({shown}) accepts the shape, and then {failure}\nlikely cause: it should raise ShapeError"
            ) from failure
        if np.shape(y) != (2, *reshaped.output_shape()):
            raise Failure(
                f"samples of shape {shown}: y has shape {np.shape(y)[1:]}, output_shape declares {declared}; if the "
                "layer cannot take them, output_shape raises ShapeError"
            )


def _other_arguments(shapes: tuple[Shape, ...]) -> list[tuple[Shape, ...]]:
    """Return the shapes of the inputs with another one in the place of each."""
    return [(*shapes[:i], other, *shapes[i + 1 :]) for i, shape in enumerate(shapes) for other in _other_shapes(shape)]


def _listed(shapes: tuple[Shape, ...]) -> str:
    return ", ".join(map(str, shapes))


def _other_shapes(shape: Shape) -> list[Shape]:
    found = [(), (*shape, 2), shape[:-1], shape[::-1], (2, *shape), tuple(1 for _ in shape)]
    for axis, n in enumerate(shape):
        found += [(*shape[:axis], m, *shape[axis + 1 :]) for m in (n + 1, n - 1, 1) if m > 0]
    return [other for i, other in enumerate(found) if other != shape and other not in found[:i]]


def _check_names_both(error: ShapeError, where: str) -> None:
    if error.expected is None or error.got is None:
        raise Failure(
            f"{where} raised ShapeError({str(error)!r}), which does not name both shapes: give it expected= and got="
        )
    if isinstance(error.__context__, AssertionError):
        raise Failure(f"{where} relies on assert, which python -O removes: compare, and raise ShapeError")


def _same_refusal(layer: Layer, other: tuple[Shape, ...]) -> None:
    """Refuse the same by parameter_shapes and initialize."""
    shown = _listed(other)
    calls: dict[str, Callable[[], Any]] = {
        "parameter_shapes": lambda: layer.parameter_shapes(*other),
        "initialize": lambda: layer.initialize(*other, np.random.default_rng(0)),
    }
    for name, call in calls.items():
        try:
            call()
        except ShapeError:
            continue
        except Exception as error:
            raise Failure(
                f"{name}({shown}) raised {type(error).__name__}: {error}; output_shape refuses this shape with a "
                "ShapeError, and so should it: call output_shape first"
            ) from error
        raise Failure(f"{name}({shown}) accepts a shape that output_shape refuses: call output_shape first")


@rule("errors.settings", ANY, INVALID, realized=False)
def settings(probe: Probe) -> None:
    """Each of the case's invalid settings is refused with a SettingError that names the setting.

    A wrong setting that is taken shows as a wrong number, in another place, later.
    """
    for wrong in probe.case.invalid:
        _refused(probe.written, dict(wrong))


@rule("errors.types", ANY, realized=False)
def types(probe: Probe) -> None:
    """A whole number is no string, no float and no bool: "64", 3.0 and True are refused with a SettingError.

    A recipe is written by hand; units = "64" is a mistake, not a layer.
    """
    found: list[tuple[str, Any]]
    subject = probe.written
    found = [(name, bad) for name, n in _whole_numbers(subject).items() for bad in (str(n), float(n), True)]
    for name, value in _settings_of(subject, tuple).items():
        for i, n in enumerate(value):
            if type(n) is int:
                found += [(name, (*value[:i], bad, *value[i + 1 :])) for bad in (str(n), float(n), True)]
    if not found:
        raise NotApplicable("a subject with a whole number among its settings")
    for name, wrong in found:
        _refused(subject, {name: wrong})


@rule("errors.range", A_LAYER, needs=["errors.shape"], realized=False)
def number_range(probe: LayerProbe) -> None:
    """A whole number of 0 or less is refused with a SettingError, or the shape with a ShapeError, or the layer works.

    A stride of 0 is a ZeroDivisionError in the middle of a run, or an output without an end.
    """
    layer = probe.written
    found: list[tuple[str, Any]] = [(name, bad) for name in _whole_numbers(layer) for bad in (0, -1)]
    for name, value in _settings_of(layer, tuple).items():
        if value and all(type(n) is int and n > 0 for n in value):  # sizes, not axes
            found += [(name, (*value[:i], bad, *value[i + 1 :])) for i in range(len(value)) for bad in (0, -1)]
    if not found:
        raise NotApplicable("a layer with a whole number among its settings")
    for name, bad in found:
        _works_or_refuses(probe, name, bad)


def _works_or_refuses(probe: LayerProbe, name: str, bad: Any) -> None:
    kind = type(probe.written)
    show = _show(kind, {name: bad})
    step = "construction"
    try:
        made = registry.construct(kind, kind.__name__, {**_kept(probe.written), name: bad})
        step = f"output_shape({_listed(probe.shapes)})"
        if isinstance(probe.layer, Packed):
            made = Packed(made, probe.layer.shapes, probe.layer.held)
        declared = made.output_shape(probe.shape)
        if any(axis < 1 for axis in declared):
            raise Failure(f"{show} is accepted and declares the output {declared}; expected a SettingError")
        other = copy.copy(probe)
        other.layer = made
        step = "forward"
        point = other.point(2)
        y = made.forward(point.x, **point.params)
    except (SettingError, ShapeError, Failure) as error:
        if isinstance(error, Failure):
            raise
        return
    except Exception as error:
        raise Failure(
            f"{show}: {step} raised {type(error).__name__}: {without_addresses(str(error))}; expected a SettingError"
        ) from error
    if np.shape(y) != (2, *declared):
        raise Failure(f"{show} is accepted, and y has shape {np.shape(y)[1:]} where it declares {declared}")


@rule("errors.other_types", ANY, tier="should", realized=False)
def other_types(probe: Probe) -> None:
    """A real number that is a string or NaN, and a name that is a number, are refused with a SettingError.

    What a number may be is for the author to say, that it is a number is not.
    """
    subject = probe.written
    found: list[tuple[str, Any]] = [
        (name, wrong) for name in _settings_of(subject, float) for wrong in ("0.5", float("nan"), None)
    ]
    found += [(name, wrong) for name in _settings_of(subject, str) for wrong in (7, None)]
    for field in fields(subject) if is_dataclass(subject) else ():
        if field.init and isinstance(getattr(subject, field.name), Layer | Optimizer | Schedule):
            found += [(field.name, "relu"), (field.name, None)]
    found += [(name, wrong) for name in _settings_of(subject, bool) for wrong in ("yes", None)]
    if not found:
        raise NotApplicable("a subject with a real number or a name among its settings")
    for name, wrong in found:
        _refused(subject, {name: wrong})


@rule("errors.optimized", ANY, needs=["errors.shape", "errors.settings", "errors.types"], realized=False)
def optimized(probe: Probe) -> None:
    """Under python -O the same shapes and settings are refused.

    Production may run with -O, which removes every assert.
    """
    subject = probe.written
    kind, kept = type(subject), _kept(subject)
    other = interpreter() if importable(kind) and kind.__module__ != "__main__" else None
    made = None if other is None else other.ask(kind, kept)
    if other is None or made is None or made.error:
        raise NotApplicable("a class that another interpreter can import by its name")
    wrong: list[dict[str, Any]] = [dict(entry) for entry in probe.case.invalid]
    wrong += [{name: bad} for name, value in _whole_numbers(subject).items() for bad in (str(value), True)]
    for settings in wrong:
        show = _show(kind, settings)
        answer = other.ask(kind, {**kept, **settings})
        if answer is not None and not answer.error:
            raise Failure(f"{show} is accepted under python -O, which removes asserts: compare, and raise SettingError")
    for given in _other_arguments(probe.shapes) if isinstance(probe, LayerProbe) else ():
        answer = other.ask(kind, kept, "output_shape", *given)
        if refusal(subject, *given) is not None and answer is not None and not answer.error:
            shown = f"output_shape({_listed(given)})"
            raise Failure(f"{shown} accepts under python -O what it refuses without: raise ShapeError")


def _whole_numbers(subject: Any) -> dict[str, Any]:
    """Return the settings that are whole numbers, and not real ones that happen to be whole."""
    real = {f.name for f in (fields(subject) if is_dataclass(subject) else ()) if "float" in str(f.type)}
    return {name: value for name, value in _settings_of(subject, int).items() if name not in real}


def _kept(subject: Any) -> dict[str, Any]:
    """Return the settings of an object."""
    return {f.name: getattr(subject, f.name) for f in (fields(subject) if is_dataclass(subject) else ()) if f.init}


def _show(kind: type, wrong: dict[str, Any]) -> str:
    return f"{kind.__name__}({', '.join(f'{name}={value!r}' for name, value in wrong.items())})"


def _settings_of(subject: Any, kind: type) -> dict[str, Any]:
    """Return the settings whose value is of exactly a type."""
    listed = fields(subject) if is_dataclass(subject) else ()
    return {f.name: getattr(subject, f.name) for f in listed if f.init and type(getattr(subject, f.name)) is kind}


def _refused(subject: Any, wrong: dict[str, Any]) -> None:
    kind = type(subject)
    kept, show = _kept(subject), _show(kind, wrong)
    try:
        made = registry.construct(kind, kind.__name__, {**kept, **wrong})
    except SettingError as error:
        if isinstance(error.__context__, AssertionError):
            raise Failure(
                f"{show} relies on assert, which python -O removes: compare, and raise SettingError"
            ) from error
        if not any(name in str(error) for name in wrong):
            raise Failure(f"{show} raised SettingError({str(error)!r}), which does not name {list(wrong)}") from error
        return
    except Exception as error:
        raise Failure(
            f"{show} raised {type(error).__name__}: {without_addresses(str(error))}; expected a SettingError"
            + _assertion_hint(error)
        ) from error
    raise Failure(
        f"{show} is accepted, as {without_addresses(repr(made))}; expected a SettingError: in "
        "__post_init__, let chainrule's positive_int, real, one_of or axis_pair check it"
    )


def _assertion_hint(error: BaseException) -> str:
    return "; python -O removes asserts" if isinstance(error, AssertionError) else ""

"""Objects like one with another value of one setting."""

from __future__ import annotations

import contextlib
from dataclasses import fields, is_dataclass, replace
from typing import Any

from ..functions.layers import Layer
from ..learning.optimizers import Optimizer, Schedule
from .standins import Scaled


def variants(subject: Any) -> list[Any]:
    """Return objects like one with another value of one setting, those that are legal."""
    found = []
    for field in fields(subject) if is_dataclass(subject) else ():
        if field.init:
            for other in _other_values(getattr(subject, field.name)):
                with contextlib.suppress(Exception):  # not every value is legal
                    found.append(replace(subject, **{field.name: other}))
    return found


def _other_values(value: Any) -> list[Any]:
    """Return values unlike one, of its kind: other numbers, the other truth, layers of other settings."""
    if type(value) is bool:
        return [not value]
    if type(value) is int:
        return [value + 1]
    if type(value) is float:
        return [0.75 * value or 0.125, value + 0.003]
    if isinstance(value, tuple):
        return [(*value[:i], other, *value[i + 1 :]) for i, entry in enumerate(value) for other in _other_values(entry)]
    if isinstance(value, Layer):
        return [*variants(value), *([] if isinstance(value, Scaled) else [Scaled()])]
    return variants(value) if isinstance(value, Optimizer | Schedule) else []

"""What an object and its classes hold, in a form in which before and after can be compared."""

from __future__ import annotations

from dataclasses import fields
from functools import cached_property
from typing import Any

import numpy as np

from ..assembly import registry


def attributes(subject: Any) -> dict[str, tuple[str, str]]:
    """Return each attribute of an object and of its own classes with a fingerprint and what to show of it."""
    found: dict[str, tuple[str, str]] = {}
    own = [kind for kind in type(subject).__mro__ if not kind.__module__.startswith(("builtins", "abc", "typing"))]
    for place, holder in [("self", subject), *((kind.__name__, kind) for kind in own)]:
        for name, value in vars(holder).items() if hasattr(holder, "__dict__") else ():
            lazily = isinstance(getattr(type(subject), name, None), cached_property)
            if not lazily and not name.startswith(("__", "_abc_")) and not callable(value):
                found[f"{place}.{name}"] = (_fingerprint(value), f"{type(value).__name__} {value!r}")
    return found


def fresh_attributes(subject: Any) -> set[str]:
    """Return the names of the attributes that an object made from the same settings has, before it is used."""
    try:
        kept = {field.name: getattr(subject, field.name) for field in fields(subject) if field.init}
        return set(attributes(registry.construct(type(subject), type(subject).__name__, kept)))
    except Exception:  # told by lifecycle.construction
        return set(attributes(subject))


def _fingerprint(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}{value.tobytes()!r}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_fingerprint(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list | tuple | set):
        return f"{type(value).__name__}[" + ", ".join(map(_fingerprint, value)) + "]"
    return repr(value)

"""Layers and shapes in few words."""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from chainrule import ChainruleError, Layer, Shape


def show_name(path: Path) -> str:
    """Return the last part of a path as text that fonts can draw: a file's name may be no UTF-8."""
    return path.name.encode(errors="backslashreplace").decode()


def show_layer(layer: Layer) -> str:
    """Return a layer as it is written, without the settings that are at their defaults."""
    if not is_dataclass(layer):
        return repr(layer)
    settings = [field for field in fields(layer) if field.init and field.repr]
    told = [field for field in settings if not _is_default(layer, field.name, field.default)]
    if len(told) == len(settings):
        return repr(layer)
    return f"{type(layer).__name__}({', '.join(f'{field.name}={getattr(layer, field.name)!r}' for field in told)})"


def show_shape(shape: Shape) -> str:
    """Return 8×8×16, and 1 for the shape of a number."""
    return "×".join(map(str, shape)) or "1"


def _is_default(layer: Any, name: str, default: Any) -> bool:
    """Return whether a layer with the default is the same layer: (1, 1) may be what became of 1."""
    if default is MISSING:
        return False
    try:
        return bool(replace(layer, **{name: default}) == layer)
    except (ChainruleError, TypeError):  # not a setting of its own
        return False

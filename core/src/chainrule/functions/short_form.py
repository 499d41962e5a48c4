"""Layers, losses and tables as text that fits into 80 columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from textwrap import TextWrapper
from typing import Any

from .compose import Chain, Concat
from .layers import Layer


def short_form(layer: Layer) -> str:
    """Return a layer as one writes it, `Conv2d(16, (3, 3), padding='same')`: without the settings that it has anyway.

    Layers within it are shown likewise; one whose class has a repr of its own keeps that.
    """
    name = type(layer).__name__
    if isinstance(layer, Chain | Concat):
        ties = [f"ties={layer.ties}"] if isinstance(layer, Chain) and layer.ties else []
        return f"{name}({', '.join([*map(short_form, layer.layers), *ties])})"
    if not is_dataclass(layer) or not hasattr(type(layer).__repr__, "__wrapped__"):  # dataclasses wrap those they write
        return repr(layer)
    settings = [field for field in fields(layer) if field.init and field.repr]
    plain = _plain(layer)
    shown = []
    for field in settings:
        value = getattr(layer, field.name)
        if _is_required(field) and not field.kw_only:
            shown.append(_show(value))
        elif _is_required(field) or not _same(value, getattr(plain, field.name, field.default)):
            shown.append(f"{field.name}={_show(value)}")
    return f"{name}({', '.join(shown)})"


def _plain(layer: Any) -> Any:
    """Return the layer that has all defaults, as its class makes them of one another; None if there is none."""
    required = {field.name: getattr(layer, field.name) for field in fields(layer) if field.init and _is_required(field)}
    try:
        return type(layer)(**required)
    except Exception:  # whatever a class says to these settings alone, it is no fault of this layer
        return None


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _same(value: Any, other: Any) -> bool:
    try:
        return value is other or (bool(value == other) and isinstance(value, bool) == isinstance(other, bool))
    except Exception:  # arrays, which have no single answer
        return False


def _show(value: Any) -> str:
    if isinstance(value, Layer):
        return short_form(value)
    if type(value) in (tuple, list) and any(isinstance(entry, Layer) for entry in value):
        return f"[{', '.join(map(_show, value))}]"
    return repr(value)


def show_loss(loss: float) -> str:
    """Return a loss with five decimals, a large one with six digits."""
    return f"{loss:.5f}" if abs(loss) < 10 else f"{loss:.6g}"


def show_figure(value: float | None) -> str:
    """Return a metric with three decimals, a small one with three digits, a large one whole; "none" for undefined."""
    if value is None:
        return "none"
    if value and abs(value) < 0.01:
        return f"{value:.3g}"
    return f"{value:.3f}" if abs(value) < 1000 else f"{value:,.0f}"


def table(lines: Sequence[Sequence[str]], broken: int = 1, justify: str = "><<>>") -> str:
    """Return lines as a table of 80 columns; the cells of the column `broken` are broken between words."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    others = sum(widths) - widths[broken] + 2 * (len(widths) - 1)
    fold = TextWrapper(max(20, 80 - others), subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    shown = []
    for line in lines:
        first, *rest = fold.wrap(line[broken])
        shown.append([*line[:broken], first, *line[broken + 1 :]])
        shown += [["" if i != broken else part for i in range(len(line))] for part in rest]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    return "\n".join(
        "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(line, justify, widths, strict=True)).rstrip()
        for line in shown
    )

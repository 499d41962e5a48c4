"""Runs as the rows of a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from chainrule import Evaluation
from chainrule.short_form import show_figure, show_loss

MEASURED = ("E_in loss", "E_in error", "E_val loss", "E_val error", "E_out loss", "E_out error")


@dataclass(frozen=True)
class Row:
    """One run: what it is called, what is its own among the settings, and what came out; None is not known."""

    name: str
    settings: dict[str, str]
    epochs: int | None = None
    e_in: Evaluation | None = None
    e_out: Evaluation | None = None
    seconds: float | None = None
    note: str | None = None
    e_validation: Evaluation | None = None

    @property
    def figures(self) -> dict[str, float | None]:
        """What was measured of E_in, of E_val, and of E_out: `E_in loss`, and the like."""
        parts = {"E_in": self.e_in, "E_val": self.e_validation, "E_out": self.e_out}
        return {f"{part} {name}": v for part, e in parts.items() if e is not None for name, v in e.figures.items()}


def show(rows: Sequence[Row]) -> str:
    """Return a table of text: settings that any row has, what was measured of any, and notes where there are some."""
    lines = []
    columns = [column for column in zip(*_cells(rows, _as_shown), strict=True) if any(column[1:])]
    widths = [max(map(len, column)) for column in columns]
    measured = {*MEASURED, "epochs", "seconds", *(name for row in rows for name in row.figures)}
    numeric = [column[0] in measured for column in columns]
    for line in zip(*columns, strict=True):
        cells = zip(line, widths, numeric, strict=True)
        lines.append("  ".join(cell.rjust(w) if right else cell.ljust(w) for cell, w, right in cells).rstrip())
    return "\n".join(lines)


def as_csv(rows: Sequence[Row]) -> str:
    """Return the same as csv, with all columns and digits; an empty cell where nothing is known."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(_cells(rows, _in_full))
    return text.getvalue()


def _cells(rows: Sequence[Row], say: Any) -> Iterator[list[str]]:
    keys = list(dict.fromkeys(key for row in rows for key in row.settings))
    measured = list(dict.fromkeys([*MEASURED, *(name for row in rows for name in row.figures)]))
    yield ["run", *keys, "epochs", *measured, "seconds", "note"]
    for row in rows:
        figures = [say(row.figures.get(name), name) for name in measured]
        own = [row.settings.get(key, "") for key in keys]
        seconds = say(row.seconds, "seconds")
        yield [row.name, *own, say(row.epochs, "epochs"), *figures, seconds, row.note or ""]


def _as_shown(value: float | None, name: str) -> str:
    if value is None:
        return ""
    if name in MEASURED:
        return show_loss(value) if name.endswith("loss") else f"{value:.2%}"
    return f"{value:.1f}" if name == "seconds" else str(value) if name == "epochs" else show_figure(value)


def _in_full(value: float | None, name: str) -> str:
    return "" if value is None else repr(value)

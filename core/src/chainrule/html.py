"""Tables for notebooks: what `_repr_html_` returns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from .short_form import show_loss

if TYPE_CHECKING:
    from .history import EpochRecord, Evaluation, History

ENDS = 10
"""Epochs at either end of a long history that are shown."""


def history_table(history: History) -> str:
    """Return the table of epochs, of a long run the first and the last ones."""
    cut = len(history) > 2 * ENDS + 1
    rows = [_epoch(record) for record in (history[:ENDS] if cut else history)]
    if cut:
        rows += [("…",) * len(rows[0]), *map(_epoch, history[-ENDS:])]
    caption = f"{len(history)} epoch{'s' * (len(history) != 1)}"
    if history.stopped is not None:
        caption += f", stopped by {history.stopped}"
    if history.best is not None:
        caption += f"; kept are the parameters of epoch {history.best.epoch}"
    return table(("epoch", "E_in: loss", "error", "E_out: loss", "error"), rows, caption)


def _epoch(record: EpochRecord) -> tuple[str, ...]:
    return str(record.epoch), *_evaluation(record.e_in), *_evaluation(record.e_out)


def _evaluation(evaluation: Evaluation | None) -> tuple[str, str]:
    if evaluation is None:
        return "", ""
    return show_loss(evaluation.loss), "" if evaluation.error is None else f"{evaluation.error:.2%}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], caption: str) -> str:
    """Return cells of plain text as a table."""
    from html import escape  # needed in notebooks alone

    def line(tag: str, cells: Sequence[str]) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    body = "".join(line("td", row) for row in rows)
    return f"<table><caption>{escape(caption)}</caption>{line('th', head)}{body}</table>"

"""The confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule import Array, ShapeError
from chainrule.admission import as_array

from .canvas import MARGIN, Page, longest, shorten, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COUNTED = 40
"""Up to so many classes the counts are printed."""
NAME = 16
CMAP = "Blues"


@style()
def draw_confusion(matrix: Array, *, classes: Sequence[str] | None = None, title: str = "Confusion matrix") -> Figure:
    """Draw how often each class was taken for each other: rows are the true class, columns the decision.

    A cell has its count, and the colour of its share of the row. The heading gives the error in percent.

    Shapes:   matrix (m, m) of counts, as `chainrule.confusion_matrix` returns.
    Raises:   ShapeError unless the matrix is square and `classes`, if given, as many.
    """
    matrix = as_array("confusion matrix", matrix)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ShapeError("confusion matrix", expected=("m", "m"), got=matrix.shape)
    m = len(matrix)
    names = [str(k) for k in range(m)] if classes is None else [shorten(name, NAME) for name in classes]
    if len(names) != m:
        raise ShapeError("classes", expected=(m,), got=(len(names),), hint="one name for each row")
    totals = matrix.sum(axis=1)
    shares = 100 * matrix / np.maximum(totals, 1)[:, np.newaxis]
    total, wrong = int(totals.sum()), int(totals.sum() - np.trace(matrix))
    share = f"{100 * wrong / total:.2f} %" if total else "unknown"
    detail = f"error {share}: {wrong:,} of {total:,} samples are decided wrongly"
    if m > COUNTED:
        detail += f"; {m} classes are too many for their counts to be printed"

    digits = len(f"{matrix.max(initial=0):,}") if m <= COUNTED else 1
    cell = max(0.3, 0.085 * digits + 0.12) if m <= COUNTED else max(0.05, 12 / m)
    side = max(1.6, cell * m)
    rows = [f"{name}  ({n:,})" for name, n in zip(names, totals, strict=True)]
    left = MARGIN + 0.3 + longest(rows, 9)
    upright = longest(names, 10) > cell
    below = 0.35 + (longest(names, 9) if upright else 0.15)
    page = Page(max(left + side + 1.1, 6.0), title, detail)
    figure = page.open(side + below)
    axes = page.axes(left, 0, side, side)
    axes.grid(False)
    image = axes.imshow(shares, cmap=CMAP, vmin=0, vmax=100, interpolation="nearest")
    step = max(1, -(-m // COUNTED))
    axes.set_xticks(range(0, m, step), names[::step], rotation=90 if upright else 0)
    axes.set_yticks(range(0, m, step), rows[::step])
    axes.tick_params(length=0)
    axes.set_xlabel("decision")
    axes.set_ylabel("true class (samples)")
    if m <= COUNTED:
        for k, j in np.ndindex(m, m):
            colour = _ink(image.cmap(image.norm(shares[k, j]))) if matrix[k, j] else "0.45"
            axes.text(j, k, f"{matrix[k, j]:,}", ha="center", va="center", color=colour, fontsize=8)
    page.colour_bar(image, left + side + 0.2, 0, min(side, 3), "share of the true class (%)")
    return figure


def _ink(paper: Any) -> str:
    """Return the colour that can be read on another, by the contrast of relative luminances."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in paper[:3])
    return "white" if 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.2 else "0.1"

"""A figure that shows itself in a notebook: matplotlib registers a picture of its own for figures of pyplot alone."""

from __future__ import annotations

from matplotlib.figure import Figure

from .canvas import render


class Picture(Figure):
    """A matplotlib figure with a PNG form."""

    def _repr_png_(self) -> bytes:
        return render(self, ".png")

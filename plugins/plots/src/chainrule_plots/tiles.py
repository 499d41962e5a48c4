"""Pictures side by side in one pair of axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule import Array

from .canvas import SIGNED, UNSIGNED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, Normalize

GAP = 0.1
"""Between two tiles, in widths of a tile."""
STRIP_GAP = 0.35
LABEL = 0.15
"""Inches."""


class Grid:
    """Strips of `across` tiles, `per_row` strips in a row, in a room of so many inches; a tile has at most `largest`.

    `aspect` is a tile's height by its width. Labels are the numbers of the strips, above them. `width` and `height`
    are in inches.
    """

    def __init__(
        self, strips: int, across: int, per_row: int, aspect: float, room: float, largest: float, *, labelled: bool
    ) -> None:
        self.per_row, self.aspect, self.labelled = min(per_row, strips), aspect, labelled
        strip = (1 + GAP) * across - GAP
        self._step = strip + (STRIP_GAP if across > 1 else GAP)
        columns = self.per_row * self._step - (self._step - strip)
        self.tile = min(largest, largest / aspect, room / columns)
        self._above = LABEL / self.tile if labelled else 0
        self._row = aspect + (self._above or GAP)
        self._extent = columns, -(-strips // self.per_row) * self._row - (0 if labelled else GAP)
        self.width, self.height = (length * self.tile for length in self._extent)

    def draw(self, axes: Axes, tiles: Array, cmap: Colormap, norm: Normalize) -> Any:
        """Draw tiles (strips, across, h, w), and return what a colour bar needs."""
        from matplotlib.patches import Rectangle

        axes.set_axis_off()
        image: Any = None
        for s, strip in enumerate(tiles):
            row, column = divmod(s, self.per_row)
            top = row * self._row + self._above
            for c, tile in enumerate(strip):
                left = column * self._step + c * (1 + GAP)
                extent = (left, left + 1, top + self.aspect, top)
                image = axes.imshow(tile, cmap=cmap, norm=norm, extent=extent, interpolation="nearest", aspect="auto")
                corner = (left, top)
                axes.add_patch(Rectangle(corner, 1, self.aspect, ec="0.4", lw=0.4, fill=False, clip_on=False))
            if self.labelled:
                axes.text(column * self._step, top - 0.15 * self._above, str(s), fontsize=6, va="bottom")
        axes.set_xlim(0, self._extent[0])
        axes.set_ylim(self._extent[1], 0)
        return image


def colours(values: Array, *, signed: bool) -> tuple[Colormap, Normalize]:
    """Return the colour map of some values and its norm: centred at 0, or from the least to the largest."""
    from matplotlib import colormaps
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if signed:
        limit = max(-low, high) or 1.0
        return LinearSegmentedColormap.from_list("signed", SIGNED), Normalize(-limit, limit)
    return colormaps[UNSIGNED], Normalize(low, high if high > low else low + 1)


def span(shown: int, total: int, what: str) -> str:
    """Return "64 filters", or "the first 64 of 512 filters"."""
    return f"{total:,} {what}" if shown == total else f"the first {shown:,} of {total:,} {what}"


def is_picture(shape: Sequence[int]) -> bool:
    """Return whether a shape is that of a picture (H, W, C)."""
    return len(shape) == 3 and min(shape) > 0

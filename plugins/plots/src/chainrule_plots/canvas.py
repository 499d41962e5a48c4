"""Figures without a window: their style, their page, and the bytes of a PNG or SVG."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule import PluginError, SettingError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg")
DPI = 150
MARGIN = 0.35
"""Inches around what is drawn."""
STYLE = {
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "font.size": 9,
    "grid.color": "0.88",
    "svg.fonttype": "none",  # text is text: it can be searched, copied and read aloud
    "svg.hashsalt": "chainrule",  # the ids in an SVG are random otherwise
    "text.parse_math": False,  # a dollar in the name of a run is a dollar
}
SIGNED = ("#08244f", "#1f5fb0", "#8f8f8f", "#e0a030", "#fff0a0")
"""From negative to positive: blue and dark, grey at 0, yellow and bright. Lightness rises throughout, so that a sign is
seen in greyscale, in print and by the colour-blind."""
UNSIGNED = "gray"


@contextmanager
def style() -> Iterator[None]:
    """Draw in our style, whatever the settings of the user's matplotlib: the same run gives the same picture.

    Raises:   PluginError when matplotlib is not installed, or broken.
    """
    try:
        import matplotlib.style
    except ImportError as error:
        raise PluginError(f"nothing can be drawn: {error}", hint="pip install matplotlib") from error

    with matplotlib.style.context(["default", STYLE]):
        yield


def picture_path(name: str, path: Path | str) -> Path:
    """Return the path of a picture. Raises:   SettingError, named `name`, for another suffix than .png and .svg."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise SettingError(name, expected="a file that ends in .png or .svg", got=str(path))
    return path


def render(figure: Figure, suffix: str) -> bytes:
    """Return a figure as the bytes of a ".png" or ".svg" file; equal figures give equal bytes."""
    data = io.BytesIO()
    metadata = {"Date": None} if suffix == ".svg" else {}
    with style():
        figure.savefig(data, format=suffix.removeprefix("."), dpi=DPI, metadata=metadata)
    return data.getvalue()


def save(figure: Figure, path: Path | str) -> None:
    """Write a figure as the path's suffix says, over what is there. Raises:   SettingError for an unknown suffix."""
    path = picture_path("path", path)
    path.write_bytes(render(figure, path.suffix.lower()))


class Page:
    """A figure of a given width whose parts are placed in inches from its top left, below a heading."""

    def __init__(self, width: float, title: str, detail: str) -> None:
        self.width = width
        self._title, self._detail = _wrap(title, width, 11), _wrap(detail, width, 9)
        self.top = MARGIN + 0.23 * len(self._title) + 0.17 * len(self._detail) + 0.15

    def open(self, height: float) -> Figure:
        """Return the figure, with `height` inches below its heading."""
        from .picture import Picture

        self.height = self.top + height + MARGIN
        self.figure = Picture(figsize=(self.width, self.height))
        at = MARGIN
        for lines, size, step in ((self._title, 11, 0.23), (self._detail, 9, 0.17)):
            for line in lines:
                self.text(MARGIN, at, line, size)
                at += step
        return self.figure

    def text(self, left: float, top: float, text: str, size: float) -> None:
        """Write a line."""
        place = left / self.width, 1 - top / self.height
        self.figure.text(*place, text, fontsize=size, va="top")

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Return new axes; `top` counts from below the heading."""
        bottom = self.height - self.top - top - height
        box = left / self.width, bottom / self.height, width / self.width, height / self.height
        axes: Axes = self.figure.add_axes(box)
        return axes

    def colour_bar(self, mappable: Any, left: float, top: float, height: float, label: str) -> None:
        """Put a narrow bar that says what the colours mean."""
        from matplotlib.ticker import MaxNLocator

        axes = self.axes(left, top, 0.12, height)
        bar = self.figure.colorbar(mappable, cax=axes, label=label)
        bar.locator = MaxNLocator(max(2, min(6, int(height * 4))))
        bar.update_ticks()
        axes.tick_params(labelsize=7)


def whole_ticks(axis: Axis, count: int) -> None:
    """Put at most so many ticks, at whole numbers."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(count, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))


def characters(width: float, size: float) -> int:
    """Return how many characters of a font of `size` points fit into so many inches."""
    return int(width * 72 / (0.56 * size))


def longest(texts: Iterable[str], size: float) -> float:
    """Return the inches that the longest of some texts takes in a font of `size` points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=size)
    return max((text_to_path.get_text_width_height_descent(text, font, False)[0] / 72 for text in texts), default=0.0)


def shorten(text: str, length: int) -> str:
    """Return a text of at most `length` characters, its middle left out."""
    if len(text) <= length:
        return text
    half = (length - 1) // 2
    return f"{text[: length - 1 - half]}…{text[len(text) - half :]}"


def _wrap(text: str, width: float, size: float) -> list[str]:
    """Return the lines of a heading: each line of the text takes at most three."""
    wrapped: list[str] = []
    for line in text.split("\n"):
        parts = textwrap.wrap(line, characters(width - 2 * MARGIN, size))
        wrapped += parts if len(parts) <= 3 else [*parts[:2], f"{parts[2]} …"]
    return wrapped

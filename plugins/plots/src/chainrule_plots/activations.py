"""What each layer makes of one sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule import Array, Network, ShapeError
from chainrule.admission import as_array

from .canvas import MARGIN, Page, longest, shorten, style, whole_ticks
from .in_turn import in_turn
from .naming import show_layer, show_shape
from .tiles import Grid, colours, is_picture, span

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEFT, BODY, RIGHT = 0.75, 8.0, 0.9
"""Inches for the labels of bars, for what is drawn at most, and for a colour bar."""
MAPS, PER_ROW = 64, 16
BARS = 1024
BAR_HEIGHT = 1.0
NAMED, NAME = 40, 16
"""Bars that have names at most, and how long a name is."""
STAGES = 40
"""Of a deeper network the last layers are left out, its very last aside."""
CAPTION, GAP = 0.22, 0.22
COLOURS = (
    "black is the least value of a layer, white its largest; of one with negative values: blue < 0 (grey) < yellow"
)


def outputs(network: Network, sample: Any) -> list[Array]:
    """Return one sample and what each layer makes of it, as prediction does: q + 1 arrays without a batch axis.

    Raises:   ShapeError for a sample of another shape; DataError for another kind of array; UnsupportedError for a
              graph.
    """
    layers = in_turn(network)
    sample = as_array("sample", sample)
    if sample.shape != network.input_shape:
        raise ShapeError("sample", expected=network.input_shape, got=sample.shape)
    found = [network.admit(sample[np.newaxis])]
    for layer, own in layers:
        found.append(layer.forward(found[-1], **own))
    return [array[0] for array in found]


@style()
def draw_activations(
    network: Network, sample: Any, *, title: str = "Activations", classes: Sequence[str] | None = None
) -> Figure:
    """Draw a sample and what each layer makes of it: maps (h, w, c) as pictures, anything else as bars.

    Black is the least value of a layer and white its largest; where a layer has negative values, they are blue and
    dark, 0 is grey, and positive ones are yellow and bright. `classes` name the bars of the last layer.

    Raises:   as `outputs`.
    """
    arrays = outputs(network, sample)
    captions = ["input", *(f"layer {i}, {shorten(show_layer(layer), 80)}" for i, layer in enumerate(network.layers))]
    names = list(classes) if classes is not None and arrays[-1].shape == (len(classes),) else None
    stages: list[_Maps | _Bars] = [
        _Maps(caption, array)
        if is_picture(array.shape)
        else _Bars(caption, array, names if array is arrays[-1] else None)
        for caption, array in zip(captions, arrays, strict=True)
    ]
    left_out = max(0, len(stages) - STAGES)
    if left_out:
        stages = [*stages[: STAGES - 1], stages[-1]]
    detail = f"one sample through {len(network.layers)} layer{'s' * (len(network.layers) != 1)}"
    if left_out:
        detail += f"; layers {STAGES - 2} to {STAGES - 3 + left_out} are left out"
    if any(isinstance(stage, _Maps) for stage in stages):
        detail += f"\n{COLOURS}"
    page = Page(max(6.5, *(LEFT + stage.width + RIGHT for stage in stages)), title, detail)
    figure = page.open(sum(stage.height + CAPTION for stage in stages) + GAP * (len(stages) - 1))
    top = 0.0
    for stage in stages:
        page.text(MARGIN, page.top + top, stage.caption, 8.5)
        stage.draw(page, top + CAPTION)
        top += CAPTION + stage.height + GAP
    return figure


class _Maps:
    """Feature maps (h, w, c), side by side."""

    def __init__(self, caption: str, array: Array) -> None:
        h, w, c = array.shape
        self.maps = array.transpose(2, 0, 1)[:MAPS]
        self.caption = f"{caption}: {show_shape(array.shape)}, {span(len(self.maps), c, 'map' + 's' * (c != 1))}"
        self.grid = Grid(len(self.maps), 1, PER_ROW, h / w, BODY, 1.2, labelled=False)
        self.width, self.height = self.grid.width, max(0.5, self.grid.height)

    def draw(self, page: Page, top: float) -> None:
        axes = page.axes(LEFT, top, self.width, self.grid.height)
        image = self.grid.draw(axes, self.maps[:, np.newaxis], *colours(self.maps, signed=bool((self.maps < 0).any())))
        page.colour_bar(image, LEFT + self.width + 0.15, top, min(self.height, 1.2), "")


class _Bars:
    """Numbers as bars, in the order of memory."""

    def __init__(self, caption: str, array: Array, names: list[str] | None) -> None:
        self.values = array.reshape(-1)[:BARS]
        shape = f"{show_shape(array.shape)}, " if array.ndim != 1 else ""
        self.caption = f"{caption}: {shape}{span(len(self.values), array.size, 'number' + 's' * (array.size != 1))}"
        self.width = min(BODY, 0.6 * len(self.values))
        self.names = [shorten(name, NAME) for name in names] if names is not None and len(names) <= NAMED else None
        of_names = longest(self.names or [], 7)
        self.upright = of_names > 0.9 * self.width / len(self.values)
        self.height = BAR_HEIGHT + (of_names + 0.1 if self.upright else 0.15)

    def draw(self, page: Page, top: float) -> None:
        from matplotlib.ticker import MaxNLocator, StrMethodFormatter

        axes = page.axes(LEFT + 0.1, top, self.width, BAR_HEIGHT)
        places = np.arange(len(self.values))
        axes.bar(places, self.values, width=0.8 if len(places) <= 128 else 1.0, color="#0072B2")
        axes.axhline(0, color="0.3", linewidth=0.6)
        axes.set_xlim(-0.6, len(places) - 0.4)
        axes.tick_params(labelsize=7)
        axes.set_ylabel("value", fontsize=7)
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:.4g}"))
        axes.xaxis.grid(False)
        if self.names is None:
            whole_ticks(axes.xaxis, 16)
        else:
            axes.set_xticks(places, self.names, rotation=90 if self.upright else 0)

"""The weights of the first layer that has any."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chainrule import Array, DataError, Network

from .canvas import MARGIN, Page, shorten, style, whole_ticks
from .in_turn import in_turn
from .naming import show_layer, show_shape
from .tiles import Grid, colours, is_picture, span

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 7.5
FILTERS, CHANNELS = 64, 16
ROWS, COLUMNS = 128, 1024
LABEL = "weight (0 is grey)"


@dataclass(frozen=True)
class Weights:
    """A parameter of at least two axes, and where it is: `name` is that in the network, such as `"0.K"`."""

    position: int
    name: str
    array: Array


def first_weights(network: Network) -> Weights:
    """Return the first parameter with two axes or more. Raises:   DataError when there is none; as `in_turn`."""
    for position, (_, own) in enumerate(in_turn(network)):
        for name, array in own.items():
            if array.ndim >= 2:
                return Weights(position, f"{position}.{name}", array)
    raise DataError("weights", expected="a layer with a parameter of two axes or more", got=f"{network!r}")


def filters_of(weights: Weights, network: Network) -> Array | None:
    """Return weights as pictures (filters, channels, h, w), None where they are none.

    A kernel (k_h, k_w, C_in, C_out) is one; so is each row of W (units, n) or (units, pieces, n), where the network's
    input is a picture of n numbers, and no layer before changes that.
    """
    array = weights.array
    if array.ndim == 4:
        return array.transpose(3, 2, 0, 1)
    shape = network.input_shape
    sizes = {math.prod(row.output_shape) for row in network.summary().rows[: weights.position]}
    if not is_picture(shape) or {math.prod(shape), *sizes} != {array.shape[-1]}:
        return None
    return array.reshape(-1, *shape).transpose(0, 3, 1, 2)


@style()
def draw_weights(network: Network, *, title: str = "First-layer weights") -> Figure:
    """Draw the filters of the first layer with weights, or its matrix where they are no pictures of the input.

    Blue and dark is negative, grey is 0, yellow and bright is positive; one scale serves all.

    Raises:   DataError for a network without weights.
    """
    weights = first_weights(network)
    filters = filters_of(weights, network)
    layer = shorten(show_layer(network.layers[weights.position]), 80)
    where = f"layer {weights.position}, {layer}: {weights.name} {show_shape(weights.array.shape)}"
    if filters is None:
        return _draw_matrix(weights.array.reshape(-1, weights.array.shape[-1]), title, where)
    return _draw_filters(filters, title, where)


def _draw_filters(filters: Array, title: str, where: str) -> Figure:
    count, channels, h, w = filters.shape
    shown = filters[:FILTERS, :CHANNELS]
    detail = f"{where}\nshown: {span(len(shown), count, 'filters')} of {h}×{w}"
    if channels > 1:
        detail += f", {span(shown.shape[1], channels, 'input channels')} of each from left to right"
    across = shown.shape[1]
    per_row = max(1, CHANNELS // across) if across > 1 else math.ceil(math.sqrt(len(shown)))
    grid = Grid(len(shown), across, per_row, h / w, WIDTH - 2 * MARGIN - 1, 0.9, labelled=True)
    height = max(1.2, grid.height)
    page = Page(max(6.0, grid.width + 2 * MARGIN + 1), title, detail)
    figure = page.open(height)
    axes = page.axes(MARGIN, 0, grid.width, grid.height)
    image = grid.draw(axes, shown, *colours(shown, signed=True))
    page.colour_bar(image, MARGIN + grid.width + 0.2, 0, min(height, 4), LABEL)
    return figure


def _draw_matrix(matrix: Array, title: str, where: str) -> Figure:
    shown = matrix[:ROWS, :COLUMNS]
    units, inputs = span(len(shown), len(matrix), "units"), span(shown.shape[1], matrix.shape[1], "inputs")
    room = WIDTH - 2 * MARGIN - 1.5
    cell = min(0.4, room / shown.shape[1])
    width, height = max(1.5, cell * shown.shape[1]), min(8.0, max(1.2, max(cell, 0.06) * len(shown)))
    page = Page(max(6.0, width + 2 * MARGIN + 1.5), title, f"{where}\nshown: {units}, {inputs}")
    figure = page.open(height + 0.35)
    axes = page.axes(MARGIN + 0.45, 0, width, height)
    axes.grid(False)
    cmap, norm = colours(shown, signed=True)
    image = axes.imshow(shown, cmap=cmap, norm=norm, interpolation="nearest", aspect="auto")
    axes.set_xlabel("input")
    axes.set_ylabel("unit")
    for axis, length in ((axes.xaxis, width), (axes.yaxis, height)):
        whole_ticks(axis, max(2, int(2 * length)))
    page.colour_bar(image, MARGIN + 0.45 + width + 0.2, 0, min(height, 4), LABEL)
    return figure

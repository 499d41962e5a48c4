"""What a network is made of, as a table: layers, shapes, parameter counts and bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..arrays import Shape
from ..errors import SettingError, show_shape
from ..settings import sample_shape
from . import html
from .compose import as_chain
from .layers import Layer
from .short_form import short_form
from .short_form import table as text_table

HEAD = ("", "layer", "output shape", "parameters", "bytes")


@dataclass(frozen=True)
class Row:
    """One layer of a described network."""

    position: int
    layer: Layer
    output_shape: Shape
    parameter_count: int
    bytes: int


@dataclass(frozen=True)
class Description:
    """A network's layers, output shapes, parameter counts and bytes; `print` shows them as a table of 80 columns.

    Of a layer it has the settings that differ from their defaults.
    """

    input_shape: Shape
    rows: tuple[Row, ...]

    @property
    def parameter_count(self) -> int:
        """The number of parameters, the size of θ."""
        return sum(row.parameter_count for row in self.rows)

    @property
    def bytes(self) -> int:
        """The bytes of θ; a gradient takes as many again."""
        return sum(row.bytes for row in self.rows)

    def _lines(self) -> list[tuple[str, ...]]:
        lines = [HEAD, ("", "input", show_shape(self.input_shape), "", "")]
        for row in self.rows:
            counts = (f"{row.parameter_count:,}", f"{row.bytes:,}")
            lines.append((str(row.position), short_form(row.layer), show_shape(row.output_shape), *counts))
        return [*lines, ("", "total", "", f"{self.parameter_count:,}", f"{self.bytes:,}")]

    def __str__(self) -> str:
        return text_table(self._lines())

    def _repr_html_(self) -> str:
        head, *lines = self._lines()
        return html.table(head, lines, "Network")


def describe(
    layers: Layer | Sequence[Layer], input_shape: int | Shape, dtype: npt.DTypeLike = np.float32
) -> Description:
    """Describe a network of any size: nothing of the size of its parameters is allocated.

    Raises:   ShapeError naming both layers when two do not fit; SettingError.
    """
    chain, shape = as_chain(layers), sample_shape("input_shape", input_shape)
    itemsize = float_dtype(dtype).itemsize
    shapes = chain.shapes(shape)
    rows = []
    for i, layer in enumerate(chain.layers):
        count = sum(map(math.prod, layer.parameter_shapes(shapes[i]).values()))
        rows.append(Row(i, layer, shapes[i + 1], count, count * itemsize))
    return Description(shape, tuple(rows))


def float_dtype(dtype: npt.DTypeLike) -> np.dtype[Any]:
    """Return the dtype of a network's numbers. Raises:   SettingError unless it is float32 or float64."""
    try:
        resolved = np.dtype(dtype)
    except TypeError:
        resolved = None
    if resolved not in (np.float32, np.float64):
        raise SettingError("dtype", expected="float32 or float64", got=dtype)
    return resolved

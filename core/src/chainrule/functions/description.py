"""What a network is made of, as a table: layers, shapes, parameter counts and bytes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..arrays import Shape
from ..errors import SettingError, show_shape
from . import html
from .compose import Chain, as_chain
from .ends import Ends
from .layers import Layer
from .rewriting import Rewriting, Rewritten, rewritten
from .short_form import short_form, table as text_table

HEAD = ("", "layer", "output shape", "parameters", "bytes")


@dataclass(frozen=True)
class Row:
    """One layer of a described network; its `position` is a number, or a node's name."""

    position: int | str
    layer: Layer
    output_shape: Shape
    parameter_count: int
    bytes: int


@dataclass(frozen=True)
class Description:
    """A network's layers, output shapes, parameter counts and bytes; `print` shows them as a table of 80 columns.

    Of a layer it has the settings that differ from their defaults.
    """

    input_shape: Any
    rows: tuple[Row, ...]
    fused: tuple[str, ...] = ()
    """Positions of layers that are computed as one, `"0 to 2"`."""

    @property
    def parameter_count(self) -> int:
        """The number of parameters, the size of θ."""
        return sum(row.parameter_count for row in self.rows)

    @property
    def bytes(self) -> int:
        """The bytes of θ; a gradient takes as many again."""
        return sum(row.bytes for row in self.rows)

    def _lines(self) -> list[tuple[str, ...]]:
        inputs = self.input_shape if isinstance(self.input_shape, dict) else {"": self.input_shape}
        lines = [HEAD, *((name, "input", show_shape(shape), "", "") for name, shape in inputs.items())]
        for row in self.rows:
            counts = (f"{row.parameter_count:,}", f"{row.bytes:,}")
            lines.append((str(row.position), short_form(row.layer), show_shape(row.output_shape), *counts))
        return [*lines, ("", "total", "", f"{self.parameter_count:,}", f"{self.bytes:,}")]

    def __str__(self) -> str:
        return "\n".join([text_table(self._lines()), *self._fused_line()])

    def _fused_line(self) -> list[str]:
        return [f"fused: layers {', '.join(self.fused)}"] if self.fused else []

    def _repr_html_(self) -> str:
        head, *lines = self._lines()
        return html.table(head, lines, "; ".join(["Network", *self._fused_line()]))


def describe(
    layers: Layer | Sequence[Layer],
    input_shape: int | Shape | Mapping[str, int | Shape],
    dtype: npt.DTypeLike = np.float32,
    rewritings: Iterable[Rewriting] = (),
) -> Description:
    """Describe a network of any size, and what `rewritings` make of it: nothing of the size of θ is allocated.

    Raises:   ShapeError naming both layers when two do not fit; SettingError.
    """
    chain = as_chain(layers)
    ends = Ends(chain, input_shape)
    itemsize = float_dtype(dtype).itemsize
    shapes, own = chain.shapes(*ends.shapes), chain.wiring.split(chain.parameter_shapes(*ends.shapes))
    rows = []
    for i, (layer, name) in enumerate(zip(chain.members, chain.wiring.names, strict=True)):
        count = sum(map(math.prod, own[i].values()))
        position = i if isinstance(chain, Chain) else name
        rows.append(Row(position, layer, shapes[len(ends.shapes) + i], count, count * itemsize))
    computed = rewritten(chain, rewritings, *ends.shapes)
    runs = computed.runs if isinstance(computed, Rewritten) else ()
    return Description(ends.input_shape, tuple(rows), tuple(f"{run.first} to {run.last}" for run in runs))


def float_dtype(dtype: npt.DTypeLike) -> np.dtype[Any]:
    """Return the dtype of a network's numbers. Raises:   SettingError unless it is float32 or float64."""
    try:
        resolved = np.dtype(dtype)
    except TypeError:
        resolved = None
    if resolved not in (np.float32, np.float64):
        raise SettingError("dtype", expected="float32 or float64", got=dtype)
    return resolved

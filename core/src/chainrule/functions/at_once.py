"""How much a network does between its products, and how many batches are worth predicting at once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..arrays import Shape
from .around import Around
from .graph import Composed
from .layers import Layer
from .threads import blas_threads

if TYPE_CHECKING:
    from .network import Network

NUMBERS = 1 << 17
"""Of the arrays between a network's layers, on average, in the time for which a thread holds the interpreter."""
PARAMETERS = 32
"""To each number of a sample on its way: above, most work is in few large products, which BLAS splits by itself."""
MEMORY = 1 << 30
"""Bytes of the largest array between two layers, of all batches that are predicted at once."""


def batches_that_pay(network: Network, size: int, batch: int) -> int:
    """Return how many batches it pays to predict at once, where `size` samples are predicted in batches.

    A batch must be worth a thread, and all arrays of one place between the layers together at most 1 GiB, if more than
    two are predicted. Whether there are threads is decided by shapes alone, and then BLAS keeps to one in each, if that
    is all there are: so the number of cores shows in no bit.
    """
    if network.chain.mixes_samples or batch * numbers_of_an_array(network) < NUMBERS:
        return 1
    most = MEMORY // (batch * max(sizes(network)) * network.dtype.itemsize)
    return with_threads(min(math.ceil(size / batch), max(2, most)))


def with_threads(count: int) -> int:
    """Return the count, but no more than BLAS has threads."""
    return min(count, blas_threads()) if count > 1 else 1  # BLAS is looked for where it matters alone: that takes 10 ms


def numbers_of_an_array(network: Network) -> float:
    """Return what an array of one sample has on average, 0 where most work is in products for BLAS's own threads."""
    numbers = sizes(network)
    return sum(numbers) / len(numbers) if PARAMETERS * sum(numbers) >= network.theta.size else 0.0


def sizes(network: Network) -> list[int]:
    """Return the numbers of each array that one sample becomes on its way."""
    shapes = network.ends.shapes
    return [*map(math.prod, shapes), *_outputs(network.chain, *shapes)]


def _outputs(layer: Layer, *input_shapes: Shape) -> Iterator[int]:
    """Yield the numbers of each layer's output, of one sample, those within compositions too."""
    if isinstance(layer, Around):
        inner_shape, times = layer.inside(*input_shapes)
        yield from (times * numbers for numbers in _outputs(layer.inner, inner_shape))
    elif isinstance(layer, Composed):
        for member, shapes in zip(layer.members, layer.taken(layer.shapes(*input_shapes)), strict=True):
            yield from _outputs(member, *shapes)
        return
    yield math.prod(layer.output_shape(*input_shapes))

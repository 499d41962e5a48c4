"""How many shards pay: a rule of shapes and cores, for those who say "auto"."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ..arrays import Shape
from ..errors import SettingError
from ..functions.around import Around
from ..functions.graph import Composed
from ..functions.layers import Layer
from ..functions.network import Network
from ..settings import positive_int
from .optimizers import Optimizer
from .shards import blas_threads, check_count

AUTO = "auto"
NUMBERS = 1 << 17
"""Of the arrays between a network's layers, on average, in the time for which a thread holds the interpreter."""
PARAMETERS = 32
"""To each number of a sample on its way: above, most work is in few large products, which BLAS splits by itself."""
MEMORY = 1 << 30
"""Bytes of the largest array between two layers, of all batches that are predicted at once."""


def check_shards(network: Network, shards: Any) -> int | str:
    """Return "auto", or into how many shards the network's batches are split. Raises:   SettingError as `Shards`."""
    return AUTO if auto_or_positive(shards) == AUTO else check_count(network, shards)


def auto_or_positive(shards: Any) -> int | str:
    """Return the setting if it is "auto" or a positive int. Raises:   SettingError."""
    if isinstance(shards, str) and shards == AUTO:
        return AUTO
    try:
        return positive_int("shards", shards)
    except SettingError as error:
        error.expected = "'auto' or a positive int"
        raise


def shards_that_pay(network: Network, batch: int, optimizer: Optimizer) -> int:
    """Return what `shards="auto"` is for batches of so many samples.

    It is the largest n with n (n - 1) ≤ r, where the arrays between the layers have 131,072 r numbers on average, and
    at most the number of BLAS's threads; and 1 where a sample's arrays have not a number for every 32 parameters, where
    a layer mixes samples, if only in training, or wants several in a batch, where a rule that is not coordinatewise may
    ask for the curvature of layers that train otherwise than they predict, and without threadpoolctl.

    Formula:  n shards take n g + w / n, for threads hold the interpreter in turn, g each, and share the other work w:
              one more pays while g < w / (n (n - 1)).
    """
    chain = network.chain
    least = max(chain.ask("least_batch", network.ends.shapes))
    if least > 1 or _mixes(chain) or (chain.trains_otherwise and not optimizer.coordinatewise):
        return 1
    work = batch * _numbers(network) / NUMBERS
    return _with_threads(min(batch, int((1 + math.sqrt(1 + 4 * work)) / 2)))


def batches_that_pay(network: Network, size: int, batch: int) -> int:
    """Return how many batches it pays to predict at once, where `size` samples are predicted in batches.

    A batch must be worth a thread, and all arrays of one place between the layers together at most 1 GiB, if more than
    two are predicted. Whether there are threads is decided by shapes alone, and then BLAS keeps to one in each, if that
    is all there are: so the number of cores shows in no bit.
    """
    if network.chain.mixes_samples or batch * _numbers(network) < NUMBERS:
        return 1
    most = MEMORY // (batch * max(_sizes(network)) * network.dtype.itemsize)
    return _with_threads(min(math.ceil(size / batch), max(2, most)))


def _with_threads(count: int) -> int:
    return min(count, blas_threads()) if count > 1 else 1  # BLAS is looked for where it matters alone: that takes 10 ms


def _numbers(network: Network) -> float:
    """Return what an array of one sample has on average, 0 where most work is in products for BLAS's own threads."""
    numbers = _sizes(network)
    return sum(numbers) / len(numbers) if PARAMETERS * sum(numbers) >= network.theta.size else 0.0


def _sizes(network: Network) -> list[int]:
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


def _mixes(layer: Layer) -> bool:
    """Return whether samples meet in a layer, or may in what it is in training: there is no random number in it."""
    if isinstance(layer, Composed):
        return any(map(_mixes, layer.members))
    return layer.mixes_samples or (layer.trains_otherwise and not layer.stochastic)

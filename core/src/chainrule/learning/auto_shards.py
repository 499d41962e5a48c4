"""How many shards pay: a rule of shapes and cores, for those who say "auto"."""

from __future__ import annotations

import math
from typing import Any

from ..errors import SettingError
from ..functions.at_once import NUMBERS, numbers_of_an_array, with_threads
from ..functions.graph import Composed
from ..functions.layers import Layer
from ..functions.network import Network
from ..settings import positive_int
from .optimizers import Optimizer
from .shards import check_count

AUTO = "auto"


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
    work = batch * numbers_of_an_array(network) / NUMBERS
    return with_threads(min(batch, int((1 + math.sqrt(1 + 4 * work)) / 2)))


def _mixes(layer: Layer) -> bool:
    """Return whether samples meet in a layer, or may in what it is in training: there is no random number in it."""
    if isinstance(layer, Composed):
        return any(map(_mixes, layer.members))
    return layer.mixes_samples or (layer.trains_otherwise and not layer.stochastic)

"""How much a network does between its products, and how many batches are worth predicting at once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .compose import sizes
from .threads import blas_threads

if TYPE_CHECKING:
    from .network import Network

NUMBERS = 1 << 17
"""In an average array between two layers, from which on a thread pays: fewer are worked out while another thread holds
the interpreter.
"""
PARAMETERS = 32
"""To each number of a sample on its way: with more, most work is in few large products, which BLAS splits by itself."""
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
    most = MEMORY // (batch * max(sizes(network.chain, *network.ends.shapes)) * network.dtype.itemsize)
    return with_threads(min(math.ceil(size / batch), max(2, most)))


def with_threads(count: int) -> int:
    """Return the count, but no more than BLAS has threads."""
    return min(count, blas_threads()) if count > 1 else 1  # BLAS is looked for where it matters alone: that takes 10 ms


def numbers_of_an_array(network: Network) -> float:
    """Return what an array of one sample has on average, 0 where most work is in products for BLAS's own threads."""
    numbers = sizes(network.chain, *network.ends.shapes)
    return sum(numbers) / len(numbers) if PARAMETERS * sum(numbers) >= network.theta.size else 0.0

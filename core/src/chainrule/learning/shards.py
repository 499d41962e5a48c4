"""Shards: a batch split over threads, each with a gradient vector of its own.

Formula:  ∂Obj/∂θ = Σ_shards Σ_(j in the shard) 1/B ∂l_j/∂θ, B the size of the whole batch
Source:   course, section 3: the gradient of a mini-batch is a sum, and sums may be taken in parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import DataError, SettingError
from ..functions.graph import Composed
from ..functions.losses import Loss, total_weight
from ..functions.network import Network
from ..functions.threads import Pool
from ..rows import indexable
from ..settings import positive_int


class Shards(Pool):
    """A network's `backprop` in `count` threads, while BLAS keeps to one in each.

    It is a context: `with Shards(network, 2) as shards: shards.backprop(x, targets, loss)`. BLAS's threads are limited
    when it is entered, for the whole process, and as they were when the last of those that overlap is left.
    Pictures and long sequences gain from it, in large batches; other networks are faster on BLAS's own threads. One
    shard is the network's own `backprop`, and leaves BLAS alone.

    The gradients of the shards are added in a fixed binary tree: equal counts give equal bits, another count differs
    by rounding. A layer that normalises by its batch in training does so by its shard: then the count belongs to the
    run as the seed does.

    Raises:   SettingError when a layer mixes samples in prediction, too, or threadpoolctl is not installed.
    """

    def __init__(self, network: Network, count: int) -> None:
        super().__init__(check_count(network, count))
        self.network = network
        self._vectors = [network.gradient]
        self._slots = [network.slots(network.gradient)]
        self.layers: list[Composed] = []
        """The layers that the last step differentiated, those of each shard."""

    def backprop(self, x: Any, targets: Any, loss: Loss, rng: np.random.Generator | None = None) -> float:
        """Do what the network's `backprop` does; layers are realized for each shard, in order.

        What the shards have seen is averaged. Raises:   as the network's; DataError when there are not as many targets
        as samples.
        """
        network = self.network
        if self.count == 1:
            layers = network.realized(rng)
            self.layers = [layers]
            return network.backprop(x, targets, loss, layers=layers)
        inputs = network.admit_batch(x)
        B = len(inputs[0])
        if targets is not None:
            targets = indexable(targets, "targets")
            if len(targets) != B:  # each shard would find its own, and a surplus go unseen
                raise DataError("targets", expected=f"{B}, one for each sample", got=len(targets))
        parts = split(B, self.count)
        weight = total_weight(loss, targets, B) or 1.0
        self.layers = [network.realized(rng) for _ in parts]
        for _ in range(len(self._vectors), len(parts)):  # whoever only predicts needs none
            self._vectors.append(np.full_like(network.gradient, np.nan))
            self._slots.append(network.slots(self._vectors[-1]))

        def backprop_part(i: int) -> tuple[float, Mapping[str, Array]]:
            own = None if targets is None else targets[parts[i]]
            given = [array[parts[i]] for array in inputs]
            return network.backprop_shard(given, own, loss, weight, self.layers[i], self._slots[i])

        totals, seen = zip(*self.map(backprop_part, range(len(parts))), strict=True)
        add_tree(self._vectors[: len(parts)])
        network.seen = {name: sum(own[name] for own in seen) / len(parts) for name in seen[0]}
        return network.check_gradient(sum(totals) / weight, self._slots[0])


def check_count(network: Network, count: Any) -> int:
    """Return into how many shards the network's batches are split. Raises:   SettingError as `Shards`."""
    positive_int("shards", count)
    if count > 1 and find_spec("threadpoolctl") is None:
        expected, hint = "1, as threadpoolctl is not installed", "pip install 'chainrule[threads]'"
        raise SettingError("shards", expected=expected, got=count, hint=hint)
    for i, layer in enumerate(network.layers):
        if layer.mixes_samples and count > 1:
            hint = f"{network.chain.wiring.where(i, layer)}, mixes the samples of a batch, and so it cannot be split"
            raise SettingError("shards", expected="1 for this network", got=count, hint=hint)
    return int(count)


def add_tree(vectors: Sequence[Array]) -> None:
    """Add vectors into the first, in a fixed binary tree: ((0 + 1) + (2 + 3)) + …, whoever computed them, and when."""
    step = 1
    while step < len(vectors):
        for i in range(0, len(vectors) - step, 2 * step):
            vectors[i][...] += vectors[i + step]
        step *= 2


def split(B: int, count: int) -> list[slice]:
    """Return `count` slices of B samples in order, the longer first by one sample; B of them when B is smaller."""
    count = min(count, B)
    length, longer = divmod(B, count)
    starts = [i * length + min(i, longer) for i in range(count + 1)]
    return [slice(start, end) for start, end in pairwise(starts)]

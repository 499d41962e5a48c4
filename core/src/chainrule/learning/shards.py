"""Shards: a batch split over threads, each with a gradient vector of its own.

Formula:  ∂Obj/∂θ = Σ_shards Σ_(j in the shard) 1/B ∂l_j/∂θ, B the size of the whole batch
Source:   course, section 3: the gradient of a mini-batch is a sum, and sums may be taken in parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from importlib.util import find_spec
from itertools import pairwise
from threading import Lock
from typing import Any, Self, TypeVar

import numpy as np

from ..arrays import Array
from ..errors import DataError, SettingError
from ..functions.graph import Composed
from ..functions.losses import Loss, total_weight
from ..functions.network import Network
from ..rows import indexable
from ..settings import positive_int

Item = TypeVar("Item")
Result = TypeVar("Result")


class Shards:
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
        self.network = network
        self.count = check_count(network, count)
        self._stack = ExitStack()
        self._pool: ThreadPoolExecutor | None = None
        self._vectors = [network.gradient]
        self._slots = [network.slots(network.gradient)]
        self.layers: list[Composed] = []
        """The layers that the last step differentiated, those of each shard."""

    def __enter__(self) -> Self:
        if self.count > 1:
            with ExitStack() as stack:
                stack.enter_context(_one_blas_thread)
                self._pool = stack.enter_context(ThreadPoolExecutor(self.count, "chainrule shard", _limit))
                self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._pool = None
        self._stack.close()

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Return the function of each item, in order; the threads take an item each, under the caller's errstate."""
        if self._pool is None:
            return [function(item) for item in items]
        errors = np.geterr()

        def call(item: Item) -> Result:
            with np.errstate(**errors):
                return function(item)

        return list(self._pool.map(call, items))

    def backprop(self, x: Any, targets: Any, loss: Loss, rng: np.random.Generator | None = None) -> float:
        """Do what the network's `backprop` does; layers are realized for each shard, in order.

        What the shards have seen is averaged. Raises:   as the network's; DataError when there are not as many targets
        as samples.
        """
        network, inputs = self.network, self.network.admit_batch(x)
        B = len(inputs[0])
        if self.count > 1 and targets is not None:
            targets = indexable(targets, "targets")
            if len(targets) != B:  # each shard would find its own, and a surplus go unseen
                raise DataError("targets", expected=f"{B}, one for each sample", got=len(targets))
        parts = split(B, self.count) if self.count > 1 else [slice(None)]
        weight = total_weight(loss, targets, B) or 1.0
        self.layers = [network.realized(rng) for _ in parts]
        for _ in range(len(self._vectors), len(parts)):  # whoever only predicts needs none
            self._vectors.append(np.full_like(network.gradient, np.nan))
            self._slots.append(network.slots(self._vectors[-1]))

        def backprop_part(i: int) -> tuple[float, Mapping[str, Array]]:
            own = targets if targets is None or self.count == 1 else targets[parts[i]]
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


def blas_threads() -> int:
    """Return how many threads BLAS has while no shards hold it; 1 without threadpoolctl, which lets them do that."""
    return 1 if find_spec("threadpoolctl") is None else _one_blas_thread.threads_outside()


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


class _OneBlasThread:
    """The limit of BLAS to one thread, for the whole process: the first who enters sets it, the last one lifts it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside = 0
        self._outside = 1
        self._limits: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._outside = _threads_of_blas()
                self._limits = _apart(_limit)
            self._inside += 1

    def threads_outside(self) -> int:
        """Return how many threads BLAS has while nobody is inside."""
        with self._lock:
            return self._outside if self._inside else _threads_of_blas()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                _apart(self._limits.restore_original_limits)


_one_blas_thread = _OneBlasThread()


def _threads_of_blas() -> int:
    """Return how many threads BLAS may use now, 1 for one that threadpoolctl does not know."""
    from threadpoolctl import threadpool_info

    return min((pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"), default=1)


def _limit() -> Any:
    """Limit BLAS as it is seen from this thread: some count threads for each thread that calls them."""
    from threadpoolctl import threadpool_limits  # of the extra chainrule[threads]

    limits = threadpool_limits(limits=1, user_api="blas")
    _let_go()
    return limits


def _apart(call: Callable[[], Result]) -> Result:
    """Return what a call gives in a thread of its own, whose end leaves BLAS to whoever lifts the limit."""
    _let_go()
    with ThreadPoolExecutor(1, "chainrule limit") as thread:
        return thread.submit(call).result()


def _let_go() -> None:
    """Leave OpenBLAS to other threads: from threadpoolctl 3.8 on it listens to the one that has limited it, only."""
    from threadpoolctl import OpenBLASController

    if hasattr(OpenBLASController, "clear_controlling_thread"):
        OpenBLASController.clear_controlling_thread()

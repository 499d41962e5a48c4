"""Threads that share a batch, or take a batch each, while BLAS keeps to one in each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.util import find_spec
from itertools import islice
from threading import Lock, current_thread
from typing import Any, Self, TypeVar

import numpy as np

Item = TypeVar("Item")
Result = TypeVar("Result")
NAME = "chainrule shard"
"""What the names of threads begin with: kernels that have threads of their own keep to one in these."""


class Pool:
    """So many threads, while it is entered; one is the caller's own, and leaves BLAS alone.

    BLAS's threads are limited when it is entered, for the whole process, and as they were when the last of those that
    overlap is left.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._stack = ExitStack()
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        if self.count > 1:
            with ExitStack() as stack:
                stack.enter_context(blas_at_most(1))
                self._pool = stack.enter_context(ThreadPoolExecutor(self.count, NAME, partial(_limit, 1)))
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

    def in_turn(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield what `map` returns; the caller fetches no more items at a time than there are threads."""
        left = iter(items)
        while group := list(islice(left, self.count)):
            yield from self.map(function, group)


def blas_threads() -> int:
    """Return how many threads BLAS has while nobody holds it; 1 in a pool's own thread, and without threadpoolctl."""
    if current_thread().name.startswith(NAME) or find_spec("threadpoolctl") is None:
        return 1
    return _blas.threads_outside()


class _Blas:
    """The threads of BLAS, for the whole process: the first who holds them sets the limit, the last one lifts it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._held: list[int] = []
        self._outside = 1
        self._limits: Any = None

    @contextmanager
    def at_most(self, count: int) -> Iterator[None]:
        """Hold BLAS to so many threads; of several who do, the least counts."""
        with self._lock:
            if not self._held:
                self._outside = _threads_of_blas()
                self._limits = _apart(partial(_limit, count))
            elif count < min(self._held):
                _apart(partial(_limit, count))
            self._held.append(count)
        try:
            yield
        finally:
            with self._lock:
                self._held.remove(count)
                if not self._held:
                    _apart(self._limits.restore_original_limits)
                elif count < min(self._held):
                    _apart(partial(_limit, min(self._held)))

    def threads_outside(self) -> int:
        """Return how many threads BLAS has while nobody holds it."""
        with self._lock:
            return self._outside if self._held else _threads_of_blas()


_blas = _Blas()
blas_at_most = _blas.at_most


def _threads_of_blas() -> int:
    """Return how many threads BLAS may use now, 1 for one that threadpoolctl does not know."""
    from threadpoolctl import threadpool_info

    return min((pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"), default=1)


def _limit(count: int) -> Any:
    """Limit BLAS as it is seen from this thread: some libraries count threads for each thread that calls them."""
    from threadpoolctl import threadpool_limits  # of the extra chainrule[threads]

    limits = threadpool_limits(limits=count, user_api="blas")
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

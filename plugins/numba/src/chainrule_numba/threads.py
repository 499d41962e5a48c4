"""Threads inside of a kernel, where no shards run: a layer that mixes the samples of a batch cannot be split otherwise.

A kernel that threads share works in pieces. Who is free claims the next one, and who finds none left waits for those
that others have in hand: so a thread that wakes late does less, and one that never wakes is not missed. Each piece is
worked out by itself, and so the number of threads shows in no bit.
"""

# Numba ships no types.
# mypy: disable-error-code="no-untyped-call, untyped-decorator, import-untyped"

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from chainrule import Array

from .compiled import all_known

LEAST = 1 << 18
"""Numbers to be worked through: below, to wake a thread takes longer than it saves."""

_pool: ThreadPoolExecutor | None = None
_lock = threading.Lock()


def together(kernel: Callable[..., None], size: int, *arguments: Any) -> None:
    """Call the kernel with new counters and the arguments: on every core, if `size` numbers are worth it.

    When it returns, no other thread has the arrays any more. Raises:   what the kernel raises, in any of the threads.
    """
    counters = np.zeros(COUNTERS, np.int64)
    given = [arguments]

    def take_part() -> None:
        for own in list(given):
            kernel(counters, *own)

    shared = size >= LEAST and not in_a_shard() and all_known(arguments)
    others = [_threads().submit(take_part) for _ in range(cores() - 1 if shared else 0)]
    kernel(counters, *arguments)
    given.clear()  # who wakes too late keeps no array alive
    for other in others:
        if not other.cancel():  # it has begun: it lets go of the arrays before they are missed
            other.result()


COUNTERS = 5
CLAIMED, FINISHED, READY, CLAIMED_AGAIN, FINISHED_AGAIN = range(COUNTERS)
"""Pieces of a first pass; whether what lies between is ready; pieces of a second pass."""


def _count(_: Any, counters: Any, k: Any) -> Any:
    """Add 1 to a counter that threads share, and return what it was before."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _place(context, builder, signature, arguments)
        return builder.atomic_rmw("add", place, context.get_constant(types.int64, 1), "seq_cst")

    return types.int64(counters, k), generate


def _reached(_: Any, counters: Any, k: Any) -> Any:
    """Return a counter that threads share."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load_atomic(_place(context, builder, signature, arguments), "seq_cst", 8)

    return types.int64(counters, k), generate


def _place(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    return cgutils.gep_inbounds(builder, array.data, arguments[1])


count: Any = intrinsic(_count)
reached: Any = intrinsic(_reached)


def piece_rows(rows: Array) -> int:
    """Return how many rows make a piece: long ones are read faster, short ones add up with smaller errors."""
    return max(1, min(max(int(rows.size) // 16, 1 << 13), 1 << 16) // int(rows.shape[1]))


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_a_shard() -> bool:
    """Return whether this thread is one of several that share a batch: then all cores are at work."""
    return threading.current_thread().name.startswith("chainrule shard")


def aligned(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return an array to be written that begins where a line of the cache does: vectors then lie in one line each."""
    size = int(np.prod(shape)) * dtype.itemsize
    room = np.empty(size + 64, np.uint8)
    start = -room.ctypes.data % 64
    return room[start : start + size].view(dtype).reshape(shape)


def _threads() -> ThreadPoolExecutor:
    global _pool
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(max(1, cores() - 1), "chainrule-numba")
        return _pool


def _forget() -> None:
    """Begin anew: a forked process has none of its parent's threads."""
    global _pool, _lock
    _pool, _lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)

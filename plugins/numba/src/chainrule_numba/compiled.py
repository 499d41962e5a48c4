"""How kernels are compiled: on first use, without the interpreter's lock, and kept on disk.

A kernel is a function of C-contiguous arrays that overwrites the last ones. Its loops are serial: the threads are the
shards of a batch. Numba makes vector instructions of a loop that writes one array, and constants must have the array's
dtype: a plain number makes float64 of float32.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numba
from numba.core import event
from numba.core.registry import cpu_target

log = logging.getLogger(__name__)


def kernel(function: Callable[..., None]) -> Callable[..., None]:
    """Compile a function; products and sums may be contracted, which rounds once in place of twice."""
    compiled: Callable[..., None] = numba.njit(nogil=True, cache=True, fastmath={"contract"})(function)
    return compiled


def inline(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function for kernels to call."""
    compiled: Callable[..., Any] = numba.njit(nogil=True, inline="always")(function)
    return compiled


class _FirstTime(event.Listener):
    """Say once that a kernel is compiled: it takes seconds, and the user should know what for."""

    def __init__(self) -> None:
        self.said = False

    def on_start(self, event: Any) -> None:
        function = event.data["dispatcher"].py_func
        if not self.said and function.__module__.startswith(__package__ or ""):
            self.said = True
            log.warning("chainrule-numba compiles its kernels, which takes some seconds; they are kept for later runs")

    def on_end(self, event: Any) -> None:
        """Say nothing."""


event.register("numba:compile", _FirstTime())  # type: ignore[no-untyped-call]  # numba ships no types

# Numba prepares itself at the first kernel; done here, a forked process need not do it again.
cpu_target.typing_context.refresh()
cpu_target.target_context.refresh()

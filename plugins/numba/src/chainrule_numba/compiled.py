"""How kernels are compiled: on first use, without the interpreter's lock, and kept on disk.

A kernel is a function of C-contiguous arrays that overwrites those that it declares as `Out`. Its loops are serial: for
threads see `threads`. Numba makes vector instructions of a loop that writes one array, and constants must have the
array's dtype: a plain number makes float64 of float32.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeAlias

import numba
import numpy as np
from numba.core import event
from numba.core.registry import cpu_target

from chainrule import Array

from .disk import DiskCache, keep

log = logging.getLogger(__name__)

Out: TypeAlias = Array
"""An array that a kernel writes."""

KNOWN = frozenset(map(np.dtype, "?bhilqBHILQfd"))


def kernel(function: Callable[..., None]) -> Callable[..., None]:
    """Compile a function; products and sums may be contracted, which rounds once in place of twice.

    Numba knows the machine's byte order alone, and of the real numbers float32 and float64. Another array is computed
    with as one of these: float16 as float32, and extended precision as float64.
    """
    compiled = numba.njit(nogil=True, fastmath={"contract"}, error_model="numpy")(function)
    keep(compiled)
    outputs = [i for i, kind in enumerate(function.__annotations__.values()) if kind == "Out"]

    def translated(arguments: tuple[Any, ...]) -> None:
        known = [_known(argument) if isinstance(argument, np.ndarray) else argument for argument in arguments]
        compiled(*known)
        for i in outputs:
            if known[i] is not arguments[i]:
                arguments[i][...] = known[i]

    @wraps(function)
    def run(*arguments: Any) -> None:
        return compiled(*arguments) if all_known(arguments) else translated(arguments)

    return run


def all_known(arguments: Iterable[Any]) -> bool:
    """Return whether numba knows the dtypes of all arrays: else a kernel works on copies."""
    for argument in arguments:  # noqa: SIM110 - in every call of a kernel: all(…) takes twice as long
        if isinstance(argument, np.ndarray) and argument.dtype not in KNOWN:
            return False
    return True


def _known(array: Array) -> Array:
    """Return an array of a dtype that numba knows; itself if it has one."""
    native = array.dtype.newbyteorder("=")
    with np.errstate(over="ignore", invalid="ignore"):  # an array that is to be written may hold anything
        return array.astype({"e": np.float32, "g": np.float64}.get(native.char, native), copy=False)


def inline(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function for kernels to call."""
    compiled: Callable[..., Any] = numba.njit(nogil=True, inline="always")(function)
    return compiled


def part(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function for kernels to call, as they are compiled."""
    compiled: Callable[..., Any] = numba.njit(nogil=True, fastmath={"contract"}, error_model="numpy")(function)
    return compiled


def exact(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function for kernels to call, which rounds each of its steps as it is written."""
    compiled: Callable[..., Any] = numba.njit(nogil=True, fastmath=False)(
        function
    )  # left out, it would be the caller's
    return compiled


def summing(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function for kernels to call, which takes a sum in any order, and so by vectors.

    It writes no array: of a loop that does there is a version without vectors, for arrays that might overlap, and where
    they lie in memory would show in the bits.
    """
    compiled: Callable[..., Any] = numba.njit(nogil=True, fastmath={"reassoc", "nsz"})(function)
    return compiled


NOT_KEPT = "they cannot be kept for later runs, as no folder for them can be written; NUMBA_CACHE_DIR may name one"


class _FirstTime(event.Listener):
    """Say once that a kernel is compiled: it takes seconds, and the user should know what for."""

    def __init__(self) -> None:
        self.said = False

    def on_start(self, event: Any) -> None:
        function = event.data["dispatcher"].py_func
        if not self.said and function.__module__.startswith(__package__ or ""):
            self.said = True
            kept = isinstance(event.data["dispatcher"]._cache, DiskCache)
            later = "they are kept for later runs" if kept else NOT_KEPT
            log.warning("chainrule-numba compiles its kernels, which takes some seconds; %s", later)

    def on_end(self, event: Any) -> None:
        """Say nothing."""


event.register("numba:compile", _FirstTime())  # type: ignore[no-untyped-call]  # numba ships no types

# Numba prepares itself at the first kernel; done here, a forked process need not do it again.
cpu_target.typing_context.refresh()
cpu_target.target_context.refresh()

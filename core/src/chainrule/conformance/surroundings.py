"""What lies around a call: global random states, settings of NumPy and of Python, and the terminal."""

from __future__ import annotations

import decimal
import gc
import io
import logging
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import numpy as np

from .compare import brief


def changes_around(call: Callable[[], Any]) -> Iterator[tuple[str, str, str]]:
    """Run the call and yield what it changed around it: name, before, after."""
    printed = io.StringIO()
    # Settings of their own, so that a layer that makes them what they usually are is seen.
    with np.errstate(divide="warn", over="print", under="warn", invalid="print"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="a filter of the conformance suite")
        before = _surroundings()
        with redirect_stdout(printed), redirect_stderr(printed):
            call()
        after = _surroundings()
    for name, value in before.items():
        if value != after[name]:
            drawn = name.endswith("global state")
            yield name, *(("one", "another: it was seeded or drawn from") if drawn else _apart(value, after[name]))
    if printed.getvalue().replace("Warning: ", "").strip():
        yield "the terminal", "empty", repr(printed.getvalue()[:60])


def _surroundings() -> dict[str, Any]:
    drawn: Any = np.random.get_state()  # noqa: NPY002 - to see that nobody draws from it
    return {
        "np.random's global state": (drawn[1].tobytes(), drawn[2:]),
        "random's global state": random.getstate(),
        "np.geterr()": tuple(np.geterr().items()),
        "np.geterrcall()": np.geterrcall(),
        "warnings.filters": tuple(map(str, warnings.filters)),
        "np.get_printoptions()": str(np.get_printoptions()),
        "sys.path": tuple(sys.path),
        "sys.getrecursionlimit()": sys.getrecursionlimit(),
        "os.environ": tuple(sorted(os.environ.items())),
        "gc.isenabled()": gc.isenabled(),
        "the root logger": (logging.root.level, len(logging.root.handlers), logging.root.disabled),
        "the decimal context": str(decimal.getcontext()),
    }


def _apart(before: Any, after: Any) -> tuple[str, str]:
    """Return what differs of two values, the entries alone where they are tuples."""
    if isinstance(before, tuple) and isinstance(after, tuple):
        gone, came = ([entry for entry in a if entry not in b] for a, b in ((before, after), (after, before)))
        return brief(", ".join(map(str, gone)) or "as it was"), brief(", ".join(map(str, came)) or "less")
    return brief(before), brief(after)

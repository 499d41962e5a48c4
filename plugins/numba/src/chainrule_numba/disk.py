"""Compiled kernels on disk: kept for later runs where that can be, and compiled anew in each run where it cannot."""

# Numba ships no types.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from numba.core.caching import FunctionCache

log = logging.getLogger(__name__)


def keep(dispatcher: Any) -> bool:
    """Keep what a dispatcher compiles on disk, as its `enable_caching` does; return whether there is a place for it."""
    try:
        dispatcher._cache = DiskCache(dispatcher.py_func)
    except (RuntimeError, OSError, ValueError):  # no folder of numba's choice can be written
        return False
    return True


class DiskCache(FunctionCache):
    """Numba's cache of one function, in which a disk that fails costs time, and ends no run."""

    gave_up: ClassVar[bool] = False

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        # Numba looks at the file of a kernel alone, which has functions of others in it.
        self._cache_file._source_stamp = (self._cache_file._source_stamp, sources())

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return what was compiled earlier, None where it cannot be read: then a whole file takes its place."""
        try:
            return super().load_overload(sig, target_context)
        except OSError:  # told when it cannot be written, either
            return None
        except Exception:  # to read a file that was cut off may raise anything
            try:
                self.flush()
            except OSError as error:
                self.give_up(error)
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled, if the disk takes it."""
        try:
            super().save_overload(sig, data)
        except OSError as error:
            self.give_up(error)

    def give_up(self, error: OSError) -> None:
        """Leave the disk alone from now on, and say so for the first kernel."""
        self.disable()
        if not DiskCache.gave_up:
            DiskCache.gave_up = True
            log.warning("chainrule-numba cannot keep its kernels, and later runs compile them anew: %s", error)


@cache
def sources() -> tuple[tuple[str, int, int], ...]:
    """Return what tells one version of this package from another: its files, when they were written and their sizes."""
    found = [(path.name, path.stat()) for path in Path(__file__).parent.glob("*.py")]
    return tuple(sorted((name, stat.st_mtime_ns, stat.st_size) for name, stat in found))

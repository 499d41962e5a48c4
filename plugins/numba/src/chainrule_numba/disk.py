"""Compiled kernels on disk: kept for later runs where that can be, and compiled anew in each run where it cannot."""

# Numba ships no types.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import logging
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

"""Compiled kernels on disk: kept for later runs where that can be, and compiled anew in each run where it cannot."""

# Numba ships no types.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import logging
import pickle
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

from numba.core.caching import FunctionCache, IndexDataCacheFile

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
        stamp = (self._cache_file._source_stamp, sources())
        self._cache_file = FileForEach(self._cache_path, self._impl.filename_base, stamp)

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


class FileForEach(IndexDataCacheFile):
    """A file for each signature of a function, named after it, which says what it holds.

    Numba numbers its files, and keeps the numbers in an index. Of two processes that compile at once, each gives the
    next number to its own signature: the index is of one and the file of the other, and whoever reads it runs what was
    compiled for other arrays.
    """

    def save(self, key: Any, data: Any) -> None:
        """Put the data in the place of what was there."""
        with self._open_for_write(self._path(key)) as file:
            file.write(self._dump((self._version, self._source_stamp)))
            file.write(self._dump((key, data)))

    def load(self, key: Any) -> Any:
        """Return the data, None where there are none of this version and these sources."""
        try:
            with self._path(key).open("rb") as file:
                if pickle.load(file) != (self._version, self._source_stamp):  # another version's may not be readable
                    return None
                found, data = pickle.load(file)
        except FileNotFoundError:
            return None
        return data if found == key else None

    def flush(self) -> None:
        """Forget all signatures."""
        for path in Path(self._cache_path).glob(f"{self._index_name.removesuffix('nbi')}*.nbc"):
            path.unlink(missing_ok=True)

    def _path(self, key: Any) -> Path:
        return Path(self._data_path(self._data_name(int(sha256(repr(key).encode()).hexdigest()[:12], 16))))


@cache
def sources() -> tuple[tuple[str, int, int], ...]:
    """Return what tells one version of this package from another: its files, when they were written and their sizes."""
    found = [(path.name, path.stat()) for path in Path(__file__).parent.glob("*.py")]
    return tuple(sorted((name, stat.st_mtime_ns, stat.st_size) for name, stat in found))

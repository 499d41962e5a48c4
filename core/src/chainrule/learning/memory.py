"""Keep freed memory: what large temporaries cost is the page faults of getting it back."""

from __future__ import annotations

import ctypes
import sys

M_MMAP_THRESHOLD, M_TRIM_THRESHOLD = -3, -1  # of glibc's malloc.h


def keep_memory() -> bool:
    """Tell glibc to keep freed memory for the next temporary; return whether it did.

    It changes the process for good: its memory stays at its highest mark. So a program calls it, never a library, and
    `train` does not. Elsewhere than on glibc it does nothing.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # musl has none
        return False
    largest_threshold = 32 << 20  # glibc takes no more
    return bool(mallopt(M_MMAP_THRESHOLD, largest_threshold) and mallopt(M_TRIM_THRESHOLD, 2**31 - 1))

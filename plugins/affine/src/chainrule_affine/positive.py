"""The positive part, z₊."""

from __future__ import annotations

import numpy as np

from chainrule import Array


def positive_part(z: Array, out: Array | None = None) -> Array:
    """Return max(0, z). Against an array of one zero it takes half the time that it takes against the number."""
    return np.maximum(z, np.zeros((), z.dtype), out=out)

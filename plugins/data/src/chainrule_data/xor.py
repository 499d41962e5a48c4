"""The four points that no line separates."""

from __future__ import annotations

import numpy as np

from chainrule import Dataset


def xor() -> Dataset:
    """Return the truth table of exclusive or: x (4, 2) of 0 and 1, y (4,) classes; there is no test part.

    Source:   course, section 4: an affine map cannot learn it.
    """
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    return Dataset(x, np.array([0, 1, 1, 0]), classes=("0", "1"))

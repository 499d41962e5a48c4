"""Real handwritten digits, shipped with the package."""

from __future__ import annotations

from importlib import resources

import numpy as np

from chainrule import Dataset


def digits() -> Dataset:
    """Return 1,797 digits: x (1797, 8, 8, 1) in [0, 1], y (1797,) classes 0 to 9. Splitting is the caller's.

    Source:   Alpaydin and Kaynak (1998), Optical recognition of handwritten digits, UCI; CC BY 4.0, see DIGITS.md.
    """
    with (resources.files(__package__) / "digits.npz").open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        x = arrays["x"][..., np.newaxis].astype(np.float32) / 16
        return Dataset(x, arrays["y"].astype(np.int64), classes=tuple("0123456789"))

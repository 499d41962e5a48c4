"""How often each class was taken for each other."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..admission import as_array
from ..arrays import Array
from ..errors import ShapeError, TargetError
from ..functions.targets import not_classes, show_first
from ..settings import positive_int


def confusion_matrix(targets: Any, decisions: Any, classes: int) -> Array:
    """Count the samples of each true class by what was decided.

    Formula:  C[k, j] = Σ_i δ(y_i, k) δ(ŷ_i, j); the trace is what was right, row k sums to the samples of class k
    Shapes:   targets and decisions (N,), integers 0 … m-1; result (m, m) of int64, m being `classes`.
    Raises:   TargetError unless both hold classes; ShapeError when there are more of one than of the other;
              SettingError unless `classes` is a positive int.
    """
    m = positive_int("classes", classes)
    true, decided = _classes("targets", targets, m), _classes("decisions", decisions, m)
    if true.shape != decided.shape:
        raise ShapeError("decisions", expected=true.shape, got=decided.shape, hint="one decision for each target")
    return np.bincount(true * m + decided, minlength=m * m).astype(np.int64, copy=False).reshape(m, m)


def _classes(what: str, given: Any, m: int) -> Array:
    """Return classes as int64, so that no product overflows."""
    classes = as_array(what, given, TargetError)
    if classes.dtype.kind not in "iu":
        raise not_classes(what, classes)
    if classes.ndim != 1:
        hint = "argmax(axis=1) makes classes of a distribution" if classes.ndim == 2 and classes.shape[1] != 1 else None
        raise TargetError(what, expected=("N",), got=classes.shape, hint=hint or "reshape(-1) makes a vector")
    wrong = (classes < 0) | (classes >= m)
    if wrong.any():
        got, hint = show_first(classes, wrong), "classes count from 0"
        raise TargetError(what, expected=f"classes 0 to {m - 1}", got=got, hint=hint)
    return classes.astype(np.int64, copy=False)

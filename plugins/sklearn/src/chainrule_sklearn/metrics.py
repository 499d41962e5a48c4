"""scikit-learn's metrics: each function of `sklearn.metrics` is a class here, under the function's own name.

So `chainrule_sklearn.metrics:f1_score` is a metric whose settings are the function's keywords.
"""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, fields, make_dataclass
from typing import Any, ClassVar

import numpy as np
import sklearn.metrics
from sklearn.exceptions import UndefinedMetricWarning

from chainrule import Array, Metric
from chainrule.errors import warn

SMALLER = ("_error", "_loss", "_deviance")
"""Ends of names of functions that are to fall, as scikit-learn's user guide says (3.4.3, "Metric functions")."""


@dataclass(frozen=True)
class Score(Metric):
    """A figure of scikit-learn's, of its function of targets and decisions, or of targets and probabilities.

    Undefined where scikit-learn says so by an UndefinedMetricWarning, as of F1 where no sample is decided to be of a
    class; `zero_division = 0.0` counts it as 0 instead. Weights are the function's `sample_weight`, if it has one.
    Raises:   ValueError of scikit-learn's, which `train` and `evaluate` tell as the metric's fault.
    """

    function: ClassVar[Callable[..., Any]]

    def measure(self, targets: Array, decisions: Array, probabilities: Array | None, weights: Array) -> float | None:
        """Return what the function says."""
        own = {setting.name: getattr(self, setting.name) for setting in fields(self)}
        known = inspect.signature(type(self).function).parameters
        if "sample_weight" in known:
            own["sample_weight"] = weights
        given = decisions
        if probabilities is not None and self.needs_probabilities:
            two = targets.ndim == 1 and probabilities.ndim == 2 and probabilities.shape[1] == 2
            given = probabilities[:, 1] if two else probabilities
            if "labels" in known and own["labels"] is None and targets.ndim == 1:
                own["labels"] = _labels(targets, decisions, given)  # a part may lack some
            if given.ndim == 1 and len(np.unique(targets)) < 2 and "labels" not in known:
                return None
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            found = type(self).function(targets, given, **own)
        undefined = any(issubclass(one.category, UndefinedMetricWarning) for one in told)
        for one in () if undefined else told:
            warn(f"{type(self).__name__}: {one.message}")
        return None if undefined or (np.ndim(found) == 0 and math.isnan(found)) else found


def _labels(targets: Array, decisions: Array, probabilities: Array) -> Array:
    """Return what targets may be: the classes of the columns, or, of the probability of one of two, these two."""
    if probabilities.ndim == 2:
        return np.arange(probabilities.shape[1])
    return np.array([-1 if (targets < 0).any() or (decisions < 0).any() else 0, 1])


def __getattr__(name: str) -> type[Score]:
    """Return the class of a function, made when it is first asked for."""
    function = None if name.startswith("_") else getattr(sklearn.metrics, name, None)
    if not inspect.isfunction(function):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}: scikit-learn has no such metric")
    _, second, *further = inspect.signature(function).parameters.values()
    settings: list[Any] = [
        (own.name, Any, field(kw_only=True) if own.default is own.empty else field(default=own.default, kw_only=True))
        for own in further
        if own.name != "sample_weight"
    ]
    namespace = {
        "__module__": __name__,
        "__doc__": function.__doc__,
        "function": staticmethod(function),
        "larger_is_better": not name.endswith(SMALLER),
        "needs_probabilities": second.name != "y_pred" or "log_loss" in name,
    }
    made: type[Score] = make_dataclass(name, settings, bases=(Score,), namespace=namespace, frozen=True)
    globals()[name] = made
    return made

"""Losses: squared error, both logistics, cross-entropy and the multi-class hinge."""

from .cross_entropy import CrossEntropy
from .logistic import Logistic
from .multiclass_hinge import MulticlassHinge
from .signed_logistic import SignedLogistic
from .squared_error import SquaredError
from .weighted_sum import WeightedSum

__all__ = ["CrossEntropy", "Logistic", "MulticlassHinge", "SignedLogistic", "SquaredError", "WeightedSum"]

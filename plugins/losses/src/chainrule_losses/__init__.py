"""Losses: squared error, both logistics, cross-entropy, also at every position, and the multi-class hinge."""

from .cross_entropy import CrossEntropy
from .logistic import Logistic
from .multiclass_hinge import MulticlassHinge
from .sequence_cross_entropy import SequenceCrossEntropy
from .signed_logistic import SignedLogistic
from .squared_error import SquaredError
from .weighted_sum import WeightedSum

__all__ = [
    "CrossEntropy",
    "Logistic",
    "MulticlassHinge",
    "SequenceCrossEntropy",
    "SignedLogistic",
    "SquaredError",
    "WeightedSum",
]

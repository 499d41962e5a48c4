"""Compiled kernels for chainrule's layers, under the names of the layers that they replace.

Preferring it is all that changes: `prefer = ["chainrule-numba"]` in a recipe, or `--prefer chainrule-numba`.
"""

from .conv2d import Conv2d
from .cross_entropy import CrossEntropy
from .pooling import GlobalMaxPool2d, GlobalMeanPool2d, MaxPool2d, MeanPool2d
from .relu import AffineReLU, ReLU

__all__ = [
    "AffineReLU",
    "Conv2d",
    "CrossEntropy",
    "GlobalMaxPool2d",
    "GlobalMeanPool2d",
    "MaxPool2d",
    "MeanPool2d",
    "ReLU",
]

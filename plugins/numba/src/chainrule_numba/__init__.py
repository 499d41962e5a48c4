"""Compiled kernels for chainrule's layers, under the names of the layers that they replace.

Preferring it is all that changes: `prefer = ["chainrule-numba"]` in a recipe, or `--prefer chainrule-numba`.
"""

from .batch_norm import BatchNorm
from .conv2d import Conv2d
from .cross_entropy import CrossEntropy
from .gated import GELU, SiLU
from .gru import GRU
from .last_axis import LayerNorm, RMSNorm
from .lstm import LSTM
from .pooling import GlobalMaxPool2d, GlobalMeanPool2d, MaxPool2d, MeanPool2d
from .relu import AffineReLU, ReLU

__all__ = [
    "GELU",
    "GRU",
    "LSTM",
    "AffineReLU",
    "BatchNorm",
    "Conv2d",
    "CrossEntropy",
    "GlobalMaxPool2d",
    "GlobalMeanPool2d",
    "LayerNorm",
    "MaxPool2d",
    "MeanPool2d",
    "RMSNorm",
    "ReLU",
    "SiLU",
]

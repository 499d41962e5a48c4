"""Affine maps, elementwise layers, and what stands beside them."""

from .affine import Affine
from .affine_relu import AffineReLU
from .dropout import Dropout, DropoutMask
from .elu import ELU
from .flatten import Flatten
from .gelu import GELU
from .maxout import Maxout
from .relu import ReLU
from .reshape import Reshape
from .sigmoid import Sigmoid
from .silu import SiLU
from .softmax import Softmax
from .tanh import Tanh

__all__ = [
    "ELU",
    "GELU",
    "Affine",
    "AffineReLU",
    "Dropout",
    "DropoutMask",
    "Flatten",
    "Maxout",
    "ReLU",
    "Reshape",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Tanh",
]

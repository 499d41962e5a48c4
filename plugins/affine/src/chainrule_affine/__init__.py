"""Affine maps, elementwise layers, and what stands beside them."""

from .affine import Affine
from .affine_relu import AffineReLU
from .dropout import Dropout, DropoutMask
from .elu import ELU
from .flatten import Flatten
from .maxout import Maxout
from .relu import ReLU
from .sigmoid import Sigmoid
from .softmax import Softmax
from .tanh import Tanh

__all__ = [
    "ELU",
    "Affine",
    "AffineReLU",
    "Dropout",
    "DropoutMask",
    "Flatten",
    "Maxout",
    "ReLU",
    "Sigmoid",
    "Softmax",
    "Tanh",
]

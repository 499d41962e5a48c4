"""Affine maps, elementwise layers, and what stands beside them."""

from .add import Add
from .affine import Affine
from .affine_relu import AffineReLU
from .dropout import Dropout, DropoutMask
from .elu import ELU
from .flatten import Flatten
from .gelu import GELU
from .maxout import Maxout
from .multiply import Multiply
from .relu import ReLU
from .reshape import Reshape
from .sigmoid import Sigmoid
from .silu import SiLU
from .softmax import Softmax
from .tanh import Tanh

__all__ = [
    "ELU",
    "GELU",
    "Add",
    "Affine",
    "AffineReLU",
    "Dropout",
    "DropoutMask",
    "Flatten",
    "Maxout",
    "Multiply",
    "ReLU",
    "Reshape",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Tanh",
]

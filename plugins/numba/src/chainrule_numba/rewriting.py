"""What is computed as one: a convolution with the ReLU behind it, and the maximum of each window behind that."""

from __future__ import annotations

from chainrule import Layer

from .conv2d import Conv2d
from .conv_block import ConvBlock
from .pooling import MaxPool2d
from .relu import ReLU
from .windows import LANES


def conv_blocks(layers: tuple[Layer, ...]) -> tuple[int, ConvBlock] | None:
    """Return the block that begins with the first layer, where its layers are this distribution's own."""
    conv, *others = layers
    if type(conv) is not Conv2d or [type(layer) for layer in others[:1]] != [ReLU]:
        return None
    pool = others[1] if len(others) > 1 else None
    if type(pool) is MaxPool2d and conv.filters >= LANES:  # with less, it is NumPy that pools
        return 3, ConvBlock(conv, pool)
    return 2, ConvBlock(conv)

"""The convolutional layer."""

from .conv2d import Conv2d

__all__ = ["Conv2d"]

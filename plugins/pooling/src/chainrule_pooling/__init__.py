"""Pooling layers: the largest or the mean of each window, or of a whole picture."""

from .global_pooling import GlobalMaxPool2d, GlobalMeanPool2d
from .max_pool import MaxPool2d
from .mean_pool import MeanPool2d

__all__ = ["GlobalMaxPool2d", "GlobalMeanPool2d", "MaxPool2d", "MeanPool2d"]

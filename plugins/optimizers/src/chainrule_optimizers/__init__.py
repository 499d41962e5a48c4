"""Optimizers: rules of update that remember earlier gradients."""

from .adam import Adam, AdamW
from .momentum import Momentum, Nesterov
from .scaled import Adagrad, RMSprop

__all__ = ["Adagrad", "Adam", "AdamW", "Momentum", "Nesterov", "RMSprop"]

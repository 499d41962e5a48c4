"""Optimizers: rules of update that remember earlier gradients, and schedules of their learning rate."""

from .adam import Adam, AdamW
from .momentum import Momentum, Nesterov
from .scaled import Adagrad, RMSprop
from .schedules import Cosine, StepDecay, WarmUp
from .wrapped import ClipNorm, ClipValue, WeightDecay

__all__ = [
    "Adagrad",
    "Adam",
    "AdamW",
    "ClipNorm",
    "ClipValue",
    "Cosine",
    "Momentum",
    "Nesterov",
    "RMSprop",
    "StepDecay",
    "WarmUp",
    "WeightDecay",
]

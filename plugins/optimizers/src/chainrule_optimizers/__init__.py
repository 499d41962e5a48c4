"""Optimizers: rules of update that remember earlier gradients or ask for curvature, and schedules of their rate."""

from .adam import Adam, AdamW
from .diagonal_gauss_newton import DiagonalGaussNewton
from .levenberg_marquardt import LevenbergMarquardt
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
    "DiagonalGaussNewton",
    "LevenbergMarquardt",
    "Momentum",
    "Nesterov",
    "RMSprop",
    "StepDecay",
    "WarmUp",
    "WeightDecay",
]

"""Normalization layers: numbers are brought to one size, and scaled by what is learned."""

from .batch_norm import BatchNorm
from .layer_norm import LayerNorm
from .rms_norm import RMSNorm

__all__ = ["BatchNorm", "LayerNorm", "RMSNorm"]

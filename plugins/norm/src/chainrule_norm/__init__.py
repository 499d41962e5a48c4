"""Normalization layers: each vector is brought to one size, and scaled by what is learned."""

from .layer_norm import LayerNorm
from .rms_norm import RMSNorm

__all__ = ["LayerNorm", "RMSNorm"]

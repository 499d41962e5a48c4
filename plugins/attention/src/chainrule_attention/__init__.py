"""Layers that let the positions of a sequence look at each other."""

from .attention import Attention
from .self_attention import SelfAttention
from .transformer_block import transformer_block

__all__ = ["Attention", "SelfAttention", "transformer_block"]

"""Layers that let the positions of a sequence look at each other."""

from .self_attention import SelfAttention

__all__ = ["SelfAttention"]

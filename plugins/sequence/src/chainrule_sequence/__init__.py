"""Layers of sequences (T, n), channels last: symbols, places."""

from .embedding import Embedding
from .last import Last
from .positions import Positions

__all__ = ["Embedding", "Last", "Positions"]

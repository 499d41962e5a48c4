"""Layers of sequences (T, n), channels last: symbols, places, recurrence."""

from .embedding import Embedding
from .gru import GRU
from .last import Last
from .lstm import LSTM
from .positions import Positions

__all__ = ["GRU", "LSTM", "Embedding", "Last", "Positions"]

"""Runs of chainrule as TensorBoard shows them."""

from .deltas import deltas
from .hook import TensorBoard

__all__ = ["TensorBoard", "deltas"]

"""Correct but unusual layers: each keeps the contract of layers, and the suite must pass it at every seed."""

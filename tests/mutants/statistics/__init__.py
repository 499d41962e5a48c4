"""Layers that remember what no gradient moves, and are wrong: the moments of a batch, in training and prediction."""

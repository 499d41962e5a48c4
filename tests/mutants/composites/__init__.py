"""Layers made of layers that are wrong, tied parameters, and layers that mix the samples of a batch."""

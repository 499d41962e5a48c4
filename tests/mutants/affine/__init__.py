"""Layers with parameters that are wrong: affine maps, maxout, learned slopes, layer norm, softmax, embeddings."""

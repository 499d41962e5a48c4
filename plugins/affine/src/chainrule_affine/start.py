"""Starting values of a weight matrix."""

from __future__ import annotations

import numpy as np

from chainrule import Array, Shape

STARTS = ("glorot", "he")


def draw(start: str, shape: Shape, inputs: int, outputs: int, rng: np.random.Generator) -> Array:
    """Return weights drawn so that signals keep their variance from layer to layer.

    Formula:  "glorot": uniform on ±sqrt(6 / (inputs + outputs)); "he": normal with variance 2 / inputs.
    Source:   Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward neural networks,
              eq. 16; He et al. (2015), Delving deep into rectifiers, eq. 10.
    """
    if start == "he":
        return rng.normal(0.0, (2.0 / inputs) ** 0.5, shape)
    limit = (6.0 / (inputs + outputs)) ** 0.5
    return rng.uniform(-limit, limit, shape)

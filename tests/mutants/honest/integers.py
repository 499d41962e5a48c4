"""Integer input."""

from dataclasses import dataclass

import numpy as np

from chainrule import Chain, Concat, Jacobian, Layer, Reshape, positive_int

from .base import draw, honest
from .composites import DenseAffine


@dataclass(frozen=True)
class Embedding(Layer):
    words: int
    width: int
    integer_input = True

    def __post_init__(self):
        positive_int("words", self.words)
        positive_int("width", self.width)

    def output_shape(self, input_shape):
        return (*input_shape, self.width)

    def parameter_shapes(self, input_shape):
        return {"E": (self.words, self.width)}

    def initialize(self, input_shape, rng):
        return {"E": draw(rng, self.words, self.width)}

    def forward(self, x, E):
        return E[x]

    def jacobian(self, x, y, E):
        return Jacobian(None, E=OfRows(x, E.shape))


@dataclass
class OfRows:
    x: np.ndarray
    shape: tuple

    def vjp(self, delta, out):
        out[...] = 0
        np.add.at(out, self.x, delta)

    def jvp(self, tangent):
        return tangent[self.x]

    def per_sample(self, delta):
        rows = np.zeros((len(delta), *self.shape), delta.dtype)
        for own, indices, part in zip(rows, self.x, delta, strict=True):
            np.add.at(own, indices, part)
        return rows


@dataclass(frozen=True)
class Flat(Layer):
    def output_shape(self, input_shape):
        return (int(np.prod(input_shape)),)

    def forward(self, x):
        return x.reshape(len(x), -1)

    def jacobian(self, x, y):
        return Jacobian(Reshape(x.shape[1:], y.shape[1:]))


honest("embedding", Embedding(7, 3), (4,), domain=(0, 7))


honest("embedding/many-words", Embedding(5000, 8), (4,), domain=(0, 5000))


honest("embedding/one-word", Embedding(7, 3), (), domain=(0, 7))


honest("embedding/chain", Chain(Embedding(5, 2), Flat(), DenseAffine(3)), (3,), domain=(0, 5))


honest("embedding/concat", Concat(Embedding(5, 2), Embedding(5, 3)), (2,), domain=(0, 5))


honest("flat", Flat(), (2, 3))

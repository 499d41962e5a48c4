"""Kinks, extremes, errors, lifecycle and resources of an affine layer."""

import math
from typing import ClassVar

import numpy as np

from chainrule import Jacobian, Matrix, Outer, Shift
from chainrule.conformance import LayerCase

from .. import Mutant
from .honest import Affine


class AffineTakesPictures(Affine):
    """output_shape takes what forward cannot compute."""

    def output_shape(self, input_shape):
        return (self.units,)


class AffineRefusesLate(Affine):
    """output_shape refuses a shape that parameter_shapes takes."""

    def parameter_shapes(self, input_shape):
        return {"W": (self.units, math.prod(input_shape)), "b": (self.units,)}


class AffineByAssert(Affine):
    def output_shape(self, input_shape):
        assert len(input_shape) == 1, "a vector is expected"
        return (self.units,)


class AffineOfFloats(Affine):
    def __post_init__(self):
        if self.units < 1:
            raise ValueError("units")
        object.__setattr__(self, "units", int(self.units))


class AffineStartsInOrder(Affine):
    """initialize has the names in another order than parameter_shapes."""

    def initialize(self, input_shape, rng):
        start = super().initialize(input_shape, rng)
        return {"b": start["b"], "W": start["W"]}


class AffineStartsAnywhere(Affine):
    generator = np.random.default_rng(7)

    def initialize(self, input_shape, rng):
        return super().initialize(input_shape, self.generator)


ZEROS = np.zeros(64)


class AffineStartsShared(Affine):
    """Every layer's shift is a view of one array."""

    def initialize(self, input_shape, rng):
        return {**super().initialize(input_shape, rng), "b": ZEROS[: self.units]}


class AffineSortsByUse(Affine):
    """The order of the parameters is that of their last use."""

    order: ClassVar = ["W", "b"]

    def parameter_shapes(self, input_shape):
        shapes = super().parameter_shapes(input_shape)
        return {name: shapes[name] for name in self.order}

    def initialize(self, input_shape, rng):
        start = super().initialize(input_shape, rng)
        return {name: start[name] for name in self.order}

    def jacobian(self, x, y, W, b):
        self.order.reverse()
        return super().jacobian(x, y, W, b)


class AffineDescribesByDrawing(Affine):
    def parameter_shapes(self, input_shape):
        self.output_shape(input_shape)
        start = {"W": np.empty((self.units, *input_shape)), "b": np.empty(self.units)}
        return {name: value.shape for name, value in start.items()}


class DenseShift(Shift):
    """The Jacobian of the shift over the whole batch, each sample with each."""

    def vjp(self, delta, out):
        pairs = delta @ delta.T
        out[...] = delta.sum(axis=0) + 0 * pairs.sum()


class AffineByPairs(Affine):
    def jacobian(self, x, y, W, b):
        return Jacobian(Matrix(W), W=Outer(x), b=DenseShift(b.shape))


MUTANTS = [
    Mutant(
        LayerCase("affine/takes-pictures", AffineTakesPictures(), (4,)),
        fault="errors",
        wrong="output_shape takes shapes that forward does not.",
        killed_by="errors.shape",
    ),
    Mutant(
        LayerCase("affine/refuses-late", AffineRefusesLate(), (4,)),
        fault="errors",
        wrong="parameter_shapes takes shapes that output_shape refuses.",
        killed_by="errors.shape",
    ),
    Mutant(
        LayerCase("affine/by-assert", AffineByAssert(), (4,)),
        fault="errors",
        wrong="A shape is refused by assert.",
        killed_by="errors.shape",
    ),
    Mutant(
        LayerCase("affine/of-floats", AffineOfFloats(), (4,)),
        fault="errors",
        wrong="units may be True or 3.0.",
        killed_by="errors.types",
    ),
    Mutant(
        LayerCase("affine/starts-in-order", AffineStartsInOrder(), (4,)),
        fault="lifecycle",
        wrong="initialize has another order than parameter_shapes.",
        killed_by="forward.start",
    ),
    Mutant(
        LayerCase("affine/starts-anywhere", AffineStartsAnywhere(), (4,)),
        fault="randomness",
        wrong="initialize draws from a generator of its own.",
        killed_by="forward.start",
    ),
    Mutant(
        LayerCase("affine/starts-shared", AffineStartsShared(), (4,)),
        fault="lifecycle",
        wrong="All layers' b share memory.",
        killed_by="forward.start",
    ),
    Mutant(
        LayerCase("affine/sorts-by-use", AffineSortsByUse(), (4,)),
        fault="lifecycle",
        wrong="The order of the parameters changes with use.",
        killed_by="lifecycle.names",
    ),
    Mutant(
        LayerCase("affine/describes-by-drawing", AffineDescribesByDrawing(), (4,)),
        fault="resources",
        wrong="parameter_shapes allocates the parameters.",
        killed_by="forward.describes",
    ),
    Mutant(
        LayerCase("affine/by-pairs", AffineByPairs(), (4,)),
        fault="resources",
        wrong="The gradient of b makes an array of B × B.",
        killed_by="resources.batch",
    ),
]

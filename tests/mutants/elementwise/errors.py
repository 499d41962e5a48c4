"""Shapes and settings that are not refused."""

from dataclasses import dataclass

import numpy as np

from chainrule import ShapeError, integer
from chainrule.conformance import LayerCase

from .. import Mutant
from .honest import ELU, ROW, SHAPE, Leaky, Power, ReLU, Tanh


@dataclass(frozen=True)
class ELUUnchecked(ELU):
    def __post_init__(self):
        pass


@dataclass(frozen=True)
class LeakyByAssert(Leaky):
    def __post_init__(self):
        assert 0 <= self.slope < 1, "slope"


@dataclass(frozen=True)
class PowerOfAnything(Power):
    def __post_init__(self):
        integer("exponent", int(self.exponent), minimum=1)


class TanhOfPictures(Tanh):
    """It takes samples with two axes, and does not say so."""

    def forward(self, x):
        B, h, w = x.shape
        return np.tanh(x).reshape(B, h, w)


class ReLUOfVectors(ReLU):
    """The error says nothing of shapes."""

    def output_shape(self, input_shape):
        if len(input_shape) != 1:
            raise ShapeError("this layer wants vectors")
        return input_shape


MUTANTS = [
    Mutant(
        LayerCase("elementwise/elu-unchecked", ELUUnchecked(), ROW, invalid=[{"alpha": -1.0}]),
        fault="errors",
        wrong="No setting is checked.",
        killed_by="errors.settings",
    ),
    Mutant(
        LayerCase("elementwise/leaky-by-assert", LeakyByAssert(), ROW, invalid=[{"slope": 1.5}]),
        fault="errors",
        wrong="The slope is checked by assert.",
        killed_by="errors.settings",
    ),
    Mutant(
        LayerCase("elementwise/power-of-anything", PowerOfAnything(), ROW),
        fault="errors",
        wrong='The exponent may be "3" or True.',
        killed_by="errors.types",
    ),
    Mutant(
        LayerCase("elementwise/tanh-of-pictures", TanhOfPictures(), SHAPE),
        fault="errors",
        wrong="forward takes two axes alone, and output_shape accepts every number of them.",
        killed_by="errors.shape",
    ),
    Mutant(
        LayerCase("elementwise/relu-of-vectors", ReLUOfVectors(), ROW),
        fault="errors",
        wrong="The ShapeError names neither what was expected nor what came.",
        killed_by="errors.shape",
    ),
]

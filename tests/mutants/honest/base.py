"""What the honest layers are made of, and the list of their cases."""

from abc import ABC
from typing import ClassVar

from chainrule import Layer, SettingError, ShapeError, integer
from chainrule.conformance import LayerCase

HONEST = []


def honest(name, layer, input_shape, **traits):
    HONEST.append(LayerCase(f"honest/{name}", layer, input_shape, **traits))


def refuse_unless(layer, takes, expected, shape):
    if not takes:
        raise ShapeError(f"{type(layer).__name__} input", expected=expected, got=shape)


class Alike(Layer, ABC):
    """A layer whose y has the shape of x, which has `axes` axes, or at least one."""

    axes: ClassVar[int] = 0

    def output_shape(self, input_shape):
        takes = len(input_shape) == self.axes if self.axes else len(input_shape) > 0
        refuse_unless(self, takes, ("n", "m")[: self.axes] or ("…", "n"), input_shape)
        return input_shape


class Vectors(Layer, ABC):
    """A layer that takes vectors of at least `least` numbers."""

    least: ClassVar[int] = 1

    def width(self, input_shape):
        takes = len(input_shape) == 1 and input_shape[0] >= self.least
        refuse_unless(self, takes, (f"n ≥ {self.least}",), input_shape)
        return input_shape[0]


class Map:
    """A linear map of the input as two functions."""

    def __init__(self, vjp, jvp):
        self.vjp = vjp
        self.jvp = jvp


class Of:
    """The map of a parameter as two functions: δ to each sample's gradient, and a direction to its image."""

    def __init__(self, per_sample, jvp):
        self.per_sample = per_sample
        self.jvp = jvp

    def vjp(self, delta, out):
        out[...] = self.per_sample(delta).sum(axis=0)


def check_layer(name, value, kind=Layer):
    if not isinstance(value, kind):
        raise SettingError(name, expected=f"a layer of the class {kind.__name__}", got=value)


def permutation(name, entries):
    entries = tuple(integer(name, entry, minimum=0) for entry in entries)
    if sorted(entries) != list(range(len(entries))):
        raise SettingError(name, expected="0, 1, …, n - 1 in some order", got=entries)
    return entries


def draw(rng, *shape):
    return rng.normal(0, 0.5, shape)

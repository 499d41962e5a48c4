"""A stranger's layers of the new kinds, written with nothing but public names: the text of a package."""

from dataclasses import dataclass

import numpy as np

from chainrule import (
    BatchJacobian,
    DataError,
    Diagonal,
    Jacobian,
    Layer,
    Remembering,
    ShapeError,
    UnsupportedError,
    positive_int,
    real,
)
from chainrule.conformance import LayerCase


@dataclass(frozen=True)
class Shifted(Layer):
    """y = x - m, with m of the layer's making."""

    mean: np.ndarray

    def output_shape(self, input_shape):
        return input_shape

    def forward(self, x):
        return x - self.mean

    def jacobian(self, x, y):
        return Jacobian(Diagonal(np.ones_like(x)))


@dataclass(frozen=True)
class OfTheBatch(Layer):
    """y = x - 1/B Σ_j x_j."""

    mixes_samples = True

    def output_shape(self, input_shape):
        return input_shape

    def forward(self, x):
        return x - x.mean(axis=0)

    def jacobian(self, x, y):
        return Centred(x.mean(axis=0))


class Centred(BatchJacobian):
    def __init__(self, mean):
        self.seen = {"mean": mean}

    def vjp(self, delta, out=None):
        return delta - delta.mean(axis=0)

    def jvp(self, tangent, params):
        return tangent - tangent.mean(axis=0)


@dataclass(frozen=True)
class Centre(Remembering):
    """Takes the mean out: the batch's in training, a running one in prediction."""

    momentum: float = 0.25

    def __post_init__(self):
        real("momentum", self.momentum, above=0, below=1)

    def output_shape(self, input_shape):
        return input_shape

    def statistic_shapes(self, input_shape):
        return {"mean": input_shape}

    def initial_statistics(self, input_shape):
        return {"mean": np.zeros(input_shape)}

    def predicting(self, mean):
        return Shifted(mean)

    def realize(self, rng):
        return OfTheBatch()

    def remembered(self, old, seen):
        return {"mean": old["mean"] + self.momentum * (seen["mean"] - old["mean"])}


@dataclass(frozen=True)
class Bilinear(Layer):
    """y[k] = a[k] b[k]: a layer of two inputs."""

    def output_shape(self, first, second):
        if first != second:
            raise ShapeError("the second input", expected=first, got=second)
        return first

    def forward(self, a, b):
        return a * b

    def jacobian(self, a, b, y):
        return BothWays(a, b)


class BothWays(BatchJacobian):
    def __init__(self, a, b):
        self.a, self.b = a, b

    def vjp(self, delta, out=None):
        return delta * self.b, delta * self.a

    def jvp(self, tangent, params):
        v, w = tangent
        return (0 if v is None else v * self.b) + (0 if w is None else w * self.a)

    def per_sample(self, delta):
        return {}


@dataclass(frozen=True)
class Lookup(Layer):
    """y = Σ_t W[x[t]]: a layer of whole numbers."""

    count: int
    units: int
    integer_input = True

    def __post_init__(self):
        positive_int("count", self.count)
        positive_int("units", self.units)

    def output_shape(self, input_shape):
        if len(input_shape) != 1:
            raise ShapeError("a sample", expected=("T",), got=input_shape)
        return (self.units,)

    def parameter_shapes(self, input_shape):
        self.output_shape(input_shape)
        return {"W": (self.count, self.units)}

    def initialize(self, input_shape, rng):
        self.output_shape(input_shape)
        return {"W": rng.normal(size=(self.count, self.units))}

    def forward(self, x, W):
        if x.size and not (x.min() >= 0 and x.max() < self.count):
            raise DataError("lookup", expected=f"numbers from 0 to {self.count - 1}", got=f"{x.min()} to {x.max()}")
        return W[x].sum(axis=1)

    def jacobian(self, x, y, W):
        return Counts(x, W.shape)


class Counts(BatchJacobian):
    def __init__(self, x, shape):
        self.x, self.shape = x, shape

    def vjp(self, delta, out=None):
        raise UnsupportedError("whole numbers have no derivative")

    def vjp_params(self, delta, out):
        out["W"][...] = 0
        np.add.at(out["W"], self.x, delta[:, np.newaxis])

    def jvp(self, tangent, params):
        return params["W"][self.x].sum(axis=1)

    def per_sample(self, delta):
        found = np.zeros((len(delta), *self.shape), delta.dtype)
        np.add.at(found, (np.arange(len(delta))[:, np.newaxis], self.x), delta[:, np.newaxis])
        return {"W": found}


def looked_up(x, W):
    return np.array([sum(W[i] for i in sample) for sample in x])


def moved(old, x):
    return {"mean": 0.75 * old["mean"] + 0.25 * x.mean(axis=0)}


CASES = [
    LayerCase("centre", Centre(0.25), (3,), remembered=moved, invalid=[{"momentum": 1.5}]),
    LayerCase("bilinear", Bilinear(), [(3,), (3,)], reference=lambda a, b: a * b),
    LayerCase("lookup", Lookup(5, 2), (3,), reference=looked_up, domain=(0, 5), invalid=[{"count": 0}, {"units": -1}]),
]

"""Scalars of vectors, gates, distances, features."""

from dataclasses import dataclass

import numpy as np

from chainrule import Dense, Diagonal, Jacobian, Layer, Matrix, Outer, Shift, integer, positive_int

from .base import Map, Vectors, honest, refuse_unless


@dataclass(frozen=True)
class LogSumExp(Vectors):
    def output_shape(self, input_shape):
        self.width(input_shape)
        return ()

    def forward(self, x):
        largest = x.max(axis=1)
        return largest + np.log(np.exp(x - largest[:, None]).sum(axis=1))

    def jacobian(self, x, y):
        return Jacobian(Dense(np.exp(x - y[:, None])))


@dataclass(frozen=True)
class GLU(Vectors):
    """a φ(b), x being a and b in a row: Dauphin et al. (2017), eq. 1."""

    least = 2

    def output_shape(self, input_shape):
        n = self.width(input_shape)
        refuse_unless(self, n % 2 == 0, ("2n",), input_shape)
        return (n // 2,)

    def forward(self, x):
        a, b = np.split(x, 2, axis=1)
        return a * (1 + np.tanh(b / 2)) / 2

    def jacobian(self, x, y):
        a, b = np.split(x, 2, axis=1)
        gate = (1 + np.tanh(b / 2)) / 2
        slope = a * gate * (1 - gate)

        def jvp(tangent):
            da, db = np.split(tangent, 2, axis=1)
            return da * gate + db * slope

        return Jacobian(Map(lambda delta: np.concatenate([delta * gate, delta * slope], axis=1), jvp))


@dataclass(frozen=True)
class Distances(Layer):
    """The squared distances between all rows of a sample."""

    def output_shape(self, input_shape):
        refuse_unless(self, len(input_shape) == 2, ("T", "d"), input_shape)
        return (input_shape[0], input_shape[0])

    def apart(self, x):
        return x[:, :, None] - x[:, None]

    def forward(self, x):
        return (self.apart(x) ** 2).sum(axis=3)

    def jacobian(self, x, y):
        apart = self.apart(x)

        def vjp(delta):
            pulled = 2 * delta[..., None] * apart
            return pulled.sum(axis=2) - pulled.sum(axis=1)

        return Jacobian(Map(vjp, lambda v: 2 * (apart * self.apart(v)).sum(axis=3)))


@dataclass(frozen=True)
class Projection(Vectors):
    """A fixed random matrix that follows from a seed among the settings."""

    units: int
    seed: int = 0

    def __post_init__(self):
        positive_int("units", self.units)
        integer("seed", self.seed, minimum=0)

    def output_shape(self, input_shape):
        self.width(input_shape)
        return (self.units,)

    def matrix(self, x):
        return np.random.default_rng(self.seed).normal(size=(self.units, x.shape[1])).astype(x.dtype)

    def forward(self, x):
        return x @ self.matrix(x).T

    def jacobian(self, x, y):
        return Jacobian(Matrix(self.matrix(x)))


@dataclass(frozen=True)
class Fourier(Vectors):
    """cos(W x + b): Rahimi and Recht (2007), with learned frequencies."""

    units: int

    def __post_init__(self):
        positive_int("units", self.units)

    def output_shape(self, input_shape):
        self.width(input_shape)
        return (self.units,)

    def parameter_shapes(self, input_shape):
        return {"W": (self.units, self.width(input_shape)), "b": (self.units,)}

    def initialize(self, input_shape, rng):
        shapes = self.parameter_shapes(input_shape)
        return {"W": rng.normal(size=shapes["W"]), "b": rng.uniform(0, 6, shapes["b"])}

    def forward(self, x, W, b):
        return np.cos(x @ W.T + b)

    def jacobian(self, x, y, W, b):
        return Jacobian(Matrix(W), after=Diagonal(-np.sin(x @ W.T + b)), W=Outer(x), b=Shift(b.shape))


honest("log-sum-exp", LogSumExp(), (4,))


honest("glu", GLU(), (4,))


honest("distances", Distances(), (3, 2))


honest("projection", Projection(3), (4,))


honest("fourier", Fourier(4), (3,))

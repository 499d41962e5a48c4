"""Right layers, of which the wrong ones are made."""

import math
from dataclasses import dataclass

import numpy as np

from chainrule import Elementwise, integer, positive_real, real
from chainrule.conformance import LayerCase

SHAPE = (3, 4)


ROW = (5,)


def each(x, f):
    return np.array([f(float(v)) for v in x.reshape(-1)]).reshape(x.shape)


@dataclass(frozen=True)
class Tanh(Elementwise):
    def forward(self, x):
        return np.tanh(x)

    def derivative(self, x, y):
        return 1 - y * y


def slow_tanh(x):
    return (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x))


@dataclass(frozen=True)
class ReLU(Elementwise):
    def forward(self, x):
        return np.maximum(x, 0)

    def derivative(self, x, y):
        return x > 0


def slow_relu(x):
    return each(x, lambda v: v if v > 0 else 0.0)


@dataclass(frozen=True)
class Leaky(Elementwise):
    slope: float = 0.1

    def __post_init__(self):
        real("slope", self.slope, minimum=0, below=1)

    def forward(self, x):
        return np.maximum(x, self.slope * x)

    def derivative(self, x, y):
        return np.where(x > 0, x.dtype.type(1), self.slope)


def slow_leaky(x):
    return each(x, lambda v: v if v > 0 else 0.1 * v)


@dataclass(frozen=True)
class ELU(Elementwise):
    alpha: float = 1.5

    def __post_init__(self):
        positive_real("alpha", self.alpha)

    def forward(self, x):
        return np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0)))

    def derivative(self, x, y):
        return np.where(x > 0, 1, y + self.alpha)


def slow_elu(x):
    return each(x, lambda v: v if v > 0 else 1.5 * (math.exp(v) - 1))


@dataclass(frozen=True)
class Sigmoid(Elementwise):
    def forward(self, x):
        return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))

    def derivative(self, x, y):
        return y * (1 - y)


def slow_sigmoid(x):
    return each(x, lambda v: 0.5 + 0.5 * math.tanh(v / 2))


@dataclass(frozen=True)
class Softplus(Elementwise):
    def forward(self, x):
        return np.logaddexp(x, 0)

    def derivative(self, x, y):
        return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))


def slow_softplus(x):
    return each(x, lambda v: max(v, 0.0) + math.log1p(math.exp(-abs(v))))


@dataclass(frozen=True)
class HardTanh(Elementwise):
    limit: float = 3.0

    def __post_init__(self):
        positive_real("limit", self.limit)

    def forward(self, x):
        return np.clip(x, -self.limit, self.limit)

    def derivative(self, x, y):
        return np.abs(x) < self.limit


def slow_hard_tanh(x):
    return each(x, lambda v: min(max(v, -3.0), 3.0))


@dataclass(frozen=True)
class Abs(Elementwise):
    def forward(self, x):
        return np.abs(x)

    def derivative(self, x, y):
        return np.sign(x)


@dataclass(frozen=True)
class Power(Elementwise):
    exponent: int = 3

    def __post_init__(self):
        integer("exponent", self.exponent, minimum=1)

    def forward(self, x):
        return x**self.exponent

    def derivative(self, x, y):
        return self.exponent * x ** (self.exponent - 1)


def slow_cube(x):
    return each(x, lambda v: v * v * v)


@dataclass(frozen=True)
class Swish(Elementwise):
    def forward(self, x):
        return x * Sigmoid().forward(x)

    def derivative(self, x, y):
        s = Sigmoid().forward(x)
        return s + y * (1 - s)


@dataclass(frozen=True)
class Log(Elementwise):
    def forward(self, x):
        return np.log(x)

    def derivative(self, x, y):
        return 1 / x


HONEST = [
    LayerCase("elementwise/tanh", Tanh(), SHAPE, reference=slow_tanh),
    LayerCase("elementwise/relu", ReLU(), SHAPE, reference=slow_relu, kinks={0.0: 0.0}),
    LayerCase("elementwise/leaky", Leaky(), SHAPE, reference=slow_leaky, kinks={0.0: 0.1}, invalid=[{"slope": 1.0}]),
    LayerCase("elementwise/elu", ELU(), ROW, reference=slow_elu, kinks={0.0: 1.5}, invalid=[{"alpha": 0.0}]),
    LayerCase("elementwise/sigmoid", Sigmoid(), SHAPE, reference=slow_sigmoid),
    LayerCase("elementwise/softplus", Softplus(), (2, 2, 2), reference=slow_softplus),
    LayerCase("elementwise/hard-tanh", HardTanh(), SHAPE, reference=slow_hard_tanh, kinks={-3.0: 0.0, 3.0: 0.0}),
    LayerCase("elementwise/abs", Abs(), ROW, kinks={0.0: 0.0}),
    LayerCase("elementwise/power", Power(), ROW, reference=slow_cube, invalid=[{"exponent": 0}]),
    LayerCase("elementwise/swish", Swish(), (), laws={"f(x) - f(-x) = x": lambda f, x: (f(x) - f(-x), x)}),
    LayerCase("elementwise/log", Log(), ROW, domain=(0.1, 20.0)),
]

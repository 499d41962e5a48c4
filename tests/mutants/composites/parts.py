"""What the composites are made of."""

from dataclasses import dataclass

import numpy as np

from chainrule import Diagonal, Elementwise, Jacobian, Layer, Matrix, Outer, SettingError, ShapeError, Shift


@dataclass(frozen=True)
class Squash(Elementwise):
    def forward(self, x):
        return np.tanh(x)

    def derivative(self, x, y):
        return 1 - y * y


@dataclass(frozen=True)
class Mix(Layer):
    """y = W x + b with a square W."""

    def output_shape(self, input_shape):
        if len(input_shape) != 1:
            raise ShapeError("mix input", expected=("n",), got=input_shape)
        return input_shape

    def parameter_shapes(self, input_shape):
        (n,) = self.output_shape(input_shape)
        return {"W": (n, n), "b": (n,)}

    def initialize(self, input_shape, rng):
        (n,) = self.output_shape(input_shape)
        return {"W": rng.normal(0, n**-0.5, (n, n)), "b": np.zeros(n)}

    def forward(self, x, W, b):
        return x @ W.T + b

    def jacobian(self, x, y, W, b):
        return Jacobian(Matrix(W), W=Outer(x), b=Shift(b.shape))


@dataclass(frozen=True)
class Noise(Layer):
    """Training adds normal noise to each number."""

    stochastic = True

    def output_shape(self, input_shape):
        return input_shape

    def forward(self, x):
        return x

    def jacobian(self, x, y):
        return Jacobian(Diagonal(np.ones_like(x)))

    def realize(self, rng):
        return Fixed(int(rng.integers(2**31)))


@dataclass(frozen=True)
class Fixed(Elementwise):
    seed: int = 0

    def __post_init__(self):
        if type(self.seed) is not int or self.seed < 0:
            raise SettingError("seed", expected="an int of at least 0", got=self.seed)

    def forward(self, x):
        return x + np.random.default_rng(self.seed).standard_normal(x.shape).astype(x.dtype)

    def derivative(self, x, y):
        return np.ones_like(x)


@dataclass(frozen=True)
class Words(Layer):
    integer_input = True

    def output_shape(self, input_shape):
        return (*input_shape, 2)

    def parameter_shapes(self, input_shape):
        return {"table": (5, 2)}

    def initialize(self, input_shape, rng):
        return {"table": rng.normal(0, 1, (5, 2))}

    def forward(self, x, table):
        return table[x]

    def jacobian(self, x, y, table):
        return Jacobian(None, table=Looked(x, table.shape))


@dataclass
class Looked:
    x: np.ndarray
    shape: tuple

    def vjp(self, delta, out):
        out[...] = 0
        np.add.at(out, self.x, delta)

    def jvp(self, tangent):
        return tangent[self.x]

    def per_sample(self, delta):
        found = np.zeros((len(delta), *self.shape), delta.dtype)
        for j in range(len(delta)):
            np.add.at(found[j], self.x[j], delta[j])
        return found


def named(prefix, values):
    return {f"{prefix}.{name}": value for name, value in values.items()}


def part(prefix, values):
    start = f"{prefix}."
    return {name.removeprefix(start): value for name, value in values.items() if name.startswith(start)}


def check_layer(name, value):
    if not isinstance(value, Layer):
        raise SettingError(name, expected="a layer", got=value)

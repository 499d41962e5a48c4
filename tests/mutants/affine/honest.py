"""Right layers, of which the wrong ones are made."""

import math
from dataclasses import dataclass

import numpy as np

from chainrule import (
    Diagonal,
    Jacobian,
    Layer,
    Matrix,
    Outer,
    Reshaped,
    Scale,
    Selection,
    ShapeError,
    Shift,
    positive_int,
    positive_real,
)
from chainrule.conformance import LayerCase


@dataclass(frozen=True)
class Affine(Layer):
    units: int = 3

    def __post_init__(self):
        positive_int("units", self.units)

    def output_shape(self, input_shape):
        if len(input_shape) != 1:
            raise ShapeError("affine input", expected=("n",), got=input_shape)
        return (self.units,)

    def parameter_shapes(self, input_shape):
        self.output_shape(input_shape)
        return {"W": (self.units, *input_shape), "b": (self.units,)}

    def initialize(self, input_shape, rng):
        shapes = self.parameter_shapes(input_shape)
        return {"W": rng.normal(0, input_shape[0] ** -0.5, shapes["W"]), "b": np.zeros(shapes["b"])}

    def forward(self, x, W, b):
        return x @ W.T + b

    def jacobian(self, x, y, W, b):
        return Jacobian(Matrix(W), W=Outer(x), b=Shift(b.shape))


def slow_affine(x, W, b):
    return [sum(float(W[k, j]) * float(x[j]) for j in range(len(x))) + float(b[k]) for k in range(len(b))]


@dataclass(frozen=True)
class AffineReLU(Affine):
    def forward(self, x, W, b):
        return np.maximum(x @ W.T + b, 0)

    def jacobian(self, x, y, W, b):
        return Jacobian(Matrix(W), after=Diagonal(y > 0), W=Outer(x), b=Shift(b.shape))


def slow_affine_relu(x, W, b):
    return [max(z, 0.0) for z in slow_affine(x, W, b)]


@dataclass(frozen=True)
class Maxout(Layer):
    units: int = 2
    pieces: int = 3

    def __post_init__(self):
        positive_int("units", self.units)
        positive_int("pieces", self.pieces)

    def output_shape(self, input_shape):
        if len(input_shape) != 1:
            raise ShapeError("maxout input", expected=("n",), got=input_shape)
        return (self.units,)

    def parameter_shapes(self, input_shape):
        self.output_shape(input_shape)
        return {"W": (self.units, self.pieces, *input_shape)}

    def initialize(self, input_shape, rng):
        return {"W": rng.normal(0, 0.5, self.parameter_shapes(input_shape)["W"])}

    def every(self, x, W):
        return (x @ W.reshape(-1, W.shape[2]).T).reshape(len(x), self.units, self.pieces)

    def forward(self, x, W):
        return self.every(x, W).max(axis=2)

    def jacobian(self, x, y, W):
        winner = self.every(x, W).argmax(axis=2)
        return self.maps(x, W, winner)

    def maps(self, x, W, winner):
        rows = self.units * self.pieces
        chosen = Selection(winner + np.arange(0, rows, self.pieces), (rows,))
        flat = W.reshape(rows, -1)
        return Jacobian(Matrix(flat), after=chosen, W=Reshaped(Outer(x), flat.shape, W.shape))


def slow_maxout(x, W):
    return [max(sum(float(w) * float(v) for w, v in zip(piece, x, strict=True)) for piece in unit) for unit in W]


@dataclass(frozen=True)
class PReLU(Layer):
    """A slope for each feature, learned."""

    def output_shape(self, input_shape):
        if not input_shape:
            raise ShapeError("prelu input", expected=("…", "n"), got=input_shape)
        return input_shape

    def parameter_shapes(self, input_shape):
        return {"a": self.output_shape(input_shape)[-1:]}

    def initialize(self, input_shape, rng):
        return {"a": np.full(self.parameter_shapes(input_shape)["a"], 0.25)}

    def forward(self, x, a):
        return np.maximum(x, 0) + a * np.minimum(x, 0)

    def jacobian(self, x, y, a):
        slope = (x > 0) + a * (x <= 0)
        return Jacobian(Diagonal(slope), a=Scale(np.minimum(x, 0), a.shape))


def slow_prelu(x, a):
    y = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        y[index] = x[index] if x[index] > 0 else a[index[-1]] * x[index]
    return y


@dataclass(frozen=True)
class LayerNorm(Layer):
    """Each vector along the last axis gets mean 0 and variance 1, then a gain and a shift."""

    eps: float = 1e-3

    def __post_init__(self):
        positive_real("eps", self.eps)

    def output_shape(self, input_shape):
        if not input_shape:
            raise ShapeError("layer norm input", expected=("…", "n"), got=input_shape)
        return input_shape

    def parameter_shapes(self, input_shape):
        n = self.output_shape(input_shape)[-1]
        return {"gain": (n,), "shift": (n,)}

    def initialize(self, input_shape, rng):
        n = self.output_shape(input_shape)[-1]
        return {"gain": np.ones(n), "shift": np.zeros(n)}

    def normal(self, x):
        centred = x - x.mean(axis=-1, keepdims=True)
        root = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + self.eps)
        return centred / root, root

    def forward(self, x, gain, shift):
        return self.normal(x)[0] * gain + shift

    def jacobian(self, x, y, gain, shift):
        z, root = self.normal(x)
        return Jacobian(Normal(z, root, gain), gain=Scale(z, gain.shape), shift=Shift(shift.shape))


@dataclass
class Normal:
    z: np.ndarray
    root: np.ndarray
    gain: np.ndarray

    def project(self, v):
        inner = (v * self.z).mean(axis=-1, keepdims=True)
        return (v - v.mean(axis=-1, keepdims=True) - self.z * inner) / self.root

    def vjp(self, delta):
        return self.project(delta * self.gain)

    def jvp(self, tangent):
        return self.project(tangent) * self.gain


def slow_layer_norm(x, gain, shift):
    rows = []
    for row in np.asarray(x).reshape(-1, x.shape[-1]):
        mean = sum(map(float, row)) / len(row)
        variance = sum((float(v) - mean) ** 2 for v in row) / len(row)
        rows.append([(float(v) - mean) / math.sqrt(variance + 1e-3) for v in row])
    return np.array(rows).reshape(x.shape) * gain + shift


@dataclass(frozen=True)
class Softmax(Layer):
    def output_shape(self, input_shape):
        if not input_shape:
            raise ShapeError("softmax input", expected=("…", "m"), got=input_shape)
        return input_shape

    def forward(self, x):
        y = np.exp(x - x.max(axis=-1, keepdims=True))
        return y / y.sum(axis=-1, keepdims=True)

    def jacobian(self, x, y):
        return Jacobian(Shares(y))


@dataclass
class Shares:
    p: np.ndarray

    def vjp(self, delta):
        return self.p * (delta - (delta * self.p).sum(axis=-1, keepdims=True))

    def jvp(self, tangent):
        return self.vjp(tangent)


def slow_softmax(x):
    rows = [[1 / sum(math.exp(min(float(w) - float(v), 700)) for w in row) for v in row] for row in x]
    return np.array(rows)


@dataclass(frozen=True)
class Embedding(Layer):
    integer_input = True

    entries: int = 6
    width: int = 2

    def __post_init__(self):
        positive_int("entries", self.entries)
        positive_int("width", self.width)

    def output_shape(self, input_shape):
        return (*input_shape, self.width)

    def parameter_shapes(self, input_shape):
        return {"table": (self.entries, self.width)}

    def initialize(self, input_shape, rng):
        return {"table": rng.normal(0, 1, (self.entries, self.width))}

    def forward(self, x, table):
        return table[x]

    def jacobian(self, x, y, table):
        return Jacobian(None, table=Rows(x, table.shape))


@dataclass
class Rows:
    x: np.ndarray
    shape: tuple

    def vjp(self, delta, out):
        out[...] = 0
        np.add.at(out, self.x, delta)

    def jvp(self, tangent):
        return tangent[self.x]

    def per_sample(self, delta):
        found = np.zeros((len(delta), *self.shape), delta.dtype)
        for one, indices, own in zip(found, self.x, delta, strict=True):
            np.add.at(one, indices, own)
        return found


def slow_embedding(x, table):
    return [[float(v) for v in table[int(i)]] for i in x]


HONEST = [
    LayerCase("affine/affine", Affine(), (4,), reference=slow_affine, invalid=[{"units": 0}]),
    LayerCase("affine/affine-relu", AffineReLU(), (4,), reference=slow_affine_relu),
    LayerCase("affine/maxout", Maxout(), (3,), reference=slow_maxout, invalid=[{"units": 0}, {"pieces": -1}]),
    LayerCase("affine/prelu", PReLU(), (2, 3), reference=slow_prelu),
    LayerCase("affine/layer-norm", LayerNorm(), (2, 5), reference=slow_layer_norm, invalid=[{"eps": 0.0}]),
    LayerCase("affine/softmax", Softmax(), (4,), reference=slow_softmax),
    LayerCase("affine/embedding", Embedding(), (4,), reference=slow_embedding, domain=(0, 6)),
]

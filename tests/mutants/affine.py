"""Layers with parameters that are wrong: affine maps, maxout, learned slopes, layer norm, softmax, embeddings."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from chainrule import (
    BatchJacobian,
    Dense,
    DenseParameter,
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
    UnsupportedError,
    positive_int,
    positive_real,
)
from chainrule.conformance import LayerCase

from . import Mutant

# Honest layers


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


# Affine: the derivative is wrong


class Transposed(Matrix):
    def vjp(self, delta):
        return delta @ self.W.T


class AffineTransposed(Affine):
    def jacobian(self, x, y, W, b):
        return Jacobian(Transposed(W), W=Outer(x), b=Shift(b.shape))


class OuterOfSum(Outer):
    """The sum of the products is not the product of the sums."""

    def vjp(self, delta, out):
        out[...] = np.outer(delta.sum(axis=0), self.x.sum(axis=0))


class AffineOfSums(Affine):
    def jacobian(self, x, y, W, b):
        return Jacobian(Matrix(W), W=OuterOfSum(x), b=Shift(b.shape))


class AffineReLUUnmasked(AffineReLU):
    """The shift's gradient goes past the mask."""

    def jacobian(self, x, y, W, b):
        return BesideMask(Matrix(W), after=Diagonal(y > 0), W=Outer(x), b=Shift(b.shape))


class BesideMask(Jacobian):
    def vjp(self, delta, out=None):
        pulled = super().vjp(delta, out)
        if out is not None:
            self.params["b"].vjp(delta, out["b"])
        return pulled

    def vjp_params(self, delta, out):
        self.vjp(delta, out)


class FirstLayerForgets(Jacobian):
    """vjp knows of the mask; vjp_params, which the first layer of a network runs, does not."""

    def vjp_params(self, delta, out):
        for name, map_ in self.params.items():
            map_.vjp(delta, out[name])


class AffineReLUInFront(AffineReLU):
    def jacobian(self, x, y, W, b):
        return FirstLayerForgets(Matrix(W), after=Diagonal(y > 0), W=Outer(x), b=Shift(b.shape))


class UnitJacobian(Jacobian):
    """It asks for the input's gradient alone, and gets another one."""

    def vjp(self, delta, out=None):
        return super().vjp(delta, out) if out is not None else super().vjp(np.sign(delta))


class AffineSignsAlone(Affine):
    def jacobian(self, x, y, W, b):
        return UnitJacobian(Matrix(W), W=Outer(x), b=Shift(b.shape))


class AffineJvpForgetsShift(Affine):
    def jacobian(self, x, y, W, b):
        return NoShiftForward(Matrix(W), W=Outer(x), b=Shift(b.shape))


class NoShiftForward(Jacobian):
    def jvp(self, tangent, params):
        moved = {name: v for name, v in params.items() if name != "b"}
        return super().jvp(tangent, moved)


class MeanOuter(Outer):
    def per_sample(self, delta):
        return super().per_sample(delta) / len(delta)


class AffinePerSampleMean(Affine):
    def jacobian(self, x, y, W, b):
        return Jacobian(Matrix(W), W=MeanOuter(x), b=Shift(b.shape))


class AffineOfSquareShape(Affine):
    """It is right on the square matrix of its case, and transposed elsewhere."""

    def jacobian(self, x, y, W, b):
        square = W.shape[0] == W.shape[1]
        if square:
            return super().jacobian(x, y, W, b)
        return Jacobian(Matrix(np.roll(W, 1, axis=1)), W=Outer(x), b=Shift(b.shape))


# Affine: forward and derivative are wrong alike


class AffineWithoutLast(Affine):
    """An off-by-one in a slice leaves out the last input, and its weights are dead."""

    def forward(self, x, W, b):
        return x[:, :-1] @ W[:, :-1].T + b

    def jacobian(self, x, y, W, b):
        kept = np.array(W)
        kept[:, -1] = 0
        seen = np.array(x)
        seen[:, -1] = 0
        return Jacobian(Matrix(kept), W=Outer(seen), b=Shift(b.shape))


class AffineWithoutShift(Affine):
    def forward(self, x, W, b):
        return x @ W.T

    def jacobian(self, x, y, W, b):
        return Jacobian(Matrix(W), W=Outer(x), b=Nothing(b.shape))


class Nothing(Shift):
    def vjp(self, delta, out):
        out[...] = 0

    def jvp(self, tangent):
        return 0 * tangent

    def per_sample(self, delta):
        return 0 * super().per_sample(delta)


# Affine: batches, arrays, state


class MeanShift(Shift):
    def vjp(self, delta, out):
        out[...] = delta.mean(axis=0)


class AffineMeanShift(Affine):
    def jacobian(self, x, y, W, b):
        return Jacobian(Matrix(W), W=Outer(x), b=MeanShift(b.shape))


class AffineSqueezed(Affine):
    """One sample comes back without its batch axis."""

    def forward(self, x, W, b):
        return (x @ W.T).squeeze() + b


class AffineThresholdBySize(Affine):
    """Large batches go another way, which forgets the shift."""

    def forward(self, x, W, b):
        return x @ W.T + b if len(x) < 7 else x @ W.T


class DoubleShift(Shift):
    def per_sample(self, delta):
        return super().per_sample(delta).astype(np.float64)


class AffinePerSampleDouble(Affine):
    def jacobian(self, x, y, W, b):
        return Jacobian(Matrix(W), W=Outer(x), b=DoubleShift(b.shape))


class FlatOuter(Outer):
    """δ is read as it lies in memory."""

    def vjp(self, delta, out):
        rows = delta.ravel(order="K").reshape(delta.shape)
        super().vjp(rows, out)


class AffineFlat(Affine):
    def jacobian(self, x, y, W, b):
        return Jacobian(Matrix(W), W=FlatOuter(x), b=Shift(b.shape))


class AffineKeepsTranspose(Affine):
    """Wᵀ is laid out once, and kept by the address of W."""

    transposed: ClassVar = {}

    def forward(self, x, W, b):
        key = (W.ctypes.data, W.shape, W.dtype.char)
        if key not in self.transposed:
            self.transposed.clear()
            self.transposed[key] = (W, np.ascontiguousarray(W.T))
        return x @ self.transposed[key][1] + b


class AffineNormalizesWeights(Affine):
    """W is scaled to norm 1, in the network's own θ."""

    def forward(self, x, W, b):
        W /= np.sqrt((W * W).sum())
        return x @ W.T + b


class AddingOuter(Outer):
    def vjp(self, delta, out):
        out += delta.T @ self.x


class AffineAdds(Affine):
    def jacobian(self, x, y, W, b):
        return Jacobian(Matrix(W), W=AddingOuter(x), b=Shift(b.shape))


class Rebinding(Jacobian):
    def vjp(self, delta, out=None):
        if out is not None:
            out["W"], out["b"] = delta.T @ self.params["W"].x, delta.sum(axis=0)
        return self.input.vjp(delta)

    def vjp_params(self, delta, out):
        self.vjp(delta, out)


class AffineRebinds(Affine):
    def jacobian(self, x, y, W, b):
        return Rebinding(Matrix(W), W=Outer(x), b=Shift(b.shape))


class Skipping(Jacobian):
    """A unit whose δ is zero has no gradient, and none is written."""

    def vjp_params(self, delta, out):
        alive = delta.any(axis=0)
        out["W"][alive] = (delta.T @ self.params["W"].x)[alive]
        out["b"][alive] = delta.sum(axis=0)[alive]


class AffineReLUSkipsDead(AffineReLU):
    def jacobian(self, x, y, W, b):
        mask = Diagonal(y > 0)
        return SkippingAfter(Matrix(W), after=mask, W=Outer(x), b=Shift(b.shape))


class SkippingAfter(Skipping):
    def vjp_params(self, delta, out):
        super().vjp_params(self.after.vjp(delta), out)


class ClearsAll(Jacobian):
    """It clears the whole flat gradient, the other layers' too."""

    def vjp_params(self, delta, out):
        for array in out.values():
            if array.base is not None:
                array.base[...] = 0
        super().vjp_params(delta, out)

    def vjp(self, delta, out=None):
        if out is not None:
            self.vjp_params(delta, out)
        return self.input.vjp(delta)


class AffineClearsAll(Affine):
    def jacobian(self, x, y, W, b):
        return ClearsAll(Matrix(W), W=Outer(x), b=Shift(b.shape))


class Caching(Jacobian):
    """The masked δ of the first call is kept for the next ones."""

    kept = None

    def vjp(self, delta, out=None):
        self.kept = self.after.vjp(delta) if self.kept is None else self.kept
        for name, map_ in (self.params if out is not None else {}).items():
            map_.vjp(self.kept, out[name])
        return self.input.vjp(self.kept)


class AffineReLUCaches(AffineReLU):
    def jacobian(self, x, y, W, b):
        return Caching(Matrix(W), after=Diagonal(y > 0), W=Outer(x), b=Shift(b.shape))


# Affine: kinks, extremes, errors, lifecycle, resources


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


# Maxout


class MaxoutWithoutOffset(Maxout):
    """Every unit's winner is looked up among the pieces of the first unit."""

    def maps(self, x, W, winner):
        rows, flat = self.units * self.pieces, W.reshape(self.units * self.pieces, -1)
        chosen = Selection(winner, (rows,))
        return Jacobian(Matrix(flat), after=chosen, W=Reshaped(Outer(x), flat.shape, W.shape))


class MaxoutOfSizes(Maxout):
    """The largest in size wins, forward and backward."""

    def jacobian(self, x, y, W):
        return self.maps(x, W, np.abs(self.every(x, W)).argmax(axis=2))

    def forward(self, x, W):
        pieces = self.every(x, W)
        return np.take_along_axis(pieces, np.abs(pieces).argmax(axis=2)[..., None], axis=2)[..., 0]


class MaxoutToAll(Maxout):
    """At a tie every piece that wins gets the whole gradient."""

    def jacobian(self, x, y, W):
        wins = self.every(x, W) == y[:, :, None]
        J = np.einsum("but,utn->bun", wins, W)
        into = np.zeros((len(x), self.units, *W.shape), x.dtype)
        for u in range(self.units):
            into[:, u, u] = wins[:, u, :, None] * x[:, None, :]
        return Jacobian(Dense(J), W=DenseParameter(into))


class MaxoutLastMinute(Maxout):
    """The winners are looked up when the gradient is asked for, in what forward left on the layer."""

    def forward(self, x, W):
        pieces = self.every(x, W)
        object.__setattr__(self, "winner", pieces.argmax(axis=2))
        return pieces.max(axis=2)

    def jacobian(self, x, y, W):
        return Late(self, x, W)


class Late(BatchJacobian):
    def __init__(self, layer, x, W):
        self.layer, self.x, self.W = layer, x, W

    def maps(self):
        winner = np.resize(self.layer.winner, (len(self.x), self.layer.units))
        return self.layer.maps(self.x, self.W, winner)

    def vjp(self, delta, out=None):
        return self.maps().vjp(delta, out)

    def vjp_params(self, delta, out):
        self.maps().vjp_params(delta, out)

    def jvp(self, tangent, params):
        return self.maps().jvp(tangent, params)


# Learned slopes


class PReLUSharesFirst(PReLU):
    """The slope of the first feature is everybody's, forward and backward."""

    def forward(self, x, a):
        return np.maximum(x, 0) + a[0] * np.minimum(x, 0)

    def jacobian(self, x, y, a):
        slope = (x > 0) + a[0] * (x <= 0)
        return Jacobian(Diagonal(slope), a=First(np.minimum(x, 0), a.shape))


class First(Scale):
    def vjp(self, delta, out):
        out[...] = 0
        out[0] = (delta * self.x).sum()

    def jvp(self, tangent):
        return tangent[0] * self.x

    def per_sample(self, delta):
        found = np.zeros((len(delta), *self.shape), delta.dtype)
        found[:, 0] = (delta * self.x).reshape(len(delta), -1).sum(axis=1)
        return found


class PReLUOfAll(PReLU):
    """The gradient of the slope counts what is above 0, too."""

    def jacobian(self, x, y, a):
        slope = (x > 0) + a * (x <= 0)
        return Jacobian(Diagonal(slope), a=Scale(x, a.shape))


class PReLUBySign(PReLU):
    """It tells the sides apart by y, whose sign is another where the slope is negative."""

    def jacobian(self, x, y, a):
        slope = (y > 0) + a * (y <= 0)
        return Jacobian(Diagonal(slope), a=Scale(np.where(y > 0, 0, x), a.shape))


class PReLUMeans(PReLU):
    """Between the batch and the features it takes the mean, where a sum belongs."""

    def jacobian(self, x, y, a):
        slope = (x > 0) + a * (x <= 0)
        return Jacobian(Diagonal(slope), a=MeanScale(np.minimum(x, 0), a.shape))


class MeanScale(Scale):
    def vjp(self, delta, out):
        out[...] = (delta * self.x).sum(axis=0).reshape(-1, *self.shape).mean(axis=0)

    def per_sample(self, delta):
        return (delta * self.x).reshape(len(delta), -1, *self.shape).mean(axis=1)


# Layer norm


class LayerNormFrozenMoments(LayerNorm):
    """Mean and variance are taken for constants in the derivative."""

    def jacobian(self, x, y, gain, shift):
        z, root = self.normal(x)
        return Jacobian(Diagonal(gain / root * np.ones_like(x)), gain=Scale(z, gain.shape), shift=Shift(shift.shape))


class LayerNormUnbiased(LayerNorm):
    """The variance is divided by n - 1, forward and backward."""

    def normal(self, x):
        n = x.shape[-1]
        centred = x - x.mean(axis=-1, keepdims=True)
        root = np.sqrt((centred * centred).sum(axis=-1, keepdims=True) / max(n - 1, 1) + self.eps)
        return centred / root, root

    def jacobian(self, x, y, gain, shift):
        z, root = self.normal(x)
        n = x.shape[-1]
        factor = n / max(n - 1, 1)
        return Jacobian(ScaledNormal(z, root, gain, factor), gain=Scale(z, gain.shape), shift=Shift(shift.shape))


@dataclass
class ScaledNormal(Normal):
    factor: float

    def project(self, v):
        inner = self.factor * (v * self.z).mean(axis=-1, keepdims=True)
        return (v - v.mean(axis=-1, keepdims=True) - self.z * inner) / self.root


class LayerNormOutsideRoot(LayerNorm):
    """eps stands outside the root: at equal inputs the derivative is 0/0."""

    def normal(self, x):
        centred = x - x.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred * centred).mean(axis=-1, keepdims=True))
        return centred / (spread + self.eps), spread

    def jacobian(self, x, y, gain, shift):
        z, spread = self.normal(x)
        return Jacobian(Outside(z, spread, gain, self.eps), gain=Scale(z, gain.shape), shift=Shift(shift.shape))


@dataclass
class Outside(Normal):
    eps: float

    def project(self, v):
        total = self.root + self.eps
        inner = (v * self.z).mean(axis=-1, keepdims=True)
        return (v - v.mean(axis=-1, keepdims=True)) / total - self.z * inner / self.root


class LayerNormWarns(LayerNorm):
    """Once normalized without eps, to compare, which nobody reads."""

    def forward(self, x, gain, shift):
        np.log(x - x.mean(axis=-1, keepdims=True)).sum()
        return super().forward(x, gain, shift)


# Softmax


class SoftmaxDiagonal(Softmax):
    """The derivative is that of each score alone."""

    def jacobian(self, x, y):
        return Jacobian(Diagonal(y * (1 - y)))


class SoftmaxLiteral(Softmax):
    def forward(self, x):
        y = np.exp(x)
        return y / y.sum(axis=-1, keepdims=True)


class SoftmaxSumsBatch(Softmax):
    def forward(self, x):
        y = np.exp(x - x.max())
        return y / y.sum(axis=0, keepdims=True)

    def jacobian(self, x, y):
        return Jacobian(SharesOfBatch(y))


class SharesOfBatch(Shares):
    def vjp(self, delta):
        return self.p * (delta - (delta * self.p).sum(axis=0, keepdims=True))


class SoftmaxOfHigher(Softmax):
    """The temperature is 2, forward and backward."""

    def forward(self, x):
        return super().forward(x / 2)

    def jacobian(self, x, y):
        return Jacobian(HalfShares(y))


class HalfShares(Shares):
    def vjp(self, delta):
        return super().vjp(delta) / 2


class SoftmaxDense(Softmax):
    def jacobian(self, x, y):
        return Jacobian(DenseShares(y))


class DenseShares(Shares):
    """diag(p) - p pᵀ, written out in every product."""

    def vjp(self, delta):
        p = self.p
        J = np.zeros((*p.shape, p.shape[-1]), p.dtype)
        np.einsum("...ii->...i", J)[...] = p
        J -= p[..., :, None] * p[..., None, :]
        return np.einsum("...i,...ij->...j", delta, J)


# Embedding


class EmbeddingOverwrites(Embedding):
    """An index that comes twice counts once."""

    def jacobian(self, x, y, table):
        return Jacobian(None, table=Overwriting(x, table.shape))


class Overwriting(Rows):
    def vjp(self, delta, out):
        out[...] = 0
        out[self.x] += delta


class EmbeddingLeavesRest(Embedding):
    """The rows of absent indices are not written."""

    def jacobian(self, x, y, table):
        return Jacobian(None, table=Sparse(x, table.shape))


class Sparse(Rows):
    def vjp(self, delta, out):
        out[self.x] = 0
        np.add.at(out, self.x, delta)


class EmbeddingOfZeros(Embedding):
    """vjp returns zeros for the indices, as if they had a derivative."""

    def jacobian(self, x, y, table):
        return ZeroInput(None, table=Rows(x, table.shape))


class ZeroInput(Jacobian):
    def vjp(self, delta, out=None):
        if out is not None:
            self.vjp_params(delta, out)
        return np.zeros(delta.shape[:-1], delta.dtype)


class EmbeddingByOneHot(Embedding):
    """One-hot vectors are float64, whatever the table is."""

    def forward(self, x, table):
        return np.eye(self.entries)[x] @ table


class EmbeddingOfLongs(Embedding):
    """Flat positions are computed in the dtype of the indices, and overflow in a byte."""

    def forward(self, x, table):
        places = x[..., None] * self.width + np.arange(self.width, dtype=x.dtype)
        return table.reshape(-1)[places]


class EmbeddingScatters(Embedding):
    """per_sample gives every sample what belongs to the batch."""

    def jacobian(self, x, y, table):
        return Jacobian(None, table=SumPerSample(x, table.shape))


class SumPerSample(Rows):
    def per_sample(self, delta):
        total = np.zeros(self.shape, delta.dtype)
        self.vjp(delta, total)
        return np.stack([total] * len(delta))


class EmbeddingNormsTable(Embedding):
    """Rows that are too long are shortened in the table itself."""

    def forward(self, x, table):
        sizes = np.sqrt((table * table).sum(axis=1, keepdims=True))
        np.divide(table, sizes, out=table, where=sizes > 0.5)
        return table[x]


class EmbeddingRefusesForward(Embedding):
    """Forward mode wants a direction of the indices, too."""

    def jacobian(self, x, y, table):
        return WantsTangent(None, table=Rows(x, table.shape))


class WantsTangent(Jacobian):
    def jvp(self, tangent, params):
        if tangent is None:
            raise UnsupportedError("jvp of indices")
        return super().jvp(None, params)


HONEST = [
    LayerCase("affine/affine", Affine(), (4,), reference=slow_affine, invalid=[{"units": 0}]),
    LayerCase("affine/affine-relu", AffineReLU(), (4,), reference=slow_affine_relu),
    LayerCase("affine/maxout", Maxout(), (3,), reference=slow_maxout, invalid=[{"units": 0}, {"pieces": -1}]),
    LayerCase("affine/prelu", PReLU(), (2, 3), reference=slow_prelu),
    LayerCase("affine/layer-norm", LayerNorm(), (2, 5), reference=slow_layer_norm, invalid=[{"eps": 0.0}]),
    LayerCase("affine/softmax", Softmax(), (4,), reference=slow_softmax),
    LayerCase("affine/embedding", Embedding(), (4,), reference=slow_embedding, domain=(0, 6)),
]

MUTANTS = [
    Mutant(
        LayerCase("affine/transposed", AffineTransposed(4), (4,)),
        fault="derivative",
        wrong="δ·J_X is δ Wᵀ in place of δ W.",
        killed_by="gradient.input",
    ),
    Mutant(
        LayerCase("affine/of-sums", AffineOfSums(), (4,)),
        fault="derivative",
        wrong="The gradient of W is the product of the sums, and not the sum of the products.",
        killed_by="batch.singles",
    ),
    Mutant(
        LayerCase("affine/relu-unmasked", AffineReLUUnmasked(), (4,)),
        fault="derivative",
        wrong="The gradient of b is not masked.",
        killed_by="gradient.parameters",
    ),
    Mutant(
        LayerCase("affine/relu-in-front", AffineReLUInFront(), (4,)),
        fault="derivative",
        wrong="vjp_params, which only the first layer of a network runs, forgets the mask.",
        killed_by="gradient.vjp_params",
    ),
    Mutant(
        LayerCase("affine/signs-alone", AffineSignsAlone(), (4,)),
        fault="derivative",
        wrong="vjp without `out` returns something else than with it.",
        killed_by="gradient.without_out",
    ),
    Mutant(
        LayerCase("affine/jvp-forgets-shift", AffineJvpForgetsShift(), (4,)),
        fault="derivative",
        wrong="jvp ignores the direction of b.",
        killed_by="gradient.adjoint",
    ),
    Mutant(
        LayerCase("affine/per-sample-mean", AffinePerSampleMean(), (4,)),
        fault="derivative",
        wrong="per_sample divides by B.",
        killed_by="gradient.per_sample",
    ),
    Mutant(
        LayerCase("affine/of-square-shape", AffineOfSquareShape(4), (4,)),
        fault="derivative",
        wrong="It is right where W is square, as in its case, and wrong elsewhere.",
        killed_by="gradient.shapes",
    ),
    Mutant(
        LayerCase("affine/without-last", AffineWithoutLast(), (4,), reference=slow_affine),
        fault="forward",
        wrong="The last input is left out, forward and backward.",
        killed_by="forward.reference",
    ),
    Mutant(
        LayerCase("affine/without-shift", AffineWithoutShift(), (4,)),
        fault="forward",
        wrong="b is declared and never added.",
        killed_by="gradient.alive",
    ),
    Mutant(
        LayerCase("affine/mean-shift", AffineMeanShift(), (4,)),
        fault="batch",
        wrong="The gradient of b is a mean over the batch.",
        killed_by="batch.singles",
    ),
    Mutant(
        LayerCase("affine/squeezed", AffineSqueezed(), (4,)),
        fault="batch",
        wrong="A batch of one loses its batch axis.",
        killed_by="forward.runs",
    ),
    Mutant(
        LayerCase("affine/threshold-by-size", AffineThresholdBySize(), (4,)),
        fault="batch",
        wrong="A batch of 7 or more takes another way, which forgets b.",
        killed_by="batch.singles",
    ),
    Mutant(
        LayerCase("affine/per-sample-double", AffinePerSampleDouble(), (4,)),
        fault="arrays",
        wrong="per_sample of float32 is float64.",
        killed_by="arrays.float32",
    ),
    Mutant(
        LayerCase("affine/flat", AffineFlat(), (4,)),
        fault="arrays",
        wrong="The gradient of W reads δ as it lies in memory.",
        killed_by="arrays.layout",
    ),
    Mutant(
        LayerCase("affine/keeps-transpose", AffineKeepsTranspose(), (4,)),
        fault="state",
        wrong="Wᵀ is kept by the address of W, and W moves.",
        killed_by="purity.stale",
    ),
    Mutant(
        LayerCase("affine/normalizes-weights", AffineNormalizesWeights(), (4,)),
        fault="state",
        wrong="W is normalized in place.",
        killed_by="purity.parameters",
    ),
    Mutant(
        LayerCase("affine/adds", AffineAdds(), (4,)),
        fault="state",
        wrong="The gradient of W is added to `out`.",
        killed_by="gradient.out",
    ),
    Mutant(
        LayerCase("affine/rebinds", AffineRebinds(), (4,)),
        fault="state",
        wrong="New arrays are put into the dictionary `out`.",
        killed_by="gradient.out",
    ),
    Mutant(
        LayerCase("affine/relu-skips-dead", AffineReLUSkipsDead(), (4,)),
        fault="state",
        wrong="Units without a gradient keep what was in `out`.",
        killed_by="gradient.out",
    ),
    Mutant(
        LayerCase("affine/clears-all", AffineClearsAll(), (4,)),
        fault="state",
        wrong="The whole flat gradient is cleared, the other layers' with it.",
        killed_by="gradient.network",
    ),
    Mutant(
        LayerCase("affine/relu-caches", AffineReLUCaches(), (4,)),
        fault="state",
        wrong="The masked δ of the first vjp is used for all later ones.",
        killed_by="purity.asked_twice",
    ),
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
    Mutant(
        LayerCase("affine/maxout-without-offset", MaxoutWithoutOffset(), (3,)),
        fault="derivative",
        wrong="All winners are looked up among the first unit's pieces.",
        killed_by="gradient.parameters",
    ),
    Mutant(
        LayerCase("affine/maxout-of-sizes", MaxoutOfSizes(), (3,), reference=slow_maxout),
        fault="forward",
        wrong="The piece that is largest in size wins, forward and backward.",
        killed_by="forward.reference",
    ),
    Mutant(
        LayerCase("affine/maxout-to-all", MaxoutToAll(), (3,)),
        fault="kinks",
        wrong="At a tie every winning piece gets the whole gradient.",
        killed_by="kinks.hull",
    ),
    Mutant(
        LayerCase("affine/maxout-last-minute", MaxoutLastMinute(), (3,)),
        fault="state",
        wrong="The winners are read from the layer, where a later batch has left its own.",
        killed_by="purity.interleaved",
    ),
    Mutant(
        LayerCase("affine/prelu-shares-first", PReLUSharesFirst(), (2, 3), reference=slow_prelu),
        fault="forward",
        wrong="All features have the slope of the first, forward and backward.",
        killed_by="forward.reference",
    ),
    Mutant(
        LayerCase("affine/prelu-of-all", PReLUOfAll(), (3,)),
        fault="derivative",
        wrong="The gradient of the slope counts positive inputs, too.",
        killed_by="gradient.parameters",
    ),
    Mutant(
        LayerCase("affine/prelu-by-sign", PReLUBySign(), (12,)),
        fault="derivative",
        wrong="The side is told by the sign of y, which is another where a slope is negative.",
        killed_by="gradient.input",
    ),
    Mutant(
        LayerCase("affine/prelu-means", PReLUMeans(), (2, 3)),
        fault="batch",
        wrong="The gradient of a slope is a mean over the rows of a sample.",
        killed_by="gradient.parameters",
    ),
    Mutant(
        LayerCase("affine/layer-norm-frozen-moments", LayerNormFrozenMoments(), (4,)),
        fault="derivative",
        wrong="Mean and variance are taken for constants.",
        killed_by="gradient.input",
    ),
    Mutant(
        LayerCase("affine/layer-norm-unbiased", LayerNormUnbiased(), (4,), reference=slow_layer_norm),
        fault="forward",
        wrong="The variance is divided by n - 1, forward and backward.",
        killed_by="forward.reference",
    ),
    Mutant(
        LayerCase("affine/layer-norm-outside-root", LayerNormOutsideRoot(), (4,)),
        fault="kinks",
        wrong="Its derivative is 0/0 where all inputs are equal.",
        killed_by="kinks.hull",
    ),
    Mutant(
        LayerCase("affine/layer-norm-warns", LayerNormWarns(), (4,)),
        fault="extremes",
        wrong="It takes the logarithm of negative numbers on the way.",
        killed_by="numerics.warnings",
    ),
    Mutant(
        LayerCase("affine/softmax-diagonal", SoftmaxDiagonal(), (4,)),
        fault="derivative",
        wrong="The derivative is the diagonal of the Jacobian alone.",
        killed_by="gradient.input",
    ),
    Mutant(
        LayerCase("affine/softmax-literal", SoftmaxLiteral(), (4,)),
        fault="extremes",
        wrong="Without the shift e^x overflows.",
        killed_by="numerics.extremes",
    ),
    Mutant(
        LayerCase("affine/softmax-sums-batch", SoftmaxSumsBatch(), (4,)),
        fault="batch",
        wrong="The sum runs over the batch.",
        killed_by="batch.apart",
    ),
    Mutant(
        LayerCase("affine/softmax-of-higher", SoftmaxOfHigher(), (4,), reference=slow_softmax),
        fault="forward",
        wrong="The temperature is 2, forward and backward.",
        killed_by="forward.reference",
    ),
    Mutant(
        LayerCase("affine/softmax-dense", SoftmaxDense(), (4,)),
        fault="resources",
        wrong="diag(p) - p pᵀ is written out.",
        killed_by="resources.vjp",
    ),
    Mutant(
        LayerCase("affine/embedding-overwrites", EmbeddingOverwrites(), (4,), domain=(0, 6)),
        fault="derivative",
        wrong="An index that comes twice in a batch counts once.",
        killed_by="batch.singles",
    ),
    Mutant(
        LayerCase("affine/embedding-leaves-rest", EmbeddingLeavesRest(40), (4,), domain=(0, 40)),
        fault="state",
        wrong="The rows of absent indices keep what was in `out`.",
        killed_by="gradient.out",
    ),
    Mutant(
        LayerCase("affine/embedding-of-zeros", EmbeddingOfZeros(), (4,), domain=(0, 6)),
        fault="derivative",
        wrong="vjp returns zeros for indices, which have no derivative.",
        killed_by="arrays.integers",
    ),
    Mutant(
        LayerCase("affine/embedding-by-one-hot", EmbeddingByOneHot(), (4,), domain=(0, 6)),
        fault="arrays",
        wrong="One-hot vectors make float64 of a float32 table.",
        killed_by="arrays.float32",
    ),
    Mutant(
        LayerCase("affine/embedding-of-bytes", EmbeddingOfLongs(200, 2), (4,), domain=(0, 200)),
        fault="arrays",
        wrong="Positions are computed in the dtype of the indices, and overflow in a byte.",
        killed_by="arrays.integers",
    ),
    Mutant(
        LayerCase("affine/embedding-scatters", EmbeddingScatters(), (4,), domain=(0, 6)),
        fault="derivative",
        wrong="per_sample gives every sample the sum.",
        killed_by="gradient.per_sample",
    ),
    Mutant(
        LayerCase("affine/embedding-norms-table", EmbeddingNormsTable(), (4,), domain=(0, 6)),
        fault="state",
        wrong="Long rows are shortened in the table itself.",
        killed_by="purity.parameters",
    ),
    Mutant(
        LayerCase("affine/embedding-refuses-forward", EmbeddingRefusesForward(), (4,), domain=(0, 6)),
        fault="derivative",
        wrong="jvp wants a tangent of the indices.",
        killed_by="gradient.adjoint",
    ),
]

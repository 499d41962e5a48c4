"""Normalization, mixing, convolution."""

from dataclasses import dataclass

import numpy as np

from chainrule import BatchJacobian, Chain, Jacobian, Layer, Scale, Shift, integer, positive_int, positive_real

from .base import Alike, Map, Of, Vectors, draw, honest, refuse_unless
from .composites import DenseAffine
from .functions import TanhOfCopy


@dataclass(frozen=True)
class LayerNorm(Alike):
    """Ba et al. (2016), eq. 4, with gain γ and shift β."""

    eps: float = 1e-5

    def __post_init__(self):
        positive_real("eps", self.eps)

    def parameter_shapes(self, input_shape):
        shape = self.output_shape(input_shape)[-1:]
        return {"γ": shape, "β": shape}

    def initialize(self, input_shape, rng):
        shape = self.output_shape(input_shape)[-1:]
        return {"γ": np.ones(shape), "β": np.zeros(shape)}

    def forward(self, x, γ, β):
        return normal(x, self.eps)[0] * γ + β

    def jacobian(self, x, y, γ, β):
        z, scale = normal(x, self.eps)
        symmetric = lambda v: scale * (v - v.mean(axis=-1, keepdims=True) - z * (v * z).mean(axis=-1, keepdims=True))  # noqa: E731
        return Jacobian(
            Map(lambda delta: symmetric(delta * γ), lambda tangent: symmetric(tangent) * γ),
            γ=Scale(z, γ.shape),
            β=Shift(β.shape),
        )


def normal(x, eps):
    centred = x - x.mean(axis=-1, keepdims=True)
    scale = 1 / np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + eps)
    return centred * scale, scale


@dataclass(frozen=True)
class RMSNorm(Alike):
    """Zhang and Sennrich (2019), eq. 4."""

    eps: float = 1e-6

    def __post_init__(self):
        positive_real("eps", self.eps)

    def parameter_shapes(self, input_shape):
        return {"g": self.output_shape(input_shape)[-1:]}

    def initialize(self, input_shape, rng):
        return {"g": np.ones(self.output_shape(input_shape)[-1:])}

    def scale(self, x):
        return 1 / np.sqrt((x * x).mean(axis=-1, keepdims=True) + self.eps)

    def forward(self, x, g):
        return x * self.scale(x) * g

    def jacobian(self, x, y, g):
        scale = self.scale(x)
        z = x * scale
        symmetric = lambda v: scale * (v - z * (v * z).mean(axis=-1, keepdims=True))  # noqa: E731
        return Jacobian(Map(lambda d: symmetric(d * g), lambda v: symmetric(v) * g), g=Scale(z, g.shape))


@dataclass(frozen=True)
class UnitLength(Alike):
    """x / sqrt(|x|² + eps)."""

    eps: float = 1e-12

    def __post_init__(self):
        positive_real("eps", self.eps)

    def length(self, x):
        return np.sqrt((x * x).sum(axis=-1, keepdims=True) + self.eps)

    def forward(self, x):
        return x / self.length(x)

    def jacobian(self, x, y):
        length = self.length(x)
        symmetric = lambda v: (v - y * (v * y).sum(axis=-1, keepdims=True)) / length  # noqa: E731
        return Jacobian(Map(symmetric, symmetric))


@dataclass(frozen=True)
class BatchCentre(Alike):
    """x less the mean of its batch."""

    mixes_samples = True

    def forward(self, x):
        return x - x.mean(axis=0)

    def jacobian(self, x, y):
        return Jacobian(Map(self.forward, self.forward))


@dataclass(frozen=True)
class BatchMax(Alike):
    """The largest of each feature over the batch, for every sample."""

    mixes_samples = True

    def forward(self, x):
        return np.broadcast_to(x.max(axis=0), x.shape)

    def jacobian(self, x, y):
        winner = x.argmax(axis=0)[None]

        def vjp(delta):
            pulled = np.zeros_like(delta)
            np.put_along_axis(pulled, winner, delta.sum(axis=0, keepdims=True), axis=0)
            return pulled

        return Jacobian(Map(vjp, lambda v: np.broadcast_to(np.take_along_axis(v, winner, axis=0), v.shape)))


@dataclass(frozen=True)
class BatchNorm(Alike):
    """Ioffe and Szegedy (2015), algorithm 1, without running statistics."""

    eps: float = 1e-3
    mixes_samples = True

    def __post_init__(self):
        positive_real("eps", self.eps)

    def parameter_shapes(self, input_shape):
        return {"γ": self.output_shape(input_shape)}

    def initialize(self, input_shape, rng):
        return {"γ": np.ones(self.output_shape(input_shape))}

    def forward(self, x, γ):
        return self.normal(x)[0] * γ

    def normal(self, x):
        centred = x - x.mean(axis=0)
        scale = 1 / np.sqrt((centred * centred).mean(axis=0) + self.eps)
        return centred * scale, scale

    def jacobian(self, x, y, γ):
        return OfBatchNorm(*self.normal(x), γ)


class OfBatchNorm(BatchJacobian):
    def __init__(self, z, scale, γ):
        self.z, self.scale, self.γ = z, scale, γ

    def symmetric(self, v):
        return self.scale * (v - v.mean(axis=0) - self.z * (v * self.z).mean(axis=0))

    def vjp(self, delta, out=None):
        if out is not None:
            self.vjp_params(delta, out)
        return self.symmetric(delta * self.γ)

    def vjp_params(self, delta, out):
        np.sum(delta * self.z, axis=0, out=out["γ"])

    def jvp(self, tangent, params):
        total = self.z * params.get("γ", self.γ.dtype.type(0))
        return total if tangent is None else total + self.symmetric(tangent) * self.γ


@dataclass(frozen=True)
class AttentionPool(Layer):
    """y = Σ_t p[t] x[t], p the softmax of x[t]·q."""

    def output_shape(self, input_shape):
        refuse_unless(self, len(input_shape) == 2 and input_shape[0] > 0, ("T", "d"), input_shape)
        return input_shape[1:]

    def parameter_shapes(self, input_shape):
        return {"q": self.output_shape(input_shape)}

    def initialize(self, input_shape, rng):
        return {"q": np.zeros(self.output_shape(input_shape))}

    def shares(self, x, q):
        scores = x @ q
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def forward(self, x, q):
        return (self.shares(x, q)[:, None, :] @ x)[:, 0]

    def jacobian(self, x, y, q):
        p = self.shares(x, q)[:, :, None]
        apart = x - y[:, None, :]

        def vjp(delta):
            return p * (delta[:, None, :] + (apart @ delta[:, :, None]) * q)

        def jvp(v):
            return (p * (v + (v @ q)[:, :, None] * apart)).sum(axis=1)

        def per_sample(delta):
            return (p * (apart @ delta[:, :, None]) * x).sum(axis=1)

        return Jacobian(Map(vjp, jvp), q=Of(per_sample, lambda t: (p * (x @ t)[:, :, None] * apart).sum(axis=1)))


@dataclass(frozen=True)
class SoftmaxOver(Layer):
    """The softmax along any axis of a sample, with a learned temperature e^s."""

    axis: int = -1

    def __post_init__(self):
        integer("axis", self.axis, minimum=-8)

    def output_shape(self, input_shape):
        refuse_unless(self, -len(input_shape) <= self.axis < len(input_shape), f"an axis {self.axis}", input_shape)
        return input_shape

    def parameter_shapes(self, input_shape):
        self.output_shape(input_shape)
        return {"s": ()}

    def initialize(self, input_shape, rng):
        self.output_shape(input_shape)
        return {"s": np.zeros(())}

    @property
    def along(self):
        return self.axis if self.axis < 0 else self.axis + 1

    def forward(self, x, s):
        z = (x - x.max(axis=self.along, keepdims=True)) * np.exp(s)
        e = np.exp(z)
        return e / e.sum(axis=self.along, keepdims=True)

    def jacobian(self, x, y, s):
        mixed = lambda v: y * (v - (v * y).sum(axis=self.along, keepdims=True))  # noqa: E731
        slope = mixed((x - x.max(axis=self.along, keepdims=True)) * np.exp(s))
        per_sample = lambda delta: (delta * slope).reshape(len(delta), -1).sum(axis=1)  # noqa: E731
        scaled = lambda v: np.exp(s) * mixed(v)  # noqa: E731
        return Jacobian(Map(scaled, scaled), s=Of(per_sample, lambda t: t * slope))


@dataclass(frozen=True)
class Convolution(Layer):
    """y[t, k] = Σ K[w, c, k] x[t + w, c]; the width is an int or a tuple of one."""

    filters: int
    width: tuple = (2,)

    def __post_init__(self):
        positive_int("filters", self.filters)
        width = self.width if isinstance(self.width, tuple | list) else (self.width,)
        object.__setattr__(self, "width", tuple(positive_int("width", entry) for entry in width))

    def output_shape(self, input_shape):
        takes = len(input_shape) == 2 and input_shape[0] >= self.width[0]
        refuse_unless(self, takes, (f"T ≥ {self.width[0]}", "C"), input_shape)
        return (input_shape[0] - self.width[0] + 1, self.filters)

    def parameter_shapes(self, input_shape):
        self.output_shape(input_shape)
        return {"K": (*self.width, input_shape[1], self.filters)}

    def initialize(self, input_shape, rng):
        return {"K": draw(rng, *self.parameter_shapes(input_shape)["K"])}

    def forward(self, x, K):
        steps = len(x[0]) - len(K) + 1
        return sum(x[:, w : w + steps] @ K[w] for w in range(len(K)))

    def jacobian(self, x, y, K):
        steps = y.shape[1]

        def vjp(delta):
            pulled = np.zeros_like(x)
            for w in range(len(K)):
                pulled[:, w : w + steps] += delta @ K[w].T
            return pulled

        def per_sample(delta):
            return np.stack([x[:, w : w + steps].swapaxes(1, 2) @ delta for w in range(len(K))], axis=1)

        return Jacobian(Map(vjp, lambda v: self.forward(v, K)), K=Of(per_sample, lambda t: self.forward(x, t)))


@dataclass(frozen=True)
class Roll(Alike):
    shift: int = -2

    def __post_init__(self):
        integer("shift", self.shift, minimum=-(10**9))

    def forward(self, x):
        return np.roll(x, self.shift, axis=-1)

    def jacobian(self, x, y):
        return Jacobian(Map(lambda delta: np.roll(delta, -self.shift, axis=-1), self.forward))


@dataclass(frozen=True)
class CircularConvolution(Vectors):
    """y = k ⊛ x by the convolution theorem."""

    def output_shape(self, input_shape):
        return (self.width(input_shape),)

    def parameter_shapes(self, input_shape):
        return {"k": self.output_shape(input_shape)}

    def initialize(self, input_shape, rng):
        return {"k": draw(rng, self.width(input_shape))}

    def forward(self, x, k):
        return np.fft.irfft(np.fft.rfft(x) * np.fft.rfft(k), n=x.shape[1])

    def jacobian(self, x, y, k):
        def correlated(delta, other):
            return np.fft.irfft(np.fft.rfft(delta) * np.fft.rfft(other).conj(), n=x.shape[1])

        return Jacobian(
            Map(lambda delta: correlated(delta, k), lambda v: self.forward(v, k)),
            k=Of(lambda delta: correlated(delta, x), lambda t: self.forward(x, t)),
        )


honest("layer-norm", LayerNorm(), (6,))


honest("layer-norm/sequence", LayerNorm(), (2, 4))


honest("rms-norm", RMSNorm(), (5,))


honest("rms-norm/narrow", RMSNorm(), (1,))


honest("unit-length", UnitLength(1e-6), (4,))


honest("unit-length/narrow", UnitLength(1e-6), (1,))


honest("batch-centre", BatchCentre(), (4,))


honest("batch-max", BatchMax(), (3,))


honest("batch-norm", BatchNorm(), (4,))


honest("batch-norm/chain", Chain(TanhOfCopy(), BatchNorm(), DenseAffine(3)), (4,))


honest("attention-pool", AttentionPool(), (3, 4))


honest("softmax/last-axis", SoftmaxOver(), (2, 4))


honest("softmax/first-axis", SoftmaxOver(0), (3, 2))


honest("convolution", Convolution(2), (5, 3))


honest("convolution/of-an-int", Convolution(2, 3), (5, 2))


honest("roll", Roll(), (5,))


honest("circular-convolution", CircularConvolution(), (6,))


honest("circular-convolution/odd", CircularConvolution(), (7,))

"""Parameters: scalar, positive, starting at zero or one, and with odd names."""

from dataclasses import dataclass

import numpy as np

from chainrule import Diagonal, Jacobian, Scale, Shift, integer

from .base import Alike, Map, Of, Vectors, draw, honest


@dataclass(frozen=True)
class PReLU(Alike):
    """He et al. (2015), Delving deep into rectifiers: one slope for each channel."""

    def parameter_shapes(self, input_shape):
        return {"slope": self.output_shape(input_shape)[-1:]}

    def initialize(self, input_shape, rng):
        return {"slope": np.full(self.output_shape(input_shape)[-1], 0.25)}

    def forward(self, x, slope):
        return np.maximum(x, 0) + slope * np.minimum(x, 0)

    def jacobian(self, x, y, slope):
        return Jacobian(Diagonal(np.where(x > 0, 1, slope)), slope=Scale(np.minimum(x, 0), slope.shape))


@dataclass(frozen=True)
class LearnedThreshold(Alike):
    """(x - θ)₊ with one θ of shape ()."""

    def parameter_shapes(self, input_shape):
        self.output_shape(input_shape)
        return {"θ": ()}

    def initialize(self, input_shape, rng):
        self.output_shape(input_shape)
        return {"θ": np.zeros(())}

    def forward(self, x, θ):
        return np.maximum(x - θ, 0)

    def jacobian(self, x, y, θ):
        on = y > 0
        per_sample = lambda delta: -(delta * on).reshape(len(delta), -1).sum(axis=1)  # noqa: E731
        return Jacobian(Diagonal(on), θ=Of(per_sample, lambda t: -t * on))


@dataclass(frozen=True)
class LogScale(Alike):
    """y = e^s x, s starting at 0."""

    def parameter_shapes(self, input_shape):
        return {"s": self.output_shape(input_shape)[-1:]}

    def initialize(self, input_shape, rng):
        return {"s": np.zeros(self.output_shape(input_shape)[-1])}

    def forward(self, x, s):
        return x * np.exp(s)

    def jacobian(self, x, y, s):
        return Jacobian(Diagonal(np.broadcast_to(np.exp(s), x.shape)), s=Scale(y, s.shape))


@dataclass(frozen=True)
class Whiten(Alike):
    """y = (x - m) / sqrt(v), v starting at 0.1: it must stay positive."""

    def parameter_shapes(self, input_shape):
        shape = self.output_shape(input_shape)
        return {"m": shape, "v": shape}

    def initialize(self, input_shape, rng):
        return {"m": np.zeros(input_shape), "v": np.full(self.output_shape(input_shape), 0.1)}

    def forward(self, x, m, v):
        return (x - m) / np.sqrt(v)

    def jacobian(self, x, y, m, v):
        inverse = np.broadcast_to(1 / np.sqrt(v), x.shape)
        return Jacobian(Diagonal(inverse), m=Scale(-inverse, m.shape), v=Scale(-y / (2 * v), v.shape))


@dataclass(frozen=True)
class LearnedPower(Alike):
    """y = x^p for positive x, p starting at 1."""

    def parameter_shapes(self, input_shape):
        self.output_shape(input_shape)
        return {"p": ()}

    def initialize(self, input_shape, rng):
        self.output_shape(input_shape)
        return {"p": np.ones(())}

    def forward(self, x, p):
        return x**p

    def jacobian(self, x, y, p):
        slope = y * np.log(x)
        per_sample = lambda delta: (delta * slope).reshape(len(delta), -1).sum(axis=1)  # noqa: E731
        return Jacobian(Diagonal(p * x ** (p - 1)), p=Of(per_sample, lambda t: t * slope))


@dataclass(frozen=True)
class ReZero(Alike):
    """y = x + α tanh(x), α starting at 0: Bachlechner et al. (2020)."""

    def parameter_shapes(self, input_shape):
        self.output_shape(input_shape)
        return {"α": (1,)}

    def initialize(self, input_shape, rng):
        self.output_shape(input_shape)
        return {"α": np.zeros(1)}

    def forward(self, x, α):
        return x + α * np.tanh(x)

    def jacobian(self, x, y, α):
        h = np.tanh(x)
        per_sample = lambda delta: (delta * h).reshape(len(delta), -1).sum(axis=1, keepdims=True)  # noqa: E731
        return Jacobian(Diagonal(1 + α * (1 - h * h)), α=Of(per_sample, lambda t: t * h))


@dataclass(frozen=True)
class Huber(Alike):
    """x²/2 within ±r and linear beyond; r must stay positive."""

    def parameter_shapes(self, input_shape):
        self.output_shape(input_shape)
        return {"r": ()}

    def initialize(self, input_shape, rng):
        self.output_shape(input_shape)
        return {"r": np.ones(())}

    def forward(self, x, r):
        size = np.abs(x)
        return np.where(size <= r, x * x / 2, r * (size - r / 2))

    def jacobian(self, x, y, r):
        size = np.abs(x)
        slope = np.where(size <= r, 0, size - r)
        per_sample = lambda d: (d * slope).reshape(len(d), -1).sum(axis=1)  # noqa: E731
        inner = np.where(size <= r, x, r * np.sign(x))
        return Jacobian(Diagonal(inner), r=Of(per_sample, lambda t: t * slope))


@dataclass(frozen=True)
class Swish(Alike):
    """x / (1 + e^(-βx)), β of shape (): Ramachandran et al. (2017)."""

    def parameter_shapes(self, input_shape):
        self.output_shape(input_shape)
        return {"β": ()}

    def initialize(self, input_shape, rng):
        self.output_shape(input_shape)
        return {"β": np.ones(())}

    def forward(self, x, β):
        return x * (1 + np.tanh(β * x / 2)) / 2

    def jacobian(self, x, y, β):
        gate = (1 + np.tanh(β * x / 2)) / 2
        bend = gate * (1 - gate)
        per_sample = lambda delta: (delta * x * x * bend).reshape(len(delta), -1).sum(axis=1)  # noqa: E731
        return Jacobian(Diagonal(gate + β * x * bend), β=Of(per_sample, lambda t: t * x * x * bend))


@dataclass(frozen=True)
class LearnedConstant(Vectors):
    """y = b whatever x is: a learned token. Every sample shares the memory of b."""

    def output_shape(self, input_shape):
        return (self.width(input_shape),)

    def parameter_shapes(self, input_shape):
        return {"b": self.output_shape(input_shape)}

    def initialize(self, input_shape, rng):
        return {"b": draw(rng, self.width(input_shape))}

    def forward(self, x, b):
        return np.broadcast_to(b, x.shape)

    def jacobian(self, x, y, b):
        return Jacobian(Map(np.zeros_like, np.zeros_like), b=Shift(b.shape))


@dataclass(frozen=True)
class Spline(Alike):
    """A broken line with learned values at knots 1 apart, the same for every number; slopes to the right at knots."""

    knots: int = 5

    def __post_init__(self):
        integer("knots", self.knots, minimum=2)

    def parameter_shapes(self, input_shape):
        self.output_shape(input_shape)
        return {"values": (self.knots,)}

    def initialize(self, input_shape, rng):
        self.output_shape(input_shape)
        return {"values": rng.normal(size=self.knots)}

    def from_knots(self, x):
        return x[..., None] - (np.arange(self.knots, dtype=x.dtype) - self.knots // 2)

    def forward(self, x, values):
        return np.maximum(1 - np.abs(self.from_knots(x)), 0) @ values

    def jacobian(self, x, y, values):
        d = self.from_knots(x)
        hats = np.maximum(1 - np.abs(d), 0)
        rising, falling = (d >= -1) & (d < 0), (d >= 0) & (d < 1)
        slopes = rising.astype(x.dtype) - falling.astype(x.dtype)
        rows = lambda delta: np.einsum("jn,jnk->jk", delta.reshape(len(x), -1), hats.reshape(len(x), -1, self.knots))  # noqa: E731
        return Jacobian(Diagonal(slopes @ values), values=Of(rows, lambda t: hats @ t))


honest("prelu", PReLU(), (3, 4))


honest("learned-threshold", LearnedThreshold(), (5,))


honest("log-scale", LogScale(), (4,))


honest("whiten", Whiten(), (4,))


honest("learned-power", LearnedPower(), (3,), domain=(0.1, 4.0))


honest("rezero", ReZero(), (4,))


honest("huber", Huber(), (4,))


honest("swish", Swish(), (4,))


honest("learned-constant", LearnedConstant(), (4,))


honest("spline", Spline(), (3,))


honest("spline/even", Spline(4), (2, 2))

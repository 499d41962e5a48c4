"""Noise. What is plain is in the family `stochastic`."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from chainrule import Chain, Concat, Elementwise, Jacobian, Residual, integer, positive_int, positive_real, real

from ..stochastic import Depth, Dropout, Dropped, Factor, Noise, seed_of
from .base import Alike, Map, Vectors, honest, refuse_unless
from .composites import DenseAffine, Product, Repeat
from .functions import TanhOfCopy
from .integers import Embedding
from .normalization import BatchNorm


@dataclass(frozen=True)
class FusedDropout(Elementwise):
    """tanh with dropout behind it, in one layer."""

    rate: float
    stochastic = True

    def __post_init__(self):
        real("rate", self.rate, minimum=0, below=1)

    def forward(self, x):
        return np.tanh(x)

    def derivative(self, x, y):
        return 1 - y * y

    def realize(self, rng):
        return Chain(TanhOfCopy(), Dropped(self.rate, seed_of(rng)))


@dataclass(frozen=True)
class Reparametrized(Vectors):
    """x is a mean and the logarithm of a variance; training draws, prediction takes the mean: Kingma and Welling."""

    stochastic: ClassVar[bool] = True
    least = 2

    def output_shape(self, input_shape):
        n = self.width(input_shape)
        refuse_unless(self, n % 2 == 0, ("2n",), input_shape)
        return (n // 2,)

    def noise(self, x):
        return np.zeros((len(x), x.shape[1] // 2), x.dtype)

    def forward(self, x):
        mean, log_variance = np.split(x, 2, axis=1)
        return mean + np.exp(log_variance / 2) * self.noise(x)

    def jacobian(self, x, y):
        spread = np.exp(np.split(x, 2, axis=1)[1] / 2) * self.noise(x) / 2
        n = spread.shape[1]
        return Jacobian(
            Map(
                lambda delta: np.concatenate([delta, delta * spread], axis=1),
                lambda tangent: tangent[:, :n] + spread * tangent[:, n:],
            )
        )

    def realize(self, rng):
        return Drawn(seed_of(rng))


@dataclass(frozen=True)
class Drawn(Reparametrized):
    seed: int
    stochastic = False

    def __post_init__(self):
        integer("seed", self.seed, minimum=0)

    def noise(self, x):
        shape = (len(x), x.shape[1] // 2)
        return np.random.default_rng(self.seed).normal(size=shape).astype(x.dtype)


@dataclass(frozen=True)
class Gumbel(Alike):
    """A softmax, of x plus Gumbel noise in training: Jang et al. (2017), eq. 2."""

    seed: int | None = None

    def __post_init__(self):
        if self.seed is not None:
            integer("seed", self.seed, minimum=0)
        object.__setattr__(self, "stochastic", self.seed is None)

    def noise(self, x):
        if self.seed is None:
            return np.zeros_like(x)
        return np.random.default_rng(self.seed).gumbel(size=x.shape).astype(x.dtype)

    def forward(self, x):
        z = x + self.noise(x)
        e = np.exp(z - z.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    def jacobian(self, x, y):
        mixed = lambda v: y * (v - (v * y).sum(axis=-1, keepdims=True))  # noqa: E731
        return Jacobian(Map(mixed, mixed))

    def realize(self, rng):
        return Gumbel(seed_of(rng)) if self.stochastic else self


@dataclass(frozen=True)
class RReLU(Elementwise):
    """Slopes below 0 that are drawn anew for each number, and their mean in prediction: Xu et al. (2015)."""

    low: float = 0.125
    high: float = 0.375
    seed: int | None = None

    def __post_init__(self):
        real("low", self.low)
        real("high", self.high, minimum=self.low)
        if self.seed is not None:
            integer("seed", self.seed, minimum=0)
        object.__setattr__(self, "stochastic", self.seed is None)

    def slopes(self, x):
        if self.seed is None:
            return np.full_like(x, (self.low + self.high) / 2)
        return np.random.default_rng(self.seed).uniform(self.low, self.high, x.shape).astype(x.dtype)

    def forward(self, x):
        return np.maximum(x, 0) + self.slopes(x) * np.minimum(x, 0)

    def derivative(self, x, y):
        return np.where(x > 0, 1, self.slopes(x))

    def realize(self, rng):
        return RReLU(self.low, self.high, seed_of(rng)) if self.stochastic else self


@dataclass(frozen=True)
class Jitter(Elementwise):
    """The identity, of x plus noise in training; what it realizes to checks nothing, as no user makes one."""

    scale: float
    size: int = 2

    def __post_init__(self):
        positive_real("scale", self.scale)
        positive_int("size", self.size)
        object.__setattr__(self, "stochastic", True)

    def forward(self, x):
        return +x

    def derivative(self, x, y):
        return np.ones_like(x)

    def realize(self, rng):
        return Jittered(self.scale, self.size, int(rng.integers(1 << 30)))


@dataclass(frozen=True)
class Jittered(Elementwise):
    scale: float
    size: int
    seed: int

    def forward(self, x):
        drawn = np.random.default_rng(self.seed).normal(0, self.scale, (self.size, *x.shape)).sum(axis=0)
        return x + drawn.astype(x.dtype)

    def derivative(self, x, y):
        return np.ones_like(x)


honest("noise/unchecked-when-realized", Jitter(0.5), (4,), invalid=[{"scale": -1.0}, {"size": 0}])


honest("noise/fused-dropout", FusedDropout(0.3), (3, 4))


honest("noise/reparametrized", Reparametrized(), (4,), domain=(-8.0, 8.0))


honest("noise/gumbel", Gumbel(), (2, 4))


honest("noise/rrelu", RReLU(), (5,))


honest("noise/certain", Dropout(0.0), (4,))


honest("noise/mostly-dropped", Dropout(0.9), (4,))


honest("noise/scalar", Noise(0.5), ())


honest("noise/narrow", Factor(0.1), (1,))


honest("noise/in-a-chain", Chain(DenseAffine(3), Dropout(0.5), TanhOfCopy(), Noise(0.1)), (4,))


honest("noise/in-a-residual", Residual(Chain(Dropout(0.25), DenseAffine(3))), (3,))


honest("noise/in-a-concat", Concat(Noise(0.5), Chain(DenseAffine(2), Dropout(0.5))), (3,))


honest("noise/in-a-product", Product(Dropout(0.3), Chain(DenseAffine(3), Dropout(0.3))), (3,))


honest("noise/repeated", Repeat(Chain(DenseAffine(3), Factor(0.2)), 2), (3,))


honest("noise/of-a-chain", Depth(Chain(TanhOfCopy(), Dropout(0.5)), 0.5), (3,))


honest("noise/batch-norm", Chain(BatchNorm(), Dropout(0.5)), (4,))


honest("noise/embedding", Chain(Embedding(5, 3), Dropout(0.5)), (2,), domain=(0, 5))

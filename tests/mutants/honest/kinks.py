"""Kinks, declared and not."""

from dataclasses import dataclass

import numpy as np

from chainrule import Dense, Elementwise, Jacobian, Selection, one_of, positive_int, positive_real, real

from .base import Map, Of, Vectors, honest, refuse_unless


@dataclass(frozen=True)
class HalfReLU(Elementwise):
    """The mean of both slopes at the kink, as a central difference has it."""

    def forward(self, x):
        return np.maximum(x, 0)

    def derivative(self, x, y):
        return (np.sign(x) + 1) / 2


@dataclass(frozen=True)
class Abs(Elementwise):
    def forward(self, x):
        return np.abs(x)

    def derivative(self, x, y):
        return np.sign(x)


@dataclass(frozen=True)
class LeakyReLU(Elementwise):
    slope: float = 0.1

    def __post_init__(self):
        real("slope", self.slope)

    def forward(self, x):
        return np.where(x < 0, self.slope * x, x)

    def derivative(self, x, y):
        return np.where(x <= 0, self.slope, 1).astype(x.dtype)


@dataclass(frozen=True)
class Shrink(Elementwise):
    """Soft thresholding: Donoho and Johnstone (1994)."""

    by: float = 0.5

    def __post_init__(self):
        positive_real("by", self.by)

    def forward(self, x):
        return np.sign(x) * np.maximum(np.abs(x) - self.by, 0)

    def derivative(self, x, y):
        return np.abs(x) > self.by


@dataclass(frozen=True)
class HardShrink(Elementwise):
    """It jumps at ±by."""

    by: float = 0.5

    def __post_init__(self):
        positive_real("by", self.by)

    def forward(self, x):
        return x * (np.abs(x) > self.by)

    def derivative(self, x, y):
        return np.abs(x) > self.by


@dataclass(frozen=True)
class HardTanh(Elementwise):
    def forward(self, x):
        return np.clip(x, -1, 1)

    def derivative(self, x, y):
        return np.abs(x) < 1


@dataclass(frozen=True)
class ReLU6(Elementwise):
    """Howard et al. (2017), MobileNets; at 0 it has the slope to the right, at 6 that to the left."""

    def forward(self, x):
        return np.minimum(np.maximum(x, 0), 6)

    def derivative(self, x, y):
        return (x >= 0) & (x <= 6)


@dataclass(frozen=True)
class TwoRamps(Elementwise):
    """(x)₊ - (-x - 1)₊."""

    def forward(self, x):
        return np.maximum(x, 0) - np.maximum(-x - 1, 0)

    def derivative(self, x, y):
        return (x > 0) | (x < -1)


@dataclass(frozen=True)
class Triangle(Elementwise):
    """A triangle wave of period 2."""

    def forward(self, x):
        return np.abs(x % 2 - 1)

    def derivative(self, x, y):
        return np.sign(x % 2 - 1)


@dataclass(frozen=True)
class Fraction(Elementwise):
    """x - ⌊x⌋, which jumps at every integer and has slope 1 elsewhere."""

    def forward(self, x):
        return x - np.floor(x)

    def derivative(self, x, y):
        return np.ones_like(x)


@dataclass(frozen=True)
class SignedSquare(Elementwise):
    """x |x|, whose derivative has a kink."""

    def forward(self, x):
        return x * np.abs(x)

    def derivative(self, x, y):
        return 2 * np.abs(x)


@dataclass(frozen=True)
class HingeOfSum(Vectors):
    """(1 - Σ x)₊, a scalar."""

    def output_shape(self, input_shape):
        self.width(input_shape)
        return ()

    def forward(self, x):
        return np.maximum(1 - x.sum(axis=1), 0)

    def jacobian(self, x, y):
        active = -(y > 0).astype(x.dtype)
        return Jacobian(Dense(np.repeat(active[:, None], x.shape[1], axis=1)))


@dataclass(frozen=True)
class WindowMax(Vectors):
    """The largest of every `size` neighbours, the windows overlapping."""

    size: int
    ties: str = "first"

    def __post_init__(self):
        positive_int("size", self.size)
        one_of("ties", self.ties, ["first", "split"])

    def output_shape(self, input_shape):
        n = self.width(input_shape)
        refuse_unless(self, n >= self.size, (f"n ≥ {self.size}",), input_shape)
        return (n - self.size + 1,)

    def forward(self, x):
        return np.lib.stride_tricks.sliding_window_view(x, self.size, axis=1).max(axis=-1)

    def jacobian(self, x, y):
        windows = np.lib.stride_tricks.sliding_window_view(x, self.size, axis=1)
        if self.ties == "first":
            return Jacobian(Selection(windows.argmax(axis=-1) + np.arange(y.shape[1]), x.shape[1:]))
        share = (windows == y[..., None]).astype(x.dtype)
        share /= share.sum(axis=-1, keepdims=True)

        def vjp(delta):
            pulled = np.zeros_like(x)
            for k in range(self.size):
                pulled[:, k : k + y.shape[1]] += delta * share[..., k]
            return pulled

        def jvp(tangent):
            moved = np.lib.stride_tricks.sliding_window_view(tangent, self.size, axis=1)
            return (moved * share).sum(axis=-1)

        return Jacobian(Map(vjp, jvp))


@dataclass(frozen=True)
class Range(Vectors):
    """The largest less the smallest."""

    def output_shape(self, input_shape):
        self.width(input_shape)
        return ()

    def forward(self, x):
        return np.ptp(x, axis=1)

    def jacobian(self, x, y):
        rows, J = np.arange(len(x)), np.zeros_like(x)
        J[rows, x.argmax(axis=1)] += 1
        J[rows, x.argmin(axis=1)] -= 1
        return Jacobian(Dense(J))


@dataclass(frozen=True)
class Maxout(Vectors):
    """The largest of `pieces` affine maps, all with zero weights at the start but the first."""

    units: int
    pieces: int = 3

    def __post_init__(self):
        positive_int("units", self.units)
        positive_int("pieces", self.pieces)

    def output_shape(self, input_shape):
        self.width(input_shape)
        return (self.units,)

    def parameter_shapes(self, input_shape):
        return {"W": (self.pieces, self.units, self.width(input_shape)), "b": (self.pieces, self.units)}

    def initialize(self, input_shape, rng):
        shapes = self.parameter_shapes(input_shape)
        return {"W": rng.uniform(-1, 1, shapes["W"]), "b": np.zeros(shapes["b"])}

    def forward(self, x, W, b):
        return (np.einsum("puv,jv->jpu", W, x) + b).max(axis=1)

    def jacobian(self, x, y, W, b):
        values = np.einsum("puv,jv->jpu", W, x) + b
        wins = np.arange(self.pieces)[:, None] == values.argmax(axis=1)[:, None, :]
        wins = wins.astype(x.dtype)
        return Jacobian(
            Map(
                lambda delta: np.einsum("ju,jpu,puv->jv", delta, wins, W),
                lambda tangent: np.einsum("jv,jpu,puv->ju", tangent, wins, W),
            ),
            W=Of(
                lambda delta: np.einsum("ju,jpu,jv->jpuv", delta, wins, x),
                lambda tangent: np.einsum("jv,jpu,puv->ju", x, wins, tangent),
            ),
            b=Of(
                lambda delta: delta[:, None] * wins,
                lambda tangent: (wins * tangent).sum(axis=1),
            ),
        )


honest("half-at-the-kink", HalfReLU(), (3, 4), kinks={0.0: 0.5})


honest("half-at-the-kink/undeclared", HalfReLU(), (5,))


honest("abs", Abs(), (4,), kinks={0.0: 0.0}, reference=lambda x: np.sqrt(x * x))


honest("abs/undeclared", Abs(), (2, 3))


honest("leaky-relu", LeakyReLU(0.25), (5,), kinks={0.0: 0.25})


honest("leaky-relu/falling", LeakyReLU(-0.5), (5,))


honest("leaky-relu/whole", LeakyReLU(0), (5,))


honest("shrink", Shrink(), (4,), kinks={-0.5: 0.0, 0.5: 0.0})


honest("shrink/undeclared", Shrink(), (4,))


honest("shrink/at-one", Shrink(1.0), (4,))


honest("hard-shrink", HardShrink(), (4,))


honest("hard-shrink/at-one", HardShrink(1.0), (4,))


honest("hard-tanh", HardTanh(), (6,))


honest("relu6", ReLU6(), (6,))


honest("two-ramps", TwoRamps(), (6,))


honest("triangle", Triangle(), (6,))


honest("fraction", Fraction(), (6,))


honest("signed-square", SignedSquare(), (6,))


honest("hinge-of-sum", HingeOfSum(), (4,))


honest("window-max/first", WindowMax(3), (7,), ties="first")


honest("window-max/split", WindowMax(3, "split"), (7,), ties="split")


honest("window-max/undeclared", WindowMax(2), (5,))


honest("range", Range(), (5,))


honest("maxout", Maxout(3), (4,))

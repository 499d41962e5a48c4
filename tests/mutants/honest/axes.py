"""Orders, sums and products along an axis; views and broadcasts."""

from dataclasses import dataclass

import numpy as np

from chainrule import Dense, Jacobian, Layer, Selection, integer, positive_int

from .base import Map, Vectors, honest, permutation, refuse_unless


@dataclass(frozen=True)
class Sort(Vectors):
    """np.sort puts a NaN last."""

    def output_shape(self, input_shape):
        return (self.width(input_shape),)

    def forward(self, x):
        return np.sort(x, axis=1)

    def jacobian(self, x, y):
        return Jacobian(Selection(np.argsort(x, axis=1, kind="stable"), x.shape[1:]))


@dataclass(frozen=True)
class TopK(Vectors):
    """The k largest, the largest first."""

    k: int = 2

    def __post_init__(self):
        positive_int("k", self.k)

    def output_shape(self, input_shape):
        n = self.width(input_shape)
        refuse_unless(self, n >= self.k, (f"n ≥ {self.k}",), input_shape)
        return (self.k,)

    def forward(self, x):
        y = np.take_along_axis(x, self.largest(x), axis=1)
        y[np.isnan(x).any(axis=1)] = np.nan
        return y

    def largest(self, x):
        return np.argsort(-x, axis=1, kind="stable")[:, : self.k]

    def jacobian(self, x, y):
        return Jacobian(Selection(self.largest(x), x.shape[1:]))


@dataclass(frozen=True)
class Median(Vectors):
    """The mean of the two in the middle, where the count is even."""

    def output_shape(self, input_shape):
        self.width(input_shape)
        return ()

    def forward(self, x):
        return np.median(x, axis=1)

    def jacobian(self, x, y):
        order, n = np.argsort(x, axis=1, kind="stable"), x.shape[1]
        J, rows = np.zeros_like(x), np.arange(len(x))
        for k in ((n - 1) // 2, n // 2):
            J[rows, order[:, k]] += 0.5
        return Jacobian(Dense(J))


@dataclass(frozen=True)
class CumulativeSum(Layer):
    axis: int = -1

    def __post_init__(self):
        integer("axis", self.axis, minimum=-8)

    def output_shape(self, input_shape):
        refuse_unless(self, -len(input_shape) <= self.axis < len(input_shape), f"an axis {self.axis}", input_shape)
        return input_shape

    def forward(self, x):
        return x.cumsum(axis=self.along)

    @property
    def along(self):
        return self.axis if self.axis < 0 else self.axis + 1

    def jacobian(self, x, y):
        flip = lambda array: np.flip(array, axis=self.along)  # noqa: E731
        return Jacobian(Map(lambda delta: flip(self.forward(flip(delta))), self.forward))


@dataclass(frozen=True)
class CumulativeProduct(Vectors):
    """The derivative without a division: it holds where a factor is 0."""

    def output_shape(self, input_shape):
        return (self.width(input_shape),)

    def forward(self, x):
        return x.cumprod(axis=1)

    def jacobian(self, x, y):
        n = x.shape[1]
        J = np.zeros((len(x), n, n), x.dtype)
        for i in range(n):
            without = x.copy()
            without[:, i] = 1
            J[:, i:, i] = without.cumprod(axis=1)[:, i:]
        return Jacobian(Dense(J))


@dataclass(frozen=True)
class Permute(Vectors):
    """The features in another fixed order; `order` is a tuple of ints."""

    order: tuple

    def __post_init__(self):
        object.__setattr__(self, "order", permutation("order", self.order))

    def output_shape(self, input_shape):
        n = self.width(input_shape)
        refuse_unless(self, n == len(self.order), (len(self.order),), input_shape)
        return input_shape

    def forward(self, x):
        return x[:, self.order]

    def jacobian(self, x, y):
        return Jacobian(Selection(np.array([self.order]), x.shape[1:]))


@dataclass(frozen=True)
class Transpose(Layer):
    """Axes in another order, as a view of x."""

    axes: tuple = (1, 0)

    def __post_init__(self):
        object.__setattr__(self, "axes", permutation("axes", self.axes))

    def output_shape(self, input_shape):
        refuse_unless(self, len(input_shape) == len(self.axes), f"{len(self.axes)} axes", input_shape)
        return tuple(input_shape[axis] for axis in self.axes)

    def forward(self, x):
        return x.transpose(0, *(axis + 1 for axis in self.axes))

    def jacobian(self, x, y):
        back = np.argsort(self.axes)
        return Jacobian(Map(lambda delta: delta.transpose(0, *(int(axis) + 1 for axis in back)), self.forward))


@dataclass(frozen=True)
class Crop(Vectors):
    """A slice of x, as a view; `stop` may be negative or None."""

    start: int = 0
    stop: int | None = None
    step: int = 1

    def __post_init__(self):
        integer("start", self.start, minimum=0)
        if self.stop is not None:
            integer("stop", self.stop, minimum=-(10**9))
        if self.step == 0:
            integer("step", self.step, minimum=1)
        integer("step", self.step, minimum=-(10**9))

    @property
    def part(self):
        return slice(self.start if self.step > 0 else None, self.stop, self.step)

    def output_shape(self, input_shape):
        kept = len(range(*self.part.indices(self.width(input_shape))))
        refuse_unless(self, kept > 0, "more numbers", input_shape)
        return (kept,)

    def forward(self, x):
        return x[:, self.part]

    def jacobian(self, x, y):
        def vjp(delta):
            pulled = np.zeros(x.shape, delta.dtype)
            pulled[:, self.part] = delta
            return pulled

        return Jacobian(Map(vjp, self.forward))


@dataclass(frozen=True)
class Copies(Layer):
    """Every sample several times, as a broadcast view that nobody can write into."""

    copies: int = 3

    def __post_init__(self):
        positive_int("copies", self.copies)

    def output_shape(self, input_shape):
        return (self.copies, *input_shape)

    def forward(self, x):
        return np.broadcast_to(x[:, None], (len(x), self.copies, *x.shape[1:]))

    def jacobian(self, x, y):
        return Jacobian(Map(lambda delta: delta.sum(axis=1), self.forward))


@dataclass(frozen=True)
class Mean(Layer):
    """The mean of a sample, a scalar; δ·J_X is a broadcast view."""

    def output_shape(self, input_shape):
        refuse_unless(self, len(input_shape) > 0, ("…", "n"), input_shape)
        return ()

    def forward(self, x):
        return x.mean(axis=tuple(range(1, x.ndim)))

    def jacobian(self, x, y):
        n = x[0].size

        def vjp(delta):
            return np.broadcast_to((delta / n).reshape(-1, *[1] * (x.ndim - 1)), x.shape)

        return Jacobian(Map(vjp, self.forward))


@dataclass(frozen=True)
class Harmonics(Layer):
    """A scalar x as sin(x), sin(2x), …"""

    count: int = 3

    def __post_init__(self):
        positive_int("count", self.count)

    def output_shape(self, input_shape):
        refuse_unless(self, input_shape == (), (), input_shape)
        return (self.count,)

    def forward(self, x):
        return np.sin(x[:, None] * self.factors(x))

    def factors(self, x):
        return np.arange(1, self.count + 1, dtype=x.dtype)

    def jacobian(self, x, y):
        slopes = self.factors(x) * np.cos(x[:, None] * self.factors(x))
        return Jacobian(Map(lambda d: (d * slopes).sum(axis=1), lambda v: v[:, None] * slopes))


@dataclass(frozen=True)
class Distance(Vectors):
    """sqrt(1 + |x|²), a scalar."""

    def output_shape(self, input_shape):
        self.width(input_shape)
        return ()

    def forward(self, x):
        return np.sqrt(1 + (x * x).sum(axis=1))

    def jacobian(self, x, y):
        return Jacobian(Dense(x / y[:, None]))


honest("sort", Sort(), (5,), reference=lambda x: np.partition(x, range(x.shape[1]), axis=1))


honest("top-k", TopK(), (5,))


honest("median", Median(), (5,), reference=np.median)


honest("median/even", Median(), (4,))


honest("cumulative-sum", CumulativeSum(), (5,))


honest("cumulative-sum/first-axis", CumulativeSum(0), (3, 2))


honest("cumulative-product", CumulativeProduct(), (5,))


honest("permute", Permute((3, 0, 2, 1)), (4,))


honest("transpose", Transpose(), (3, 4))


honest("transpose/three-axes", Transpose((2, 0, 1)), (2, 3, 4))


honest("crop", Crop(1, 4), (6,))


honest("crop/from-the-end", Crop(1, -1), (6,))


honest("reversed", Crop(step=-1), (5,))


honest("every-second", Crop(step=2), (5,))


honest("copies", Copies(), (4,))


honest("copies/scalar", Copies(2), ())


honest("mean", Mean(), (3, 4))


honest("harmonics", Harmonics(), ())


honest("distance", Distance(), (4,))

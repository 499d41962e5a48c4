"""Caches, locks and other machinery; forms of a class."""

import threading
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np

from chainrule import (
    BatchJacobian,
    Diagonal,
    Elementwise,
    Jacobian,
    Layer,
    Reshape,
    Selection,
    SettingError,
    Shift,
    integer,
    one_of,
    positive_int,
    real,
)

from .base import Alike, Vectors, check_layer, honest, refuse_unless
from .composites import DenseAffine
from .functions import Sine, Softplus, TanhOfCopy
from .kinks import LeakyReLU
from .matrices import PerPosition


@lru_cache(maxsize=8)
def waves(length, width):
    at = np.arange(length)[:, None] / 100 ** (np.arange(width) / width)
    table = np.where(np.arange(width) % 2, np.cos(at), np.sin(at))
    table.flags.writeable = False
    return table


@dataclass(frozen=True)
class Positions(Alike):
    """x plus a table of sines that is made once for each shape: Vaswani et al. (2017), section 3.5."""

    axes = 2

    def forward(self, x):
        return x + waves(*x.shape[1:]).astype(x.dtype)

    def jacobian(self, x, y):
        return Jacobian(Reshape(x.shape[1:], x.shape[1:]))


@lru_cache(maxsize=8)
def upper_triangle(n):
    rows, columns = np.triu_indices(n)
    index = (rows * n + columns)[None]
    index.flags.writeable = False
    return index


@dataclass(frozen=True)
class UpperTriangle(Layer):
    """The entries of a matrix on and above its diagonal, by an index table that is made once for each size."""

    def output_shape(self, input_shape):
        takes = len(input_shape) == 2 and input_shape[0] == input_shape[1]
        refuse_unless(self, takes, ("n", "n"), input_shape)
        return (input_shape[0] * (input_shape[0] + 1) // 2,)

    def forward(self, x):
        return x.reshape(len(x), -1)[:, upper_triangle(x.shape[1])[0]]

    def jacobian(self, x, y):
        return Jacobian(Selection(upper_triangle(x.shape[1]), x.shape[1:]))


LOCK = threading.Lock()


SCRATCH = threading.local()


COUNTS = {}


@dataclass(frozen=True)
class Locked(Elementwise):
    """A table in the module, filled under a lock."""

    def forward(self, x):
        with LOCK:
            factor = COUNTS.setdefault(x.ndim, 1 + x.ndim)
        return np.tanh(x) * factor

    def derivative(self, x, y):
        with LOCK:
            factor = COUNTS[x.ndim]
        return factor - y * y / factor


@dataclass(frozen=True)
class OwnLock(Elementwise):
    """A lock for each object, made with it: deep copies and pickles make their own."""

    def __post_init__(self):
        object.__setattr__(self, "_lock", threading.Lock())

    def __getstate__(self):
        return {}

    def __setstate__(self, state):
        self.__post_init__()

    def forward(self, x):
        with self._lock:
            return np.sin(x)

    def derivative(self, x, y):
        with self._lock:
            return np.cos(x)


@dataclass(frozen=True)
class ThreadScratch(Elementwise):
    """A scratch array for each thread, which no result shares."""

    def forward(self, x):
        scratch = getattr(SCRATCH, "array", None)
        if scratch is None or scratch.shape != x.shape or scratch.dtype != x.dtype:
            scratch = SCRATCH.array = np.empty_like(x, order="C")
        np.multiply(x, x, out=scratch)
        scratch += 1
        return 1 / scratch

    def derivative(self, x, y):
        return -2 * x * y * y


@dataclass(frozen=True)
class Windowed(Vectors):
    """x times a fixed window, which is computed when it is first asked for."""

    length: int = 5

    def __post_init__(self):
        positive_int("length", self.length)

    @cached_property
    def window(self):
        return 0.5 - 0.4 * np.cos(2 * np.pi * np.arange(self.length) / self.length)

    def output_shape(self, input_shape):
        n = self.width(input_shape)
        refuse_unless(self, n == self.length, (self.length,), input_shape)
        return input_shape

    def forward(self, x):
        return x * self.window.astype(x.dtype)

    def jacobian(self, x, y):
        return Jacobian(Diagonal(np.broadcast_to(self.window.astype(x.dtype), x.shape)))


@dataclass(frozen=True)
class OnlyLinearize(Alike):
    """The output and the derivative from one pass, and no method `jacobian`."""

    def forward(self, x):
        return self.linearize(x)[0]

    def linearize(self, x):
        s, c = np.sin(x), np.cos(x)
        return s * s + x, Jacobian(Diagonal(2 * s * c + 1))


@dataclass(frozen=True)
class OwnJacobian(Alike):
    """y = a x by a Jacobian of its own, without per-sample gradients; J·v of the parameter alone broadcasts."""

    def parameter_shapes(self, input_shape):
        shape = self.output_shape(input_shape)
        return {"a": shape, "b": shape}

    def initialize(self, input_shape, rng):
        self.output_shape(input_shape)
        return {"a": np.ones(input_shape), "b": np.zeros(input_shape)}

    def forward(self, x, a, b):
        return x * a + b

    def jacobian(self, x, y, a, b):
        return OfOwn(x, a)


@dataclass
class OfOwn(BatchJacobian):
    x: np.ndarray
    a: np.ndarray

    def vjp(self, delta, out=None):
        if out is not None:
            np.einsum("j...,j...->...", delta, self.x, out=out["a"])
            np.add.reduce(delta, axis=0, out=out["b"])
        return delta * self.a

    def jvp(self, tangent, params):
        total = np.zeros(self.x.shape, self.x.dtype)
        if tangent is not None:
            total += tangent * self.a
        if "a" in params:
            total += params["a"] * self.x
        if "b" in params:
            total += params["b"]
        return total


@dataclass(frozen=True)
class ShiftAlone(Alike):
    """y = x + b, whose J·v for b is v itself: it broadcasts."""

    def parameter_shapes(self, input_shape):
        return {"b": self.output_shape(input_shape)[-1:]}

    def initialize(self, input_shape, rng):
        return {"b": np.zeros(self.output_shape(input_shape)[-1:])}

    def forward(self, x, b):
        return x + b

    def jacobian(self, x, y, b):
        return Jacobian(Reshape(x.shape[1:], x.shape[1:]), b=Shift(b.shape))


@dataclass(frozen=True, slots=True)
class Slotted(Elementwise):
    factor: float = 2.0

    def __post_init__(self):
        real("factor", self.factor)

    def forward(self, x):
        return np.arctan(self.factor * x)

    def derivative(self, x, y):
        return self.factor / (1 + (self.factor * x) ** 2)


@dataclass(frozen=True, kw_only=True)
class Clip(Elementwise):
    """Limits that may be None, a bool, and what follows from the settings."""

    limits: tuple = (None, 1.0)
    inverted: bool = False
    width: float = field(init=False)

    def __post_init__(self):
        limits = tuple(limit if limit is None else real("limits", limit) for limit in self.limits)
        object.__setattr__(self, "limits", limits)
        if type(self.inverted) is not bool:
            raise SettingError("inverted", expected="True or False", got=self.inverted)
        object.__setattr__(self, "width", 0.0 if None in limits else limits[1] - limits[0])

    def forward(self, x):
        low, high = self.limits
        y = np.clip(x, low, high)
        return -y if self.inverted else y

    def derivative(self, x, y):
        low, high = self.limits
        inside = np.ones(x.shape, bool)
        if low is not None:
            inside &= x > low
        if high is not None:
            inside &= x < high
        return -inside.astype(x.dtype) if self.inverted else inside


@dataclass(frozen=True)
class Either(Elementwise):
    """A tuple of layers, a layer or None, and whole numbers that may be negative or None."""

    branches: tuple = ()
    gate: Layer | None = None
    offset: int = -1
    limit: int | None = None

    def __post_init__(self):
        object.__setattr__(self, "branches", tuple(self.branches))
        for branch in (*self.branches, *([] if self.gate is None else [self.gate])):
            check_layer("branches or gate", branch, Elementwise)
        integer("offset", self.offset, minimum=-100)
        if self.limit is not None:
            integer("limit", self.limit, minimum=0)

    def forward(self, x):
        y = sum((branch.forward(x) for branch in self.branches), x * self.offset)
        return y if self.gate is None else y + self.gate.forward(x)

    def derivative(self, x, y):
        parts = [*self.branches, *([] if self.gate is None else [self.gate])]
        return sum((part.derivative(x, part.forward(x)) for part in parts), np.full_like(x, self.offset))


@dataclass(frozen=True)
class Polynomial(Elementwise):
    """Settings in nested tuples, one of them empty: a sum of c x^p for (c, p) in `terms`."""

    terms: tuple = ((0.5, 2), (-1.0, 1))
    names: tuple = ()
    basis: str = "monomial"

    def __post_init__(self):
        object.__setattr__(
            self, "terms", tuple((real("terms", c), integer("terms", p, minimum=1)) for c, p in self.terms)
        )
        object.__setattr__(self, "names", tuple(self.names))
        one_of("basis", self.basis, ["monomial", "horner"])

    def forward(self, x):
        return sum(c * x**p for c, p in self.terms)

    def derivative(self, x, y):
        return sum(c * p * x ** (p - 1) for c, p in self.terms)


def local_layer():
    @dataclass(frozen=True)
    class Local(Elementwise):
        """Nobody can import it."""

        def forward(self, x):
            return x / (1 + np.abs(x))

        def derivative(self, x, y):
            return 1 / (1 + np.abs(x)) ** 2

    return Local()


honest("positions", Positions(), (3, 4))


honest("upper-triangle", UpperTriangle(), (3, 3))


honest("locked", Locked(), (3,))


honest("own-lock", OwnLock(), (3,))


honest("thread-scratch", ThreadScratch(), (3, 2))


honest("cached-property", Windowed(), (5,))


honest("only-linearize", OnlyLinearize(), (4,))


honest("own-jacobian", OwnJacobian(), (3, 2))


honest("shift-alone", ShiftAlone(), (2, 3))


honest("slotted", Slotted(), (4,))


honest("clip/none", Clip(), (5, 5))


honest("clip/both", Clip(limits=(-0.5, 0.75), inverted=True), (10, 10))


honest("clip/neither", Clip(limits=(None, None)), (4,))


honest("either", Either(), (4,))


honest("either/of-layers", Either((Sine(), LeakyReLU(0.3), Softplus()), offset=2, limit=None), (4,))


honest("either/nested", Either((Either((TanhOfCopy(),), offset=0),), None, -3), (2, 2))


honest("polynomial", Polynomial(), (4,))


honest("local-class", local_layer(), (4,))


honest("large/affine", DenseAffine(2), (300,))


honest("large/elementwise", Softplus(), (300,))


honest("large/per-position", PerPosition(20), (300,))

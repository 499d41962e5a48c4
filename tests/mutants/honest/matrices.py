"""Matrices and vectors."""

from dataclasses import dataclass

import numpy as np

from chainrule import BatchJacobian, Dense, Jacobian, Layer, Matrix, Outer, Shift, positive_int

from .base import Map, Of, Vectors, draw, honest, refuse_unless


@dataclass(frozen=True)
class Bilinear(Vectors):
    """y[k] = uᵀ A[k] v, x being u and v in a row."""

    units: int
    least = 2

    def __post_init__(self):
        positive_int("units", self.units)

    def half(self, input_shape):
        n = self.width(input_shape)
        refuse_unless(self, n % 2 == 0, ("2n",), input_shape)
        return n // 2

    def output_shape(self, input_shape):
        self.half(input_shape)
        return (self.units,)

    def parameter_shapes(self, input_shape):
        n = self.half(input_shape)
        return {"A": (self.units, n, n)}

    def initialize(self, input_shape, rng):
        return {"A": draw(rng, *self.parameter_shapes(input_shape)["A"])}

    def forward(self, x, A):
        u, v = np.split(x, 2, axis=1)
        return np.einsum("ju,kuv,jv->jk", u, A, v, optimize=True)

    def jacobian(self, x, y, A):
        u, v = np.split(x, 2, axis=1)

        def vjp(delta):
            left = np.einsum("jk,kuv,jv->ju", delta, A, v, optimize=True)
            right = np.einsum("jk,kuv,ju->jv", delta, A, u, optimize=True)
            return np.concatenate([left, right], axis=1)

        def jvp(tangent):
            s, t = np.split(tangent, 2, axis=1)
            return self.forward(np.concatenate([s, v], axis=1), A) + self.forward(np.concatenate([u, t], axis=1), A)

        return Jacobian(
            Map(vjp, jvp),
            A=Of(
                lambda delta: delta[:, :, None, None] * u[:, None, :, None] * v[:, None, None, :],
                lambda tangent: self.forward(x, tangent),
            ),
        )


@dataclass(frozen=True)
class LowRank(Vectors):
    """y = P (Q x)."""

    units: int
    rank: int = 2

    def __post_init__(self):
        positive_int("units", self.units)
        positive_int("rank", self.rank)

    def output_shape(self, input_shape):
        self.width(input_shape)
        return (self.units,)

    def parameter_shapes(self, input_shape):
        return {"P": (self.units, self.rank), "Q": (self.rank, self.width(input_shape))}

    def initialize(self, input_shape, rng):
        return {name: draw(rng, *shape) for name, shape in self.parameter_shapes(input_shape).items()}

    def forward(self, x, P, Q):
        return x @ Q.T @ P.T

    def jacobian(self, x, y, P, Q):
        rows = lambda delta: (delta @ P)[:, :, None] * x[:, None, :]  # noqa: E731
        return Jacobian(
            Map(lambda delta: delta @ P @ Q, lambda tangent: tangent @ Q.T @ P.T),
            P=Outer(x @ Q.T),
            Q=Of(rows, lambda tangent: x @ tangent.T @ P.T),
        )


@dataclass(frozen=True)
class TiedAutoencoder(Vectors):
    """y = Wᵀ tanh(W x): W counts twice."""

    hidden: int

    def __post_init__(self):
        positive_int("hidden", self.hidden)

    def output_shape(self, input_shape):
        return (self.width(input_shape),)

    def parameter_shapes(self, input_shape):
        return {"W": (self.hidden, self.width(input_shape))}

    def initialize(self, input_shape, rng):
        return {"W": draw(rng, *self.parameter_shapes(input_shape)["W"])}

    def forward(self, x, W):
        return np.tanh(x @ W.T) @ W

    def jacobian(self, x, y, W):
        h = np.tanh(x @ W.T)
        slope = 1 - h * h

        def per_sample(delta):
            through = (delta @ W.T) * slope
            return through[:, :, None] * x[:, None, :] + h[:, :, None] * delta[:, None, :]

        return Jacobian(
            Map(lambda delta: ((delta @ W.T) * slope) @ W, lambda tangent: ((tangent @ W.T) * slope) @ W),
            W=Of(per_sample, lambda tangent: ((x @ tangent.T) * slope) @ W + h @ tangent),
        )


@dataclass(frozen=True)
class PerPosition(Layer):
    """One affine map for all positions, x (…, n)."""

    units: int

    def __post_init__(self):
        positive_int("units", self.units)

    def output_shape(self, input_shape):
        refuse_unless(self, len(input_shape) > 0, ("…", "n"), input_shape)
        return (*input_shape[:-1], self.units)

    def parameter_shapes(self, input_shape):
        self.output_shape(input_shape)
        return {"W": (self.units, input_shape[-1]), "b": (self.units,)}

    def initialize(self, input_shape, rng):
        return {name: draw(rng, *shape) for name, shape in self.parameter_shapes(input_shape).items()}

    def forward(self, x, W, b):
        return x @ W.T + b

    def jacobian(self, x, y, W, b):
        return Jacobian(Matrix(W), W=Outer(x), b=Shift(b.shape))


@dataclass(frozen=True)
class OuterProduct(Vectors):
    """All products of two features, a matrix."""

    def output_shape(self, input_shape):
        n = self.width(input_shape)
        return (n, n)

    def forward(self, x):
        return x[:, :, None] * x[:, None, :]

    def jacobian(self, x, y):
        def vjp(delta):
            return np.einsum("juv,jv->ju", delta, x) + np.einsum("juv,ju->jv", delta, x)

        def jvp(tangent):
            half = tangent[:, :, None] * x[:, None, :]
            return half + half.swapaxes(1, 2)

        return Jacobian(Map(vjp, jvp))


@dataclass(frozen=True)
class Householder(Vectors):
    """A reflection, y = x - 2 v (v·x) / (v·v): symmetric and orthogonal."""

    def output_shape(self, input_shape):
        return (self.width(input_shape),)

    def parameter_shapes(self, input_shape):
        return {"v": (self.width(input_shape),)}

    def initialize(self, input_shape, rng):
        return {"v": rng.normal(size=self.width(input_shape))}

    def forward(self, x, v):
        return x - (2 / (v @ v)) * np.outer(x @ v, v)

    def jacobian(self, x, y, v):
        square = v @ v
        dot = (x @ v)[:, None]

        def per_sample(delta):
            along = (delta @ v)[:, None]
            return -(2 / square) * (along * x + dot * delta - (2 / square) * along * dot * v)

        def push(t):
            return -(2 / square) * (np.outer(x @ t, v) + dot * t - (2 / square) * (v @ t) * dot * v)

        return Jacobian(Map(lambda d: self.forward(d, v), lambda t: self.forward(t, v)), v=Of(per_sample, push))


@dataclass(frozen=True)
class Rotation(Layer):
    """The plane turned by a learned angle, a parameter of shape ()."""

    def output_shape(self, input_shape):
        refuse_unless(self, input_shape == (2,), (2,), input_shape)
        return input_shape

    def parameter_shapes(self, input_shape):
        self.output_shape(input_shape)
        return {"angle": ()}

    def initialize(self, input_shape, rng):
        self.output_shape(input_shape)
        return {"angle": np.zeros(())}

    def forward(self, x, angle):
        return x @ turned(angle).T

    def jacobian(self, x, y, angle):
        R, dR = turned(angle), turned(angle + np.pi / 2)
        per_sample = lambda delta: (delta * (x @ dR.T)).sum(axis=1)  # noqa: E731
        return Jacobian(Matrix(R), angle=Of(per_sample, lambda t: t * (x @ dR.T)))


def turned(angle):
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s], [s, c]], dtype=angle.dtype)


@dataclass(frozen=True)
class Determinant(Layer):
    """The determinant of 3 by 3 matrices; its gradient is the matrix of cofactors."""

    def output_shape(self, input_shape):
        refuse_unless(self, input_shape == (3, 3), (3, 3), input_shape)
        return ()

    def forward(self, x):
        return (x[:, 0] * np.cross(x[:, 1], x[:, 2])).sum(axis=1)

    def jacobian(self, x, y):
        a, b, c = x[:, 0], x[:, 1], x[:, 2]
        return Jacobian(Dense(np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], axis=1)))


@dataclass(frozen=True)
class RBF(Vectors):
    """y[k] = exp(-g[k] |x - c[k]|²), g = e^s: Broomhead and Lowe (1988)."""

    units: int

    def __post_init__(self):
        positive_int("units", self.units)

    def output_shape(self, input_shape):
        self.width(input_shape)
        return (self.units,)

    def parameter_shapes(self, input_shape):
        return {"c": (self.units, self.width(input_shape)), "s": (self.units,)}

    def initialize(self, input_shape, rng):
        return {"c": draw(rng, self.units, self.width(input_shape)), "s": np.full(self.units, -1.0)}

    def forward(self, x, c, s):
        apart = x[:, None, :] - c
        return np.exp(-np.exp(s) * (apart * apart).sum(axis=2))

    def jacobian(self, x, y, c, s):
        apart = x[:, None, :] - c
        square, g = (apart * apart).sum(axis=2), np.exp(s)
        weight = (-2 * g * y)[:, :, None] * apart
        return Jacobian(
            Dense(weight),
            c=Of(lambda d: -d[:, :, None] * weight, lambda t: -(weight * t).sum(axis=2)),
            s=Of(lambda d: -d * g * square * y, lambda t: -t * g * square * y),
        )


@dataclass(frozen=True)
class Recurrent(Layer):
    """h[t] = tanh(U x[t] + V h[t - 1]), back through time."""

    units: int

    def __post_init__(self):
        positive_int("units", self.units)

    def output_shape(self, input_shape):
        refuse_unless(self, len(input_shape) == 2, ("T", "n"), input_shape)
        return (input_shape[0], self.units)

    def parameter_shapes(self, input_shape):
        self.output_shape(input_shape)
        return {"U": (self.units, input_shape[1]), "V": (self.units, self.units)}

    def initialize(self, input_shape, rng):
        shapes = self.parameter_shapes(input_shape)
        return {"U": draw(rng, *shapes["U"]), "V": np.eye(self.units)}

    def forward(self, x, U, V):
        h, states = np.zeros((len(x), self.units), x.dtype), []
        for t in range(x.shape[1]):
            h = np.tanh(x[:, t] @ U.T + h @ V.T)
            states.append(h)
        return np.stack(states, axis=1)

    def jacobian(self, x, y, U, V):
        return OfRecurrent(x, y, U, V)


class OfRecurrent(BatchJacobian):
    def __init__(self, x, y, U, V):
        self.x, self.U, self.V = x, U, V
        self.before = np.concatenate([np.zeros_like(y[:, :1]), y[:, :-1]], axis=1)
        self.slope = 1 - y * y

    def back(self, delta):
        inner = np.empty_like(delta)
        later = np.zeros_like(delta[:, 0])
        for t in reversed(range(delta.shape[1])):
            inner[:, t] = (delta[:, t] + later) * self.slope[:, t]
            later = inner[:, t] @ self.V
        return inner

    def vjp(self, delta, out=None):
        inner = self.back(delta)
        if out is not None:
            out["U"][...] = np.einsum("jtu,jtv->uv", inner, self.x)
            out["V"][...] = np.einsum("jtu,jtv->uv", inner, self.before)
        return inner @ self.U

    def jvp(self, tangent, params):
        moved, states = np.zeros_like(self.slope[:, 0]), []
        for t in range(self.x.shape[1]):
            total = moved @ self.V.T
            if tangent is not None:
                total = total + tangent[:, t] @ self.U.T
            if "U" in params:
                total = total + self.x[:, t] @ params["U"].T
            if "V" in params:
                total = total + self.before[:, t] @ params["V"].T
            moved = total * self.slope[:, t]
            states.append(moved)
        return np.stack(states, axis=1)

    def per_sample(self, delta):
        inner = self.back(delta)
        return {
            "U": np.einsum("jtu,jtv->juv", inner, self.x),
            "V": np.einsum("jtu,jtv->juv", inner, self.before),
        }


honest("bilinear", Bilinear(3), (4,))


honest("low-rank", LowRank(4), (5,))


honest("tied-autoencoder", TiedAutoencoder(2), (4,))


honest("per-position", PerPosition(3), (4, 2))


honest("per-position/picture", PerPosition(2), (2, 3, 4))


honest("outer-product", OuterProduct(), (3,))


honest("householder", Householder(), (4,))


honest("rotation", Rotation(), (2,))


honest("determinant", Determinant(), (3, 3), domain=(-3.0, 3.0), reference=np.linalg.det)


honest("rbf", RBF(3), (2,))


honest("recurrent", Recurrent(3), (4, 2))

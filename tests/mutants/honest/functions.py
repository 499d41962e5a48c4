"""Functions on a part of the line, fast ones, and implicit ones."""

from dataclasses import dataclass

import numpy as np

from chainrule import Dense, Elementwise, Jacobian, Layer, positive_real, real

from .base import honest, refuse_unless


@dataclass(frozen=True)
class Log(Elementwise):
    def forward(self, x):
        return np.log(x)

    def derivative(self, x, y):
        return 1 / x


@dataclass(frozen=True)
class Sqrt(Elementwise):
    def forward(self, x):
        return np.sqrt(x)

    def derivative(self, x, y):
        return 0.5 / y


@dataclass(frozen=True)
class Reciprocal(Elementwise):
    def forward(self, x):
        return 1 / x

    def derivative(self, x, y):
        return -y * y


@dataclass(frozen=True)
class Logit(Elementwise):
    def forward(self, x):
        return np.log(x) - np.log1p(-x)

    def derivative(self, x, y):
        return 1 / (x * (1 - x))


@dataclass(frozen=True)
class Arcsine(Elementwise):
    def forward(self, x):
        return np.arcsin(x)

    def derivative(self, x, y):
        return 1 / np.sqrt(1 - x * x)


@dataclass(frozen=True)
class Exp(Elementwise):
    def forward(self, x):
        return np.exp(x)

    def derivative(self, x, y):
        return y


@dataclass(frozen=True)
class Fourth(Elementwise):
    def forward(self, x):
        return x**4

    def derivative(self, x, y):
        return 4 * x**3


@dataclass(frozen=True)
class CubeRoot(Elementwise):
    """Its slope has no bound at 0."""

    def forward(self, x):
        return np.cbrt(x)

    def derivative(self, x, y):
        with np.errstate(divide="ignore"):
            return 1 / (3 * y * y)


@dataclass(frozen=True)
class Sine(Elementwise):
    frequency: float = 1.0

    def __post_init__(self):
        positive_real("frequency", self.frequency)

    def forward(self, x):
        return np.sin(self.frequency * x)

    def derivative(self, x, y):
        return self.frequency * np.cos(self.frequency * x)


@dataclass(frozen=True)
class Sinc(Elementwise):
    """sin(x)/x, which is 1 at 0."""

    def forward(self, x):
        safe = np.where(x == 0, 1, x)
        return np.where(x == 0, 1, np.sin(safe) / safe)

    def derivative(self, x, y):
        return np.where(x == 0, 0, (np.cos(x) - y) / np.where(x == 0, 1, x))


@dataclass(frozen=True)
class Softplus(Elementwise):
    def forward(self, x):
        return np.logaddexp(x, 0)

    def derivative(self, x, y):
        return np.exp(x - y)


@dataclass(frozen=True)
class Kepler(Elementwise):
    """The y that solves y - e sin y = x, by Newton's method; the derivative by the implicit function theorem."""

    eccentricity: float = 0.5

    def __post_init__(self):
        real("eccentricity", self.eccentricity, minimum=0, below=0.9)

    def forward(self, x):
        y = x + self.eccentricity * np.sin(x)
        for _ in range(8):
            y = y - (y - self.eccentricity * np.sin(y) - x) / (1 - self.eccentricity * np.cos(y))
        return y

    def derivative(self, x, y):
        return 1 / (1 - self.eccentricity * np.cos(y))


@dataclass(frozen=True)
class TanhOfCopy(Elementwise):
    def forward(self, x):
        return np.tanh(np.array(x, order="C"))

    def derivative(self, x, y):
        return np.array(1 - y * y, order="C")


@dataclass(frozen=True)
class Polar(Layer):
    """(a, b) as radius and angle."""

    def output_shape(self, input_shape):
        refuse_unless(self, input_shape == (2,), (2,), input_shape)
        return input_shape

    def forward(self, x):
        return np.stack([np.hypot(x[:, 0], x[:, 1]), np.arctan2(x[:, 1], x[:, 0])], axis=1)

    def jacobian(self, x, y):
        a, b, r = x[:, 0], x[:, 1], y[:, 0]
        rows = [np.stack([a / r, b / r], axis=1), np.stack([-b / (r * r), a / (r * r)], axis=1)]
        return Jacobian(Dense(np.stack(rows, axis=1)))


honest("log", Log(), (4,), domain=(0.0, np.inf))


honest("log/scaled", Log(), (4,), domain=(0.1, 10.0))


honest("sqrt", Sqrt(), (4,), domain=(0.0, np.inf))


honest("reciprocal", Reciprocal(), (4,), domain=(0.0, np.inf))


honest("reciprocal/negative", Reciprocal(), (4,), domain=(-np.inf, 0.0))


honest("logit", Logit(), (4,), domain=(0.0, 1.0))


honest("arcsine", Arcsine(), (4,), domain=(-1.0, 1.0))


honest("exp", Exp(), (4,))


honest("fourth-power", Fourth(), (4,))


honest("cube-root", CubeRoot(), (4,))


honest("sine", Sine(), (4,))


honest("sine/fast", Sine(30.0), (4,))


honest("sine/fast-in-a-domain", Sine(30.0), (4,), domain=(-2.0, 2.0))


honest("sinc", Sinc(), (4,))


honest("softplus", Softplus(), (4,))


honest("kepler", Kepler(), (4,))


honest("tanh-of-copy", TanhOfCopy(), (3, 4))


honest("tanh/narrow", TanhOfCopy(), (1,))


honest("tanh/scalar", TanhOfCopy(), ())


honest("polar", Polar(), (2,), domain=(0.1, 3.0))

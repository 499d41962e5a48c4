"""Right layers with statistics, of which the wrong ones are made."""

from abc import ABC
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from chainrule import BatchJacobian, Diagonal, Jacobian, Layer, Remembering, Scale, ShapeError, Shift, real
from chainrule.conformance import LayerCase

HONEST = []


def honest(name, layer, input_shape, **traits):
    HONEST.append(LayerCase(f"honest/statistics/{name}", layer, input_shape, **traits))


@dataclass(frozen=True)
class BatchNorm(Remembering):
    """y = gain (x - mean) / √(variance + ε) + shift, over all axes but the last; PyTorch's statistics."""

    momentum: float = 0.125
    eps: float = 1e-3

    training: ClassVar[type]
    prediction: ClassVar[type]

    def __post_init__(self):
        real("momentum", self.momentum, above=0, minimum=0)
        real("eps", self.eps, above=0)

    def output_shape(self, input_shape):
        if not input_shape:
            raise ShapeError("input", expected=("…", "n"), got=input_shape)
        return input_shape

    def parameter_shapes(self, input_shape):
        self.output_shape(input_shape)
        return {"gain": input_shape[-1:], "shift": input_shape[-1:]}

    def initialize(self, input_shape, rng):
        shapes = self.parameter_shapes(input_shape)
        return {"gain": np.ones(shapes["gain"]), "shift": np.zeros(shapes["shift"])}

    def statistic_shapes(self, input_shape):
        self.output_shape(input_shape)
        return {"mean": input_shape[-1:], "variance": input_shape[-1:]}

    def initial_statistics(self, input_shape):
        self.output_shape(input_shape)
        return {"mean": np.zeros(input_shape[-1:]), "variance": np.ones(input_shape[-1:])}

    def predicting(self, mean, variance):
        return self.prediction(self.eps, mean, variance)

    def realize(self, rng):
        return self.training(self.eps)

    def remembered(self, old, seen):
        n = seen["count"]
        new = {"mean": seen["mean"], "variance": seen["variance"] * (n / np.maximum(n - 1, 1))}
        return {name: old[name] + self.momentum * (new[name] - old[name]) for name in old}

    def least_batch(self, input_shape):
        return 2 if len(input_shape) == 1 else 1


class Normalising(Layer, ABC):
    """What both layers share: shapes and parameters."""

    output_shape = BatchNorm.output_shape
    parameter_shapes = BatchNorm.parameter_shapes
    initialize = BatchNorm.initialize

    def forward(self, x, gain, shift):
        return self.normal(x)[0] * gain + shift


@dataclass(frozen=True)
class Training(Normalising):
    """What one step differentiates: the batch's own moments."""

    eps: float = 1e-3
    mixes_samples = True

    def moments(self, x):
        axes = tuple(range(x.ndim - 1))
        mean = x.mean(axis=axes)
        return mean, ((x - mean) ** 2).mean(axis=axes)

    def normal(self, x):
        mean, variance = self.moments(x)
        root = np.sqrt(variance + self.eps)
        return (x - mean) / root, root

    def jacobian(self, x, y, gain, shift):
        z, root = self.normal(x)
        mean, variance = self.moments(x)
        count = np.full(gain.shape, x.size // x.shape[-1], x.dtype)
        return self.maps(x, z, root, gain, {"mean": mean, "variance": variance, "count": count})

    def maps(self, x, z, root, gain, seen):
        return Normalised(z, root, gain, seen)


class Normalised(BatchJacobian):
    """δ ↦ gain / root (δ - mean(δ) - z mean(δ z)), the means over the batch."""

    def __init__(self, z, root, gain, seen):
        self.z, self.root, self.gain, self.seen = z, root, gain, seen

    def over(self, v):
        return v.mean(axis=tuple(range(v.ndim - 1)))

    def project(self, v):
        return (v - self.over(v) - self.z * self.over(v * self.z)) / self.root

    def vjp(self, delta, out=None):
        if out is not None:
            self.vjp_params(delta, out)
        return self.project(delta * self.gain)

    def vjp_params(self, delta, out):
        axes = tuple(range(delta.ndim - 1))
        out["gain"][...] = (delta * self.z).sum(axis=axes)
        out["shift"][...] = delta.sum(axis=axes)

    def jvp(self, tangent, params):
        moved = np.zeros_like(self.z) if tangent is None else self.gain * self.project(tangent)
        return moved + self.z * params.get("gain", 0) + params.get("shift", 0)


@dataclass(frozen=True)
class Prediction(Normalising):
    """An affine map of each sample, by what is remembered."""

    eps: float
    mean: np.ndarray
    variance: np.ndarray

    def normal(self, x):
        root = np.sqrt(self.variance + self.eps)
        return (x - self.mean) / root, root

    def jacobian(self, x, y, gain, shift):
        z, root = self.normal(x)
        slope = np.broadcast_to(gain / root, x.shape)
        return Jacobian(Diagonal(slope), gain=Scale(z, gain.shape), shift=Shift(shift.shape))


BatchNorm.training, BatchNorm.prediction = Training, Prediction


def slow_remembered(old, x, gain, shift):
    """PyTorch's: momentum 1/8, the variance over n - 1."""
    rows = x.reshape(-1, x.shape[-1])
    new = {"mean": [], "variance": []}
    for k in range(rows.shape[1]):
        numbers = [float(row[k]) for row in rows]
        mean = sum(numbers) / len(numbers)
        variance = sum((v - mean) ** 2 for v in numbers) / max(len(numbers) - 1, 1)
        new["mean"].append(0.875 * old["mean"][k] + 0.125 * mean)
        new["variance"].append(0.875 * old["variance"][k] + 0.125 * variance)
    return new


def slow_trained(x, gain, shift):
    """The batch's own moments, over n."""
    rows = x.reshape(-1, x.shape[-1])
    y = np.empty_like(rows)
    for k in range(rows.shape[1]):
        mean = sum(rows[:, k]) / len(rows)
        variance = sum((v - mean) ** 2 for v in rows[:, k]) / len(rows)
        for j in range(len(rows)):
            y[j, k] = (rows[j, k] - mean) / (variance + 1e-3) ** 0.5 * gain[k] + shift[k]
    return y.reshape(x.shape)


def slow_at_first(x, gain, shift):
    """What the initial statistics make of it."""
    return x / (1 + 1e-3) ** 0.5 * gain + shift


SLOW = {"remembered": slow_remembered, "trained": slow_trained}
honest("batch-norm", BatchNorm(), (3,), reference=slow_at_first, **SLOW)
honest("batch-norm/picture", BatchNorm(), (3, 2, 2), reference=slow_at_first, **SLOW)


@dataclass(frozen=True)
class Centre(Remembering):
    """x less the mean of the batch, that of all batches so far in prediction: their count is remembered, too."""

    def output_shape(self, input_shape):
        return input_shape

    def statistic_shapes(self, input_shape):
        return {"mean": input_shape, "batches": ()}

    def initial_statistics(self, input_shape):
        return {"mean": np.zeros(input_shape), "batches": np.zeros(())}

    def predicting(self, mean, batches):
        return Less(mean)

    def realize(self, rng):
        return Centred()

    def remembered(self, old, seen):
        batches = old["batches"] + 1
        return {"mean": old["mean"] + (seen["mean"] - old["mean"]) / batches, "batches": batches}


@dataclass(frozen=True)
class Less(Layer):
    mean: np.ndarray

    def output_shape(self, input_shape):
        return input_shape

    def forward(self, x):
        return x - self.mean

    def jacobian(self, x, y):
        return Jacobian(Diagonal(np.ones_like(x)))


@dataclass(frozen=True)
class Centred(Layer):
    mixes_samples = True

    def output_shape(self, input_shape):
        return input_shape

    def forward(self, x):
        return x - x.mean(axis=0)

    def jacobian(self, x, y):
        return LessItsMean(x.mean(axis=0))


class LessItsMean(BatchJacobian):
    def __init__(self, mean):
        self.seen = {"mean": mean}

    def vjp(self, delta, out=None):
        return delta - delta.mean(axis=0)

    def jvp(self, tangent, params):
        return tangent - tangent.mean(axis=0)


honest("centre", Centre(), (2, 3))

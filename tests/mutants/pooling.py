"""Pooling that is wrong: channels-last input (H, W, C); windows may overlap, and may leave gaps."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from chainrule import (
    BatchJacobian,
    Dense,
    Jacobian,
    Layer,
    Selection,
    SettingError,
    ShapeError,
    axis_pair,
    positive_int,
)
from chainrule.conformance import LayerCase

from . import Mutant

SHAPE = (5, 4, 2)
SQUARE = (5, 5, 1)
DIVIDED = (4, 6, 2)


@dataclass
class PoolJacobian(BatchJacobian):
    """Each output is a sum over its window with weights, (B or 1, H', W', C or 1, k_h, k_w)."""

    layer: Any
    x: np.ndarray
    weights: np.ndarray

    def vjp(self, delta, out=None):
        return self.layer.pull(self.x, self.weights, delta)

    def jvp(self, tangent, params):
        return self.layer.push(self.weights, tangent)


@dataclass(frozen=True)
class Pool(Layer):
    size: Any = 2
    stride: Any = 2
    padding: Any = 0

    makes = PoolJacobian
    fill = 0.0

    def __post_init__(self):
        for name, minimum in (("size", 1), ("stride", 1), ("padding", 0)):
            object.__setattr__(self, name, axis_pair(name, getattr(self, name), minimum=minimum))
        if any(p >= k for p, k in zip(self.padding, self.size, strict=True)):
            raise SettingError("padding", expected=f"less than the size {self.size}", got=self.padding)

    def output_shape(self, input_shape):
        if len(input_shape) != 3:
            raise ShapeError("pool", expected=("H", "W", "C"), got=input_shape)
        sides = [
            (n + 2 * p - k) // s + 1
            for n, p, k, s in zip(input_shape[:2], self.padding, self.size, self.stride, strict=True)
        ]
        if min(sides) < 1:
            raise ShapeError("pool", expected=f"at least the window {self.size}", got=input_shape)
        return (*sides, input_shape[2])

    def padded(self, x, value):
        p, q = self.padding
        return np.pad(x, ((0, 0), (p, p), (q, q), (0, 0)), constant_values=value)

    def windows(self, x, fill=None):
        """Return what each output sees, (B, H', W', C, k_h, k_w)."""
        padded = self.padded(x, self.fill if fill is None else fill)
        return sliding_window_view(padded, self.size, axis=(1, 2))[:, :: self.stride[0], :: self.stride[1]]

    def linearize(self, x):
        y = self.forward(x)
        return y, self.makes(self, x, self.weights(x, y))

    def place(self, i, j, delta):
        """Return which padded inputs are entry i, j of their windows."""
        (s, t), (_, rows, columns, _) = self.stride, delta.shape
        return slice(None), slice(i, i + s * (rows - 1) + 1, s), slice(j, j + t * (columns - 1) + 1, t)

    def pull(self, x, weights, delta):
        (p, q), (_, H, W, C) = self.padding, x.shape
        padded = np.zeros((len(delta), H + 2 * p, W + 2 * q, C), delta.dtype)
        for i, j in np.ndindex(self.size):
            padded[self.place(i, j, delta)] += delta * weights[..., i, j]
        return padded[:, p : p + H, q : q + W]

    def push(self, weights, tangent):
        return (self.windows(tangent, 0.0) * weights).sum(axis=(-2, -1))


@dataclass(frozen=True)
class MaxPool(Pool):
    """The gradient goes to the first of the largest."""

    fill = -np.inf

    def forward(self, x):
        return self.windows(x).max(axis=(-2, -1))

    def weights(self, x, y):
        windows = self.windows(x)
        flat = windows.reshape(*y.shape, -1)
        return (np.arange(flat.shape[-1]) == flat.argmax(axis=-1)[..., np.newaxis]).reshape(windows.shape)


@dataclass(frozen=True)
class SplitMaxPool(MaxPool):
    """The gradient is split between the largest."""

    def weights(self, x, y):
        largest = self.windows(x) == y[..., np.newaxis, np.newaxis]
        return largest / largest.sum(axis=(-2, -1), keepdims=True).astype(x.dtype)


@dataclass(frozen=True)
class MeanPool(Pool):
    """The mean of what lies inside; of zeros of the padding, too, where they count."""

    count_padding: bool = False

    def forward(self, x):
        return (self.windows(x) * self.weights(x, None)).sum(axis=(-2, -1))

    def weights(self, x, y):
        inside = self.windows(np.ones((1, *x.shape[1:3], 1), x.dtype), 1.0 if self.count_padding else 0.0)
        return inside / inside.sum(axis=(-2, -1), keepdims=True)


@dataclass(frozen=True)
class GlobalMax(Layer):
    def output_shape(self, input_shape):
        if len(input_shape) != 3:
            raise ShapeError("global max", expected=("H", "W", "C"), got=input_shape)
        return input_shape[2:]

    def forward(self, x):
        return x.max(axis=(1, 2))

    def index(self, x):
        C = x.shape[3]
        return x.reshape(len(x), -1, C).argmax(axis=1) * C + np.arange(C)

    def jacobian(self, x, y):
        return Jacobian(Selection(self.index(x), x.shape[1:]))


@dataclass(frozen=True)
class GlobalMean(Layer):
    def output_shape(self, input_shape):
        if len(input_shape) != 3:
            raise ShapeError("global mean", expected=("H", "W", "C"), got=input_shape)
        return input_shape[2:]

    def forward(self, x):
        return x.mean(axis=(1, 2))

    def jacobian(self, x, y):
        return MeanJacobian(x.shape)


@dataclass
class MeanJacobian(BatchJacobian):
    shape: tuple

    def vjp(self, delta, out=None):
        _, H, W, _ = self.shape
        return np.broadcast_to(delta[:, np.newaxis, np.newaxis] / (H * W), self.shape)

    def jvp(self, tangent, params):
        return tangent.mean(axis=(1, 2))


@dataclass(frozen=True)
class SquareMax(Layer):
    """Max pooling by indices."""

    size: int = 2
    stride: int = 2

    def __post_init__(self):
        positive_int("size", self.size)
        positive_int("stride", self.stride)

    def output_shape(self, input_shape):
        return MaxPool(self.size, self.stride).output_shape(input_shape)

    def index(self, shape):
        """Return the flat index of each number of each window, (H', W', C, size²)."""
        numbers = np.arange(np.prod(shape)).reshape(1, *shape)
        windows = sliding_window_view(numbers, (self.size, self.size), axis=(1, 2))
        return windows[0, :: self.stride, :: self.stride].reshape(*self.output_shape(shape), -1)

    def forward(self, x):
        return x.reshape(len(x), -1)[:, self.index(x.shape[1:])].max(axis=-1)

    def linearize(self, x):
        index = self.index(x.shape[1:])
        taken = x.reshape(len(x), -1)[:, index].argmax(axis=-1)[..., np.newaxis]
        chosen = np.take_along_axis(np.broadcast_to(index, (len(x), *index.shape)), taken, axis=-1)[..., 0]
        return self.forward(x), Jacobian(Selection(chosen, x.shape[1:]))


def slow(reduce, size=(2, 2), stride=(2, 2), padding=(0, 0)):
    """Return the plain loops of pooling, for one sample: `reduce` of the numbers that lie inside each window."""

    def reference(x):
        (H, W, C), (k_h, k_w), (s, t), (p, q) = x.shape, size, stride, padding
        y = np.zeros(((H + 2 * p - k_h) // s + 1, (W + 2 * q - k_w) // t + 1, C))
        for u, v, c in np.ndindex(y.shape):
            rows = [r for r in range(u * s - p, u * s - p + k_h) if 0 <= r < H]
            columns = [r for r in range(v * t - q, v * t - q + k_w) if 0 <= r < W]
            y[u, v, c] = reduce([x[i, j, c] for i in rows for j in columns])
        return y

    return reference


def mean(numbers):
    return sum(numbers) / len(numbers)


def sum_over_9(numbers):
    return sum(numbers) / 9


def slow_global_max(x):
    return [max(x[i, j, c] for i, j in np.ndindex(x.shape[:2])) for c in range(x.shape[2])]


def slow_global_mean(x):
    return [mean([x[i, j, c] for i, j in np.ndindex(x.shape[:2])]) for c in range(x.shape[2])]


LARGE, OVER = ((3, 3), (2, 2), (1, 1)), ((2, 3), (1, 2))
HONEST = [
    LayerCase("pooling/max", MaxPool(), SHAPE, slow(max), ties="first", invalid=[{"stride": 0}, {"size": True}]),
    LayerCase("pooling/max-overlap", MaxPool((2, 3), (1, 2)), (4, 6, 2), slow(max, *OVER), ties="first"),
    LayerCase("pooling/max-padded", MaxPool(3, 2, 1), SHAPE, slow(max, *LARGE), ties="first"),
    LayerCase("pooling/max-gaps", MaxPool((1, 2), (2, 3)), (5, 6, 2), slow(max, (1, 2), (2, 3)), ties="first"),
    LayerCase("pooling/by-index", SquareMax(3, 1), SHAPE, slow(max, (3, 3), (1, 1)), ties="first"),
    LayerCase("pooling/split", SplitMaxPool(3, 2, 1), SHAPE, slow(max, *LARGE), ties="split"),
    LayerCase("pooling/mean", MeanPool((2, 3), (1, 2)), (4, 6, 2), reference=slow(mean, *OVER)),
    LayerCase("pooling/mean-padded", MeanPool(3, 2, 1), SHAPE, reference=slow(mean, *LARGE)),
    LayerCase("pooling/mean-counting-padding", MeanPool(3, 2, 1, True), SHAPE, reference=slow(sum_over_9, *LARGE)),
    LayerCase("pooling/global-max", GlobalMax(), SHAPE, reference=slow_global_max, ties="first"),
    LayerCase("pooling/global-mean", GlobalMean(), SHAPE, reference=slow_global_mean),
]


# The derivative.


class ComparesWithInput(MaxPool):
    def weights(self, x, y):
        _, rows, columns, _ = y.shape
        corner = x[:, :rows, :columns]
        return self.windows(x) == corner[..., np.newaxis, np.newaxis]


class FirstWindowBackward(MaxPool):
    def pull(self, x, weights, delta):
        only = np.zeros_like(delta)
        only[:, 0, 0] = delta[:, 0, 0]
        return super().pull(x, weights, only)


class WindowOverwritten(MaxPool):
    def pull(self, x, weights, delta):
        result = np.zeros_like(x, dtype=delta.dtype)
        for u, v in np.ndindex(delta.shape[1:3]):
            rows, columns = slice(u * self.stride[0], None), slice(v * self.stride[1], None)
            part = result[:, rows, columns][:, : self.size[0], : self.size[1]]
            part[...] = np.moveaxis(delta[:, u, v, :, None, None] * weights[:, u, v], 1, -1)
        return result


class IndexAssigned(MaxPool):
    def pull(self, x, weights, delta):
        result = np.zeros((len(delta), *x.shape[1:]), delta.dtype)
        for i, j in np.ndindex(self.size):
            hit = np.broadcast_to(weights[..., i, j], delta.shape)
            result[self.place(i, j, delta)][hit] = delta[hit]
        return result


class MeanByFloor(MeanPool):
    def pull(self, x, weights, delta):
        (s, t), (_, H, W, _) = self.stride, x.shape
        repeated = delta.repeat(s, axis=1).repeat(t, axis=2) * weights[0, 0, 0, 0, 0, 0]
        result = np.zeros((len(delta), H, W, x.shape[3]), delta.dtype)
        cut = repeated[:, :H, :W]
        result[:, : cut.shape[1], : cut.shape[2]] = cut
        return result


class MeanPassesAll(MeanPool):
    def pull(self, x, weights, delta):
        return super().pull(x, np.ones_like(weights), delta)


class MeanOfCornerBackward(MeanPool):
    def pull(self, x, weights, delta):
        return super().pull(x, np.broadcast_to(weights[:, :1, :1], weights.shape), delta)


class RowsForColumns(MaxPool):
    def place(self, i, j, delta):
        (s, t), (_, rows, _, _) = self.stride, delta.shape
        return slice(None), slice(i, i + s * (rows - 1) + 1, s), slice(j, j + t * (rows - 1) + 1, t)


class FlatIndexOfSquare(GlobalMax):
    def index(self, x):
        _, H, _, C = x.shape
        rows, columns = np.divmod(super().index(x) // C, x.shape[2])
        return (rows * H + columns) * C + np.arange(C)


class JvpWithoutMask(MaxPool):
    def push(self, weights, tangent):
        return self.windows(tangent).max(axis=(-2, -1))


# Forward and derivative alike.


class ReturnsAfterFirstWindow(MaxPool):
    def windows(self, x, fill=None):
        seen = super().windows(x, fill)
        return np.broadcast_to(seen[:, :1, :1], seen.shape)

    def pull(self, x, weights, delta):
        only = np.zeros_like(delta)
        only[:, 0, 0] = delta.sum(axis=(1, 2))
        return super().pull(x, weights, only)


class PaddingWins(MaxPool):
    fill = 0.0


class PaddingFarBelow(MaxPool):
    fill = -100.0


class MeanOfPadded(MeanPool):
    def weights(self, x, y):
        rows, columns, _ = self.output_shape(x.shape[1:])
        return np.full((1, rows, columns, 1, *self.size), 1 / (self.size[0] * self.size[1]), x.dtype)


class MeanNotDivided(MeanPool):
    def weights(self, x, y):
        rows, columns, _ = self.output_shape(x.shape[1:])
        return np.ones((1, rows, columns, 1, *self.size), x.dtype)


class TrainsOnMax(MeanPool):
    def linearize(self, x):
        layer = MaxPool(self.size, self.stride, self.padding)
        return layer.linearize(x)


class SizeRoundedUp(MaxPool):
    def output_shape(self, input_shape):
        channels = super().output_shape(input_shape)[2]
        sides = zip(input_shape[:2], self.size, self.stride, strict=True)
        return (*(-(-(n - k) // s) + 1 for n, k, s in sides), channels)


# The batch.


class MaskOfFirstSample(MaxPool):
    def weights(self, x, y):
        return super().weights(x, y)[:1]


class MaxOverBatch(GlobalMax):
    def forward(self, x):
        return np.maximum(x.max(axis=(1, 2)), x.mean(axis=(0, 1, 2)) + 2)


# Kinks and ties.


class EveryMaximumConducts(MaxPool):
    def weights(self, x, y):
        return self.windows(x) == y[..., np.newaxis, np.newaxis]


class LastOfTheLargest(MaxPool):
    def weights(self, x, y):
        windows = self.windows(x)
        flat = windows.reshape(*y.shape, -1)[..., ::-1]
        return (np.arange(flat.shape[-1]) == flat.argmax(axis=-1)[..., np.newaxis])[..., ::-1].reshape(windows.shape)


class NoneOfTheTied(MaxPool):
    def weights(self, x, y):
        largest = self.windows(x) == y[..., np.newaxis, np.newaxis]
        return largest & (largest.sum(axis=(-2, -1), keepdims=True) == 1)


class FirstInColumns(MaxPool):
    def weights(self, x, y):
        windows = self.windows(x).swapaxes(-2, -1)
        flat = windows.reshape(*y.shape, -1)
        return (np.arange(flat.shape[-1]) == flat.argmax(axis=-1)[..., None]).reshape(windows.shape).swapaxes(-2, -1)


class SplitByWindow(SplitMaxPool):
    def weights(self, x, y):
        largest = self.windows(x) == y[..., np.newaxis, np.newaxis]
        tied = largest.sum(axis=(-2, -1), keepdims=True) > 1
        return np.where(tied, 1 / (self.size[0] * self.size[1]), largest).astype(x.dtype)


class GlobalConductsAll(GlobalMax):
    def jacobian(self, x, y):
        largest = x == y[:, np.newaxis, np.newaxis]
        return Jacobian(Dense(np.moveaxis(largest[..., np.newaxis] * np.eye(x.shape[3]), -1, 1).astype(x.dtype)))


# dtypes and layouts.


class DoubleWeights(MeanPool):
    def weights(self, x, y):
        return super().weights(x, y).astype(np.float64)


class ReadsByMemory(GlobalMean):
    def forward(self, x):
        return x.ravel(order="K").reshape(len(x), -1, x.shape[3]).mean(axis=1)


# State and side effects.

_kept = {}


class SortsInPlace(GlobalMax):
    def forward(self, x):
        flat = x.reshape(len(x), -1, x.shape[3])
        flat.sort(axis=1)
        return flat[:, -1]


class DividesDelta(MeanPool):
    def pull(self, x, weights, delta):
        delta /= self.size[0] * self.size[1]
        return super().pull(x, np.ones_like(weights), delta)


class MaskInLayer(MaxPool):
    def weights(self, x, y):
        object.__setattr__(self, "mask", super().weights(x, y))
        return self.mask


class MaskOfLast(PoolJacobian):
    def vjp(self, delta, out=None):
        return self.layer.pull(self.x, _kept[type(self.layer)][: len(delta)], delta)


class ReadsLastMask(MaxPool):
    makes = MaskOfLast

    def weights(self, x, y):
        _kept[type(self)] = super().weights(x, y)
        return _kept[type(self)]


class WindowsKeptById(MaxPool):
    def windows(self, x, fill=None):
        key = (type(self), id(x), fill)
        return _kept.setdefault(key, (x, super().windows(x, fill).copy()))[1]


class GradientIsBuffer(MaxPool):
    def pull(self, x, weights, delta):
        pulled = super().pull(x, weights, delta)
        buffer = _kept.setdefault((type(self), pulled.shape, pulled.dtype), pulled)
        buffer[...] = pulled
        return buffer


class SharedScratch(MaxPool):
    def padded(self, x, value):
        padded = super().padded(x, value)
        scratch = _kept.setdefault((type(self), padded.shape, padded.dtype), np.empty_like(padded))
        scratch[...] = padded
        return scratch

    def windows(self, x, fill=None):
        return super().windows(x, fill).copy()


class NoMaskLeft(PoolJacobian):
    def vjp(self, delta, out=None):
        pulled = super().vjp(delta)
        self.weights = np.zeros_like(self.weights)
        return pulled


class FreesItsMask(MaxPool):
    makes = NoMaskLeft


class IndexWithoutShape(SquareMax):
    def index(self, shape):
        key = (type(self), self.size, self.stride)
        return _kept.setdefault(key, super().index(shape))


# Extremes.


class NanIgnored(MaxPool):
    def forward(self, x):
        return np.nanmax(self.windows(x), axis=(-2, -1))


class NanLosesToFmax(GlobalMax):
    def forward(self, x):
        return np.fmax.reduce(x, axis=(1, 2))


class NanLosesComparison(MaxPool):
    def forward(self, x):
        windows = self.windows(x)
        best = windows[..., 0, 0]
        for i, j in np.ndindex(self.size):
            best = np.where(windows[..., i, j] > best, windows[..., i, j], best)
        return best


class FillOverflows(MaxPool):
    def windows(self, x, fill=None):
        lowest = np.array(-1e39).astype(x.dtype)
        return super().windows(x, lowest if fill is None else fill)


# Errors.


class TakesAnyRank(GlobalMean):
    def output_shape(self, input_shape):
        return input_shape[-1:]


class Unchecked(MaxPool):
    def __post_init__(self):
        for name in ("size", "stride", "padding"):
            value = getattr(self, name)
            object.__setattr__(self, name, tuple(value) if isinstance(value, tuple | list) else (value, value))


class PaddingOfWindow(MaxPool):
    def __post_init__(self):
        for name, minimum in (("size", 1), ("stride", 1), ("padding", 0)):
            object.__setattr__(self, name, axis_pair(name, getattr(self, name), minimum=minimum))


class SizeConverted(SquareMax):
    def __post_init__(self):
        object.__setattr__(self, "size", int(self.size))
        super().__post_init__()


# The life of a layer.


@dataclass(frozen=True)
class EqualWhateverStride(SquareMax):
    stride: int = field(default=2, compare=False)


class NumpySize(MaxPool):
    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "size", tuple(np.array(self.size)))


class TiesAtRandom(MaxPool):
    def weights(self, x, y):
        windows = self.windows(x)
        flat = windows.reshape(*y.shape, -1)
        shaken = flat + 1e-9 * np.random.random(flat.shape)  # noqa: NPY002 - the fault
        return (np.arange(flat.shape[-1]) == shaken.argmax(axis=-1)[..., np.newaxis]).reshape(windows.shape)


# Memory.


class DenseMask(SquareMax):
    def linearize(self, x):
        y, jacobian = super().linearize(x)
        return y, DenseSelection(jacobian.input)


@dataclass
class DenseSelection(BatchJacobian):
    chosen: Selection

    def vjp(self, delta, out=None):
        size = int(np.prod(self.chosen.input_shape))
        taken = self.chosen.index.reshape(len(delta), -1)
        J = (taken[..., np.newaxis] == np.arange(size)).astype(delta.dtype)
        return Dense(J.reshape(*delta.shape, *self.chosen.input_shape)).vjp(delta)

    def jvp(self, tangent, params):
        return self.chosen.jvp(tangent)


class ComparesAllPairs(GlobalMax):
    def index(self, x):
        flat = x.reshape(len(x), -1)
        flat @ flat.T
        return super().index(x)


class SizeByRunning(MeanPool):
    def output_shape(self, input_shape):
        rows, columns, channels = super().output_shape(input_shape)
        return np.zeros((rows, columns, channels)).shape


MUTANTS = [
    Mutant(
        LayerCase("pooling/compares-with-input", ComparesWithInput(), SHAPE),
        fault="derivative",
        wrong="The mask compares x with x at (floor(u/s), floor(v/s)), where it is y (E16).",
        killed_by="gradient.input",
    ),
    Mutant(
        LayerCase("pooling/first-window-backward", FirstWindowBackward(), SHAPE),
        fault="derivative",
        wrong="The backward pass ends after the first window.",
        killed_by="gradient.input",
    ),
    Mutant(
        LayerCase("pooling/window-overwritten", WindowOverwritten(2, 1), SHAPE),
        fault="derivative",
        wrong="Each window writes its gradient over that of the one before.",
        killed_by="gradient.input",
    ),
    Mutant(
        LayerCase("pooling/index-assigned", IndexAssigned(3, 2), SHAPE),
        fault="derivative",
        wrong="An input that is largest in several windows gets the gradient of the last.",
        killed_by="gradient.input",
    ),
    Mutant(
        LayerCase("pooling/mean-by-floor", MeanByFloor((2, 3), (1, 2)), SHAPE),
        fault="derivative",
        wrong="δ is repeated as if windows did not overlap.",
        killed_by="gradient.input",
    ),
    Mutant(
        LayerCase("pooling/mean-passes-all", MeanPassesAll(), SHAPE),
        fault="derivative",
        wrong="Each of the averaged inputs gets the whole δ.",
        killed_by="gradient.input",
    ),
    Mutant(
        LayerCase("pooling/mean-of-corner-backward", MeanOfCornerBackward(3, 2, 1), SHAPE),
        fault="derivative",
        wrong="Inner windows are divided by the count of the corner's.",
        killed_by="gradient.input",
    ),
    Mutant(
        LayerCase("pooling/rows-for-columns", RowsForColumns(), SQUARE),
        fault="derivative",
        wrong="The backward pass takes the number of rows for that of columns; the case is square.",
        killed_by="gradient.shapes",
    ),
    Mutant(
        LayerCase("pooling/flat-index-of-square", FlatIndexOfSquare(), SQUARE),
        fault="derivative",
        wrong="The index of the largest is made with H for W; the case is square.",
        killed_by="gradient.shapes",
    ),
    Mutant(
        LayerCase("pooling/jvp-without-mask", JvpWithoutMask(), SHAPE),
        fault="derivative",
        wrong="The jvp is the maximum of the tangent, not its entry at the largest input.",
        killed_by="gradient.adjoint",
    ),
    Mutant(
        LayerCase("pooling/returns-after-first-window", ReturnsAfterFirstWindow(), SHAPE, reference=slow(max)),
        fault="forward",
        wrong="All outputs are those of the first window.",
        killed_by="forward.reference",
    ),
    Mutant(
        LayerCase("pooling/padding-wins", PaddingWins(3, 2, 1), SHAPE, slow(max, *LARGE)),
        fault="forward",
        wrong="The padding is 0 and wins over negative inputs.",
        killed_by="forward.reference",
    ),
    Mutant(
        LayerCase("pooling/padding-wins-ties", PaddingWins(3, 2, 1), SHAPE, ties="first"),
        fault="kinks",
        wrong="The padding is 0, and takes the gradient of inputs that are 0.",
        killed_by="kinks.ties",
    ),
    Mutant(
        LayerCase("pooling/padding-far-below", PaddingFarBelow(3, 2, 1), SHAPE, slow(max, *LARGE)),
        fault="extremes",
        wrong="The padding is -100, and wins over inputs below that.",
        killed_by="numerics.extremes",
    ),
    Mutant(
        LayerCase("pooling/mean-of-padded", MeanOfPadded(3, 2, 1), SHAPE, slow(mean, *LARGE)),
        fault="forward",
        wrong="Zeros of the padding count, where the mean of what lies inside was declared.",
        killed_by="forward.reference",
    ),
    Mutant(
        LayerCase("pooling/mean-of-inside", MeanPool(3, 2, 1), SHAPE, slow(sum_over_9, *LARGE)),
        fault="forward",
        wrong="Zeros of the padding do not count, where they were declared to.",
        killed_by="forward.reference",
    ),
    Mutant(
        LayerCase("pooling/mean-not-divided", MeanNotDivided(), SHAPE, slow(mean)),
        fault="forward",
        wrong="It is the sum of a window.",
        killed_by="forward.reference",
    ),
    Mutant(
        LayerCase("pooling/trains-on-max", TrainsOnMax(), SHAPE),
        fault="forward",
        wrong="It predicts by the mean and trains by the maximum.",
        killed_by="forward.linearize",
    ),
    Mutant(
        LayerCase("pooling/size-rounded-up", SizeRoundedUp(), DIVIDED),
        fault="errors",
        wrong="output_shape rounds up where the stride does not divide, and forward down.",
        killed_by="forward.declarations",
    ),
    Mutant(
        LayerCase("pooling/mask-of-first-sample", MaskOfFirstSample(), SHAPE),
        fault="batch",
        wrong="The largest of the first sample stand for those of all.",
        killed_by="batch.singles",
    ),
    Mutant(
        LayerCase("pooling/max-over-batch", MaxOverBatch(), SHAPE),
        fault="batch",
        wrong="The mean over the batch takes part, and mixes_samples is False.",
        killed_by="batch.apart",
    ),
    Mutant(
        LayerCase("pooling/every-maximum-conducts", EveryMaximumConducts(), SHAPE),
        fault="kinks",
        wrong="Every maximal input gets the whole gradient (E16b).",
        killed_by="kinks.hull",
    ),
    Mutant(
        LayerCase("pooling/global-conducts-all", GlobalConductsAll(), SHAPE),
        fault="kinks",
        wrong="Every maximal input gets the whole gradient (E16b), in a dense Jacobian.",
        killed_by="kinks.hull",
    ),
    Mutant(
        LayerCase("pooling/none-of-the-tied", NoneOfTheTied(), SHAPE),
        fault="kinks",
        wrong="At a tie nobody gets the gradient.",
        killed_by="kinks.hull",
    ),
    Mutant(
        LayerCase("pooling/split-by-window", SplitByWindow(), SHAPE),
        fault="kinks",
        wrong="At a tie of two the whole window shares the gradient, smaller inputs, too.",
        killed_by="kinks.hull",
    ),
    Mutant(
        LayerCase("pooling/last-of-the-largest", LastOfTheLargest(), SHAPE, ties="first"),
        fault="kinks",
        wrong="The last of the largest gets the gradient, where the first is declared.",
        killed_by="kinks.ties",
    ),
    Mutant(
        LayerCase("pooling/last-where-split", LastOfTheLargest(), SHAPE, ties="split"),
        fault="kinks",
        wrong="The last of the largest gets the gradient, where they are declared to share it.",
        killed_by="kinks.ties",
    ),
    Mutant(
        LayerCase("pooling/first-in-columns", FirstInColumns(3, 1), SHAPE, ties="first"),
        fault="kinks",
        wrong="It looks for the first of the largest by columns.",
        killed_by="kinks.ties",
    ),
    Mutant(
        LayerCase("pooling/split-where-first", SplitMaxPool(), SHAPE, ties="first"),
        fault="kinks",
        wrong="The largest share the gradient, where the first is declared.",
        killed_by="kinks.ties",
    ),
    Mutant(
        LayerCase("pooling/double-weights", DoubleWeights(), SHAPE),
        fault="arrays",
        wrong="The weights are float64, whatever x is.",
        killed_by="arrays.float32",
    ),
    Mutant(
        LayerCase("pooling/reads-by-memory", ReadsByMemory(), SHAPE),
        fault="arrays",
        wrong="x is read in the order of its memory.",
        killed_by="arrays.layout",
    ),
    Mutant(
        LayerCase("pooling/sorts-in-place", SortsInPlace(), SHAPE),
        fault="state",
        wrong="x is sorted in place.",
        killed_by="purity.input",
    ),
    Mutant(
        LayerCase("pooling/divides-delta", DividesDelta(), SHAPE),
        fault="state",
        wrong="δ is divided in place.",
        killed_by="purity.delta",
    ),
    Mutant(
        LayerCase("pooling/mask-in-layer", MaskInLayer(), SHAPE),
        fault="state",
        wrong="The mask is kept in the layer.",
        killed_by="purity.state",
    ),
    Mutant(
        LayerCase("pooling/reads-last-mask", ReadsLastMask(), SHAPE),
        fault="state",
        wrong="Every Jacobian reads the mask of the last linearize.",
        killed_by="purity.interleaved",
    ),
    Mutant(
        LayerCase("pooling/windows-kept-by-id", WindowsKeptById(), SHAPE),
        fault="state",
        wrong="Windows are kept by the identity of x, and x may change in place.",
        killed_by="purity.stale",
    ),
    Mutant(
        LayerCase("pooling/gradient-is-buffer", GradientIsBuffer(), SHAPE),
        fault="state",
        wrong="δ·J_X is an array that the next call overwrites.",
        killed_by="purity.buffers",
    ),
    Mutant(
        LayerCase("pooling/shared-scratch", SharedScratch(3, 2, 1), SHAPE),
        fault="state",
        wrong="All threads pad into one array.",
        killed_by="purity.threads",
    ),
    Mutant(
        LayerCase("pooling/frees-its-mask", FreesItsMask(), SHAPE),
        fault="state",
        wrong="After one vjp the mask is gone.",
        killed_by="purity.asked_twice",
    ),
    Mutant(
        LayerCase("pooling/index-without-shape", IndexWithoutShape(), SHAPE),
        fault="state",
        wrong="Indices are kept by size and stride, and not by the shape.",
        killed_by="forward.declarations",
    ),
    Mutant(
        LayerCase("pooling/nan-ignored", NanIgnored(), SHAPE),
        fault="extremes",
        wrong="nanmax ignores a NaN.",
        killed_by="numerics.nan",
    ),
    Mutant(
        LayerCase("pooling/nan-loses-to-fmax", NanLosesToFmax(), SHAPE),
        fault="extremes",
        wrong="fmax prefers a number to NaN.",
        killed_by="numerics.nan",
    ),
    Mutant(
        LayerCase("pooling/nan-loses-comparison", NanLosesComparison(), SHAPE),
        fault="extremes",
        wrong="A NaN is never greater than the best so far.",
        killed_by="numerics.nan",
    ),
    Mutant(
        LayerCase("pooling/fill-overflows", FillOverflows(3, 2, 1), SHAPE),
        fault="extremes",
        wrong="The padding overflows in float32, and warns at every step.",
        killed_by="numerics.warnings",
    ),
    Mutant(
        LayerCase("pooling/takes-any-rank", TakesAnyRank(), SHAPE),
        fault="errors",
        wrong="output_shape takes a flat input that forward cannot.",
        killed_by="errors.shape",
    ),
    Mutant(
        LayerCase("pooling/stride-zero", Unchecked(), SHAPE, invalid=[{"stride": 0}]),
        fault="errors",
        wrong="stride=0 is taken.",
        killed_by="errors.settings",
    ),
    Mutant(
        LayerCase("pooling/stride-float", Unchecked(), SHAPE, invalid=[{"stride": 3.0}]),
        fault="errors",
        wrong="stride=3.0 is taken.",
        killed_by="errors.settings",
    ),
    Mutant(
        LayerCase("pooling/stride-string", Unchecked(), SHAPE, invalid=[{"stride": "2"}]),
        fault="errors",
        wrong="stride='2' is taken.",
        killed_by="errors.settings",
    ),
    Mutant(
        LayerCase("pooling/stride-true", Unchecked(), SHAPE, invalid=[{"stride": True}]),
        fault="errors",
        wrong="stride=True is taken.",
        killed_by="errors.settings",
    ),
    Mutant(
        LayerCase("pooling/padding-of-window", PaddingOfWindow(), SHAPE, invalid=[{"padding": 2}]),
        fault="errors",
        wrong="padding may be as large as the window, which then sees nothing but padding.",
        killed_by="errors.settings",
    ),
    Mutant(
        LayerCase("pooling/size-converted", SizeConverted(), SHAPE),
        fault="errors",
        wrong="int() makes a number of a string.",
        killed_by="errors.types",
    ),
    Mutant(
        LayerCase("pooling/equal-whatever-stride", EqualWhateverStride(), SHAPE),
        fault="lifecycle",
        wrong="Layers of different strides are equal.",
        killed_by="lifecycle.equality",
    ),
    Mutant(
        LayerCase("pooling/numpy-size", NumpySize(), SHAPE),
        fault="lifecycle",
        wrong="The size becomes a tuple of NumPy's ints, which no recipe can hold.",
        killed_by="lifecycle.frozen",
    ),
    Mutant(
        LayerCase("pooling/ties-at-random", TiesAtRandom(), SHAPE),
        fault="randomness",
        wrong="Ties are broken by NumPy's global generator.",
        killed_by="purity.surroundings",
    ),
    Mutant(
        LayerCase("pooling/dense-mask", DenseMask(), SHAPE),
        fault="resources",
        wrong="vjp builds the dense Jacobian.",
        killed_by="resources.vjp",
    ),
    Mutant(
        LayerCase("pooling/compares-all-pairs", ComparesAllPairs(), SHAPE),
        fault="resources",
        wrong="A B × B matrix is made on the way.",
        killed_by="resources.batch",
    ),
    Mutant(
        LayerCase("pooling/size-by-running", SizeByRunning(), SHAPE),
        fault="resources",
        wrong="output_shape makes an array to see its shape.",
        killed_by="forward.describes",
    ),
]

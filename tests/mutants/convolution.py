"""Convolutions that are wrong: channels-last input (H, W, C), kernel (k_h, k_w, C_in, C_out)."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view

from chainrule import BatchJacobian, Layer, ShapeError, axis_pair, one_of, positive_int
from chainrule.conformance import LayerCase

from . import Mutant

SHAPE = (5, 4, 2)
SQUARE = (5, 5, 2)
DIVIDED = (4, 6, 2)


@dataclass
class ConvJacobian(BatchJacobian):
    layer: Any
    x: np.ndarray
    K: np.ndarray
    biased: bool

    def vjp(self, delta, out=None):
        if out is not None:
            self.vjp_params(delta, out)
        return self.layer.pull_input(self.x, self.K, delta)

    def vjp_params(self, delta, out):
        out["K"][...] = self.layer.pull_kernel(self.x, self.K, delta).sum(axis=0)
        if self.biased:
            out["b"][...] = self.layer.pull_bias(delta).sum(axis=0)

    def jvp(self, tangent, params):
        return self.layer.push(self.x, self.K, tangent, params)

    def per_sample(self, delta):
        found = {"K": self.layer.pull_kernel(self.x, self.K, delta)}
        return {**found, "b": self.layer.pull_bias(delta)} if self.biased else found


@dataclass(frozen=True)
class Conv(Layer):
    filters: int
    kernel: Any = 3
    stride: Any = 1
    padding: Any = 0
    bias: str = "tied"

    makes = ConvJacobian

    def __post_init__(self):
        positive_int("filters", self.filters)
        one_of("bias", self.bias, ("tied", "untied", "none"))
        for name, minimum in (("kernel", 1), ("stride", 1), ("padding", 0)):
            object.__setattr__(self, name, axis_pair(name, getattr(self, name), minimum=minimum))

    def output_shape(self, input_shape):
        if len(input_shape) != 3:
            raise ShapeError("conv", expected=("H", "W", "C"), got=input_shape)
        sides = [
            (n + 2 * p - k) // s + 1
            for n, p, k, s in zip(input_shape[:2], self.padding, self.kernel, self.stride, strict=True)
        ]
        if min(sides) < 1:
            raise ShapeError("conv", expected=f"at least the kernel {self.kernel}", got=input_shape)
        return (*sides, self.filters)

    def parameter_shapes(self, input_shape):
        out = self.output_shape(input_shape)
        shapes = {"K": (*self.kernel, input_shape[2], self.filters)}
        return shapes if self.bias == "none" else {**shapes, "b": out[2:] if self.bias == "tied" else out}

    def initialize(self, input_shape, rng):
        shapes = self.parameter_shapes(input_shape)
        scale = np.sqrt(2 / np.prod(shapes["K"][:3]))
        return {name: rng.normal(0, scale, s) if name == "K" else np.zeros(s) for name, s in shapes.items()}

    def pads(self):
        p, q = self.padding
        return ((0, 0), (p, p), (q, q), (0, 0))

    def turned(self, K):
        """Return the kernel as the formula uses it; asked twice, as it was."""
        return K

    def windows(self, x):
        """Return what each output sees, (B, H', W', C, k_h, k_w)."""
        rows, columns, _ = self.output_shape(x.shape[1:])
        padded = np.pad(x, self.pads())
        seen = sliding_window_view(padded, self.kernel, axis=(1, 2))[:, :: self.stride[0], :: self.stride[1]]
        return seen[:, :rows, :columns]

    def forward(self, x, K, b=None):
        y = np.einsum("buvcij,ijcf->buvf", self.windows(x), self.turned(K))
        return y if b is None else y + b

    def linearize(self, x, K, b=None):
        return self.forward(x, K, b), self.makes(self, x, K, b is not None)

    def place(self, i, j, delta):
        """Return which padded inputs meet K[i, j]."""
        (s, t), (_, rows, columns, _) = self.stride, delta.shape
        return slice(None), slice(i, i + s * (rows - 1) + 1, s), slice(j, j + t * (columns - 1) + 1, t)

    def pull_input(self, x, K, delta):
        pads, K = self.pads(), self.turned(K)
        padded = np.zeros([n + a + b for n, (a, b) in zip((len(delta), *x.shape[1:]), pads, strict=True)], delta.dtype)
        for i, j in np.ndindex(self.kernel):
            padded[self.place(i, j, delta)] += delta @ K[i, j].T
        (top, _), (left, _) = pads[1:3]
        return padded[:, top : top + x.shape[1], left : left + x.shape[2]]

    def pull_kernel(self, x, K, delta):
        """Return each sample's, (B, *K)."""
        found = np.einsum("buvcij,buvf->ijcfb", self.windows(x), delta)
        return np.moveaxis(self.turned(found), -1, 0)

    def pull_bias(self, delta):
        return delta.sum(axis=(1, 2)) if self.bias == "tied" else delta

    def push(self, x, K, tangent, params):
        pushed = np.zeros((len(x), *self.output_shape(x.shape[1:])), x.dtype)
        if tangent is not None:
            pushed += self.forward(tangent, K)
        if "K" in params:
            pushed += self.forward(x, params["K"])
        return pushed + params["b"] if "b" in params else pushed


def slow(stride=(1, 1), padding=(0, 0)):
    """Return the plain loops of a convolution, for one sample."""

    def reference(x, K, b=None):
        (H, W, C), (k_h, k_w, _, F), (s, t), (p, q) = x.shape, K.shape, stride, padding
        y = np.zeros(((H + 2 * p - k_h) // s + 1, (W + 2 * q - k_w) // t + 1, F))
        for u, v, f in np.ndindex(y.shape):
            for i, j, c in np.ndindex(k_h, k_w, C):
                row, column = u * s + i - p, v * t + j - q
                if 0 <= row < H and 0 <= column < W:
                    y[u, v, f] += K[i, j, c, f] * x[row, column, c]
        return y if b is None else y + b

    return reference


HONEST = [
    LayerCase("convolution/plain", Conv(3), SHAPE, reference=slow(), invalid=[{"stride": 0}, {"bias": "some"}]),
    LayerCase("convolution/strided", Conv(2, (3, 2), (2, 3)), (6, 7, 3), reference=slow((2, 3))),
    LayerCase("convolution/padded", Conv(3, 3, 2, 1), SHAPE, reference=slow((2, 2), (1, 1))),
    LayerCase("convolution/untied", Conv(2, (2, 3), 2, (0, 1), bias="untied"), SHAPE, slow((2, 2), (0, 1))),
    LayerCase("convolution/gaps", Conv(2, (1, 2), (2, 3), bias="none"), (5, 6, 1), reference=slow((2, 3))),
    LayerCase("convolution/full", Conv(2, 3, 1, 2), (2, 3, 1), reference=slow(padding=(2, 2))),
    LayerCase("convolution/one-window", Conv(3, (4, 3)), (4, 3, 2), reference=slow()),
    LayerCase("convolution/pointwise", Conv(4, 1), (2, 3, 3), reference=slow()),
]


# The derivative.


class StrideBackwardByFloor(Conv):
    def pull_input(self, x, K, delta):
        result = np.zeros((len(delta), *x.shape[1:]), delta.dtype)
        (s, t), (p, q) = self.stride, self.padding
        for u, v, i, j in np.ndindex(*x.shape[1:3], *self.kernel):
            row, column = (u + p - i) // s, (v + q - j) // t
            if 0 <= row < delta.shape[1] and 0 <= column < delta.shape[2]:
                result[:, u, v] += delta[:, row, column] @ K[i, j].T
        return result


class StrideBackwardByOnes(Conv):
    def pull_input(self, x, K, delta):
        (s, t), (p, q) = self.stride, self.padding
        repeated = np.kron(delta, np.ones((1, s, t, 1), delta.dtype))
        wide = np.zeros((len(delta), x.shape[1] + 2 * p + 2 * s, x.shape[2] + 2 * q + 2 * t, x.shape[3]), delta.dtype)
        for i, j in np.ndindex(self.kernel):
            wide[:, i : i + repeated.shape[1], j : j + repeated.shape[2]] += repeated @ K[i, j].T
        return wide[:, p : p + x.shape[1], q : q + x.shape[2]]


class KernelGradientOfInputChannel(Conv):
    def pull_kernel(self, x, K, delta):
        found = np.einsum("buvcij,buvc->bijc", self.windows(x), delta[..., : x.shape[3]])
        return np.repeat(found[..., np.newaxis], self.filters, axis=-1)


class KernelGradientByFloor(Conv):
    def pull_kernel(self, x, K, delta):
        found = np.zeros((len(x), *K.shape), delta.dtype)
        (s, t), (p, q) = self.stride, self.padding
        for u, v, i, j in np.ndindex(*x.shape[1:3], *self.kernel):
            row, column = (u + p - i) // s, (v + q - j) // t
            if 0 <= row < delta.shape[1] and 0 <= column < delta.shape[2]:
                found[:, i, j] += x[:, u, v, :, np.newaxis] * delta[:, row, column, np.newaxis, :]
        return found


class KernelWrapsAround(Conv):
    def pull_input(self, x, K, delta):
        result = np.zeros((len(delta), *x.shape[1:]), delta.dtype)
        (s, t), (p, q) = self.stride, self.padding
        for u, v, row, column in np.ndindex(*x.shape[1:3], *delta.shape[1:3]):
            i, j = u + p - row * s, v + q - column * t
            if i < self.kernel[0] and j < self.kernel[1] and min(i, j) >= -1:
                result[:, u, v] += delta[:, row, column] @ K[i, j].T
        return result


class KernelUnturnedBackward(Conv):
    def pull_input(self, x, K, delta):
        return super().pull_input(x, K[::-1, ::-1], delta)


class OverlapOverwritten(Conv):
    def pull_input(self, x, K, delta):
        padded = np.zeros((len(delta), *x.shape[1:]), delta.dtype)
        for i, j in np.ndindex(self.kernel):
            padded[self.place(i, j, delta)] = delta @ K[i, j].T
        return padded


class PaddingNotCut(Conv):
    def pull_input(self, x, K, delta):
        (p, q), (_, H, W, C) = self.padding, x.shape
        padded = np.zeros((len(delta), H + 2 * p, W + 2 * q, C), delta.dtype)
        for i, j in np.ndindex(self.kernel):
            padded[self.place(i, j, delta)] += delta @ K[i, j].T
        return padded[:, :H, :W]


class HeightForWidthBackward(Conv):
    def place(self, i, j, delta):
        (s, t), (_, rows, _, _) = self.stride, delta.shape
        return slice(None), slice(i, i + s * (rows - 1) + 1, s), slice(j, j + t * (rows - 1) + 1, t)


class TiedBiasOverRowsOnly(Conv):
    def pull_bias(self, delta):
        return delta.sum(axis=1)[:, 0]


class UntiedBiasSummed(Conv):
    def pull_bias(self, delta):
        return np.broadcast_to(delta.sum(axis=(1, 2), keepdims=True), delta.shape)


class JvpWithoutBias(Conv):
    def push(self, x, K, tangent, params):
        return super().push(x, K, tangent, {name: v for name, v in params.items() if name != "b"})


class SumForEachSample(ConvJacobian):
    def per_sample(self, delta):
        sums = {name: array.sum(axis=0) for name, array in super().per_sample(delta).items()}
        return {name: np.repeat(array[np.newaxis], len(delta), axis=0) for name, array in sums.items()}


class PerSampleSums(Conv):
    makes = SumForEachSample


class ForgetsBias(ConvJacobian):
    def vjp_params(self, delta, out):
        out["K"][...] = self.layer.pull_kernel(self.x, self.K, delta).sum(axis=0)


class BiasForgotten(Conv):
    makes = ForgetsBias


# Forward and derivative alike.


class TransposedKernel(Conv):
    def turned(self, K):
        return K.swapaxes(0, 1)


class FlippedKernel(Conv):
    def turned(self, K):
        return K[::-1, ::-1]


class IndexOfColumnIsRow(Conv):
    def windows(self, x):
        rows, columns, _ = self.output_shape(x.shape[1:])
        wide = np.pad(x, ((0, 0), (0, 0), (0, self.kernel[0]), (0, 0)))
        seen = [wide[:, i : i + rows, i : i + columns] for i in range(self.kernel[0])]
        return np.repeat(np.stack(seen, axis=-1)[..., np.newaxis], self.kernel[1], axis=-1)

    def pull_input(self, x, K, delta):
        wide = np.zeros((len(delta), x.shape[1], x.shape[2] + self.kernel[0], x.shape[3]), delta.dtype)
        for i, j in np.ndindex(self.kernel):
            wide[:, i : i + delta.shape[1], i : i + delta.shape[2]] += delta @ K[i, j].T
        return wide[:, :, : x.shape[2]]


class PaddingSignTurned(Conv):
    def pads(self):
        before = [k - 1 - p for k, p in zip(self.kernel, self.padding, strict=True)]
        after = [max(0, 3 * p - k + 1) for k, p in zip(self.kernel, self.padding, strict=True)]
        return ((0, 0), (before[0], after[0]), (before[1], after[1]), (0, 0))


class PaddingRowTooLong(Conv):
    def pads(self):
        (p, q) = self.padding
        return ((0, 0), (p + 1, p), (q, q), (0, 0))


class BiasNotAdded(Conv):
    def forward(self, x, K, b=None):
        return super().forward(x, K)

    def pull_bias(self, delta):
        return np.zeros_like(super().pull_bias(delta))

    def push(self, x, K, tangent, params):
        return super().push(x, K, tangent, {name: v for name, v in params.items() if name != "b"})


class SizeByDivision(Conv):
    def output_shape(self, input_shape):
        sizes = super().output_shape(input_shape)
        return (*(max(1, n // s) for n, s in zip(input_shape[:2], self.stride, strict=True)), sizes[2])

    def windows(self, x):
        seen = sliding_window_view(np.pad(x, self.pads()), self.kernel, axis=(1, 2))
        return seen[:, :: self.stride[0], :: self.stride[1]]


# The batch.


class MeanOverBatch(ConvJacobian):
    def vjp_params(self, delta, out):
        out["K"][...] = self.layer.pull_kernel(self.x, self.K, delta).mean(axis=0)
        out["b"][...] = self.layer.pull_bias(delta).mean(axis=0)


class GradientOfMean(Conv):
    makes = MeanOverBatch


class LastOfBatchLost(Conv):
    def pull_kernel(self, x, K, delta):
        found = super().pull_kernel(x, K, delta)
        if len(found) > 4:
            found[len(found) // 4 * 4 :] = 0
        return found


# dtypes and layouts.


class DoublesByScalar(Conv):
    def forward(self, x, K, b=None):
        return super().forward(x, K * np.float64(1.0), b)


class SingleBackward(Conv):
    def pull_input(self, x, K, delta):
        return super().pull_input(x, K.astype(np.float32), delta.astype(np.float32)).astype(delta.dtype)


class StridesOfContiguous(Conv):
    def windows(self, x):
        rows, columns, _ = self.output_shape(x.shape[1:])
        (_, H, W, C), n, (s, t) = x.shape, x.itemsize, self.stride
        strides = (H * W * C * n, s * W * C * n, t * C * n, n, W * C * n, C * n)
        return as_strided(x, (len(x), rows, columns, C, *self.kernel), strides)


class ScalesInPlaceAndBack(Conv):
    def forward(self, x, K, b=None):
        x *= 0.5
        y = 2 * np.einsum("buvcij,ijcf->buvf", self.windows(x), K)
        x *= 2
        return y if b is None else y + b


# State and side effects.

_kernels, _indices, _inputs = {}, {}, {}


class KernelKeptById(Conv):
    def turned(self, K):
        return _kernels.setdefault(id(K), (K, K.copy()))[1]


class IndicesKeptByStride(Conv):
    def windows(self, x):
        key = (self.stride, x.dtype)
        if key not in _indices:
            index = np.arange(np.prod(x.shape[1:])).reshape(1, *x.shape[1:])
            _indices[key] = super().windows(index)[0]
        return x.reshape(len(x), -1)[:, _indices[key]]


class ReadsLast(ConvJacobian):
    def vjp_params(self, delta, out):
        self.x = _inputs.get("last", self.x)[: len(delta)]
        super().vjp_params(delta, out)


class ReadsLastInput(Conv):
    makes = ReadsLast

    def linearize(self, x, K, b=None):
        _inputs["last"] = x
        return super().linearize(x, K, b)


class NormalizesKernel(Conv):
    def push(self, x, K, tangent, params):
        pushed = super().push(x, K, tangent, params)
        K /= np.linalg.norm(K)
        return pushed


# Extremes.


class CleansInput(Conv):
    def windows(self, x):
        return np.nan_to_num(super().windows(x))


class MixesByZeros(Conv):
    def pull_input(self, x, K, delta):
        B, pulled = len(delta), super().pull_input(x, K, delta)
        return (np.eye(B, dtype=delta.dtype) @ pulled.reshape(B, -1)).reshape(pulled.shape)


# Errors.


class KernelMayBeLarger(Conv):
    def output_shape(self, input_shape):
        if len(input_shape) != 3:
            raise ShapeError("conv", expected=("H", "W", "C"), got=input_shape)
        sides = [
            max(1, (n + 2 * p - k) // s + 1)
            for n, p, k, s in zip(input_shape[:2], self.padding, self.kernel, self.stride, strict=True)
        ]
        return (*sides, self.filters)


class ParametersForAnyShape(Conv):
    def parameter_shapes(self, input_shape):
        return {"K": (*self.kernel, input_shape[-1] if input_shape else 1, self.filters), "b": (self.filters,)}


class StrideUnchecked(Conv):
    def __post_init__(self):
        for name in ("kernel", "stride", "padding"):
            value = getattr(self, name)
            object.__setattr__(self, name, tuple(value) if isinstance(value, tuple | list) else (value, value))


# The life of a layer.


@dataclass(frozen=True)
class EqualWhateverFilters(Conv):
    filters: int = field(default=1, compare=False)


class HoldsFunction(Conv):
    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "_start", lambda shape: np.zeros(shape))


class PaddingGrows(Conv):
    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "padding", tuple(p + 1 for p in self.padding))


class StartOfFanShape(Conv):
    def initialize(self, input_shape, rng):
        return {
            name: v.swapaxes(2, 3) if name == "K" else v for name, v in super().initialize(input_shape, rng).items()
        }


class StartDrawsElsewhere(Conv):
    def initialize(self, input_shape, rng):
        return super().initialize(input_shape, np.random.default_rng())


class RealizesAtRandom(Conv):
    def realize(self, rng):
        rng.random()
        return self


# Memory.


class DenseBackward(Conv):
    def pull_input(self, x, K, delta):
        size = int(np.prod(x.shape[1:]))
        basis = np.eye(size, dtype=x.dtype).reshape(size, *x.shape[1:])
        rows = np.einsum("buvcij,ijcf->buvf", self.windows(basis), K).reshape(size, -1)
        return (delta.reshape(len(delta), -1) @ rows.T).reshape(x.shape)


@dataclass(frozen=True)
class TilesOfFarPoints(Conv):
    def forward(self, x, K, b=None):
        y = super().forward(x, K, b)
        return (y.view(np.int32) & ~0x7F).view(np.float32) if y.dtype == np.float32 else y


MUTANTS = [
    Mutant(
        LayerCase("convolution/tiles-of-far-points", TilesOfFarPoints(3, 3), SHAPE, float32_error=2e-6),
        fault="arrays",
        wrong="In float32 alone its tiles are of points too far apart, and seven bits of y are lost.",
        killed_by="arrays.float32_error",
    ),
    Mutant(
        LayerCase("convolution/stride-backward-by-floor", StrideBackwardByFloor(3, 3, 2, 1), SHAPE),
        fault="derivative",
        wrong="It takes dY at floor((u - i)/s), also where s does not divide u - i (E12, first form).",
        killed_by="gradient.input",
    ),
    Mutant(
        LayerCase("convolution/stride-backward-by-ones", StrideBackwardByOnes(3, 3, 2, 1), SHAPE),
        fault="derivative",
        wrong="It repeats each dY over an s × s block instead of inserting zeros (E12, Kronecker with ones).",
        killed_by="gradient.input",
    ),
    Mutant(
        LayerCase("convolution/kernel-gradient-of-input-channel", KernelGradientOfInputChannel(2), SHAPE),
        fault="derivative",
        wrong="dK takes the δ of the input channel, so that it is the same for all output channels (E13).",
        killed_by="gradient.parameters",
    ),
    Mutant(
        LayerCase("convolution/kernel-gradient-by-floor", KernelGradientByFloor(3, 2, 2), SHAPE),
        fault="derivative",
        wrong="dK takes δ at floor((u - i)/s) for every u and i (E14).",
        killed_by="gradient.parameters",
    ),
    Mutant(
        LayerCase("convolution/kernel-wraps-around", KernelWrapsAround(2, 2), SHAPE),
        fault="derivative",
        wrong="The offset -1 looks up K[-1], the last row, where K is zero (E10).",
        killed_by="gradient.input",
    ),
    Mutant(
        LayerCase("convolution/kernel-unturned-backward", KernelUnturnedBackward(3, 2), SHAPE),
        fault="derivative",
        wrong="The backward pass turns the kernel once too often.",
        killed_by="gradient.input",
    ),
    Mutant(
        LayerCase("convolution/overlap-overwritten", OverlapOverwritten(3, 2), SHAPE),
        fault="derivative",
        wrong="Where windows overlap the last one's gradient stands instead of the sum.",
        killed_by="gradient.input",
    ),
    Mutant(
        LayerCase("convolution/padding-not-cut", PaddingNotCut(2, 3, 1, 1), SHAPE),
        fault="derivative",
        wrong="The gradient of the padded input is cut at the end alone, and so is moved by the padding.",
        killed_by="gradient.input",
    ),
    Mutant(
        LayerCase("convolution/height-for-width-backward", HeightForWidthBackward(2), SQUARE),
        fault="derivative",
        wrong="The backward pass takes the number of rows for that of columns; the case is square.",
        killed_by="gradient.shapes",
    ),
    Mutant(
        LayerCase("convolution/tied-bias-over-rows-only", TiedBiasOverRowsOnly(3, 2), SHAPE),
        fault="derivative",
        wrong="The gradient of a tied bias is summed over the rows, of the first column only.",
        killed_by="gradient.parameters",
    ),
    Mutant(
        LayerCase("convolution/untied-bias-summed", UntiedBiasSummed(3, 2, bias="untied"), SHAPE),
        fault="derivative",
        wrong="The gradient of an untied bias is summed over the positions, as if it were tied.",
        killed_by="gradient.parameters",
    ),
    Mutant(
        LayerCase("convolution/jvp-without-bias", JvpWithoutBias(3, 2), SHAPE),
        fault="derivative",
        wrong="The jvp leaves out the bias.",
        killed_by="gradient.adjoint",
    ),
    Mutant(
        LayerCase("convolution/per-sample-sums", PerSampleSums(3, 2), SHAPE),
        fault="derivative",
        wrong="per_sample gives each sample the sum over all.",
        killed_by="gradient.per_sample",
    ),
    Mutant(
        LayerCase("convolution/bias-forgotten", BiasForgotten(3, 2), SHAPE),
        fault="derivative",
        wrong="vjp_params does not write the gradient of b.",
        killed_by="gradient.out",
    ),
    Mutant(
        LayerCase("convolution/transposed-kernel", TransposedKernel(3), SHAPE, reference=slow()),
        fault="forward",
        wrong="Rows and columns of the kernel are swapped, forward and backward.",
        killed_by="forward.reference",
    ),
    Mutant(
        LayerCase("convolution/flipped-kernel", FlippedKernel(3), SHAPE, reference=slow()),
        fault="forward",
        wrong="It convolves where it is to correlate (E5).",
        killed_by="forward.reference",
    ),
    Mutant(
        LayerCase("convolution/index-of-column-is-row", IndexOfColumnIsRow(3, 2), SHAPE, reference=slow()),
        fault="forward",
        wrong="It reads X at (u + i, v + i) instead of (u + i, v + j) (E7).",
        killed_by="forward.reference",
    ),
    Mutant(
        LayerCase("convolution/padding-sign-turned", PaddingSignTurned(2, 3, 1, 0), SHAPE, reference=slow()),
        fault="forward",
        wrong="It reads X at u + i + (p - d), where it is (d - p) (E15).",
        killed_by="forward.reference",
    ),
    Mutant(
        LayerCase(
            "convolution/padding-row-too-long", PaddingRowTooLong(2, 3, 1, 1), SHAPE, reference=slow(padding=(1, 1))
        ),
        fault="forward",
        wrong="One row of zeros too many lies above (E9).",
        killed_by="forward.reference",
    ),
    Mutant(
        LayerCase("convolution/bias-not-added", BiasNotAdded(3, 2), SHAPE),
        fault="forward",
        wrong="The bias is declared and never added.",
        killed_by="gradient.alive",
    ),
    Mutant(
        LayerCase("convolution/size-by-division", SizeByDivision(2, 3, 2, 1), DIVIDED),
        fault="errors",
        wrong="output_shape says n // s, and forward computes ceil(n / s) (E11); here the stride divides.",
        killed_by="forward.declarations",
    ),
    Mutant(
        LayerCase("convolution/gradient-of-mean", GradientOfMean(3, 2), SHAPE),
        fault="batch",
        wrong="dK and db are divided by B, which belongs at the loss.",
        killed_by="batch.singles",
    ),
    Mutant(
        LayerCase("convolution/last-of-batch-lost", LastOfBatchLost(3, 2), SHAPE),
        fault="batch",
        wrong="It works four samples at a time, and the rest of a batch is left out of dK.",
        killed_by="batch.singles",
    ),
    Mutant(
        LayerCase("convolution/doubles-by-scalar", DoublesByScalar(3, 2), SHAPE),
        fault="arrays",
        wrong="A NumPy scalar makes float64 of float32.",
        killed_by="arrays.float32",
    ),
    Mutant(
        LayerCase("convolution/single-backward", SingleBackward(3, 2), SHAPE),
        fault="arrays",
        wrong="δ·J_X is computed in float32, whatever comes in.",
        killed_by="arrays.float64",
    ),
    Mutant(
        LayerCase("convolution/strides-of-contiguous", StridesOfContiguous(3, 2), SHAPE),
        fault="arrays",
        wrong="as_strided with the strides of a contiguous array, whatever x's are.",
        killed_by="arrays.layout",
    ),
    Mutant(
        LayerCase("convolution/scales-in-place-and-back", ScalesInPlaceAndBack(3, 2), SHAPE),
        fault="arrays",
        wrong="x is scaled in place, and scaled back afterwards.",
        killed_by="arrays.read_only",
    ),
    Mutant(
        LayerCase("convolution/kernel-kept-by-id", KernelKeptById(3, 2), SHAPE),
        fault="state",
        wrong="A copy of the kernel is kept by its identity; training changes it in place.",
        killed_by="purity.stale",
    ),
    Mutant(
        LayerCase("convolution/indices-kept-by-stride", IndicesKeptByStride(3, 2), SHAPE),
        fault="state",
        wrong="Indices are kept by the stride alone, and used for other shapes.",
        killed_by="forward.declarations",
    ),
    Mutant(
        LayerCase("convolution/reads-last-input", ReadsLastInput(3, 2), SHAPE),
        fault="state",
        wrong="Every Jacobian reads the x of the last linearize.",
        killed_by="purity.interleaved",
    ),
    Mutant(
        LayerCase("convolution/normalizes-kernel", NormalizesKernel(3, 2), SHAPE),
        fault="state",
        wrong="jvp normalizes K in place.",
        killed_by="purity.parameters",
    ),
    Mutant(
        LayerCase("convolution/cleans-input", CleansInput(3, 2), SHAPE),
        fault="extremes",
        wrong="A NaN in x counts as zero.",
        killed_by="numerics.nan",
    ),
    Mutant(
        LayerCase("convolution/mixes-by-zeros", MixesByZeros(3, 2), SHAPE),
        fault="extremes",
        wrong="A product with zeros over the batch carries a NaN of δ into every sample.",
        killed_by="numerics.nan_delta",
    ),
    Mutant(
        LayerCase("convolution/kernel-may-be-larger", KernelMayBeLarger(3, 2), SHAPE),
        fault="errors",
        wrong="A kernel larger than the input is not refused.",
        killed_by="errors.shape",
    ),
    Mutant(
        LayerCase("convolution/parameters-for-any-shape", ParametersForAnyShape(3, 2), SHAPE),
        fault="errors",
        wrong="parameter_shapes takes what output_shape refuses.",
        killed_by="errors.shape",
    ),
    Mutant(
        LayerCase("convolution/stride-zero", StrideUnchecked(3, 2), SHAPE, invalid=[{"stride": 0}]),
        fault="errors",
        wrong="stride=0 is taken.",
        killed_by="errors.settings",
    ),
    Mutant(
        LayerCase("convolution/equal-whatever-filters", EqualWhateverFilters(3, 2), SHAPE),
        fault="lifecycle",
        wrong="Layers of different numbers of filters are equal.",
        killed_by="lifecycle.equality",
    ),
    Mutant(
        LayerCase("convolution/holds-function", HoldsFunction(3, 2), SHAPE),
        fault="lifecycle",
        wrong="It holds a function without a name, and cannot be pickled.",
        killed_by="lifecycle.pickle",
    ),
    Mutant(
        LayerCase("convolution/padding-grows", PaddingGrows(3, 2), SHAPE),
        fault="lifecycle",
        wrong="Each time it is made from its settings the padding is one larger.",
        killed_by="lifecycle.construction",
    ),
    Mutant(
        LayerCase("convolution/start-of-fan-shape", StartOfFanShape(3, 2), SHAPE),
        fault="lifecycle",
        wrong="initialize returns K with its channels swapped, as another library has it.",
        killed_by="forward.start",
    ),
    Mutant(
        LayerCase("convolution/start-draws-elsewhere", StartDrawsElsewhere(3, 2), SHAPE),
        fault="randomness",
        wrong="initialize draws from a generator of its own.",
        killed_by="forward.start",
    ),
    Mutant(
        LayerCase("convolution/realizes-at-random", RealizesAtRandom(3, 2), SHAPE),
        fault="randomness",
        wrong="realize draws, and stochastic is False.",
        killed_by="randomness.declared",
    ),
    Mutant(
        LayerCase("convolution/dense-backward", DenseBackward(3, 2), SHAPE),
        fault="resources",
        wrong="vjp builds the dense Jacobian.",
        killed_by="resources.vjp",
    ),
]

"""Batch normalization."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from chainrule import Array, BatchJacobian, DataError, Diagonal, Jacobian, Layer, Remembering, Scale, Shape, Shift, real

from .last_axis import ScaledAndShifted
from .normalization import ACROSS, Normalization, deviations, inverse_root


@dataclass(frozen=True)
class BatchNorm(ScaledAndShifted, Remembering):
    """Each channel, on the last axis, gets mean 0 and variance 1 over the batch, then a learned scale and shift.

    Formula:  y[k] = gamma[k] z[k] + beta[k], z[k] = (x[k] - mean[k]) / sqrt(variance[k] + eps)
    Training: mean and variance are those of the batch, over n numbers of each channel, the batch's samples times a
              sample's places: mean(x) and mean((x - mean(x))²). What is remembered moves towards them,
              mean ← (1 - momentum) mean + momentum mean(x), and variance likewise with n / (n - 1) times its variance.
    Shapes:   x and y (B, …, channels); gamma, beta, and the statistics mean and variance (channels,).
    Jacobian: in prediction ∂y[k]/∂x[j] = δ_kj gamma[k] / sqrt(variance[k] + eps), of each sample by itself; for
              training see `TrainingBatchNorm`.
    Start:    gamma one, beta zero, mean zero, variance one.
    Raises:   SettingError unless eps is a positive number and momentum between 0 and 1; ShapeError when a sample has no
              axis, or an empty last one; in training DataError when there is one number of each channel.
    Source:   Ioffe and Szegedy (2015), Batch normalization, algorithms 1 and 2; PyTorch, BatchNorm1d and BatchNorm2d,
              whose statistics are moving averages, where the paper takes the mean over many batches after training.
    """

    momentum: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        real("momentum", self.momentum, above=0.0, below=1.0)

    def statistic_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return mean and variance (channels,)."""
        channels = self.output_shape(input_shape)[-1:]
        return {"mean": channels, "variance": channels}

    def initial_statistics(self, input_shape: Shape) -> dict[str, Array]:
        """Return zeros for the mean and ones for the variance."""
        (channels,) = self.output_shape(input_shape)[-1:]
        return {"mean": np.zeros(channels), "variance": np.ones(channels)}

    def predicting(self, mean: Array, variance: Array) -> Layer:
        """Return the affine map of each sample by these moments."""
        return PredictingBatchNorm(self.eps, mean=mean, variance=variance)

    def realize(self, rng: np.random.Generator) -> Layer:
        """Return the layer that takes the moments of the batch that it is given."""
        return TrainingBatchNorm(self.eps)

    def remembered(self, old: Mapping[str, Array], seen: Mapping[str, Array]) -> dict[str, Array]:
        """Return (1 - momentum) old + momentum seen."""
        return {name: (1 - self.momentum) * old[name] + self.momentum * seen[name] for name in old}

    def least_batch(self, input_shape: Shape) -> int:
        """Return 2 where a sample has one number of each channel: the variance of one number is no variance."""
        return 2 if math.prod(input_shape[:-1]) == 1 else 1


@dataclass(frozen=True, eq=False, kw_only=True)
class PredictingBatchNorm(ScaledAndShifted):
    """Each channel is shifted and divided by moments that are given: batch normalization as it predicts.

    Formula:  y[k] = gamma[k] (x[k] - mean[k]) / sqrt(variance[k] + eps) + beta[k]
    Shapes:   x and y (B, …, channels); gamma, beta, mean and variance (channels,).
    """

    mean: Array = field(repr=False)
    variance: Array = field(repr=False)

    def forward(self, x: Array, gamma: Array, beta: Array) -> Array:
        """Return gamma z + beta."""
        return self.linearize(x, gamma, beta)[0]

    def linearize(self, x: Array, gamma: Array, beta: Array) -> tuple[Array, Jacobian]:
        """Return gamma z + beta and its maps."""
        r = inverse_root(self.variance, self.eps)
        z: Array = x - self.mean
        z *= r
        y: Array = z * gamma
        y += beta
        scale = np.broadcast_to(gamma * r, x.shape)
        return y, Jacobian(Diagonal(scale), gamma=Scale(z, gamma.shape), beta=Shift(beta.shape))


@dataclass(frozen=True)
class TrainingBatchNorm(ScaledAndShifted):
    """Each channel is shifted and divided by its own moments in the batch: batch normalization as it trains.

    Formula:  y[k] = gamma[k] z[k] + beta[k], z = (x - mean(x)) / sqrt(var(x) + eps), var(x) = mean((x - mean(x))²)
    Shapes:   x and y (B, …, channels); gamma and beta (channels,); a mean is over the n numbers of a channel.
    Jacobian: ∂z[p]/∂x[q] = (δ_pq - 1/n - z[p] z[q] / n) / sqrt(var(x) + eps) of two numbers p and q of one channel,
              in whatever samples, 0 of two channels; ∂y[k]/∂gamma[u] = δ_ku z[k]; ∂y[k]/∂beta[u] = δ_ku. It has seen
              mean(x) and n / (n - 1) var(x). A constant channel has z = 0, and no kink there.
    Raises:   DataError when there is one number of each channel.
    """

    mixes_samples = True

    def forward(self, x: Array, gamma: Array, beta: Array) -> Array:
        """Return gamma z + beta."""
        return self.linearize(x, gamma, beta)[0]

    def linearize(self, x: Array, gamma: Array, beta: Array) -> tuple[Array, BatchJacobian]:
        """Return gamma z + beta and its maps, from one z."""
        n = check_numbers(x)
        z, mean = deviations(x, ACROSS)
        variance = ACROSS.of_product(z, z)
        r = inverse_root(variance, self.eps)
        z *= r
        y: Array = z * gamma
        y += beta
        maps = Normalization(z, r, gamma, centred=True, over=ACROSS)
        jacobian = Jacobian(maps, gamma=Scale(z, gamma.shape), beta=Shift(beta.shape))
        jacobian.seen = {"mean": mean.reshape(-1), "variance": variance.reshape(-1) * (n / (n - 1))}
        return y, jacobian


def check_numbers(x: Array) -> int:
    """Return how many numbers there are of each channel. Raises:   DataError for one alone."""
    n = int(x.size // x.shape[-1])
    if n < 2:
        hint = "one number is its own mean: take a larger batch"
        raise DataError("batch normalization", expected="at least 2 numbers of each channel", got=n, hint=hint)
    return n

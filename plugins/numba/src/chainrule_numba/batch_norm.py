"""Batch normalization with compiled kernels, in threads of their own: as it trains, it cannot be split into shards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

import chainrule_norm
from chainrule import Array, BatchJacobian, Layer
from chainrule_norm.batch_norm import TrainingBatchNorm, check_numbers

from .channels import normalize, piece_starts, pull_back, widened
from .fused import Fused
from .threads import aligned, together


@dataclass(frozen=True)
class BatchNorm(chainrule_norm.BatchNorm):
    """The layer of chainrule-norm, compiled for training."""

    def realize(self, rng: np.random.Generator) -> Layer:
        """Return the layer that takes the moments of the batch that it is given."""
        return CompiledTrainingBatchNorm(self.eps)


@dataclass(frozen=True)
class CompiledTrainingBatchNorm(TrainingBatchNorm):
    """The layer of chainrule-norm, compiled."""

    def forward(self, x: Array, gamma: Array, beta: Array) -> Array:
        """Return gamma z + beta."""
        return self.linearize(x, gamma, beta)[0]

    def linearize(self, x: Array, gamma: Array, beta: Array) -> tuple[Array, BatchJacobian]:
        """Return gamma z + beta and its derivative."""
        n, plain = check_numbers(x), super().linearize
        if x.dtype not in (np.float32, np.float64):
            return plain(x, gamma, beta)
        wide, channels = widened(x), x.shape[-1]
        starts, y = piece_starts(wide), aligned(wide.shape, x.dtype)
        sums, moments = np.empty((2, len(starts) - 1, channels)), np.empty((2, channels))
        gamma, beta = np.ascontiguousarray(gamma), np.ascontiguousarray(beta)
        together(normalize, x.size, wide, gamma, beta, self.eps, starts, sums, moments, y)
        jacobian = Normalized(lambda: plain(x, gamma, beta)[1], wide, moments, gamma, self.eps)
        mean, variance = moments.astype(x.dtype)
        jacobian.seen = {"mean": mean, "variance": variance * (n / (n - 1))}
        return y.reshape(x.shape), jacobian


class Normalized(Fused):
    """The derivative of channels that are shifted and divided by their moments in the batch."""

    def __init__(
        self, in_numpy: Callable[[], BatchJacobian], wide: Array, moments: Array, gamma: Array, eps: float
    ) -> None:
        super().__init__(in_numpy)
        self.wide = wide
        self.moments = moments
        self.gamma = gamma
        self.eps = eps

    def vjp(self, delta: Array, out: Mapping[str, Array] | None = None) -> Array:
        """Return γ r (δ - mean(δ) - z mean(δ z)), and Σ δ z for gamma and Σ δ for beta."""
        wide, channels = self.wide, len(self.gamma)
        deltas, starts = np.ascontiguousarray(delta).reshape(wide.shape), piece_starts(wide)
        sums, total, dx = (
            np.empty((2, len(starts) - 1, channels)),
            np.empty((2, channels)),
            aligned(wide.shape, delta.dtype),
        )
        together(pull_back, wide.size, wide, deltas, self.moments, self.gamma, self.eps, starts, sums, total, dx)
        if out is not None:
            out["gamma"][...], out["beta"][...] = total
        return dx.reshape(delta.shape)

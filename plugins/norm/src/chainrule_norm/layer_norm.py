"""Layer normalization."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule import Array, Jacobian, Scale, Shape, Shift

from .last_axis import LastAxis
from .normalization import Normalization, deviations, inverse_root


@dataclass(frozen=True)
class LayerNorm(LastAxis):
    """Each vector along the last axis gets mean 0 and variance 1, then a scale and a shift that are learned.

    Formula:  y[k] = gamma[k] z[k] + beta[k], z = (x - mean(x)) / sqrt(var(x) + eps), var(x) = mean((x - mean(x))²)
    Shapes:   x and y (B, …, n); gamma and beta (n,).
    Jacobian: ∂z[k]/∂x[j] = (δ_kj - 1/n - z[k] z[j] / n) / sqrt(var(x) + eps); ∂y[k]/∂gamma[u] = δ_ku z[k];
              ∂y[k]/∂beta[u] = δ_ku. A constant vector has z = 0, and no kink there.
    Start:    gamma one, beta zero.
    Raises:   SettingError unless eps is a positive number; ShapeError when a sample has no axis, or an empty last one.
    Source:   Ba, Kiros and Hinton (2016), Layer normalization, eqs. 3 and 4, where no eps is; PyTorch, LayerNorm, of
              the last axis alone: eps inside of the root, and the variance over n.
    """

    def parameter_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return gamma (n,) and beta (n,)."""
        shapes = super().parameter_shapes(input_shape)
        return {**shapes, "beta": shapes["gamma"]}

    def initialize(self, input_shape: Shape, rng: np.random.Generator) -> dict[str, Array]:
        """Return ones for gamma and zeros for beta."""
        return {**super().initialize(input_shape, rng), "beta": np.zeros(input_shape[-1])}

    def forward(self, x: Array, gamma: Array, beta: Array) -> Array:
        """Return gamma z + beta."""
        return self.linearize(x, gamma, beta)[0]

    def linearize(self, x: Array, gamma: Array, beta: Array) -> tuple[Array, Jacobian]:
        """Return gamma z + beta and its maps, from one z."""
        z = deviations(x)
        r = inverse_root(z, self.eps)
        z *= r
        y: Array = z * gamma
        y += beta
        maps = Normalization(z, r, gamma, centred=True)
        return y, Jacobian(maps, gamma=Scale(z, gamma.shape), beta=Shift(beta.shape))

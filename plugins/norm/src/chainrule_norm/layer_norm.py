"""Layer normalization."""

from __future__ import annotations

from dataclasses import dataclass

from chainrule import Array, BatchJacobian, Jacobian, Scale, Shift

from .last_axis import ScaledAndShifted
from .normalization import ALONG, Normalization, deviations, inverse_root


@dataclass(frozen=True)
class LayerNorm(ScaledAndShifted):
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

    def forward(self, x: Array, gamma: Array, beta: Array) -> Array:
        """Return gamma z + beta."""
        return self.linearize(x, gamma, beta)[0]

    def linearize(self, x: Array, gamma: Array, beta: Array) -> tuple[Array, BatchJacobian]:
        """Return gamma z + beta and its maps, from one z."""
        z, _ = deviations(x)
        r = inverse_root(ALONG.of_product(z, z), self.eps)
        z *= r
        y: Array = z * gamma
        y += beta
        maps = Normalization(z, r, gamma, centred=True)
        return y, Jacobian(maps, gamma=Scale(z, gamma.shape), beta=Shift(beta.shape))

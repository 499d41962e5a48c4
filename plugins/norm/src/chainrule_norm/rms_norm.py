"""Root mean square normalization."""

from __future__ import annotations

from dataclasses import dataclass

from chainrule import Array, BatchJacobian, Jacobian, Scale

from .last_axis import LastAxis
from .normalization import ALONG, Normalization, inverse_root


@dataclass(frozen=True)
class RMSNorm(LastAxis):
    """Each vector along the last axis gets root mean square 1, then a scale that is learned. No mean is taken out.

    Formula:  y[k] = gamma[k] z[k], z = x / sqrt(mean(x²) + eps)
    Shapes:   x and y (B, …, n); gamma (n,).
    Jacobian: ∂z[k]/∂x[j] = (δ_kj - z[k] z[j] / n) / sqrt(mean(x²) + eps); ∂y[k]/∂gamma[u] = δ_ku z[k]. At x = 0, too.
    Start:    gamma one.
    Raises:   SettingError unless eps is a positive number; ShapeError when a sample has no axis, or an empty last one.
    Source:   Zhang and Sennrich (2019), Root mean square layer normalization, eq. 4, where no eps is; PyTorch, RMSNorm,
              of the last axis alone, has it inside of the root. Its default is the dtype's machine epsilon; here it is
              one number, so that float32 and float64 compute one function.
    """

    def forward(self, x: Array, gamma: Array) -> Array:
        """Return gamma z."""
        return self.linearize(x, gamma)[0]

    def linearize(self, x: Array, gamma: Array) -> tuple[Array, BatchJacobian]:
        """Return gamma z and its maps, from one z."""
        r = inverse_root(ALONG.of_product(x, x), self.eps)
        z = x * r
        return z * gamma, Jacobian(Normalization(z, r, gamma, centred=False), gamma=Scale(z, gamma.shape))

"""The distribution function of the standard normal distribution, Φ(x) = (1 + erf(x / √2)) / 2, without SciPy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chainrule import Array

FAR = 40.0
"""From where on Φ is 0 and 1 in float64."""
BLOCK = 8192
"""Numbers that go through all of the formula while they lie in the cache: half the time."""

NUMERATOR = (
    0.3989422804003432,  # the first ratio is 1 / √(2π), its value times z far out; the last one is Φ(0)
    10.719624740871478,
    141.0441872926746,
    1175.5463022972544,
    6787.746511468348,
    28061.662476612586,
    83070.22462998563,
    170488.80904198586,
    222294.37466835196,
    143371.08605724337,
)
DENOMINATOR = (
    1.0,
    26.870114468329785,
    354.54534789423207,
    2973.5277108802024,
    17365.902792050554,
    73233.07070744022,
    224543.50878556125,
    492066.4966641276,
    734882.7673689255,
    673375.9013979288,
    286742.17211448675,
)


def normal_cdf(x: Array) -> Array:
    """Return Φ(x), right to 3e-16; where it is small, right to about x² roundings of its value.

    Formula:  Φ(-z) = e^(-z²/2) p(z) / q(z) for z ≥ 0, p of degree 9 and q of degree 10; Φ(z) = 1 - Φ(-z)
    Source:   a weighted least-squares fit to e^(z²/2) Φ(-z) on 0 ≤ z ≤ 40, where it is right to 6e-17 of its value. All
              coefficients are positive, so nothing cancels; Cody (1969), Rational Chebyshev approximations for the
              error function, has three such quotients, each for its part of the axis.
    """
    numbers = x.reshape(-1)
    blocks = range(0, max(1, numbers.size), BLOCK)
    return np.concatenate([_normal_cdf(numbers[start : start + BLOCK]) for start in blocks]).reshape(x.shape)


def _normal_cdf(x: Array) -> Array:
    z = np.minimum(np.abs(x), FAR)
    below = polynomial(NUMERATOR, z)
    below /= polynomial(DENOMINATOR, z)
    below *= np.exp(-0.5 * z * z)
    return np.where(x > 0, 1 - below, below)


def polynomial(coefficients: Sequence[float], z: Array) -> Array:
    """Return the polynomial's value at z, by Horner's scheme; the highest power comes first."""
    value: Array = coefficients[0] * z
    value += coefficients[1]
    for coefficient in coefficients[2:]:
        value *= z
        value += coefficient
    return value

"""Inputs of whole numbers alone: indices that repeat, the ends of their range, and what lies beyond it."""

from __future__ import annotations

import math

import numpy as np

from ..blame import blame
from ..directions import compare_along
from ..layer_probes import LayerProbe
from ..outcomes import Failure, NotApplicable
from ..rules import A_LAYER, PARAMETERS, Trait, rule

INTEGERS = Trait("a layer with integer input", lambda case: all(case.integers))
RANGE = Trait("a case with a domain", lambda case: any(domain is not None for domain in case.domains))
FAR = 1_000_000
"""Beyond every table's end."""


def _ends(probe: LayerProbe) -> tuple[int, int]:
    """Return the first and the last index that every input takes."""
    domains = [(0, 2) if domain is None else domain for domain in probe.given.domains]
    return max(math.ceil(low) for low, _ in domains), min(math.ceil(high) - 1 for _, high in domains)


@rule(
    "integers.repeats",
    A_LAYER,
    INTEGERS,
    PARAMETERS,
    needs=["gradient.parameters"],
    tier="should",
    realized=False,
    since="2.1",
)
def repeats(probe: LayerProbe) -> None:
    """Where one index stands everywhere, in a sample and across samples, its gradients add up.

    out[index] += δ adds once for an index that comes twice: frequent words are trained like rare ones.
    """
    point = probe.point(4)
    for k in dict.fromkeys(_ends(probe)):
        point.x = np.full_like(point.x, k)
        compare_along(probe, probe.at(point.x, point.params), f"index {k} everywhere: ")


@rule("integers.last", A_LAYER, INTEGERS, needs=["forward.runs"], tier="should", realized=False, since="2.1")
def last(probe: LayerProbe) -> None:
    """The last index of the domain is one of its own: no other has the same output.

    A table that is clipped one row too early gives the last word the vector of another.
    """
    first, end = _ends(probe)
    if end - first < 2:
        raise NotApplicable("a layer of more than two indices")
    point = probe.point(1)
    y = np.asarray(probe.forward(np.full_like(point.x, end), point.params))
    for k in {first, end - 1, (first + end) // 2}:
        if np.array_equal(y, np.asarray(probe.forward(np.full_like(point.x, k), point.params))):
            raise Failure(f"y is the same for the indices {k} and {end}, the last one")


@rule("integers.range", A_LAYER, INTEGERS, RANGE, needs=["forward.runs"], tier="should", realized=False, since="2.1")
def beyond(probe: LayerProbe) -> None:
    """An index beyond the range is refused, a negative one among them.

    NumPy reads the index -1 as the last: a missing value is trained as the last word.
    """
    first, _ = _ends(probe)
    point = probe.point(2)
    for k in (FAR, -1, -FAR) if first == 0 else (FAR, -FAR):
        x = point.x.copy()
        x.reshape(-1)[0] = k
        with blame("forward"):
            try:
                probe.layer.forward(x, **point.params)
            except Exception:
                continue
        raise Failure(f"forward takes the index {k}: compare with the range, and raise DataError")

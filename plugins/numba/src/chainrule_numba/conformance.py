"""The cases that prove the compiled layers: those of the layers that they replace."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

import chainrule_affine.conformance
import chainrule_conv.conformance
import chainrule_losses.conformance
import chainrule_norm.conformance
import chainrule_numba
import chainrule_pooling.conformance
import chainrule_sequence.conformance
from chainrule.conformance import LayerCase, LossCase

from .sums import Sums
from .tiles import Tiles

COMPILED = [getattr(chainrule_numba, name) for name in chainrule_numba.__all__]
REPLACED = {
    next(base for base in kind.__mro__ if base.__module__.split(".")[0] != "chainrule_numba"): kind for kind in COMPILED
}


@dataclass(frozen=True)
class Tiled(chainrule_conv.conformance.Tiled):
    """The convolution with compiled tiles wherever they apply."""

    by_sums: ClassVar[type[Sums]] = Sums
    by_tiles: ClassVar[type[Tiles]] = Tiles


REPLACED[chainrule_conv.conformance.Tiled] = Tiled


def compiled(case: Any) -> LayerCase | LossCase:
    """Return the same case of the compiled layer or loss."""
    name = "layer" if isinstance(case, LayerCase) else "loss"
    subject = getattr(case, name)
    settings = {field.name: getattr(subject, field.name) for field in fields(subject) if field.init}
    swapped: LayerCase | LossCase = replace(case, id=f"numba/{case.id}", **{name: REPLACED[type(subject)](**settings)})
    return swapped


CASES = [
    compiled(case)
    for module in (
        chainrule_affine.conformance,
        chainrule_conv.conformance,
        chainrule_losses.conformance,
        chainrule_norm.conformance,
        chainrule_pooling.conformance,
        chainrule_sequence.conformance,
    )
    for case in module.CASES
    if type(case.subject) in REPLACED
]

"""The cases that prove the compiled layers: those of the layers that they replace."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import chainrule_affine.conformance
import chainrule_conv.conformance
import chainrule_losses.conformance
import chainrule_pooling.conformance
from chainrule.conformance import LayerCase, LossCase

from . import AffineReLU, Conv2d, CrossEntropy, GlobalMaxPool2d, GlobalMeanPool2d, MaxPool2d, MeanPool2d, ReLU

COMPILED = [AffineReLU, Conv2d, CrossEntropy, GlobalMaxPool2d, GlobalMeanPool2d, MaxPool2d, MeanPool2d, ReLU]
REPLACED = {kind.__mro__[1]: kind for kind in COMPILED}


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
        chainrule_pooling.conformance,
    )
    for case in module.CASES
    if type(case.subject) in REPLACED
]

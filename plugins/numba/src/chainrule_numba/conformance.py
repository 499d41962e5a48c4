"""The cases that prove the compiled layers: those of the layers that they replace."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

import chainrule_affine.conformance
import chainrule_conv.conformance
import chainrule_losses.conformance
import chainrule_norm.conformance
import chainrule_numba
import chainrule_pooling.conformance
import chainrule_sequence.conformance
from chainrule import Shape
from chainrule.conformance import LayerCase, LossCase
from chainrule_conv.conformance import slow_conv
from chainrule_pooling.conformance import slow_pool

from . import Conv2d, MaxPool2d, ReLU
from .conv_block import ConvBlock

COMPILED = [getattr(chainrule_numba, name) for name in chainrule_numba.__all__]
REPLACED = {
    next(base for base in kind.__mro__ if base.__module__.split(".")[0] != "chainrule_numba"): kind for kind in COMPILED
}


class Tiled(Conv2d, chainrule_conv.conformance.Tiled):
    """The convolution with compiled tiles wherever they apply."""


REPLACED[chainrule_conv.conformance.Tiled] = Tiled


def compiled(case: Any) -> LayerCase | LossCase:
    """Return the same case of the compiled layer or loss."""
    name = "layer" if isinstance(case, LayerCase) else "loss"
    subject = getattr(case, name)
    settings = {field.name: getattr(subject, field.name) for field in fields(subject) if field.init}
    swapped: LayerCase | LossCase = replace(case, id=f"numba/{case.id}", **{name: REPLACED[type(subject)](**settings)})
    return swapped


def block(name: str, shape: Shape, conv: Conv2d, pool: MaxPool2d | None = None, **traits: Any) -> LayerCase:
    """Return the case of a block, beside the three layers, with the slow forwards of these."""

    def reference(x: Any, **params: Any) -> Any:
        y = np.maximum(slow_conv(conv)(x, **params), 0)
        return y if pool is None else slow_pool(pool)(y)

    chain = [conv, ReLU(), *([] if pool is None else [pool])]
    words = {} if pool is None else {"errors.other_types": "there may be no pool"}
    return LayerCase(
        f"numba/block/{name}",
        ConvBlock(conv, pool),
        shape,
        reference=reference,
        chain=chain,
        expected_failures=words,
        **traits,
    )


BLOCKS = [
    block("plain", (5, 4, 2), Conv2d(3, 3)),
    block("same", (6, 5, 3), Conv2d(9, 3, padding="same")),
    block("strided, without bias", (7, 6, 2), Conv2d(5, 3, stride=2, bias="none")),
    block("untied", (4, 3, 2), Conv2d(3, 2, bias="untied")),
    block("halves", (6, 4, 2), Conv2d(8, 3, padding=1), MaxPool2d(2)),
    block("a part of a window kept", (5, 6, 1), Conv2d(9, 2), MaxPool2d(2, ceil=True)),
    block("overlapping", (6, 5, 2), Conv2d(8, 3, padding=1), MaxPool2d(3, stride=2, padding=1)),
    block("tiles of 4×4", (6, 5, 2), Tiled(8, 3, padding=1), MaxPool2d(2), float32_error=2e-5),
    block("tiles of 2×2", (5, 6, 2), Tiled(2, 5, padding=(2, 1)), float32_error=2e-5),
]

CASES = BLOCKS + [
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

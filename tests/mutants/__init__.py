"""Wrong layers, losses and optimizers, each with one sentence on what is wrong: a named check must fail each.

A module for each family, or a package of them. `MUTANTS` has the wrong ones of a module; the right layers that they are
made from are in `HONEST`, with the other correct but unusual layers of the package `honest`.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass

from chainrule.conformance import LayerCase, LossCase, OptimizerCase, PreparationCase

FAULTS = (
    "derivative",  # the derivative is wrong, the forward is right
    "forward",  # forward and derivative are wrong alike
    "update",  # an optimizer's rule is wrong
    "batch",
    "arrays",  # dtypes and memory layouts
    "state",  # state, aliasing, side effects
    "kinks",  # kinks and ties
    "extremes",  # overflow, NaN, warnings
    "errors",  # shapes and settings that are not refused, or not as agreed
    "lifecycle",  # equality, pickle, recipe, names, start
    "randomness",
    "resources",
)
"""The classes of faults."""


@dataclass(frozen=True)
class Mutant:
    """A wrong subject: its case, the class of its fault, what is wrong, and the check that must find it."""

    case: LayerCase | LossCase | OptimizerCase | PreparationCase
    fault: str
    wrong: str
    killed_by: str

    def __post_init__(self):
        if self.fault not in FAULTS:
            raise ValueError(f"{self.case.id}: {self.fault!r} is no class of faults")


def every(name: str) -> list:
    """Return what all family modules list under a name, `MUTANTS` or `HONEST`."""
    found = pkgutil.walk_packages(__path__, f"{__name__}.")
    modules = [importlib.import_module(module.name) for module in found]
    return [entry for module in modules for entry in getattr(module, name, ())]

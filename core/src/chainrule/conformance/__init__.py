"""Prove a layer, a loss or an optimizer right, whoever wrote it: cases, checks, one engine, and its report.

    from chainrule.conformance import LayerCase, check
    print(check(LayerCase("softsign", Softsign(), input_shape=(5,)), seed=0))

Each public name is imported from its module when it is first used: pytest loads this package in every project.
"""

import importlib
from typing import TYPE_CHECKING, Any

SUITE_VERSION = "2.4"
"""A check of what there were cases of before enters as *should*, and becomes *must* with the next major version."""

_HOME = {
    "LayerCase": "cases",
    "LossCase": "cases",
    "OptimizerCase": "cases",
    "PreparationCase": "cases",
    "coordinatewise": "problems",
    "Check": "rules",
    "catalogue": "rules",
    "check": "engine",
    "Report": "report",
    "Result": "report",
    "conformance": "pytest_plugin",
}
__all__ = [
    "SUITE_VERSION",
    "Check",
    "LayerCase",
    "LossCase",
    "OptimizerCase",
    "PreparationCase",
    "Report",
    "Result",
    "catalogue",
    "check",
    "conformance",
    "coordinatewise",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


if TYPE_CHECKING:
    from .cases import (
        LayerCase as LayerCase,
        LossCase as LossCase,
        OptimizerCase as OptimizerCase,
        PreparationCase as PreparationCase,
    )
    from .engine import check as check
    from .problems import coordinatewise as coordinatewise
    from .pytest_plugin import conformance as conformance
    from .report import Report as Report, Result as Result
    from .rules import Check as Check, catalogue as catalogue

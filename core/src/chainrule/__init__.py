"""chainrule: a layer is a function together with its local derivative, and the derivative is an object.

Each public name is imported from its module when it is first used, so that a plug-in pays for what it needs.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_NAMES = {
    "arrays": "Array Shape random_stream",
    "compose": "Chain Concat Residual",
    "data": "Dataset",
    "derivatives": "DenseJacobian gauss_newton_vector gradient hessian hessian_vector input_gradient jacobian jvp "
    "numerical_jacobian per_sample",
    "errors": "ChainruleError DataError DefinitionError DivergenceError PluginError RecipeError SettingError ShapeError "
    "SizeError TargetError UnknownNameError UnsupportedError",
    "jacobians": "BatchJacobian Dense DenseParameter Diagonal Jacobian LinearMap Matrix Outer ParameterMap Reshape "
    "Reshaped Selection Shift",
    "layers": "Elementwise Layer",
    "losses": "Loss",
    "memory": "keep_memory",
    "network": "Description Network describe",
    "optimizers": "SGD Optimizer Schedule StepContext",
    "recipe": "Recipe read_recipe",
    "registry": "dataset layer loss optimizer",
    "settings": "axis_pair integer one_of positive_int positive_real real",
    "targets": "binary_targets class_targets distribution_targets real_targets sign_targets",
    "training": "BatchRecord EpochRecord Evaluation History Run evaluate train",
}
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}
_MODULES = {*_NAMES, "backprop", "hooks"}

__all__ = sorted(_HOME)  # noqa: PLE0605 - a test compares it with the imports below


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = globals()[name] = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
        return value
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_MODULES})


if TYPE_CHECKING:  # the same names, for type checkers and editors
    from .arrays import Array, Shape, random_stream
    from .compose import Chain, Concat, Residual
    from .data import Dataset
    from .derivatives import (
        DenseJacobian,
        gauss_newton_vector,
        gradient,
        hessian,
        hessian_vector,
        input_gradient,
        jacobian,
        jvp,
        numerical_jacobian,
        per_sample,
    )
    from .errors import (
        ChainruleError,
        DataError,
        DefinitionError,
        DivergenceError,
        PluginError,
        RecipeError,
        SettingError,
        ShapeError,
        SizeError,
        TargetError,
        UnknownNameError,
        UnsupportedError,
    )
    from .jacobians import (
        BatchJacobian,
        Dense,
        DenseParameter,
        Diagonal,
        Jacobian,
        LinearMap,
        Matrix,
        Outer,
        ParameterMap,
        Reshape,
        Reshaped,
        Selection,
        Shift,
    )
    from .layers import Elementwise, Layer
    from .losses import Loss
    from .memory import keep_memory
    from .network import Description, Network, describe
    from .optimizers import SGD, Optimizer, Schedule, StepContext
    from .recipe import Recipe, read_recipe
    from .registry import dataset, layer, loss, optimizer
    from .settings import axis_pair, integer, one_of, positive_int, positive_real, real
    from .targets import binary_targets, class_targets, distribution_targets, real_targets, sign_targets
    from .training import BatchRecord, EpochRecord, Evaluation, History, Run, evaluate, train

"""chainrule: a layer is a function together with its local derivative, and the derivative is an object.

Each public name is imported from its module when it is first used, so that a plug-in pays for what it needs.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_NAMES = {
    "arrays": "Array Shape random_stream",
    "compose": "Chain Concat Residual",
    "confusion": "confusion_matrix",
    "data": "Dataset",
    "derivatives": "DenseJacobian gauss_newton_diagonal gauss_newton_vector gradient hessian hessian_vector "
    "input_gradient jacobian jvp numerical_jacobian per_sample",
    "description": "Description describe",
    "errors": "ChainruleError ChainruleWarning CheckpointError DataError DefinitionError DivergenceError PluginError "
    "RecipeError SettingError ShapeError SizeError TargetError UnknownNameError UnsupportedError",
    "evaluation": "evaluate",
    "history": "BatchRecord EpochRecord Evaluation History",
    "jacobians": "BatchJacobian Dense DenseParameter Diagonal Jacobian LinearMap Matrix Outer ParameterMap Reshape "
    "Reshaped Scale Selection Shift",
    "layers": "Elementwise Layer",
    "losses": "Loss",
    "memory": "keep_memory",
    "network": "Network",
    "optimizers": "SGD Optimizer Schedule StepContext",
    "progress": "EpochLines",
    "recipe": "Recipe read_recipe",
    "registry": "dataset layer loss optimizer schedule",
    "run": "Run Snapshot",
    "settings": "axis_pair boolean integer one_of positive_int positive_real real",
    "shards": "Shards",
    "targets": "binary_targets class_targets distribution_targets plain_scores real_targets sign_targets",
    "training": "train",
}
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}
_MODULES = {*_NAMES, "backprop", "beside", "doubts", "hooks", "offers"}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = globals()[name] = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
        return value
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_MODULES})


if TYPE_CHECKING:  # the same names once more, in the form that type checkers read; a test compares the two
    from .arrays import Array as Array
    from .arrays import Shape as Shape
    from .arrays import random_stream as random_stream
    from .compose import Chain as Chain
    from .compose import Concat as Concat
    from .compose import Residual as Residual
    from .confusion import confusion_matrix as confusion_matrix
    from .data import Dataset as Dataset
    from .derivatives import (
        DenseJacobian as DenseJacobian,
    )
    from .derivatives import (
        gauss_newton_diagonal as gauss_newton_diagonal,
    )
    from .derivatives import (
        gauss_newton_vector as gauss_newton_vector,
    )
    from .derivatives import (
        gradient as gradient,
    )
    from .derivatives import (
        hessian as hessian,
    )
    from .derivatives import (
        hessian_vector as hessian_vector,
    )
    from .derivatives import (
        input_gradient as input_gradient,
    )
    from .derivatives import (
        jacobian as jacobian,
    )
    from .derivatives import (
        jvp as jvp,
    )
    from .derivatives import (
        numerical_jacobian as numerical_jacobian,
    )
    from .derivatives import (
        per_sample as per_sample,
    )
    from .description import Description as Description
    from .description import describe as describe
    from .errors import (
        ChainruleError as ChainruleError,
    )
    from .errors import (
        ChainruleWarning as ChainruleWarning,
    )
    from .errors import (
        CheckpointError as CheckpointError,
    )
    from .errors import (
        DataError as DataError,
    )
    from .errors import (
        DefinitionError as DefinitionError,
    )
    from .errors import (
        DivergenceError as DivergenceError,
    )
    from .errors import (
        PluginError as PluginError,
    )
    from .errors import (
        RecipeError as RecipeError,
    )
    from .errors import (
        SettingError as SettingError,
    )
    from .errors import (
        ShapeError as ShapeError,
    )
    from .errors import (
        SizeError as SizeError,
    )
    from .errors import (
        TargetError as TargetError,
    )
    from .errors import (
        UnknownNameError as UnknownNameError,
    )
    from .errors import (
        UnsupportedError as UnsupportedError,
    )
    from .evaluation import evaluate as evaluate
    from .history import BatchRecord as BatchRecord
    from .history import EpochRecord as EpochRecord
    from .history import Evaluation as Evaluation
    from .history import History as History
    from .jacobians import (
        BatchJacobian as BatchJacobian,
    )
    from .jacobians import (
        Dense as Dense,
    )
    from .jacobians import (
        DenseParameter as DenseParameter,
    )
    from .jacobians import (
        Diagonal as Diagonal,
    )
    from .jacobians import (
        Jacobian as Jacobian,
    )
    from .jacobians import (
        LinearMap as LinearMap,
    )
    from .jacobians import (
        Matrix as Matrix,
    )
    from .jacobians import (
        Outer as Outer,
    )
    from .jacobians import (
        ParameterMap as ParameterMap,
    )
    from .jacobians import (
        Reshape as Reshape,
    )
    from .jacobians import (
        Reshaped as Reshaped,
    )
    from .jacobians import (
        Scale as Scale,
    )
    from .jacobians import (
        Selection as Selection,
    )
    from .jacobians import (
        Shift as Shift,
    )
    from .layers import Elementwise as Elementwise
    from .layers import Layer as Layer
    from .losses import Loss as Loss
    from .memory import keep_memory as keep_memory
    from .network import Network as Network
    from .optimizers import SGD as SGD
    from .optimizers import Optimizer as Optimizer
    from .optimizers import Schedule as Schedule
    from .optimizers import StepContext as StepContext
    from .progress import EpochLines as EpochLines
    from .recipe import Recipe as Recipe
    from .recipe import read_recipe as read_recipe
    from .registry import dataset as dataset
    from .registry import layer as layer
    from .registry import loss as loss
    from .registry import optimizer as optimizer
    from .registry import schedule as schedule
    from .run import Run as Run
    from .run import Snapshot as Snapshot
    from .settings import (
        axis_pair as axis_pair,
    )
    from .settings import (
        boolean as boolean,
    )
    from .settings import (
        integer as integer,
    )
    from .settings import (
        one_of as one_of,
    )
    from .settings import (
        positive_int as positive_int,
    )
    from .settings import (
        positive_real as positive_real,
    )
    from .settings import (
        real as real,
    )
    from .shards import Shards as Shards
    from .targets import (
        binary_targets as binary_targets,
    )
    from .targets import (
        class_targets as class_targets,
    )
    from .targets import (
        distribution_targets as distribution_targets,
    )
    from .targets import (
        plain_scores as plain_scores,
    )
    from .targets import (
        real_targets as real_targets,
    )
    from .targets import (
        sign_targets as sign_targets,
    )
    from .training import train as train

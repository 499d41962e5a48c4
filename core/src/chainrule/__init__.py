"""chainrule: a layer is a function together with its local derivative, and the derivative is an object.

Each public name is imported from its module when it is first used, so that a plug-in pays for what it needs.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_NAMES = {
    "arrays": "Array Shape random_stream",
    "errors": "ChainruleError ChainruleWarning CheckpointError DataError DefinitionError DivergenceError PluginError "
    "RecipeError SettingError ShapeError SizeError TargetError UnknownNameError UnsupportedError",
    "settings": "axis_pair boolean integer one_of positive_int positive_real real",
    "functions.backprop": "",
    "functions.around": "EachPosition Residual",
    "functions.compose": "Chain Concat Join",
    "functions.derivatives": "DenseJacobian gauss_newton_diagonal gauss_newton_vector gradient hessian hessian_vector "
    "input_gradient jacobian jvp numerical_jacobian per_sample",
    "functions.description": "Description describe",
    "functions.graph": "Graph",
    "functions.jacobians": "BatchJacobian Jacobian",
    "functions.layers": "Elementwise Layer Remembering",
    "functions.losses": "Loss",
    "functions.maps": "Dense DenseParameter Diagonal LinearMap Matrix Outer ParameterMap Reshape Reshaped Scale "
    "Selection Shift",
    "functions.network": "Network",
    "functions.targets": "binary_targets class_targets distribution_targets plain_scores real_targets sign_targets",
    "learning.confusion": "confusion_matrix",
    "learning.cross_validation": "CrossValidation cross_validate",
    "learning.data": "Dataset",
    "learning.doubts": "",
    "learning.engine": "Engine Threads Work",
    "learning.evaluation": "evaluate",
    "learning.history": "BatchRecord EpochRecord Evaluation History",
    "learning.hooks": "",
    "learning.memory": "keep_memory",
    "learning.metrics": "Metric",
    "learning.optimizers": "SGD Optimizer Schedule StepContext",
    "learning.preparation": "Preparation",
    "learning.progress": "EpochLines",
    "learning.run": "Run Snapshot",
    "learning.shards": "Shards",
    "learning.standardized": "Standardized",
    "learning.training": "train",
    "assembly.beside": "",
    "assembly.datasets": "dataset",
    "assembly.offers": "",
    "assembly.recipe": "Recipe read_recipe",
    "assembly.registry": "layer loss metric optimizer schedule",
}
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}
_MODULES = {module.rpartition(".")[2]: module for module in _NAMES}
"""`chainrule.network` and the like, without the room."""

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = globals()[name] = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
        return value
    if name in _MODULES:
        return importlib.import_module(f".{_MODULES[name]}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_MODULES})


if TYPE_CHECKING:  # the same names once more, in the form that type checkers read; a test compares the two
    from .arrays import Array as Array, Shape as Shape, random_stream as random_stream
    from .assembly.datasets import dataset as dataset
    from .assembly.recipe import Recipe as Recipe, read_recipe as read_recipe
    from .assembly.registry import (
        layer as layer,
        loss as loss,
        metric as metric,
        optimizer as optimizer,
        schedule as schedule,
    )
    from .errors import (
        ChainruleError as ChainruleError,
        ChainruleWarning as ChainruleWarning,
        CheckpointError as CheckpointError,
        DataError as DataError,
        DefinitionError as DefinitionError,
        DivergenceError as DivergenceError,
        PluginError as PluginError,
        RecipeError as RecipeError,
        SettingError as SettingError,
        ShapeError as ShapeError,
        SizeError as SizeError,
        TargetError as TargetError,
        UnknownNameError as UnknownNameError,
        UnsupportedError as UnsupportedError,
    )
    from .functions.around import EachPosition as EachPosition, Residual as Residual
    from .functions.compose import Chain as Chain, Concat as Concat, Join as Join
    from .functions.derivatives import (
        DenseJacobian as DenseJacobian,
        gauss_newton_diagonal as gauss_newton_diagonal,
        gauss_newton_vector as gauss_newton_vector,
        gradient as gradient,
        hessian as hessian,
        hessian_vector as hessian_vector,
        input_gradient as input_gradient,
        jacobian as jacobian,
        jvp as jvp,
        numerical_jacobian as numerical_jacobian,
        per_sample as per_sample,
    )
    from .functions.description import Description as Description, describe as describe
    from .functions.graph import Graph as Graph
    from .functions.jacobians import BatchJacobian as BatchJacobian, Jacobian as Jacobian
    from .functions.layers import Elementwise as Elementwise, Layer as Layer, Remembering as Remembering
    from .functions.losses import Loss as Loss
    from .functions.maps import *
    from .functions.network import Network as Network
    from .functions.targets import (
        binary_targets as binary_targets,
        class_targets as class_targets,
        distribution_targets as distribution_targets,
        plain_scores as plain_scores,
        real_targets as real_targets,
        sign_targets as sign_targets,
    )
    from .learning.confusion import confusion_matrix as confusion_matrix
    from .learning.cross_validation import CrossValidation as CrossValidation, cross_validate as cross_validate
    from .learning.data import Dataset as Dataset
    from .learning.engine import Engine as Engine, Threads as Threads, Work as Work
    from .learning.evaluation import evaluate as evaluate
    from .learning.history import (
        BatchRecord as BatchRecord,
        EpochRecord as EpochRecord,
        Evaluation as Evaluation,
        History as History,
    )
    from .learning.memory import keep_memory as keep_memory
    from .learning.metrics import Metric as Metric
    from .learning.optimizers import (
        SGD as SGD,
        Optimizer as Optimizer,
        Schedule as Schedule,
        StepContext as StepContext,
    )
    from .learning.preparation import Preparation as Preparation
    from .learning.progress import EpochLines as EpochLines
    from .learning.run import Run as Run, Snapshot as Snapshot
    from .learning.shards import Shards as Shards
    from .learning.standardized import Standardized as Standardized
    from .learning.training import train as train
    from .settings import (
        axis_pair as axis_pair,
        boolean as boolean,
        integer as integer,
        one_of as one_of,
        positive_int as positive_int,
        positive_real as positive_real,
        real as real,
    )

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
    "functions.jacobians": "BatchJacobian Dense DenseParameter Diagonal Jacobian LinearMap Matrix Outer ParameterMap "
    "Reshape Reshaped Scale Selection Shift",
    "functions.layers": "Elementwise Layer Remembering",
    "functions.losses": "Loss",
    "functions.network": "Network",
    "functions.targets": "binary_targets class_targets distribution_targets plain_scores real_targets sign_targets",
    "functions.weighted_sum": "WeightedSum",
    "learning.confusion": "confusion_matrix",
    "learning.data": "Dataset",
    "learning.doubts": "",
    "learning.engine": "Engine Threads Work",
    "learning.evaluation": "evaluate",
    "learning.history": "BatchRecord EpochRecord Evaluation History",
    "learning.hooks": "",
    "learning.memory": "keep_memory",
    "learning.optimizers": "SGD Optimizer Schedule StepContext",
    "learning.progress": "EpochLines",
    "learning.run": "Run Snapshot",
    "learning.shards": "Shards",
    "learning.training": "train",
    "assembly.beside": "",
    "assembly.offers": "",
    "assembly.recipe": "Recipe read_recipe",
    "assembly.registry": "dataset layer loss optimizer schedule",
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
    from .arrays import Array as Array
    from .arrays import Shape as Shape
    from .arrays import random_stream as random_stream
    from .assembly.recipe import Recipe as Recipe
    from .assembly.recipe import read_recipe as read_recipe
    from .assembly.registry import dataset as dataset
    from .assembly.registry import layer as layer
    from .assembly.registry import loss as loss
    from .assembly.registry import optimizer as optimizer
    from .assembly.registry import schedule as schedule
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
    from .functions.around import EachPosition as EachPosition
    from .functions.around import Residual as Residual
    from .functions.compose import Chain as Chain
    from .functions.compose import Concat as Concat
    from .functions.compose import Join as Join
    from .functions.derivatives import (
        DenseJacobian as DenseJacobian,
    )
    from .functions.derivatives import (
        gauss_newton_diagonal as gauss_newton_diagonal,
    )
    from .functions.derivatives import (
        gauss_newton_vector as gauss_newton_vector,
    )
    from .functions.derivatives import (
        gradient as gradient,
    )
    from .functions.derivatives import (
        hessian as hessian,
    )
    from .functions.derivatives import (
        hessian_vector as hessian_vector,
    )
    from .functions.derivatives import (
        input_gradient as input_gradient,
    )
    from .functions.derivatives import (
        jacobian as jacobian,
    )
    from .functions.derivatives import (
        jvp as jvp,
    )
    from .functions.derivatives import (
        numerical_jacobian as numerical_jacobian,
    )
    from .functions.derivatives import (
        per_sample as per_sample,
    )
    from .functions.description import Description as Description
    from .functions.description import describe as describe
    from .functions.graph import Graph as Graph
    from .functions.jacobians import (
        BatchJacobian as BatchJacobian,
    )
    from .functions.jacobians import (
        Dense as Dense,
    )
    from .functions.jacobians import (
        DenseParameter as DenseParameter,
    )
    from .functions.jacobians import (
        Diagonal as Diagonal,
    )
    from .functions.jacobians import (
        Jacobian as Jacobian,
    )
    from .functions.jacobians import (
        LinearMap as LinearMap,
    )
    from .functions.jacobians import (
        Matrix as Matrix,
    )
    from .functions.jacobians import (
        Outer as Outer,
    )
    from .functions.jacobians import (
        ParameterMap as ParameterMap,
    )
    from .functions.jacobians import (
        Reshape as Reshape,
    )
    from .functions.jacobians import (
        Reshaped as Reshaped,
    )
    from .functions.jacobians import (
        Scale as Scale,
    )
    from .functions.jacobians import (
        Selection as Selection,
    )
    from .functions.jacobians import (
        Shift as Shift,
    )
    from .functions.layers import Elementwise as Elementwise
    from .functions.layers import Layer as Layer
    from .functions.layers import Remembering as Remembering
    from .functions.losses import Loss as Loss
    from .functions.network import Network as Network
    from .functions.targets import (
        binary_targets as binary_targets,
    )
    from .functions.targets import (
        class_targets as class_targets,
    )
    from .functions.targets import (
        distribution_targets as distribution_targets,
    )
    from .functions.targets import (
        plain_scores as plain_scores,
    )
    from .functions.targets import (
        real_targets as real_targets,
    )
    from .functions.targets import (
        sign_targets as sign_targets,
    )
    from .functions.weighted_sum import WeightedSum as WeightedSum
    from .learning.confusion import confusion_matrix as confusion_matrix
    from .learning.data import Dataset as Dataset
    from .learning.engine import Engine as Engine
    from .learning.engine import Threads as Threads
    from .learning.engine import Work as Work
    from .learning.evaluation import evaluate as evaluate
    from .learning.history import BatchRecord as BatchRecord
    from .learning.history import EpochRecord as EpochRecord
    from .learning.history import Evaluation as Evaluation
    from .learning.history import History as History
    from .learning.memory import keep_memory as keep_memory
    from .learning.optimizers import SGD as SGD
    from .learning.optimizers import Optimizer as Optimizer
    from .learning.optimizers import Schedule as Schedule
    from .learning.optimizers import StepContext as StepContext
    from .learning.progress import EpochLines as EpochLines
    from .learning.run import Run as Run
    from .learning.run import Snapshot as Snapshot
    from .learning.shards import Shards as Shards
    from .learning.training import train as train
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

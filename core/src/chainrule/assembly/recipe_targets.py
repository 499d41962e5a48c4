"""A data set's targets, as a recipe's loss takes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import TargetError
from ..functions.losses import Loss
from ..functions.network import Network
from ..learning.data import Dataset
from ..learning.standardized import Standardized, decides_its_scores
from ..rows import Named
from .recipe_schema import Table


def loss_for(dataset: Dataset, table: Table | str, loss: Loss) -> Table | str:
    """Return the table of a loss as it trains on a data set: `Standardized`, where its preparation asks for that.

    μ and σ are those of the training part. Targets of several outputs, classes that have names, and those of a loss
    that decides for classes stay as they are.
    """
    preparation, y = dataset.preparation, dataset.y
    if preparation is None or not preparation.standardizes_targets or dataset.classes is not None:
        return table
    if y is None or isinstance(y, Named) or not decides_its_scores(loss):
        return table
    learned, own = Standardized.learned(loss, y), {"use": table} if isinstance(table, str) else table
    return {"use": "chainrule:Standardized", "loss": own, "mean": learned.mean, "deviation": learned.deviation}


def targets_for(network: Network, loss: Loss, y: Any) -> Any:
    """Return y as the loss wants it: where there is one score, one number a sample may have to be a column."""
    if y is None or isinstance(y, Named) or y.ndim != 1 or network.output_shape != (1,):
        return y
    return y if _takes(loss, y[:1]) and not _takes(loss, y[:1, np.newaxis]) else y[:, np.newaxis]


def _takes(loss: Loss, targets: Any) -> bool:
    """Return whether a loss of one score takes the targets."""
    try:
        loss.value(np.zeros((1, 1)), targets)
    except TargetError:
        return False
    return True

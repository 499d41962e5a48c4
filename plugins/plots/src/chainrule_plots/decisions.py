"""What a network decides, and what was true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import Array, DataError, Loss, Network, SettingError
from chainrule.admission import as_array
from chainrule.evaluation import EVALUATION_BATCH
from chainrule.recipe import targets_for
from chainrule.rows import indexable


@dataclass(frozen=True, eq=False)
class Decisions:
    """The true class and the decided one of each sample, (N,) each of integers, and the names of the classes."""

    true: Array
    decided: Array
    names: tuple[str, ...]


def decisions(network: Network, loss: Loss, x: Any, y: Any, classes: Sequence[str] | None = None) -> Decisions:
    """Return what the network decides for samples, in the batches of `chainrule.evaluate`, beside what is true.

    One score decides between two classes; of a distribution over classes the likeliest is true. `classes` name the
    classes, where there are as many.

    Raises:   SettingError for a loss that decides for no classes; DataError without targets; TargetError; ShapeError.
    """
    x = indexable(x, "x")
    if y is None:
        raise DataError("targets", expected="a class for each sample", got="none")
    targets = targets_for(network, loss, as_array("targets", y))
    if not _decides(network, loss, targets[:1]):
        raise SettingError("loss", expected="one that decides for one class for each sample", got=loss)
    starts = range(0, len(x), EVALUATION_BATCH)
    decided = np.concatenate([loss.decide(network.predict(x[i : i + EVALUATION_BATCH])) for i in starts])
    if network.output_shape == (1,):
        low, high = (loss.decide(np.full((1, 1), score, network.dtype)).item() for score in (-1, 1))
        usual: tuple[str, ...] = (str(low), str(high))
        targets, decided = ((v.reshape(-1) > (low + high) / 2).astype(np.int64) for v in (targets, decided))
    else:
        usual = tuple(map(str, range(network.output_shape[0])))
        targets = targets if targets.ndim == 1 else targets.argmax(axis=1)
    names = tuple(classes) if classes is not None and len(classes) == len(usual) else usual
    return Decisions(targets, decided, names)


def _decides(network: Network, loss: Loss, targets: Array) -> bool:
    """Return whether the loss decides for one class for each sample."""
    scores = np.zeros((1, *network.output_shape), network.dtype)
    if len(network.output_shape) != 1 or loss.error(scores, targets) is None:
        return False
    return loss.decide(scores).shape in ((1,), (1, 1)) and loss.decide(scores).dtype.kind in "iu"

"""Who computes a run: the loop asks an engine for a step and for an evaluation, and knows nothing else of either."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from ..arrays import Array
from ..errors import DataError, UnsupportedError
from ..functions.derivatives import gauss_newton_diagonal, gauss_newton_vector
from ..functions.layers import trains_otherwise
from ..functions.losses import Loss, total_weight
from ..rows import labelled
from .evaluation import EVALUATION_BATCH, evaluate_in
from .history import Evaluation
from .metrics import Metric
from .optimizers import Optimizer, StepContext
from .run import Run
from .shards import Shards


@dataclass(frozen=True, eq=False)
class Work:
    """What an engine has to do it with: the run, whose network it moves, and the parts of the data by name.

    A part is a pair of x and targets: `"training"`, and `"validation"` and `"test"` where there are such. The gradient
    of a batch is that of `shards` parts of it, added in a fixed binary tree: whoever computes them, the bits are the
    same. `metrics` are what an evaluation has beside loss and error, by name.
    """

    run: Run
    optimizer: Optimizer
    loss: Loss
    parts: Mapping[str, tuple[Any, Any]]
    shards: int
    metrics: Mapping[str, Metric] = field(default_factory=dict)


class Engine(ABC):
    """Computes the steps and evaluations of one run; it is entered before the first, and left after the last.

    Another engine is a class of a `Work` in the group `chainrule.engines`.
    """

    def __init__(self, work: Work) -> None:
        self.work = work

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    @abstractmethod
    def step(self, rows: Array | slice) -> float:
        """Move θ, the optimizer's state and the statistics by one batch of the training part, and return its loss.

        A loss that is not finite is returned before anything is moved, and so is 0 of a batch in which nothing counts.
        Raises:   DataError for rows that are not
        finite.
        """

    @abstractmethod
    def evaluate(self, part: str) -> Evaluation:
        """Return the mean loss, the share of errors, and the metrics of a part."""


class Threads(Engine):
    """The engine of one process: each batch in as many threads as there are shards."""

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        self.shards = Shards(work.run.network, work.shards)

    def __enter__(self) -> Self:
        self.shards.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.shards.__exit__()

    def step(self, rows: Array | slice) -> float:
        """Gradient, update, statistics."""
        work, run, network = self.work, self.work.run, self.work.run.network
        x, targets = work.parts["training"]
        x, targets = x[rows], None if targets is None else targets[rows]
        if targets is not None and not total_weight(work.loss, targets, len(targets)):
            return 0.0  # nothing counts
        loss = self.shards.backprop(x, targets, work.loss, run.noise)
        if not math.isfinite(loss):
            _check_batch(x, np.arange(len(work.parts["training"][0]))[rows])
            return loss
        work.optimizer.step(network.theta, network.gradient, run.state, self._context(x, targets))
        network.remember(network.seen)
        return loss

    def evaluate(self, part: str) -> Evaluation:
        """Predict in the threads, a batch in each."""
        work = self.work
        return evaluate_in(self.shards, *work.parts[part], work.loss, EVALUATION_BATCH, work.metrics)

    def _context(self, x: Any, targets: Any) -> StepContext:
        """Return what a rule may ask of the batch: the curvature and the objective of what the step differentiated."""
        network, loss, layers = self.work.run.network, self.work.loss, self.shards.layers

        def differentiated() -> Any:
            for i, layer in enumerate(network.layers if len(layers) > 1 else ()):
                if trains_otherwise(layer):
                    where = network.chain.wiring.where(i, layer)
                    hint = "it is another function in each of the shards: set shards = 1"
                    raise UnsupportedError(f"{where}, has no curvature of the whole batch", hint=hint)
            return layers[0]

        def objective() -> float:
            values = loss.value(network.predict_at_once(x, differentiated()), targets)
            return float(values.sum(dtype=np.float64)) / (total_weight(loss, targets, len(values)) or 1.0)

        return StepContext(
            self.work.run.step,
            network.slices,
            gauss_newton=lambda v: gauss_newton_vector(network, x, targets, loss, v, layers=differentiated()),
            gauss_newton_diagonal=lambda: gauss_newton_diagonal(network, x, targets, loss, layers=differentiated()),
            objective=objective,
        )


def _check_batch(x: Any, rows: Array) -> None:
    """Tell NaN in the data from a divergence."""
    for where, array in labelled("training data", x):
        numbers = np.asarray(array).reshape(len(array), -1)
        wrong = ~np.isfinite(numbers).all(axis=1) if numbers.dtype.kind == "f" else np.zeros(len(array), bool)
        if wrong.any():
            raise DataError(f"{where}, row {rows[wrong][0]}", expected="finite numbers", got="NaN or infinity")

"""The mini-batch loop, and what it reports."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from .arrays import Array, random_stream
from .data import indexable
from .derivatives import gauss_newton_vector
from .errors import DataError, DivergenceError, SettingError, ShapeError, TargetError
from .losses import Loss
from .network import Network
from .optimizers import Optimizer, StepContext
from .settings import integer, positive_int
from .shards import Shards

if TYPE_CHECKING:
    from .hooks import HookCaller

EVALUATION_BATCH = 256


@dataclass(frozen=True)
class Evaluation:
    """The mean loss over a set, and the share of wrong decisions; None where decisions have no meaning."""

    loss: float
    error: float | None


@dataclass(frozen=True)
class BatchRecord:
    """One step: `epoch` and `batch` count from 1, `loss` is Obj before the update, `size` the batch's true size."""

    epoch: int
    batch: int
    size: int
    loss: float


@dataclass(frozen=True)
class EpochRecord:
    """One epoch: E_in over the training data and E_out over the test data (None without any), both at the same θ."""

    epoch: int
    e_in: Evaluation
    e_out: Evaluation | None
    seconds: float = field(compare=False)


class History(Sequence[EpochRecord]):
    """The epochs of a run, in order; `stopped` is the reason when it ended before its time, an error included."""

    def __init__(self) -> None:
        self._records: list[EpochRecord] = []
        self.stopped: str | None = None

    def add(self, record: EpochRecord) -> None:
        """Add the newest epoch."""
        self._records.append(record)

    @overload
    def __getitem__(self, index: int) -> EpochRecord: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[EpochRecord]: ...
    def __getitem__(self, index: int | slice) -> EpochRecord | Sequence[EpochRecord]:
        return self._records[index]

    def __len__(self) -> int:
        return len(self._records)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, History) and (self._records, self.stopped) == (other._records, other.stopped)

    __hash__ = None  # type: ignore[assignment]  # it grows

    def __repr__(self) -> str:
        return f"History({self._records!r}, stopped={self.stopped!r})"


class Run:
    """What a hook sees of a run: its network, its history and its length; `stop(reason)` ends it after this batch.

    An epoch that is cut short has no record; one that is stopped at its last batch has.
    """

    def __init__(self, network: Network, history: History, epochs: int, batches: int) -> None:
        self.network = network
        self.history = history
        self.epochs = epochs
        self.batches = batches

    def stop(self, reason: str) -> None:
        """End the run after the batch that is being done."""
        self.history.stopped = reason


# A loss that overflows is told as a divergence, not by NumPy's warnings.
@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def train(
    network: Network,
    x: Any,
    targets: Any,
    *,
    loss: Loss,
    optimizer: Optimizer,
    batch_size: int | str,
    epochs: int,
    seed: int = 0,
    test: tuple[Any, Any] | None = None,
    shards: int = 1,
    hooks: Iterable[Any] = (),
) -> History:
    """Train the network in place: W ← W - λ ∂Obj/∂W, with Obj the mean loss over a batch.

    `batch_size` is the course's regime: `"all"` is batched, 1 is stochastic, B is mini-batch, shuffled each epoch;
    a short last batch is kept, with its true size. x and targets may be any arrays that are indexed by rows, larger
    than memory included: only a batch is copied. `test` is (x, targets) for E_out. `hooks` are objects with methods
    such as `chainrule_epoch_ended(run, record)`: see `chainrule.hooks`.
    `shards` splits each batch over so many threads, which is for convolutional networks: see `Shards`. The order of
    the sum shows in the last bits, and so it belongs to the run as the seed does.

    Returns:  The history; a run that a hook stopped says why.
    Raises:   SettingError, ShapeError, DataError and TargetError before the first step, where it can be known then;
              DivergenceError when a loss is not finite: it has θ of the last good epoch.
    Source:   course, section 3, "Mini-Batch".
    """
    if not isinstance(network, Network):
        raise SettingError("network", expected="a Network: Network(layers, input_shape)", got=network)
    x, targets = indexable(x), None if targets is None else indexable(targets)
    size = _check_data(network, x, targets, loss, "training data")
    if test is not None:
        if not isinstance(test, tuple | list) or len(test) != 2:
            raise SettingError("test", expected="a pair (x, targets)", got=type(test).__name__)
        test = (indexable(test[0]), None if test[1] is None else indexable(test[1]))
        _check_data(network, *test, loss, "test data")
    batch = _check_batch_size(batch_size, size)
    positive_int("epochs", epochs)
    if not isinstance(optimizer, Optimizer):
        raise SettingError("optimizer", expected="an Optimizer, such as SGD(0.1)", got=optimizer)
    shuffle = random_stream(integer("seed", seed, minimum=0), "shuffle")
    noise = random_stream(seed, "stochastic layers")
    threads = Shards(network, shards)

    history = History()
    run = Run(network, history, epochs, math.ceil(size / batch))
    call = _hook_caller(hooks)
    state = optimizer.init(network.theta)
    good = network.theta.copy()
    step = 0

    def check_finite(epoch: int, number: int, value: float) -> None:
        if not math.isfinite(value):
            largest = float(np.abs(network.theta).max(initial=0))
            raise DivergenceError(epoch=epoch, batch=number, loss=value, largest=largest, theta=good, history=history)

    if call:
        call.training_started(run)
    try:
        with threads:
            for epoch in range(1, epochs + 1):
                if history.stopped is not None:
                    break
                started = perf_counter()
                for number, rows in enumerate(_batches(size, batch, shuffle), 1):
                    batch_x, batch_targets = x[rows], None if targets is None else targets[rows]
                    value = threads.backprop(batch_x, batch_targets, loss, noise)
                    if not math.isfinite(value):
                        _check_batch(batch_x, np.arange(size)[rows])
                    check_finite(epoch, number, value)
                    context = StepContext(step, network.slices, _gauss_newton(network, batch_x, batch_targets, loss))
                    optimizer.step(network.theta, network.gradient, state, context)
                    step += 1
                    if call:
                        call.batch_ended(run, BatchRecord(epoch, number, len(batch_x), value))
                    if history.stopped is not None and number < run.batches:
                        break
                else:
                    e_in = _evaluate(threads, x, targets, loss, EVALUATION_BATCH)
                    check_finite(epoch, number, e_in.loss)
                    np.copyto(good, network.theta)
                    e_out = None if test is None else _evaluate(threads, *test, loss, EVALUATION_BATCH)
                    history.add(EpochRecord(epoch, e_in, e_out, perf_counter() - started))
                    if call:
                        call.epoch_ended(run, history[-1])
    except BaseException as error:
        history.stopped = type(error).__name__
        raise
    finally:
        if call:
            call.training_ended(run, history[-1] if history else None)
    return history


def evaluate(network: Network, x: Any, targets: Any, loss: Loss, batch_size: int = EVALUATION_BATCH) -> Evaluation:
    """Return 1/N Σ_i l(Net(x_i), y_i) and the share of errors: E_in on training data, E_out on test data.

    It predicts `batch_size` samples at a time, and so the result depends on it where a layer mixes samples.

    Raises:   ShapeError, DataError, TargetError.
    Source:   course, section 2.
    """
    x, targets = indexable(x), None if targets is None else indexable(targets)
    positive_int("batch_size", batch_size)
    _check_lengths(x, targets, "evaluation")
    return _evaluate(Shards(network, 1), x, targets, loss, batch_size)


def _evaluate(threads: Shards, x: Any, targets: Any, loss: Loss, batch_size: int) -> Evaluation:
    """Evaluate as many batches at once as there are shards: their number shows in no bit."""

    def measure(batch: tuple[Any, Any]) -> tuple[float, int | None]:
        scores = threads.network.predict(batch[0])
        errors = loss.error(scores, batch[1])
        return float(loss.value(scores, batch[1]).sum(dtype=np.float64)), None if errors is None else int(errors.sum())

    measured: list[tuple[float, int | None]] = []
    batches = [slice(start, start + batch_size) for start in range(0, len(x), batch_size)]
    for first in range(0, len(batches), threads.count):
        group = batches[first : first + threads.count]
        measured += threads.map(measure, [(x[rows], None if targets is None else targets[rows]) for rows in group])
    wrong = [count for _, count in measured if count is not None]
    error = sum(wrong) / len(x) if len(wrong) == len(measured) else None
    return Evaluation(sum(value for value, _ in measured) / len(x), error)


def _batches(size: int, batch: int, rng: np.random.Generator) -> Iterator[Array | slice]:
    if batch == size:  # the whole set: its order has no meaning, and it need not be copied
        yield slice(None)
        return
    order = rng.permutation(size)
    for start in range(0, size, batch):
        yield order[start : start + batch]


def _gauss_newton(network: Network, x: Any, targets: Any, loss: Loss) -> Any:
    return lambda vector: gauss_newton_vector(network, x, targets, loss, vector)


def _hook_caller(hooks: Iterable[Any]) -> HookCaller | None:
    if not isinstance(hooks, Iterable):
        raise SettingError("hooks", expected="a list of hooks", got=hooks)
    hooks = tuple(hooks)
    if not hooks:
        return None
    from .hooks import HookCaller  # it imports pluggy, which most runs do without

    return HookCaller(hooks)


def _check_batch_size(batch_size: Any, size: int) -> int:
    if batch_size == "all":
        return size
    if type(batch_size) is not int or not 1 <= batch_size <= size:
        expected = f"'all' or an int from 1 to {size}, the number of training samples"
        raise SettingError("batch_size", expected=expected, got=batch_size)
    return batch_size


def _check_data(network: Network, x: Any, targets: Any, loss: Loss, what: str) -> int:
    """Try all that can be tried before the first step: a run must not fail after its first hour."""
    _check_lengths(x, targets, what)
    if x.shape[1:] != network.input_shape:
        raise ShapeError(what, expected=("N", *network.input_shape), got=x.shape)
    if not isinstance(loss, Loss):
        raise SettingError("loss", expected="a Loss, such as CrossEntropy()", got=loss)
    loss.value(network.predict(x[:1]), None if targets is None else targets[:1])
    for start in range(0, 0 if targets is None else len(x), EVALUATION_BATCH):
        batch = targets[start : start + EVALUATION_BATCH]
        try:
            loss.value(np.zeros((len(batch), *network.output_shape), network.dtype), batch)
        except TargetError as error:
            raise error.within(f"{what}, rows from {start}") from None
    return len(x)


def _check_lengths(x: Any, targets: Any, what: str) -> None:
    if len(x) == 0:
        raise DataError(what, expected="at least one sample", got="none")
    if targets is not None and len(targets) != len(x):
        raise DataError(what, expected=f"{len(x)} targets, one for each sample", got=len(targets))


def _check_batch(x: Array, rows: Array) -> None:
    """Tell NaN in the data from a divergence."""
    x = np.asarray(x)
    wrong = ~np.isfinite(x.reshape(len(x), -1)).all(axis=1) if x.dtype.kind == "f" else np.zeros(len(x), bool)
    if wrong.any():
        raise DataError(f"training data, row {rows[wrong][0]}", expected="finite numbers", got="NaN or infinity")

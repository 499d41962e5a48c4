"""The mini-batch loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import wraps
from itertools import islice
from time import perf_counter
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from ..admission import check_finite
from ..arrays import Array
from ..errors import DivergenceError, SettingError, ShapeError, TargetError
from ..functions.losses import Loss, total_weight
from ..functions.network import Network
from ..rows import Named, check_lengths, indexable, labelled
from ..settings import boolean, integer, plain_number, positive_int
from .ahead import tell_ahead
from .auto_shards import AUTO, check_shards, shards_that_pay
from .doubts import Doubts
from .engine import Engine, Threads, Work
from .evaluation import EVALUATION_BATCH
from .freezing import with_frozen
from .history import BatchRecord, EpochRecord, History
from .metrics import Metric, check_metrics
from .optimizers import Optimizer
from .progress import EpochLines
from .run import Run, Snapshot
from .weights import Weighted, weigh_parts

if TYPE_CHECKING:
    from .hooks import HookCaller

P = ParamSpec("P")
Result = TypeVar("Result")


def _quiet(function: Callable[P, Result]) -> Callable[P, Result]:
    """Tell a loss that overflows as a divergence, not by NumPy's warnings."""

    @wraps(function)
    def quiet(*args: P.args, **kwargs: P.kwargs) -> Result:
        # An errstate for each call: one that decorates is shared by runs at once, and keeps their states, in NumPy 1.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            return function(*args, **kwargs)

    return quiet


@_quiet
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
    test: tuple[Any, ...] | None = None,
    validation: tuple[Any, ...] | None = None,
    sample_weight: Any = None,
    class_weight: Any = None,
    metrics: Mapping[str, Metric] | None = None,
    frozen: Sequence[str] = (),
    shards: int | str = AUTO,
    hooks: Iterable[Any] = (),
    resume: Snapshot | None = None,
    verbose: bool = False,
    engine: Callable[[Work], Engine] = Threads,
) -> History:
    """Train the network in place: W ← W - λ ∂Obj/∂W, with Obj the mean loss over a batch.

    `batch_size` is the course's regime: `"all"` is batched, 1 is stochastic, B is mini-batch, shuffled each epoch;
    a short last batch is kept, with its true size. x and targets may be any arrays that are indexed by rows, larger
    than memory included: only a batch is copied. `test` is (x, targets) for E_out, or (x, targets, sample weights),
    and `validation` likewise for E_val, by which hooks such as early stopping choose, so that E_out stays an estimate.
    `sample_weight` are numbers v_j from 0 on: Obj is Σ_j v_j l_j / Σ_j v_j w_j, w_j what the loss itself weighs a
    sample, and so are E_in and E_out; a batch whose weights are all 0 makes no step. `class_weight` multiplies them by
    a number for each class, `{1: 5.0}`, or `"balanced"`, so that all classes count alike. `metrics`, `{"r2": R2()}`,
    are measured of each part after each epoch, with the same weights: `history[-1].e_out.metrics["r2"]`. `hooks` are
    objects with methods such as `chainrule_epoch_ended(run, record)`: see `chainrule.hooks`. `frozen` names layers,
    `"encoder"` or `"1"`, and parameters, `"1.W"`, that keep their bits; statistics, such as those of batch_norm, are no
    parameters, and go on following the data that the layer normalises.
    `shards` splits each batch over so many threads: see `Shards`. The order of the sum shows in the last bits, and so
    it belongs to the run as the seed does. `"auto"` is as many as pay for pictures and long sequences, by shapes and
    cores (`shards_that_pay`), and 1 for others: `run.work.shards` says the number to hooks. `resume` is a run's
    `snapshot()`, taken by a hook, with its number of shards: with the arguments of that run, this one ends with the
    same bits as if it were that.
    `verbose` prints a line for each epoch: it adds the hook `EpochLines`. `engine` computes the steps: see `Engine`.

    Returns:  The history; a run that a hook stopped says why.
    Warns:    ChainruleWarning of what is legal and trains badly: a loss that applies once more what the last layer
              did, features of unequal or large size, targets that are all the same; at the end, of a network that
              has learned nothing.
    Raises:   SettingError, ShapeError, DataError and TargetError before the first step, where it can be known then;
              DivergenceError when a loss is not finite: it has θ of the last good epoch; PluginError for a metric that
              fails.
    Source:   course, section 3, "Mini-Batch".
    """
    if not isinstance(network, Network):
        raise SettingError("network", expected="a Network: Network(layers, input_shape)", got=network)
    if not isinstance(loss, Loss):
        raise SettingError("loss", expected="a Loss, such as CrossEntropy()", got=loss)
    if not isinstance(optimizer, Optimizer):
        raise SettingError("optimizer", expected="an Optimizer, such as SGD(0.1)", got=optimizer)
    positive_int("epochs", epochs)
    integer("seed", seed, minimum=0)
    shards = check_shards(network, shards)
    if not callable(engine):
        raise SettingError("engine", expected="a class of an Engine, such as Threads", got=engine)
    call = hook_caller(hooks, verbose)
    x, targets = indexable(x, "x"), None if targets is None else indexable(targets, "targets")
    check_lengths(x, targets, "training data")
    size = len(x)
    batch = _check_batch_size(batch_size, size)
    of_zeros = _check_data(network, x, targets, loss, "training data")
    parts, weights = {"training": (x, targets)}, {"training": sample_weight}
    for part, given in (("validation", validation), ("test", test)):
        if given is not None:
            parts[part], weights[part] = _further_part(network, part, given, loss)
    wanted = check_metrics(metrics, network, loss, x, targets)
    if isinstance(shards, str):
        shards = resume.shards if isinstance(resume, Snapshot) else shards_that_pay(network, batch, optimizer)
    _check_least(network, size, batch, shards)
    measured = {"has_test": "test" in parts, "has_validation": "validation" in parts}
    optimizer = with_frozen(optimizer, network, frozen)
    run = Run(network, optimizer, seed, epochs, math.ceil(size / batch), **measured)
    if resume is not None:
        run.restore(resume)
    doubts = Doubts(network, x, targets, loss, of_zeros=of_zeros, resumed=resume is not None)
    if class_weight is not None or any(own is not None for own in weights.values()):
        loss, parts = Weighted(loss), weigh_parts(parts, weights, class_weight)
    run.work = Work(run, optimizer, loss, parts, shards, wanted)

    try:
        if call:
            call.training_started(run)
        with engine(run.work) as engaged:
            while run.goes_on:
                started = perf_counter()
                run.begin_epoch()
                for rows in tell_ahead(islice(_batches(size, batch, run.shuffle), run.batch, None), x):
                    value = engaged.step(rows)
                    _check_finite(run, value, run.batch + 1)
                    run.step, run.batch = run.step + 1, run.batch + 1
                    if call:
                        taken = size if isinstance(rows, slice) else len(rows)
                        call.batch_ended(run, BatchRecord(run.epoch, run.batch, taken, value))
                    if not run.goes_on:
                        break
                else:
                    e_in = engaged.evaluate("training")
                    _check_finite(run, e_in.loss, run.batch)
                    further = {part: engaged.evaluate(part) for part in parts if part != "training"}
                    e_out, e_validation = further.get("test"), further.get("validation")
                    run.end_epoch(EpochRecord(run.epoch, e_in, e_out, perf_counter() - started, e_validation))
                    if call:
                        call.epoch_ended(run, run.history[-1])
    except BaseException as error:
        run.error, run.history.stopped = error, type(error).__name__
        raise
    finally:
        if call:
            call.training_ended(run, run.history[-1] if run.history else None)
    if run.finished and not isinstance(loss, Weighted):  # what it measures has no weights
        doubts.of_the_end(run.history, run.step)
    return run.history


def _further_part(network: Network, part: str, given: Any, loss: Loss) -> tuple[tuple[Any, Any], Any]:
    """Return x and targets of a part that is measured alone, and the weights of its samples, None for none.

    Raises:   SettingError; DataError, ShapeError and TargetError as the training data.
    """
    if not isinstance(given, tuple | list) or len(given) not in (2, 3):
        expected = "a pair (x, targets), or (x, targets, sample weights)"
        raise SettingError(part, expected=expected, got=type(given).__name__)
    x, targets = indexable(given[0], part), None if given[1] is None else indexable(given[1], f"{part} targets")
    _check_data(network, x, targets, loss, f"{part} data")
    return (x, targets), None if len(given) == 2 else given[2]


def _check_finite(run: Run, loss: float, batch: int) -> None:
    if not math.isfinite(loss):
        state, theta = run.good, run.network.theta
        good, largest = state[: theta.size], float(np.abs(theta).max(initial=0))
        raise DivergenceError(
            epoch=run.epoch, batch=batch, loss=loss, largest=largest, theta=good, state=state, history=run.history
        )


def _batches(size: int, batch: int, rng: np.random.Generator) -> Iterator[Array | slice]:
    if batch == size:  # the whole set: its order has no meaning, and it need not be copied
        yield slice(None)
        return
    order = rng.permutation(size)
    for start in range(0, size, batch):
        yield order[start : start + batch]


def hook_caller(hooks: Iterable[Any], verbose: bool = False) -> HookCaller | None:
    """Return what calls the hooks, None where there are none. Raises:   SettingError, PluginError."""
    if not isinstance(hooks, Iterable):
        raise SettingError("hooks", expected="a list of hooks", got=hooks)
    hooks = (EpochLines(), *hooks) if boolean("verbose", verbose) else tuple(hooks)
    if not hooks:
        return None
    from .hooks import HookCaller  # it imports pluggy, which most runs do without

    return HookCaller(hooks)


def _check_batch_size(batch_size: Any, size: int) -> int:
    if isinstance(batch_size, str) and batch_size == "all":
        return size
    if type(batch_size) is not int or not 1 <= batch_size <= size:
        expected = f"'all' or an int from 1 to {size}, the number of training samples"
        raise SettingError("batch_size", expected=expected, got=batch_size, hint=plain_number(batch_size))
    return batch_size


def _check_data(network: Network, x: Any, targets: Any, loss: Loss, what: str) -> float:
    """Try all that can be tried before the first step: a run must not fail after its first hour.

    Returns:  The mean loss of scores that are all 0, or -∞ without targets.
    """
    check_lengths(x, targets, what)
    if isinstance(network.input_shape, dict) or isinstance(x, Named):
        network.ends.check(x)
    elif x.shape[1:] != network.input_shape:
        raise ShapeError(what, expected=("N", *network.input_shape), got=x.shape)
    loss.value(network.predict(x[:1]), None if targets is None else targets[:1])
    total = weight = 0.0
    scores, shapes = network.ends.scores, network.ends.scores.listed(network.output_shape)
    for start in range(0, 0 if targets is None else len(x), EVALUATION_BATCH):
        batch = targets[start : start + EVALUATION_BATCH]
        zeros = scores.named([np.zeros((len(batch), *shape), network.dtype) for shape in shapes])
        try:
            value = float(np.sum(loss.value(zeros, batch), dtype=np.float64))
        except TargetError as error:
            _check_targets(what, batch, start)
            raise error.within(f"{what}, rows from {start}") from None
        if not math.isfinite(value):  # else the loss knows what to do with a target that is not finite
            _check_targets(what, batch, start)
        total, weight = total + value, weight + total_weight(loss, batch, len(batch))
    return -math.inf if targets is None else total / (weight or 1.0)


def _check_targets(what: str, batch: Any, start: int) -> None:
    for where, array in labelled(f"{what}, targets", batch):
        check_finite(where, np.asarray(array), start)


def _check_least(network: Network, size: int, batch: int, shards: int) -> None:
    """Refuse a last batch, or a shard of it, of too few samples for a layer that normalises by its batch."""
    leasts = network.chain.ask("least_batch", network.ends.shapes)
    least = max(leasts)

    def smallest(batch: int) -> int:
        return max(1, (size % batch or batch) // shards)

    if smallest(batch) < least:
        i = leasts.index(least)
        near = sorted((b for b in range(1, size + 1) if smallest(b) >= least), key=lambda b: abs(b - batch))[:3]
        goes = f"batch_size {' or '.join(map(str, sorted(near)))} goes" if near else "there are too few samples"
        where = f"{network.chain.wiring.where(i, network.layers[i])}, normalises by its batch"
        expected = f"batches of at least {least} samples" + " in each shard" * (shards > 1)
        hint = f"the last one has {size % batch or batch}, and {where}; {goes}"
        raise SettingError("batch_size", expected=expected, got=batch, hint=hint)

"""A run: what training has in hand, and a picture of it from which training can go on."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import Array, random_stream
from ..errors import SettingError, ShapeError
from ..functions.network import Network
from .history import EpochRecord, History
from .optimizers import Optimizer

if TYPE_CHECKING:
    from .engine import Work


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Everything that the rest of a run follows from, its network, settings and data aside.

    `theta` are the parameters, and the statistics after them (`Network.state`), `good` those after the last epoch;
    `optimizer` is its state; `shuffle` and `noise` are the states of the generators, that of the shuffle as it was
    before the order of this epoch was drawn. `epoch` is the one that is being done, from 1, `batch` counts those of it
    that are done, `step` those of the run. `kept` is what hooks remember, and `shards` are those of each batch. Arrays
    are those of the run, not copies.
    """

    theta: Array
    good: Array
    optimizer: Any
    shuffle: dict[str, Any]
    noise: dict[str, Any]
    epoch: int
    batch: int
    step: int
    history: tuple[EpochRecord, ...]
    stopped: str | None
    finished: bool
    kept: dict[str, Any]
    shards: int = 1


class Run:
    """What a hook sees of a run: its network, its history and its length; `stop(reason)` ends it after this batch.

    An epoch that is cut short has no record; one that is stopped at its last batch has. `has_test` says whether E_out
    is measured, `has_validation` whether E_val is, by which a hook should choose; `error` is what ended the run, if an
    error did. `work` has the optimizer, the loss and the data, from the start on. A hook keeps in `kept`, under a name
    of its own, what it has to remember when the run is resumed: numbers, strings, arrays, lists and dictionaries of
    them.
    """

    def __init__(
        self,
        network: Network,
        optimizer: Optimizer,
        seed: int,
        epochs: int,
        batches: int,
        has_test: bool,
        has_validation: bool = False,
    ) -> None:
        self.network = network
        self.history = History()
        self.epochs = epochs
        self.batches = batches
        self.has_test = has_test
        self.has_validation = has_validation
        self.error: BaseException | None = None
        self.work: Work | None = None
        self.kept: dict[str, Any] = {}
        self.good = network.state.copy()
        self.state = optimizer.init(network.theta)
        self.shuffle = random_stream(seed, "shuffle")
        self.noise = random_stream(seed, "stochastic layers")
        self.epoch, self.batch, self.step = 1, 0, 0
        self._paused = False
        self._shuffle_of_epoch = _state(self.shuffle)

    def stop(self, reason: str) -> None:
        """End the run after the batch that is being done."""
        self.history.stopped = reason
        self._paused = False

    def pause(self, reason: str) -> None:
        """End the run likewise, but not for good: a snapshot of it goes on where it was.

        A run that is stopped stays so, whichever of the two came first.
        """
        if self.history.stopped is None:
            self.stop(reason)
            self._paused = True

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do: the last epoch is done, or the run was stopped for good."""
        stopped = self.history.stopped is not None and not self._paused
        return self.error is None and (stopped or len(self.history) == self.epochs)

    @property
    def goes_on(self) -> bool:
        """Whether there is a batch to do, or an epoch to measure whose batches are done."""
        stopped = self.history.stopped is not None and self.batch < self.batches
        return self.epoch <= self.epochs and not stopped

    def begin_epoch(self) -> None:
        """Note the generator's state before the order of the epoch is drawn."""
        self._shuffle_of_epoch = _state(self.shuffle)

    def end_epoch(self, record: EpochRecord) -> None:
        """Add the record, and stand before the next epoch."""
        np.copyto(self.good, self.network.state)
        self.history.add(record)
        self.epoch, self.batch = self.epoch + 1, 0
        self.begin_epoch()

    def snapshot(self) -> Snapshot:
        """Return the run as it is between two batches, where hooks are called."""
        return Snapshot(
            theta=self.network.state,
            good=self.good,
            optimizer=self.state,
            shuffle=self._shuffle_of_epoch,
            noise=_state(self.noise),
            epoch=self.epoch,
            batch=self.batch,
            step=self.step,
            history=tuple(self.history),
            stopped=None if self._paused else self.history.stopped,
            finished=self.finished,
            kept=self.kept,
            shards=1 if self.work is None else self.work.shards,
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Stand where the snapshot was taken; it is copied. Raises:   ShapeError, SettingError when it does not fit."""
        if not isinstance(snapshot, Snapshot):
            raise SettingError("resume", expected="a Snapshot", got=snapshot)
        for name in ("theta", "good"):
            came, own = getattr(snapshot, name), self.network.state
            if came.shape != own.shape or came.dtype != own.dtype:
                expected, got = f"{own.dtype} {own.shape}", f"{came.dtype} {came.shape}"
                raise ShapeError(f"resume: {name}", expected=expected, got=got)
        place = (snapshot.epoch, snapshot.batch)
        if not (1 <= snapshot.epoch <= self.epochs + 1 and 0 <= snapshot.batch <= self.batches):
            expected = f"a place within {self.epochs} epochs of {self.batches} batches"
            raise SettingError("resume", expected=expected, got=place, hint="resume with the settings of the run")
        step = (snapshot.epoch - 1) * self.batches + snapshot.batch
        if snapshot.step != step or len(snapshot.history) != snapshot.epoch - 1:
            expected = f"step {step} and {snapshot.epoch - 1} epochs at the place {place}"
            steps = (snapshot.step, len(snapshot.history))
            raise SettingError("resume", expected=expected, got=steps, hint="resume with a snapshot of the run")
        _check_state("resume: optimizer", snapshot.optimizer, self.state)
        try:
            self.shuffle.bit_generator.state = snapshot.shuffle
            self.noise.bit_generator.state = snapshot.noise
        except (TypeError, ValueError, KeyError, OverflowError) as error:
            raise SettingError("resume", expected="states of the generators", got=snapshot.shuffle) from error
        np.copyto(self.network.state, snapshot.theta)
        np.copyto(self.good, snapshot.good)
        self.state = copy.deepcopy(snapshot.optimizer)
        self.epoch, self.batch, self.step = *place, snapshot.step
        self.kept = copy.deepcopy(snapshot.kept)
        self.history = History(snapshot.history)
        self.history.stopped = snapshot.stopped
        self.begin_epoch()


def _check_state(where: str, came: Any, own: Any) -> None:
    """Refuse a state that the optimizer did not make. Raises:   SettingError.

    Lists may have grown since the start, and so may an array without an entry.
    """
    if isinstance(own, np.ndarray):
        fits = type(came) is np.ndarray and came.dtype == own.dtype and (came.shape == own.shape or own.size == 0)
        if not fits:
            got = f"{came.dtype} {came.shape}" if isinstance(came, np.ndarray) else type(came).__name__
            raise SettingError(where, expected=f"an array of {own.dtype} {own.shape}", got=got)
    elif isinstance(own, dict | list | tuple):
        if type(came) is not type(own):
            raise SettingError(where, expected=f"a {type(own).__name__}", got=type(came).__name__)
        if isinstance(own, dict):
            for key in own:
                if key not in came:
                    raise SettingError(f"{where}: {key}", expected="a value", got=None)
                _check_state(f"{where}: {key}", came[key], own[key])
        else:
            for i, (entry, own_entry) in enumerate(zip(came, own, strict=False)):
                _check_state(f"{where}[{i}]", entry, own_entry)
    elif isinstance(own, bool | int | float | np.generic) and not isinstance(came, bool | int | float | np.generic):
        raise SettingError(where, expected="a number", got=type(came).__name__)


def _state(generator: np.random.Generator) -> dict[str, Any]:
    return dict(generator.bit_generator.state)

"""Hooks that write a line for each epoch."""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from chainrule import EpochRecord, History, Run, SettingError

from . import atomic


@dataclass(frozen=True)
class EpochLog(ABC):
    """A file with a line for each epoch, added when it ends; a run that is resumed writes the earlier ones again.

    An earlier log is written over.
    Raises:   SettingError unless `path` is a path, and for a file that is no such log; CheckpointError when it cannot
              be written.
    """

    path: Path | str

    HEAD: ClassVar[str] = ""
    BEGIN: ClassVar[str]
    """How every such log begins."""

    def __post_init__(self) -> None:
        if not isinstance(self.path, Path | str) or not str(self.path):
            raise SettingError("path", expected="the path of a file", got=self.path)

    @abstractmethod
    def line(self, record: EpochRecord) -> str:
        """Return the line of an epoch, without its end."""

    def chainrule_training_started(self, run: Run) -> None:
        """Begin the file. Raises:   SettingError for a file of something else: it is as it was."""
        self._check_place()
        self.write(run.history)

    def chainrule_epoch_ended(self, record: EpochRecord) -> None:
        """Add the line of the epoch. Raises:   as the start, if something else was written there since."""
        self._check_place()
        self.add(record)

    def write(self, history: History) -> None:
        """Write the file, over what was there."""
        lines = "".join(self.line(record) + "\n" for record in history)
        atomic.write(Path(self.path), (self.HEAD + lines).encode())

    def add(self, record: EpochRecord) -> None:
        """Add a line to the file."""
        atomic.append(Path(self.path), self.line(record) + "\n")

    def _check_place(self) -> None:
        path = Path(self.path)
        if not path.is_file():
            return
        with atomic.telling(path, "read"), path.open("rb") as file:
            there = file.read(len(self.BEGIN))
        if not self.BEGIN.encode().startswith(there):  # shorter is a log that a kill cut off
            where, expected = f"hooks: {type(self).__name__}.path", "a new file, or an earlier log"
            raise SettingError(where, expected=expected, got=str(path), hint="that is something else: name another")


@dataclass(frozen=True)
class JSONLLog(EpochLog):
    """JSON lines: `epoch`, `e_in` and `e_out`, each with `loss` and `error`, and `seconds`.

    What JSON cannot say is null: no test part, no decisions, a number that is not finite.
    """

    BEGIN: ClassVar[str] = '{"epoch": '

    def line(self, record: EpochRecord) -> str:
        """Return the record as JSON."""
        return json.dumps(_finite(asdict(record)), allow_nan=False)


@dataclass(frozen=True)
class CSVLog(EpochLog):
    """A table: epoch, E_in's loss and error, E_out's, seconds; an empty cell where there is no finite number."""

    HEAD: ClassVar[str] = "epoch,e_in_loss,e_in_error,e_out_loss,e_out_error,seconds\n"
    BEGIN: ClassVar[str] = HEAD

    def line(self, record: EpochRecord) -> str:
        """Return the cells of the record, with all their digits."""
        evaluations = [(e.loss, e.error) if e is not None else (None, None) for e in (record.e_in, record.e_out)]
        cells = [record.epoch, *evaluations[0], *evaluations[1], record.seconds]
        return ",".join("" if cell is None else repr(cell) for cell in map(_finite, cells))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value

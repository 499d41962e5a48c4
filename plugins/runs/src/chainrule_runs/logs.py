"""Hooks that write a line for each epoch."""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from chainrule import EpochRecord, Run, SettingError

from . import atomic


@dataclass(frozen=True)
class EpochLog(ABC):
    """A file with a line for each epoch, added when it ends; a run that is resumed writes the earlier ones again.

    Raises:   SettingError unless `path` is a path; CheckpointError when the file cannot be written.
    """

    path: Path | str

    HEAD: ClassVar[str] = ""

    def __post_init__(self) -> None:
        if not isinstance(self.path, Path | str) or not str(self.path):
            raise SettingError("path", expected="the path of a file", got=self.path)

    @abstractmethod
    def line(self, record: EpochRecord) -> str:
        """Return the line of an epoch, without its end."""

    def chainrule_training_started(self, run: Run) -> None:
        """Begin the file."""
        lines = "".join(self.line(record) + "\n" for record in run.history)
        atomic.write(Path(self.path), (self.HEAD + lines).encode())

    def chainrule_epoch_ended(self, record: EpochRecord) -> None:
        """Add the line of the epoch."""
        atomic.append(Path(self.path), self.line(record) + "\n")


@dataclass(frozen=True)
class JSONLLog(EpochLog):
    """JSON lines: `epoch`, `e_in` and `e_out`, each with `loss` and `error`, and `seconds`.

    What JSON cannot say is null: no test part, no decisions, a number that is not finite.
    """

    def line(self, record: EpochRecord) -> str:
        """Return the record as JSON."""
        return json.dumps(_finite(asdict(record)), allow_nan=False)


@dataclass(frozen=True)
class CSVLog(EpochLog):
    """A table: epoch, E_in's loss and error, E_out's, seconds; an empty cell where there is no finite number."""

    HEAD: ClassVar[str] = "epoch,e_in_loss,e_in_error,e_out_loss,e_out_error,seconds\n"

    def line(self, record: EpochRecord) -> str:
        """Return the cells of the record, with all their digits."""
        evaluations = [(e.loss, e.error) if e is not None else (None, None) for e in (record.e_in, record.e_out)]
        cells = [record.epoch, *evaluations[0], *evaluations[1], record.seconds]
        return ",".join("" if cell is None else repr(cell) for cell in map(_finite, cells))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value

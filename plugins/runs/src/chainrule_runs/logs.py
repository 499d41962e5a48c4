"""Hooks that write a line for each epoch."""

from __future__ import annotations

import csv
import io
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

    An earlier log is written over.
    Raises:   SettingError unless `path` is a path, and for a file that is no such log; CheckpointError when it cannot
              be written.
    """

    path: Path | str

    BEGIN: ClassVar[str]
    """How every such log begins."""

    def __post_init__(self) -> None:
        if not isinstance(self.path, Path | str) or not str(self.path):
            raise SettingError("path", expected="the path of a file", got=self.path)

    def head(self, run: Run) -> str:
        """Return what stands above the lines."""
        return ""

    @abstractmethod
    def line(self, record: EpochRecord) -> str:
        """Return the line of an epoch, without its end."""

    def chainrule_training_started(self, run: Run) -> None:
        """Begin the file. Raises:   SettingError for a file of something else: it is as it was."""
        self._check_place()
        self.write(run)

    def chainrule_epoch_ended(self, record: EpochRecord) -> None:
        """Add the line of the epoch. Raises:   as the start, if something else was written there since."""
        self._check_place()
        self.add(record)

    def write(self, run: Run) -> None:
        """Write the file, over what was there."""
        lines = "".join(self.line(record) + "\n" for record in run.history)
        atomic.write(Path(self.path), (self.head(run) + lines).encode())

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

    Of a run with a validation part they have `e_validation`, too, and of one with metrics each has `metrics` by name.
    What JSON cannot say is null: no test part, no decisions, a number that is not finite or is undefined.
    """

    BEGIN: ClassVar[str] = '{"epoch": '

    def line(self, record: EpochRecord) -> str:
        """Return the record as JSON."""
        table = asdict(record)
        if record.e_validation is None:
            del table["e_validation"]
        for found in table.values():
            if isinstance(found, dict) and not found["metrics"]:
                del found["metrics"]
        return json.dumps(_finite(table), allow_nan=False)


@dataclass(frozen=True)
class CSVLog(EpochLog):
    """A table: epoch, E_in's loss and error, E_out's, seconds, and E_val's where there is a validation part.

    Metrics follow, those of E_in, E_out and E_val. A cell is empty where there is no finite number.
    """

    BEGIN: ClassVar[str] = "epoch,e_in_loss,e_in_error,e_out_loss,e_out_error,seconds"

    def head(self, run: Run) -> str:
        """Return the names of the columns."""
        there = {"e_in": True, "e_out": run.has_test, "e_validation": run.has_validation}
        metrics = run.work.metrics if run.work is not None else ()
        further = ["e_validation_loss", "e_validation_error"] * run.has_validation
        further += [f"{part}_{name}" for part, measured in there.items() if measured for name in metrics]
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow([*self.BEGIN.split(","), *further])
        return text.getvalue()

    def line(self, record: EpochRecord) -> str:
        """Return the cells of the record, with all their digits."""
        e_out = (None, None) if record.e_out is None else (record.e_out.loss, record.e_out.error)
        cells = [record.epoch, record.e_in.loss, record.e_in.error, *e_out, record.seconds]
        if record.e_validation is not None:
            cells += [record.e_validation.loss, record.e_validation.error]
        for found in (record.e_in, record.e_out, record.e_validation):
            cells += [] if found is None else found.metrics.values()
        return ",".join("" if cell is None else repr(cell) for cell in map(_finite, cells))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value

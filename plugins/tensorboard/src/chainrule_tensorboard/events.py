"""Event files, as TensorBoard reads them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.summary import histogram, scalar

from chainrule import Array, CheckpointError

BINS = 64
"""Of a histogram, of equal width; TensorBoard shows 30 of its own."""


class EventFile:
    """A new event file in a folder, which is made where there is none.

    What earlier files of the folder have from the epoch `first` on, TensorBoard no longer shows.
    Raises:   CheckpointError when it cannot be written.
    """

    def __init__(self, folder: Path, first: int) -> None:
        self.folder = folder
        with self._telling():
            folder.mkdir(parents=True, exist_ok=True)
            # Files are read in the order of their names, and tensorboardX's have but the second in which they began.
            self._writer = EventsWriter(str(folder.absolute() / "events"), f".{time.time_ns()}")
            self._write(Event(step=first, session_log=SessionLog(status=SessionLog.START)))
        self.flush()

    def scalar(self, tag: str, value: float, epoch: int) -> None:
        """Add a number."""
        self._write(Event(step=epoch, summary=scalar(tag, value)))

    def histogram(self, tag: str, values: Array, epoch: int) -> None:
        """Add the histogram of those values that are finite, if there are any."""
        finite = values[np.isfinite(values)]
        if finite.size:
            self._write(Event(step=epoch, summary=histogram(tag, finite, BINS)))

    def flush(self) -> None:
        """Let whoever reads the file find all that was added."""
        with self._telling():
            self._writer.flush()

    def close(self) -> None:
        """Write what is left."""
        with self._telling():
            self._writer.close()

    def _write(self, event: Event) -> None:
        event.wall_time = time.time()
        with self._telling():
            self._writer.write_event(event)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or str(error)
            hint = "make room, or name another folder under path"
            raise CheckpointError(f"{self.folder}: no event file can be written: {reason}", hint=hint) from error

"""The picture that a run leaves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from chainrule import EpochRecord, Run

from .canvas import picture_path, save
from .curves import draw_history
from .naming import show_name


@dataclass(frozen=True)
class HistoryPlot:
    """A hook that draws loss and error when training ends, however it ends; a run without an epoch leaves none.

    Its folder is made when training starts.

    Raises:   SettingError unless `path` ends in .png or .svg.
    """

    path: Path | str

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", picture_path("path", self.path))

    def chainrule_training_started(self, run: Run) -> None:
        """Make the folder: what cannot be written should fail before the first hour."""
        Path(self.path).parent.mkdir(parents=True, exist_ok=True)

    def chainrule_training_ended(self, run: Run, record: EpochRecord | None) -> None:
        """Draw the history."""
        if record is not None:
            path = Path(self.path)
            save(draw_history({show_name(path.absolute().parent) or path.stem: run.history}), path)

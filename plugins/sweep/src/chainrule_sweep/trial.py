"""One run of a sweep, in a process of its own: `python -m chainrule_sweep.trial FOLDER NUMBER`."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import warnings
from dataclasses import asdict
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from chainrule import ChainruleError, CheckpointError, DivergenceError, History, Recipe, keep_memory, registry

from .sweep import RESULT, Sweep, write

PATIENCE = 5.0
"""Seconds that a run's folder is waited for."""


def main(folder: str, number: str) -> int:
    """Train a run, or go on with it, and leave its result; return the exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the sweep, and that ends this
    threading.Thread(target=_end_with_the_sweep, daemon=True).start()
    warnings.showwarning = _tell_warning
    keep_memory()
    try:
        sweep, i = Sweep.read(Path(folder)), int(number)
        result = _result(sweep.folders[i], sweep.recipes[i])
        write(sweep.folders[i] / RESULT, json.dumps(result))
    except (ChainruleError, OSError) as error:
        if isinstance(error, ChainruleError):
            error.for_recipe()
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


def _result(folder: Path, recipe: Recipe) -> dict[str, Any]:
    """Return what came out: of the epoch whose parameters are kept, or of the last good one of a run that diverged."""
    note = None
    with _taken(folder, recipe) as run:
        dataset = run.recipe.dataset()
        try:
            history: History = run.train(run.recipe.network(dataset), dataset)
            note = history.stopped
        except DivergenceError as error:
            history, note = error.history, f"diverged in epoch {error.epoch}"
    kept = history.best or (history[-1] if history else None)
    found = {} if kept is None else asdict(kept)
    parts = {part: found.get(part) for part in ("e_in", "e_validation", "e_out")}
    return {"epochs": len(history), **parts, "note": note}


def _taken(folder: Path, recipe: Recipe) -> Any:
    """Return the folder's run, begun or gone on with; the process of a killed sweep may need a moment to let it go."""
    runs, began = registry.find("runs", "folder"), monotonic()
    while True:
        try:
            return runs.resume(folder) if (folder / "recipe.toml").exists() else runs.start(folder, recipe)
        except CheckpointError:
            if monotonic() > began + PATIENCE:
                raise
            sleep(0.1)


def _end_with_the_sweep() -> None:
    """End at once when standard input does, which the sweep holds; the last checkpoint is what a kill leaves."""
    os.read(0, 1)
    os._exit(1)


def _tell_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"Warning: {message}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

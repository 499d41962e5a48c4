"""A sweep: one recipe, trained with other settings, each run in a folder and a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from chainrule import CheckpointError, Evaluation, Recipe, RecipeError, positive_int, registry
from chainrule.recipe_tables import paths_of

from .points import Point
from .table import Row

MANIFEST, RESULT = "sweep.json", "result.json"
LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""Variables by which a library is told to use one thread: there is a process for each core."""


@dataclass(frozen=True)
class Sweep:
    """The runs of a folder: each has its recipe, and a folder of its own whose name is its number.

    `recipes` are whole, with the point's keys set. What has run has a `result.json` beside its run, and is not run
    again; what was killed goes on from its checkpoint.
    """

    folder: Path
    points: tuple[Point, ...]
    recipes: tuple[Recipe, ...]

    @classmethod
    def open(cls, folder: Path, recipe: Recipe, points: Sequence[Point]) -> Sweep:
        """Return the sweep of a folder, a new one or the same once more; every recipe is checked before any is trained.

        Raises:   RecipeError; CheckpointError for a folder that holds another sweep, or cannot be written.
        """
        recipes = []
        for point in points:
            own = recipe
            for key, value in point.items():
                own = own.override(f"{key}={value}")
            own.check()
            recipes.append(own.resolved())
        _check_paths(recipes)
        found = cls(folder, tuple(points), tuple(recipes))
        written = json.dumps(found._manifest(), indent=1, default=str)
        path = folder / MANIFEST
        try:
            if path.exists() and path.read_text(encoding="utf-8") != written:
                hint = "give the command that began it, or another --out"
                raise CheckpointError(f"{folder} holds another sweep", hint=hint)
            folder.mkdir(parents=True, exist_ok=True)
            write(path, written)
        except OSError as error:
            raise CheckpointError(f"{path} cannot be written: {error.strerror or error}") from error
        return found

    @classmethod
    def read(cls, folder: Path) -> Sweep:
        """Return the sweep that a folder holds. Raises:   CheckpointError."""
        path = folder / MANIFEST
        try:
            runs = json.loads(path.read_text(encoding="utf-8"))["runs"]
            recipes = tuple(Recipe(run["recipe"]) for run in runs)
            return cls(folder, tuple(run["point"] for run in runs), recipes)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise CheckpointError(f"{path} is not what chainrule sweep wrote: {error}") from error

    def _manifest(self) -> dict[str, Any]:
        runs = zip(self.points, self.recipes, strict=True)
        return {"runs": [{"point": point, "recipe": recipe.table} for point, recipe in runs]}

    @property
    def folders(self) -> list[Path]:
        """The folders of the runs, in order."""
        width = max(2, len(str(len(self.points))))
        return [self.folder / f"{number:0{width}}" for number in range(1, len(self.points) + 1)]

    def row(self, i: int) -> Row | None:
        """Return what came out of a run, None while it is not done. Raises:   CheckpointError."""
        path = self.folders[i] / RESULT
        if not path.exists():
            return None
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            measured = found["e_in"], found["e_out"], found.get("e_validation")
            e_in, e_out, e_val = (None if own is None else Evaluation(**own) for own in measured)
            name, note = path.parent.name, found["note"]
            return Row(name, self.points[i], found["epochs"], e_in, e_out, note=note, e_validation=e_val)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise CheckpointError(f"{path} is damaged: {error}", hint="delete it, and sweep again") from error

    def run(self, jobs: int, done: Callable[[Row], None], told: Callable[[str], None]) -> list[Row]:
        """Run what is not done, `jobs` at once, and return all rows in order.

        `done` hears of each row as it comes, `told` of what a run has to say. When this process ends, however it does,
        those of the runs end.
        Raises:   CheckpointError when a run failed, after the others are done: the same command tries it again.
        """
        positive_int("--jobs", jobs)
        left = [i for i in range(len(self.points)) if self.row(i) is None]
        running: dict[int, tuple[subprocess.Popen[bytes], IO[bytes]]] = {}
        failed: list[str] = []
        try:
            while left or running:
                while left and len(running) < jobs:
                    i = left.pop(0)
                    running[i] = self._begin(i)
                for i, (process, said) in [*running.items()]:
                    if process.poll() is None:
                        continue
                    del running[i]
                    _end(process)
                    row, text = self.row(i), _text(said)
                    for line in text:
                        told(f"{self.folders[i].name}: {line}")
                    if row is None:
                        failed.append(self.folders[i].name)
                    else:
                        done(row)
                time.sleep(0.02)
        finally:
            for process, said in running.values():
                process.kill()
                _end(process)
                said.close()
        if failed:
            hint = "the same command tries them again"
            raise CheckpointError(f"{self.folder}: of {len(self.points)} runs failed {', '.join(failed)}", hint=hint)
        return [row for row in map(self.row, range(len(self.points))) if row is not None]

    def _begin(self, i: int) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
        """Start a process whose standard input ends when this one does; -P keeps the current folder off its path."""
        command = [sys.executable, "-P", "-m", "chainrule_sweep.trial", str(self.folder), str(i)]
        said = TemporaryFile()  # noqa: SIM115 - whoever reads it when the run is over closes it
        limits = {name: "1" for name in LIMITS}
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
            env={**os.environ, **limits, "PYTHONIOENCODING": "utf-8"},
        )
        return process, said


def _check_paths(recipes: Sequence[Recipe]) -> None:
    """Refuse a file that the hooks of several runs would write, at once. Raises:   RecipeError."""
    written: set[tuple[int, str]] = set()
    for recipe in recipes:
        tables = [hook for hook in recipe.table["training"].get("hooks", []) if isinstance(hook, dict)]
        for i, table in enumerate(tables):
            paths = paths_of(registry.find("hooks", table["use"], recipe.table.get("prefer", []), recipe.modules))
            for key in paths & table.keys():
                if (i, table[key]) in written:
                    hint = "sweep over the path, too, or leave the hook out: --set training.hooks=[]"
                    where = f"training.hooks[{i}].{key}"
                    raise RecipeError(where, expected="another for each run", got=table[key], hint=hint)
                written.add((i, table[key]))


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    process.wait()


def _text(said: IO[bytes]) -> list[str]:
    with said:
        said.seek(0)
        return said.read().decode("utf-8", "replace").splitlines()


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all. Raises:   OSError."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

"""The folder of a run: what ran, where it stands, and what came out."""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any, Self

from chainrule import (
    Array,
    CheckpointError,
    Dataset,
    DivergenceError,
    EpochRecord,
    History,
    Network,
    PluginError,
    Recipe,
    RecipeError,
    Run,
    SettingError,
    ShapeError,
    UnknownNameError,
    integer,
    offers,
    real,
    registry,
)
from chainrule.compose import as_chain

from . import atomic, machine, recipe_file, saved
from .checkpoints import Checkpoint, Checkpoints
from .counting import class_table
from .fingerprint import fingerprint
from .lock import Lock
from .logs import JSONLLog
from .saved import Usage

HISTORY, PICTURE = "history.jsonl", "history.png"
NAMES_LIMIT = 1 << 20
"""Bytes of the names of columns that are kept: half of what a header may have."""
SECONDS = 10.0
"""Between two checkpoints: what a kill can cost."""


class RunFolder:
    """Trains a recipe, and keeps in a folder all that a kill must not take.

    `recipe.toml` is what ran, with versions; `parameters.safetensors` is θ by name, for `load`; the two
    `checkpoint-*.safetensors` are what a resume goes on from, with the same bits; `history.jsonl` has a line for each
    epoch, and `history.png` is drawn at the end where chainrule-plots is installed. It is a context, and holds the
    folder against other processes:

        with RunFolder.start("run1", recipe) as run:
            history = run.train(network, dataset)

    Checkpoints are written at most every `seconds`, at the end of a batch; 0 is after each. `notes` are what the user
    should know, and `ended` says why a run is over, None while it can go on.

    Raises:   CheckpointError for a folder that is in use, holds another run, or cannot be read or written.
    """

    def __init__(self, folder: Path, recipe: Recipe, checkpoint: Checkpoint | None, seconds: float) -> None:
        real("seconds", seconds, minimum=0.0)
        self.folder = folder
        self.recipe = recipe
        self.notes: list[str] = []
        self.ended: str | None = None
        self._checkpoints = Checkpoints(folder)
        self._checkpoint = checkpoint
        self._seconds = seconds
        self._written = -math.inf
        self._longer = False
        self._log = JSONLLog(folder / HISTORY)
        self._about: dict[str, Any] = {}
        self._usage = Usage()
        self._held = ExitStack()

    @classmethod
    def start(cls, folder: Path | str, recipe: Recipe, *, seconds: float = SECONDS) -> Self:
        """Take a folder for a new run; it is made where there is none, and goes again if nothing comes of it."""
        if not isinstance(recipe, Recipe):
            raise SettingError("recipe", expected="a Recipe, such as read_recipe gives", got=recipe)
        folder = saved.as_path(folder)
        saved.check_free(folder)
        run = cls(folder, recipe, None, seconds)
        with atomic.telling(folder):
            made = not folder.exists()
            folder.mkdir(parents=True, exist_ok=True)
        if made:
            run._held.callback(_remove_empty, folder)
        run._hold()
        try:
            saved.check_free(folder)  # again: another process may have had it in the meantime
        except BaseException:
            run._held.close()
            raise
        return run

    @classmethod
    def resume(
        cls,
        folder: Path | str,
        recipe: Recipe | None = None,
        *,
        epochs: int | None = None,
        force: bool = False,
        seconds: float = SECONDS,
    ) -> Self:
        """Go on with the run of a folder; `recipe`, where given, must be that of the run.

        `epochs`, more than the run had, makes it as long as if it had been so from the beginning, with the same bits.
        `force` resumes with other versions than the run had: then the last bits may differ.
        """
        folder = saved.as_path(folder)
        run = cls(folder, recipe_file.read(folder), None, seconds)
        run._hold()
        try:
            run.recipe = recipe_file.read(folder)  # again: another process may have had it in the meantime
            run._find_checkpoint(recipe)
            if epochs is not None:
                run._extend(epochs)
            if run._checkpoint is not None and run.ended is None:
                run._check_versions(force)
                machine.warn_of_another(folder, run._checkpoint.about)
        except BaseException:
            run._held.close()
            raise
        return run

    def _hold(self) -> None:
        self._held.callback(Lock(self.folder).release)

    def _find_checkpoint(self, recipe: Recipe | None) -> None:
        if "training" not in self.recipe.table:
            raise CheckpointError(
                f"{self.folder} holds a network, and no run that could go on: its {recipe_file.NAME} has no training",
                hint="chainrule train --out begins a run",
            )
        digest, shape = recipe_file.digest_of_training, self.recipe.input_shape
        own = digest(self.recipe)
        given = None if recipe is None else recipe_file.with_shards_of(self.recipe, recipe)
        if given is not None and (shape is None or digest(recipe_file.with_shape(given, shape)) != own):
            hint = "leave the recipe out: the folder has its own"
            raise CheckpointError(f"{self.folder} holds the run of another recipe", hint=hint)
        self._checkpoint, damaged = self._checkpoints.newest()
        self.notes += [f"{error}; the checkpoint before it is used" for error in damaged]
        if self._checkpoint is None:
            self.notes.append("no checkpoint had been written: the run begins again")
            return
        if self._checkpoint.about.get("training") != own:
            self._find_extension(self._checkpoint)
            return
        self.ended = self._checkpoint.ended

    def _find_extension(self, checkpoint: Checkpoint) -> None:
        """Take a checkpoint of fewer epochs than the recipe has: a kill may come between the two."""
        epochs = checkpoint.about.get("epochs", 0)
        digest = recipe_file.digest_of_training(recipe_file.with_epochs(self.recipe, epochs))
        if checkpoint.about.get("training") != digest or self.recipe.table["training"]["epochs"] < epochs:
            raise CheckpointError(
                f"{self.folder / recipe_file.NAME} is not the recipe of the checkpoint",
                hint="put it back as it was, or train it into another folder",
            )
        self._go_on(checkpoint)

    def _extend(self, epochs: int) -> None:
        """Make the run longer. Raises:   SettingError, CheckpointError."""
        before = self.recipe.table["training"]["epochs"]
        if integer("training.epochs", epochs, minimum=1) <= before:
            raise SettingError("training.epochs", expected=f"more than the {before} of the run", got=epochs)
        if self._checkpoint is not None:
            self._go_on(self._checkpoint)
        self.recipe = recipe_file.with_epochs(self.recipe, epochs)

    def _go_on(self, checkpoint: Checkpoint) -> None:
        """Stand at the end of the last epoch, before what hooks did to θ there. Raises:   CheckpointError."""
        snapshot, ended = checkpoint.snapshot, checkpoint.ended
        if snapshot.stopped is not None or (ended is not None and not snapshot.finished):
            hint = f"a new run can begin with its parameters: chainrule train RECIPE --from {self.folder}"
            raise CheckpointError(f"{self.folder}: the run is over, {ended}, and cannot become longer", hint=hint)
        if snapshot.finished:
            snapshot = replace(snapshot, theta=snapshot.good, finished=False)
        self._checkpoint, self.ended, self._longer = replace(checkpoint, snapshot=snapshot, ended=None), None, True

    def _check_versions(self, force: bool) -> None:
        ran, now = self.recipe.table.get("versions", {}), self.recipe.versions()
        if ran == now:
            return
        differing = [name for name in sorted({*ran, *now}) if ran.get(name) != now.get(name)]
        expected = ", ".join(f"{name} {ran.get(name, 'not used')}" for name in differing)
        got = ", ".join(f"{name} {now.get(name, 'not used')}" for name in differing)
        if not force:
            wanted = [f"{name}=={ran[name]}" for name in differing if name in ran]
            install = f"{offers.install(*wanted)}, or " if wanted else ""
            hint = f"{install}resume with --force: the last bits may then differ"
            raise CheckpointError(f"{self.folder}: versions", expected=expected, got=got, hint=hint)
        self.notes.append(f"the run was made with {expected}, and goes on with {got}: the last bits may differ")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    @property
    def epochs_done(self) -> int:
        """The epochs of the checkpoint."""
        return 0 if self._checkpoint is None else len(self._checkpoint.snapshot.history)

    def train(self, network: Network, dataset: Dataset, hooks: Iterable[Any] = ()) -> History:
        """Train the recipe's network on its data, from the beginning or from the checkpoint.

        The folder's own hook is called last, so that a checkpoint has what other hooks keep.
        Raises:   as `Recipe.train`; SettingError for another network than the recipe's; CheckpointError.
        """
        self._check_network(network)
        if not isinstance(dataset, Dataset):
            raise SettingError("dataset", expected="a Dataset, such as recipe.dataset() gives", got=dataset)
        data, shards = fingerprint(dataset), self.recipe.shards_for(network, dataset)
        if self._checkpoint is None:
            self.recipe = recipe_file.as_run(self.recipe, network.input_shape, shards)
        elif self._checkpoint.about.get("data") != data:
            hint = "put them back as they were, or train into another folder"
            raise CheckpointError(f"{self.folder}: the data are not those of the run", hint=hint)
        epochs = self.recipe.table["training"]["epochs"]
        self._about = {"training": recipe_file.digest_of_training(self.recipe), "data": data, "epochs": epochs}
        before = {} if self._checkpoint is None else self._checkpoint.about
        self._about |= machine.about(before, shards)
        section = self.recipe.table.get("data", {})
        self._usage = Usage(
            self.recipe.loss_table(dataset),
            dataset.classes,
            section.get("scale"),
            _tuple(section.get("shape")),
            self._columns(dataset),
            dataset.target,
            None if dataset.roles is None else dict(dataset.roles),
            saved.prepared_table(dataset.preparation),
            class_table(self.recipe, dataset),
        )
        resume = None if self._checkpoint is None else self._checkpoint.snapshot
        try:
            with machine.blas_as_before(before):
                return self.recipe.train(network, dataset, [*hooks, self], resume)
        except (RecipeError, ShapeError) as error:
            if not error.where.removeprefix("training.").startswith("resume"):
                raise
            hint = "chainrule-runs did not write it"
            raise CheckpointError(f"{self.folder}: the checkpoint is not of this run: {error}", hint=hint) from error

    def _columns(self, dataset: Dataset) -> tuple[str, ...] | None:
        """Return the names of the columns, None with a note for those that no header of a file would hold."""
        columns = dataset.columns
        if columns is None or sum(len(name.encode()) + 4 for name in columns) <= NAMES_LIMIT:
            return columns
        self.notes.append(f"the names of {len(columns):,} columns are too long to keep: tables are read in their order")
        return None

    def chainrule_training_started(self, run: Run) -> None:
        """Write the recipe, which makes the folder a run, the history up to here, and the first checkpoint."""
        if self._checkpoint is None or self._longer:
            recipe_file.write(self.folder, self.recipe)
        self._log.write(run)
        self._write(run)

    def chainrule_batch_ended(self, run: Run) -> None:
        """Write a checkpoint if it is time."""
        if monotonic() - self._written >= self._seconds:
            self._write(run)

    def chainrule_epoch_ended(self, run: Run, record: EpochRecord) -> None:
        """Add a line to the history, and write a checkpoint if it is time."""
        self._log.add(record)
        self.chainrule_batch_ended(run)

    def chainrule_training_ended(self, run: Run, record: EpochRecord | None) -> None:
        """Write what came out; after an error, only a divergence has anything to add: the last good epoch."""
        if isinstance(run.error, PluginError) and run.batch == run.batches:  # a metric's, after the epoch's last batch
            self._write(run, stopped=None)  # once it is mended, the run goes on from here
        if not isinstance(run.error, DivergenceError | None):
            return
        self._log.write(run)  # lines that were added are not flushed to disk
        if not run.finished and run.error is None:
            self._write(run)  # first, as whoever pressed Ctrl-C may press it again
            self._draw(run, record)
            return
        self._draw(run, record)
        if run.error is not None:
            self._write(run, f"the loss was not finite in {run.error.where}", run.good)
        else:
            self._write(run, run.history.stopped or "its last epoch is done")

    def _write(self, run: Run, ended: str | None = None, state: Array | None = None, **changed: Any) -> None:
        state = run.network.state if state is None else state
        # In this order: the checkpoint that ends a run says that all else is written.
        saved.write_parameters(self.folder, self.recipe, run.network.state_views(state), self._usage)
        self._checkpoints.write(replace(run.snapshot(), theta=state, **changed), self._about, ended)
        self._written, self.ended = monotonic(), ended

    def _draw(self, run: Run, record: EpochRecord | None) -> None:
        """Draw the history, if there is one; a run is worth more than its picture, and so a failure is a note."""
        if record is None:
            return
        drawn = self.folder / f".part.{PICTURE}"  # it ends in .png, as a picture has to
        try:
            registry.find("hooks", "history_plot")(drawn).chainrule_training_ended(run=run, record=record)
            drawn.replace(self.folder / PICTURE)
        except UnknownNameError:  # chainrule-plots is not installed
            return
        except Exception as error:
            reason = getattr(error, "strerror", None) or error
            self.notes.append(f"{self.folder / PICTURE} could not be drawn: {reason}")
        finally:
            with suppress(OSError):
                drawn.unlink(missing_ok=True)

    def _check_network(self, network: Network) -> None:
        """Refuse a network whose parameters `load` could not give back to that of the recipe."""
        if not isinstance(network, Network):
            raise SettingError("network", expected="a Network, such as recipe.network(dataset) gives", got=network)
        chain, hint = as_chain(self.recipe.layers()), "train recipe.network(dataset)"
        own = chain.members
        if network.dtype != self.recipe.dtype:
            raise SettingError("network: dtype", expected=self.recipe.dtype, got=network.dtype.name, hint=hint)
        if len(own) != len(network.layers):
            expected = f"the {len(own)} of the recipe"
            raise SettingError("network: layers", expected=expected, got=len(network.layers), hint=hint)
        for i, (layer, came) in enumerate(zip(own, network.layers, strict=True)):
            if type(layer) is not type(came) or recipe_file.text(layer) != recipe_file.text(came):
                raise SettingError(f"network: layer {i}", expected=f"the recipe's, {layer}", got=came, hint=hint)
        if chain.wiring != network.chain.wiring:
            raise SettingError("network", expected=f"the recipe's, {chain}", got=network.chain, hint=hint)


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):  # it has a run
        folder.rmdir()


def _tuple(shape: list[int] | None) -> tuple[int, ...] | None:
    return None if shape is None else tuple(shape)

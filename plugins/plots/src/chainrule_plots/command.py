"""`chainrule plot RUN [RUN…]`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chainrule import (
    ChainruleError,
    CheckpointError,
    DataError,
    Dataset,
    Loss,
    SettingError,
    Standardized,
    confusion_matrix,
    read_recipe,
)
from chainrule.learning.standardized import decides_its_scores, decides_numbers
from chainrule.recipe import targets_for

from .activations import draw_activations
from .canvas import picture_path, save
from .confusion import draw_confusion
from .curves import draw_history
from .decisions import Decisions, decisions
from .naming import show_name
from .predicted import draw_predicted, numbers
from .runs import HISTORY, RECIPE, check_run, load_data, load_loss, load_network, read_history
from .sample import Part, read_sample, row_number
from .weights import draw_weights

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@click.command
@click.argument("runs", nargs=-1, required=True, metavar="RUN…", type=click.Path(path_type=Path))
@click.option("--weights", is_flag=True, help="Draw the filters of the first layer.")
@click.option(
    "--activations",
    metavar="INPUT",
    help="Draw what each layer makes of a sample: the number of a row of the test data, or a .npy, .npz or .csv file.",
)
@click.option("--confusion", is_flag=True, help="Draw how often each class was taken for each other.")
@click.option("--predicted", is_flag=True, help="Draw what a regression predicts against what is true.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write this .png or .svg; else into the folder of the run, or the current one for several.",
)
def plot(
    runs: tuple[Path, ...],
    weights: bool,
    activations: str | None,
    confusion: bool,
    predicted: bool,
    out: Path | None,
) -> None:
    """Draw loss and error of one RUN or several, or what the options say of one; of one regression --predicted, too.

    RUN is a folder that chainrule train --out wrote, or chainrule_runs.save, whose network has no curves.
    """
    asked = {"weights": weights, "activations": activations is not None, "confusion": confusion, "predicted": predicted}
    kinds = [kind for kind, wanted in asked.items() if wanted] or ["history"]
    paths = _paths(kinds, runs, out)
    for folder in runs:
        check_run(folder, [HISTORY] if kinds == ["history"] else [RECIPE])
    if kinds == ["history"]:
        histories = {name: read_history(folder / HISTORY) for name, folder in _names(runs).items()}
        _write(paths["history"], draw_history(histories))
        if len(runs) == 1 and out is None and _is_regression(runs[0]):
            _write(runs[0] / "predicted.png", _predicted(_Trained(runs[0])))
        return
    if len(runs) > 1:
        raise SettingError(f"--{kinds[0]}", expected="one run", got=len(runs), hint="several are for their curves")
    trained, figures = _Trained(runs[0]), {}
    for kind in kinds:
        if kind == "weights":
            figures[kind] = draw_weights(trained.network, title=f"{trained.name}: first-layer weights")
        elif kind == "confusion":
            figures[kind] = _confusion(trained)
        elif kind == "predicted":
            figures[kind] = _predicted(trained)
        elif activations is not None:
            figures[kind] = _activations(trained, activations)
    for kind, figure in figures.items():
        _write(paths[kind], figure)


class _Trained:
    """A run's network, and its recipe's data, which are read when a picture needs them."""

    def __init__(self, folder: Path) -> None:
        self.name = _name(folder)
        self._folder = folder
        self.recipe = read_recipe(folder / RECIPE)
        self.network = load_network(folder)

    @cached_property
    def dataset(self) -> Dataset:
        if "data" not in self.recipe.table:
            hint = "--weights, and --activations of a file, need none"
            raise DataError(self.name, expected="a run with data", got="a network that was saved without", hint=hint)
        return load_data(self._folder)

    @cached_property
    def loss(self) -> Loss:
        return load_loss(self._folder)

    @property
    def targets(self) -> Any:
        return targets_for(self.network, self.loss, self.dataset.y)

    def decisions(self, x: Any, y: Any) -> Decisions:
        return decisions(self.network, self.loss, x, y, self.dataset.classes)


def _confusion(trained: _Trained) -> Figure:
    part = Part.of(trained.dataset)
    try:
        found = trained.decisions(part.x, part.y)
    except (SettingError, DataError) as error:
        raise error.within("--confusion") from None
    matrix = confusion_matrix(found.true, found.decided, len(found.names))
    return draw_confusion(matrix, classes=found.names, title=f"{trained.name}: confusion matrix of the {part.name}")


def _is_regression(folder: Path) -> bool:
    """Return whether there is more to draw than curves; a run whose plug-ins or data are gone has its curves alone."""
    try:
        if not (folder / RECIPE).is_file():
            return False
        trained = _Trained(folder)
        of_numbers = isinstance(trained.loss, Standardized) or decides_its_scores(trained.loss)  # else no data are read
        return of_numbers and decides_numbers(trained.network, trained.loss, trained.targets)
    except ChainruleError:
        return False


def _predicted(trained: _Trained) -> Figure:
    part = Part.of(trained.dataset)
    try:
        true, predicted = numbers(trained.network, trained.loss, part.x, part.y)
    except (SettingError, DataError) as error:
        raise error.within("--predicted") from None
    target = trained.dataset.target
    names = [target] if target is not None and true.shape[1] == 1 else None
    title = f"{trained.name}: predicted against true, {part.name}"
    return draw_predicted(true, predicted, names=names, title=title)


def _activations(trained: _Trained, given: str) -> Figure:
    number = row_number(given)
    if number is None:
        sample = read_sample(Path(given), trained.network)
        return draw_activations(trained.network, sample, title=f"{trained.name}: activations, {show_name(Path(given))}")
    part = Part.of(trained.dataset)
    x, y = part.row(number)
    title, names = f"{trained.name}: activations, row {number} of the {part.name}", None
    try:
        found = trained.decisions(x, y)
    except (SettingError, DataError):  # a loss without classes, or no targets: there is less to say
        pass
    else:
        names = found.names
        title += f"\nclass {names[found.true[0]]}, decided {names[found.decided[0]]}"
    return draw_activations(trained.network, x[0], title=title, classes=names)


def _paths(kinds: Sequence[str], runs: Sequence[Path], out: Path | None) -> dict[str, Path]:
    """Return where each picture goes: that of several runs is no run's. Raises:   SettingError for no such file."""
    if out is None:
        folder = runs[0] if len(runs) == 1 else Path()
        return {kind: folder / f"{kind}.png" for kind in kinds}
    if len(kinds) > 1:
        raise SettingError("--out", expected="one kind of picture", got=", ".join(kinds), hint="leave --out away")
    if not out.absolute().parent.is_dir():
        raise SettingError("--out", expected="a file in a folder that there is", got=str(out))
    return {kinds[0]: picture_path("--out", out)}


def _names(runs: Sequence[Path]) -> dict[str, Path]:
    """Return each folder once, by its name, or by its path where two have one name."""
    folders = {folder.resolve(): folder for folder in runs}.values()
    names = [_name(folder) for folder in folders]
    return {str(folder) if names.count(name) > 1 else name: folder for name, folder in zip(names, folders, strict=True)}


def _name(folder: Path) -> str:
    return show_name(folder.resolve()) or str(folder)


def _write(path: Path, figure: Figure) -> None:
    try:
        save(figure, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CheckpointError(f"{path} cannot be written: {reason}", hint="--out names another file") from error
    click.echo(path)

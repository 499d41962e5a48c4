"""`chainrule train --out` and `--resume`."""

import re
import sys
from pathlib import Path

import pytest

import chainrule_runs
from chainrule import Network, SettingError, layer, loss, read_recipe
from chainrule_affine import Affine, AffineReLU, ReLU
from chainrule_runs import RunFolder
from chainrule_runs.checkpoints import NAMES

from .conftest import run_at

PLUGINS = Path(__file__).parents[2]
STOPPING = '[[training.hooks]]\nuse = "early_stopping"\npatience = 2\n'


class PauseAfter:
    def __init__(self, epoch):
        self.epoch = epoch

    def chainrule_epoch_ended(self, run, record):
        if record.epoch == self.epoch:
            run.pause("Ctrl-C")


def begun(folder, path, epoch=1):
    """Begin a run, and interrupt it after an epoch."""
    opened = read_recipe(path)
    dataset = opened.dataset()
    with RunFolder.start(folder / "half", opened) as run:
        run.train(opened.network(dataset), dataset, [PauseAfter(epoch)])
    return folder / "half"


def same(first, second):
    return first.network.theta.tobytes() == second.network.theta.tobytes() and [
        {**record, "seconds": None} for record in first.history
    ] == [{**record, "seconds": None} for record in second.history]


@pytest.mark.parametrize("more", ["", STOPPING])
def test_an_interrupted_run_goes_on_to_the_same_end(chainrule, trained, recipe, folder, more):
    changes = [("epochs = 3", "epochs = 30"), ("0.3", "2.0")]
    if more:
        changes.append(('"kind"', '"kind", validation_fraction = 0.25'))
    whole = trained(*changes, more=more)
    half = begun(folder, recipe(*changes, more=more))
    shown = chainrule("train", "--resume", half)
    assert shown.status == 0
    assert shown.err.startswith("Warning: E_in ended at an error of 31.25%, no better than") is not bool(more)
    assert "epoch  1/30" not in shown.out
    assert f"epoch  2/30  E_in {whole.history[1]['e_in']['loss']:.5f}" in shown.out
    assert same(run_at(half), whole)
    assert (len(whole.history) < 30) == bool(more)
    assert re.search(rf"^{len(whole.history)} epochs, the last {len(whole.history) - 1} in \d", shown.out, re.M)


def test_the_end_shows_the_epoch_whose_parameters_are_kept(chainrule, recipe):
    path = recipe(("epochs = 3", "epochs = 8"), ("0.3", "9.0"), more=STOPPING.replace("2", "8"))
    shown = chainrule("train", path, "--out", "run").out
    losses = dict(re.findall(r"^epoch (\d)/8  E_in .*  E_out +(\S+) ", shown, re.M))
    best = min(losses, key=lambda number: float(losses[number]))
    assert best != "8"
    end = rf"E_out: loss {losses['8']}, .*\nkept are the parameters of epoch {best}\n.*E_out: loss {losses[best]}, .*\n"
    assert re.search(rf"{end}written to", shown)


def test_a_plug_in_for_pictures_that_is_broken_is_noted(chainrule, recipe, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.style", None)
    shown = chainrule("train", recipe(), "--out", "run")
    assert shown.status == 0
    assert re.fullmatch(
        "run/history.png could not be drawn: nothing can be drawn: .*; pip install matplotlib\n", shown.err
    )
    assert not (folder / "run" / "history.png").exists()


@pytest.mark.parametrize("finished", [True, False])
def test_a_run_that_a_checkpoint_calls_finished_has_its_picture(recipe, folder, monkeypatch, finished):
    """A finished run is drawn before its last checkpoint is; one that goes on is drawn after."""
    order = []
    write, draw = RunFolder._write, RunFolder._draw
    monkeypatch.setattr(RunFolder, "_write", lambda *given: order.append("write") or write(*given))
    monkeypatch.setattr(RunFolder, "_draw", lambda *given: order.append("draw") or draw(*given))
    half = begun(folder, recipe(), epoch=99 if finished else 1)
    assert order == (["write", "draw", "write"] if finished else ["write", "write", "draw"])
    assert (half / "history.png").exists()


def test_a_run_says_that_it_has_ended(recipe, folder):
    opened = read_recipe(recipe())
    dataset = opened.dataset()
    with RunFolder.start(folder / "run", opened) as run:
        assert run.ended is None
        run.train(opened.network(dataset), dataset)
        assert run.ended == "its last epoch is done"
    with RunFolder.resume(begun(folder, recipe())) as run:
        assert run.ended is None


@pytest.mark.parametrize(
    "layers, dtype, expected",
    [
        ([AffineReLU(4)], "float32", "layers: expected the 2 of the recipe, got 1; train recipe.network(dataset)"),
        ([AffineReLU(5), Affine(2)], "float32", "layer 0: expected the recipe's, AffineReLU(units=4, start='he'), got"),
        (
            [AffineReLU(4), ReLU()],
            "float32",
            "layer 1: expected the recipe's, Affine(units=2, start='glorot'), got ReLU",
        ),
        ([AffineReLU(4), Affine(2)], "float64", "dtype: expected float32, got 'float64'; train recipe.network"),
    ],
)
def test_another_network_than_the_recipes_is_refused(recipe, folder, layers, dtype, expected):
    opened = read_recipe(recipe())
    with (
        RunFolder.start(folder / "run", opened) as run,
        pytest.raises(SettingError, match=re.escape(f"network: {expected}")),
    ):
        run.train(Network(layers, 2, dtype=dtype), opened.dataset())
    assert not (folder / "run").exists()


SHIFT = """
from dataclasses import dataclass
import numpy as np
from chainrule import Elementwise

@dataclass(frozen=True)
class Shift(Elementwise):
    by: list

    def __post_init__(self):
        object.__setattr__(self, "by", {kept})

    def forward(self, x):
        return x + 1

    def derivative(self, x, y):
        return np.ones_like(x)
"""


@pytest.mark.parametrize("kept", ["np.array(self.by)", "object()", "[float('nan')]"])
def test_a_layer_of_settings_that_cannot_be_compared_is_trusted(recipe, folder, monkeypatch, kept):
    module = f"shift_{len(kept)}"
    (folder / f"{module}.py").write_text(SHIFT.replace("{kept}", kept))
    monkeypatch.syspath_prepend(folder)
    opened = read_recipe(recipe(("layers = [", f'layers = [{{ use = "{module}:Shift", by = [1.0, 2.0] }}, ')))
    dataset = opened.dataset()
    with RunFolder.start(folder / "run", opened) as run:
        assert len(run.train(opened.network(dataset), dataset)) == 3


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda run, network, data: run.train(None, data), "network: expected a Network, such as recipe.network"),
        (lambda run, network, data: run.train(network, None), "dataset: expected a Dataset, such as recipe.dataset"),
        (lambda run, *_: RunFolder.start("other", "recipe.toml"), "recipe: expected a Recipe, such as read_recipe"),
    ],
)
def test_what_cannot_be_trained_is_refused(recipe, folder, call, message):
    opened = read_recipe(recipe())
    dataset = opened.dataset()
    with RunFolder.start(folder / "run", opened) as run, pytest.raises(SettingError, match=re.escape(message)):
        call(run, opened.network(dataset), dataset)
    assert not (folder / "other").exists()


class FailsAtTheEnd:
    def chainrule_training_ended(self):
        raise ValueError("at the end")


def test_a_run_is_finished_though_a_hook_fails_at_its_end(chainrule, trained, recipe, folder):
    whole = trained()
    opened = read_recipe(recipe())
    dataset = opened.dataset()
    with RunFolder.start(folder / "other", opened) as run, pytest.raises(ValueError, match="at the end"):
        run.train(opened.network(dataset), dataset, [FailsAtTheEnd()])
    assert same(run_at(folder / "other"), whole)
    assert "the run is finished, its last epoch is done" in chainrule("train", "--resume", "other").out


def test_a_saved_network_is_no_run_to_go_on_with(chainrule, folder):
    chainrule_runs.save(folder / "net", Network(layer("affine", units=2), 2), loss=loss("cross_entropy"))
    for options in ([], ["--force"]):
        shown = chainrule("train", "--resume", "net", *options)
        assert (shown.status, shown.out) == (1, "")
        assert shown.err == (
            "Error: net holds a network, and no run that could go on: its recipe.toml has no training; "
            "chainrule train --out begins a run\n"
        )


def test_a_finished_run_says_so(chainrule, trained):
    run = trained()
    before = {path.name: path.read_bytes() for path in run.folder.iterdir()}
    for arguments in ([], ["--force"], ["--checkpoint-seconds", "0"]):
        shown = chainrule("train", "--resume", "run", *arguments)
        assert (shown.status, shown.err) == (0, "")
        assert shown.out == "run: the run is finished, its last epoch is done; 3 epochs\n"
    assert {path.name: path.read_bytes() for path in run.folder.iterdir()} == before


def test_the_recipe_of_a_resumed_run_may_be_given_if_it_is_that_of_the_run(chainrule, recipe, folder):
    half = begun(folder, recipe())
    shown = chainrule("train", recipe(("0.3", "0.2")), "--resume", half)
    assert (shown.status, shown.out) == (1, "")
    assert shown.err == f"Error: {half} holds the run of another recipe; leave the recipe out: the folder has its own\n"
    assert len(run_at(half).history) == 1
    assert chainrule("train", recipe(), "--resume", half).status == 0
    assert len(run_at(half).history) == 3


def test_checkpoints_are_as_frequent_as_it_is_said(chainrule, trained, monkeypatch):
    written = []
    write = RunFolder._write
    monkeypatch.setattr(RunFolder, "_write", lambda *arguments: written.append(1) or write(*arguments))
    trained(options=["--checkpoint-seconds", "0"])
    assert len(written) == 1 + 3 * (4 + 1) + 1  # the start, each batch, each epoch, the end
    written.clear()
    trained(options=["--checkpoint-seconds", "1e9"], out="rare")
    assert len(written) == 2


@pytest.mark.parametrize(
    "arguments, status, message",
    [
        (["--resume", "nothing"], 1, "nothing holds no run: it has no recipe.toml; name the folder that"),
        (["--resume", "home"], 1, "no such file"),
        (["--resume", "run", "--out", "other"], 2, "--resume goes on as the run began: it takes no --out, --prefer"),
        (["--resume", "run", "--set", "training.seed=9"], 2, "--resume goes on as the run began: it takes no --out"),
        (["--resume", "run", "--set", "training.epochs=3"], 2, "training.epochs: expected more than the 3 of the run"),
        (["--resume", "run", "--from", "run"], 2, "--from begins a run, and --resume goes on with one: leave one"),
        (["xor", "--leave-out", "0"], 2, "--leave-out is for --from"),
        (["xor", "--from", "nothing"], 1, "nothing holds no run: it has no recipe.toml"),
        (["xor", "--from", "run"], 2, "run: 0.W: expected (8, 2), got (4, 2); leave the layer out: --leave-out 0"),
        (["xor", "--from", "run", "--leave-out", "7"], 2, "leave_out: expected layers with parameters: 0, 1, got '7'"),
        (["--resume", "run", "--prefer", "chainrule-numba"], 2, "--resume goes on as the run began: it takes no --out"),
        (["--resume", "run", "--checkpoint-seconds", "-1"], 2, "Invalid value for '--checkpoint-seconds': -1.0 is"),
        (["--resume", "run", "--checkpoint-seconds", "nan"], 2, "seconds: expected a finite number of at least 0"),
        (["--resume", "run", "--checkpoint-seconds", "inf"], 2, "seconds: expected a finite number of at least 0"),
        (["--resume", "run/recipe.toml"], 2, "Invalid value for '--resume': Directory 'run/recipe.toml' is a file"),
        (["xor", "--out", "run/recipe.toml"], 2, "Invalid value for '--out': Directory 'run/recipe.toml' is a file"),
        (["xor", "--out", "run"], 2, "folder: expected one without a run, got 'run'; it has recipe.toml"),
        (["xor", "--out", ""], 2, "folder: expected the path of a folder, got ''"),
        (["--resume", ""], 2, "folder: expected the path of a folder, got ''"),
        (["xor", "--force"], 2, "--force is for --resume"),
        (["xor", "--checkpoint-seconds", "5"], 2, "--checkpoint-seconds is for --out and --resume"),
        ([], 2, "name a recipe, or the folder of a run: --resume DIR"),
    ],
)  # fmt: skip
def test_what_cannot_be_begun_is_told(chainrule, trained, folder, arguments, status, message):
    run = trained()
    if "home" in arguments:
        (folder / "home" / "recipe.toml").unlink()
        message = "home holds no run: it has no recipe.toml"
    before = {path: path.read_bytes() for path in run.folder.iterdir()}
    shown = chainrule("train", *arguments)
    assert (shown.status, shown.out) == (status, "")
    assert f"Error: {message}" in shown.err, shown.err
    assert {path: path.read_bytes() for path in run.folder.iterdir()} == before
    assert not (folder / "other").exists()


@pytest.mark.parametrize("setting", ["training.optimizer=sdg", "training.hooks=['early_stopping']", "data.path=no.csv"])
def test_a_run_that_is_refused_leaves_the_folder_as_it_was(chainrule, recipe, folder, setting):
    (folder / "empty").mkdir()
    for out in ("other", "empty"):
        shown = chainrule("train", recipe(), "--set", setting, "--out", out)
        assert shown.status == 2, shown.err
    assert list((folder / "empty").iterdir()) == []
    assert not (folder / "other").exists()


def test_a_folder_without_checkpoints_begins_again(chainrule, trained, folder):
    run = trained()
    for name in NAMES:
        (run.folder / name).unlink()
    shown = chainrule("train", "--resume", "run")
    assert shown.status == 0
    assert shown.err == "no checkpoint had been written: the run begins again\n"
    assert same(run_at(run.folder), run)


@pytest.mark.parametrize("arguments", [["xor", "--out", "new"], ["--resume", "run"]])
def test_what_keeps_runs_is_named_where_it_is_missing(chainrule, folder, uninstall, arguments):
    uninstall("chainrule-runs")
    shown = chainrule("train", *arguments)
    assert (shown.status, shown.out) == (1, "")
    hint = f"chainrule-runs brings it: pip install {PLUGINS}/runs"
    assert shown.err == f"Error: no plug-in that keeps runs is installed; {hint}\n"
    assert list(folder.iterdir()) == []
    assert chainrule("train", "xor", "--set", "training.epochs=1").status == 0


@pytest.mark.parametrize("distribution", ["chainrule-affine", "chainrule-losses"])
def test_a_plug_in_that_a_run_needs_is_named_by_every_command(
    chainrule, trained, recipe, folder, uninstall, distribution
):
    trained()
    half = begun(folder, recipe())
    (folder / "in.csv").write_text("1,2\n")
    uninstall(distribution)
    for arguments in (["predict", "run", "in.csv"], ["evaluate", "run"], ["train", "--resume", half]):
        shown = chainrule(*arguments)
        assert (shown.status, shown.out) == (1, "")
        assert f"pip install {PLUGINS}/{distribution.removeprefix('chainrule-')}" in shown.err, shown.err


@pytest.mark.parametrize("distribution", ["chainrule-optimizers", "chainrule-data"])
def test_a_run_is_used_without_what_only_training_needs(chainrule, trained, recipe, folder, uninstall, distribution):
    run = trained(more='[[training.hooks]]\nuse = "csv_log"\npath = "log.csv"\n')
    uninstall(distribution)
    assert re.search("predict", chainrule("--help").out)
    shown = chainrule("evaluate", "run")
    if distribution == "chainrule-optimizers":
        assert shown.status == 0
    else:
        assert shown.status != 0
        assert f"pip install {PLUGINS}/data" in shown.err, shown.err
    assert run_at(run.folder).network.theta.tobytes() == run.network.theta.tobytes()


@pytest.mark.parametrize("more", ["", STOPPING.replace("2", "90")])
@pytest.mark.parametrize("times", [1, 2])
def test_a_run_that_is_made_longer_has_the_bits_of_a_long_one(chainrule, trained, recipe, folder, more, times):
    long = trained(("epochs = 3", "epochs = 12"), more=more, out="long")
    short = trained(more=more, out="short")
    assert not same(short, long)
    for epochs in (7, 12)[-times:]:
        shown = chainrule("train", "--resume", short.folder, "--set", f"training.epochs={epochs}")
        assert shown.status == 0, shown.err
    longer = run_at(short.folder)
    assert same(longer, long)
    assert longer.recipe.table["training"] == long.recipe.table["training"]
    shown = chainrule("train", "--resume", short.folder)
    assert "the run is finished" in shown.out


def test_a_run_that_is_made_longer_may_be_interrupted(chainrule, trained, folder):
    long = trained(("epochs = 3", "epochs = 12"), out="long")
    short = trained(out="short")
    for kill_at in (5, 9):  # the second time it goes on with what the first has left
        resumed = RunFolder.resume(short.folder, epochs=12) if kill_at == 5 else RunFolder.resume(short.folder)
        with resumed as run:
            dataset = run.recipe.dataset()
            run.train(run.recipe.network(dataset), dataset, [PauseAfter(kill_at)])
    assert chainrule("train", "--resume", short.folder).status == 0
    assert same(run_at(short.folder), long)


def test_a_kill_between_the_longer_recipe_and_its_checkpoint_costs_nothing(chainrule, trained, folder, monkeypatch):
    long = trained(("epochs = 3", "epochs = 12"), out="long")
    short = trained(out="short")
    monkeypatch.setattr(RunFolder, "_write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with RunFolder.resume(short.folder, epochs=12) as run:
        dataset = run.recipe.dataset()
        network = run.recipe.network(dataset)
        with pytest.raises(KeyboardInterrupt):
            run.train(network, dataset)
    monkeypatch.undo()
    assert run_at(short.folder).recipe.table["training"]["epochs"] == 12
    assert chainrule("train", "--resume", short.folder).status == 0
    assert same(run_at(short.folder), long)


def test_other_versions_make_no_run_longer_unless_forced(chainrule, trained):
    run = trained()
    path = run.folder / "recipe.toml"
    path.write_text(re.sub(r'numpy = ".*"', 'numpy = "1.0"', path.read_text()))
    longer = ("train", "--resume", "run", "--set", "training.epochs=5")
    shown = chainrule(*longer)
    assert (shown.status, shown.out) == (1, "")
    assert "versions: expected numpy 1.0, got numpy " in shown.err
    shown = chainrule(*longer, "--force")
    assert shown.status == 0
    assert "the last bits may differ" in shown.err
    assert len(run_at(run.folder).history) == 5


def test_a_run_that_was_stopped_cannot_be_made_longer(chainrule, trained):
    run = trained(("epochs = 3", "epochs = 30"), ("0.3", "2.0"), more=STOPPING)
    before = {path: path.read_bytes() for path in run.folder.iterdir()}
    shown = chainrule("train", "--resume", "run", "--set", "training.epochs=60")
    assert shown.status == 1
    assert "run: the run is over, early stopping: " in shown.err
    assert (
        "and cannot become longer; a new run can begin with its parameters: chainrule train RECIPE --from run"
        in shown.err
    )
    assert {path: path.read_bytes() for path in run.folder.iterdir()} == before


def test_a_run_begins_with_the_parameters_of_another(chainrule, trained, recipe, folder):
    first = trained()
    wider = recipe(("units = 2", "units = 3"), ("epochs = 3", "epochs = 1"), ("0.3", "1e-30"))
    shown = chainrule("train", wider, "--from", "run", "--leave-out", "1", "--out", "second")
    assert shown.status == 0, shown.err
    second, fresh = run_at(folder / "second"), read_recipe(wider).network(read_recipe(wider).dataset())
    for name in ("0.W", "0.b"):
        assert (second.network.parameters[name] == first.network.parameters[name]).all()
    assert (second.network.parameters["1.W"] == fresh.parameters["1.W"]).all()
    assert chainrule_runs.start_from(fresh, folder / "second") == 4
    assert (fresh.theta == second.network.theta).all()

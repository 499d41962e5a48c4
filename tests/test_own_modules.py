"""Layers, losses and readers of a user's own, in files beside a recipe: every command that meets them."""

import shutil
import sys

import numpy as np
import pytest
from command_line import chainrule as chainrule, folder as folder

import chainrule_runs
from chainrule import Network, layer, read_recipe
from chainrule_runs import RunFolder

OWN = """\
from dataclasses import dataclass
import json
import numpy as np
from chainrule import Dataset, Elementwise, Loss
from .helping import half

@dataclass(frozen=True)
class Bent(Elementwise):
    slope: float = 0.25
    def forward(self, x): return np.where(x > 0, x, half(2 * self.slope) * x)
    def derivative(self, x, y): return np.where(x > 0, 1.0, self.slope).astype(x.dtype)

@dataclass(frozen=True)
class Square(Loss):
    def value(self, scores, targets): return ((scores - targets) ** 2).sum(axis=1)
    def gradient(self, scores, targets): return 2 * (scores - targets)

def read(size: int = 8) -> Dataset:
    x = np.arange(2.0 * size).reshape(size, 2) / size
    return Dataset(x, x[:, :1] * x[:, 1:])
"""
RECIPE = """\
data = { use = "own:read", split = "none" }
[network]
layers = [{ use = "affine", units = 3 }, { use = "own:Bent", slope = 0.5 }, { use = "affine", units = 1 }]
[training]
loss = "own:Square"
optimizer = { use = "sgd", learning_rate = 0.01 }
batch_size = 4
epochs = 2
"""
HOSTILE = "from pathlib import Path\nPath(__file__).with_suffix('.ran').touch()\n"
NAMES = ("json", "numpy", "hashlib", "chainrule_affine", "chainrule_runs", "queue", "matplotlib", "helping_not")


@pytest.fixture
def home(folder):
    """A folder with a recipe and its modules, and hostile ones: each would leave a file behind if it were run."""
    home = folder / "home"
    home.mkdir()
    (home / "own.py").write_text(OWN)
    (home / "helping.py").write_text("def half(x): return x / 2\n")
    (home / "own.toml").write_text(RECIPE)
    plant(home, folder)
    yield home
    assert [*home.rglob("*.ran"), *folder.rglob("*.ran")] == []


def plant(*folders):
    for place in folders:
        for name in NAMES:
            (place / f"{name}.py").write_text(HOSTILE)


def test_a_run_of_modules_of_one_s_own_lives_with_every_command(chainrule, folder, home):
    path = list(sys.path)
    assert chainrule("summary", home / "own.toml").status == 0
    assert chainrule("gradcheck", home / "own.toml").status == 0
    for arguments in (["train", home / "own.toml"], ["train", home / "own.toml", "--out", "run"]):
        shown = chainrule(*arguments)
        assert (shown.status, "Error" in shown.err, "Bent(slope=0.5)" in shown.out) == (0, False, True)
    plant(folder / "run")
    np.savez("in.npz", x=np.ones((3, 2)), y=np.ones((3, 1)))
    for arguments in (
        ["train", "--resume", "run"],
        ["predict", "run", "in.npz"],
        ["evaluate", "run", "--part", "train"],
        ["evaluate", "run", "in.npz"],
        ["plot", "run"],
        ["plot", "run", "--weights"],
        ["plot", "run", "--activations", "1"],
        ["train", "run/recipe.toml"],
    ):
        shown = chainrule(*arguments)
        assert (shown.status, "Error" in shown.err) == (0, False), arguments
    assert read_recipe(folder / "run" / "recipe.toml").table["modules"] == str(home)
    assert sys.path == path


def test_a_run_whose_recipe_names_no_module_imports_none(chainrule, folder, home):
    assert chainrule("train", "xor", "--set", "training.epochs=2", "--out", "run").status == 0
    plant(folder / "run")
    for options in ([], ["--weights"], ["--confusion"], ["--activations", "1"]):
        assert chainrule("plot", "run", *options).status == 0
    for command in ("evaluate", "predict"):
        more = ["in.npz"] if command == "predict" else ["--part", "train"]
        np.savez("in.npz", x=np.ones((3, 2)))
        assert chainrule(command, "run", *more).status == 0


def test_a_run_is_stopped_and_goes_on_with_its_modules(home, folder):
    recipe = read_recipe(home / "own.toml")
    data = recipe.dataset()

    class Stop:
        def chainrule_epoch_ended(self, run, record):
            run.pause("a test")

    with RunFolder.start("run", recipe) as run:
        run.train(recipe.network(data), data, [Stop()])
    with RunFolder.resume("run") as run:
        history = run.train(run.recipe.network(data), data)
    assert len(history) == 2


def test_a_recipe_s_layer_is_the_one_that_a_script_beside_it_imports(home, monkeypatch):
    """A script finds modules by their plain names, and a recipe takes the same classes, not twins of them."""
    (home / "plain.py").write_text(OWN.replace("from .helping import half", "half = lambda x: x / 2"))
    monkeypatch.syspath_prepend(home)
    monkeypatch.setattr(
        sys, "path", [*sys.path[1:], sys.path[0]]
    )  # so that a test's own imports are not the hostile ones
    import plain

    try:
        recipe = read_recipe(home / "own.toml").override("network.layers[1].use=plain:Bent")
        assert type(recipe.layers()[1]) is plain.Bent
    finally:
        del sys.modules["plain"]


def test_a_network_is_saved_with_where_its_modules_are(home, folder):
    bent = read_recipe(home / "own.toml").layers()[1]
    network = Network([layer("affine", units=2), bent], 3)
    chainrule_runs.save("net", network, loss=read_recipe(home / "own.toml").loss())
    table = read_recipe("net/recipe.toml").table
    assert (table["modules"], table["network"]["layers"][1]) == (str(home), {"use": "own:Bent", "slope": 0.5})
    assert chainrule_runs.load("net").layers[1] == bent
    other = folder / "other"
    shutil.copytree(home, other)
    theirs = read_recipe(other / "own.toml").layers()[1]
    chainrule_runs.save("two", Network([bent, theirs], 3))
    assert list(chainrule_runs.load("two").layers) == [bent, theirs]
    assert type(bent) is not type(theirs)


def test_check_takes_a_module_of_the_current_folder(chainrule, home, monkeypatch):
    monkeypatch.chdir(home)
    shown = chainrule("check", "own:Bent", "--only", "gradient")
    assert shown.status == 0, shown.out
    assert "own:Bent: Bent(slope=0.25)" in shown.out
    shown = chainrule("check", "chainrule_affine.conformance:CASES", "--only", "gradient.input")
    assert shown.status == 0
    shown = chainrule("check", "own:Reader")
    assert (shown.status, "own:Reader cannot be loaded: AttributeError" in shown.err) == (1, True)

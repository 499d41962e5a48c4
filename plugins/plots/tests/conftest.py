import json
from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest

from chainrule import read_recipe, registry
from chainrule_cli.main import run as run_command

DIGITS = """\
data = { use = "digits", split = "ordered", test_fraction = 0.02 }
[network]
layers = [
  { use = "conv2d", filters = 3, kernel = 3 }, { use = "relu" }, { use = "flatten" }, { use = "affine", units = 10 },
]
[training]
loss = "cross_entropy"
optimizer = { use = "sgd", learning_rate = 0.1 }
batch_size = "all"
epochs = 2
"""
XOR = """\
data = { use = "xor", split = "none" }
[network]
layers = [{ use = "affine_relu", units = 3 }, { use = "affine", units = 1 }]
[training]
loss = "logistic"
optimizer = { use = "sgd", learning_rate = 0.5 }
batch_size = "all"
epochs = 3
"""


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A function that trains a recipe and leaves the folder of a run, whose network `chainrule_runs` would load.

    Its attribute `loaders` says how, by folder.
    """
    loaders = {}

    def make(name, text):
        folder = tmp_path / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "recipe.toml").write_text(text)
        recipe = read_recipe(folder / "recipe.toml")
        data = recipe.dataset()
        network = recipe.network(data)
        loaders[folder] = lambda: network
        history = recipe.train(network, data)
        (folder / "history.jsonl").write_text("".join(json.dumps(asdict(record)) + "\n" for record in history))
        return SimpleNamespace(folder=folder, recipe=recipe, data=data, network=network, history=history)

    find = registry.find

    def model(folder):
        written = read_recipe(folder / "recipe.toml")
        loss = written.loss(written.dataset()) if "training" in written.table else None
        return SimpleNamespace(saved=SimpleNamespace(loss=loss))

    parts = {
        "model": model,
        "load": lambda folder: loaders[folder.resolve()](),
        "data": lambda folder: read_recipe(folder / "recipe.toml").dataset(),
    }

    def find_loader(group, name, *more):
        return parts[name] if group == "runs" else find(group, name, *more)

    monkeypatch.setattr(registry, "find", find_loader)
    monkeypatch.chdir(tmp_path)
    make.loaders = loaders
    return make


@pytest.fixture
def xor_recipe():
    return XOR


@pytest.fixture
def digits(runs):
    return runs("digits", DIGITS)


@pytest.fixture
def xor(runs):
    return runs("xor", XOR)


@pytest.fixture
def chainrule(capsys):
    """A function that runs the command line, and returns status, out and err."""

    def command(*arguments):
        status = run_command([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.out + printed.err
        return SimpleNamespace(status=status, out=printed.out, err=printed.err)

    return command


@pytest.fixture
def texts():
    """A function that returns every text of a figure that says something, in one string."""

    def collect(figure):
        from matplotlib.text import Text

        return "\n".join(text.get_text() for text in figure.findobj(Text) if text.get_text())

    return collect


@pytest.fixture
def rng():
    return np.random.default_rng(0)

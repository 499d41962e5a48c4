import json
import sys
from types import ModuleType, SimpleNamespace

import importlib_metadata
import numpy as np
import pytest
from command_line import chainrule as chainrule, folder as folder

import chainrule_runs
from chainrule import read_recipe, registry
from chainrule.registry import Entry, Registry

RNG = np.random.default_rng(0)
POINTS = RNG.uniform(size=(20, 2)).round(3)
KINDS = np.where(POINTS[:, 0] > POINTS[:, 1], "flat", "tall")

RECIPE = """\
data = { use = "csv", path = "table.csv", target = "kind" }
[network]
layers = [{ use = "affine_relu", units = 4 }, { use = "affine", units = 2 }]
[training]
loss = "cross_entropy"
optimizer = { use = "momentum", learning_rate = 0.3 }
batch_size = 4
epochs = 3
"""


def table(rows, kinds=None, header=True, delimiter=","):
    lines = [["width", "height"]] if header else []
    lines += [list(row) for row in rows]
    if kinds is not None:
        lines = [[*line, kind] for line, kind in zip(lines, ["kind", *kinds][not header :], strict=True)]
    return "".join(delimiter.join(map(str, line)) + "\n" for line in lines)


@pytest.fixture
def recipe(folder):
    """Write a recipe beside its table, and return its path; calling it with replacements writes another."""
    home = folder / "home"
    home.mkdir()
    (home / "table.csv").write_text(table(POINTS, KINDS))

    def write(*replacements, name="recipe.toml", more=""):
        text = RECIPE + more
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        (home / name).write_text(text)
        return home / name

    return write


@pytest.fixture
def trained(chainrule, recipe, folder):
    """Train a recipe in a folder, and return what can be known of the run."""

    def train(*replacements, out="run", more="", options=()):
        shown = chainrule("train", recipe(*replacements, more=more), "--out", out, *options)
        assert shown.status == 0, shown.err
        return run_at(folder / out)

    return train


def run_at(folder):
    written = read_recipe(folder / "recipe.toml")
    return SimpleNamespace(
        folder=folder,
        recipe=written,
        network=chainrule_runs.load(folder),
        loss=written.loss(),
        history=[json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()],
    )


@pytest.fixture
def uninstall(monkeypatch):
    """A function that hides distributions, and chainrule-numba, which has some of their names."""

    def uninstall(*distributions):
        gone, versions = {*distributions, "chainrule-numba"}, importlib_metadata.version
        found = [entry for entry in registry.default.entries() if entry.distribution not in gone]

        def version(name):
            if name in gone:
                raise importlib_metadata.PackageNotFoundError(name)
            return versions(name)

        monkeypatch.setattr(registry, "default", registry.Registry(lambda: found))
        monkeypatch.setattr(importlib_metadata, "version", version)

    return uninstall


@pytest.fixture
def offer(monkeypatch):
    """A function that makes readers of a third party known: the end of a name, and the function."""
    module = ModuleType("slashed")
    monkeypatch.setitem(sys.modules, "slashed", module)
    found = list(registry.default.entries())

    def offer(ending, function, distribution="chainrule-slashed", group="files"):
        setattr(module, function.__name__, function)
        found.append(Entry(group, ending, f"slashed:{function.__name__}", distribution, "1.0"))
        monkeypatch.setattr(registry, "default", Registry(lambda: found))

    return offer

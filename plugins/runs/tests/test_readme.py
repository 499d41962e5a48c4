"""What the README shows works as it is written."""

import re
import shlex
import tomllib
from pathlib import Path

import numpy as np
import pytest

from chainrule import Dataset, Network, layer, loss, read_recipe
from chainrule_runs import EarlyStopping

TEXT = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def test_the_commands_run_one_after_the_other(chainrule, folder):
    np.savetxt(folder / "more.csv", np.arange(128).reshape(2, 64), "%d", ",")
    commands = [shlex.split(line, comments=True) for line in blocks("console")[0].splitlines()]
    assert [command[1] for command in commands] == ["train", "train", "evaluate", "predict"]
    for command in commands:
        shown = chainrule(*command[1:])
        assert (shown.status, shown.err) == (0, "")
    assert chainrule("predict", "run1", "more.csv", "--out", "decisions.npz").status == 0
    there = {path.name for path in (folder / "run1").iterdir()}
    listed = set(re.findall(r"`([\w.-]+\.(?:toml|safetensors|jsonl|png))`", TEXT))
    assert there - {"history.png"} == listed - {"history.png"}


def test_the_python_of_the_page_runs(folder, recipe):
    opened = read_recipe(recipe())
    network = Network(layer("affine", units=2), 3)
    scope = {"network": network, "loss": loss("cross_entropy"), "x": np.ones((4, 3)), "recipe": opened}
    for block in blocks("python"):
        exec(block, scope)
    np.testing.assert_array_equal(scope["scores"], network.predict(np.ones((4, 3))))
    assert len(scope["history"]) == 3
    assert isinstance(scope["dataset"], Dataset)


@pytest.mark.parametrize("block", blocks("toml"))
def test_the_hook_of_the_page_is_a_hook(recipe, block):
    assert tomllib.loads(block)
    assert read_recipe(recipe(more=block)).hooks() == [EarlyStopping(5)]

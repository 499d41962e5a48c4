"""Metrics in recipes and in what a run keeps."""

import json
import re

import numpy as np
import pytest
from command_line import chainrule as chainrule, folder as folder

import chainrule as core
import chainrule_runs

RNG = np.random.default_rng(3)
X = RNG.normal(size=(700, 4))
THREE = (X[:, 0] > 0.4).astype(int) + (X[:, 1] + 0.5 * RNG.normal(size=700) > 0.3)

RECIPE = """\
data = { use = "csv", path = "in.csv", target = "kind" }
[network]
layers = [{ use = "affine", units = 3 }]
[training]
loss = "cross_entropy"
optimizer = { use = "sgd", learning_rate = 0.1 }
batch_size = 50
epochs = 4
metrics = ["balanced_accuracy", { use = "f1", average = "macro", zero_division = 0.0 }]
"""


@pytest.fixture
def recipe(folder):
    rows = [",".join(map(str, [*x, y])) for x, y in zip(X.round(3).tolist(), THREE.tolist(), strict=True)]
    (folder / "in.csv").write_text("\n".join(["a,b,c,d,kind", *rows]) + "\n")

    def write(*replacements):
        text = RECIPE
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        (folder / "recipe.toml").write_text(text)
        return "recipe.toml"

    return write


def test_a_run_keeps_them_and_evaluate_and_compare_show_them(chainrule, recipe, folder):
    shown = chainrule("train", recipe(), "--out", "run")
    assert shown.status == 0, shown.err
    assert re.search(r"epoch 4/4 .* balanced_accuracy 0\.\d{3} f1 0\.\d{3}  E_out", shown.out)
    assert re.search(r"E_out: loss .*, error .*, balanced_accuracy 0\.\d{3}, f1 0\.\d{3}\n", shown.out)
    last = json.loads((folder / "run" / "history.jsonl").read_text().splitlines()[-1])
    assert list(last["e_out"]["metrics"]) == ["balanced_accuracy", "f1"]
    report = json.loads(chainrule("evaluate", "run", "--json").out)
    assert report["metrics"] == last["e_out"]["metrics"]
    assert ", f1 0." in chainrule("evaluate", "run").out.splitlines()[0]
    assert "E_out f1" in chainrule("compare", "run").out
    assert chainrule("plot", "run").status == 0


def test_a_resumed_run_has_the_history_of_a_whole_one(chainrule, recipe, folder):
    chainrule("train", recipe(), "--out", "whole")
    chainrule("train", recipe(("epochs = 4", "epochs = 2")), "--out", "part")
    shown = chainrule("train", "--resume", "part", "--set", "training.epochs=4")
    assert shown.status == 0, shown.err
    one, other = (
        [{**json.loads(line), "seconds": 0} for line in (folder / name / "history.jsonl").read_text().splitlines()]
        for name in ("whole", "part")
    )
    assert one == other
    assert all(record["e_in"]["metrics"]["f1"] > 0 for record in one)


def test_a_metric_that_fails_loses_nothing_of_the_run(chainrule, recipe, folder):
    module = "from chainrule import Metric\nclass Mine(Metric):\n"
    module += "    def measure(self, targets, decisions, probabilities, weights):\n        return {}\n"
    (folder / "mine.py").write_text(module.format("1 / 0"))
    path = recipe(('["balanced_accuracy", { use = "f1", average = "macro", zero_division = 0.0 }]', '["mine:Mine"]'))
    shown = chainrule("train", path, "--out", "run")
    assert shown.status == 1
    assert "metric 'mine:Mine' failed: ZeroDivisionError" in shown.err
    before = chainrule_runs.load(folder / "run").theta
    assert np.abs(before).max() > 0  # the steps of the epoch are kept
    (folder / "mine.py").write_text(module.format("0.5"))
    shown = chainrule("train", "--resume", "run")
    assert shown.status == 0, shown.err
    lines = (folder / "run" / "history.jsonl").read_text().splitlines()
    assert len(lines) == 4
    assert json.loads(lines[0])["e_in"]["metrics"] == {"mine:Mine": 0.5}
    assert chainrule("train", recipe(), "--out", "other").status == 0
    one, other = (chainrule_runs.load(folder / name).theta for name in ("run", "other"))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ('["f1", "f1"]', "training.metrics: expected each name once, got 'f1'; a table gives them names"),
        ('["f9"]', "training.metrics[0]: no plug-in offers 'f9' in metrics; known: accuracy"),
        ("[3]", 'training.metrics[0]: expected a name, or a table with a name under "use", got 3'),
        ('["cross_entropy"]', "training.metrics[0]: no plug-in offers 'cross_entropy' in metrics"),
        ('{ loss = "f1" }', "training.metrics: expected names, and none of loss and error"),
        ('{ one = { use = "f1", averag = 1 } }', "training.metrics.one.averag: f1 has no such setting"),
        ('"f1"', "training.metrics: expected a list or a table, got 'f1'"),
    ],
)
def test_a_wrong_metric_in_a_recipe_is_told_by_its_key(chainrule, recipe, folder, metrics, message):
    own = '["balanced_accuracy", { use = "f1", average = "macro", zero_division = 0.0 }]'
    shown = chainrule("train", recipe((own, metrics)))
    assert shown.status == 2
    assert message in shown.err


def test_a_table_gives_them_names_of_its_own(recipe, folder):
    own = '["balanced_accuracy", { use = "f1", average = "macro", zero_division = 0.0 }]'
    path = recipe((own, '{ macro = { use = "f1", average = "macro" }, micro = { use = "f1", average = "micro" } }'))
    found = core.read_recipe(folder / path).metrics()
    assert {name: metric.average for name, metric in found.items()} == {"macro": "macro", "micro": "micro"}

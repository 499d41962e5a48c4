import json
import re
import shlex

import numpy as np
import pytest
import safetensors.numpy

from chainrule import evaluate, read_recipe

EPOCH = re.compile(r"^epoch +(\d+)/(\d+)  E_in +(\S+) +(\S+)%(?:  E_out +(\S+) +(\S+)%)?$", re.M)

LAYER = """\
from dataclasses import dataclass
from chainrule import Elementwise

@dataclass(frozen=True)
class Bent(Elementwise):
    slope: float = 0.5

    def forward(self, x):
        return x + self.slope * x * x

    def derivative(self, x, y):
        return 1 + 2 * self.slope * x
"""


def parameters(folder):
    return safetensors.numpy.load_file(folder / "parameters.safetensors")


def history(folder):
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


def loss_of(folder, column=False):
    """E_in of the written parameters, in the network of the written recipe."""
    opened = read_recipe(folder / "recipe.toml")
    data = opened.dataset()
    network = opened.network(data)
    for name, array in parameters(folder).items():
        network.parameters[name][...] = array
    return evaluate(network, data.x, data.y[:, np.newaxis] if column else data.y, opened.loss()).loss


def same_bits(first, second):
    return list(first) == list(second) and all(first[name].tobytes() == second[name].tobytes() for name in first)


# What is shown


def test_a_validation_part_is_counted_and_shown(chainrule, folder):
    sets = "--set", "data.validation_fraction=0.1", "--set", "training.epochs=1"
    shown = chainrule("train", "digits", *sets)
    assert shown.status == 0
    assert shown.out.startswith("digits: 1,294 training, 144 validation and 359 test samples\n")
    assert re.search(r"^epoch 1/1  E_in .*%  E_val +\S+ +\S+%  E_out .*%$", shown.out, re.M)
    assert re.search(r"^E_in: loss .*%   E_val: loss .*%\nE_out: loss .*%$", shown.out, re.M)
    assert chainrule("summary", "digits", *sets).out.startswith("digits: 1,294 training, 144 validation and 359 test")


def test_xor_is_learnt(chainrule):
    shown = chainrule("train", "xor")
    assert shown.status == 0
    epochs = EPOCH.findall(shown.out)
    assert len(epochs) == 200
    assert epochs[-1][3] == "0.00"
    assert "E_out" not in shown.out


def test_each_epoch_shows_e_in_and_e_out(chainrule):
    shown = chainrule("train", "digits", "--set", "training.epochs=2")
    assert shown.status == 0
    epochs = EPOCH.findall(shown.out)
    assert [epoch[:2] for epoch in epochs] == [("1", "2"), ("2", "2")]
    assert all(all(epoch) for epoch in epochs)
    assert float(epochs[1][2]) < float(epochs[0][2])
    assert re.search(r"^2 epochs in \d+\.\d s\nE_in: .* E_out: ", shown.out, re.M)


def test_the_convolutional_digits_err_on_three_percent_at_most(chainrule):
    shown = chainrule("train", "digits-cnn")
    assert shown.status == 0
    assert float(EPOCH.findall(shown.out)[-1][4]) <= 3


def test_the_residual_digits_err_on_two_percent_at_most(chainrule):
    shown = chainrule("train", "digits-resnet")  # 1.06 % is the mean of the seeds 0 to 4
    assert shown.status == 0
    assert float(EPOCH.findall(shown.out)[-1][4]) <= 2


@pytest.mark.parametrize(("name", "step"), [("chars", 128), ("chars-gru", 64)])
def test_the_recipes_of_texts_learn_and_continue_a_text(chainrule, folder, name, step):
    shown = chainrule("train", name, "--set", f"data.step={step}", "--set", "training.epochs=1", "--out", "run")
    assert (shown.status, shown.err) == (0, "")
    assert history(folder / "run")[-1]["e_out"]["loss"] < 2.9  # 3.16 is what the characters' frequencies give
    shown = chainrule("generate", "run", "Alice was beginning to get very tired", "--length", "30")
    assert (shown.status, len(shown.out)) == (0, 37 + 30 + 1)


def test_a_text_with_more_characters_than_the_embedding_has_is_told(chainrule, folder):
    (folder / "book.txt").write_text("".join(map(chr, range(200, 300))) * 20, encoding="utf-8")
    shown = chainrule("train", "chars-gru", "--set", "data.path=book.txt")
    assert shown.status == 2
    assert "sequence_cross_entropy targets: expected classes 0 to 71, got 72" in shown.err


def test_the_preferred_layers_are_written_into_the_recipe_of_the_run(chainrule, folder):
    chainrule("train", "digits-cnn", "--set", "training.epochs=2", "--prefer", "chainrule-numba", "--out", folder)
    written = read_recipe(folder / "recipe.toml")
    assert written.table["prefer"] == ["chainrule-numba"]
    assert all(type(layer).__module__.startswith("chainrule_numba") for layer in written.layers()[:6])
    assert history(folder)[-1]["e_out"]["error"] < 0.2


def test_lenet_trains_on_a_file_that_is_given(chainrule, tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "pictures.npz", x=rng.integers(0, 256, (40, 28, 28), np.uint8), y=np.arange(40) % 10)
    shown = chainrule("train", "lenet", "--set", f"data.path={tmp_path / 'pictures.npz'}", "--set", "training.epochs=1",
                      "--set", "training.batch_size=16")  # fmt: skip
    assert shown.status == 0
    assert "215,370" in shown.out


def test_the_network_is_shown_before_it_is_trained(chainrule):
    shown = chainrule("train", "xor", "--set", "training.epochs=1")
    assert shown.out.index("4 training and 0 test samples") < shown.out.index("total") < shown.out.index("epoch 1/1")


def test_a_loss_without_decisions_shows_no_error(chainrule):
    shown = chainrule("train", "xor", "--set", "training.loss=squared_error", "--set", "training.epochs=1")
    assert re.search(r"^epoch 1/1  E_in \d+\.\d+$", shown.out, re.M)


def test_equal_seeds_train_alike_and_others_do_not(chainrule):
    first, second, third = (
        EPOCH.findall(chainrule("train", "digits", "--set", "training.epochs=1", "--set", f"training.seed={seed}").out)
        for seed in (1, 1, 2)
    )
    assert first == second != third


# A recipe of one's own


def test_ten_lines_train_on_a_table_with_a_named_target(chainrule, recipe):
    assert len(recipe().read_text().splitlines()) <= 12
    shown = chainrule("train", recipe(), "--set", "training.epochs=60")
    assert shown.status == 0
    assert "8 training and 2 test samples" in shown.out
    assert EPOCH.findall(shown.out)[-1][3] == "0.00"


def test_the_only_member_of_a_class_stays_in_training_and_one_plain_line_says_so(chainrule, recipe):
    path = recipe(("units = 2", "units = 3"))
    table = path.parent / "table.csv"
    table.write_text(f"{table.read_text()}0.5,0.5,square\n")
    shown = chainrule("train", path)
    assert shown.status == 0
    line = (
        "split: class square has one sample: it is in the training part, and the test part says nothing of such a class"
    )
    assert shown.err == f"Warning: {line}\n"
    assert "9 training and 2 test samples" in shown.out


def test_a_layer_in_a_module_beside_the_recipe_is_found(chainrule, recipe):
    path = recipe(('{ use = "tanh" }', '{ use = "bent_layer:Bent", slope = 0.25 }'))
    (path.parent / "bent_layer.py").write_text(LAYER)
    shown = chainrule("train", path)
    assert shown.status == 0
    assert "Bent(slope=0.25)" in shown.out
    assert chainrule("gradcheck", path).status == 0


# What is written


def test_out_has_the_recipe_the_parameters_and_the_history(chainrule, folder):
    shown = chainrule("train", "digits", "--set", "training.epochs=2", "--out", "runs/first")
    assert shown.status == 0
    run = folder / "runs" / "first"
    names = {path.name for path in run.iterdir()}
    assert names >= {"history.jsonl", "parameters.safetensors", "recipe.toml", "checkpoint-1.safetensors"}
    assert read_recipe(run / "recipe.toml").table["training"]["epochs"] == 2
    shapes = {name: array.shape for name, array in parameters(run).items()}
    assert shapes == {"1.W": (64, 64), "1.b": (64,), "2.W": (10, 64), "2.b": (10,)}
    assert [record["epoch"] for record in history(run)] == [1, 2]
    for record, epoch in zip(history(run), EPOCH.findall(shown.out), strict=True):
        assert f"{record['e_in']['loss']:.5f}" == epoch[2]
        assert f"{record['e_out']['error']:.2%}" == epoch[5] + "%"


def test_the_written_recipe_trains_to_the_same_bits(chainrule, folder):
    layers = "['flatten', {use='dropout', rate=0.25}, {use='affine', units=10}]"
    changes = ["--set", "training.epochs=2", "--set", "training.seed=5", "--set", f"network.layers={layers}"]
    assert chainrule("train", "digits", *changes, "--out", "first").status == 0
    assert chainrule("train", "first/recipe.toml", "--out", "second").status == 0
    assert same_bits(parameters(folder / "first"), parameters(folder / "second"))


def test_the_written_recipe_finds_the_table_from_any_folder(chainrule, folder, recipe, monkeypatch):
    monkeypatch.chdir(recipe().parent)
    assert chainrule("train", "recipe.toml", "--out", folder / "first").status == 0
    monkeypatch.chdir(folder / "first")
    assert chainrule("train", "recipe.toml", "--out", folder / "second").status == 0
    assert same_bits(parameters(folder / "first"), parameters(folder / "second"))


def test_the_written_recipe_finds_the_layer_beside_the_first_one(chainrule, folder, recipe):
    path = recipe(('{ use = "tanh" }', '{ use = "bent_again:Bent" }'))
    (path.parent / "bent_again.py").write_text(LAYER)
    assert chainrule("train", path, "--out", "first").status == 0
    shown = chainrule("train", "first/recipe.toml", "--out", "second")
    assert shown.err == ""
    assert same_bits(parameters(folder / "first"), parameters(folder / "second"))


def test_the_written_parameters_have_the_error_that_was_shown(chainrule, folder, recipe):
    assert chainrule("train", recipe(), "--out", "run").status == 0
    assert loss_of(folder / "run") == history(folder / "run")[-1]["e_in"]["loss"]


@pytest.mark.parametrize("name", ["recipe.toml", "history.jsonl", "parameters.safetensors"])
def test_a_folder_that_has_a_run_is_refused_and_left_alone(chainrule, folder, name):
    (folder / "run").mkdir()
    (folder / "run" / name).write_text("mine")
    shown = chainrule("train", "xor", "--out", "run")
    assert shown.status == 2
    hint = f"it has {name}; name another, or go on with that run: chainrule train --resume run"
    assert shown.err == f"Error: folder: expected one without a run, got 'run'; {hint}\n"
    assert [path.name for path in (folder / "run").iterdir()] == [name]
    assert (folder / "run" / name).read_text() == "mine"


@pytest.mark.parametrize("out", ["file", "file/run"])
def test_an_out_that_cannot_be_a_folder_is_told(chainrule, folder, out):
    (folder / "file").write_text("mine")
    shown = chainrule("train", "xor", "--out", out)
    assert shown.status in (1, 2)
    assert "Error: " in shown.err
    assert (folder / "file").read_text() == "mine"


# Divergence


@pytest.fixture
def diverging(recipe):
    """A recipe whose error grows by a constant factor each epoch, until it overflows."""
    return recipe(
        ('target = "kind"', 'target = "height", split = "none"'),
        ('  { use = "affine_relu", units = 4 },\n  { use = "tanh" },\n', ""),
        ("units = 2", "units = 1"),
        ("cross_entropy", "squared_error"),
        ("learning_rate = 0.5", "learning_rate = 1e6"),
        ("batch_size = 4", 'batch_size = "all"'),
    )


@pytest.fixture
def numbers(recipe):
    """Make the table of the recipe one of numbers alone."""
    table = recipe().parent / "table.csv"
    table.write_text(table.read_text().replace("tall", "1").replace("flat", "0"))


@pytest.mark.usefixtures("numbers")
def test_divergence_says_when_and_what_to_do(chainrule, diverging):
    shown = chainrule("train", diverging, "--set", "training.epochs=50")
    assert shown.status == 1
    pattern = r"Error: epoch \d+, batch 1: expected a finite loss, got (inf|nan) with a largest \|θ\| of .*; lower the"
    assert re.match(pattern, shown.err)


@pytest.mark.usefixtures("numbers")
def test_divergence_leaves_the_parameters_of_the_last_good_epoch(chainrule, folder, diverging):
    shown = chainrule("train", diverging, "--set", "training.epochs=50", "--out", "run")
    assert shown.status == 1
    records = history(folder / "run")
    assert 1 <= len(records) == shown.out.count("\nepoch ") < 50
    assert np.isfinite([record["e_in"]["loss"] for record in records]).all()
    assert loss_of(folder / "run", column=True) == records[-1]["e_in"]["loss"]


# To go on


def printed(shown):
    """Return the commands under "To go on", as a shell splits them."""
    lines = shown.out.partition("To go on:\n")[2].splitlines()
    return [shlex.split(line)[shlex.split(line).index("chainrule") + 1 :] for line in lines]


def test_what_is_printed_to_go_on_works_with_what_was_given(chainrule, folder, recipe):
    path = recipe(('path = "table.csv"', 'path = "nowhere.csv"'), ("epochs = 3", "epochs = 1"))
    (path.parent / "table.csv").rename(folder / "my table.csv")
    path = path.rename(path.with_name("my recipe.toml"))
    given = ["--set", "data.path=my table.csv", "--set", "network.layers[0]={use='affine', units=3}"]
    given += ["--prefer", "chainrule-numba"]
    shown = chainrule("train", path, *given)
    assert shown.status == 0
    commands = printed(shown)
    assert commands == [
        ["train", str(path), *given, "--set", "training.epochs=60"],
        ["train", str(path), *given, "--out", "run1"],
        ["train", "--resume", "run1"],
        ["gradcheck", str(path), *given],
        ["plugins"],
    ]
    for command in commands:
        assert chainrule(*command).status == 0, command
    (folder / "run1").rename("run 1")
    refused = chainrule("train", path, *given, "--out", "run 1")
    assert refused.err.endswith("go on with that run: chainrule train --resume 'run 1'\n")

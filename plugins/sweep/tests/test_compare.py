"""chainrule compare: what differs, and what came out."""

import csv
import json

import pytest
from command_line import chainrule as chainrule, folder as folder


@pytest.fixture
def two(chainrule, folder):
    for name, keys in (("one", []), ("other", ["training.optimizer.learning_rate=0.25", "network.layers[0].units=3"])):
        sets = [word for key in ["training.epochs=2", *keys] for word in ("--set", key)]
        assert chainrule("train", "xor", *sets, "--out", name).status == 0
    return folder


def history(folder):
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


def test_only_what_differs_is_shown_and_what_came_out(chainrule, two):
    shown = chainrule("compare", "one", "other", "--csv")
    assert (shown.status, shown.err) == (0, "")
    found = list(csv.DictReader(shown.out.splitlines()))
    assert [*found[0]][1:4] == ["network.layers[0].units", "training.optimizer.learning_rate", "epochs"]
    for row, name, units in zip(found, ("one", "other"), ("8", "3"), strict=True):
        epochs = history(two / name)
        assert (row["run"], row["network.layers[0].units"], row["epochs"]) == (name, units, "2")
        assert row["E_in loss"] == repr(epochs[-1]["e_in"]["loss"])
        assert row["E_out loss"] == ""
        assert float(row["seconds"]) == sum(epoch["seconds"] for epoch in epochs)


def test_a_validation_part_has_columns_of_its_own(chainrule, folder):
    sets = ["--set", "training.epochs=2", "--set"]
    assert chainrule("train", "digits", *sets, "data.validation_fraction=0.1", "--out", "held").status == 0
    assert chainrule("train", "digits", *sets, "training.seed=3", "--out", "all").status == 0
    held, whole = csv.DictReader(chainrule("compare", "held", "all", "--csv").out.splitlines())
    last = history(folder / "held")[-1]["e_validation"]
    assert (held["E_val loss"], held["E_val error"]) == (repr(last["loss"]), repr(last["error"]))
    assert (whole["E_val loss"], whole["E_val error"]) == ("", "")
    assert "E_val loss  E_val error  E_out loss" in chainrule("compare", "held", "all").out


def test_as_text_columns_without_a_value_are_left_out(chainrule, two):
    shown = chainrule("compare", "one", "other")
    head, *lines = shown.out.splitlines()
    assert head.split() == ["run", "network.layers[0].units", "training.optimizer.learning_rate", "epochs",
                            "E_in", "loss", "E_in", "error", "seconds"]  # fmt: skip
    assert [line.split()[:2] for line in lines] == [["one", "8"], ["other", "3"]]
    assert {len(line) for line in lines} == {len(head)}
    assert all(line.split()[5].endswith("%") for line in lines)


def test_layers_that_one_does_not_have_are_empty(chainrule, two):
    chainrule("train", "xor", "--set", 'network.layers=[{ use = "affine", units = 1 }]', "--set", "training.epochs=2",
              "--out", "short")  # fmt: skip
    rows = list(csv.DictReader(chainrule("compare", "one", "short", "--csv").out.splitlines()))
    assert [row["network.layers[1].use"] for row in rows] == ["affine", ""]
    assert [row["network.layers[0].units"] for row in rows] == ["8", "1"]


def test_a_run_without_an_epoch_has_no_numbers(chainrule, two):
    (two / "other" / "history.jsonl").unlink()
    rows = list(csv.DictReader(chainrule("compare", "one", "other", "--csv").out.splitlines()))
    assert (rows[1]["epochs"], rows[1]["E_in loss"], rows[1]["seconds"]) == ("0", "", "")


def test_a_line_that_is_being_written_is_left_out(chainrule, two):
    with (two / "one" / "history.jsonl").open("a") as file:
        file.write('{"epoch": 3, "e_')
    assert "\none,2," in chainrule("compare", "one", "--csv").out


def test_a_sweep_stands_for_its_runs(chainrule, two):
    chainrule("sweep", "xor", "--grid", "training.epochs=1,2", "--out", "all")
    rows = list(csv.DictReader(chainrule("compare", "one", "all", "--csv").out.splitlines()))
    assert [row["run"].replace("\\", "/") for row in rows] == ["one", "all/01", "all/02"]
    assert [row["training.epochs"] for row in rows] == ["2", "1", "2"]


def test_what_is_no_run_is_told(chainrule, two):
    shown = chainrule("compare", "one", "gone")
    hint = "name folders that chainrule train --out, or chainrule sweep, wrote"
    assert (shown.status, shown.err) == (1, f"Error: gone holds no run: it has no recipe.toml; {hint}\n")
    shown = chainrule("compare", "one", "one")
    assert (shown.status, shown.err) == (2, "Error: RUN: expected each run once, got ['one', 'one']\n")


@pytest.mark.parametrize(
    "line", ["{", "[]", "{}", '{"epoch": 1}', '{"epoch": "x", "e_in": 1, "e_out": null, "seconds": 1}']
)
def test_a_history_that_is_damaged_is_told(chainrule, two, line):
    (two / "one" / "history.jsonl").write_text(f"{line}\n")
    shown = chainrule("compare", "one")
    assert shown.status == 2
    assert "history.jsonl, line 1: expected an epoch, got b'" in shown.err
    assert "; the file is damaged: chainrule train --resume writes it anew" in shown.err

"""chainrule sweep: processes, tables, and what a kill leaves."""

import csv
import json
import os
import subprocess
import sys

import pytest
from command_line import chainrule as chainrule, folder as folder

from chainrule import read_recipe
from chainrule_sweep import Sweep

RATE = "training.optimizer.learning_rate"
RECIPE = """\
data = { use = "csv", path = "table.csv", target = "kind" }
[network]
layers = [{ use = "affine_relu", units = 3 }, { use = "affine", units = 2 }]
[training]
loss = "cross_entropy"
optimizer = { use = "sgd", learning_rate = 0.5 }
batch_size = 4
epochs = 3
"""
TABLE = "width,height,kind\n" + "0.1,0.9,tall\n0.8,0.2,flat\n0.3,0.7,tall\n0.9,0.4,flat\n" * 4


@pytest.fixture
def recipe(folder):
    """Write a recipe beside its table, with replacements, and return its path."""
    (folder / "home").mkdir()
    (folder / "home" / "table.csv").write_text(TABLE)

    def write(*replacements):
        text = RECIPE
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        (folder / "home" / "recipe.toml").write_text(text)
        return folder / "home" / "recipe.toml"

    write()
    return write


def rows(folder):
    return list(csv.DictReader((folder / "table.csv").read_text().splitlines()))


def test_each_run_is_that_of_train_with_its_keys_set(chainrule, folder, recipe):
    grid = ["--grid", f"{RATE}=0.1,0.5", "--grid", "network.layers[0].units=2,4"]
    shown = chainrule("sweep", recipe(), *grid, "--out", "all", "--jobs", "2")
    assert (shown.status, shown.err) == (0, "")
    found = rows(folder / "all")
    assert [(row["run"], row[RATE], row["network.layers[0].units"]) for row in found] == [
        ("01", "0.1", "2"),
        ("02", "0.1", "4"),
        ("03", "0.5", "2"),
        ("04", "0.5", "4"),
    ]
    chainrule("train", recipe(), "--set", f"{RATE}=0.5", "--set", "network.layers[0].units=4", "--out", "one")
    last = json.loads((folder / "one" / "history.jsonl").read_text().splitlines()[-1])
    numbers = [found[3][f"{part} {what}"] for part in ("E_in", "E_out") for what in ("loss", "error")]
    assert numbers == [repr(last[part][what]) for part in ("e_in", "e_out") for what in ("loss", "error")]
    ours, its = folder / "all" / "04" / "parameters.safetensors", folder / "one" / "parameters.safetensors"
    assert ours.read_bytes() == its.read_bytes()
    lines = shown.out.splitlines()
    assert lines[0] == "all: 4 runs"
    assert sorted(lines[1:5])[0] == f"01 is done: {RATE}=0.1 network.layers[0].units=2"
    measured = "E_in loss  E_in error  E_out loss  E_out error"
    assert lines[6] == f"run  {RATE}  network.layers[0].units  epochs  {measured}"
    assert [line.split()[0] for line in lines[7:11]] == ["01", "02", "03", "04"]
    assert chainrule("evaluate", folder / "all" / "01").status == 0


def test_what_the_validation_part_came_to_is_in_the_table(chainrule, folder, recipe):
    path = recipe(('"kind"', '"kind", validation_fraction = 0.25'))
    shown = chainrule("sweep", path, "--grid", f"{RATE}=0.1,0.5", "--out", "all", "--jobs", "2")
    assert (shown.status, shown.err) == (0, "")
    for row in rows(folder / "all"):
        last = json.loads((folder / "all" / row["run"] / "history.jsonl").read_text().splitlines()[-1])
        assert row["E_val loss"] == repr(last["e_validation"]["loss"])


def test_recipes_that_ship_are_found_and_options_are_those_of_train(chainrule, folder):
    shown = chainrule("sweep", "xor", "--set", "training.epochs=2", "--random", f"{RATE}=log:0.01..1", "--trials", "2",
                      "--seed", "4", "--out", "drawn")  # fmt: skip
    assert (shown.status, shown.err) == (0, "")
    found = rows(folder / "drawn")
    assert [row["epochs"] for row in found] == ["2", "2"]
    assert len({row[RATE] for row in found}) == 2
    assert "E_out" not in shown.out  # there is no test part


def test_done_is_done(chainrule, folder, recipe):
    command = ["sweep", recipe(), "--grid", f"{RATE}=0.1,0.5", "--out", "all"]
    chainrule(*command)
    table = (folder / "all" / "table.csv").read_bytes()
    times = {path: path.stat().st_mtime_ns for path in (folder / "all").rglob("*.safetensors")}
    again = chainrule(*command)
    assert again.status == 0
    assert again.out.splitlines()[0] == "all: 2 runs, 2 of them are done"
    assert (folder / "all" / "table.csv").read_bytes() == table
    assert {path: path.stat().st_mtime_ns for path in (folder / "all").rglob("*.safetensors")} == times


LONG = [("epochs = 3", "epochs = 400"), ("layers = [", 'layers = [{ use = "dropout", rate = 0.1 }, ')]


def begin(*arguments):
    code = "from chainrule_cli.main import main; main()"
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, text=True)


def test_a_sweep_that_is_killed_ends_with_the_same_table(chainrule, folder, recipe):
    command = ["sweep", recipe(*LONG), "--grid", f"{RATE}=0.01,0.1,0.2,0.5", "--jobs", "2", "--out"]
    assert chainrule(*command, "whole").status == 0
    killed = begin(*command, "killed")
    assert killed.stdout.readline() == "killed: 4 runs\n"
    first = killed.stdout.readline()
    assert " is done: " in first
    killed.kill()
    killed.wait()
    killed.stdout.close()
    assert not (folder / "killed" / "table.csv").exists()
    assert chainrule(*command, "killed").status == 0
    assert (folder / "killed" / "table.csv").read_bytes() == (folder / "whole" / "table.csv").read_bytes()
    for run in ("01", "02", "03", "04"):
        ours, its = (folder / name / run / "parameters.safetensors" for name in ("killed", "whole"))
        assert ours.read_bytes() == its.read_bytes()


def test_the_runs_of_a_sweep_that_is_killed_end_with_it(folder, recipe):
    endless = recipe(("epochs = 3", "epochs = 100000000"))
    sweep = begin("sweep", endless, "--grid", f"{RATE}=0.1,0.2", "--jobs", "1", "--out", "all")
    first = folder / "all" / "01"
    wait(lambda: (first / "recipe.toml").exists())
    sweep.kill()
    sweep.wait()
    sweep.stdout.close()
    from chainrule_runs import RunFolder

    def is_free():
        try:
            with RunFolder.resume(first):
                return True
        except Exception:
            return False

    wait(is_free)


def wait(until, seconds=120):
    from time import monotonic, sleep

    began = monotonic()
    while not until():
        assert monotonic() < began + seconds
        sleep(0.05)


def test_a_run_that_diverges_is_a_row_and_no_failure(chainrule, folder, recipe):
    shown = chainrule("sweep", recipe(), "--grid", f"{RATE}=0.1,1e300", "--out", "all")
    assert shown.status == 0
    first, second = rows(folder / "all")
    assert (first["epochs"], first["note"]) == ("3", "")
    assert (second["epochs"], second["E_in loss"], second["note"]) == ("0", "", "diverged in epoch 1")
    assert "diverged in epoch 1" in shown.out


def test_the_epoch_whose_parameters_are_kept_is_shown(chainrule, folder, recipe):
    hooks = 'hooks = [{ use = "early_stopping", patience = 1, metric = "e_in.loss", least = 10.0 }]'
    shown = chainrule("sweep", recipe(("epochs = 3", f"epochs = 3\n{hooks}")), "--grid", f"{RATE}=0.1", "--out", "all")
    assert shown.status == 0
    (row,) = rows(folder / "all")
    epochs = [json.loads(line) for line in (folder / "all" / "01" / "history.jsonl").read_text().splitlines()]
    assert (row["epochs"], row["E_in loss"]) == ("2", repr(epochs[0]["e_in"]["loss"]))
    assert row["note"].startswith("early stopping: e_in.loss was best in epoch 1")


def test_a_run_that_fails_is_told_after_the_others_and_tried_again(chainrule, folder, recipe):
    command = ["sweep", recipe(), "--grid", "training.batch_size=99,4", "--out", "all", "--jobs", "1"]
    shown = chainrule(*command)
    assert shown.status == 1
    assert shown.err.splitlines() == [
        "01: Error: training.batch_size: expected 'all' or an int from 1 to 13, the number of training samples, got 99",
        "Error: all: of 2 runs failed 01; the same command tries them again",
    ]
    assert [line for line in shown.out.splitlines() if "is done" in line] == ["02 is done: training.batch_size=4"]
    (folder / "home" / "table.csv").write_text(TABLE + TABLE.partition("\n")[2] * 9)
    assert chainrule(*command).status == 0


def test_warnings_of_runs_are_passed_on(chainrule, recipe):
    (recipe().parent / "table.csv").write_text(TABLE.replace("0.", "900."))
    shown = chainrule("sweep", recipe(), "--grid", f"{RATE}=1e-9", "--out", "all")
    assert "01: Warning: " in shown.err


@pytest.mark.parametrize(
    "grid, told",
    [
        ("training.epoch=1,2", "Error: training.epoch: unknown key; did you mean epochs?\n"),
        ("training.epochs=2,-1", "Error: training.epochs: expected a positive int, got -1\n"),
        (
            "network.layers[0].use=affine_relu,affine_rely",
            "Error: network.layers[0]: no plug-in offers 'affine_rely' in layers; ",
        ),
    ],
)
def test_a_wrong_value_is_told_before_anything_runs(chainrule, folder, recipe, grid, told):
    shown = chainrule("sweep", recipe(), "--grid", grid, "--out", "all")
    assert (shown.status, shown.out) == (2, "")
    assert shown.err.startswith(told), shown.err
    assert not (folder / "all").exists()


def test_hooks_that_would_write_one_file_are_refused(chainrule, folder, recipe):
    path = recipe(("epochs = 3", 'epochs = 3\nhooks = [{ use = "csv_log", path = "log.csv" }]'))
    shown = chainrule("sweep", path, "--grid", f"{RATE}=0.1,0.2", "--out", "all")
    told = f"training.hooks[0].path: expected another for each run, got {folder / 'home' / 'log.csv'}"
    hint = "sweep over the path, too, or leave the hook out: --set training.hooks=[]"
    assert (shown.status, shown.err) == (2, f"Error: {told}; {hint}\n")
    assert chainrule("sweep", path, "--grid", "training.hooks[0].path=a.csv,b.csv", "--out", "all").status == 0
    assert {file.name for file in (folder / "home").glob("*.csv")} == {"a.csv", "b.csv", "table.csv"}


def test_another_sweep_in_the_folder_is_refused(chainrule, recipe):
    command = ["sweep", recipe(), "--out", "all", "--grid"]
    chainrule(*command, f"{RATE}=0.1")
    shown = chainrule(*command, f"{RATE}=0.2")
    told = "Error: all holds another sweep; give the command that began it, or another --out\n"
    assert (shown.status, shown.err) == (1, told)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"runs": [{}]}', '{"runs": 3}'])
def test_a_manifest_that_is_damaged_is_told(chainrule, folder, text):
    (folder / "all").mkdir()
    (folder / "all" / "sweep.json").write_text(text)
    shown = chainrule("compare", "all")
    assert shown.status == 1
    assert shown.err.startswith("Error: all/sweep.json is not what chainrule sweep wrote: ".replace("/", os.sep))


def test_a_result_that_is_damaged_is_told(chainrule, folder, recipe):
    command = ["sweep", recipe(), "--grid", f"{RATE}=0.1", "--out", "all"]
    chainrule(*command)
    (folder / "all" / "01" / "result.json").write_text("{}")
    shown = chainrule(*command)
    told = f"Error: {os.path.join('all', '01', 'result.json')} is damaged: 'e_in'; delete it, and sweep again\n"
    assert (shown.status, shown.err) == (1, told)


def test_a_folder_that_cannot_be_made_is_told(chainrule, folder, recipe):
    (folder / "all").touch()
    shown = chainrule("sweep", recipe(), "--grid", f"{RATE}=0.1", "--out", "all")
    assert shown.status == 1
    assert f"{os.path.join('all', 'sweep.json')} cannot be written: " in shown.err


def test_in_python(folder, recipe):
    opened = Sweep.open(folder / "all", read_recipe(recipe()), [{"training.epochs": "1"}, {"training.epochs": "2"}])
    heard = []
    found = opened.run(1, heard.append, print)
    assert [row.epochs for row in found] == [row.epochs for row in heard] == [1, 2]
    assert Sweep.read(folder / "all").points == opened.points

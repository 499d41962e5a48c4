"""chainrule train --folds."""

import json
import re

import pytest

from chainrule import read_recipe
from chainrule_cli.recipe_option import open_recipe

SETS = "--set", "training.epochs=2", "--set", "training.batch_size=200"
FOLD = re.compile(r"^fold (\d)/3  E_in +\S+ +\S+%  E_out +(\S+) +(\S+)%$", re.M)


def test_a_line_for_each_fold_then_mean_and_standard_error(chainrule, folder):
    shown = chainrule("train", "digits", "--folds", "3", *SETS)
    assert (shown.status, shown.err) == (0, "")
    assert shown.out.startswith("digits: 1,797 samples\n")
    assert "epoch" not in shown.out
    opened = open_recipe("digits", ["training.epochs=2", "training.batch_size=200"])
    found = opened.cross_validate(3)
    expected = [(str(i), f"{e.loss:.5f}", f"{e.error:.2%}"[:-1]) for i, e in enumerate(found.evaluations, 1)]
    assert FOLD.findall(shown.out) == expected
    assert shown.out.endswith(f"\nE_out of 3 folds, mean ± standard error: {found}\n")
    assert list(folder.iterdir()) == []


def test_out_keeps_each_fold_as_a_run_that_evaluates_its_own_rows(chainrule, folder):
    shown = chainrule("train", "digits", "--folds", "3", *SETS, "--out", "runs", "--checkpoint-seconds", "0")
    assert (shown.status, shown.err) == (0, "")
    assert sorted(path.name for path in (folder / "runs").iterdir()) == ["fold1", "fold2", "fold3"]
    for number, loss, _ in FOLD.findall(shown.out):
        run = folder / "runs" / f"fold{number}"
        assert read_recipe(run / "recipe.toml").table["data"]["fold"] == [int(number), 3]
        evaluated = json.loads(chainrule("evaluate", run, "--json").out)
        assert f"{evaluated['loss']:.5f}" == loss
        assert "the run is finished" in chainrule("train", "--resume", run).out
    again = chainrule("train", "digits", "--folds", "3", *SETS, "--out", "runs")
    assert again.status == 2
    assert "fold1" in again.err


def test_a_validation_part_of_each_fold_is_shown(chainrule):
    shown = chainrule("train", "digits", "--folds", "2", *SETS, "--set", "data.validation_fraction=0.1")
    assert len(re.findall(r"^fold ./2  E_in .*%  E_val .*%  E_out .*%$", shown.out, re.M)) == 2


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["digits", "--folds", "1"], "Invalid value for '--folds': 1 is not in the range x>=2."),
        (["digits", "--folds", "x"], "Invalid value for '--folds': 'x' is not a valid integer range."),
        (["--resume", "run", "--folds", "5"], "--folds trains anew: leave --resume and --from out"),
        (["digits", "--from", "run", "--folds", "5"], "--folds trains anew: leave --resume and --from out"),
        (["xor", "--folds", "5"], "data: fold: expected a row or more for each of 5 folds, got 4 rows"),
        (["chars", "--folds", "5"], "data.fold: expected none: text splits the data itself, and makes no such part"),
        (
            ["digits", "--folds", "5", "--set", 'training.hooks=[{ use = "csv_log", path = "log.csv" }]'],
            "training.hooks[0].path: expected none: each of 5 folds would write it over, got 'log.csv'; leave the hook",
        ),
    ],
)
def test_what_cannot_be_is_refused(chainrule, folder, arguments, message):
    shown = chainrule("train", *arguments)
    assert shown.status == 2
    assert message in shown.err
    assert list(folder.iterdir()) == []

"""The hooks csv_log and jsonl_log."""

import csv
import json
import os
import re
from dataclasses import asdict

import numpy as np
import pytest

from chainrule import (
    SGD,
    CheckpointError,
    EpochRecord,
    Evaluation,
    Network,
    SettingError,
    layer,
    loss,
    read_recipe,
    registry,
    train,
)
from chainrule_runs import CSVLog, JSONLLog, RunFolder, load

from .test_early_stopping import Collect

HEAD = "epoch,e_in_loss,e_in_error,e_out_loss,e_out_error,seconds"
VALIDATED = HEAD + ",e_validation_loss,e_validation_error"
X = np.linspace(-1, 1, 12).reshape(6, 2)


def run(*hooks, test=True, validation=False, resume=None):
    held = (X[:3], (X[:3, :1] > 0.2).astype(int)) if validation else None
    network = Network(layer("affine", units=1), 2, seed=1)
    y = (X[:, :1] > 0.2).astype(int)
    return train(network, X, y, loss=loss("logistic"), optimizer=SGD(0.5), batch_size=2, epochs=4,
                 test=(X, y) if test else None, validation=held, hooks=hooks, resume=resume)  # fmt: skip


@pytest.mark.parametrize("test", [True, False])
@pytest.mark.parametrize("validation", [True, False])
def test_the_logs_are_the_history(tmp_path, test, validation):
    hooks = CSVLog(tmp_path / "log.csv"), JSONLLog(str(tmp_path / "log.jsonl"))
    history = run(*hooks, test=test, validation=validation)
    records = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    further = {} if validation else {"e_validation": None}
    whole = [
        {key: value | {"metrics": {}} if isinstance(value, dict) else value for key, value in record.items()}
        for record in records
    ]
    assert [{**record, **further} for record in whole] == [asdict(record) for record in history]
    assert all(("e_validation" in record) == validation for record in records)
    head, *rows = (tmp_path / "log.csv").read_text().splitlines()
    assert head == (VALIDATED if validation else HEAD)
    for record, row in zip(history, csv.reader(rows), strict=True):
        e_out = [None, None] if record.e_out is None else [record.e_out.loss, record.e_out.error]
        numbers = [record.epoch, record.e_in.loss, record.e_in.error, *e_out, record.seconds]
        numbers += [record.e_validation.loss, record.e_validation.error] if validation else []
        assert [float(cell) if cell else None for cell in row] == numbers


def test_a_line_is_there_as_soon_as_its_epoch_is_over(tmp_path):
    class Look:
        def chainrule_training_started(self):
            assert (tmp_path / "log.csv").read_text() == HEAD + "\n"

        def chainrule_epoch_ended(self, record):
            assert len((tmp_path / "log.csv").read_text().splitlines()) == 1 + record.epoch

    run(CSVLog(tmp_path / "log.csv"), Look())


@pytest.mark.parametrize("kind", [CSVLog, JSONLLog])
def test_a_resumed_run_writes_what_the_whole_would_have_written(tmp_path, kind):
    collect = Collect()
    history = run(kind(tmp_path / "log"), collect)
    for snapshot in collect.snapshots:
        log = kind(tmp_path / "log")
        whole = (tmp_path / "log").read_text()
        (tmp_path / "log").write_text(whole[: len(whole) * snapshot.step // 12])  # what a kill left
        again = run(log, resume=snapshot)
        assert again == history
        head = [HEAD] * (kind is CSVLog)
        assert (tmp_path / "log").read_text().splitlines() == [*head, *map(log.line, again)]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), None])
def test_what_is_no_finite_number_is_null_or_empty(tmp_path, number):
    record = EpochRecord(7, Evaluation(0.1, number), Evaluation(number, 0.5), 2.0)
    assert CSVLog("log").line(record) == "7,0.1,,,0.5,2.0"
    assert json.loads(JSONLLog("log").line(record)) == {
        "epoch": 7,
        "e_in": {"loss": 0.1, "error": None},
        "e_out": {"loss": None, "error": 0.5},
        "seconds": 2.0,
    }


def test_a_path_is_relative_to_here_in_python_and_to_the_recipe_in_a_recipe(chainrule, recipe, folder):
    run(CSVLog("log.csv"))
    assert len((folder / "log.csv").read_text().splitlines()) == 5
    path = recipe(more='[[training.hooks]]\nuse = "jsonl_log"\npath = "../logs.jsonl"\n')
    assert chainrule("train", path).status == 0
    assert len((folder / "logs.jsonl").read_text().splitlines()) == 3


def test_a_resumed_run_goes_on_with_its_log_from_any_folder(chainrule, recipe, folder, monkeypatch):
    class Pause:
        def chainrule_epoch_ended(self, run, record):
            if record.epoch == 2:
                run.pause("a test")

    path = recipe(more='[[training.hooks]]\nuse = "csv_log"\npath = "log.csv"\n')
    opened = read_recipe(path)
    dataset = opened.dataset()
    with RunFolder.start(folder / "run", opened) as started:
        started.train(opened.network(dataset), dataset, [Pause()])
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    assert chainrule("train", path, "--resume", folder / "run").status == 0
    assert list((folder / "elsewhere").iterdir()) == []
    rows = (folder / "home" / "log.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["epoch", "1", "2", "3"]


# What is wrong


@pytest.mark.parametrize("path", [None, 3, "", b"log"])
@pytest.mark.parametrize("kind", [CSVLog, JSONLLog])
def test_what_is_no_path_is_refused(kind, path):
    with pytest.raises(SettingError, match=re.escape(f"path: expected the path of a file, got {path!r}")):
        kind(path)


@pytest.mark.parametrize("content", ["epoch,loss\n1,0.5\n", "{}\n", "1", "\xff\0", "#" * 100])
@pytest.mark.parametrize("kind", [CSVLog, JSONLLog])
def test_a_file_of_something_else_is_not_written_over(tmp_path, kind, content):
    place = tmp_path / "mine"
    place.write_text(content, encoding="latin-1")
    expected = f"hooks: {kind.__name__}.path: expected a new file, or an earlier log"
    message = f"^{expected}, got '{re.escape(str(place))}'; that is something else: name another$"
    with pytest.raises(SettingError, match=message):
        run(kind(place))
    assert place.read_text(encoding="latin-1") == content


@pytest.mark.parametrize("name", ["recipe.toml", "parameters.safetensors", "checkpoint-1.safetensors"])
@pytest.mark.parametrize("use", ["csv_log", "jsonl_log"])
def test_a_log_in_place_of_the_files_of_its_run_is_refused_and_they_stay(chainrule, recipe, folder, name, use):
    path = recipe(more=f'[[training.hooks]]\nuse = "{use}"\npath = "../run/{name}"\n')
    shown = chainrule("train", path, "--out", "run")
    assert shown.status == 2
    assert f"Log.path: expected a new file, or an earlier log, got '{folder}/home/../run/{name}'" in shown.err
    assert load(folder / "run")
    assert "training.hooks: " in chainrule("train", "--resume", "run").err


@pytest.mark.parametrize("path", ["missing/log", "folder", "folder/file/log"])
def test_a_file_that_cannot_be_written_is_told_before_the_first_epoch(chainrule, recipe, folder, path):
    place = recipe(more=f'[[training.hooks]]\nuse = "csv_log"\npath = "{path}"\n').parent
    (place / "folder").mkdir()
    (place / "folder" / "file").write_text("mine")
    shown = chainrule("train", place / "recipe.toml")
    assert shown.status == 1
    assert shown.err.startswith(f"Error: {place / path} cannot be written: "), shown.err
    assert "epoch" not in shown.out


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps a file that is open")
def test_a_folder_that_goes_away_is_told(tmp_path):
    class Remove:
        def chainrule_epoch_ended(self):
            (tmp_path / "logs" / "log").unlink(missing_ok=True)
            (tmp_path / "logs").rmdir()

    (tmp_path / "logs").mkdir()
    with pytest.raises(CheckpointError, match="log cannot be written: No such file or directory"):
        run(CSVLog(tmp_path / "logs" / "log"), Remove())


def test_the_hooks_are_found_by_name():
    assert registry.find("hooks", "csv_log") is CSVLog
    assert registry.find("hooks", "jsonl_log") is JSONLLog

import json
import math
import re
from dataclasses import asdict

import pytest

from chainrule import DataError, EpochRecord, Evaluation, PluginError, registry
from chainrule_plots import load_network, read_history
from chainrule_plots.runs import check_run

FIRST = EpochRecord(1, Evaluation(1.5, 0.25), Evaluation(2.0, 0.5), 0.1)
SECOND = EpochRecord(2, Evaluation(1, None), None, 0.1)
LINES = [json.dumps(asdict(record)) for record in (FIRST, SECOND)]


@pytest.fixture
def history(tmp_path):
    """A function that writes a history and returns its path."""

    def write(text):
        path = tmp_path / "history.jsonl"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_a_history_comes_back(history):
    assert read_history(history("\n".join([*LINES, ""]))) == (FIRST, SECOND)


def test_what_training_keeps_is_what_is_read(digits):
    assert list(read_history(digits.folder / "history.jsonl")) == list(digits.history)


@pytest.mark.parametrize("tail", ["", '{"epoch": 3, "e_i', LINES[0], "nonsense", b"\xff".decode("latin-1")])
def test_a_line_that_is_being_written_is_left_out(history, tail):
    assert read_history(history("\n".join([*LINES, tail]))) == (FIRST, SECOND)


def test_half_a_letter_at_the_end_is_left_out_too(history):
    assert read_history(history(LINES[0].encode() + b"\n\xc3")) == (FIRST,)


@pytest.mark.parametrize("text", ["", LINES[0]])
def test_no_line_has_ended(history, text):
    assert read_history(history(text)) == ()


def test_null_is_a_loss_that_was_not_finite(history):
    line = '{"epoch": 1, "e_in": {"loss": 1, "error": null}, "e_out": {"loss": null, "error": null}, "seconds": null}\n'
    (record,) = read_history(history(line))
    assert math.isnan(record.e_out.loss)
    assert math.isnan(record.seconds)
    assert record.e_in == Evaluation(1.0, None)


def test_the_validation_part_is_read_where_there_is_one(history):
    line = LINES[0].replace('"e_validation": null', '"e_validation": {"loss": 0.25, "error": null}')
    one, other = read_history(history("\n".join([line, LINES[1].replace(', "e_validation": null', ""), ""])))
    assert (one.e_validation, other.e_validation) == (Evaluation(0.25, None), None)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("nonsense", "Expecting value"),
        ("", "Expecting value"),
        ("[1]", "not an object"),
        ("[" * 100_000, "maximum recursion depth"),
        (LINES[0].replace("1.5", "1" + "0" * 400), "int too large"),
        (LINES[0].replace("1.5", "1" + "0" * 5000), "Exceeds the limit"),
        (LINES[0].replace("1.5", "NaN"), "NaN is no JSON"),
        (LINES[0].replace("1.5", "-Infinity"), "-Infinity is no JSON"),
        (LINES[0].replace("1.5", '"1.5"'), "e_in.loss is not a number"),
        (LINES[0].replace("0.25", "true"), "e_in.error is not a number"),
        (LINES[0].replace('"epoch": 1', '"epoch": 1.0'), "epoch is not a whole number"),
        (LINES[0].replace('"epoch": 1', '"epoch": null'), "epoch is not a whole number"),
        (LINES[0].replace('"epoch"', '"epos"'), "no 'epoch'"),
        (LINES[0].replace('"loss"', '"lose"', 1), "no 'loss'"),
        (LINES[0].replace('"e_out"', '"out"'), "no 'e_out'"),
        (LINES[0].replace('"seconds"', '"second"'), "no 'seconds'"),
        (LINES[1].replace("null}", "null"), "Expecting"),
        (LINES[1].replace('"e_out": null', '"e_out": 3'), "e_out is not an object"),
        (LINES[1].replace('"e_validation": null', '"e_validation": 3'), "e_validation is not an object"),
    ],
)
def test_another_line_is_refused_by_its_number(history, line, reason):
    path = history("\n".join([LINES[0], line, LINES[1], ""]))
    with pytest.raises(DataError) as caught:
        read_history(path)
    assert str(caught.value).startswith(f"{path}, line 2: {reason}")
    assert 'an epoch is {"epoch": 1, ' in str(caught.value)


def test_bytes_that_are_no_text_are_refused_by_their_line(history):
    with pytest.raises(DataError, match=r"history\.jsonl, line 1: 'utf-8' codec can't decode"):
        read_history(history(b"\xff\n"))


def test_a_history_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"history\.jsonl: No such file or directory"):
        read_history(tmp_path / "history.jsonl")


def test_the_example_of_the_message_is_a_record(history):
    with pytest.raises(DataError) as caught:
        read_history(history("\n"))
    example = str(caught.value).partition("an epoch is ")[2]
    assert read_history(history(example + "\n")) == (EpochRecord(1, Evaluation(0.5, 0.1), None, 0.2),)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (None, "run: expected the folder of a run, got no such folder; chainrule train RECIPE --out FOLDER makes one"),
        ([], "run: expected the folder of a run, got no recipe.toml in it; chainrule train"),
        (["history.jsonl"], "run: expected the folder of a run, got no recipe.toml in it"),
        (["recipe.toml"], "run: expected the folder of a run, got no history.jsonl in it"),
    ],
)
def test_what_is_no_run_is_refused(tmp_path, files, message):
    folder = tmp_path / "run"
    if files is not None:
        folder.mkdir()
        for name in files:
            (folder / name).touch()
    with pytest.raises(DataError, match=message):
        check_run(folder, ["recipe.toml", "history.jsonl"])


def test_the_network_is_what_chainrule_runs_loads(digits):
    assert load_network(digits.folder) is digits.network


def test_without_chainrule_runs_the_error_says_what_to_install(monkeypatch, tmp_path):
    alone = registry.Registry(list)
    monkeypatch.setattr(registry, "find", alone.find)
    with pytest.raises(PluginError) as caught:
        load_network(tmp_path / "mine")
    message = str(caught.value)
    assert message.startswith(f"the trained network of {tmp_path / 'mine'} cannot be loaded: no plug-in offers 'load'")
    assert re.search(r"pip install \S*/plugins/runs\b", message)

"""Folders that others made: whatever is in them, every command ends in an error of ours."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest
from command_line import chainrule as chainrule, folder as folder
from kills import result as end_of
from tiny_runs import Pause, start

import chainrule_runs
from chainrule_runs import RunFolder, load, saved
from chainrule_runs.checkpoints import NAMES
from chainrule_runs.tensors import TensorFile, dump


@pytest.fixture
def run(folder):
    """The folder of a run that was interrupted in its second epoch."""
    start(folder / "run", [Pause(3)])
    (folder / "x.csv").write_text("0,1\n1,1\n")
    return folder / "run"


def forge(path, arrays=None, **facts):
    """Replace arrays and facts of a file, and give it the checksum that it needs."""
    file = TensorFile(path)
    path.write_bytes(dump({**file.read(), **(arrays or {})}, {**file.facts, **facts}))


def assert_refused(chainrule, *arguments):
    shown = chainrule(*arguments)
    assert shown.status in (1, 2), (arguments, shown)
    assert shown.err.startswith("Error: ")
    assert len(shown.err) < 2000
    return shown.err


STATE = dict(np.random.default_rng(0).bit_generator.state)
PLACES = {
    "number": (True, "1"),
    "epoch": (0, -1, 10**4000, 2**63, "x", 4),
    "batch": (-1, 10**4000, "x", 3),
    "step": (-1, 10**4000, 0, None),
    "shuffle": (
        {},
        {**STATE, "bit_generator": "MT19937"},
        {**STATE, "bit_generator": 3},
        {**STATE, "state": 3},
        {**STATE, "state": {"state": -1, "inc": 1}},
        {**STATE, "state": {"state": 2**200, "inc": 1}},
        {**STATE, "state": {"state": 1.5, "inc": "x"}},
        {**STATE, "has_uint32": 2**70},
        {**STATE, "uinteger": "x"},
        {key: value for key, value in STATE.items() if key != "state"},
    ),
    "noise": ({}, {"bit_generator": None}, [STATE]),
    "optimizer": (
        None,
        3,
        {"dict": {}},
        {"dict": {"means": {"array": "optimizer.means"}}},
        {"dict": {"means": {"array": "history"}, "squares": {"array": "history"}}},
        {"dict": {"means": 3, "squares": None}},
        {"list": [{"array": "theta"}]},
    ),
    "kept": tuple(
        {"dict": {"early stopping on e_in.loss": value}}
        for value in (
            3,
            {"dict": {}},
            {"dict": {"value": 0.5, "epoch": 1, "theta": {"array": "history"}}},
            {"dict": {"value": "x", "epoch": 1, "theta": {"array": "theta"}}},
            {"dict": {"value": 0.5, "epoch": None, "theta": {"array": "theta"}}},
        )
    ),
    "about": ({}, {"training": 3}, {"training": None, "data": []}),
    "history": (np.zeros((1, 4)), np.zeros((0, 5)), np.zeros((7, 5))),
    "theta": (np.zeros(3, np.float32), np.zeros(17), np.zeros((17, 1), np.float32), np.array(1.0, np.float32)),
    "good": (np.zeros(3, np.float32), np.zeros(17)),
    "optimizer.means": (np.zeros(3, np.float32), np.zeros(17), np.zeros((1, 17), np.float32), np.array("x" == "y")),
}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in PLACES.items() for value in values],
    ids=lambda value: repr(value)[:40],
)
def test_a_checkpoint_that_was_made_up_is_refused_by_resume(name, value, run, chainrule):
    for path in NAMES:
        if isinstance(value, np.ndarray):
            forge(run / path, {name: value})
        else:
            forge(run / path, **{name: value})
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.name != "history.jsonl"}
    assert_refused(chainrule, "train", "--resume", run)
    assert {path.name: path.read_bytes() for path in run.iterdir() if path.name != "history.jsonl"} == before


@pytest.mark.parametrize(
    "facts",
    [
        *({"format": value} for value in (2, None, "1", {"a": [1] * 10**5})),
        *({"network": value} for value in (None, 3, "0" * 64)),
        *({"loss": value} for value in (3, [], True, "", "nothing", {}, {"use": 3}, {"use": "logistic", "a": 1})),
        {"loss": {"use": "os:system", "command": "touch x"}},
        {"loss": {"use": "chainrule_losses:CrossEntropy.value"}},
        {"loss": json.loads('{"use":"logistic","a":' + "[" * 900 + "]" * 900 + "}")},
        *({"classes": value} for value in (3, "ab", {"a": 1}, [1, 2], [None])),
        *({"scale": value} for value in ("x", "1", True, [1], {})),
        *({"shape": value} for value in (3, "x", [1.5], [True], ["1"], {})),
        *({"columns": value} for value in (3, "ab", [1, 2], [None], {"a": 1})),
        *({"target": value} for value in (3, ["a"], True, {})),
    ],
    ids=lambda facts: repr(facts)[:40],
)
def test_parameters_whose_facts_were_made_up_are_refused(facts, run, chainrule, folder):
    forge(run / saved.NAME, **facts)
    for command in (("predict", run, "x.csv"), ("evaluate", run, "--part", "train")):
        assert "parameters.safetensors" in assert_refused(chainrule, *command)
    assert not (folder / "x").exists()


@pytest.mark.parametrize("scale", [10**400, float("inf"), float("nan")])
def test_a_scale_of_no_use_is_refused_where_it_is_used(scale, run, chainrule):
    forge(run / saved.NAME, scale=scale)
    assert_refused(chainrule, "predict", run, "x.csv")


@pytest.mark.parametrize(
    "arrays",
    [
        {"0.W": np.zeros((4, 3), np.float32)},
        {"0.W": np.zeros((4, 2))},
        {"0.W": np.zeros((4, 2), np.int32)},
        {"0.W": np.zeros((4, 2, 1), np.float32)},
        {"0.W": np.zeros((0, 2), np.float32)},
        *({name: np.zeros(1, np.float32)} for name in ("../../x", "/etc/passwd", "", "x" * 10**5, "a\0b", "0.W.")),
    ],
    ids=lambda arrays: repr(arrays)[:40],
)
def test_parameters_that_do_not_fit_the_recipe_are_named_with_both_shapes(arrays, run, chainrule):
    forge(run / saved.NAME, arrays)
    message = assert_refused(chainrule, "predict", run, "x.csv")
    assert "parameters.safetensors: parameter '" in message
    ((name, array),) = arrays.items()
    if name == "0.W" and array.shape != (4, 2):
        assert f"expected (4, 2), got {array.shape}" in message


RECIPES = {
    "nothing": "",
    "no TOML": "[network",
    "bytes": b"\xff\xfe",
    "deep lists": "a = " + "[" * 100_000,
    "lists as deep as TOML reads them": "network.layers = " + "[" * 150 + "]" * 150,
    "an int of 5,000 digits": "a = 1" + "0" * 5000,
    "a key of many parts": ".".join("a" * 5000) + " = 1",
    "too long": "#" * 2_000_000,
    "no network": "data.use = 'xor'",
    "no layers": "network.layers = []",
    "a wrong dtype": "network = { layers = ['relu'], dtype = 'flota32', input_shape = [2] }",
    "dtypes": "network = { layers = ['relu'], dtype = 'f4,f4', input_shape = [2] }",
    "float16": "network = { layers = ['relu'], dtype = 'float16', input_shape = [2] }",
    "no shape": "network = { layers = ['relu'] }",
    "a negative shape": "network = { layers = ['relu'], input_shape = [-2] }",
    "a shape of dates": "network = { layers = ['relu'], input_shape = [2020-01-01] }",
    "a large shape": "network = { layers = [{ use = 'affine', units = 3 }], input_shape = [1000000000000] }",
    "a date for a unit": "network = { layers = [{ use = 'affine', units = 2020-01-01 }], input_shape = [2] }",
    "an infinite number of units": "network = { layers = [{ use = 'affine', units = inf }], input_shape = [2] }",
    "a layer of the system": "network = { layers = [{ use = 'os:system', command = 'touch x' }], input_shape = [2] }",
    "no module": "network = { layers = ['nowhere.at_all:Layer'], input_shape = [2] }",
    "a path for a module": "network = { layers = ['../../x:Layer'], input_shape = [2] }",
    "a command in the versions": "network.layers = ['nowhere:L']\nversions = { 'a; touch b' = '1' }",
}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_recipe_that_was_made_up_is_refused(recipe, run, chainrule, folder):
    (run / "recipe.toml").write_bytes(recipe if isinstance(recipe, bytes) else recipe.encode())
    for command in (("predict", run, "x.csv"), ("evaluate", run, "--part", "train"), ("train", "--resume", run)):
        message = assert_refused(chainrule, *command)
        assert str(run) in message, command
        assert "touch" not in message
    assert not (folder / "x").exists()


KINDS = {
    "nothing": lambda path: None,
    "a FIFO": os.mkfifo,
    "a folder": lambda path: path.mkdir(),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
    "holes": lambda path: os.truncate(path, 1 << 40) if path.write_bytes(b"\xff\xff\0\0\0\0\0\0") else None,
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without pipes in folders")
@pytest.mark.parametrize("name", ["recipe.toml", saved.NAME])
@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_what_is_no_file_is_named_and_not_waited_for(make, name, run, chainrule):
    (run / name).unlink()
    make(run / name)
    for command in (("predict", run, "x.csv"), ("evaluate", run, "--part", "train")):
        assert name in assert_refused(chainrule, *command)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without pipes in folders")
@pytest.mark.parametrize("make", list(KINDS.values())[1:], ids=list(KINDS)[1:])
def test_a_checkpoint_that_is_no_file_is_not_waited_for(make, run, chainrule, folder):
    start(folder / "whole")
    newest = max(NAMES, key=lambda name: TensorFile(run / name).facts["number"])
    (run / newest).unlink()
    make(run / newest)
    shown = chainrule("train", "--resume", run)
    if (run / newest).is_dir():  # nothing can be written over it
        assert (shown.status, "Is a directory" in shown.err) == (1, True)
    else:
        assert shown.status == 0, shown.err
        assert end_of(run) == end_of(folder / "whole")
    assert (newest in shown.err) is (make is not KINDS["a link to itself"])


def test_a_folder_that_is_being_written_can_be_read(run, chainrule):
    with RunFolder.resume(run) as held:
        assert held.ended is None
        assert chainrule("predict", run, "x.csv").status == 0
        assert chainrule("evaluate", run, "--part", "train").status == 0
        shown = chainrule("train", "--resume", run)
        assert (shown.status, f"is being written by process {os.getpid()}" in shown.err) == (1, True)
    assert chainrule("train", "--resume", run).status == 0


@pytest.mark.parametrize("delimiter", ["ab", "", "\n", 3])
def test_a_delimiter_that_is_none_is_told_by_the_reader(delimiter, run, chainrule):
    network = load(run)
    recipe = saved.open_saved(run).recipe
    data = {"use": "csv", "path": "x.csv", "target": "y", "delimiter": delimiter}
    changed = replace(recipe, table={**recipe.table, "data": data})
    chainrule_runs.recipe_file.write(run, changed)
    assert load(run).theta.tobytes() == network.theta.tobytes()
    assert "delimiter: expected one character" in assert_refused(chainrule, "predict", run, "x.csv")

"""The last two checkpoints: what is damaged is not used, and what was made up is refused."""

import json
import re
from dataclasses import fields, replace

import numpy as np
import pytest

from chainrule import CheckpointError, EpochRecord, Evaluation, Snapshot
from chainrule_runs.checkpoints import NAMES, Checkpoints
from chainrule_runs.tensors import TensorFile, dump

ABOUT = {"training": "1234", "data": {"x": "float64 (4, 2)"}}


def generator(seed):
    return dict(np.random.default_rng(seed).bit_generator.state)


def snapshot(epoch=3, size=50, kept=None):
    rng = np.random.default_rng(epoch)
    history = [EpochRecord(i, Evaluation(1 / i, 0.5), Evaluation(np.nan, 0.25), 0.1) for i in range(1, epoch)]
    return Snapshot(
        theta=rng.normal(size=size).astype(np.float32),
        good=rng.normal(size=size).astype(np.float32),
        optimizer={"means": rng.normal(size=size), "count": np.int64(3), "damping": 0.1},
        shuffle=generator(epoch),
        noise=generator(epoch + 100),
        epoch=epoch,
        batch=1,
        step=7,
        history=tuple(history),
        stopped=None,
        finished=False,
        kept=kept or {"best": {"theta": rng.normal(size=size), "value": float("inf")}},
    )


def same(value, other):
    if isinstance(value, np.ndarray | np.generic):
        return type(value) is type(other) and (value.dtype, value.tobytes()) == (other.dtype, other.tobytes())
    if isinstance(value, dict):
        return value.keys() == other.keys() and all(same(value[key], other[key]) for key in value)
    return repr(value) == repr(other)


def assert_same(one, other):
    for field in fields(Snapshot):
        assert same(getattr(one, field.name), getattr(other, field.name)), field.name


@pytest.fixture
def two(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    for epoch in (3, 4):
        checkpoints.write(snapshot(epoch), ABOUT)
    return tmp_path


def found(folder):
    checkpoint, errors = Checkpoints(folder).newest()
    return checkpoint.snapshot, errors


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"history": ()},
        {"history": (EpochRecord(1, Evaluation(0.1, None), None, 2.0),), "epoch": 2},
        {"history": (EpochRecord(1, Evaluation(0.1, None), None, 2.0, Evaluation(0.3, None)),), "epoch": 2},
        {"history": (EpochRecord(1, Evaluation(0.1, 0.5), Evaluation(0.2, 0.4), 2.0, Evaluation(0.3, 0.25)),)},
        {"optimizer": None, "kept": {}},
        {"theta": np.zeros(0, np.float32), "good": np.zeros(0, np.float32), "optimizer": {"means": np.zeros(0)}},
        {"theta": np.ones(3), "good": np.ones(3), "stopped": "early stopping: ü", "finished": True},
    ],
)
def test_a_snapshot_comes_back_as_it_was(change, tmp_path):
    written = replace(snapshot(), **change)
    Checkpoints(tmp_path).write(written, ABOUT, ended="its last epoch is done")
    checkpoint, errors = Checkpoints(tmp_path).newest()
    assert_same(checkpoint.snapshot, written)
    assert (checkpoint.ended, checkpoint.about, checkpoint.number, errors) == ("its last epoch is done", ABOUT, 1, [])


def test_a_history_of_100_000_epochs_comes_back(tmp_path):
    written = snapshot(100_001)
    Checkpoints(tmp_path).write(written, ABOUT)
    assert (tmp_path / NAMES[0]).stat().st_size < 5e6
    came = found(tmp_path)[0].history
    assert len(came) == 100_000
    assert repr(came[-1]) == repr(written.history[-1])


def test_the_last_two_are_kept(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.newest() == (None, [])
    for epoch in range(1, 6):
        checkpoints.write(snapshot(epoch), ABOUT)
        numbers = [TensorFile(tmp_path / name).facts["number"] for name in NAMES if (tmp_path / name).exists()]
        assert sorted(numbers) == [epoch - 1, epoch][epoch == 1 :]
        assert found(tmp_path)[0].epoch == epoch
        checkpoints = Checkpoints(tmp_path)  # one that is resumed writes over the older, too
        checkpoints.newest()


def test_a_checkpoint_of_before_there_were_validation_parts_is_read(tmp_path):
    forged(tmp_path, validated="left out")
    assert_same(found(tmp_path)[0], snapshot())


def damages(content, count=200):
    rng = np.random.default_rng(0)
    for place in map(int, rng.choice(len(content), count, replace=False)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << int(rng.integers(8))
        yield bytes(flipped)
    yield from (content[:place] for place in map(int, rng.choice(len(content), count, replace=False)))


def test_200_flips_and_200_truncations_of_the_newest_are_named_and_the_one_before_it_is_used(two):
    content, used = (two / NAMES[1]).read_bytes(), 0
    for damaged in damages(content):
        (two / NAMES[1]).write_bytes(damaged)
        came, errors = found(two)
        if errors:
            assert re.search(re.escape(str(two / NAMES[1])), str(errors[0]))
            assert_same(came, snapshot(3))
            used += 1
        else:
            assert_same(came, snapshot(4))
    assert used >= 395


def test_the_damaged_one_is_written_over_first(two):
    for slot in (1, 0):
        (two / NAMES[slot]).write_bytes(b"damaged")
        checkpoints = Checkpoints(two)
        whole = (two / NAMES[1 - slot]).read_bytes()
        checkpoints.newest()
        checkpoints.write(snapshot(9), ABOUT)
        assert (two / NAMES[1 - slot]).read_bytes() == whole
        assert found(two)[0].epoch == 9


def test_where_both_are_damaged_both_are_named(two):
    for name in NAMES:
        (two / name).write_bytes((two / name).read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=rf"no checkpoint of .* can be used: .*{NAMES[0]}.*; .*{NAMES[1]}"):
        Checkpoints(two).newest()


def test_one_that_is_a_folder_is_named(two):
    (two / NAMES[1]).unlink()
    (two / NAMES[1]).mkdir()
    came, errors = found(two)
    assert came.epoch == 3
    assert "it is no file" in str(errors[0])


def forged(folder, arrays=None, **facts):
    """Replace facts and arrays of a checkpoint, and give it the checksum that it needs."""
    Checkpoints(folder).write(snapshot(), ABOUT)
    file = TensorFile(folder / NAMES[0])
    content = {**file.read(), **(arrays or {})}
    left_out = [name for name, array in content.items() if array is None]
    for name in left_out:
        del content[name]
    changed = {key: value for key, value in {**file.facts, **facts}.items() if value != "left out"}
    (folder / NAMES[0]).write_bytes(dump(content, changed))


DEEP = json.loads('{"list":[' * 102 + "]}" * 102)


@pytest.mark.parametrize(
    "facts",
    [
        *({name: "left out"} for name in ("format", "number", "about", "ended", "optimizer", "kept", "tested", "step")),
        *({"number": value} for value in (True, "1", None, 1.0, float("inf"), [1])),
        *({"epoch": value} for value in ("x", True, float("nan"), None, {})),
        *({"batch": value} for value in ("x", False, 1.5)),
        *({"about": value} for value in (None, [], "x", 3)),
        *({"ended": value} for value in (3, True, ["x"])),
        *({"stopped": value} for value in (3, True, ["x"])),
        *({"tested": value} for value in (3, None)),
        *({"validated": value} for value in (True, 3, None, [])),
        *({"shuffle": value} for value in (3, None, [])),
        *({"format": value} for value in (2, "1", True, None, [[[[]]]] * 9)),
        *(
            {"kept": value}
            for value in (
                None,
                {"dict": {"a": DEEP}},
                3,
                {"list": []},
                {"array": "theta"},
                {"dict": [1]},
                {"dict": None},
            )
        ),
        *(
            {"optimizer": value}
            for value in (
                [],
                {},
                {"array": "nowhere"},
                {"array": 3},
                {"array": ["theta"]},
                {"array": {}},
                {"by columns": "nowhere"},
                {"scalar": "nowhere"},
                {"tuple": 3},
                {"list": {"array": "theta"}, "tuple": []},
                {"set": []},
                {"__class__": "os.system"},
                {"dict": {"a": {"dict": 1}}},
                DEEP,
            )
        ),
    ],
    ids=lambda facts: repr(facts)[:50],
)
def test_facts_that_were_made_up_are_refused_though_their_checksum_is_right(facts, tmp_path):
    forged(tmp_path, **facts)
    with pytest.raises(CheckpointError, match=r"no checkpoint of .* can be used: ") as error:
        Checkpoints(tmp_path).newest()
    assert NAMES[0] in str(error.value)
    assert len(str(error.value)) < 700


@pytest.mark.parametrize(
    "arrays",
    [
        {"theta": None},
        {"good": None},
        {"history": None},
        {"optimizer.means": None},
        {"history": np.zeros(5)},
        {"history": np.zeros((2, 4))},
        {"history": np.zeros((2, 5, 1))},
        {"history": np.zeros((2, 5), np.float32)},
        {"history": np.zeros((2, 5), bool)},
        {"history": np.array(1.0)},
    ],
    ids=str,
)
def test_arrays_that_were_made_up_are_refused_though_their_checksum_is_right(arrays, tmp_path):
    forged(tmp_path, arrays)
    with pytest.raises(CheckpointError, match="holds no checkpoint: "):
        Checkpoints(tmp_path).newest()

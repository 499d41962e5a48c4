"""A run whose disk fails: the error names the file, nothing is half written, and a resume ends with the same bits."""

import errno
import json
import os
import re
import stat
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest
import safetensors.numpy
from failing_disk import FailingDisk
from kills import result as end_of
from tiny_runs import RECIPE, TABLE, Pause, resume, start

import chainrule_runs
from chainrule import ChainruleError, CheckpointError, Recipe, SettingError
from chainrule_cli.main import run as command
from chainrule_runs import RunFolder, checkpoints, load, prediction, saved
from chainrule_runs.tensors import TensorFile

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the calls of a system with fsync of folders and flock")

NUMBERS = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS, errno.EDQUOT)


def go_on(folder):
    """Resume a run, or start it where there is none, on a disk that is whole again, and quick."""
    with FailingDisk(folder).mounted():
        return resume(folder) if (folder / "recipe.toml").exists() else start(folder)


def is_finished(folder):
    with RunFolder.resume(folder) as run:
        return run.ended is not None


def assert_whole(folder, whole):
    """Nothing that is there is half written, and nothing is there that should not be."""
    there = {path.name for path in folder.iterdir()} if folder.exists() else set()
    assert there <= {".lock", "recipe.toml", "history.jsonl", "history.png", saved.NAME, *checkpoints.NAMES}
    for path in folder.glob("*.safetensors"):
        TensorFile(path).read()
    if "recipe.toml" in there:
        assert (folder / "recipe.toml").read_bytes() == (whole / "recipe.toml").read_bytes()
    if "history.jsonl" in there:
        text = (folder / "history.jsonl").read_text()
        assert text == "" or text.endswith("\n")
        records = [json.loads(line) for line in text.splitlines()]
        assert [record["epoch"] for record in records] == list(range(1, len(records) + 1))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of the run that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    start(folder)
    return folder


def calls_of(folder, work):
    with FailingDisk(folder).mounted() as disk:
        work()
    return len(disk.calls)


def fail_everywhere(folder_of, work, prepare=lambda folder: None):
    """Let each call of the system fail in turn, and yield the folder and the disk of each time that it mattered."""
    with FailingDisk(folder_of("count").parent).mounted():
        prepare(folder_of("count"))
    count = calls_of(folder_of("count"), lambda: work(folder_of("count")))
    assert count > 5
    for at in range(count):
        folder = folder_of(at)
        with FailingDisk(folder.parent).mounted():
            prepare(folder)
        disk = FailingDisk(folder, at, NUMBERS[at % len(NUMBERS)], stays=at % 2 == 0)
        try:
            with disk.mounted():
                told = work(folder) or [""]
        except ChainruleError as error:
            told = [str(error)]
        if told != [""] or not disk.failed.endswith(".lock"):  # a lock that is let go has nothing to lose
            assert str(folder) in told[0], f"nobody was told that {disk.failed} failed"
            assert os.strerror(disk.number) in told[0], disk.failed
        yield folder, disk


@pytest.fixture
def no_picture(monkeypatch):
    """Pictures take most of the time, and have a test of their own."""
    monkeypatch.setattr(RunFolder, "_draw", lambda *_: None)


def test_whatever_fails_in_a_run_it_is_told_and_the_run_can_go_on(tmp_path, whole, no_picture):
    finished = 0
    for folder, disk in fail_everywhere(lambda at: tmp_path / f"run{at}", start):
        assert_whole(folder, whole)
        ended = (folder / "recipe.toml").exists() and is_finished(folder)
        finished += ended
        if not ended:
            go_on(folder)
        assert end_of(folder) == end_of(whole), disk.failed
    assert finished > 0  # its last θ and its whole history were there before


def test_whatever_fails_in_a_resume_it_is_told_and_the_run_can_go_on(tmp_path, whole, no_picture):
    folders = fail_everywhere(lambda at: tmp_path / f"run{at}", resume, lambda folder: start(folder, [Pause(3)]))
    for folder, disk in folders:
        assert_whole(folder, whole)
        go_on(folder)
        assert end_of(folder) == end_of(whole), disk.failed


def test_whatever_fails_in_save_leaves_no_network_behind(tmp_path, whole):
    network = load(whole)

    def save(folder):
        chainrule_runs.save(folder, network, classes=["no", "yes"])

    for folder, disk in fail_everywhere(lambda at: tmp_path / f"net{at}", save):
        assert not folder.exists() or not list(folder.iterdir()), disk.failed
        save(folder)
        assert load(folder).theta.tobytes() == network.theta.tobytes()


@pytest.mark.parametrize("suffix", [".csv", ".npz"])
def test_whatever_fails_while_predictions_are_written_the_file_is_as_it_was(suffix, tmp_path, whole):
    table = tmp_path / "x.csv"
    table.write_text("0.5,1\n" * 3000)

    def predict(folder):
        saved_network = saved.open_saved(whole)
        prediction.write(saved_network, np.ones((3000, 2)), folder / f"out{suffix}")

    def prepare(folder):
        folder.mkdir()
        (folder / f"out{suffix}").write_bytes(b"as it was")

    for folder, disk in fail_everywhere(lambda at: tmp_path / f"out{at}", predict, prepare):
        assert [path.name for path in folder.iterdir()] == [f"out{suffix}"]
        is_as_it_was = (folder / f"out{suffix}").read_bytes() == b"as it was"
        assert is_as_it_was is (disk.failed not in ("open .", "fsync .")), disk.failed  # the flush of its new name


def test_a_picture_that_cannot_be_written_is_noted_and_the_run_is_whole(tmp_path, whole):
    pytest.importorskip("chainrule_plots")
    folder = tmp_path / "run"
    start(folder, [Pause(3)])
    (folder / "history.png").unlink()
    (folder / "history.png").mkdir()
    with RunFolder.resume(folder) as run:
        dataset = run.recipe.dataset()
        run.train(run.recipe.network(dataset), dataset)
        assert run.notes == [f"{folder / 'history.png'} could not be drawn: Is a directory"]
        assert run.ended == "its last epoch is done"
    assert end_of(folder) == end_of(whole)
    assert not list(folder.glob(".part*"))


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
from chainrule_cli.main import main
main(sys.argv[2:])
"""


@pytest.mark.parametrize("limit", [100, 600, 1500])
def test_a_file_that_the_system_will_not_let_grow(limit, tmp_path, whole):
    """No mocks: the system refuses to write beyond the limit, as it does on a full disk."""
    import tomli_w

    recipe, folder = tmp_path / "recipe.toml", tmp_path / "run"
    recipe.write_text(tomli_w.dumps(TABLE))
    arguments = [str(limit), "train", str(recipe), "--out", str(folder), "--checkpoint-seconds", "0"]
    done = subprocess.run([sys.executable, "-c", LIMITED, *arguments], capture_output=True, text=True)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert re.search(rf"Error: {folder}/\S+ cannot be written: File too large; make room", done.stderr), done.stderr
    assert_whole(folder, whole)
    go_on(folder)
    assert end_of(folder) == end_of(whole)


def test_a_picture_that_the_system_will_not_let_grow_is_noted(tmp_path, whole):
    import tomli_w

    recipe, folder = tmp_path / "recipe.toml", tmp_path / "run"
    recipe.write_text(tomli_w.dumps(TABLE))
    arguments = ["10000", "train", str(recipe), "--out", str(folder)]
    done = subprocess.run([sys.executable, "-c", LIMITED, *arguments], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, f"{folder}/history.png could not be drawn: File too large\n")
    assert f"\nwritten to {folder}: checkpoint-1" in done.stdout
    assert end_of(folder) == end_of(whole)


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_a_file_system_that_flushes_no_folders_is_good_enough(number, tmp_path, whole, monkeypatch):
    flush = os.fsync

    def fsync(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    start(tmp_path / "run")
    assert end_of(tmp_path / "run") == end_of(whole)


@pytest.mark.parametrize("parent", ["/proc/run", "/dev/null/run"])
def test_a_folder_that_nobody_may_make_is_named(parent):
    if not os.path.exists(os.path.dirname(parent)):
        pytest.skip("no such place")
    with pytest.raises(CheckpointError, match=rf"{parent} cannot be (written|read): "):
        start(parent)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_may_not_be_written_is_named_and_left_alone(tmp_path):
    folder = tmp_path / "run"
    start(folder, [Pause(3)])
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    folder.chmod(0o500)
    try:
        with pytest.raises(CheckpointError, match="cannot be written: Permission denied"):
            resume(folder)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
        load(folder)
    finally:
        folder.chmod(0o700)


# What a folder should not be led to


@pytest.mark.parametrize("name", [".lock", *(f".{name}.part" for name in ("history.jsonl", *checkpoints.NAMES))])
@pytest.mark.parametrize("make", ["link", "FIFO", "folder"])
def test_a_trap_in_a_folder_neither_hangs_nor_leads_elsewhere(name, make, tmp_path, whole):
    folder, victim = tmp_path / "run", tmp_path / "victim"
    start(folder, [Pause(3)])
    victim.write_text("precious")
    trap = folder / name
    trap.unlink(missing_ok=True)
    {"link": lambda: trap.symlink_to(victim), "FIFO": lambda: os.mkfifo(trap), "folder": trap.mkdir}[make]()
    with suppress(CheckpointError):
        resume(folder)
    assert victim.read_text() == "precious"
    if trap.is_dir():
        trap.rmdir()
    trap.unlink(missing_ok=True)
    resume(folder)
    assert end_of(folder) == end_of(whole)


# Damaged checkpoints


@pytest.fixture
def paused(tmp_path):
    folder = tmp_path / "run"
    start(folder, [Pause(3)])
    return folder


def newest(folder):
    return max((folder / name for name in checkpoints.NAMES), key=lambda path: TensorFile(path).facts["number"])


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_is_used(damage, paused, whole):
    path = newest(paused)
    content = bytearray(path.read_bytes())
    content[-5] ^= 4
    path.write_bytes({"flip": content, "cut": content[:-7], "empty": b""}[damage])
    notes = resume(paused)
    assert len(notes) == 1
    assert str(path) in notes[0]
    assert notes[0].endswith("the checkpoint before it is used")
    assert end_of(paused) == end_of(whole)
    for name in checkpoints.NAMES:
        TensorFile(paused / name).read()


def test_a_resume_from_the_one_before_can_be_killed_while_it_writes(paused, whole):
    path = newest(paused)
    path.write_bytes(path.read_bytes()[:-1])
    for at in range(40):  # a failure at any call is a kill, but for what it cleans up
        with FailingDisk(paused, at, errno.EIO).mounted(), suppress(ChainruleError):
            resume(paused)
    resume(paused)
    assert end_of(paused) == end_of(whole)


def test_two_damaged_checkpoints_are_an_error_that_names_them(paused):
    for name in checkpoints.NAMES:
        (paused / name).write_bytes((paused / name).read_bytes()[:-1])
    with pytest.raises(CheckpointError) as error:
        resume(paused)
    for name in checkpoints.NAMES:
        assert name in str(error.value)
    assert load(paused)


def test_200_flips_and_200_truncations_of_the_parameters_never_give_another_theta(whole, tmp_path):
    """As with the recipe below: what loads is what was saved."""
    theta, content = load(whole).theta.tobytes(), (whole / saved.NAME).read_bytes()
    (tmp_path / "recipe.toml").write_bytes((whole / "recipe.toml").read_bytes())
    assert flip_and_cut(tmp_path / saved.NAME, content, theta) >= 390


def test_200_flips_and_200_truncations_of_the_recipe_never_give_another_theta(whole, tmp_path):
    theta, content = load(whole).theta.tobytes(), (whole / "recipe.toml").read_bytes()
    (tmp_path / saved.NAME).write_bytes((whole / saved.NAME).read_bytes())
    assert flip_and_cut(tmp_path / "recipe.toml", content, theta) >= 100


def flip_and_cut(path, content, theta):
    x, rng = np.array([[0.0, 1.0], [1.0, 1.0]]), np.random.default_rng(0)
    scores = load_with(path, content).predict(x).tobytes()
    messages = []
    for place in map(int, rng.choice(len(content), 200, replace=False)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << int(rng.integers(8))
        for damaged in (bytes(flipped), content[:place]):
            try:
                network = load_with(path, damaged)
            except ChainruleError as error:
                messages.append(str(error))
            else:
                assert network.theta.tobytes() == theta
                assert network.predict(x).tobytes() == scores
    assert all(str(path.parent) in message for message in messages)
    return len(messages)


def load_with(path, content):
    path.write_bytes(content)
    return load(path.parent)


def test_the_parameters_are_theta_for_safetensors_alone(whole):
    network = load(whole)
    found = safetensors.numpy.load_file(whole / saved.NAME)
    assert list(sorted(found)) == ["0.W", "0.b", "2.W", "2.b"]
    for name, view in network.parameters.items():
        assert found[name].tobytes() == view.tobytes()


# What is there when


def test_data_that_are_refused_leave_no_run_behind(tmp_path):
    wrong = RECIPE.override("training.loss=signed_logistic")
    with pytest.raises(ChainruleError, match="expected -1 or 1"):
        start(tmp_path / "run", recipe=wrong)
    start(tmp_path / "run")


def test_a_folder_that_another_process_took_in_the_meantime_is_refused(tmp_path, monkeypatch):
    check, asked = saved.check_free, []

    def check_free(folder):
        check(folder)
        if not asked:
            asked.append(folder)
            start(folder)

    monkeypatch.setattr(saved, "check_free", check_free)
    with pytest.raises(SettingError, match="expected one without a run"):
        start(tmp_path / "run")
    RunFolder.resume(tmp_path / "run").__exit__()


def test_what_a_hook_keeps_and_nobody_can_write_is_told_at_once(tmp_path):
    class Keeps:
        def chainrule_training_started(self, run):
            run.kept["mine"] = {"layers": [object()]}

    with pytest.raises(
        CheckpointError, match=r"kept\.mine\.layers\[0\] cannot be written to a checkpoint.* got object"
    ):
        start(tmp_path / "run", [Keeps()])


# Recipes and versions


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("learning_rate = 0.1", "learning_rate = 0.2"),
        ("epochs = 2", "epochs = 1"),
        ("batch_size = 2", "batch_size = 1"),
        ("rate = 0.2", "rate = 0.3"),
        ("[training]", "[training]\nseed = 1"),
        ("learning_rate = 0.1", "learning_rate = 2020-01-01"),
    ],
)
def test_a_recipe_that_was_edited_is_not_resumed(old, new, paused):
    path = paused / "recipe.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(CheckpointError, match=r"recipe\.toml is not the recipe of the checkpoint; put it back"):
        resume(paused)
    path.write_text(text)
    resume(paused)


def other_versions(folder):
    path = folder / "recipe.toml"
    text = path.read_text()
    path.write_text(re.sub(r'chainrule-affine = "[^"]*"', 'chainrule-affine = "0.0.9"', text))
    assert path.read_text() != text


def test_a_run_of_another_version_loads_and_is_resumed_with_force_alone(paused, whole, capsys):
    other_versions(paused)
    now = RECIPE.versions()["chainrule-affine"]
    assert load(paused)
    assert command(["evaluate", str(paused), "--part", "train"]) == 0
    capsys.readouterr()
    assert command(["train", "--resume", str(paused)]) == 1
    error = capsys.readouterr().err
    assert f"versions: expected chainrule-affine 0.0.9, got chainrule-affine {now}; " in error
    assert "--force" in error
    assert command(["train", "--resume", str(paused), "--force"]) == 0
    error = capsys.readouterr().err
    assert f"made with chainrule-affine 0.0.9, and goes on with chainrule-affine {now}: the last bits may" in error
    assert end_of(paused) == end_of(whole)  # for the version is the same in truth


def test_a_distribution_that_the_run_did_not_have_is_named_and_nothing_to_install(paused, capsys):
    path = paused / "recipe.toml"
    path.write_text(re.sub(r'chainrule-affine = "[^"]*"\n', "", path.read_text()))
    assert command(["train", "--resume", str(paused)]) == 1
    now = RECIPE.versions()["chainrule-affine"]
    assert (
        f"versions: expected chainrule-affine not used, got chainrule-affine {now}; resume with --force: the last"
        in (capsys.readouterr().err)
    )


def test_a_run_of_another_version_without_a_checkpoint_begins_again(paused, whole):
    other_versions(paused)
    for name in checkpoints.NAMES:
        (paused / name).unlink()
    assert resume(paused) == ["no checkpoint had been written: the run begins again"]
    assert end_of(paused) == end_of(whole)
    assert (paused / "recipe.toml").read_bytes() == (whole / "recipe.toml").read_bytes()


@pytest.mark.parametrize("value", [None, np.int64(3), object(), "\udc80"])
def test_a_recipe_that_toml_cannot_say_is_refused_before_it_runs(value, tmp_path):
    recipe = Recipe({**TABLE, "training": {**TABLE["training"], "batch_size": 2, "hooks": [value]}})
    with pytest.raises(CheckpointError, match=r"the recipe cannot be written as TOML: .*; a recipe that is kept takes"):
        start(tmp_path / "run", recipe=recipe)
    assert not (tmp_path / "run").exists()


# Networks of every kind


@pytest.mark.parametrize(
    ("layers", "dtype", "loss"),
    [
        ([{"use": "affine", "units": 1}], "float64", "logistic"),
        (["relu"], "float32", "cross_entropy"),  # no parameters
    ],
)
def test_kinds_of_networks_are_resumed(layers, dtype, loss, tmp_path):
    training = {**TABLE["training"], "loss": loss}
    recipe = Recipe({**TABLE, "network": {"layers": layers, "dtype": dtype}, "training": training})
    start(tmp_path / "whole", recipe=recipe)
    start(tmp_path / "run", [Pause(3)], recipe=recipe)
    resume(tmp_path / "run")
    assert end_of(tmp_path / "run") == end_of(tmp_path / "whole")
    assert load(tmp_path / "run").dtype == dtype

"""Two processes on one folder."""

import errno
import os
import signal
import subprocess
import sys

import pytest

from chainrule import ChainruleWarning, CheckpointError
from chainrule_runs import RunFolder, lock
from chainrule_runs.lock import NAME, Lock

pytestmark = pytest.mark.skipif(lock.fcntl is None, reason="Windows guards no folder")

HOLD = """
import pathlib, sys
from chainrule_runs.lock import Lock
lock = Lock(pathlib.Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_the_second_process_is_refused_with_the_id_of_the_first_and_a_kill_lets_go(holder, tmp_path):
    with pytest.raises(CheckpointError, match=rf"{tmp_path} is being written by process {holder.pid}; wait until"):
        Lock(tmp_path)
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    Lock(tmp_path).release()


def test_a_lock_that_was_refused_takes_nothing_away(holder, tmp_path):
    for _ in range(2):
        with pytest.raises(CheckpointError, match=f"process {holder.pid}"):
            Lock(tmp_path)


def test_one_process_cannot_hold_a_folder_twice(tmp_path):
    first = Lock(tmp_path)
    with pytest.raises(CheckpointError, match=f"by process {os.getpid()}"):
        Lock(tmp_path)
    first.release()
    first.release()
    Lock(tmp_path).release()


def test_nothing_stays_behind(tmp_path):
    Lock(tmp_path).release()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_its_holder_removes_before_it_is_taken_is_no_lock(tmp_path, monkeypatch):
    flock, times = lock.fcntl.flock, []

    def slow(descriptor, how):
        times.append(1)
        if len(times) < 3:
            (tmp_path / NAME).unlink()
        if len(times) == 2:
            (tmp_path / NAME).touch()  # another's, who has not taken it yet
        flock(descriptor, how)

    monkeypatch.setattr(lock.fcntl, "flock", slow)
    held = Lock(tmp_path)
    assert len(times) == 3
    assert (tmp_path / NAME).read_text() == f"{os.getpid()}\n"
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match=f"by process {os.getpid()}"):
        Lock(tmp_path)
    held.release()


RACE = """
import pathlib, sys
from chainrule import CheckpointError
from chainrule_runs.lock import Lock
folder, held = pathlib.Path(sys.argv[1]), 0
print("ready", flush=True)
sys.stdin.readline()
while held < 300:
    try:
        lock = Lock(folder)
    except CheckpointError:
        continue
    (folder / "inside").touch(exist_ok=False)
    (folder / "inside").unlink()
    lock.release()
    held += 1
"""


def test_of_processes_that_take_turns_one_at_a_time_is_in(tmp_path):
    command = [sys.executable, "-c", RACE, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(4)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    errors = [process.communicate()[1] for process in processes]
    assert errors == [""] * 4
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\0", b"hello\n", b"-1", b"1" * 10**6])
def test_what_is_no_id_is_another_process(content, tmp_path):
    held = Lock(tmp_path)
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(CheckpointError, match=r"is being written by (another process|process 1{20});") as error:
        Lock(tmp_path)
    assert len(str(error.value)) < 500
    held.release()


@pytest.fixture
def failing_flock(monkeypatch):
    """Let the system refuse to lock, with the number that is given."""

    def fails(number):
        def flock(*_):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(lock.fcntl, "flock", flock)

    return fails


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks_is_used_with_a_warning(number, tmp_path, failing_flock):
    failing_flock(number)
    reason = os.strerror(number)
    with pytest.warns(ChainruleWarning, match=rf"{tmp_path} is on a file system without locks \({reason}\): two"):
        held = Lock(tmp_path)
    with pytest.warns(ChainruleWarning, match="two processes that write there at once are not told apart; see to it"):
        Lock(tmp_path).release()
    held.release()
    assert list(tmp_path.iterdir()) == []


def test_a_run_trains_on_a_file_system_without_locks(chainrule, recipe, folder, failing_flock):
    failing_flock(errno.ENOLCK)
    shown = chainrule("train", recipe(), "--out", "run")
    assert shown.status == 0
    assert shown.err.count("is on a file system without locks (No locks available)") == 1
    assert (folder / "run" / "parameters.safetensors").exists()
    with pytest.warns(ChainruleWarning, match="without locks"), RunFolder.resume(folder / "run"):
        pass


@pytest.mark.parametrize("number", [errno.EIO, errno.EINTR, errno.EBADF])
def test_a_lock_that_fails_for_another_reason_is_an_error(number, tmp_path, failing_flock):
    failing_flock(number)
    with pytest.raises(CheckpointError, match=rf"\.lock cannot be written: {os.strerror(number)}"):
        Lock(tmp_path)


def test_no_descriptor_stays_open(tmp_path):
    held = Lock(tmp_path)
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else pytest.skip("no /proc")
    for _ in range(5):
        with pytest.raises(CheckpointError):
            Lock(tmp_path)
    assert len(os.listdir("/proc/self/fd")) == before
    held.release()

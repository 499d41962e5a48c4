"""Where compiled kernels are kept: what the disk refuses costs time, and no run."""

import errno
import itertools
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import numba
import pytest

import chainrule_numba
from chainrule_numba import relu
from chainrule_numba.disk import DiskCache

FOLDER = Path(chainrule_numba.__file__).parent
USE = """
import sys
import numpy as np
import chainrule_numba
from chainrule_numba import MaxPool2d, ReLU
assert chainrule_numba.__file__.startswith(sys.path[0])
{before}
assert ReLU().forward(np.array([[-1.0, 2.0]])).tolist() == [[0, 2]]
assert MaxPool2d(2).forward(np.arange(32.0).reshape(1, 2, 2, 8)).ravel().tolist() == list(range(24, 32))
"""
COMPILES = "chainrule-numba compiles its kernels, which takes some seconds; "
KEPT = COMPILES + "they are kept for later runs\n"
REFUSED = "chainrule-numba cannot keep its kernels, and later runs compile them anew: "
NOT_KEPT = "they cannot be kept for later runs, as no folder for them can be written; NUMBA_CACHE_DIR may name one\n"


def run(source, before="", **environment):
    """Return what a process says that uses kernels of `source`, a folder or an archive; it has no home."""
    code = f"import sys; sys.path.insert(0, {os.fspath(source)!r})\n" + USE.format(before=before)
    for name in ("PATH", "SYSTEMROOT"):
        environment[name] = os.environ.get(name, "")
    command = [sys.executable, "-W", "error", "-B", "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture
def archive(tmp_path):
    """Beside which nothing can be written: numba's own case is a name that ends in .zip."""

    def packed(name):
        with zipfile.ZipFile(tmp_path / name, "w") as file:
            for path in FOLDER.glob("*.py"):
                file.write(path, f"chainrule_numba/{path.name}")
        return tmp_path / name

    return packed


@pytest.fixture
def nowhere(tmp_path):
    """A home where no folder can be made, whoever asks."""
    (tmp_path / "file").touch()
    return {name: str(tmp_path / "file" / "home") for name in ("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA")}


def test_without_any_folder_to_write_kernels_are_compiled_in_each_run(archive, nowhere, tmp_path):
    impossible = str(tmp_path / "file" / "cache")
    assert run(archive("kernels.pyz"), NUMBA_CACHE_DIR=impossible, **nowhere) == COMPILES + NOT_KEPT


def test_where_the_disk_takes_nothing_kernels_run_and_the_reason_is_told_once(archive, nowhere):
    kept, refused = run(archive("kernels.zip"), **nowhere).splitlines()
    assert kept + "\n" == KEPT
    assert refused.startswith(f"{REFUSED}[Errno {errno.ENOTDIR}] ")


def test_a_disk_that_fails_later_ends_no_run(tmp_path):
    gone = "import pathlib, shutil\nfor folder in pathlib.Path({0!r}).iterdir(): shutil.rmtree(folder); folder.touch()"
    kept, refused = run(FOLDER.parent, gone.format(str(tmp_path)), NUMBA_CACHE_DIR=str(tmp_path)).splitlines()
    assert kept + "\n" == KEPT
    assert refused.startswith(REFUSED)


def test_what_is_damaged_is_compiled_anew_and_kept(tmp_path):
    assert run(FOLDER.parent, NUMBA_CACHE_DIR=str(tmp_path)) == KEPT
    (empty,), (cut,) = tmp_path.rglob("relu.cut_off*.nbc"), tmp_path.rglob("windows.write_maxima*.nbc")
    whole = [empty.stat().st_size, cut.stat().st_size]
    empty.write_bytes(b"")
    cut.write_bytes(cut.read_bytes()[: whole[1] // 2])
    assert run(FOLDER.parent, NUMBA_CACHE_DIR=str(tmp_path)) == KEPT
    assert [empty.stat().st_size, cut.stat().st_size] == whole
    assert run(FOLDER.parent, NUMBA_CACHE_DIR=str(tmp_path)) == ""


def test_what_another_file_has_changed_is_compiled_anew(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "chainrule_numba", ignore=shutil.ignore_patterns("__pycache__"))
    kept = {"NUMBA_CACHE_DIR": str(tmp_path / "kept")}
    assert run(tmp_path, **kept) == KEPT
    assert run(tmp_path, **kept) == ""
    with (tmp_path / "chainrule_numba" / "compiled.py").open("a", encoding="utf-8") as file:
        file.write("# a function that kernels call may be another now\n")
    assert run(tmp_path, **kept) == KEPT


def kept():
    """Return what keeps the kernel `cut_off`, as a new process would have it."""
    return DiskCache(relu.cut_off.__wrapped__)._cache_file


@pytest.mark.parametrize("order", sorted({*itertools.permutations("aabb")}))
def test_of_two_processes_that_keep_kernels_at_once_none_reads_the_others(order, tmp_path, monkeypatch):
    """Each file that is put in place is a turn; whatever the order of the turns, and after each of them."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    turns, waiting, replace = list(order), threading.Condition(), os.replace

    def in_turn(*names):
        with waiting:
            waiting.wait_for(lambda: turns[0] == threading.current_thread().name)
            replace(*names)
            found = {key: kept().load(key) for key in "ab"}
            assert all(made in (None, key * 9) for key, made in found.items()), found
            turns.pop(0)
            waiting.notify_all()

    def save(key):
        try:
            kept().save(key, key * 9)
        except BaseException as error:
            failed.append(error)
        with waiting:  # who needs fewer turns gives up the others
            turns[:] = [name for name in turns if name != key]
            waiting.notify_all()

    failed = []
    monkeypatch.setattr(os, "replace", in_turn)
    threads = [threading.Thread(target=save, args=key, name=key) for key in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert {key: kept().load(key) for key in "ab"} == {"a": "a" * 9, "b": "b" * 9}

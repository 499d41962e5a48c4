import json
import os
import re
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from chainrule_cli.progress import stop_on_interrupt


@pytest.fixture
def script():
    """The command as it was installed beside this Python."""
    found = shutil.which("chainrule", path=str(Path(sys.executable).parent))
    assert found is not None
    return found


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot send SIGINT to one child process")
def test_ctrl_c_ends_a_run_after_its_batch_and_writes_what_it_has(script, tmp_path):
    command = [script, "train", "digits", "--set", "training.epochs=100000", "--out", str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8") as process:
        try:
            next(line for line in process.stdout if re.match(r"epoch +1/", line))
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "stopped by Ctrl-C" in out
    assert err == ""
    lines = (tmp_path / "run" / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == list(range(1, len(lines) + 1))
    assert f"\n{len(lines)} epoch" in out
    parameters = safetensors.numpy.load_file(tmp_path / "run" / "parameters.safetensors")
    assert all(np.isfinite(array).all() for array in parameters.values())
    assert f"train --resume {tmp_path / 'run'}" in out
    more = [script, "train", "--resume", str(tmp_path / "run")]
    with subprocess.Popen(more, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8") as process:
        try:
            assert re.match(rf"epoch +{len(lines) + 1}/", next(line for line in process.stdout if "epoch " in line))
        finally:
            process.kill()


def test_a_second_ctrl_c_ends_the_program_at_once():
    with stop_on_interrupt() as interrupt:
        signal.raise_signal(signal.SIGINT)
        assert interrupt.asked
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_command_in_another_thread_leaves_ctrl_c_to_the_main_one():
    before = signal.getsignal(signal.SIGINT)

    def command():
        with stop_on_interrupt() as interrupt:
            return signal.getsignal(signal.SIGINT), interrupt.asked

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(command).result() == (before, False)


def test_ctrl_c_means_what_it_did_before_once_the_run_is_over():
    before = signal.getsignal(signal.SIGINT)
    with stop_on_interrupt():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before

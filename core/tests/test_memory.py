import subprocess
import sys

import pytest


def kept(setup):
    code = f"{setup}\nimport chainrule\nprint(chainrule.keep_memory())"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is Linux's")
def test_glibc_keeps_memory():
    assert kept("") == "True"


@pytest.mark.parametrize(
    "setup",
    [
        "import sys; sys.platform = 'darwin'",
        "import ctypes; ctypes.CDLL = lambda name: object()",  # a C library without mallopt
    ],
)
def test_elsewhere_nothing_happens(setup):
    assert kept(setup) == "False"

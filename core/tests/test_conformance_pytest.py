"""The front for pytest, in projects of its own."""

import re
import subprocess
import sys

import pytest

LAYERS = """\
from dataclasses import dataclass
from chainrule import Elementwise
from chainrule.conformance import LayerCase

@dataclass(frozen=True)
class Square(Elementwise):
    def forward(self, x):
        return x * x
    def derivative(self, x, y):
        return 2 * x

class Cube(Square):
    def forward(self, x):
        return x * x * x

RIGHT = [LayerCase("square", Square(), (3,))]
WRONG = LayerCase("cube", Cube(), (3,))
REASONS = dict.fromkeys(["gradient.input", "gradient.shapes", "gradient.network"], "on purpose")
DECLARED = LayerCase("cube", Cube(), (3,), expected_failures=REASONS)
STALE = LayerCase("square", Square(), (3,), expected_failures={"gradient.input": "once it was wrong"})
"""


IMPORTS = """\
from chainrule.conformance import conformance
from layers import *
"""


@pytest.fixture
def project(tmp_path):
    """Return a function that writes a test module and runs pytest there."""
    (tmp_path / "layers.py").write_text(LAYERS)

    def run(test="", *arguments):
        (tmp_path / "test_it.py").write_text(f"{IMPORTS}{test}")
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)

    return run


def counts(done):
    line = done.stdout.strip().splitlines()[-1]
    return {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|skipped|xfailed|error)", line)}


@pytest.mark.parametrize("parameter", ["check", "law"])
def test_a_right_layer_passes_one_item_for_each_check(project, parameter):
    done = project(f"@conformance(RIGHT)\ndef test_square({parameter}):\n    {parameter}()\n")
    assert done.returncode == 0, done.stdout
    from chainrule.conformance import catalogue

    found = counts(done)
    assert found["passed"] > 50
    assert found["passed"] + found["skipped"] == len(catalogue())


def test_a_function_without_a_parameter_will_do(project):
    done = project("@conformance(WRONG)\ndef test_cube():\n    pass\n", "-k", "gradient.input")
    assert counts(done)["failed"] == 1


def test_a_wrong_layer_fails_with_what_a_person_can_act_on(project):
    done = project("@conformance(WRONG)\ndef test_cube(check):\n    check()\n")
    assert done.returncode == 1
    assert "FAILED gradient.input   The Jacobian of the input equals the numerical one, entry by entry." in done.stdout
    assert re.search(r"∂y\[\d\]/∂x\[\d\] of sample \d: the layer's [-\d.]+, numerical [-\d.]+", done.stdout)
    assert "test_it.py::test_cube[cube::gradient.input]" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_declared_failure_is_xfailed_and_a_stale_one_fails(project):
    done = project("@conformance(DECLARED)\ndef test_cube(check):\n    check()\n", "-k", "input or shapes or network")
    assert done.returncode == 0, done.stdout
    assert counts(done)["xfailed"] == 3
    done = project("@conformance(STALE)\ndef test_square(check):\n    check()\n", "-k", "gradient.input")
    assert counts(done)["failed"] == 1
    assert "take it out of expected_failures" in done.stdout


def test_the_option_collects_a_target_without_any_test(project):
    done = project("", "--chainrule-conformance", "layers:RIGHT")
    assert done.returncode == 0, done.stdout
    assert counts(done)["passed"] > 50
    done = project("", "--chainrule-conformance", "layers:WRONG", "-k", "gradient.input")
    assert counts(done) == {"failed": 1}
    assert "FAILED layers:WRONG::cube::gradient.input" in done.stdout


def test_an_unknown_target_is_a_usage_error(project):
    done = project("", "--chainrule-conformance", "chainrule-x")
    assert done.returncode == 4
    expected = (
        "ERROR: --chainrule-conformance chainrule-x: nothing to check is called 'chainrule-x'; did you mean chainrule"
    )
    assert done.stderr.startswith(expected)


def test_without_being_asked_it_collects_nothing(project):
    done = project("def test_own():\n    pass\n", "--collect-only")
    assert done.stdout.splitlines()[0] == "test_it.py::test_own"
    assert "1 test collected" in done.stdout


def test_the_plug_in_imports_nothing_that_pytest_has_not():
    code = (
        "import sys, pytest; before = set(sys.modules); import chainrule.conformance.pytest_plugin;"
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "['chainrule', 'chainrule.conformance', 'chainrule.conformance.pytest_plugin']"

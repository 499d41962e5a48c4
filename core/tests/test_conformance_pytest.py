"""The front for pytest, in projects of its own."""

import json
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


def not_applicable(done):
    said = re.findall(r"^chainrule conformance: ([\d,]+) checks do not apply to their cases$", done.stdout, re.M)
    assert len(said) == 1, done.stdout
    return int(said[0].replace(",", ""))


@pytest.mark.parametrize("parameter", ["check", "law"])
def test_a_right_layer_passes_one_item_for_each_check(project, parameter):
    done = project(f"@conformance(RIGHT)\ndef test_square({parameter}):\n    {parameter}()\n")
    assert done.returncode == 0, done.stdout
    from chainrule.conformance import catalogue

    found = counts(done)
    assert found["passed"] > 50
    assert set(found) == {"passed"}
    assert found["passed"] + not_applicable(done) == len(catalogue())


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


SQUARE = "@conformance(RIGHT)\ndef test_square(check):\n    check()\n"


@pytest.mark.parametrize(
    "test, arguments",
    [
        (SQUARE, ["-n", "2"]),
        (SQUARE.replace("check", ""), []),
        ("", ["--chainrule-conformance", "layers:RIGHT"]),
        ("", ["--chainrule-conformance", "layers:RIGHT", "-n", "2"]),
    ],
)
def test_what_does_not_apply_is_counted_by_itself_however_it_is_run(project, tmp_path, test, arguments):
    """Some of it is known without running a check, and is not collected; some only shows as it runs."""
    code = (
        "import json; from chainrule.conformance import check; from layers import RIGHT; report = check(RIGHT);"
        "print(json.dumps([report.counts, sum(bool(result.seconds) for result in report.not_applicable)]))"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=True, timeout=120)
    expected, as_it_ran = json.loads(found.stdout)
    assert 0 < as_it_ran < expected["not_applicable"]
    done = project(test, *arguments)
    assert counts(done) == {"passed": expected["passed"]}
    assert not_applicable(done) == expected["not_applicable"]


def test_a_skip_of_others_is_a_skip(project):
    done = project("import pytest\ndef test_own():\n    pytest.skip('not applicable: a trait')\n")
    assert counts(done) == {"skipped": 1}
    assert "do not apply" not in done.stdout


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

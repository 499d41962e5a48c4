import json
import re
import shlex
from xml.etree import ElementTree

import pytest

from chainrule.conformance import SUITE_VERSION, catalogue

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

RIGHT = LayerCase("square", Square(), (3,))
WRONG = LayerCase("cube", Cube(), (3,))
"""


@pytest.fixture
def layers(folder):
    (folder / "layers.py").write_text(LAYERS)


def test_without_a_target_all_that_is_installed_is_checked(chainrule):
    shown = chainrule("check", "--only", "gradient.input")  # each distribution's own tests ask for the other checks
    assert shown.status == 0
    assert shown.out.endswith("verdict: incomplete\n")  # most checks are deselected, none has failed
    for name in ("scaled", "affine", "conv2d/plain", "max_pool2d/halves", "numba/conv2d/plain", "logistic"):
        assert re.search(rf"^{name}\S*: ", shown.out, re.MULTILINE), name


def test_a_registered_name_is_checked_in_all_that_offer_it(chainrule):
    shown = chainrule("check", "relu", "chainrule-losses:cross_entropy")
    assert shown.status == 0
    assert re.findall(r"^(\S+): (\w+)", shown.out, re.MULTILINE)[:6] == [
        ("relu", "ReLU"),
        ("relu/picture", "ReLU"),
        ("numba/relu", "ReLU"),
        ("numba/relu/picture", "ReLU"),
        ("cross_entropy", "CrossEntropy"),
        ("cross_entropy/two", "CrossEntropy"),
    ]


def test_a_wrong_layer_exits_with_1_and_the_command_that_repeats_it(chainrule, layers, monkeypatch):
    monkeypatch.delenv("UV", raising=False)
    shown = chainrule("check", "layers:WRONG", "--seed", "3")
    assert shown.status == 1
    command = "chainrule check layers:WRONG --seed 3 --only cube::gradient.input"
    assert f"reproduce: {command}" in shown.out
    (message,) = re.findall(r"FAILED gradient.input .*\n +(∂y.*)\n", shown.out)
    again = chainrule("check", "layers:WRONG", "--seed", "3", "--only", "cube::gradient.input")
    assert message in again.out
    assert again.status == 1


def test_a_selection_that_passes_is_incomplete_and_exits_with_0(chainrule, layers):
    shown = chainrule("check", "layers:RIGHT", "--only", "gradient")
    assert shown.status == 0
    assert shown.out.endswith("verdict: incomplete\n")


def test_json_and_junit(chainrule, layers, folder):
    shown = chainrule("check", "layers:RIGHT", "layers:WRONG", "--json", "a.json", "--junit", "a.xml")
    assert shown.status == 1
    report = json.loads((folder / "a.json").read_text(encoding="utf-8"))
    assert report["verdict"] == "failed"
    assert report["counts"]["failed"] > 0
    suites = ElementTree.parse(folder / "a.xml").getroot()
    assert [suite.get("name") for suite in suites] == ["square", "cube"]
    assert {suite.get("tests") for suite in suites} == {str(len(catalogue()))}
    assert [suite.get("failures") != "0" for suite in suites] == [False, True]
    failed = suites.find("./testsuite[@name='cube']/testcase[@name='gradient.input']/failure")
    assert "numerical" in failed.text


def test_a_registered_layer_without_a_case_fails_the_run(chainrule, layers, folder):
    info = folder / "made_up-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: made-up\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[chainrule.layers]\nmade_square = layers:Square\n")
    from chainrule import registry

    registry.default.refresh()
    import sys

    sys.path.insert(0, str(folder))
    try:
        shown = chainrule("check", "made-up", "--junit", "a.xml")
    finally:
        sys.path.remove(str(folder))
        registry.default.refresh()
    assert shown.status == 1
    assert "layer made-up:made_square: UNCHECKED" in shown.out
    suites = ElementTree.parse(folder / "a.xml").getroot()
    assert suites.find("./testsuite[@name='unchecked']").get("failures") == "1"


def test_explain_and_list_run_nothing(chainrule):
    shown = chainrule("check", "--explain", "gradient.out")
    assert shown.status == 0
    assert "gradient.out (must, since suite 1.0)" in shown.out
    assert "vjp and vjp_params overwrite every entry" in shown.out
    assert "applies to: a layer and a layer with parameters" in shown.out
    listed = chainrule("check", "--list").out
    assert f"suite {SUITE_VERSION}: {len(catalogue())} checks" in listed
    assert all(f"\n{entry.id} " in listed for entry in catalogue())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--explain", "gradient.inputs"], "no check 'gradient.inputs'; did you mean gradient.input"),
        (["relu", "--only", "gradent"], "no check 'gradent'; "),
        (["rellu"], "nothing to check is called 'rellu'; did you mean relu"),
        (["numpy:array"], "numpy:array gives no cases: TypeError: array() missing"),
        (["layers:Nothing"], "layers:Nothing cannot be loaded: AttributeError"),
        (["relu", "--json", "no/folder/a.json"], "no/folder/a.json: expected a file in a folder that exists"),
        (
            ["chainrule-cli"],
            "chainrule-cli: expected a distribution with layers, losses, optimizers, preparations or cases",
        ),
    ],
)
def test_mistakes(chainrule, layers, arguments, message):
    shown = chainrule("check", *arguments)
    assert shown.status in (1, 2)
    assert message in shown.err


def test_the_command_that_repeats_a_check_is_quoted(chainrule, folder, monkeypatch):
    monkeypatch.delenv("UV", raising=False)
    (folder / "layers.py").write_text(LAYERS.replace('"cube"', '"my cube\'s"'))
    shown = chainrule("check", "layers:WRONG", "--only", "gradient.input")
    (command,) = re.findall(r"reproduce: chainrule (.*)", shown.out)
    assert shlex.split(command) == ["check", "layers:WRONG", "--seed", "0", "--only", "my cube's::gradient.input"]
    again = chainrule(*shlex.split(command))
    assert (again.status, "FAILED gradient.input" in again.out) == (1, True)

import pytest

import chainrule_cli.gradcheck

WRONG = """\
from dataclasses import dataclass
from chainrule import Elementwise

@dataclass(frozen=True)
class Square(Elementwise):
    def forward(self, x):
        return x * x

    def derivative(self, x, y):
        return 3 * x
"""


@pytest.mark.parametrize("name", ["digits", "digits-cnn", "xor"])
def test_the_recipes_that_ship_have_right_derivatives(chainrule, name):
    shown = chainrule("gradcheck", name)
    assert shown.status == 0
    assert shown.out.endswith("all derivatives agree\n")
    assert "WRONG" not in shown.out


def test_the_input_and_every_parameter_are_checked(chainrule):
    rows = [line.split() for line in chainrule("gradcheck", "digits", "--entries", "20").out.splitlines()]
    checked = {row[0]: " ".join(row[1:4]) for row in rows if "of" in row[:3]}
    assert checked == {
        "x": "20 of 256",
        "1.W": "20 of 4,096",
        "1.b": "20 of 64",
        "2.W": "20 of 640",
        "2.b": "10 of 10",
    }


def test_more_samples_are_a_larger_input(chainrule):
    assert "128 of 128" in chainrule("gradcheck", "digits", "--samples", "2").out


def test_a_wrong_derivative_is_found_and_placed(chainrule, recipe):
    path = recipe(('{ use = "tanh" }', '{ use = "wrong_square:Square" }'))
    (path.parent / "wrong_square.py").write_text(WRONG)
    shown = chainrule("gradcheck", path)
    assert shown.status == 1
    verdicts = {line.split()[0]: "WRONG at flat index" in line for line in shown.out.splitlines()[2:-1]}
    # What lies above the wrong layer has right derivatives, what lies below it has not.
    assert verdicts == {"x": True, "0.W": True, "0.b": True, "2.W": False, "2.b": False}
    assert shown.out.endswith("WRONG: the analytic and the numerical derivative differ\n")


def test_a_derivative_that_is_nan_is_wrong(chainrule, recipe):
    path = recipe(('{ use = "tanh" }', '{ use = "nan_square:Square" }'))
    (path.parent / "nan_square.py").write_text(WRONG.replace("3 * x", "x * float('nan')"))
    assert chainrule("gradcheck", path).status == 1


def test_an_interrupt_exits_with_130(chainrule, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(chainrule_cli.gradcheck, "compare", interrupted)
    shown = chainrule("gradcheck", "xor")
    assert shown.status == 130
    assert shown.err.strip() == "Interrupted."

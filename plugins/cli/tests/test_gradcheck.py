import numpy as np
import pytest

import chainrule_cli.gradcheck
from chainrule.differences import Judgement
from chainrule_cli.gradcheck import DRAWS

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


@pytest.mark.parametrize("name", ["digits", "digits-cnn", "digits-resnet", "xor"])
def test_the_recipes_that_ship_have_right_derivatives(chainrule, name):
    shown = chainrule("gradcheck", name)
    assert shown.status == 0
    assert shown.out.endswith("all derivatives agree\n")
    assert "WRONG" not in shown.out


@pytest.mark.parametrize("name", ["chars", "chars-gru"])
def test_the_recipes_of_texts_have_right_derivatives(chainrule, name):
    shown = chainrule("gradcheck", name, "--samples", 2, "--entries", 3)
    assert shown.status == 0, shown.out
    assert shown.out.endswith("all derivatives agree\n")


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


STEEP = """\
from dataclasses import dataclass
import numpy as np
from chainrule import Elementwise

@dataclass(frozen=True)
class Steep(Elementwise):
    def forward(self, x):
        return np.tanh(x)

    def derivative(self, x, y):
        return 1.5 * (1 - y * y)

class Slightly(Steep):
    def derivative(self, x, y):
        return 1.001 * (1 - y * y)
"""


@pytest.mark.parametrize(
    ("layer", "size", "verdict"),
    [
        ("steep:Steep", 1e9, "WRONG: the analytic and the numerical derivative differ"),
        ("tanh", 1e9, "all derivatives agree"),
        ("steep:Slightly", 1e6, "WRONG: the analytic and the numerical derivative differ"),
        ("steep:Slightly", 1e9, "WRONG: the analytic and the numerical derivative differ"),
        ("tanh", 1e11, "CANNOT JUDGE: the loss is "),
        ("steep:Steep", 1e13, "CANNOT JUDGE: the loss is "),
        ("tanh", 1e13, "CANNOT JUDGE: the loss is "),
    ],
)
def test_no_loss_is_so_large_that_a_fault_is_excused(chainrule, recipe, layer, size, verdict):
    path = recipe(
        ('target = "kind"', 'target = "y"'),
        ('{ use = "tanh" }', f'{{ use = "{layer}" }}'),
        ("units = 2", "units = 1"),
        ("cross_entropy", "squared_error"),
    )
    (path.parent / "steep.py").write_text(STEEP)
    rows = [f"0.{i},0.{10 - i},{size * (1 + i / 7)}" for i in range(1, 10)]
    (path.parent / "table.csv").write_text("\n".join(["width,height,y", *rows]))
    shown = chainrule("gradcheck", path)
    last = shown.out.splitlines()[-1]
    assert last.startswith(verdict)
    assert shown.status == (0 if last == "all derivatives agree" else 1)
    assert ("bring the targets and the input to numbers about 1" in last) == last.startswith("CANNOT JUDGE")


def test_the_difference_that_is_printed_is_that_of_the_numbers_that_are_printed(chainrule, recipe):
    path = recipe(('{ use = "tanh" }', '{ use = "steep:Steep" }'))
    (path.parent / "steep.py").write_text(STEEP)
    rows = [line.split() for line in chainrule("gradcheck", path).out.splitlines()[2:-1]]
    for _, _, _, _, analytic, numerical, difference, *_ in rows:
        assert f"{abs(float(analytic) - float(numerical)):.1e}" == difference
    assert len(rows) == 5


@pytest.mark.parametrize("seed", range(2))
def test_kinks_of_many_samples_are_no_fault(chainrule, seed):
    """A step of any size crosses kinks of some of 128 × 1,024 rectified numbers: the old one said WRONG."""
    shown = chainrule("gradcheck", "digits-cnn", "--samples", 128, "--entries", 3, "--set", f"training.seed={seed}")
    assert shown.out.endswith("all derivatives agree\n")


def test_what_kinks_keep_from_being_judged_is_drawn_anew_and_then_named(chainrule, monkeypatch):
    draws = []

    def at_a_kink(analytic, moved, *_, **__):
        draws.append(float(moved(0.0)))
        return Judgement(np.asarray(np.nan), np.asarray(np.inf), np.asarray(False))

    monkeypatch.setattr(chainrule_cli.gradcheck, "judge", at_a_kink)
    shown = chainrule("gradcheck", "xor", "--entries", "1")
    assert len(set(draws)) == DRAWS
    assert shown.status == 1
    last = f"CANNOT JUDGE: kinks lie within every step, at {DRAWS} points; look at fewer samples, --samples 4"
    assert shown.out.splitlines()[-1] == last
    assert sum("cannot judge" in line for line in shown.out.splitlines()) == 5


@pytest.mark.parametrize(("share", "status"), [(0.4, 1), (0.6, 0)])
def test_an_array_of_which_less_than_half_is_judged_is_not_proved(chainrule, monkeypatch, share, status):
    real, rng, judged = chainrule_cli.gradcheck.judge, np.random.default_rng(0), {}

    def some_at_a_kink(analytic, moved, *arguments, **named):
        found = real(analytic, moved, *arguments, **named)
        if judged.setdefault(float(analytic), rng.random() < share):
            return found
        return Judgement(np.asarray(np.nan), np.asarray(np.inf), np.asarray(False))

    monkeypatch.setattr(chainrule_cli.gradcheck, "judge", some_at_a_kink)
    monkeypatch.setattr(chainrule_cli.gradcheck, "DRAWS", 1)
    affine = 'network.layers=[{use="flatten"}, {use="affine", units=40}, {use="affine", units=10}]'
    shown = chainrule("gradcheck", "digits", "--samples", 1, "--set", affine)
    assert shown.status == status
    assert ("of the entries could not be judged: kinks lie" in shown.out) == (status == 0)
    assert ("CANNOT JUDGE: kinks lie within every step, at 1 points" in shown.out) == (status == 1)


def test_a_column_is_moved_in_its_own_measure(chainrule, recipe):
    """One of 1e-4 beside one of 10 was moved to 0.4, and what is wrong about small inputs went unseen."""
    path = recipe(("layers = [\n", 'layers = [\n  { use = "blind:Square" },\n'))
    (path.parent / "blind.py").write_text(WRONG.replace("x * x", "x * 1.0").replace("3 * x", "(abs(x) >= 1e-3) * 1.0"))
    rows = [f"{i % 7 + 1}e-4,{i * 13 % 11},{'ab'[i % 2]}" for i in range(12)]
    (path.parent / "table.csv").write_text("\n".join(["width,height,kind", *rows]))
    shown = chainrule("gradcheck", path)
    assert shown.status == 1
    assert "WRONG" in shown.out


def test_an_interrupt_exits_with_130(chainrule, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(chainrule_cli.gradcheck, "compare", interrupted)
    shown = chainrule("gradcheck", "xor")
    assert shown.status == 130
    assert shown.err.strip() == "Interrupted."


PAIRS = """\
import numpy as np
from chainrule import Dataset

def pairs():
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(40, 3)), rng.normal(size=(40, 2))
    return Dataset({"right": right, "left": left}, (left[:, 0] * right[:, 1] > 0).astype(int))
"""
TWO_INPUTS = """\
[data]
use = "pairs:pairs"

[network]
inputs = ["left", "right"]
nodes = [
  { name = "a", from = "left", use = "affine", units = 4 },
  { name = "j", from = ["a", "right"], use = "chainrule:Join" },
  { name = "y", from = "j", use = "affine", units = 2 },
]

[training]
loss = "cross_entropy"
optimizer = { use = "sgd", learning_rate = 0.1 }
batch_size = 8
epochs = 2
"""


def test_several_inputs_are_each_moved(chainrule, tmp_path):
    (tmp_path / "pairs.py").write_text(PAIRS)
    (tmp_path / "two.toml").write_text(TWO_INPUTS)
    shown = chainrule("gradcheck", tmp_path / "two.toml")
    assert shown.status == 0, shown.err
    lines = shown.out.splitlines()
    assert "mean loss of 4 samples" in lines[0]
    assert [line.split()[:4] for line in lines[2:5]] == [
        ["left", "12", "of", "12"],
        ["right", "8", "of", "8"],
        ["a.W", "12", "of", "12"],
    ]
    assert lines[-1] == "all derivatives agree"


@pytest.mark.parametrize("command", ["train", "summary"])
def test_several_inputs_in_other_commands(chainrule, tmp_path, command):
    (tmp_path / "pairs.py").write_text(PAIRS)
    (tmp_path / "two.toml").write_text(TWO_INPUTS)
    shown = chainrule(command, tmp_path / "two.toml")
    assert shown.status == 0, shown.err
    assert " left  input" in shown.out
    assert "32 training and 8 test samples" in shown.out

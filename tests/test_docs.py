"""What the pages of docs show is what the code computes."""

import re
from pathlib import Path

import numpy as np

from chainrule import jacobian
from chainrule.conformance import catalogue
from chainrule.conformance.problems import draw_problem
from chainrule_conv import Conv2d

DOCS = Path(__file__).parents[1] / "docs"


def test_V9_the_page_on_convolution_prints_its_matrix(capsys):
    text = (DOCS / "convolution.md").read_text(encoding="utf-8")
    code, printed = re.search(r"```python\n(.*?)```\n\n```\n(.*?)```", text, re.DOTALL).groups()
    exec(code, {})
    assert capsys.readouterr().out == printed


def test_the_page_on_conformance_shows_an_optimizer_that_conforms():
    text = (DOCS / "conformance.md").read_text(encoding="utf-8")
    code, reference = re.findall(r"```python\n(.*?)```", text.partition("## An optimizer's case")[2], re.DOTALL)[:2]
    shown = {"__name__": "shown"}
    exec(code, shown)
    assert shown["report"].ok, shown["report"]
    exec(reference, shown)
    steps = list(shown["gauss_newton"](draw_problem(np.random.default_rng(0), 7)))
    assert [w.shape for w in steps] == [(7,)] * 10


def test_the_page_on_conformance_names_every_check_of_an_optimizer():
    text = (DOCS / "conformance.md").read_text(encoding="utf-8")
    own = {entry.id.partition(".")[2] for entry in catalogue() if entry.family == "optimizer"}
    table = text.partition("checks asks beside that")[2].partition("A distribution lists")[0]
    assert {
        name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    } == own - {"reference"}


def test_V9_the_bands_of_the_picture_are_where_the_kernel_lies():
    text = (DOCS / "convolution.md").read_text(encoding="utf-8")
    rows = re.findall(r"^y\S+ +((?:[abcd·] *){9})$", text, re.MULTILINE)
    K = np.array([1.0, 2, 3, 4]).reshape(2, 2, 1, 1)
    J = jacobian(Conv2d(1, 2, bias="none"), np.zeros((1, 3, 3, 1)), K=K).input.reshape(4, 9)
    assert [["·abcd".index(entry) for entry in row.split()] for row in rows] == J.tolist()


def test_V9_the_jacobian_of_the_course_s_picture_has_68817924_entries():
    def met(n):  # pairs of an output and a row that it meets
        return sum(0 <= u + i < n for u in range(n) for i in range(-2, 3))

    assert met(480) * met(640) * 3 * 3 == 68_817_924
    assert Conv2d(3, 5, padding=2, bias="none").parameter_shapes((480, 640, 3)) == {"K": (5, 5, 3, 3)}

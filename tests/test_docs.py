"""What the pages of docs show is what the code computes."""

import re
from pathlib import Path

import numpy as np

from chainrule import jacobian
from chainrule_conv import Conv2d

DOCS = Path(__file__).parents[1] / "docs"


def test_V9_the_page_on_convolution_prints_its_matrix(capsys):
    text = (DOCS / "convolution.md").read_text(encoding="utf-8")
    code, printed = re.search(r"```python\n(.*?)```\n\n```\n(.*?)```", text, re.DOTALL).groups()
    exec(code, {})
    assert capsys.readouterr().out == printed


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

"""What the README shows is what comes out; that its blocks run, test_readmes.py shows."""

import re
import tomllib

import numpy as np
import pytest
from readmes import ROOT, blocks, missing_lines, text_of

import chainrule

README = ROOT / "README.md"


def test_the_example_learns(capsys):
    exec(blocks(README, "python")[0], {})
    shown = capsys.readouterr().out
    assert float(re.search(r"Evaluation\(loss=[\d.]+, error=([\d.]+)\)", shown)[1]) <= 0.05
    assert "(4810,) ['1.W', '1.b', '2.W', '2.b']" in shown


def test_the_ten_line_layer_is_a_layer():
    scope = {"__name__": "readme"}
    exec(blocks(README, "python")[1], scope)
    layer, x = scope["Softsign"](), np.array([[-2.0, 0.5]])
    expected = chainrule.numerical_jacobian(lambda v: layer.forward(v[None])[0], x[0])
    np.testing.assert_allclose(chainrule.jacobian(layer, x).input[0], expected, atol=1e-9)


def test_the_suite_proves_that_layer(capsys):
    exec("\n".join(blocks(README, "python")[1:3]), {"__name__": "readme"})
    assert capsys.readouterr().out.endswith("verdict: conformant\n")


@pytest.mark.parametrize("block", blocks(README, "toml")[1:])
def test_the_recipe_is_a_recipe(block):
    assert len(chainrule.Recipe(tomllib.loads(block)).layers()) == 2


def test_the_transcript_is_what_training_prints(capsys):
    """Digits of a loss may differ from one processor to the next; nothing else does."""
    from chainrule_cli.main import run

    assert run(["train", "digits"]) == 0
    shown = capsys.readouterr().out
    transcript = re.search(r"\$ pip install uv && uv run chainrule train digits\n(.*?)```", text_of(README), re.DOTALL)[
        1
    ]
    assert missing_lines(transcript.splitlines(), shown) == []

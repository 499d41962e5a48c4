"""What the README says of runs is so; that its blocks run, tests/test_readmes.py shows."""

import re
from pathlib import Path

import pytest
from readmes import blocks, text_of

from chainrule import read_recipe
from chainrule_runs import EarlyStopping

README = Path(__file__).parents[1] / "README.md"


def test_the_files_of_a_run_are_those_that_are_listed(chainrule, recipe, folder):
    assert chainrule("train", recipe(), "--out", "run1").status == 0
    there = {path.name for path in (folder / "run1").iterdir()}
    listed = set(re.findall(r"`([\w.-]+\.(?:toml|safetensors|jsonl|png))`", text_of(README)))
    assert there - {"history.png"} == listed - {"history.png"}


@pytest.mark.parametrize("block", blocks(README, "toml"))
def test_the_hook_of_the_page_is_a_hook(recipe, block):
    assert read_recipe(recipe(more=block)).hooks() == [EarlyStopping(5)]

"""What the README says of rules is so; that its blocks run, tests/test_readmes.py shows."""

import re
import tomllib
from pathlib import Path

from readmes import blocks, text_of

from chainrule import Recipe, registry
from chainrule_optimizers import Adam, ClipNorm, Cosine, WarmUp

README = Path(__file__).parents[1] / "README.md"


def test_the_example_learns():
    scope = {}
    exec(blocks(README, "python")[0], scope)
    assert scope["rule"] == ClipNorm(Adam(WarmUp(100, Cosine(0.003, 2000))), 1.0)
    assert len(scope["history"]) == 10
    assert scope["history"][-1].e_in.loss < scope["history"][0].e_in.loss


def test_the_recipe_says_its_rule():
    sections = {"data": {"use": "digits"}, "network": {"layers": ["flatten"]}}
    assert Recipe(sections | tomllib.loads(blocks(README, "toml")[0])).optimizer() == ClipNorm(
        Adam(Cosine(0.003, 2000)), 1.0
    )


def test_every_rule_and_schedule_is_named():
    own = {
        entry.name
        for group in ("optimizers", "schedules")
        for entry in registry.default.entries(group)
        if entry.distribution == "chainrule-optimizers"
    }
    assert len(own) == 14
    assert own <= set(re.findall(r"`(\w+)`", text_of(README)))

"""What the README shows works as it is written."""

import re
import tomllib
from pathlib import Path

import chainrule
from chainrule import Network, Recipe, registry
from chainrule_affine import Affine, Flatten
from chainrule_losses import CrossEntropy
from chainrule_optimizers import Adam, ClipNorm, Cosine, WarmUp

TEXT = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def block(language):
    return re.search(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)[1]


def test_the_example_runs():
    data = chainrule.dataset("digits")
    net = Network([Flatten(), Affine(10)], (8, 8, 1))
    scope = {"network": net, "x": data.x, "y": data.y, "loss": CrossEntropy()}
    exec(block("python"), scope)
    assert scope["rule"] == ClipNorm(Adam(WarmUp(100, Cosine(0.003, 2000))), 1.0)
    assert len(scope["history"]) == 10
    assert scope["history"][-1].e_in.loss < scope["history"][0].e_in.loss


def test_the_recipe_says_its_rule():
    sections = {"data": {"use": "digits"}, "network": {"layers": ["flatten"]}}
    assert Recipe(sections | tomllib.loads(block("toml"))).optimizer() == ClipNorm(Adam(Cosine(0.003, 2000)), 1.0)


def test_every_rule_and_schedule_is_named():
    own = {
        entry.name
        for group in ("optimizers", "schedules")
        for entry in registry.default.entries(group)
        if entry.distribution == "chainrule-optimizers"
    }
    assert len(own) == 14
    assert own <= set(re.findall(r"`(\w+)`", TEXT))

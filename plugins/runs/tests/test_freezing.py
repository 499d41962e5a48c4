"""`chainrule train --freeze`, and the recipe's `frozen`."""

import pytest

from chainrule import read_recipe

from .conftest import run_at


@pytest.mark.parametrize("frozen", [["0"], ["0.W", "1.b"]])
def test_layers_are_frozen_by_name_and_stay_so(chainrule, trained, recipe, folder, frozen):
    first = trained()
    options = [word for name in frozen for word in ("--freeze", name)]
    assert chainrule("train", recipe(), "--from", "run", *options, "--out", "second").status == 0
    assert read_recipe(folder / "second" / "recipe.toml").table["training"]["frozen"] == frozen
    longer = ("train", "--resume", "second", "--set", "training.epochs=5")
    assert chainrule(*longer).status == 0
    before, after = first.network.parameters, run_at(folder / "second").network.parameters
    for name in before:
        still = name in frozen or name.partition(".")[0] in frozen
        assert (before[name] == after[name]).all() == still, name
    known = recipe(("epochs = 3", f"epochs = 5\nfrozen = {frozen}"))
    assert chainrule("train", known, "--from", "run", "--out", "third").status == 0
    assert (run_at(folder / "third").network.theta == run_at(folder / "second").network.theta).all()


@pytest.mark.parametrize(
    "arguments, status, message",
    [
        (
            ["--freeze", "head"],
            2,
            "training.frozen: expected layers with parameters, or parameters, got 'head'; known: 0,",
        ),
        (["--freeze", "0", "--freeze", "1"], 2, "training.frozen: expected a parameter that moves, got ['0', '1']"),
        (["--set", "training.frozen=1"], 2, "training.frozen: expected a list, got 1"),
        (["--set", "training.frozen=[1]"], 2, "training.frozen: expected a list of names of layers or parameters"),
    ],
)
def test_what_cannot_be_frozen_is_told(chainrule, recipe, folder, arguments, status, message):
    shown = chainrule("train", recipe(), *arguments, "--out", "run")
    assert (shown.status, message in shown.err) == (status, True)


def test_a_resumed_run_freezes_nothing_more(chainrule, trained):
    trained()
    shown = chainrule("train", "--resume", "run", "--freeze", "0")
    assert shown.status == 2
    assert "--resume goes on as the run began: what was frozen stays so, and no more" in shown.err

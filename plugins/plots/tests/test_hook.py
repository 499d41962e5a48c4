from pathlib import Path

import pytest

from chainrule import DivergenceError, RecipeError, SettingError, registry
from chainrule_plots import HistoryPlot, draw_history, render

HOOK = 'hooks = [{ use = "history_plot", path = "pictures/mine/history.svg" }]\n'


class Interrupt:
    def chainrule_epoch_ended(self, run, record):
        raise KeyboardInterrupt


def test_it_draws_the_history_when_training_ends(runs, xor_recipe, tmp_path):
    made = runs("with-hook", xor_recipe + HOOK)
    drawn = (made.folder / "pictures" / "mine" / "history.svg").read_bytes()
    assert drawn == render(draw_history({"mine": made.history}), ".svg")


def test_a_folder_whose_name_is_no_text_is_drawn(xor, tmp_path):
    path = tmp_path / "run\udc80\n" / "history.png"
    xor.recipe.train(xor.recipe.network(xor.data), xor.data, [HistoryPlot(path)])
    assert path.is_file()


def test_it_is_found_by_its_name():
    assert registry.find("hooks", "history_plot") is HistoryPlot


def test_a_run_that_is_interrupted_is_drawn(xor, tmp_path):
    hooks = [HistoryPlot(tmp_path / "history.png"), Interrupt()]
    with pytest.raises(KeyboardInterrupt):
        xor.recipe.train(xor.recipe.network(xor.data), xor.data, hooks)
    assert (tmp_path / "history.png").is_file()


def test_a_run_without_an_epoch_leaves_no_picture(xor, tmp_path):
    recipe = xor.recipe.override("training.optimizer.learning_rate=1e38")
    with pytest.raises(DivergenceError):
        recipe.train(recipe.network(xor.data), xor.data, [HistoryPlot(tmp_path / "new" / "history.png")])
    assert not list((tmp_path / "new").iterdir())


def test_a_folder_that_cannot_be_made_is_told_before_the_first_step(xor, tmp_path):
    (tmp_path / "file").touch()
    network = xor.recipe.network(xor.data)
    before = network.theta.copy()
    with pytest.raises(OSError, match="file"):
        xor.recipe.train(network, xor.data, [HistoryPlot(tmp_path / "file" / "history.png")])
    assert (network.theta == before).all()


def test_it_is_frozen_and_takes_text_and_paths():
    assert HistoryPlot("a/b.png") == HistoryPlot(Path("a/b.png"))
    assert hash(HistoryPlot("a/b.png")) == hash(HistoryPlot(Path("a/b.png")))
    with pytest.raises(AttributeError):
        HistoryPlot("a.png").path = "b.png"


def test_another_suffix_is_refused_when_the_hook_is_made(xor):
    with pytest.raises(SettingError, match=r"path: expected a file that ends in .png or .svg, got 'a\.jpeg'"):
        HistoryPlot("a.jpeg")
    recipe = xor.recipe.override('training.hooks=[{ use = "history_plot", path = "a.jpeg" }]')
    with pytest.raises(RecipeError, match=r"training\.hooks\[0\]\.path: expected a file that ends in .png or .svg"):
        recipe.hooks()

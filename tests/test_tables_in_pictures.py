"""A run's own table, whose columns were written in another order since, is drawn as it was trained."""

import numpy as np
import pytest
from command_line import chainrule as chainrule, folder as folder

from chainrule_plots import command

RECIPE = """\
data = { use = "csv", path = "table.csv", target = "kind" }
network.layers = [{ use = "affine_relu", units = 4 }, { use = "affine", units = 2 }]
[training]
loss = "cross_entropy"
optimizer = { use = "sgd", learning_rate = 0.5 }
batch_size = 8
epochs = 20
"""


@pytest.mark.parametrize("options", [["--confusion"], ["--activations", "3"]])
def test_plot_takes_columns_by_name(chainrule, folder, monkeypatch, options):
    x = np.random.default_rng(0).normal(size=(60, 2)).round(3)
    kinds = np.where(x[:, 0] > 0, "left", "right")
    (folder / "recipe.toml").write_text(RECIPE, encoding="utf-8-sig")
    (folder / "table.csv").write_text(
        "a,b,kind\n" + "".join(f"{a},{b},{k}\n" for (a, b), k in zip(x, kinds, strict=True))
    )
    assert chainrule("train", "recipe.toml", "--out", "run").status == 0
    drawn = []
    monkeypatch.setattr(command, "_write", lambda path, figure: drawn.append(figure))

    def texts():
        shown = chainrule("plot", "run", *options)
        assert (shown.status, shown.err) == (0, "")
        return [text.get_text() for axes in drawn.pop().axes for text in axes.texts]

    before = texts()
    (folder / "table.csv").write_text(
        "kind,b,a\n" + "".join(f"{k},{b},{a}\n" for (a, b), k in zip(x, kinds, strict=True))
    )
    assert texts() == before
    (folder / "table.csv").write_text("a,kind\n" + "".join(f"{a},{k}\n" for (a, _), k in zip(x, kinds, strict=True)))
    shown = chainrule("plot", "run", *options)
    assert shown.status == 2
    assert "line 1: no column 'b'; the network takes a, b" in shown.err

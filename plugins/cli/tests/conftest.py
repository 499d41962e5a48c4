import pytest
from command_line import chainrule as chainrule, folder as folder

TABLE = """\
width,height,kind
0.1,0.9,tall
0.8,0.2,flat
0.3,0.7,tall
0.9,0.4,flat
0.2,0.6,tall
0.7,0.1,flat
0.4,0.8,tall
0.6,0.3,flat
0.1,0.5,tall
0.9,0.3,flat
"""

RECIPE = """\
data = { use = "csv", path = "table.csv", target = "kind" }
[network]
layers = [
  { use = "affine_relu", units = 4 },
  { use = "tanh" },
  { use = "affine", units = 2 },
]
[training]
loss = "cross_entropy"
optimizer = { use = "sgd", learning_rate = 0.5 }
batch_size = 4
epochs = 3
"""


@pytest.fixture
def recipe(folder):
    """A recipe on a table beside it; calling it with replacements gives another."""
    home = folder / "home"
    home.mkdir()
    (home / "table.csv").write_text(TABLE)

    def write(*replacements):
        text = RECIPE
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        (home / "recipe.toml").write_text(text)
        return home / "recipe.toml"

    write()
    return write

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from chainrule_cli.main import run

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
def folder(tmp_path, monkeypatch):
    """An empty folder, which is the current one."""
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def chainrule(folder, capsys):
    """A function that runs the command line as in a fresh process, and returns status, out and err."""

    def command(*arguments):
        path, modules = list(sys.path), set(sys.modules)
        try:
            status = run([str(argument) for argument in arguments])
        finally:
            sys.path[:] = path
            for name in set(sys.modules) - modules:
                if Path(getattr(sys.modules[name], "__file__", None) or "/").is_relative_to(folder):
                    del sys.modules[name]
        printed = capsys.readouterr()
        assert "Traceback" not in printed.out + printed.err
        return SimpleNamespace(status=status, out=printed.out, err=printed.err)

    return command


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

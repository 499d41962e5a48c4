"""Every readme runs as it is written: its Python, its commands, and its recipes are TOML."""

import re
import shlex
import tomllib
from importlib.metadata import distributions, entry_points

import numpy as np
import pytest
import sklearn.datasets
from command_line import chainrule as chainrule, folder as folder
from readmes import READMES, ROOT, blocks, commands, text_of

OURS = {distribution.name for distribution in distributions() if distribution.name.startswith("chainrule")}


def names(readme):
    return readme.parent.name if readme.parent != ROOT else "root"


def check_installed(readme):
    """Skip what is of a distribution that is not installed, of the group "more"."""
    file = readme.with_name("pyproject.toml")
    name = tomllib.loads(file.read_text(encoding="utf-8"))["project"]["name"]
    if readme.parent != ROOT and name not in OURS:
        pytest.skip(f"{name} is of the group more: uv run --group more pytest")


@pytest.fixture
def reader(folder):
    """The files that a reader has, in the current folder: those of other people's data, and the README's recipe."""
    iris = sklearn.datasets.load_iris()
    rows = [[*map(str, x), iris.target_names[y]] for x, y in zip(iris.data, iris.target, strict=True)]
    lines = [",".join(row) for row in [["a", "b", "c", "d", "species"], *rows]]
    (folder / "iris.csv").write_text("\n".join(lines))
    np.savetxt(folder / "more.csv", np.arange(128).reshape(2, 64), "%d", ",")
    x = np.random.default_rng(0).integers(0, 256, (200, 28, 28)).astype(np.uint8)
    np.savez(folder / "mnist.npz", x=x, y=np.arange(200) % 10)
    (folder / "my.toml").write_text(blocks(ROOT / "README.md", "toml")[1])
    return folder


@pytest.mark.parametrize("readme", READMES, ids=names)
def test_every_block_is_one_of_these_kinds(readme):
    fences = re.findall(r"^```(.*)$", text_of(readme), re.MULTILINE)
    assert set(fences[::2]) <= {"python", "console", "toml"}
    assert set(fences[1::2]) <= {""}
    for block in blocks(readme, "toml"):
        tomllib.loads(block)


@pytest.mark.parametrize("readme", [readme for readme in READMES if blocks(readme, "python")], ids=names)
def test_the_python_runs(readme, reader):
    """One block after the other, each with the names of those before it."""
    check_installed(readme)
    scope = {"__name__": "readme"}
    for block in blocks(readme, "python"):
        exec(block, scope)


@pytest.mark.parametrize("readme", [readme for readme in READMES if blocks(readme, "console")], ids=names)
def test_the_commands_run(readme, reader, chainrule):
    """Training is cut short, and nothing is installed."""
    check_installed(readme)
    for block in blocks(readme, "console"):
        for line, printed in commands(block):
            for command in line.split(" && "):
                words = shlex.split(command.removeprefix("uv run "), comments=True)
                if words[:2] == ["pip", "install"]:
                    assert all(is_installable(name) for name in words[2:]), line
                elif words[0] == "chainrule":
                    short = ["--set", "training.epochs=2"] if words[1] == "train" and "--resume" not in words else []
                    shown = chainrule(*words[1:], *short)
                    assert shown.status == 0, (line, shown.err)
                    assert "Warning" not in shown.err
                    assert short or printed is None or shown.out.splitlines() == printed, line
                else:
                    assert words in (["pytest"], ["tensorboard", "--logdir", "logs"]), line


def is_installable(name):
    return (ROOT / name / "pyproject.toml").is_file() if name.startswith("./") else name in OURS | {"uv", "tensorboard"}


def test_the_readme_s_recipe_trains(reader, chainrule):
    shown = chainrule("train", "my.toml")
    assert shown.status == 0
    assert float(re.search(r"E_in: .* error ([\d.]+)%", shown.out)[1]) < 10


def test_the_readme_of_the_command_line_lists_its_commands():
    own = {entry.name for entry in entry_points(group="chainrule.commands") if entry.dist.name == "chainrule-cli"}
    listed = re.findall(r"^\| `chainrule (\w+)\b", text_of(ROOT / "plugins" / "cli" / "README.md"), re.MULTILINE)
    assert sorted(listed) == sorted(own)
    assert own <= set(re.findall(r"`(\w+)`", text_of(ROOT / "README.md").partition("`chainrule-cli`")[2]))

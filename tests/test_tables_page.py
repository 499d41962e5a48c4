"""The page from a table to a model, from its first block to its last, as a reader types it."""

import re
import shlex
import subprocess
import sys
from importlib.util import find_spec

from command_line import chainrule as chainrule, folder as folder
from readmes import ROOT, commands, fences, missing_lines, without_digits

PAGE = ROOT / "docs" / "tables.md"


def test_the_page_prints_what_it_shows(folder, chainrule):
    for language, block in fences(PAGE):
        {"toml": write_recipe, "python": run_python, "console": run_commands}[language](block, folder, chainrule)


def write_recipe(block, folder, chainrule):
    """Write the recipe, or put its further lines below [data]."""
    recipe = folder / "people.toml"
    whole = recipe.read_text(encoding="utf-8").replace("[data]\n", "[data]\n" + block) if recipe.exists() else block
    recipe.write_text(whole, encoding="utf-8")


def run_python(block, folder, chainrule):
    """Run a block in a process of its own: what it prints stands beside each print."""
    if "import pandas" in block and find_spec("pandas") is None:
        return  # of the group more, with which CI runs this test once again
    done = subprocess.run([sys.executable, "-W", "error", "-c", block], capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    printed = re.findall(r"^print\(.*\) +# (.*)$", block, re.MULTILINE)
    assert without_digits(done.stdout).splitlines() == [without_digits(line) for line in printed]


def run_commands(block, folder, chainrule):
    """Run each command: it prints what is shown, and warns of and refuses nothing else."""
    for line, printed in commands(block):
        command = shlex.split(line)
        assert command[0] == "chainrule"
        shown = chainrule(*command[1:])
        told = shown.err.replace(str(folder), "…")
        assert missing_lines(printed, shown.out + told) == [], (line, told)
        assert [said for said in told.splitlines() if "Warning" in said and said not in printed] == []
        assert (shown.status != 0) == any(said.startswith("Error") for said in printed), told

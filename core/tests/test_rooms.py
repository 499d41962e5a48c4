"""The core's rooms: what is computed, what trains, what puts together by name; and the suite above all."""

import ast
import importlib
import sys
from pathlib import Path

import pytest

import chainrule

ROOT = Path(chainrule.__file__).parent
BELOW = {"arrays", "settings", "errors", "admission", "frames", "rows"}
RANK = {"below": 0, "functions": 1, "learning": 2, "assembly": 3, "conformance": 4}
PATHS = """
backprop compose data differences evaluation hooks offers optimizers progress recipe recipe_tables registry short_form
windows
"""


def room(parts):
    head = parts[0] if parts else ""
    return head if head in RANK else "below"


def modules():
    return [path for path in ROOT.rglob("*.py") if path.relative_to(ROOT).parts[0] in RANK or path.stem in BELOW]


def imported(path):
    """Yield the parts, from the core's folder on, of each module of the core that a file imports from."""
    package = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            module = (*base, *(node.module.split(".") if node.module else ()))
            for name in node.names:
                longer = (*module, name.name)
                yield longer if (ROOT / Path(*longer)).with_suffix(".py").exists() else module
        elif isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "chainrule":
            yield tuple(node.module.split(".")[1:])
        elif isinstance(node, ast.Import):
            yield from (tuple(name.name.split(".")[1:]) for name in node.names if name.name.startswith("chainrule."))


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_arrow_runs_back(path):
    own = room(path.relative_to(ROOT).parts)
    for parts in imported(path):
        assert RANK[room(parts)] <= RANK[own], f"{path.relative_to(ROOT)} imports {'.'.join(parts)}"
        assert parts[:1] not in {(name,) for name in PATHS.split()}, f"{'.'.join(parts)} is a path for plug-ins"


def test_every_module_has_its_room():
    beside = {path.stem for path in ROOT.glob("*.py")} - {"__init__"}
    assert beside == BELOW | set(PATHS.split())


@pytest.mark.parametrize("name", PATHS.split())
def test_a_path_of_before_has_the_very_names_of_the_module(name):
    known = importlib.import_module(f"chainrule.{name}")
    (home,) = (path for path in ROOT.glob(f"*/{name}.py"))
    module = importlib.import_module(f"chainrule.{home.parent.name}.{name}")
    public = {key: value for key, value in vars(module).items() if not key.startswith("_")}
    assert public
    assert all(getattr(known, key) is value for key, value in public.items())


def test_the_registry_has_one_default():
    known = importlib.import_module("chainrule.registry")
    assert known is sys.modules["chainrule.assembly.registry"] is chainrule.registry  # whose `default` may be replaced

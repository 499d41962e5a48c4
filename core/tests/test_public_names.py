import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import chainrule


def names_for_type_checkers():
    """Map each module to the names imported from it in the `if TYPE_CHECKING` block, which are exported by `as`."""
    tree = ast.parse(Path(chainrule.__file__).read_text(encoding="utf-8"))
    blocks = [
        node
        for node in tree.body
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    ]
    found = {}
    for node in (node for block in blocks for node in block.body):
        assert isinstance(node, ast.ImportFrom)
        assert node.level == 1
        if [alias.name for alias in node.names] == ["*"]:
            module = importlib.import_module(f"chainrule.{node.module}")
            own = {key for key, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__}
            found[node.module] = [key for key in own if not key.startswith("_")]
            continue
        assert [alias.name for alias in node.names] == [alias.asname for alias in node.names]
        found.setdefault(node.module, []).extend(alias.name for alias in node.names)
    return {module: sorted(names) for module, names in found.items()}


def test_type_checkers_see_the_names_that_there_are():
    listed = {module: sorted(names.split()) for module, names in chainrule._NAMES.items() if names}
    assert listed == names_for_type_checkers()


def test_no_name_is_listed_twice():
    names = [name for listed in chainrule._NAMES.values() for name in listed.split()]
    assert sorted(names) == sorted(set(names)) == chainrule.__all__


@pytest.mark.parametrize("name", chainrule.__all__)
def test_every_public_name_can_be_imported(name):
    namespace = {}
    exec(f"from chainrule import {name}", namespace)
    home = importlib.import_module(f"chainrule.{chainrule._HOME[name]}")
    assert namespace[name] is getattr(home, name)


def test_importing_chainrule_imports_nothing_else():
    code = (
        "import sys, chainrule\n"
        "print([name for name in sys.modules if name.startswith('chainrule.')"
        " or name.split('.')[0] in ('numpy', 'pluggy', 'importlib_metadata')])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.strip() == "[]"


def test_dir_lists_every_name_and_module():
    assert {*chainrule.__all__, "errors", "hooks", "registry", "__version__"} <= set(dir(chainrule))


@pytest.mark.parametrize("module", ["backprop", "data", "errors", "hooks", "recipe", "registry"])
def test_modules_are_attributes(module):
    assert getattr(chainrule, module).__name__.rpartition(".")[2] == module
    assert module in dir(chainrule)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'chainrule' has no attribute 'Afine'"):
        chainrule.Afine  # noqa: B018  # reading it is the test
    with pytest.raises(ImportError, match="cannot import name 'Afine' from 'chainrule'"):
        from chainrule import Afine  # noqa: F401  # it does not exist

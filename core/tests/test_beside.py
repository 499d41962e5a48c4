"""Modules beside a recipe: what is found, under which name, and what is not imported."""

import importlib
import json
import multiprocessing
import pickle
import subprocess
import sys

import pytest

from chainrule import PluginError, Recipe, beside, read_recipe, registry
from chainrule.conformance import check
from chainrule.conformance.resolve import find_target

BENT = """\
from dataclasses import dataclass
import json
from chainrule import Elementwise, real
from .helping import half

@dataclass(frozen=True)
class Bent(Elementwise):
    slope: float = 0.25
    def __post_init__(self): real("slope", self.slope)
    def forward(self, x): return self.slope * x
    def derivative(self, x, y): return half(2 * self.slope) + 0 * x

def parsed(text): return json.loads(text)
"""
RECIPE = """\
[network]
layers = [{ use = "bent:Bent", slope = 0.5 }]
input_shape = [3]
"""
HOSTILE = "raise SystemExit('it was imported')\n"
"""In the place of whatever somebody asks for by an absolute name."""


@pytest.fixture
def folder(tmp_path):
    """A folder with a recipe, a layer and what it imports by a dot, among files that carry other modules' names."""
    folder = tmp_path / "a-folder of_ä"
    folder.mkdir()
    (folder / "bent.py").write_text(BENT)
    (folder / "helping.py").write_text("def half(x): return x / 2\n")
    (folder / "recipe.toml").write_text(RECIPE)
    for name in ("__init__", "json", "numpy", "hashlib", "chainrule_affine", "chainrule"):
        (folder / f"{name}.py").write_text(HOSTILE)
    yield folder
    for name in [name for name in sys.modules if name.startswith(beside.package(folder))]:
        del sys.modules[name]


def imported(folder, name="bent"):
    return importlib.import_module(beside.find(folder, name))


def test_a_recipe_finds_its_layer_and_python_finds_its_own_modules(folder):
    path = list(sys.path)
    (layer,) = read_recipe(folder / "recipe.toml").layers()
    module = sys.modules[type(layer).__module__]
    assert (layer.slope, module.__file__) == (0.5, str(folder / "bent.py"))
    assert module.parsed("[1]") == [1]  # by Python's json
    assert module.json is json
    assert sys.path == path


def test_the_name_says_the_folder_and_every_process_finds_it(folder):
    kind = imported(folder).Bent
    assert beside.split(kind.__module__) == (folder, "bent")
    code = "import pickle, sys; print(pickle.load(sys.stdin.buffer)(slope=0.125).slope)"
    ran = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(kind), capture_output=True, cwd="/", timeout=60
    )
    assert (ran.stdout.split(), ran.stderr) == ([b"0.125"], b"")


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_workers_get_layers_by_pickle(folder, method):
    layer = imported(folder).Bent(0.75)
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert pool.apply(type(layer).forward, (layer, 4.0)) == 3.0


def test_the_conformance_suite_s_other_interpreter_finds_it(folder):
    target = find_target("bent:Bent", folder=folder)
    report = check(target.cases, only=["errors.optimized", "lifecycle.process"])
    assert report.failed == ()
    assert {result.check_id for result in report.passed} >= {"errors.optimized", "lifecycle.process"}


def test_the_other_interpreter_imports_nothing_from_the_current_folder(folder):
    (folder / "pickle.py").write_text(HOSTILE)
    code = (
        "import sys; sys.path = [entry for entry in sys.path if entry]\n"
        "from chainrule import Chain\nfrom chainrule.conformance.optimized import OptimizedInterpreter\n"
        "print(OptimizedInterpreter().ask(dict, {}, 'keys'))"
    )
    ran = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, cwd=folder, timeout=60)
    assert "Answer(" in ran.stdout, ran.stderr


def test_a_module_that_is_imported_by_its_plain_name_is_not_made_twice(folder, monkeypatch):
    (folder / "plainly.py").write_text("x = []\n")
    monkeypatch.syspath_prepend(folder)
    plainly = importlib.import_module("plainly")
    try:
        assert beside.find(folder, "plainly") == "plainly"
        assert imported(folder, "plainly") is plainly
    finally:
        del sys.modules["plainly"]


def test_folders_of_modules_and_packages_are_found(folder):
    for place in ("pack", "loose"):
        (folder / place).mkdir()
        (folder / place / "inner.py").write_text("from ..helping import half\nx = half(6)\n")
    (folder / "pack" / "__init__.py").write_text("from .inner import x\n")
    assert imported(folder, "pack").x == imported(folder, "pack.inner").x == imported(folder, "loose.inner").x == 3
    assert beside.find(folder, "loose") is None


@pytest.mark.parametrize("name", ["nothing", "bent.more", "../bent", "", "bent.", "a-b"])
def test_what_is_not_there_has_no_name(folder, name):
    assert beside.find(folder, name) is None


@pytest.mark.parametrize("name", ["_2fnowhere.x", "_zz", "relative", "_2f_2f", "_2Ftmp"])
def test_a_made_up_package_is_none(name):
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(f"chainrule.beside.{name}")


def test_a_recipe_that_names_no_module_of_its_folder_imports_none(folder):
    table = {"network": {"layers": [{"use": "json:JSONDecoder"}], "input_shape": [3]}}
    Recipe({"network": {"layers": [], "input_shape": [3]}}, folder).layers()
    assert not [name for name in sys.modules if name.startswith(beside.package(folder))]
    with pytest.raises(PluginError, match="SystemExit: it was imported"):  # it names that one
        Recipe(table, folder).layers()
    assert sys.modules["json"] is json


@pytest.mark.parametrize("module", ["chainrule_affine", "chainrule_affine.affine", "chainrule"])
def test_a_plug_in_is_never_taken_from_a_folder(folder, module):
    entry = registry.Entry("layers", "affine", "chainrule_affine.affine:Affine", "chainrule-affine", "1")
    assert registry.Registry(lambda: [entry]).located(module, folder) == module
    assert (registry.Registry(list).located(module, folder) == module) is (module != "chainrule_affine")


def test_a_name_that_is_not_there_is_an_installed_module_s(folder):
    assert registry.default.located("decimal", folder) == "decimal"
    assert registry.default.located("json", folder) == f"{beside.package(folder)}.json"
    assert registry.default.located("bent", None) == "bent"


def test_an_absolute_import_of_a_neighbour_is_told_how_it_is_written(folder):
    (folder / "absolute.py").write_text("import helping\n")
    table = {"network": {"layers": [{"use": "absolute:Layer"}], "input_shape": [3]}}
    message = r"^network\.layers\[0\]: .*No module named 'helping'; helping lies beside it, and is imported by a dot: "
    with pytest.raises(PluginError, match=message + r"from \.helping import …$"):
        Recipe(table, folder).layers()
    with pytest.raises(
        PluginError, match=r"helping lies beside it, and is imported by a dot: from \.helping import …$"
    ):
        find_target("absolute:Layer", folder=folder)


def test_a_neighbour_that_is_not_there_is_told_by_its_own_name(folder):
    (folder / "relative.py").write_text("from .missing_one import x\n")
    table = {"network": {"layers": [{"use": "relative:Layer"}], "input_shape": [3]}}
    with pytest.raises(PluginError, match=rf"; {folder} has no module missing_one$"):
        Recipe(table, folder).layers()


def test_a_module_that_is_nowhere_is_told(folder):
    table = {"network": {"layers": [{"use": "nowhere:Layer"}], "input_shape": [3]}}
    with pytest.raises(
        PluginError, match=r"No module named 'nowhere'; write distribution:name, or module:Class of a mod"
    ):
        Recipe(table, folder).layers()


def test_resolved_says_the_folder_of_modules_for_good(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    recipe = Recipe({"modules": folder.name, **read_recipe(folder / "recipe.toml").table})
    assert recipe.resolved().table["modules"] == str(folder)
    assert recipe.layers() == Recipe(recipe.resolved().table, folder / "elsewhere").layers()

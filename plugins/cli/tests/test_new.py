import importlib
import subprocess
import sys
import tomllib

import numpy as np
import pytest
import scipy.special

FILES = [
    "README.md",
    "pyproject.toml",
    "src/chainrule_swish/__init__.py",
    "src/chainrule_swish/conformance.py",
    "src/chainrule_swish/py.typed",
    "src/chainrule_swish/swish.py",
    "tests/test_conformance.py",
]


def test_a_package_is_written_whole(chainrule, folder):
    shown = chainrule("new", "chainrule-swish")
    assert shown.status == 0
    package = folder / "chainrule-swish"
    assert sorted(str(path.relative_to(package)) for path in package.rglob("*") if path.is_file()) == FILES
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    assert project["name"] == "chainrule-swish"
    assert project["entry-points"]["chainrule.layers"] == {"swish": "chainrule_swish:Swish"}
    assert "pip install ./chainrule-swish && chainrule check chainrule-swish" in shown.out
    assert all(f"written  chainrule-swish/{name}\n" in shown.out for name in FILES)
    assert not any("$" in path.read_text() for path in package.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    "distribution, module, layer, kind",
    [
        ("chainrule-swish", "chainrule_swish", "swish", "Swish"),
        ("chainrule-my-layers", "chainrule_my_layers", "my_layers", "MyLayers"),
        ("Chainrule.Soft-Sign2", "chainrule_soft_sign2", "soft_sign2", "SoftSign2"),
        ("bent", "bent", "bent", "Bent"),
        ("chainrule-2d", "chainrule_2d", "chainrule_2d", "Chainrule2d"),  # 2d is no name of Python's
        ("chainrule-lambda", "chainrule_lambda", "chainrule_lambda", "ChainruleLambda"),
        ("chainrule-none", "chainrule_none", "chainrule_none", "ChainruleNone"),  # None is no name of a class
        ("chainrule-true", "chainrule_true", "chainrule_true", "ChainruleTrue"),
        ("chainrule-match", "chainrule_match", "match", "Match"),
        ("chainrule-conformance", "chainrule_conformance", "chainrule_conformance", "ChainruleConformance"),
        ("chainrule-elementwise", "chainrule_elementwise", "chainrule_elementwise", "ChainruleElementwise"),
        ("chainrule-sigmoid2", "chainrule_sigmoid2", "sigmoid2", "Sigmoid2"),
    ],
)
def test_the_layer_takes_the_name_of_the_package(chainrule, folder, monkeypatch, distribution, module, layer, kind):
    assert chainrule("new", distribution).status == 0
    package = folder / distribution
    entries = tomllib.loads((package / "pyproject.toml").read_text())["project"]["entry-points"]
    assert entries["chainrule.layers"] == {layer: f"{module}:{kind}"}
    assert f"`{layer}`" in (package / "README.md").read_text()
    monkeypatch.syspath_prepend(package / "src")
    cases = importlib.import_module(f"{module}.conformance").CASES
    assert [case.id for case in cases] == [f"{layer}/vector", f"{layer}/picture"]
    x = np.linspace(-20, 20, 41)
    y = cases[0].layer.forward(x)
    np.testing.assert_allclose(y, x * scipy.special.expit(x), rtol=1e-13)
    assert type(cases[0].layer).__name__ == kind
    assert type(cases[0].layer).__module__ == f"{module}.{layer}"


def test_a_name_that_a_layer_has_is_refused(chainrule, folder):
    shown = chainrule("new", "chainrule-relu")
    assert shown.status == 2
    assert "NAME: expected a name that no layer has yet, got 'chainrule-relu'; chainrule-" in shown.err
    assert list(folder.iterdir()) == []


def test_it_passes_as_it_is_written(chainrule, folder, monkeypatch):
    chainrule("new", "chainrule-swish", "--into", "here")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"]
    package = folder / "here" / "chainrule-swish"
    monkeypatch.setenv("PYTHONPATH", str(package / "src"))
    done = subprocess.run(command, cwd=package, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
    assert "failed" not in done.stdout
    strict = [sys.executable, "-m", "mypy", "--strict", str(package / "src")]
    done = subprocess.run(strict, cwd=package, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout


def test_what_is_there_is_kept(chainrule, folder):
    package = folder / "chainrule-swish"
    package.mkdir()
    (package / "README.md").write_text("mine")
    shown = chainrule("new", "chainrule-swish")
    assert shown.status == 0
    assert "kept     chainrule-swish/README.md (it was there)" in shown.out
    assert (package / "README.md").read_text() == "mine"
    before = {path: path.read_bytes() for path in package.rglob("*") if path.is_file()}
    again = chainrule("new", "chainrule-swish")
    assert "written" not in again.out
    assert {path: path.read_bytes() for path in package.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["7layers", "swish/x", "a b", "-x", "x-", "../x", "class"])
def test_a_name_that_makes_no_package_is_refused(chainrule, folder, name):
    shown = chainrule("new", "--", name)
    assert shown.status == 2
    assert "NAME: expected a name of letters, digits and hyphens" in shown.err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "name, hint",
    [
        ("numpy", "a distribution of that name is installed"),
        ("json", "import json would mean one of the two: there is a module of that name"),
        ("SKLearn", "import sklearn would mean one of the two: there is a module of that name"),
        ("Scikit.Learn", "a distribution of that name is installed"),
    ],
)
def test_a_name_that_another_module_or_distribution_has_is_refused(chainrule, folder, name, hint):
    shown = chainrule("new", name)
    assert (shown.status, list(folder.iterdir())) == (2, [])
    assert f"NAME: expected a name of your own, got '{name}'; {hint}" in shown.err


@pytest.mark.parametrize("name", ["none", "true", "conformance", "elementwise", "any"])
def test_a_name_that_makes_no_class_is_refused(chainrule, folder, name):
    shown = chainrule("new", name)
    assert (shown.status, list(folder.iterdir())) == (2, [])
    hint = f"write chainrule-{name}: Python or the package itself has {name} already"
    assert f"NAME: expected a name that a layer can have, got '{name}'; {hint}" in shown.err


def test_a_folder_of_that_name_is_no_module(chainrule, folder, monkeypatch):
    monkeypatch.syspath_prepend(folder)
    (folder / "crooked").mkdir()
    assert chainrule("new", "crooked").status == 0
    assert "(it was there)" in chainrule("new", "crooked").out


def test_a_name_that_is_installed_is_refused(chainrule):
    shown = chainrule("new", "Chainrule_Affine")
    assert shown.status == 2
    assert (
        "NAME: expected a name of your own, got 'Chainrule_Affine'; a distribution of that name is installed"
        in shown.err
    )

import subprocess
import sys
import tomllib

import pytest

FILES = [
    "README.md",
    "pyproject.toml",
    "src/chainrule_swish/__init__.py",
    "src/chainrule_swish/conformance.py",
    "src/chainrule_swish/py.typed",
    "src/chainrule_swish/softsign.py",
    "tests/test_conformance.py",
]


def test_a_package_is_written_whole(chainrule, folder):
    shown = chainrule("new", "chainrule-swish")
    assert shown.status == 0
    package = folder / "chainrule-swish"
    assert sorted(str(path.relative_to(package)) for path in package.rglob("*") if path.is_file()) == FILES
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    assert project["name"] == "chainrule-swish"
    assert project["entry-points"]["chainrule.layers"] == {"softsign": "chainrule_swish:Softsign"}
    assert "pip install ./chainrule-swish && chainrule check chainrule-swish" in shown.out
    assert all(f"written  chainrule-swish/{name}\n" in shown.out for name in FILES)
    assert not any("$" in path.read_text() for path in package.rglob("*") if path.is_file())


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


def test_a_name_that_is_installed_is_refused(chainrule):
    shown = chainrule("new", "Chainrule_Affine")
    assert shown.status == 2
    assert (
        "NAME: expected a name of your own, got 'Chainrule_Affine'; a distribution of that name is installed"
        in shown.err
    )

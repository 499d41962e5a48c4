"""What the project's distributions offer: read of the clone, carried by the wheel, told where a name is missing."""

import json
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from chainrule import PluginError, UnknownNameError, offers, registry
from chainrule.conformance.resolve import find_target
from chainrule.registry import Registry, installed_entries

CLONE = Path(__file__).parents[2]


def declared():
    """Return the names of every distribution by its own project file."""
    found = {}
    for file in [CLONE / "core" / "pyproject.toml", *CLONE.glob("plugins/*/pyproject.toml")]:
        project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
        groups = {group: set(names) for group, names in project.get("entry-points", {}).items() if group != "pytest11"}
        found[project["name"]] = {group.removeprefix("chainrule."): names for group, names in groups.items()}
    return found


def as_sets(found):
    return {name: {group: set(names) for group, names in groups.items()} for name, groups in found.items()}


def without(*distributions):
    """Return the registry of what is installed but these."""
    return Registry(lambda: [entry for entry in installed_entries() if entry.distribution not in distributions])


@pytest.fixture
def wheel(tmp_path):
    """The wheel of chainrule, as a folder that can be imported from."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", tmp_path, CLONE / "core"], check=True, timeout=120, capture_output=True)
    (built,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        archive.extractall(tmp_path / "site")
    return tmp_path / "site"


def test_a_clone_is_read_itself():
    assert offers.clone_folder() == CLONE
    assert as_sets(offers.known()) == declared()
    assert "affine" in offers.known()["chainrule-affine"]["layers"]


def test_a_wheel_says_the_same_and_where_there_is_no_clone_names_distributions(wheel):
    code = (
        "import json; from chainrule import offers, registry\n"
        "print(json.dumps([offers.known(), offers.install('chainrule-conv', 'stranger'),"
        " offers.bringing('commands', 'plot')]))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(wheel)!r})\n{code}"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    known, command, plot = json.loads(ran.stdout)
    assert as_sets(known) == declared()
    assert (command, plot) == ("pip install chainrule-conv stranger", ["chainrule-plots"])


@pytest.mark.parametrize(
    ("group", "name", "distribution", "folder"),
    [
        ("layers", "conv2d", "chainrule-conv", "conv"),  # chainrule-numba has it too, and stands back
        ("layers", "affine", "chainrule-affine", "affine"),
        ("losses", "cross_entropy", "chainrule-losses", "losses"),
        ("optimizers", "adam", "chainrule-optimizers", "optimizers"),
        ("schedules", "cosine", "chainrule-optimizers", "optimizers"),
        ("hooks", "early_stopping", "chainrule-runs", "runs"),
        ("data", "csv", "chainrule-data", "data"),
        ("commands", "plot", "chainrule-plots", "plots"),
        ("runs", "folder", "chainrule-runs", "runs"),
    ],
)
def test_a_name_that_is_missing_is_told_with_what_brings_it(group, name, distribution, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hint = f"{distribution} brings it: pip install {CLONE}/plugins/{folder}"
    for asked in (name, f"{distribution}:{name}", f"{distribution.replace('-', '_')}:{name}"):
        with pytest.raises(UnknownNameError, match=rf"^no plug-in offers '{asked}' in {group}; {hint}(; |$)"):
            without(distribution, "chainrule-numba").find(group, asked)
    monkeypatch.chdir(CLONE)
    assert without(distribution).bringing(group, name) == f"{distribution} brings it: pip install ./plugins/{folder}"
    assert registry.default.bringing(group, name) == ""


def test_what_has_no_such_name_is_not_named():
    assert without("chainrule-conv").bringing("losses", "conv2d") == ""
    assert without("chainrule-conv").bringing("layers", "made-up:conv2d") == ""
    with pytest.raises(PluginError, match="No module named 'made_up'"):
        without("chainrule-conv").find("layers", "made_up:conv2d")


def test_check_says_what_brings_a_target(monkeypatch):
    monkeypatch.chdir(CLONE)
    source = without("chainrule-conv", "chainrule-numba")
    with pytest.raises(
        UnknownNameError, match=r"called 'conv2d'; chainrule-conv brings it: pip install \./plugins/conv"
    ):
        find_target("conv2d", source)
    with pytest.raises(
        UnknownNameError, match=r"called 'Chainrule_Conv'; chainrule-conv is not installed: pip install \./plugins/"
    ):
        find_target("Chainrule_Conv", source)
    source = without("chainrule-conv")
    with pytest.raises(
        UnknownNameError, match=r"^no plug-in offers 'chainrule_conv.more:Conv' in layers; chainrule-conv is"
    ):
        source.find("layers", "chainrule_conv.more:Conv")


def test_folders_are_written_as_a_shell_takes_them(tmp_path, monkeypatch):
    clone = tmp_path / "a clone"
    (clone / "plugins" / "conv").mkdir(parents=True)
    (clone / "plugins" / "conv" / "pyproject.toml").write_text('[project]\nname = "chainrule-conv"\nversion = "2.0"\n')
    (clone / "plugins" / "half").mkdir()
    (clone / "plugins" / "half" / "pyproject.toml").write_text("[project\n")
    monkeypatch.setattr(offers, "clone_folder", lambda: clone)
    assert offers.install("chainrule-conv", "x") == f"pip install '{clone}/plugins/conv' x"
    monkeypatch.chdir(tmp_path)
    assert offers.install("chainrule-conv") == "pip install './a clone/plugins/conv'"
    assert offers.install("chainrule-conv==2.0") == "pip install './a clone/plugins/conv'"
    assert offers.install("chainrule-conv==1.0", "a; b==1") == "pip install chainrule-conv==1.0 'a; b==1'"
    assert offers.known() == {"chainrule-conv": {}}

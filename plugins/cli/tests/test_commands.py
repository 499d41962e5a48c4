import re
from importlib.metadata import version
from pathlib import Path

import pytest

from chainrule import registry
from chainrule.registry import Entry, Registry, installed_entries

PLUGINS = Path(__file__).parents[2]


def without(distribution):
    """Return the registry of what is installed but this."""
    return Registry(lambda: [entry for entry in installed_entries() if entry.distribution != distribution])


@pytest.fixture
def install(monkeypatch):
    """A function that adds made-up entry points to those that are installed."""

    def add(*entries, keep=lambda entry: True):
        found = [entry for entry in installed_entries() if keep(entry)] + list(entries)
        monkeypatch.setattr(registry, "default", Registry(lambda: found))

    return add


def columns(text):
    return [tuple(line.split()) for line in text.splitlines()]


# The group


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_lists_the_commands(chainrule, option):
    shown = chainrule(option)
    assert shown.status == 0
    for name in ("gradcheck", "plugins", "summary", "train"):
        assert f"\n  {name} " in shown.out


@pytest.mark.parametrize("command", ["gradcheck", "plugins", "summary", "train"])
def test_every_command_has_help(chainrule, command):
    shown = chainrule(command, "--help")
    assert shown.status == 0
    assert shown.out.startswith(f"Usage: chainrule {command} ")


def test_the_version_is_that_of_the_distribution(chainrule):
    shown = chainrule("--version")
    assert (shown.status, shown.out) == (0, f"chainrule, version {version('chainrule')}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian", "xor"], "No such command 'trian'"),
        (["train"], "name a recipe, or the folder of a run: --resume DIR"),
        (["train", "--resume", "run", "--out", "other"], "it takes no --out, --prefer or --set but"),
        (["train", "xor", "--resume", "run", "--set", "training.seed=1"], "it takes no --out, --prefer or --set but"),
        (["train", "xor", "--force"], "--force is for --resume"),
        (["train", "xor", "--checkpoint-seconds", "-1"], "-1.0 is not in the range x>=0"),
        (["train", "xor", "--epochs", "3"], "No such option"),
        (["gradcheck", "xor", "--samples", "0"], "0 is not in the range x>=1"),
        (["gradcheck", "xor", "--entries", "many"], "'many' is not a valid integer"),
    ],
)
def test_a_wrong_command_line_exits_with_2(chainrule, arguments, message):
    shown = chainrule(*arguments)
    assert shown.status == 2
    assert message in shown.err


def test_a_command_that_cannot_be_imported_is_told_when_it_is_called(chainrule, install):
    install(Entry("commands", "draw", "no_such_module:draw", "chainrule-draw", "1.2"))
    shown = chainrule("draw", "xor", "--size", "3")
    assert shown.status == 1
    assert "command 'draw' of chainrule-draw 1.2 (no_such_module:draw) cannot be loaded" in shown.err
    listed = chainrule("--help")
    assert (listed.status, "Broken: command 'draw'" in listed.out) == (0, True)


# plugins


def test_plugins_lists_names_distributions_versions_and_recipes(chainrule):
    shown = chainrule("plugins")
    assert shown.status == 0
    rows = columns(shown.out)
    for group, name, distribution in [
        ("commands", "train", "chainrule-cli"),
        ("data", "csv", "chainrule-data"),
        ("layers", "affine_relu", "chainrule-affine"),
        ("losses", "cross_entropy", "chainrule-losses"),
        ("optimizers", "sgd", "chainrule"),
        ("schedules", "cosine", "chainrule-optimizers"),
    ]:
        assert (group, name, distribution, version(distribution), "works") in rows
    assert "recipes: chars, chars-gru, digits, digits-cnn, digits-resnet, lenet, xor" in shown.out
    assert "broken" not in shown.out


def test_plugins_shows_a_broken_one_with_its_reason_beside_those_that_work(chainrule, install):
    install(Entry("layers", "fancy", "no_such_module:Fancy", "chainrule-fancy", "0.3"))
    shown = chainrule("plugins")
    assert shown.status == 0
    assert ("layers", "fancy", "chainrule-fancy", "0.3", "broken") in columns(shown.out)
    assert "broken: layer 'fancy' of chainrule-fancy 0.3" in shown.out
    assert "No module named 'no_such_module'" in shown.out
    assert ("layers", "affine", "chainrule-affine", version("chainrule-affine"), "works") in columns(shown.out)


def test_plugins_says_how_to_name_one_that_is_offered_twice(chainrule, install):
    install(Entry("layers", "tanh", "chainrule_affine:Tanh", "other", "1"))
    shown = chainrule("plugins")
    assert "offered twice: write chainrule-affine:tanh" in shown.out
    assert "offered twice: write other:tanh" in shown.out


def test_plugins_says_how_to_prefer_one_that_stands_back(chainrule):
    shown = chainrule("plugins")
    lines = [" ".join(line.split()) for line in shown.out.splitlines()]
    assert "layers conv2d chainrule-conv 0.1.0 works" in lines
    assert "layers conv2d chainrule-numba 0.1.0 works when preferred: --prefer chainrule-numba" in lines
    assert "rewritings conv_blocks chainrule-numba 0.1.0 works when preferred: --prefer chainrule-numba" in lines


def test_summary_takes_the_layers_that_are_preferred(chainrule):
    usual, preferred = (
        chainrule("summary", "digits-cnn"),
        chainrule("summary", "digits-cnn", "--prefer", "Chainrule_Numba"),
    )
    # Layers of the same names, settings and shapes, some of which are computed as one.
    assert f"{usual.out}fused: layers 0 to 2, 3 to 5\n" == preferred.out
    table = chainrule("gradcheck", "digits-cnn", "--prefer", "chainrule-numba")
    assert table.status == 0


def test_a_preference_that_is_not_installed_is_told(chainrule, monkeypatch):
    near = chainrule("summary", "digits-cnn", "--prefer", "chainrule-number")
    assert near.status == 2
    assert "--prefer 'chainrule-number': no such plug-in; did you mean chainrule-numba?" in near.err
    monkeypatch.setattr(registry, "default", without("chainrule-numba"))
    gone = chainrule("summary", "digits-cnn", "--prefer", "chainrule-numba")
    assert gone.status == 2
    hint = f"chainrule-numba is not installed: pip install {PLUGINS}/numba\n"
    assert gone.err == f"Error: --prefer 'chainrule-numba': no such plug-in; {hint}"
    near = chainrule("summary", "digits-cnn", "--prefer", "chainrule-number")
    assert near.err == f"Error: --prefer 'chainrule-number': no such plug-in; did you mean chainrule-numba? {hint}"
    far = chainrule("summary", "digits-cnn", "--prefer", "fastest")
    assert "--prefer 'fastest': no such plug-in; pip install fastest, or leave out --prefer" in far.err


@pytest.fixture
def path(folder, monkeypatch):
    """A function that installs a distribution of given metadata and entry points in a folder of the path."""

    def install(place, metadata, points):
        info = folder / place / "made_wave-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(metadata)
        (info / "entry_points.txt").write_text(points)
        monkeypatch.syspath_prepend(folder / place)
        registry.default.refresh()
        return info

    yield install
    registry.default.refresh()


def test_plugins_lists_what_is_damaged_twice_there_and_offered_twice_by_one(chainrule, path):
    metadata = "Metadata-Version: 2.1\nName: made-{}\nVersion: 1.{}\n"
    damaged = path("a", "Metadata-Version: 2.1\nName: made-wave\n", "[chainrule.losses]\nmade_loss = a:B\n")
    layers = "[chainrule.layers]\nmade_wave = decimal:Decimal\n"
    old = path("b", metadata.format("tide", 1), layers)
    new = path("c", metadata.format("tide", 2), f"{layers}made_wave = fractions:Fraction\n")
    shown = chainrule("plugins")
    rows = columns(shown.out)
    assert ("losses", "made_loss", "made-wave", "?", "broken") in rows
    assert f"\nbroken: made-wave, {damaged}: its METADATA have no Version; install it again\n" in shown.out
    assert "made-tide is installed more than once: " in shown.out
    assert f": 1.2 in {new.parent} is used, 1.1 in {old.parent} is not; uninstall one\n" in shown.out
    assert [row[1] for row in rows if row[2:3] == ("made-tide",)] == ["made_wave"] * 2


def test_an_entry_that_one_distribution_offers_twice_is_named_by_its_module(chainrule, install):
    entries = [Entry("layers", "wave", f"chainrule_affine:{name}", "made-wave", "1.0") for name in ("Tanh", "ReLU")]
    install(*entries)
    shown = chainrule("plugins")
    assert "offered twice: write chainrule_affine:Tanh\n" in shown.out
    layers = "network.layers=['chainrule_affine:Tanh', {use='affine', units=1}]"
    assert chainrule("summary", "xor", "--set", layers).status == 0
    shown = chainrule("summary", "xor", "--set", layers.replace("chainrule_affine:Tanh", "wave"))
    assert "is offered twice by made-wave: chainrule_affine:ReLU and chainrule_affine:Tanh; write" in shown.err


def test_plugins_without_layers_says_how_to_get_some(chainrule, install):
    install(keep=lambda entry: entry.group == "commands")
    assert re.search(r"\nno layers are installed: pip install \S*/plugins/affine ", chainrule("plugins").out)


# summary


def test_summary_counts_samples_and_parameters(chainrule):
    shown = chainrule("summary", "digits")
    assert shown.status == 0
    assert "digits: 1,438 training and 359 test samples" in shown.out
    rows = columns(shown.out)
    assert ("input", "(8,", "8,", "1)") in rows
    assert rows[4][-2:] == (f"{64 * 64 + 64:,}", "16,640")
    assert rows[-1] == ("total", "4,810", "19,240")


def test_summary_follows_the_recipe_as_overridden(chainrule):
    shown = chainrule("summary", "digits", "--set", 'network.dtype="float64"', "--set", 'data.split="none"')
    assert "1,797 training and 0 test samples" in shown.out
    assert columns(shown.out)[-1] == ("total", "4,810", "38,480")


def test_summary_describes_a_network_that_no_memory_holds(chainrule):
    shown = chainrule("summary", "xor", "--set", "network.layers=[{use='affine', units=1000000000000000}]")
    assert shown.status == 0
    assert columns(shown.out)[-1] == ("total", "3,000,000,000,000,000", "12,000,000,000,000,000")

"""Installed distributions that are damaged, or there twice: nothing of them vanishes without a word."""

import re
from pathlib import Path

import pytest

from chainrule import PluginError, UnknownNameError, registry
from chainrule.assembly.installed import Damaged, damaged_distributions, twice_installed
from chainrule.conformance.resolve import find_target
from chainrule.registry import Entry, Registry

METADATA = b"Metadata-Version: 2.1\nName: made-wave\nVersion: 1.0\n"
POINTS = "[chainrule.layers]\nmade_wave = made_up_nowhere:Wave\n"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A function that installs a distribution of given files, and returns the folder of its metadata."""

    def install(metadata=METADATA, points=POINTS, place="site", folder="made_wave-1.0.dist-info"):
        info = tmp_path / place / folder
        info.mkdir(parents=True)
        for name, content in (("METADATA", metadata), ("entry_points.txt", points)):
            if content is not None:
                (info / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        monkeypatch.syspath_prepend(tmp_path / place)
        registry.default.refresh()
        return info

    yield install
    registry.default.refresh()


DAMAGED = {
    "no version": (b"Metadata-Version: 2.1\nName: made-wave\n", r"its METADATA have no Version"),
    "an empty version": (b"Metadata-Version: 2.1\nName: made-wave\nVersion:\n", r"its METADATA have no Version"),
    "no name": (b"Metadata-Version: 2.1\nVersion: 1\n", r"its METADATA have no Name"),
    "latin-1": (METADATA + "Author: Jürgen\n".encode("latin-1"), r"its METADATA are not UTF-8: .*byte 0xfc"),
    "nothing": (b"", r"its METADATA (cannot be read|have no Name)"),
    "no file": (None, r"its METADATA (cannot be read|have no Name)"),
}


@pytest.mark.parametrize(("metadata", "reason"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_distribution_is_listed_and_named_when_its_name_is_asked_for(installed, metadata, reason):
    folder = installed(metadata)
    (found,) = damaged_distributions()
    assert (found.name, found.folder, found.offers) == ("made-wave", folder, (("layers", "made_wave"),))
    text = rf"made-wave, {re.escape(str(folder))}: {reason}.*; install it again"
    assert re.fullmatch(text, str(found))
    for name in ("made_wave", "made-wave:made_wave", "Made_Wave:anything"):
        with pytest.raises(UnknownNameError, match=rf"^no plug-in offers '{name}' in layers; .*failed: {text}"):
            Registry().find("layers", name)
    for name in ("made_wave", "made-wave"):
        with pytest.raises(UnknownNameError, match=rf"^nothing to check is called '{name}'; .*failed: {text}"):
            find_target(name)
    assert re.fullmatch(f"failed: {text}", Registry().missing("made_wave"))
    assert re.fullmatch(f"distribution {text}", find_target(None).unchecked[-1])
    with pytest.raises(UnknownNameError) as error:
        Registry().find("layers", "made_tide")
    assert "made-wave" not in str(error.value)
    assert not [entry for entry in Registry().entries() if entry.distribution == "made-wave"]


@pytest.mark.parametrize(
    "points", [b"[chainrule.layers]\nwave\n", "[chainrule.layers]\nwäve = a:B\n".encode("latin-1")]
)
def test_entry_points_that_cannot_be_read_may_be_of_any_name(installed, points):
    installed(points=points)
    (found,) = damaged_distributions()
    assert found.offers is None
    with pytest.raises(UnknownNameError, match=r"; failed: made-wave, .*: its entry_points\.txt cannot be read: "):
        Registry().find("layers", "made_tide")


def test_what_has_nothing_to_do_with_chainrule_is_left_alone(installed):
    installed(b"", points="[console_scripts]\nwave = a:b\n")
    assert damaged_distributions() == []
    assert Registry(list).damaged() == []


def test_a_name_in_no_distribution_is_not_blamed_on_another_s_owner():
    wave = Damaged("made-wave", Path("x"), "it is damaged", (("layers", "wave"),))
    assert wave.may_offer("layers", "wave")
    assert not wave.may_offer("losses", "wave")
    assert not wave.may_offer("layers", "made-tide:wave")


# The same entry twice


@pytest.fixture
def doubled():
    entries = [
        Entry("layers", "wave", value, "made-wave", "1.0") for value in ("decimal:Decimal", "fractions:Fraction")
    ]
    return Registry(lambda: entries)


@pytest.mark.parametrize("name", ["wave", "made-wave:wave"])
def test_an_entry_that_is_there_twice_has_a_hint_that_does_not_fail_again(doubled, name):
    with pytest.raises(PluginError) as caught:
        doubled.find("layers", name, prefer=[])
    assert str(caught.value) == (
        f"'{name}' in layers is offered twice by made-wave: decimal:Decimal and fractions:Fraction; "
        'write "decimal:Decimal" for the first, or update or uninstall made-wave'
    )
    with pytest.raises(PluginError, match=r"a subclass of Layer, got <class 'decimal\.Decimal'>"):  # it is found
        doubled.find("layers", "decimal:Decimal")


def test_a_preference_does_not_take_one_of_two_by_luck(doubled):
    with pytest.raises(PluginError, match="is offered twice by made-wave: "):
        doubled.find("layers", "wave", prefer=["made-wave"])


# Two versions


def test_a_distribution_that_is_there_twice_is_told_with_the_one_that_is_used(installed):
    old = installed()
    new = installed(METADATA.replace(b"1.0", b"2.0"), place="other", folder="made_wave-2.0.dist-info")
    (entry,) = [entry for entry in Registry().entries() if entry.distribution == "made-wave"]
    (found,) = twice_installed()
    assert entry.version == "2.0"
    assert str(found) == (
        f"made-wave is installed more than once: 2.0 in {new.parent} is used, 1.0 in {old.parent} is not; uninstall one"
    )
    assert Registry(list).twice() == []


def test_a_folder_that_is_on_the_path_twice_is_not_two(installed, monkeypatch):
    monkeypatch.syspath_prepend(installed().parent)
    assert twice_installed() == []

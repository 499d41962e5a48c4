import random
import sys
from dataclasses import dataclass, field

import pytest

import chainrule
from chainrule import Chain, Dataset, PluginError, SettingError, UnknownNameError, registry
from chainrule.assembly.datasets import read_dataset
from chainrule.registry import Entry, Registry, construct, normalized

WAVE = """
from chainrule import Elementwise

class Wave(Elementwise):
    def __init__(self, height=1.0, *, length=2.0):
        self.height, self.length = height, length

    def forward(self, x):
        return x

    def derivative(self, x, y):
        return 0 * x + 1

number = 3
"""


def offer(name, distribution="made", group="layers"):
    return Entry(group, name, "made_up_nowhere:Wave", distribution, "1.0")


def offering(*entries):
    return Registry(lambda: entries)


# Finding what is installed


def test_listing_imports_nothing(install):
    module = install("made-wave", {"layers": {"made_wave": "Wave"}}, WAVE, version="1.2")
    found = Registry()
    assert "made_wave" in found.names("layers")
    assert Entry("layers", "made_wave", f"{module}:Wave", "made-wave", "1.2") in found.entries()
    assert module not in sys.modules
    assert found.find("layers", "made_wave").__name__ == "Wave"
    assert module in sys.modules


def test_an_entry_without_an_attribute_is_its_module(install):
    module = install("made-wave", {"alternatives": {"made": ""}}, WAVE)
    found = Registry()
    entry = found.entry("alternatives", "made")
    assert entry.value.rstrip(":") == module
    assert found.load(entry) is sys.modules[module]


def test_a_plug_in_is_loaded_once(install):
    module = install("made-wave", {"layers": {"made_wave": "Wave"}}, WAVE)
    found = Registry()
    wave = found.find("layers", "made_wave")
    del sys.modules[module]
    assert found.find("layers", "made_wave") is wave
    assert found.find("layers", "made-wave:made_wave") is wave
    assert module not in sys.modules


def test_installed_entries_are_read_once(install):
    calls = []
    found = Registry(lambda: calls.append(1) or [])
    assert calls == []
    assert (found.names("layers"), found.entries(), found.broken("losses")) == ([], [], {})
    assert calls == [1]


def test_refresh_sees_a_new_distribution(install):
    found = Registry()
    assert "made_wave" not in found.names("layers")
    install("made-wave", {"layers": {"made_wave": "Wave"}}, WAVE)
    assert "made_wave" not in found.names("layers")
    found.refresh()
    assert "made_wave" in found.names("layers")


def test_refresh_forgets_what_was_loaded(install):
    module = install("made-wave", {"layers": {"made_wave": "Wave"}}, WAVE)
    found = Registry()
    wave = found.find("layers", "made_wave")
    del sys.modules[module]
    found.refresh()
    assert found.find("layers", "made_wave") is not wave


def test_entries_are_in_alphabetical_order_whatever_the_order_of_installation():
    entries = [offer(name, owner, group) for group in "ab" for name in "cde" for owner in "fg"]
    for seed in range(5):
        shuffled = random.Random(seed).sample(entries, len(entries))
        assert offering(*shuffled).entries() == entries


@pytest.mark.parametrize("order", [["made-a", "made-b"], ["made-b", "made-a"]])
def test_the_order_of_installation_means_nothing(install, order):
    for distribution in order:
        install(distribution, {"layers": {"made_wave": "Wave"}}, WAVE)
    found = Registry()
    assert [str(e) for e in found.entries("layers") if e.name == "made_wave"] == [
        "made-a:made_wave",
        "made-b:made_wave",
    ]
    with pytest.raises(PluginError, match=r"offered by made-a 1.0 and made-b 1.0; write"):
        found.find("layers", "made_wave")


def test_groups_are_kept_apart(install):
    install("made-wave", {"layers": {"made_same": "Wave"}, "hooks": {"made_same": "Wave"}}, WAVE)
    found = Registry()
    assert [e.group for e in found.entries() if e.name == "made_same"] == ["hooks", "layers"]
    assert "made_same" not in found.names("losses")


def test_a_distribution_name_is_compared_as_package_indexes_do(install):
    install("Made_Wave.Plus", {"layers": {"made_wave": "Wave"}}, WAVE)
    install("made-tide", {"layers": {"made_wave": "Wave"}}, WAVE)
    found = Registry()
    assert [e.distribution for e in found.entries("layers") if e.name == "made_wave"] == ["made-tide", "made-wave-plus"]
    wave = found.find("layers", "made-wave-plus:made_wave")
    assert found.find("layers", "Made_Wave.Plus:made_wave") is wave
    assert found.find("layers", "made_wave", prefer=["MADE.Wave_Plus"]) is wave


@pytest.mark.parametrize(
    "name", ["friendly-bard", "Friendly-Bard", "FRIENDLY_bard", "friendly--bard", "FrIeNdLy-._.-bArD"]
)
def test_a_distribution_name_is_normalized_as_pep_503_says(name):
    assert normalized(name) == "friendly-bard"


def test_a_distribution_without_metadata_leaves_the_others_alone(install):
    install("made-damaged", {"layers": {"made_lost": "Wave"}}, WAVE, metadata="")
    install("made-wave", {"layers": {"made_wave": "Wave"}}, WAVE)
    assert Registry().find("layers", "made_wave").__name__ == "Wave"


def test_entry_points_that_cannot_be_read_leave_the_others_alone(install):
    install("made-damaged", {"layers": {"made_lost": "made_up:Wave\nno equals sign"}}, WAVE)
    install("made-wave", {"layers": {"made_wave": "Wave"}}, WAVE)
    assert Registry().find("layers", "made_wave").__name__ == "Wave"


# Plug-ins that fail


@pytest.mark.parametrize(
    "source, value, reason, cause",
    [
        ("raise RuntimeError('no compiler')", "Wave", "RuntimeError: no compiler", RuntimeError),
        ("raise RuntimeError", "Wave", "RuntimeError", RuntimeError),
        ("import sys; sys.exit('bye')", "Wave", "SystemExit: bye", SystemExit),
        ("import sys; sys.exit()", "Wave", "SystemExit", SystemExit),
        ("class Wave(", "Wave", r"SyntaxError: '\(' was never closed .*", SyntaxError),
        ("", "made_up_nowhere:Wave", "ModuleNotFoundError: No module named 'made_up_nowhere'", ModuleNotFoundError),
        (WAVE, "Waves", r"AttributeError: module 'made_up_\d+' has no attribute 'Waves'", AttributeError),
    ],
)
def test_a_plug_in_that_cannot_be_loaded_is_told_and_the_others_work(install, source, value, reason, cause):
    install("made-crash", {"layers": {"made_crash": value}}, source, version="2.5")
    install("made-wave", {"layers": {"made_wave": "Wave"}}, WAVE)
    found = Registry()
    message = (
        rf"^layer 'made_crash' of made-crash 2.5 \(\w+:\w+\) cannot be loaded: {reason}; "
        "update or uninstall made-crash; the other plug-ins work$"
    )
    for _ in range(2):  # it fails again, not in another way
        with pytest.raises(PluginError, match=message) as caught:
            found.find("layers", "made_crash")
        assert isinstance(caught.value.__cause__, cause)
    broken = {str(e): str(error) for e, error in found.broken("layers").items()}
    assert list(broken) == ["made-crash:made_crash"]
    assert broken["made-crash:made_crash"] == str(caught.value)
    assert found.find("layers", "made_wave")().height == 1.0


@pytest.mark.parametrize(
    "group, value, expected",
    [
        ("layers", "builtins:int", "layer 'made_odd' of made-odd 1.0 .builtins:int.: expected a subclass of Layer"),
        ("layers", "number", "layer 'made_odd' .*: expected a subclass of Layer, got 3"),
        ("losses", "Wave", "loss 'made_odd' .*: expected a subclass of Loss, got <class"),
        ("optimizers", "Wave", "optimizer 'made_odd' .*: expected a subclass of Optimizer, got <class"),
        ("schedules", "Wave", "schedule 'made_odd' .*: expected a subclass of Schedule, got <class"),
        ("data", "number", "data 'made_odd' .*: expected a class or a function, got 3"),
        ("hooks", "number", "hook 'made_odd' .*: expected a class or a function, got 3"),
    ],
)
def test_a_plug_in_of_the_wrong_kind_is_told(install, group, value, expected):
    install("made-odd", {group: {"made_odd": value}}, WAVE)
    install("made-wave", {"layers": {"made_wave": "Wave"}}, WAVE)
    found = Registry()
    with pytest.raises(PluginError, match=f"^{expected}") as caught:
        found.find(group, "made_odd")
    assert caught.value.__cause__ is None
    assert found.find("layers", "made_wave")


def test_an_instance_is_no_layer(install):
    install("made-odd", {"layers": {"made_odd": "wave"}}, f"{WAVE}\nwave = Wave()")
    with pytest.raises(PluginError, match=r"^layer 'made_odd' .*: expected a subclass of Layer, got Wave"):
        Registry().find("layers", "made_odd")


def test_an_interrupt_passes(install):
    install("made-crash", {"layers": {"made_crash": "Wave"}}, "raise KeyboardInterrupt('now')")
    with pytest.raises(KeyboardInterrupt, match="now"):
        Registry().find("layers", "made_crash")


# Two distributions, one name


@pytest.fixture
def twins(install):
    modules = {name: install(f"made-{name}", {"layers": {"made_twin": "Wave"}}, WAVE) for name in "abc"}
    return Registry(), modules


def test_a_name_of_two_distributions_is_an_error_that_names_both():
    with pytest.raises(PluginError, match=r"^'wave' in layers is offered by a 1.0 and b 1.0; ") as caught:
        offering(offer("wave", "b"), offer("wave", "a")).find("layers", "wave")
    assert caught.value.hint == 'write "a:wave", or set prefer = ["a"]'


def test_the_distribution_settles_the_name(twins):
    found, modules = twins
    for name in "abc":
        assert found.find("layers", f"made-{name}:made_twin").__module__ == modules[name]


@pytest.mark.parametrize(
    "prefer, taken",
    [
        (["made-b"], "b"),
        (["made-b", "made-a"], "b"),
        (["made-a", "made-b"], "a"),
        (["made-unknown", "Made_C", "made-a"], "c"),
        (("made-c",), "c"),
    ],
)
def test_the_first_preference_that_offers_the_name_is_taken(twins, prefer, taken):
    found, modules = twins
    assert found.find("layers", "made_twin", prefer=prefer).__module__ == modules[taken]
    assert type(chainrule.layer("made_twin", prefer=prefer)).__module__ == modules[taken]


def test_a_preference_for_others_settles_nothing(twins):
    with pytest.raises(PluginError, match=r"offered by made-a 1.0 and made-b 1.0 and made-c 1.0"):
        twins[0].find("layers", "made_twin", prefer=["made-d"])


def test_a_preference_does_not_hide_a_name_of_one_distribution(install):
    install("made-wave", {"layers": {"made_wave": "Wave"}}, WAVE)
    assert Registry().find("layers", "made_wave", prefer=["made-tide"]).__name__ == "Wave"


def test_an_alternative_changes_nothing_until_it_is_preferred(install):
    usual = install("made-usual", {"layers": {"made_wave": "Wave"}}, WAVE)
    other = install("made-other", {"layers": {"made_wave": "Wave"}, "alternatives": {"other": "Wave"}}, WAVE)
    found = Registry()
    for prefer in ([], ["made-usual"], ["made-unknown"]):
        assert found.find("layers", "made_wave", prefer=prefer).__module__ == usual
    assert found.find("layers", "made_wave", prefer=["made-other"]).__module__ == other
    assert found.find("layers", "made-other:made_wave").__module__ == other
    assert found.stands_back("made-other")
    assert not found.stands_back("made-usual")


def test_an_alternative_settles_no_quarrel_of_two_others():
    offers = [offer("wave", "a"), offer("wave", "b"), offer("wave", "c"), offer("c", "c", group="alternatives")]
    with pytest.raises(PluginError, match=r"^'wave' in layers is offered by a 1.0 and b 1.0; write"):
        offering(*offers).find("layers", "wave")


def test_two_alternatives_of_nothing_are_an_error_that_names_both():
    offers = [
        offer(name, owner, group=group)
        for owner in "bc"
        for name, group in (("wave", "layers"), (owner, "alternatives"))
    ]
    with pytest.raises(PluginError, match=r"^'wave' in layers is offered by b 1.0 and c 1.0; write"):
        offering(*offers).find("layers", "wave")


@pytest.mark.parametrize("prefer", ["made-a", [3], [None]])
def test_a_preference_is_a_list_of_names(prefer):
    with pytest.raises(SettingError, match=r"^prefer: expected a list of distributions, got "):
        offering(offer("wave")).find("layers", "wave", prefer=prefer)


# Names that nobody offers


def test_an_unknown_name_is_answered_with_all_that_helps(install):
    install("made-crash", {"layers": {"crash": "Wave"}}, "raise RuntimeError('no compiler')", version="2.5")
    install("made-wave", {"layers": {"wave": "Wave", "waves": "Wave", "zzz": "Wave"}}, WAVE)
    entries = [e for e in registry.installed_entries() if e.distribution in ("made-crash", "made-wave")]
    with pytest.raises(UnknownNameError, match=r"^no plug-in offers 'Wafe' in layers; ") as caught:
        offering(*entries).find("layers", "Wafe")
    error = caught.value
    assert (error.near, error.known) == (("wave", "waves"), ("crash", "wave", "waves", "zzz"))
    assert "did you mean wave or waves?; known: crash, wave, waves, zzz; failed: layer 'crash' of " in error.hint
    assert "made-crash 2.5" in error.hint
    assert "RuntimeError: no compiler" in error.hint
    assert isinstance(error, LookupError)


def test_a_name_like_no_other_has_no_near_ones():
    with pytest.raises(UnknownNameError, match=r"^no plug-in offers 'qqq' in layers; known: wave; failed: ") as caught:
        offering(offer("wave")).find("layers", "qqq")
    assert caught.value.near == ()


@pytest.mark.parametrize(
    ("group", "package"), [("layers", "affine"), ("losses", "losses"), ("schedules", "optimizers"), ("data", "data")]
)
def test_an_empty_registry_says_how_to_get_some(group, package):
    with pytest.raises(UnknownNameError, match=rf"no {group} are installed: pip install \S*/plugins/{package}"):
        Registry(list).find(group, "made_wave")


@pytest.mark.parametrize("name", ["made-wave:made_wafe", "made-tide:made_wave"])
def test_a_distribution_that_does_not_offer_the_name_is_told_with_near_ones(install, name):
    install("made-wave", {"layers": {"made_wave": "Wave"}}, WAVE)
    with pytest.raises(UnknownNameError, match=rf"^no plug-in offers '{name}' in layers; did you mean made_wave") as e:
        Registry().find("layers", name)
    assert "made_wave" in e.value.near


@pytest.mark.parametrize("name", ["", None, 3, ["affine"]])
def test_a_name_is_a_string(name):
    with pytest.raises(SettingError, match=r"^a name in layers: expected a string, got "):
        offering(offer("wave")).find("layers", name)


# A module's class


def test_a_module_and_a_class_need_no_registration(install):
    module = install("made-nothing", {}, WAVE)
    assert Registry(list).find("layers", f"{module}:Wave").__module__ == module
    assert chainrule.layer(f"{module}:Wave", height=3.0).height == 3.0


@pytest.mark.parametrize(
    "value, message",
    [
        ("made_up_nowhere:Wave", "ModuleNotFoundError: No module named 'made_up_nowhere'"),
        ("chainrule:Wave", "AttributeError: module 'chainrule' has no attribute 'Wave'"),
    ],
)
def test_a_module_or_class_that_is_missing_is_told(value, message):
    match = f"^layer '{value}' cannot be loaded: {message}; write distribution:name, or module:Class"
    with pytest.raises(PluginError, match=match) as caught:
        Registry(list).find("layers", value)
    assert isinstance(caught.value.__cause__, (ImportError, AttributeError))


def test_a_class_of_another_kind_is_told():
    with pytest.raises(PluginError, match=r"^layer 'chainrule:SGD': expected a subclass of Layer, got <class"):
        Registry(list).find("layers", "chainrule:SGD")


# Building


def test_settings_are_given_by_name(install):
    install("made-wave", {"layers": {"made_wave": "Wave"}}, WAVE)
    wave = chainrule.layer("made_wave", height=2.0, length=3.0)
    assert (wave.height, wave.length) == (2.0, 3.0)


def test_a_setting_may_be_called_name():
    def reader(name):
        return name

    assert construct(reader, "reader", {"name": "x"}) == "x"


def test_an_unknown_setting_is_answered_with_near_ones(install):
    install("made-wave", {"layers": {"made_wave": "Wave"}}, WAVE)
    with pytest.raises(SettingError, match=r"^heigth: made_wave has no such setting; did you mean height\?$") as caught:
        chainrule.layer("made_wave", heigth=2.0)
    assert caught.value.where.startswith("heigth")
    with pytest.raises(SettingError, match=r"^units: made_wave has no such setting; made_wave takes height, length$"):
        chainrule.layer("made_wave", units=2)


def test_a_field_that_has_no_default_may_say_what_to_try_first():
    @dataclass(frozen=True)
    class Rule:
        rate: float = field(metadata={"try": 0.25})
        kind: str = field(metadata={"try": "fast"})
        size: int = field(metadata={"unit": "bytes"})

    complete = {"rate": 1.0, "kind": "slow", "size": 3}
    assert construct(Rule, "rule", complete) == Rule(1.0, "slow", 3)
    for key, hint in {"rate": "try rate = 0.25 first; ", "kind": "try kind = 'fast' first; ", "size": ""}.items():
        rest = {name: value for name, value in complete.items() if name != key}
        with pytest.raises(SettingError, match=rf"^{key}: rule needs this setting; {hint}rule takes rate, kind, size$"):
            construct(Rule, "rule", rest)


def test_a_missing_setting_is_told():
    with pytest.raises(
        SettingError, match=r"^learning_rate: sgd needs this setting; try learning_rate = 0\.1 first; sgd takes"
    ):
        chainrule.optimizer("sgd")


def test_what_takes_no_settings_says_so():
    with pytest.raises(SettingError, match=r"^size: now has no such setting; now takes no settings$"):
        construct(lambda: None, "now", {"size": 1})


def test_a_chain_takes_its_layers_as_a_list(family):
    layers = [family.Affine(2), family.Bend()]
    assert chainrule.layer("chainrule:Chain", layers=layers) == Chain(*layers)
    assert chainrule.layer("chainrule:Chain", layers=tuple(layers)) == Chain(*layers)
    with pytest.raises(SettingError, match=r"^layers: expected at least one layer"):
        chainrule.layer("chainrule:Chain")


@pytest.mark.parametrize("layers", [3, "made_bend"])
def test_a_chain_refuses_what_is_no_list(family, layers):
    with pytest.raises(SettingError, match=r"^layers: expected "):
        chainrule.layer("chainrule:Chain", layers=layers)
    with pytest.raises(SettingError, match=r"^layers: expected "):
        chainrule.layer("chainrule:Chain", layers=family.Bend())


def test_a_plug_in_may_take_settings_of_any_name():
    def reader(path, **options):
        return path, options

    assert construct(reader, "reader", {"path": "x", "skip": 1}) == ("x", {"skip": 1})
    assert construct(reader, "reader", {"path": "x"}) == ("x", {})


def test_losses_and_optimizers_are_found_by_name(family):
    assert chainrule.loss("made_squared") == family.Squared()
    assert chainrule.optimizer("sgd", learning_rate=0.5) == chainrule.SGD(0.5)
    assert registry.find("optimizers", "chainrule:sgd") is chainrule.SGD
    with pytest.raises(UnknownNameError, match=r"did you mean sgd\?"):
        chainrule.optimizer("sdg")


def test_a_schedule_is_found_by_name(install):
    source = """
from dataclasses import dataclass
from chainrule import Schedule

@dataclass(frozen=True)
class Level(Schedule):
    height: float

    def rate(self, step):
        return self.height
"""
    install("made-level", {"schedules": {"made_level": "Level"}}, source)
    assert chainrule.schedule("made_level", height=0.5).rate(7) == 0.5
    with pytest.raises(UnknownNameError, match=r"no plug-in offers 'made_levle' in schedules; did you mean made_level"):
        chainrule.schedule("made_levle")


def test_a_data_set_is_read_and_then_prepared(family):
    parts = chainrule.dataset("made_count", size=20, scale=0.5, shape=[2, 1], split="ordered", test_fraction=0.3)
    assert isinstance(parts, Dataset)
    assert (parts.x.shape, parts.x_test.shape) == ((14, 2, 1), (6, 2, 1))
    assert parts.x[1].ravel().tolist() == [1.0, 1.5]
    assert chainrule.dataset("made_count", split="none").x_test is None
    with pytest.raises(SettingError, match=r"^sise: made_count has no such setting; did you mean size\?"):
        chainrule.dataset("made_count", sise=20)


def test_a_reader_that_returns_something_else_is_told(install):
    install("made-odd", {"data": {"made_odd": "read"}}, "def read(): return [1, 2]")
    with pytest.raises(PluginError, match=r"^data 'made_odd': expected a Dataset, got list"):
        chainrule.dataset("made_odd")


def test_a_data_set_is_read_as_its_reader_gives_it(family, install):
    whole = read_dataset("made_count", {"size": 20})
    assert (whole.x.shape, whole.x_test) == ((20, 2), None)
    with pytest.raises(SettingError, match=r"^scale: made_count has no such setting"):
        read_dataset("made_count", {"scale": 0.5})
    source = "import chainrule\ndef read(split): return chainrule.Dataset([[len(split)]], None)"
    install("made-own", {"data": {"made_own": "read"}}, source)
    assert read_dataset("made_own", {"split": "none"}).x.tolist() == [[4]]

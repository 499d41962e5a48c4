"""What a target stands for, in an environment of made-up distributions."""

import pytest

from chainrule import PluginError, SettingError, UnknownNameError, registry
from chainrule.conformance.resolve import find_target

SOURCE = """\
from dataclasses import dataclass
import numpy as np
from chainrule import Elementwise, Loss, Optimizer
from chainrule.conformance import LayerCase, LossCase, OptimizerCase

@dataclass(frozen=True)
class Square(Elementwise):
    def forward(self, x):
        return x * x
    def derivative(self, x, y):
        return 2 * x

@dataclass(frozen=True)
class Power(Square):
    exponent: int

@dataclass(frozen=True)
class Distance(Loss):
    def value(self, scores, targets):
        return ((scores - targets) ** 2).sum(axis=1)
    def gradient(self, scores, targets):
        return 2 * (scores - targets)

@dataclass(frozen=True)
class Signs(Optimizer):
    def step(self, theta, gradient, state, context):
        theta -= 0.1 * np.sign(gradient)

@dataclass(frozen=True)
class Sized(Signs):
    size: float

CASES = [
    LayerCase("square", Square(), (3,)),
    LossCase("distance", Distance(), (2,), "real"),
    OptimizerCase("signs", Signs()),
]
def cases():
    return CASES[:1]
def asks(n):
    return CASES[:n]
def fails():
    raise ValueError("no luck")
def listed():
    yield CASES[0]
    raise KeyError("the second")
"""


@pytest.fixture
def made_up(install):
    """Install a distribution with a layer, a loss, an optimizer and their cases; return it and a registry of it."""

    def make(layers=None, cases="CASES", distribution="made-up-square", optimizers=None):
        groups = {"layers": layers or {"made_square": "Square"}, "losses": {"made_distance": "Distance"}}
        groups["optimizers"] = optimizers or {"made_signs": "Signs"}
        if cases:
            groups["conformance"] = {"cases": cases}
        module = install(distribution, groups, SOURCE)
        return module, registry.Registry(
            lambda: [entry for entry in registry.installed_entries() if entry.distribution.startswith("made-up")]
        )

    return make


def ids(target):
    return [case.id for case in target.cases]


@pytest.mark.parametrize("name", [None, "made-up-square", "Made_Up.Square"])
def test_a_distribution_is_all_its_cases(made_up, name):
    _, source = made_up()
    target = find_target(name, source)
    assert ids(target) == ["square", "distance", "signs"]
    assert target.unchecked == ()


@pytest.mark.parametrize("name", ["made_square", "made-up-square:made_square"])
def test_a_registered_name_is_the_cases_of_its_class(made_up, name):
    _, source = made_up()
    assert ids(find_target(name, source)) == ["square"]


def test_an_optimizer_is_a_target_like_a_layer(made_up):
    module, source = made_up(optimizers={"made_signs": "Signs", "made_sized": "Sized"})
    assert ids(find_target("made_signs", source)) == ["signs"]
    assert find_target("made-up-square", source).unchecked == ("optimizer made-up-square:made_sized",)
    assert find_target("made_sized", source).unchecked == ("optimizer made-up-square:made_sized",)
    (case,) = find_target(f"{module}:Signs", source).cases
    assert (case.id, case.optimizer) == (f"{module}:Signs", source.find("optimizers", "made_signs")())
    with pytest.raises(SettingError, match=r"without settings.*OptimizerCase\(\"sized\", Sized\(…\)\)"):
        find_target(f"{module}:Sized", source)


def test_cases_may_be_a_function(made_up):
    _, source = made_up(cases="cases")
    target = find_target("made-up-square", source)
    assert ids(target) == ["square"]
    assert target.unchecked == ("loss made-up-square:made_distance", "optimizer made-up-square:made_signs")


def test_a_registered_layer_without_a_case_is_unchecked(made_up):
    _, source = made_up({"made_square": "Square", "made_power": "Power"})
    assert find_target("made-up-square", source).unchecked == ("layer made-up-square:made_power",)
    assert find_target("made_power", source).unchecked == ("layer made-up-square:made_power",)
    assert find_target(None, source).unchecked == ("layer made-up-square:made_power",)


def test_a_distribution_without_cases_is_unchecked_whole(made_up):
    _, source = made_up(cases=None)
    names = ("layer made-up-square:made_square", "loss made-up-square:made_distance")
    expected = (*names, "optimizer made-up-square:made_signs")
    assert find_target("made-up-square", source).unchecked == expected


def test_cases_that_cannot_be_loaded_are_told_and_the_others_run(made_up, install):
    install("made-up-broken", {"conformance": {"cases": "CASES"}}, "raise RuntimeError('no licence')")
    _, source = made_up()
    target = find_target(None, source)
    assert ids(target) == ["square", "distance", "signs"]
    assert "the cases 'cases' of made-up-broken (cases 'cases' of made-up-broken 1.0" in target.unchecked[0]
    assert "RuntimeError: no licence" in target.unchecked[0]


def test_entries_that_are_no_cases_are_told(made_up):
    _, source = made_up(cases="SOURCE_OF_NOTHING")
    assert "has no attribute 'SOURCE_OF_NOTHING'" in find_target("made-up-square", source).unchecked[0]
    _, source = made_up(cases="Square", distribution="made-up-odd")
    assert find_target("made-up-odd", source).cases[0].layer == source.find("layers", "made-up-odd:made_square")()


def test_cases_of_one_id_in_two_distributions_are_told_apart(made_up):
    made_up()
    _, source = made_up(distribution="made-up-twin")
    own = ["square", "distance", "signs"]
    assert ids(find_target(None, source)) == [*own, *(f"made-up-twin/{name}" for name in own)]
    with pytest.raises(PluginError):
        source.find("layers", "made_square")
    assert len(find_target("made_square", source).cases) == 2


def test_an_attribute_is_cases_or_a_layer_that_gets_a_plain_one(made_up):
    module, source = made_up()
    assert ids(find_target(f"{module}:CASES", source)) == ["square", "distance", "signs"]
    (case,) = find_target(f"{module}:Square", source).cases
    assert (case.id, case.input_shape) == (f"{module}:Square", (5,))


def test_an_attribute_that_makes_no_case_says_what_to_write(made_up):
    module, source = made_up()
    with pytest.raises(SettingError, match=r"expected a class that can be made without settings.*LayerCase\(\"power\""):
        find_target(f"{module}:Power", source)
    with pytest.raises(SettingError, match=r"expected a case of the loss, .*LossCase\("):
        find_target(f"{module}:Distance", source)
    with pytest.raises(PluginError, match="no_module:x cannot be loaded: ModuleNotFoundError"):
        find_target("no_module:x", source)
    with pytest.raises(
        SettingError,
        match="cases: expected a LayerCase, a LossCase, an OptimizerCase or a PreparationCase, or a list of them",
    ):
        find_target(f"{module}:np.pi", source)


@pytest.mark.parametrize(
    "name, reason",
    [
        ("asks", r"TypeError: .*missing 1 required positional argument: 'n'"),
        ("fails", "ValueError: no luck"),
        ("listed", "KeyError: 'the second'"),
    ],
)
def test_a_function_that_raises_instead_of_giving_cases_is_named(made_up, name, reason):
    module, source = made_up()
    hint = "; write a function without arguments that returns a case or a list of cases$"
    with pytest.raises(PluginError, match=f"^{module}:{name} gives no cases: {reason}{hint}"):
        find_target(f"{module}:{name}", source)


def test_cases_of_a_distribution_that_raise_do_not_stop_the_others(made_up):
    _, source = made_up(cases="fails")
    unchecked = find_target("made-up-square", source).unchecked[0]
    assert "the cases 'cases' of made-up-square (fails gives no cases: ValueError: no luck" in unchecked


def test_an_unknown_name_is_answered_with_near_ones(made_up):
    _, source = made_up()
    with pytest.raises(UnknownNameError, match=r"nothing to check is called 'made_sqare'; did you mean made_square"):
        find_target("made_sqare", source)


def test_a_distribution_with_nothing_to_check_says_so(made_up, install):
    install("made-up-empty", {"hooks": {"none": "Nothing"}}, "class Nothing: pass")
    _, source = made_up()
    with pytest.raises(
        SettingError, match="made-up-empty: expected a distribution with layers, losses, optimizers, pre"
    ):
        find_target("made-up-empty", source)


REWRITINGS = """
def squares(layers):
    return (2, Power(4)) if [type(layer) for layer in layers[:2]] == [Square, Square] else None
def others(layers):
    return (2, Power(5)) if len(layers) > 1 else None
def broken(layers):
    raise ValueError("no luck")
BLOCKS = [*CASES, LayerCase("squares", Power(4), (3,), chain=[Square(), Square()])]
"""


@pytest.mark.parametrize(
    ("offered", "cases", "told"),
    [
        ("squares", "BLOCKS", ()),
        ("squares", "CASES", ("squares (it wants a case with a chain, of which it makes the case's layer)",)),
        ("others", "BLOCKS", ("others (it wants a case with a chain, of which it makes the case's layer)",)),
        ("broken", "BLOCKS", ("broken (ValueError: no luck)",)),
        ("lost", "BLOCKS", ("lost (PluginError: rewriting 'lost' of made-up-blocks 1.0",)),
    ],
)
def test_a_rewriting_is_unchecked_unless_a_case_judges_what_it_makes(install, offered, cases, told):
    groups = {"layers": {"made_square": "Square"}, "rewritings": {offered: offered}, "conformance": {"cases": cases}}
    install("made-up-blocks", groups, SOURCE + REWRITINGS)
    source = registry.Registry(
        lambda: [entry for entry in registry.installed_entries() if entry.distribution == "made-up-blocks"]
    )
    unchecked = find_target("made-up-blocks", source).unchecked
    assert len(unchecked) == len(told)
    assert all(got.startswith(f"rewriting made-up-blocks:{start}") for got, start in zip(unchecked, told, strict=True))

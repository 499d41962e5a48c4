"""Cases of several inputs, of sequences and of statistics: what they refuse, and how their reports speak."""

import re
from dataclasses import dataclass

import numpy as np
import pytest

from chainrule import Join, SettingError
from chainrule.conformance import LayerCase, check
from chainrule.conformance.own_cases import CASES
from chainrule.conformance.packed import Packed
from chainrule.conformance.standins import Factors, Scaled, Times

TIMES = Times()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"input_shape": [(2,), (0,)]}, "case times: input_shape[1]: expected a shape of positive ints"),
        ({"domain": (0.0, 1.0)}, "case times: domain: expected a list of domains, None or (low, high) for each input"),
        ({"domain": [None]}, "case times: domain: expected a list of domains"),
        ({"domain": [None, (2.0, 1.0)]}, "case times: domain: expected (low, high) with low < high, got (2.0, 1.0)"),
        ({"kinks": {0.0: 0.5}}, "case times: kinks: expected a layer of one input, got '2 inputs'"),
        ({"causal": 1}, "case times: causal: expected True or False, got 1"),
        ({"float32_error": 0}, "case times: float32_error: expected a finite number above 0, got 0"),
        ({"float32_error": "1e-4"}, "case times: float32_error: expected a finite number above 0, got '1e-4'"),
        (
            {"masks": {2: (0,)}},
            "case times: masks: expected {input: (inputs whose positions it masks)}, of",
        ),
        ({"masks": {1: ()}}, "case times: masks: expected"),
        ({"masks": {1: (1,)}}, "case times: masks: expected"),
        ({"masks": [1]}, "case times: masks: expected"),
        ({"remembered": 3}, "case times: remembered: expected a function, got 3"),
        ({"trained": "x"}, "case times: trained: expected a function, got 'x'"),
    ],
)
def test_a_case_of_several_inputs_says_what_it_expects(settings, message):
    with pytest.raises(SettingError, match=re.escape(message)):
        LayerCase("times", TIMES, **{"input_shape": [(2,), (2,)], **settings})


def test_a_list_of_shapes_is_several_inputs_and_a_tuple_or_list_of_ints_is_one():
    one, two = LayerCase("one", Scaled(), [2, 3]), LayerCase("two", TIMES, ((2, 3), [2, 3]))
    assert (one.several, one.shapes) == (False, ((2, 3),))
    assert (two.several, two.shapes) == (True, ((2, 3), (2, 3)))
    assert two.domains == (None, None)


class Exchanged(Times):
    """Its deltas come in the other order."""

    def jacobian(self, u, v, y):
        return OtherWay(u, v)


class OtherWay(Factors):
    def vjp(self, delta, out=None):
        return super().vjp(delta, out)[::-1]


def test_a_failure_names_the_input_and_its_entry():
    report = check(LayerCase("exchanged", Exchanged(), [(2, 3), (2, 3)]), only="gradient.input")
    assert re.search(r"∂y\[\d, \d\]/∂\(input [01]\[\d, \d\]\) of sample \d", report.failed[0].message)


@dataclass(frozen=True)
class Summed(Times):
    """It has the δ of one input alone."""

    def jacobian(self, u, v, y):
        return OneDelta(u, v)


class OneDelta(Factors):
    def vjp(self, delta, out=None):
        return super().vjp(delta, out)[0]


def test_a_delta_that_is_missing_is_told_by_every_check_that_asks_for_it():
    report = check(LayerCase("summed", Summed(), [(3,), (3,)]), only=["gradient.runs", "inputs.deltas"])
    assert [result.check_id for result in report.failed] == ["gradient.runs"]
    assert "vjp returned ndarray, expected a tuple of 2, one δ for each input" in report.failed[0].message


def test_packing_is_cutting():
    packed = Packed(Join(), ((2,), (2,)), ((), ()))
    x = np.arange(8.0).reshape(2, 4)
    first, second = packed.unpack(x)
    assert np.array_equal(np.concatenate([first, second], axis=1), x)
    assert np.shares_memory(first, x)
    assert np.array_equal(packed.pack([first, second]), x)
    assert [packed.name_of(k) for k in (0, 3)] == ["input 0[0]", "input 1[1]"]


@pytest.mark.parametrize("name", ["times", "join/three", "chain/transposed", "graph/towers", "graph/ends"])
def test_core_s_own_graphs_conform(name):
    (case,) = (case for case in CASES if case.id == name)
    report = check(case)
    assert report.ok, report


def test_a_report_shows_the_shapes_of_all_inputs():
    assert check(LayerCase("times", TIMES, [(2,), (2,)]), only="forward.runs").cases[0].shape == "(2,), (2,)"

import math
from contextlib import suppress
from functools import partial

import numpy as np
import pytest

from chainrule import SettingError, axis_pair, boolean, integer, one_of, positive_int, positive_real, real
from chainrule.settings import sample_shape
from chainrule.windows import padding_sides

NO_INTS = [True, "64", 3.0, None, np.int64(3), (3,), math.nan]
NO_REALS = [True, "0.5", None, math.nan, math.inf, -math.inf, np.float64(0.5), np.int64(3), 1j]


@pytest.mark.parametrize("value", [1, 2, 10**30])
def test_a_positive_int_is_taken_as_it_is(value):
    assert positive_int("units", value) is value


@pytest.mark.parametrize("value", [*NO_INTS, 0, -1])
def test_anything_else_is_no_positive_int(value):
    with pytest.raises(SettingError, match=r"^units: expected a positive int, got "):
        positive_int("units", value)


def test_the_message_shows_the_value_as_it_is_typed():
    with pytest.raises(SettingError, match=r"got '64'$"):
        positive_int("units", "64")


@pytest.mark.parametrize(
    "minimum, value, expected", [(0, -1, "an int of at least 0"), (3, 2, "an int of at least 3"), (-2, -3, "least -2")]
)
def test_an_integer_has_a_minimum(minimum, value, expected):
    assert integer("seed", minimum, minimum=minimum) == minimum
    with pytest.raises(SettingError, match=f"^seed: expected .*{expected}, got {value}"):
        integer("seed", value, minimum=minimum)


@pytest.mark.parametrize("value", [0, -3, 2.5, 1e300, 10**20])
def test_a_finite_number_is_taken_as_it_is(value):
    assert real("alpha", value) is value


@pytest.mark.parametrize("value", NO_REALS)
def test_anything_else_is_no_number(value):
    with pytest.raises(SettingError, match=r"^alpha: expected a finite number, got "):
        real("alpha", value)


def test_an_int_beyond_all_floats_is_refused():
    with pytest.raises(SettingError, match=r"^alpha: expected a finite number, got 1000"):
        real("alpha", 10**400)


@pytest.mark.parametrize(
    "bounds, inside, outside, expected",
    [
        ({"above": 0.0}, 1e-9, 0, "above 0"),
        ({"minimum": 0.0}, 0, -1e-9, "of at least 0"),
        ({"below": 1.0}, 0.99, 1.0, "below 1"),
        ({"minimum": 0.0, "below": 1.0}, 0.0, 1.0, "of at least 0 and below 1"),
        ({"above": 0.0, "below": 1.0}, 0.5, 0.0, "above 0 and below 1"),
    ],
)
def test_bounds_are_held_and_told(bounds, inside, outside, expected):
    assert real("rate", inside, **bounds) == inside
    with pytest.raises(SettingError, match=f"^rate: expected a finite number {expected}, got {outside}$"):
        real("rate", outside, **bounds)


@pytest.mark.parametrize("value", [*NO_REALS, 0, 0.0, -1])
def test_a_positive_number_is_above_zero(value):
    assert positive_real("rate", 0.5) == 0.5
    with pytest.raises(SettingError, match=r"^rate: expected a finite number above 0, got "):
        positive_real("rate", value)


@pytest.mark.parametrize("value", ["glorots", "", None, 1, ["he"]])
def test_one_of_the_choices_is_taken(value):
    assert one_of("start", "he", ("glorot", "he")) == "he"
    with pytest.raises(SettingError, match=r"^start: expected one of 'glorot', 'he', got "):
        one_of("start", value, ("glorot", "he"))


def test_one_number_is_a_pair_of_it():
    assert axis_pair("kernel", 2) == axis_pair("kernel", (2, 2)) == axis_pair("kernel", [2, 2]) == (2, 2)
    assert axis_pair("padding", (0, 3), minimum=0) == (0, 3)


@pytest.mark.parametrize("value", [*NO_INTS, 0, (2, 0), (2, 2, 2), (2, True), (2.0, 2), "22", ()])
def test_anything_else_is_no_pair(value):
    with pytest.raises(SettingError, match=r"^kernel: expected an int of at least 1 or a pair of them, got "):
        axis_pair("kernel", value)


@pytest.mark.parametrize("value, shape", [(3, (3,)), ([28, 28, 1], (28, 28, 1)), (np.int64(3), (3,)), ((), ())])
def test_a_shape_is_a_tuple_of_ints(value, shape):
    found = sample_shape("shape", value)
    assert found == shape
    assert all(type(axis) is int for axis in found)


@pytest.mark.parametrize(
    "value", [0, -1, True, "3", 3.0, None, (2, 0), (2, True), (2, "3"), [[3]], np.array([2, 2]), int]
)
def test_anything_else_is_no_shape(value):
    with pytest.raises(SettingError, match=r"^shape: expected a shape of positive ints, without the batch axis, got "):
        sample_shape("shape", value)


@pytest.mark.parametrize("value", [0, 1, "true", None, np.True_, []])
def test_a_switch_is_true_or_false(value):
    assert boolean("ceil", True) is True
    with pytest.raises(SettingError, match=r"^ceil: expected True or False, got "):
        boolean("ceil", value)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (np.int64(3), "turn NumPy's number into Python's: value.item()"),
        (np.float32(0.5), "turn NumPy's number into Python's: value.item()"),
        (np.True_, "turn NumPy's number into Python's: value.item()"),
        ((np.int64(3), 3), "turn NumPy's numbers into Python's: value.item() of each"),
        ([1, 2, np.int32(3)], "turn NumPy's numbers into Python's: value.item() of each"),
        (np.array([2, 2]), "turn NumPy's array into Python's numbers: value.tolist()"),
        (np.array(3), "turn NumPy's array into Python's numbers: value.tolist()"),
        (3.5, None),
        ((3, "x"), None),
    ],
)
def test_numpy_s_numbers_are_told_how_they_become_python_s(value, hint):
    checks = [positive_int, real, axis_pair, padding_sides, boolean, sample_shape, partial(integer, minimum=0)]
    for check in checks:
        with suppress(SettingError):
            assert not isinstance(check("setting", value), np.generic)
            continue
        with pytest.raises(SettingError) as caught:
            check("setting", value)
        assert caught.value.hint == hint

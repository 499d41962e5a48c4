"""What --grid and --random say."""

import numpy as np
import pytest

from chainrule import SettingError
from chainrule_sweep import points


def test_a_grid_is_every_combination_the_last_key_first():
    assert points(["a.b=1,2", "c=x"]) == [{"a.b": "1", "c": "x"}, {"a.b": "2", "c": "x"}]
    assert [tuple(point.values()) for point in points(["a=1,2", "b=3,4"])] == [
        ("1", "3"),
        ("1", "4"),
        ("2", "3"),
        ("2", "4"),
    ]


def test_commas_within_brackets_and_quotes_divide_nothing():
    given = 'a=[1, 2], { use = "sgd", rate = 0.1 } ,"x,y",\'{,\''
    assert [point["a"] for point in points([given])] == ["[1, 2]", '{ use = "sgd", rate = 0.1 }', '"x,y"', "'{,'"]


def test_draws_are_between_their_ends_and_the_same_for_one_seed():
    given = ["rate=0.1..0.4", "units=3..5", "small=log:1e-6..1e-2", "width=log:1..1000"]
    drawn = points([], given, trials=300, seed=3)
    assert len(drawn) == 300
    assert drawn == points([], given, trials=300, seed=3) != points([], given, trials=300, seed=4)
    rate, small = (np.array([float(point[key]) for point in drawn]) for key in ("rate", "small"))
    assert 0.1 <= rate.min() < 0.12 < 0.38 < rate.max() <= 0.4
    assert {point["units"] for point in drawn} == {"3", "4", "5"}
    assert small.min() >= 1e-6
    assert small.max() <= 1e-2
    assert abs(np.median(np.log10(small)) + 4) < 0.5
    width = [int(point["width"]) for point in drawn]
    assert min(width) >= 1
    assert max(width) <= 1000
    assert abs(np.median(np.log10(width)) - 1.5) < 0.4
    assert max(len(point["rate"]) for point in drawn) <= len("0.1234")


def test_of_each_combination_there_are_so_many_draws():
    drawn = points(["a=1,2"], ["b=0..9"], trials=3)
    assert [point["a"] for point in drawn] == ["1"] * 3 + ["2"] * 3
    assert [*drawn[0]] == ["a", "b"]


@pytest.mark.parametrize(
    "given, message",
    [
        (([],), "--grid: expected KEY=VALUE,VALUE, or --random KEY=LOW..HIGH, got 'none of both'"),
        ((["a"],), "--grid: expected KEY=VALUE,VALUE, such as training.optimizer.learning_rate=…, got 'a'"),
        ((["=1"],), "--grid: expected KEY=VALUE,VALUE, such as training.optimizer.learning_rate=…, got '=1'"),
        ((["a=1,,2"],), "--grid: expected a value between two commas, got '1,,2'"),
        ((["a=1", "a=2"],), "--grid, --random: expected each key once, got ['a', 'a']"),
        ((["a=1"], ["a=1..2"]), "--grid, --random: expected each key once, got ['a', 'a']"),
        (([], ["a=1..2", "a=1..3"]), "--grid, --random: expected each key once, got ['a']"),
        (([], ["a"]), "--random: expected KEY=LOW..HIGH, such as training.optimizer.learning_rate=…, got 'a'"),
        (([], ["a=1"]), "--random a: expected LOW..HIGH, or log:LOW..HIGH, got '1'"),
        (([], ["a=2..1"]), "--random a: expected LOW..HIGH, or log:LOW..HIGH, got '2..1'"),
        (([], ["a=x..1"]), "--random a: expected LOW..HIGH, or log:LOW..HIGH, got 'x..1'"),
        (([], ["a=0..nan"]), "--random a: expected LOW..HIGH, or log:LOW..HIGH, got '0..nan'"),
        (([], ["a=0..inf"]), "--random a: expected LOW..HIGH, or log:LOW..HIGH, got '0..inf'"),
        (([], ["a=log:0..1"]), "--random a: expected numbers above 0 for a logarithmic scale, got 'log:0..1'"),
        (([], ["a=0..1"], 0), "--trials: expected a positive int, got 0"),
    ],
)
def test_what_is_no_point_is_told(given, message):
    with pytest.raises(SettingError) as told:
        points(*given)
    assert str(told.value) == message

import numpy as np

import chainrule
from chainrule_data import xor


def test_a_point_has_class_1_where_exactly_one_of_its_numbers_is_1():
    points = xor()
    table = {tuple(map(int, x)): int(y) for x, y in zip(points.x, points.y, strict=True)}
    assert table == {(0, 0): 0, (0, 1): 1, (1, 0): 1, (1, 1): 0}


def test_the_points_are_float32_the_classes_integers_with_names():
    points = xor()
    assert points.x.dtype == np.float32
    assert points.y.dtype.kind == "i"
    assert points.classes == ("0", "1")


def test_there_is_no_test_part():
    points = chainrule.dataset("xor", split="none")
    assert points.x.shape == (4, 2)
    assert points.x_test is None
    assert points.y_test is None


def test_each_call_gives_fresh_arrays():
    xor().x[...] = 7
    assert xor().x.max() == 1

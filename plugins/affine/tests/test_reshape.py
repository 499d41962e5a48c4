import numpy as np
import pytest

from chainrule import Network, SettingError, ShapeError, layer
from chainrule_affine import Flatten, Reshape


def test_a_free_axis_is_what_the_others_leave():
    assert Reshape((2, -1, 3)).output_shape((4, 6)) == (2, 4, 3)
    assert Reshape(-1).output_shape((4, 6)) == Flatten().output_shape((4, 6)) == (24,)
    assert Reshape((-1, 1)).output_shape(()) == (1, 1)
    assert Reshape(()).output_shape((1, 1, 1)) == ()


def test_it_costs_nothing_and_undoes_flatten():
    x = np.arange(48.0).reshape(2, 4, 6)
    y = Reshape((2, -1, 3)).forward(x)
    assert np.shares_memory(x, y)
    assert np.array_equal(Reshape((4, 6)).forward(Flatten().forward(y)), x)


def test_a_list_of_a_recipe_is_the_same_setting():
    assert layer("reshape", shape=[2, -1]) == Reshape((2, -1)) != Reshape((2, 3))
    assert Reshape(5) == Reshape((5,))
    assert Network([layer("reshape", shape=[2, -1])], (3, 4)).output_shape == (2, 6)


@pytest.mark.parametrize(
    "wrong", [0, -2, 6.0, "6", None, True, (2, 0), (-1, -1), (2, -3), (2, 3.0), (True, 6), ((2, 3),)]
)
def test_a_wrong_shape_is_refused(wrong):
    with pytest.raises(SettingError) as caught:
        Reshape(wrong)
    expected = "a shape of positive ints, without the batch axis, one of which may be -1"
    assert str(caught.value) == f"shape: expected {expected}, got {wrong!r}"


@pytest.mark.parametrize("wrong", [np.int64(6), (2, np.int64(3)), np.array([2, 3])])
def test_numbers_of_numpy_are_told_from_those_of_python(wrong):
    with pytest.raises(SettingError, match=r"^shape: expected .*; turn NumPy's .* into Python's"):
        Reshape(wrong)


@pytest.mark.parametrize(
    ("shape", "given", "message"),
    [
        ((3, 4), (2, 5), r"Reshape input: expected 12 numbers, for \(3, 4\), got \(2, 5\)"),
        ((3, 4), (24,), r"Reshape input: expected 12 numbers, for \(3, 4\), got \(24,\)"),
        ((), (2,), r"Reshape input: expected 1 numbers, for \(\), got \(2,\)"),
        ((3, -1), (2, 5), r"Reshape input: expected a multiple of 3 numbers, for \(3, -1\), got \(2, 5\)"),
        ((3, -1), (2, 0), r"Reshape input: expected a multiple of 3 numbers, for \(3, -1\), got \(2, 0\)"),
    ],
)
def test_samples_of_another_size_are_refused(shape, given, message):
    for ask in (Reshape(shape).output_shape, Reshape(shape).parameter_shapes):
        with pytest.raises(ShapeError, match=f"^{message}$"):
            ask(given)

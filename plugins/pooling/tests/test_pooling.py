from itertools import product

import numpy as np
import pytest

from chainrule import SettingError, ShapeError
from chainrule.windows import Walk
from chainrule_pooling import GlobalMaxPool2d, GlobalMeanPool2d, MaxPool2d, MeanPool2d


def picture(rows):
    return np.array(rows, float)[np.newaxis, :, :, np.newaxis]


def pulled(layer, x):
    y, maps = layer.linearize(x)
    return maps.vjp(np.ones_like(y))[0, :, :, 0].tolist()


def test_E16_the_largest_takes_the_gradient():
    x = np.array([[1, 2], [3, 5]])
    assert pulled(MaxPool2d(2), picture(x)) == [[0, 0], [0, 1]]
    printed = [[int(x[u, v] == x[u // 2, v // 2]) for v in range(2)] for u in range(2)]
    assert printed == [[1, 0], [0, 0]]


def test_E16b_at_a_tie_the_first_takes_all_of_it():
    x = np.array([[3, 3], [1, 2]])
    assert pulled(MaxPool2d(2), picture(x)) == [[1, 0], [0, 0]]
    assert pulled(GlobalMaxPool2d(), picture([[1, 3], [3, 2]]).copy()) == [[0, 1], [0, 0]]
    assert (x == x.max()).sum() == 2  # as printed, every maximal position conducts the one unit that came


def test_E25_mean_pooling_keeps_the_sum_of_the_signal():
    assert np.sum(pulled(MeanPool2d(2), picture(np.zeros((4, 4))))) == 4


def test_padding_never_wins_a_maximum():
    x = picture([[-5, -7], [-6, -8]])
    y = MaxPool2d(2, 1, 1).forward(x)[0, :, :, 0]
    assert y.tolist() == [[-5, -5, -7], [-5, -5, -7], [-6, -6, -8]]


def test_a_mean_leaves_out_padding_unless_it_is_to_be_counted():
    x = picture([[4, 8]])
    assert MeanPool2d(2, 2, (1, 1, 0, 0)).forward(x.repeat(2, axis=1)[:, :1]).ravel().tolist() == [6]
    assert MeanPool2d(2, 2, (1, 0, 0, 0), count_padding=True).forward(x).ravel().tolist() == [3]


def test_nan_comes_out_of_its_window_alone():
    x = picture([[1, np.nan, 2, 3], [4, 5, 6, 7]])
    for layer in (MaxPool2d(2), MeanPool2d(2)):
        assert np.isnan(layer.forward(x)).ravel().tolist() == [True, False]


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"size": 0}, "size: expected an int of at least 1 or a pair of them, got 0"),
        ({"size": 2.0}, "size: expected an int of at least 1 or a pair of them, got 2.0"),
        ({"size": 2, "stride": 0}, "stride: expected an int of at least 1 or a pair of them, got 0"),
        ({"size": 2, "padding": -1}, "padding: expected ints of at least 0"),
        (
            {"size": 2, "padding": 2},
            r"less than the size \(2, 2\), got \(2, 2, 2, 2\); a window of padding",
        ),
    ],
)
def test_a_wrong_setting_is_refused(settings, message):
    for kind in (MaxPool2d, MeanPool2d):
        with pytest.raises(SettingError, match=message):
            kind(**settings)


def test_a_picture_smaller_than_the_window_is_refused():
    with pytest.raises(ShapeError, match=r"MaxPool2d input \(2, 4, 1\): expected at least the window's \(3, 3\), got"):
        MaxPool2d(3).output_shape((2, 4, 1))


def test_no_window_is_of_padding_alone():
    for n, size, stride, before, after in product(range(1, 6), range(1, 5), range(1, 6), range(4), range(4)):
        for ceil in (False, True):
            walk = Walk(size, stride, before, after, ceil=ceil)
            if max(before, after) < size:
                assert all(walk.real(u, n) for u in range(walk.count(n))), walk


def test_settings_are_equal_in_either_form():
    assert MaxPool2d(2) == MaxPool2d((2, 2), 2, (0, 0)) != MaxPool2d(2, 1)


def test_means_of_whole_numbers_are_not_cut_off():
    x = np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1)
    for layer, means in ((MeanPool2d(2), [2.5, 4.5, 10.5, 12.5]), (GlobalMeanPool2d(), [7.5])):
        y, maps = layer.linearize(x)
        assert y.dtype == np.float64
        assert y.ravel().tolist() == means
        assert maps.jvp(x, {}).ravel().tolist() == means
        assert maps.vjp(np.ones(y.shape, int)).sum() == len(means)


@pytest.mark.parametrize("dtype", ["u1", "i1", "i8", "?"])
def test_the_largest_of_whole_numbers_is_one_of_them(dtype):
    x = np.array([[0, 1], [1, 0], [0, 0], [0, 0], [-5, -7], [-6, -5]]).clip(0 if dtype in "u1?" else -9)
    y = MaxPool2d(2).forward(picture(x).astype(dtype))
    assert y.dtype == dtype
    assert y.ravel().tolist() == ([1, 0, 0] if dtype in "u1?" else [1, 0, -5])

import pytest

from chainrule import SettingError, ShapeError
from chainrule.windows import Walk, count_windows, padding_sides, same_sides, taps


def every_walk():
    for size in (1, 2, 3):
        for stride in (1, 2, 3):
            for before in (0, 1, 3):
                for after in (0, 2):
                    for dilation in (1, 2):
                        for ceil in (False, True):
                            yield Walk(size, stride, before, after, dilation, ceil)


def places(walk, n):
    """Return each window's places, counted from the first input, by walking."""
    found, begin = [], -walk.before
    while begin + (walk.size - 1) * walk.dilation < n + walk.after or (
        walk.ceil and found and begin < n and found[-1][-1] < n + walk.after - 1
    ):
        found.append([begin + i * walk.dilation for i in range(walk.size)])
        begin += walk.stride
    return found


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_a_walk_counts_and_meets_what_a_loop_meets(n):
    for walk in every_walk():
        windows = places(walk, n)
        assert walk.count(n) == len(windows), walk
        for tap in range(walk.size):
            met = {u: window[tap] for u, window in enumerate(windows) if 0 <= window[tap] < n}
            u, inputs = walk.meet(tap, n)
            got = dict(zip(range(walk.count(n))[u], range(n)[inputs], strict=True))
            assert got == met, (walk, tap)
        for u, window in enumerate(windows):
            assert walk.real(u, n) == sum(0 <= place < n for place in window)
            assert walk.padded(u, n) == sum(place in range(-walk.before, n + walk.after) for place in window)
        if len(windows) > 1:
            padded = range(-walk.before, n + walk.before + walk.after + walk.stride * 9)
            for tap in range(walk.size):
                assert list(padded[walk.on_padded(tap, 1, len(windows))]) == [window[tap] for window in windows[1:]]


def test_E11_a_size_that_the_stride_does_not_divide_is_rounded_up():
    assert Walk(3, 2, 1, 1).count(5) == 3  # centres 0, 2, 4


def test_E9_a_padding_of_one_is_one_row():
    assert Walk(3, 1, 1, 1).count(4) == 4


def test_same_gives_one_window_for_each_stride():
    for n in range(1, 9):
        for walk in every_walk():
            if not walk.ceil:
                before, after = same_sides(n, walk)
                assert after - before in (0, 1)
                assert Walk(walk.size, walk.stride, before, after, walk.dilation).count(n) == -(-n // walk.stride)


def test_taps_come_in_row_major_order():
    starts = [inputs for _, inputs in taps((Walk(2), Walk(2)), (3, 3, 1))]
    assert [(i.start, j.start) for _, i, j in starts] == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_a_padding_is_four_sides():
    assert padding_sides("padding", 1) == padding_sides("padding", (1, 1)) == (1, 1, 1, 1)
    assert padding_sides("padding", [1, 2]) == (1, 1, 2, 2)
    assert padding_sides("padding", (1, 2, 3, 4)) == (1, 2, 3, 4)


@pytest.mark.parametrize("wrong", [-1, 1.0, True, "same", (1, 2, 3), (0, -1), None])
def test_another_padding_is_refused(wrong):
    with pytest.raises(SettingError, match=r"padding: expected ints of at least 0: n, \(n_h, n_w\) or \(top, bottom"):
        padding_sides("padding", wrong)


@pytest.mark.parametrize(
    "shape, size, message",
    [
        (
            (4, 4),
            3,
            r"conv2d input: expected \(H, W, C\), got \(4, 4\); pictures are channels-last; gray ones have",
        ),
        ((9,), 3, r"expected \(H, W, C\), got \(9,\); pictures are channels-last$"),
        ((2, 9, 1), 5, r"input \(2, 9, 1\): expected at least the window's \(5, 5\), got \(4, 11\), padding included"),
        ((3, 32, 32), 3, r"got \(3, 32, 32\); it looks like \(C, H, W\): np.moveaxis\(x, 1, -1\)"),
        ((1, 28, 28), 5, r"it looks like \(C, H, W\)"),
    ],
)
def test_a_wrong_picture_is_refused(shape, size, message):
    walk = Walk(size, 1, 1, 1)
    with pytest.raises(ShapeError, match=message):
        count_windows("conv2d", (walk, walk), shape)


def test_few_rows_are_no_mistake_where_windows_are_small():
    assert count_windows("conv2d", (Walk(1), Walk(3)), (1, 28, 28)) == (1, 26)
    assert count_windows("max_pool2d", (Walk(2), Walk(2)), (3, 32, 32)) == (2, 31)

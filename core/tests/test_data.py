import tracemalloc

import numpy as np
import pytest

from chainrule import DataError, Dataset, SettingError, data
from chainrule.data import Rows, prepare


def numbered(size, y=None):
    """Return samples that are their own row numbers, so that a part tells its rows."""
    x = np.arange(size)[:, np.newaxis]
    return Dataset(x, 10.0 * np.arange(size) if y is None else y)


def rows(x):
    return x[:].ravel().tolist()


@pytest.mark.parametrize(
    "parts, message",
    [
        ((np.ones((3, 2)), np.ones(2)), "^x: expected as many samples as targets, got 3 and 2"),
        ((np.ones((0, 2)), np.ones(0)), "^x: expected at least one sample, got none"),
        ((np.ones((2, 2)), np.ones(2), np.ones((2, 2)), np.ones(3)), "^x_test: expected as many samples as targets"),
        ((np.ones((2, 2)), np.ones(2), np.ones((0, 2)), np.ones(0)), "^x_test: expected at least one sample"),
        ((np.ones((2, 2)), np.ones(2), np.ones((2, 2))), "both x_test and y_test, or neither, got one of them"),
        ((np.ones((2, 2)), np.ones(2), None, np.ones(2)), "both x_test and y_test, or neither, got one of them"),
    ],
)
def test_parts_that_do_not_fit_are_refused(parts, message):
    with pytest.raises(DataError, match=message):
        Dataset(*parts)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("part, place", [(0, "x"), (1, "y"), (2, "x_test"), (3, "y_test")])
def test_what_is_not_finite_is_refused_with_row_and_column(value, part, place):
    parts = [np.ones((4, 3)), np.ones((4, 3)), np.ones((4, 3)), np.ones((4, 3))]
    parts[part][2, 1] = value
    with pytest.raises(DataError, match=rf"^{place}, row 2, column 1: expected a finite number, got {value}; mend"):
        Dataset(*parts)


def test_the_place_of_a_nan_has_all_axes_that_there_are():
    picture, flat = np.ones((2, 2, 2)), np.ones(2, np.float32)
    picture[1, 0, 1] = np.nan
    flat[1] = np.nan
    with pytest.raises(DataError, match=r"^x, row 1, column 0, 1: expected"):
        Dataset(picture, np.ones(2))
    with pytest.raises(DataError, match=r"^y, row 1: expected"):
        Dataset(np.ones((2, 2)), flat)


def test_a_nan_is_found_beyond_the_first_chunk(monkeypatch):
    monkeypatch.setattr(data, "CHUNK", 48)
    x = np.ones((9, 3))
    x[7, 2] = np.nan
    with pytest.raises(DataError, match=r"^x, row 7, column 2: expected"):
        Dataset(x, np.ones(9))


def test_lists_are_checked_as_arrays_are():
    with pytest.raises(DataError, match=r"^x, row 1, column 0: expected a finite number"):
        Dataset([[1.0], [float("nan")]], [0, 1])


def test_integers_need_no_check_for_nan():
    assert Dataset(np.ones((2, 2), np.uint8), np.array([0, 1])).classes is None


@pytest.mark.parametrize("split", ["stratified", "random", "ordered"])
@pytest.mark.parametrize("test_fraction, count", [(0.2, 4), (0.5, 10), (0.05, 1)])
def test_a_split_gives_every_row_to_one_part(split, test_fraction, count):
    y = np.arange(20) % 2
    parts = prepare(numbered(20, y), split=split, test_fraction=test_fraction)
    train, test = rows(parts.x), rows(parts.x_test)
    assert len(test) == count
    assert sorted(train + test) == list(range(20))
    np.testing.assert_array_equal(parts.y, y[train])
    np.testing.assert_array_equal(parts.y_test, y[test])


def test_an_ordered_split_takes_the_last_rows():
    parts = prepare(numbered(10), split="ordered", test_fraction=0.2)
    assert (rows(parts.x), rows(parts.x_test)) == (list(range(8)), [8, 9])
    assert parts.y_test.tolist() == [80, 90]


def test_no_split_leaves_all_rows_and_no_test_part():
    parts = prepare(numbered(5), split="none")
    assert rows(parts.x) == list(range(5))
    assert parts.x_test is parts.y_test is None


@pytest.mark.parametrize(
    "counts",
    [(50, 50), (70, 20, 10), (33, 33, 34), (97, 2, 1), (50, *[1] * 50), (60, *[2] * 30)],
    ids=lambda counts: f"{len(counts)} classes from {max(counts)} to {min(counts)}",
)
@pytest.mark.parametrize("test_fraction", [0.1, 0.2, 0.5])
def test_a_stratified_split_gives_each_class_its_share_within_one(counts, test_fraction):
    y = np.random.default_rng(3).permutation(np.repeat(np.arange(len(counts)), counts))
    parts = prepare(numbered(len(y), y), split="stratified", test_fraction=test_fraction)
    came = np.bincount(parts.y_test, minlength=len(counts))
    assert np.abs(came - test_fraction * np.array(counts)).max() <= 1
    assert came.sum() == round(test_fraction * len(y))


def test_classes_are_stratified_by_default_and_real_targets_are_not():
    y = np.arange(20) % 2
    assert np.bincount(prepare(numbered(20, y)).y_test).tolist() == [2, 2]
    assert rows(prepare(numbered(20)).x_test) == rows(prepare(numbered(20), split="random").x_test)


@pytest.mark.parametrize("split", ["stratified", "random"])
def test_a_split_follows_its_seed(split):
    found = [rows(prepare(numbered(60, np.arange(60) % 3), split=split, seed=seed).x_test) for seed in (0, 0, 1)]
    assert found[0] == found[1]
    assert found[0] != found[2]


def test_a_test_part_that_came_with_the_data_stays():
    whole = Dataset(np.full((4, 2), 2.0), np.arange(4.0), np.full((2, 2), 3.0), np.arange(2.0), classes=("a", "b"))
    parts = prepare(whole, scale=0.5, shape=(2, 1), test_fraction=0.5)
    assert (parts.x.shape, parts.x_test.shape) == ((4, 2, 1), (2, 2, 1))
    assert (parts.x[0].tolist(), parts.x_test[0].tolist()) == ([[1], [1]], [[1.5], [1.5]])
    assert parts.y is whole.y
    assert parts.y_test is whole.y_test
    assert parts.classes == ("a", "b")
    with pytest.raises(SettingError, match=r"^split: expected none: the data come with a test part, got 'random'"):
        prepare(whole, split="random")


def test_data_without_targets_can_be_split():
    parts = prepare(Dataset(np.ones((10, 2)), None), split="none")
    assert parts.x.shape == (10, 2)
    assert parts.y is None


@pytest.mark.parametrize(
    "settings, error, message",
    [
        ({"scale": "2"}, SettingError, "^scale: expected a finite number, got '2'"),
        ({"scale": float("nan")}, SettingError, "^scale: expected a finite number, got nan"),
        ({"shape": "x"}, SettingError, "^shape: expected a shape of positive ints"),
        ({"shape": (2, 3)}, DataError, r"^shape: expected 1 numbers a sample, got 6 in \(2, 3\)"),
        ({"split": "sorted"}, SettingError, "^split: expected one of 'stratified', 'random', 'ordered', 'none'"),
        ({"test_fraction": 0}, SettingError, "^test_fraction: expected a finite number above 0 and below 1, got 0"),
        ({"test_fraction": 1.0}, SettingError, "^test_fraction: expected"),
        ({"test_fraction": True}, SettingError, "^test_fraction: expected"),
        ({"seed": -1}, SettingError, "^seed: expected an int of at least 0, got -1"),
        ({"split": "stratified"}, SettingError, "^split: expected random, ordered or none: the targets are no classes"),
        ({"test_fraction": 0.01}, DataError, '^split: expected a training and a test part, got 10 rows; use split = "'),
        ({"test_fraction": 0.99}, DataError, "^split: expected a training and a test part"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, error, message):
    with pytest.raises(error, match=message):
        prepare(numbered(10), **settings)


def test_a_test_part_of_other_samples_is_refused():
    with pytest.raises(DataError, match=r"x_test|shape"):
        prepare(Dataset(np.ones((4, 4)), np.ones(4), np.ones((2, 3)), np.ones(2)), shape=(2, 2))


@pytest.mark.parametrize(
    "dtype, scale, came",
    [
        (np.uint8, 1 / 255, np.float32),
        (np.int64, 2, np.float32),
        (np.float32, 0.5, np.float32),
        (np.float64, 0.5, np.float64),
        (np.uint8, None, np.uint8),
    ],
)
def test_scaled_integers_become_float32_and_floats_keep_their_dtype(dtype, scale, came):
    parts = prepare(Dataset(np.full((10, 2), 255, dtype), np.zeros(10)), scale=scale)
    assert parts.x[:].dtype == parts.x_test[:].dtype == came
    np.testing.assert_allclose(parts.x[:], 255 * (1 if scale is None else scale), rtol=1e-6)


@pytest.mark.parametrize(
    "index, shape",
    [
        (2, (2, 2)),
        (-1, (2, 2)),
        (slice(1, 3), (2, 2, 2)),
        (slice(None), (5, 2, 2)),
        ([4, 0], (2, 2, 2)),
        (np.array([3, 3, 1]), (3, 2, 2)),
        (np.array([True, False, False, True, False]), (2, 2, 2)),
        (slice(0, 0), (0, 2, 2)),
    ],
)
def test_rows_are_indexed_as_an_array_is(index, shape):
    source = np.arange(40.0).reshape(10, 4)
    chosen = np.array([9, 7, 5, 3, 1])
    for rows in (Rows(source, chosen, 2.0, (2, 2)), Rows(source[chosen], None, 2.0, (2, 2))):
        batch = rows[index]
        assert len(rows) == 5
        assert batch.shape == shape
        np.testing.assert_array_equal(batch, 2 * source.reshape(10, 2, 2)[chosen[index]])


def test_rows_are_an_array_to_numpy():
    chosen = Rows(np.arange(6).reshape(3, 2), np.array([2, 0]))
    assert (len(chosen), chosen.shape) == (2, (2, 2))
    np.testing.assert_array_equal(np.asarray(chosen), [[4, 5], [0, 1]])
    assert np.asarray(chosen, np.float32).dtype == np.float32


def test_only_the_rows_that_are_asked_for_are_read():
    class Watched:
        shape = (1000, 4)
        read = 0

        def __len__(self):
            return 1000

        def __getitem__(self, index):
            self.read += len(index)
            return np.zeros((len(index), 4), np.uint8)

    source = Watched()
    parts = prepare(Dataset(source, np.arange(1000) % 10), scale=0.5, shape=(2, 2))
    assert source.read == 0
    assert parts.x[:3].shape == (3, 2, 2)
    assert source.read == 3


def test_a_mapped_file_stays_on_disk(tmp_path):
    mapped = np.memmap(tmp_path / "x.bin", np.float32, "w+", shape=(5_000, 2048))  # 40 MB of zeros
    tracemalloc.start()
    try:
        parts = prepare(Dataset(mapped, np.zeros(5_000)), scale=0.5, shape=(32, 64))
        batch = parts.x[:8]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * data.CHUNK
    assert not np.shares_memory(batch, mapped)
    mapped[:] = 4  # seen, for nothing was copied
    np.testing.assert_array_equal(parts.x[:8], np.full((8, 32, 64), 2))
    np.testing.assert_array_equal(batch, np.zeros((8, 32, 64)))

import tracemalloc

import numpy as np
import pytest

from chainrule import ChainruleWarning, DataError, Dataset, SettingError, admission, random_stream
from chainrule.data import prepare
from chainrule.learning import data
from chainrule.rows import Rows


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
    monkeypatch.setattr(admission, "CHUNK", 48)
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
    [(50, 50), (70, 20, 10), (33, 33, 34), (60, *[2] * 30)],
    ids=lambda counts: f"{len(counts)} classes from {max(counts)} to {min(counts)}",
)
@pytest.mark.parametrize("test_fraction", [0.1, 0.2, 0.5])
def test_a_stratified_split_gives_each_class_its_share_within_one(counts, test_fraction):
    y = np.random.default_rng(3).permutation(np.repeat(np.arange(len(counts)), counts))
    parts = prepare(numbered(len(y), y), split="stratified", test_fraction=test_fraction)
    came = np.bincount(parts.y_test, minlength=len(counts))
    assert np.abs(came - test_fraction * np.array(counts)).max() <= 1
    assert came.sum() == round(test_fraction * len(y))


@pytest.mark.parametrize(
    "counts", [(97, 2, 1), (50, *[1] * 50), (4, 1, 1)], ids=["97, 2 and 1", "50 and 50 alone", "4 and 2 alone"]
)
@pytest.mark.parametrize("test_fraction", [0.1, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("seed", range(5))
def test_the_only_member_of_a_class_stays_in_training_and_the_split_says_so(counts, test_fraction, seed):
    y = np.random.default_rng(3).permutation(np.repeat(np.arange(len(counts)), counts))
    with pytest.warns(
        ChainruleWarning, match=r"^split: .* one.*: .* in the training part, and the test part says nothing of such"
    ):
        parts = prepare(numbered(len(y), y), split="stratified", test_fraction=test_fraction, seed=seed)
    train, test = (np.bincount(labels, minlength=len(counts)) for labels in (parts.y, parts.y_test))
    alone = np.array(counts) == 1
    assert (train[alone].tolist(), test[alone].tolist()) == ([1] * alone.sum(), [0] * alone.sum())
    assert sorted(rows(parts.x) + rows(parts.x_test)) == list(range(len(y)))
    np.testing.assert_array_equal(parts.y_test, y[rows(parts.x_test)])
    shares = test_fraction * np.array(counts)[~alone]
    assert np.abs(test[~alone] - shares).max() <= 1
    assert test.sum() > 0


@pytest.mark.parametrize(
    "y, classes, message",
    [
        ([0] * 9 + [1], ("cat", "dog"), "^split: class dog has one sample: it is in the training part, and the test"),
        ([0] * 9 + [1], None, "^split: class 1 has one sample: "),
        ([-1] * 9 + [1], None, "^split: class 1 has one sample: "),
        (
            [0] * 9 + [2, 5],
            tuple("abcdef"),
            "^split: the classes c, f have one each: they are in the training part, and the test part says nothing of",
        ),
        (
            [0] * 9 + list(range(1, 13)),
            None,
            "^split: the classes 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more have one each: ",
        ),
    ],
)
def test_the_warning_names_the_classes(y, classes, message):
    x = np.arange(len(y))[:, np.newaxis]
    with pytest.warns(ChainruleWarning, match=message) as heard:
        prepare(Dataset(x, np.array(y), classes=classes))
    assert len(heard) == 1
    assert heard[0].filename == __file__


@pytest.mark.parametrize("size", [3, 40])
@pytest.mark.parametrize("split", [None, "stratified"])
def test_named_classes_of_one_sample_each_have_no_test_part(size, split):
    dataset = Dataset(np.ones((size, 1)), np.arange(size), classes=tuple(f"id {i}" for i in range(size)))
    message = (
        f"^split: expected a class of two samples, for a training and a test part, got {size} classes of one each; "
        'use split = "random" or "none"'
    )
    with pytest.raises(DataError, match=message):
        prepare(dataset, split=split)
    assert len(prepare(dataset, split="random").x_test) == round(size * 0.2)
    assert prepare(dataset, split="none").x_test is None


def by_hand(y, test_fraction, seed=0):
    """Return the test rows of a stratified split as they were before an only member was told apart."""
    rng, size = random_stream(seed, "split"), len(y)
    count = round(size * test_fraction)
    shuffled = rng.permutation(size)
    shuffled = shuffled[np.argsort(y[shuffled], kind="stable")]
    start = rng.integers(size)
    return sorted(shuffled[i] for i in range(size) if ((i + 1) * count + start) // size > (i * count + start) // size)


@pytest.mark.parametrize(
    "y",
    [
        np.arange(60) % 3,
        np.repeat([0, 1, 2], [50, 8, 2]),
        np.repeat([3, 17], [30, 30]),  # classes whose numbers have holes
        np.array([25, 31, 31, 40, 58, 58, 97, 120, 120, 346]),  # whole numbers, and no classes
        np.arange(10) * 7,
        np.arange(10),  # all different
    ],
    ids=["equal", "unequal", "holes", "numbers", "multiples", "all different"],
)
@pytest.mark.parametrize("test_fraction", [0.2, 0.5])
@pytest.mark.parametrize("seed", [0, 1])
def test_every_other_split_is_as_it_was(y, test_fraction, seed):
    parts = prepare(numbered(len(y), y), test_fraction=test_fraction, seed=seed)
    assert rows(parts.x_test) == by_hand(y, test_fraction, seed)


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


def test_what_is_in_memory_and_small_is_an_array_and_behaves_like_one():
    x = np.arange(40).reshape(10, 4)
    parts = prepare(Dataset(x, np.arange(10) % 2), scale=0.5, shape=(2, 2))
    for part, y in ((parts.x, parts.y), (parts.x_test, parts.y_test)):
        assert type(part) is type(y) is np.ndarray
    assert parts.x[..., 0].shape == (8, 2)
    assert (parts.x == 0).sum() == 1
    assert sorted(np.concatenate([parts.x, parts.x_test]).ravel().tolist()) == [i / 2 for i in range(40)]


def test_what_is_neither_scaled_nor_split_is_a_view(tmp_path):
    mapped = np.memmap(tmp_path / "x", np.uint8, "w+", shape=(10, 4))
    for x in (np.zeros((10, 4)), mapped):
        part = prepare(Dataset(x, None), shape=(2, 2), split="none").x
        assert isinstance(part, type(x))
        assert np.shares_memory(part, x)
        assert part.shape == (10, 2, 2)
    with_test = prepare(Dataset(mapped, np.ones(10), mapped[:5], np.ones(5)), shape=(2, 2))
    assert np.shares_memory(with_test.x, mapped)
    assert np.shares_memory(with_test.x_test, mapped)


def test_what_is_mapped_or_large_is_read_batch_by_batch(tmp_path, monkeypatch):
    mapped = np.memmap(tmp_path / "x", np.float32, "w+", shape=(10, 4))
    for x in (mapped, mapped[..., np.newaxis], np.asarray(mapped)):
        assert isinstance(prepare(Dataset(x, np.arange(10) % 2)).x, Rows)
        assert isinstance(prepare(Dataset(x, None), scale=2, split="none").x, Rows)
    monkeypatch.setattr(data, "IN_MEMORY", 200)
    parts = prepare(Dataset(np.ones((20, 4)), np.arange(20) % 2))
    assert isinstance(parts.x, Rows)
    assert type(parts.x_test) is type(parts.y) is np.ndarray


def test_targets_that_are_read_by_rows_are_split_too():
    class Stored:
        def __init__(self, array):
            self.array, self.shape = array, array.shape

        def __getitem__(self, index):
            return self.array[index]

    x, y = np.arange(20)[:, np.newaxis], np.arange(20) % 2
    parts, usual = prepare(Dataset(Stored(x), Stored(y))), prepare(Dataset(x, y))
    for name in ("x", "y", "x_test", "y_test"):
        np.testing.assert_array_equal(getattr(parts, name)[:], getattr(usual, name))


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
    assert peak < 2 * admission.CHUNK
    assert not np.shares_memory(batch, mapped)
    mapped[:] = 4  # seen, for nothing was copied
    np.testing.assert_array_equal(parts.x[:8], np.full((8, 32, 64), 2))
    np.testing.assert_array_equal(batch, np.zeros((8, 32, 64)))


def test_arrays_by_name_are_no_array():
    by_name = Dataset({"a": np.zeros((3, 2)), "b": np.zeros((3, 1))}, None).x
    for ask in (np.asarray, lambda given: admission.as_array("targets", given)):
        with pytest.raises(DataError, match=r"^arrays by name: expected one array, got a, b; give one of them$"):
            ask(by_name)

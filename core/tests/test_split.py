"""Validation parts and folds: which rows go where."""

import warnings
from dataclasses import dataclass

import numpy as np
import pytest

from chainrule import ChainruleWarning, DataError, Dataset, Preparation, SettingError
from chainrule.data import prepare
from chainrule.rows import Column, Named, Raw, Rows


def numbered(size, y=None, **parts):
    """Return samples that are their own row numbers, so that a part tells its rows."""
    return Dataset(np.arange(size)[:, np.newaxis], 10.0 * np.arange(size) if y is None else y, **parts)


def rows(x):
    return x[:].ravel().tolist()


@dataclass(frozen=True)
class Centred(Preparation):
    """Less the mean of the training part."""

    def fit(self, rows, columns):
        return Centred(state=[float(rows.sum()), len(rows)])

    def merge(self, later):
        return Centred(state=[self.state[0] + later.state[0], self.state[1] + later.state[1]])

    def apply(self, rows, columns):
        return rows - self.state[0] / self.state[1]


CLASSES = np.random.default_rng(3).permutation(np.repeat(np.arange(3), [70, 20, 10]))


@pytest.mark.parametrize("split", [None, "stratified", "random", "ordered"])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_validation_part_comes_out_of_the_training_part_and_the_test_part_is_as_without(split, seed):
    without = prepare(numbered(100, CLASSES), split=split, seed=seed)
    parts = prepare(numbered(100, CLASSES), split=split, seed=seed, validation_fraction=0.25)
    assert rows(parts.x_test) == rows(without.x_test)
    assert sorted(rows(parts.x) + rows(parts.x_validation)) == rows(without.x)
    assert len(parts.x_validation) == 20
    for end in ("", "_validation", "_test"):
        np.testing.assert_array_equal(getattr(parts, f"y{end}"), CLASSES[rows(getattr(parts, f"x{end}"))])


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
@pytest.mark.parametrize("seed", range(4))
def test_a_validation_part_has_each_class_in_its_share_to_within_one_row(fraction, seed):
    parts = prepare(numbered(100, CLASSES), validation_fraction=fraction, seed=seed)
    left = np.bincount(parts.y) + np.bincount(parts.y_validation, minlength=3)
    assert np.abs(np.bincount(parts.y_validation, minlength=3) - fraction * left).max() <= 1


def test_an_ordered_validation_part_lies_between_the_others():
    parts = prepare(numbered(10), split="ordered", test_fraction=0.2, validation_fraction=0.25)
    assert (rows(parts.x), rows(parts.x_validation), rows(parts.x_test)) == (list(range(6)), [6, 7], [8, 9])


def test_without_a_test_part_and_with_one_of_its_own_a_set_can_have_a_validation_part():
    alone = prepare(numbered(100, CLASSES), split="none", validation_fraction=0.1)
    own = numbered(100, CLASSES, x_test=np.full((4, 1), 7), y_test=np.zeros(4, int))
    beside = prepare(own, validation_fraction=0.1)
    ordered = prepare(own, validation_fraction=0.1, split="ordered")
    assert alone.x_test is None
    assert rows(beside.x_test) == [7] * 4
    assert rows(alone.x_validation) == rows(beside.x_validation)
    assert np.bincount(alone.y_validation).tolist() == [7, 2, 1]
    assert rows(ordered.x_validation) == list(range(90, 100))


def test_a_validation_part_of_its_own_is_scaled_and_shaped_as_the_others():
    own = numbered(10, x_validation=np.full((2, 1), 6), y_validation=np.zeros(2))
    parts = prepare(own, scale=0.5, shape=(1, 1))
    assert parts.x_validation.tolist() == [[[3]], [[3]]]
    assert (len(parts.x), len(parts.x_test)) == (8, 2)
    assert parts.parts.keys() == {"", "_validation", "_test"}


@pytest.mark.parametrize("settings", [{}, {"split": "ordered"}, {"fold": (2, 5)}])
def test_a_preparation_learns_from_what_is_trained_on_alone(settings):
    parts = prepare(numbered(100), validation_fraction=0.25, preparation=Centred(), **settings)
    plain = prepare(numbered(100), validation_fraction=0.25, **settings)
    assert parts.preparation.state == [float(plain.x.sum()), 60]
    for end in ("", "_validation", "_test"):
        x = getattr(plain, f"x{end}")
        np.testing.assert_array_equal(getattr(parts, f"x{end}"), x - plain.x.mean())


def test_rows_of_a_part_that_are_read_apart_are_prepared_by_their_own_columns():
    @dataclass(frozen=True)
    class Coded(Centred):
        def fit(self, rows, columns):
            return Coded(state=[0.0, 1])

        def apply(self, rows, columns):
            return np.array([[len(columns[0].words[int(code)])] for code in rows[:, 0]], float)

    train, other = (
        Raw(np.array([[0.0], [1.0]]), Coded(), (Column("word", words),)) for words in (("a", "bb"), ("dddd", "ccc"))
    )
    parts = prepare(Dataset(train, np.zeros(2), x_validation=other, y_validation=np.zeros(2)), split="none")
    assert (rows(parts.x), rows(parts.x_validation)) == ([1, 2], [4, 3])


def test_arrays_by_name_and_rows_that_are_read_have_a_validation_part():
    named = Dataset({"a": np.arange(20)[:, np.newaxis], "b": np.arange(20.0)[:, np.newaxis]}, np.arange(20) % 2)
    parts = prepare(named, validation_fraction=0.25)
    assert isinstance(parts.x_validation, Named)
    assert rows(parts.x_validation["a"]) == rows(parts.x_validation["b"])
    lazy = prepare(Dataset(Rows(np.arange(20)[:, np.newaxis]), np.arange(20) % 2), validation_fraction=0.25)
    assert rows(lazy.x_validation) == rows(parts.x_validation["a"])


# Folds


@pytest.mark.parametrize("split", [None, "stratified", "random", "ordered", "none"])
@pytest.mark.parametrize("folds", [2, 3, 7])
def test_the_folds_have_each_row_once_and_sizes_within_one(split, folds):
    parts = [prepare(numbered(100, CLASSES), split=split, fold=(i, folds)) for i in range(1, folds + 1)]
    assert sorted(row for part in parts for row in rows(part.x_test)) == list(range(100))
    assert {len(part.x_test) for part in parts} <= {100 // folds, 100 // folds + 1}
    for part in parts:
        assert sorted(rows(part.x) + rows(part.x_test)) == list(range(100))
        np.testing.assert_array_equal(part.y_test, CLASSES[rows(part.x_test)])


def test_each_fold_has_each_class_in_its_share_to_within_one_row():
    counts = [np.bincount(prepare(numbered(100, CLASSES), fold=(i, 3)).y_test, minlength=3) for i in (1, 2, 3)]
    assert np.abs(np.array(counts) - np.array([70, 20, 10]) / 3).max() < 1


def test_folds_follow_their_seed_and_ordered_ones_are_blocks():
    found = [rows(prepare(numbered(30), fold=(1, 3), seed=seed).x_test) for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]
    assert rows(prepare(numbered(10), split="ordered", fold=[2, 3]).x_test) == [4, 5, 6]


def test_a_fold_takes_the_place_of_a_test_part_and_may_have_a_validation_part():
    own = numbered(20, x_test=np.full((4, 1), 99), y_test=np.zeros(4))
    parts = prepare(own, fold=(1, 4), validation_fraction=0.2)
    assert 99 not in rows(parts.x_test)
    assert sorted(rows(parts.x) + rows(parts.x_validation) + rows(parts.x_test)) == list(range(20))
    assert (len(parts.x_validation), len(parts.x_test)) == (3, 5)


def test_a_class_of_one_sample_is_told_by_the_fold_that_tests_it_alone():
    dataset = numbered(10, np.array([0] * 9 + [1]), classes=("cat", "dog"))
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        parts = [prepare(dataset, fold=(i, 5)) for i in range(1, 6)]
    (fold,) = (i for i, part in enumerate(parts, 1) if 9 in rows(part.x_test))
    message = f"fold {fold}: class dog has one sample: it is in its test part, and training knows no such class"
    assert [str(warning.message) for warning in heard] == [message]


def test_an_only_member_stays_in_training_and_is_told_once_of_both_parts():
    with pytest.warns(
        ChainruleWarning, match=r"^split: class 1 has one sample: .* the test part says nothing"
    ) as heard:
        parts = prepare(numbered(40, np.array([0] * 39 + [1])), validation_fraction=0.2)
    assert len(heard) == 1
    assert 39 in rows(parts.x)
    with pytest.warns(ChainruleWarning, match=r"^split: class 1 has one sample: .* the validation part says nothing"):
        prepare(numbered(40, np.array([0] * 39 + [1])), validation_fraction=0.2, split="none")


# What is wrong


FOLD = r"^fold: expected which fold it is, from 1, and of how many, such as \[1, 5\], got "


@pytest.mark.parametrize(
    "settings, error, message",
    [
        ({"validation_fraction": 1}, SettingError, "^validation_fraction: expected a finite number of at least 0 and"),
        ({"validation_fraction": -0.1}, SettingError, "^validation_fraction: expected a finite number of at least 0"),
        ({"validation_fraction": "a"}, SettingError, "^validation_fraction: expected .* below 1, got 'a'"),
        ({"validation_fraction": None}, SettingError, "^validation_fraction: expected .* below 1, got None"),
        (
            {"validation_fraction": 0.01},
            DataError,
            "^validation_fraction: expected a training and a validation part, got 8 rows; take another fraction$",
        ),
        ({"validation_fraction": 0.99}, DataError, "^validation_fraction: expected a training and a validation part"),
        (
            {"validation_fraction": 0.5, "split": "stratified"},
            SettingError,
            "^split: expected random, ordered or none: the targets are no classes, got 'stratified'",
        ),
        ({"fold": 3}, SettingError, FOLD + "3"),
        ({"fold": (1, 1)}, SettingError, FOLD + r"\(1, 1\)"),
        ({"fold": (0, 5)}, SettingError, FOLD),
        ({"fold": (6, 5)}, SettingError, FOLD),
        ({"fold": (1.0, 5)}, SettingError, FOLD),
        ({"fold": (True, 5)}, SettingError, FOLD),
        ({"fold": "15"}, SettingError, FOLD),
        ({"fold": (1, 11)}, DataError, "^fold: expected a row or more for each of 11 folds, got 10 rows"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, error, message):
    with pytest.raises(error, match=message):
        prepare(numbered(10), **settings)


def test_two_validation_parts_are_refused():
    own = numbered(10, x_validation=np.ones((2, 1)), y_validation=np.ones(2))
    message = "^validation_fraction: expected 0: the data come with a validation part, got 0.2"
    with pytest.raises(SettingError, match=message):
        prepare(own, validation_fraction=0.2)


@pytest.mark.parametrize(
    "parts, message",
    [
        ({"x_validation": np.ones((2, 1))}, "both x_validation and y_validation, or neither, got one of them"),
        ({"y_validation": np.ones(2)}, "both x_validation and y_validation, or neither, got one of them"),
        (
            {"x_validation": np.ones((0, 1)), "y_validation": []},
            "^x_validation: expected at least one sample, got none",
        ),
        ({"x_validation": np.ones((2, 1)), "y_validation": [1]}, "^x_validation: expected as many samples as targets"),
        (
            {"x_validation": np.ones((2, 3)), "y_validation": [1, 2]},
            r"^x_validation: expected samples of \(1,\), as in x",
        ),
        ({"x_validation": [[np.nan]], "y_validation": [1]}, "^x_validation, row 0, column 0: expected a finite number"),
        ({"x_validation": [[1]], "y_validation": [np.inf]}, "^y_validation, row 0: expected a finite number, got inf"),
    ],
)
def test_a_validation_part_that_does_not_fit_is_refused(parts, message):
    with pytest.raises(DataError, match=message):
        numbered(10, **parts)


def test_a_reader_that_splits_is_asked_for_no_part_that_it_does_not_make(install):
    source = (
        "import numpy as np\nfrom chainrule import Dataset\n"
        "def own(split=None, test_fraction=0.5): return Dataset(np.ones((4, 1)), np.ones(4))\n"
    )
    install("made-up-splitter", {"data": {"made_splitter": "own"}}, source)
    from chainrule import dataset

    assert len(dataset("made_splitter", test_fraction=0.1).x) == 4
    for key, value in {"validation_fraction": 0.1, "fold": (1, 5)}.items():
        message = f"^{key}: expected none: made_splitter splits the data itself, and makes no such part, got "
        with pytest.raises(SettingError, match=message):
            dataset("made_splitter", **{key: value})

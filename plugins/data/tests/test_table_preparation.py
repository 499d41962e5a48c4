"""Missing numbers, words and scales of a table's columns, beside scikit-learn's transformers."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from chainrule import ChainruleWarning, DataError, Dataset, SettingError
from chainrule.data import prepare
from chainrule.recipe_tables import build_preparation, preparation_table
from chainrule.rows import Column, Raw
from chainrule_data import TablePreparation

RNG = np.random.default_rng(0)
NUMBERS = RNG.normal([0, 1e3, -3], [1e-3, 2, 1e9], size=(50, 3))
WORDS = ("red", "", "blue", "green")
CODES = RNG.integers(0, 4, size=(50, 1)).astype(float)
ROWS = np.concatenate([NUMBERS[:, :1], CODES, NUMBERS[:, 1:]], axis=1)
COLUMNS = (Column("a"), Column("colour", WORDS), Column("b"), Column("c"))


def learned(rows=ROWS, columns=COLUMNS, **settings):
    return TablePreparation(**settings).fit(rows, columns).finish()


def prepared(x, *, columns=(), split="none", **settings):
    return prepare(Dataset(Raw(x, TablePreparation(**settings), columns), None), split=split)


def test_numbers_are_standardized_as_scikit_learn_does():
    numbers = np.concatenate([NUMBERS, np.full((50, 1), 0.1)], axis=1)  # a constant column becomes zeros
    made = learned(numbers, (), standardize=True).apply(numbers, ())
    np.testing.assert_allclose(made, StandardScaler().fit_transform(numbers), rtol=1e-9, atol=1e-12)
    assert (made[:, 3] == 0).all()


def test_words_become_zeros_and_ones_as_scikit_learn_does():
    made = learned().apply(ROWS, COLUMNS)
    words = np.array(WORDS)[CODES.astype(int)]
    hot = OneHotEncoder(sparse_output=False, handle_unknown="ignore").fit(words)
    np.testing.assert_array_equal(made[:, 1:5], hot.transform(words))
    np.testing.assert_array_equal(made[:, [0, 5, 6]], NUMBERS)
    assert learned().names(()) == ("a", "colour=", "colour=blue", "colour=green", "colour=red", "b", "c")


@pytest.mark.parametrize("cuts", [[1], [20], [49], [3, 17, 18, 40], range(1, 50)])
def test_parts_that_are_merged_are_as_good_as_the_whole(cuts):
    rows = np.where(RNG.uniform(size=ROWS.shape) < 0.2, np.nan, ROWS)
    rows[:, 1] = CODES[:, 0]
    whole = TablePreparation(True, "mean").fit(rows, COLUMNS)
    parts = [TablePreparation(True, "mean").fit(part, COLUMNS) for part in np.split(rows, cuts)]
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merge(part)
    assert merged.state["colour"] == whole.state["colour"]
    for name in ("a", "b", "c"):
        assert merged.state[name] == pytest.approx(whole.state[name], rel=1e-12)
    np.testing.assert_allclose(merged.apply(rows, COLUMNS), whole.apply(rows, COLUMNS), rtol=1e-9, atol=1e-9)


def test_what_was_learned_survives_json_and_pickle_to_the_last_bit():
    preparation = learned(standardize=True, missing="mean")
    expected = preparation.apply(ROWS, COLUMNS)
    table = json.loads(json.dumps({**preparation_table(preparation), "state": preparation.state}))
    state = table.pop("state")
    for again in (replace(build_preparation(table), state=state), pickle.loads(pickle.dumps(preparation))):
        np.testing.assert_array_equal(again.apply(ROWS, COLUMNS), expected)


def test_columns_and_words_of_another_file_are_found_by_name():
    preparation = learned(standardize=True)
    words = ("blue", "red", "", "green")
    codes = np.array([words.index(WORDS[int(code)]) for code in CODES[:, 0]], float)
    rows = np.stack([NUMBERS[:, 2], codes, RNG.normal(size=50), NUMBERS[:, 0], NUMBERS[:, 1]], axis=1)
    columns = (Column("c"), Column("colour", words), Column("new"), Column("a"), Column("b"))
    np.testing.assert_array_equal(preparation.apply(rows, columns), preparation.apply(ROWS, COLUMNS))


def test_a_missing_number_becomes_the_mean_of_those_that_are_there():
    x = np.array([[1.0, np.nan], [np.nan, 5], [3, 9], [8, 1]])
    made = prepared(x, split="ordered", missing="mean")
    np.testing.assert_allclose(made.x, [[1, 7], [2, 5], [3, 9]])
    made = prepared(x, split="ordered", missing="mean", standardize=True)
    np.testing.assert_allclose(made.x, [[-1, 0], [0, -1], [1, 1]], rtol=1e-15)  # the deviation is of what is there


def test_rows_are_dropped_from_training_and_filled_in_elsewhere():
    x = np.array([[1.0, 4], [np.nan, 5], [3, 9], [np.nan, 7], [np.nan, 6]])
    with pytest.warns(ChainruleWarning, match="2 of 4 rows are left out of the training part"):
        made = prepared(x, split="ordered", missing="drop")
    np.testing.assert_array_equal(made.x, [[1, 4], [3, 9]])
    np.testing.assert_array_equal(made.x_test, [[2, 6]])


def test_a_word_that_training_never_saw_is_told_once_or_refused():
    columns, rows = (
        (Column("colour", (*WORDS, "teal", "pink")), Column("n")),
        np.stack([np.arange(10) % 6, np.ones(10)], 1),
    )
    preparation = learned(rows[:4], columns)
    data = Dataset(Raw(rows, TablePreparation(), columns), None)
    message = "^rows with a word in column 'colour' that training never saw, 'teal', 'pink', which count as none: 2$"
    with pytest.warns(ChainruleWarning, match=message) as told:
        made = prepare(data, split="none", preparation=preparation).x
    assert (len(told), made[4:6].tolist()) == (1, [[0, 0, 0, 0, 1]] * 2)
    with pytest.raises(
        DataError, match=r"^row 4, column 'colour': expected a word of the training part, got 'teal'; unk"
    ):
        prepare(data, split="none", preparation=replace(preparation, unknown="error"))


def test_a_column_of_too_many_words_or_of_no_number_is_left_out_and_named():
    words = tuple(f"w{i}" for i in range(101))
    x = np.stack([np.arange(101.0), np.arange(101) % 100, np.full(101, np.nan), np.ones(101)], axis=1)
    columns = (Column("id", words), Column("kind", words), Column("empty"), Column("n"))
    with pytest.warns(ChainruleWarning) as told:
        made = prepared(x, columns=columns, missing="mean")
    assert [str(entry.message) for entry in told] == [
        "column 'id' has over 100 different words, and is left out",
        "column 'empty' has no number in the training part, and is left out",
    ]
    assert made.x.shape == (101, 101)
    assert made.columns[-1] == "n"
    message = "the columns: expected one that can be learned from, got none"
    with pytest.warns(ChainruleWarning), pytest.raises(DataError, match=message):
        prepared(x[:, :1], columns=columns[:1])


def test_pictures_keep_their_shape_and_precision():
    x = RNG.normal(3, 2, size=(20, 4, 5)).astype(np.float32)
    made = prepare(Dataset(x, None), preparation=TablePreparation(standardize=True), split="none").x
    assert (made.shape, made.dtype) == ((20, 4, 5), np.float32)
    np.testing.assert_allclose(made, (x - x.mean(0)) / x.std(0), atol=1e-5)


def test_integers_are_numbers():
    made = prepare(Dataset(np.array([[1], [3]]), None), preparation=TablePreparation(standardize=True), split="none").x
    assert (made.tolist(), made.dtype) == ([[-1.0], [1.0]], np.float32)


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        ([[np.nan, 1]], (), r"^row 0, column '0': expected a finite number, got none; missing = \"mean\" fills in the"),
        ([[1, 2], [1, np.inf]], (), r"^row 1, column '1': expected a finite number, got inf$"),
        ([[1e200, 1], [-1e200, 2]], (), "^column '0': expected numbers whose squares are finite, got larger ones$"),
        ([[1, 2]], (Column("a"), Column("a")), "^more than one column 'a'; give each a name of its own$"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(rows, columns, message):
    with pytest.raises(DataError, match=message):
        learned(np.array(rows), columns)


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        ([[1, 0]], (Column("a"), Column("b")), "^no column 'colour'; the training had a, colour, b, c$"),
        (
            [[1, 2, 3, 4]],
            [Column(name) for name, _ in COLUMNS],
            "^column 'colour': expected words, as in training, got",
        ),
        ([[1, 2, 3, 4, 5]], (), "^no column 'a'; "),
        ([[1, 0, np.nan, 4]], COLUMNS, "^row 0, column 'b': expected a finite number, got none; missing = "),
        ([[1, 0, -np.inf, 4]], COLUMNS, "^row 0, column 'b': expected a finite number, got -inf$"),
    ],
)
def test_rows_that_do_not_fit_what_was_learned_are_refused(rows, columns, message):
    with pytest.raises(DataError, match=message):
        learned().apply(np.array(rows, float), tuple(columns))


def test_another_number_of_numbers_is_refused():
    with pytest.raises(DataError, match=r"^a row: expected 3 numbers, as in training, got 4$"):
        learned(NUMBERS, ()).apply(ROWS, ())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"standardize": 1}, 'standardize: expected True, False or "features", got 1'),
        ({"missing": "median"}, "missing: expected one of 'error', 'drop', 'mean', got 'median'"),
        ({"unknown": "drop"}, "unknown: expected one of 'zeros', 'error', got 'drop'"),
        ({"most_words": 0}, "most_words: expected a positive int, got 0"),
    ],
)
def test_settings_that_are_none_are_refused(settings, message):
    with pytest.raises(SettingError, match=message):
        TablePreparation(**settings)

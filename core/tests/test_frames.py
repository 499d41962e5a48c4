"""Data frames: those of pandas and polars where they are installed, and one that is of neither."""

from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest

from chainrule import SGD, DataError, Dataset, Layer, Loss, Network, train
from chainrule.admission import as_array
from chainrule.data import prepare
from chainrule.frames import Values, is_frame, kind_of, values_of
from chainrule.rows import Raw

PEOPLE = {
    "age": [31.0, None, 45.5, 20.0],
    "colour": ["red", "blue", None, "red"],
    "smoker": [True, False, True, False],
    "born": [date(1970, 1, 2), date(2024, 2, 29), None, date(1969, 12, 31)],
}
KINDS = ["b", "a", "b", "a"]


class Frame:
    """What a data frame is by its looks: columns by name, and nothing else."""

    def __init__(self, columns):
        self._columns = dict(columns)
        self.columns = [*self._columns]

    def __getitem__(self, name):
        return self._columns[name]

    def __len__(self):
        return len(next(iter(self._columns.values())))


class Library:
    """One that makes frames and series."""

    DataFrame = Frame

    @staticmethod
    def Series(values, name=None):
        return values


@pytest.fixture(params=["pandas", "polars", "neither"])
def library(request):
    if request.param == "neither":
        return Library
    return pytest.importorskip(request.param, reason="it is of the group more: uv run --group more pytest")


@pytest.fixture
def frame(library):
    return library.DataFrame


def series(library, values, name):
    return library.Series(name, values) if library.__name__ == "polars" else library.Series(values, name=name)


def squared():
    class Sum(Layer):
        def output_shape(self, input_shape):
            return (1,)

        def forward(self, x):
            return x.sum(axis=1, keepdims=True)

        def jacobian(self, x, y):
            raise NotImplementedError

    return Network([Sum()], 2, dtype="float64")


def test_numbers_are_an_array_with_names(frame):
    data = Dataset(frame({"a": [1.5, 2.0], "b": [3, 4]}), [0, 1])
    assert data.x.tolist() == [[1.5, 3], [2, 4]]
    assert (data.columns, data.roles, data.classes) == (("a", "b"), None, None)


def test_whole_numbers_stay_whole(frame):
    if frame is Frame:
        pytest.skip("lists have no dtype")
    assert Dataset(frame({"a": [1, 2], "b": [3, 4]}), None).x.dtype.kind == "i"


def test_words_missing_values_and_dates_are_rows_to_be_prepared(library):
    data = Dataset(library.DataFrame(PEOPLE), series(library, KINDS, "kind"))
    assert isinstance(data.x, Raw)
    expected = [[31, 0, 1, 1], [np.nan, 1, 0, 19782], [45.5, 2, 1, np.nan], [20, 0, 0, -1]]
    np.testing.assert_array_equal(data.x.array, expected)
    assert data.x.columns == (("age", None), ("colour", ("red", "blue", "")), ("smoker", None), ("born", None))
    assert (data.y.tolist(), data.classes) == ([1, 0, 1, 0], ("a", "b"))
    kinds = {"age": "number", "colour": "word", "smoker": "boolean", "born": "date"}
    assert data.roles == (kinds if library is Library else {**kinds, "kind": "target"})
    assert data.target == (None if library is Library else "kind")


def test_a_test_part_is_found_by_names_and_shares_the_words(library):
    later = {"colour": ["blue", "green"], "more": [0, 0], **{n: PEOPLE[n][:2] for n in ("born", "smoker", "age")}}
    data = Dataset(library.DataFrame(PEOPLE), series(library, KINDS, "kind"), library.DataFrame(later), ["b", "a"])
    assert data.x.columns == data.x_test.columns
    assert data.x_test.columns[1].words == ("red", "blue", "", "green")
    assert data.x_test.array[:, 1].tolist() == [1, 3]
    assert data.y_test.tolist() == [1, 0]


@pytest.mark.parametrize(
    "values, kind",
    [
        ([1, 2.5], "number"),
        ([Decimal("1.5"), None], "number"),
        ([None, None], "number"),
        ([True, None], "boolean"),
        (["a", None], "word"),
        ([1, "a"], "word"),
        ([date(2024, 1, 1), float("nan")], "date"),
        (np.array(["2024"], "M8[D]"), "date"),
        (np.array([b"a"]), None),
        ([1j], None),
        ([[1], [2, 3]], None),
        ([date(2024, 1, 1), 5], None),
    ],
)
def test_a_column_is_of_the_kind_of_its_values(values, kind):
    assert kind_of(values, values_of("x", values)) == kind


@pytest.mark.parametrize("noon", [datetime(1950, 6, 1, 12), datetime(1950, 6, 1, 12, tzinfo=UTC), "1950-06-01T12:00"])
def test_dates_are_days(noon):
    when = np.array(["1950-06-01T12", "NaT"], "M8[h]")
    of_times = Values("born", "date").read(when)
    assert Values("born", "date").read(values_of("born", [noon])) == of_times[:1] == [-7153.5]
    assert np.isnan(of_times[1])


@pytest.mark.parametrize("value", ["1_0", "x", np.datetime64(5, "D"), date(2024, 1, 1), [1], 1j])
def test_what_is_no_number_is_told(value):
    with pytest.raises(DataError, match=r"^row 7, column 'a': expected a finite number, got "):
        Values("a", "number").read(values_of("a", [1.0, "2.5", None, value]), 4)
    assert Values("a", "number").read(values_of("a", [1.0, " 2.5"])).tolist() == [1, 2.5]


def test_categories_are_words_whatever_they_are():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"zip": pandas.Categorical([8001, 3000, 8001])})
    assert Dataset(frame, pandas.Series(pandas.Categorical([3, 1, 3]))).x.columns[0].words == ("8001", "3000")
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"a": polars.Series(["u", None], dtype=polars.Enum(["v", "u"]))})
    assert Dataset(frame, None).x.columns[0].words == ("u", "")


def test_missing_values_of_pandas_are_missing():
    pandas = pytest.importorskip("pandas")
    columns = {
        "i": pandas.array([1, pandas.NA], "Int64"),
        "s": pandas.array(["x", pandas.NA], "string"),
        "b": pandas.array([True, pandas.NA], "boolean"),
        "d": pandas.to_datetime(["2024-01-01", None], utc=True),
    }
    data = Dataset(pandas.DataFrame(columns), None)
    np.testing.assert_array_equal(data.x.array, [[1, 0, 1, 19723], [np.nan, 1, np.nan, np.nan]])
    assert data.roles == {"i": "number", "s": "word", "b": "boolean", "d": "date"}


def test_a_preparation_learns_by_the_names_of_columns(frame):
    preparations = pytest.importorskip("chainrule_data")
    table = preparations.TablePreparation(standardize=True, missing="mean")
    data = prepare(Dataset(frame(PEOPLE), KINDS), preparation=table, split="none")
    assert data.columns == ("age", "colour=", "colour=blue", "colour=red", "smoker", "born")
    np.testing.assert_allclose(data.x[:, 0].sum(), 0, atol=1e-12)
    numbers = prepare(Dataset(frame({"a": [1.0, 2.0], "b": [3.0, 5.0]}), None), preparation=table, split="none")
    assert [*numbers.preparation.state] == ["a", "b"] == [*numbers.columns]


WAY = "chainrule.data.prepare(Dataset(x, y), preparation=TablePreparation(…)) makes numbers of it"


@pytest.mark.parametrize(
    "columns, message",
    [
        ({"a": [1, 2], "b": ["u", "v"]}, f", column 'b': expected numbers, got words; {WAY}"),
        ({"a": [1.5, 2], "b": [None, 2.0]}, f", row 0, column 'b': expected numbers, got no value; {WAY}"),
        ({"a": [1, 2], "b": PEOPLE["born"][:2]}, f", column 'b': expected numbers, got dates; {WAY}"),
    ],
)
def test_a_network_takes_numbers_and_names_the_column_that_is_none(frame, columns, message):
    network = squared()
    assert network.predict(frame({"a": [1, 2], "b": [True, False]})).tolist() == [[2], [2]]
    with pytest.raises(DataError) as told:
        network.predict(frame(columns))
    assert str(told.value) == f"network input{message}"
    with pytest.raises(DataError) as told:
        train(network, frame(columns), None, loss=Nothing(), optimizer=SGD(1), batch_size=1, epochs=1)
    assert str(told.value) == f"x{message}"


class Nothing(Loss):
    def value(self, scores, targets):
        return scores[:, 0]

    def gradient(self, scores, targets):
        return np.ones_like(scores)


def test_two_columns_of_one_name_are_told():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame([[1, 2.0]], columns=["a", "a"])
    for take in (squared().predict, lambda x: Dataset(x, None)):
        with pytest.raises(DataError, match=r": more than one column 'a'; give each a name of its own$"):
            take(frame)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"x": {"a": [1j, 2j]}}, "x, column 'a': expected numbers, words, booleans or dates, got "),
        ({"x": {"a": [1, 2]}, "x_test": {"b": [1]}, "y_test": ["b"]}, "x_test: no column 'a'; it has b"),
        ({"x": {"a": [1, 2]}, "x_test": [[1]], "y_test": ["b"]}, "x_test: expected a data frame, as x, got a list"),
        ({"x": {}}, "x: expected a column, got none"),
        ({"x": {"a": [1, 2]}, "y": ["a", None]}, "y, row 1: expected a class of a, got none"),
        (
            {"x": {"a": [1, 2]}, "y": ["a", "c"], "classes": ("a", "b")},
            "y, row 1: expected a class of a, b, got 'c'",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(frame, settings, message):
    x = {name: frame(own) if isinstance(own, dict) else own for name, own in settings.items()}
    if frame is not Frame and settings["x"].get("a") == [1j, 2j]:
        pytest.skip("polars has no complex numbers")
    with pytest.raises(DataError) as told:
        Dataset(**{"y": ["a", "b"], **x})
    assert str(told.value).startswith(message)


def test_columns_of_unequal_length_are_told():
    with pytest.raises(DataError, match=r"^x: expected columns of one length, got \{'a': 1, 'b': 2\}$"):
        Dataset(Frame({"a": [1], "b": [1, 2]}), None)
    with pytest.raises(
        DataError, match=r"^x, column 'a': expected one value in each row, got an array of shape \(1, 2\)"
    ):
        Dataset(Frame({"a": np.ones((1, 2))}), None)


def test_rows_to_be_prepared_are_no_frame_to_read():
    data = Dataset(Frame(PEOPLE), KINDS)
    assert is_frame(Frame(PEOPLE))
    with pytest.raises(DataError, match=r"^x: expected samples, got rows that are not prepared yet"):
        as_array("x", data.x)

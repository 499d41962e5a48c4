"""Data frames of pandas and polars, and columns by name, read as the same table is as csv."""

import numpy as np
import pytest

import chainrule
from chainrule import ChainruleWarning, DataError, SettingError
from chainrule.rows import Raw
from chainrule_data import read_csv, read_frame

CSV = """\
id,age,colour,born,smoker,often,kind
7,31,red,1970-01-02,yes,1,a
8,,blue,2024-02-29T12:00,no,0,b
9,45.5,NA,1969-12-31,1,2.5,a
10,20,red,2000-01-01,F,1,b
"""
SAID = {
    "categories": ["colour"],
    "booleans": ["smoker"],
    "dates": ["born"],
    "identifiers": ["id"],
    "weights": "often",
    "missing": "mean",
}


def columns():
    head, *rows = [line.split(",") for line in CSV.splitlines()]
    found = dict(zip(head, map(list, zip(*rows, strict=True)), strict=True))
    for name in ("id", "age", "often"):
        found[name] = [float(cell) if cell else None for cell in found[name]]
    return found


@pytest.fixture(params=["pandas", "polars", "columns"])
def frame(request):
    if request.param == "columns":
        return lambda columns: columns
    module = pytest.importorskip(request.param, reason="it is of the group more: uv run --group more pytest")
    return module.DataFrame


@pytest.fixture
def path(tmp_path):
    (tmp_path / "table.csv").write_text(CSV)
    return tmp_path / "table.csv"


def test_a_frame_is_read_as_the_file_is(frame, path):
    same, data = (
        read(table, "kind", **SAID, keep=["id"]) for read, table in ((read_csv, path), (read_frame, frame(columns())))
    )
    assert isinstance(data.x, Raw)
    np.testing.assert_array_equal(data.x.array, same.x.array)
    assert (data.x.columns, data.x.preparation) == (same.x.columns, same.x.preparation)
    assert (data.y.tolist(), data.classes, data.target) == (same.y.tolist(), same.classes, same.target)
    assert (data.roles, data.kept) == (same.roles, same.kept)
    assert data.weights.tolist() == [1, 0, 2.5, 1]


def test_a_set_is_split_and_prepared(frame, path):
    settings = {"target": "kind", "standardize": True, "split": "ordered", "test_fraction": 0.25, **SAID}
    data = chainrule.dataset("frame", table=frame(columns()), **settings)
    same = chainrule.dataset("csv", path=path, **settings)
    for name in ("x", "y", "x_test", "y_test", "weights", "weights_test"):
        np.testing.assert_array_equal(getattr(data, name), getattr(same, name))
    assert data.columns == same.columns
    assert data.preparation == same.preparation


def test_numbers_alone_are_an_array(frame):
    data = chainrule.dataset(
        "frame", table=frame({"a": [1.0, 2.5], "b": [3, 4], "y": [0.5, 1.0]}), target="y", split="none"
    )
    assert (data.x.tolist(), data.y.tolist(), data.columns, data.target) == (
        [[1, 3], [2.5, 4]],
        [0.5, 1],
        ("a", "b"),
        "y",
    )


def test_types_that_say_so_are_taken_at_their_word():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "when": pandas.to_datetime(["1970-01-02", None]),
            "yes": pandas.array([True, None], "boolean"),
            "zip": pandas.Categorical([8001, 3000]),
            "kind": pandas.Categorical(["b", "a"]),
        }
    )
    data = read_frame(frame, "kind", missing="mean")
    np.testing.assert_array_equal(data.x.array, [[1, 1, 0], [np.nan, np.nan, 1]])
    assert data.roles == {"when": "date", "yes": "boolean", "zip": "word", "kind": "target"}
    assert data.classes == ("a", "b")


def test_the_row_numbers_that_pandas_wrote_are_left_out_with_a_warning(frame):
    with pytest.warns(ChainruleWarning, match="table: the first column has no name, and is left out"):
        data = read_frame(frame({"Unnamed: 0": [0, 1], "a": [1, 2], "kind": ["a", "b"]}), "kind")
    assert data.columns == ("a",)


WEIGHT = "column 'often': expected a weight, a finite number from 0 on, got"


@pytest.mark.parametrize(
    "change, settings, message",
    [
        ({}, {"categories": ()}, ", column 'colour': expected numbers, booleans, dates or categories, got "),
        ({}, {"categories": ["color"]}, ": no column 'color'; did you mean 'colour'?"),
        ({}, {"weights": "weight"}, ": no column 'weight'; the columns are id, age"),
        ({}, {"missing": "error"}, ", row 1, column 'age': expected a finite number, got none; the value is missing"),
        ({"age": [1.0, 2.0, 3.0, np.inf]}, {}, ", row 3, column 'age': expected a finite number, got inf"),
        ({"born": ["2024-01-01", "soon", "", ""]}, {}, ", row 1, column 'born': expected a date such as"),
        ({"often": [1, -1, 1, 1]}, {}, f", row 1, {WEIGHT} -1"),
        ({"often": [1, 1, 1, None]}, {}, f", row 3, {WEIGHT} none"),
        ({"often": [1.0, 1.0, np.inf, 1.0]}, {}, f", row 2, {WEIGHT} inf"),
        ({"often": ["1", "1", "x", "1"]}, {}, f", row 2, {WEIGHT} 'x'"),
        ({"often": [0, 0, 0, 0]}, {}, ", column 'often': expected a sample that counts, got 0 for each"),
        ({"kind": ["a", None, "b", "b"]}, {}, ", column 'kind', row 1: the target: expected a value in every row"),
    ],
)
def test_what_is_wrong_is_told_with_row_and_column(frame, change, settings, message):
    with pytest.raises(DataError) as told:
        read_frame(frame({**columns(), **change}), "kind", **{**SAID, **settings})
    assert str(told.value).startswith(f"table{message}")


@pytest.mark.parametrize(
    "cell, message",
    [
        ("-1", f"line 3, {WEIGHT} '-1'"),
        ("", f"line 3, {WEIGHT} an empty cell"),
        ("nan", f"line 3, {WEIGHT} 'nan'"),
        ("much", f"line 3, {WEIGHT} 'much'"),
    ],
)
def test_weights_of_a_file_that_are_none_are_told(path, cell, message):
    path.write_text(CSV.replace("no,0,b", f"no,{cell},b"))
    with pytest.raises(DataError) as told:
        read_csv(path, "kind", **SAID)
    assert str(told.value) == f"{path}, {message}"


def test_weights_of_a_file_that_are_all_0_or_missing_are_told(path):
    path.write_text("a,often,kind\n1,0,x\n2,0,y\n")
    with pytest.raises(DataError, match=r", column 'often': expected a sample that counts, got 0 for each$"):
        read_csv(path, "kind", weights="often")
    with pytest.raises(DataError, match=r", line 1: no column 'much'; the columns are a, often, kind$"):
        read_csv(path, "kind", weights="much")


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"weights": ["often"]}, "weights: expected the name of a column, got ['often']"),
        ({"weights": "id"}, "weights: expected columns that are in one list, got 'id, in identifiers'"),
        ({"weights": "kind"}, "weights: expected another column than the target, got 'kind'"),
        ({"classes": 1}, "classes: expected true or false, got 1"),
    ],
)
def test_wrong_settings_are_told(frame, path, settings, message):
    for read, table in ((read_frame, frame(columns())), (read_csv, path)):
        with pytest.raises(SettingError) as told:
            read(table, "kind", **{**SAID, **settings})
        assert str(told.value) == message


def test_what_is_no_frame_is_told():
    with pytest.raises(SettingError, match=r"^table: expected a data frame, or columns by name, got 'list'$"):
        read_frame([[1, 2]], None)
    with pytest.raises(DataError, match=r"^table: expected columns of one length, got \{'a': 1, 'b': 2\}$"):
        read_frame({"a": [1], "b": [1, 2]}, None)
    with pytest.raises(DataError, match=r"^table: expected a feature beside the target, got one column$"):
        read_frame({"a": [1]}, "a")
    with pytest.raises(SettingError, match=r"^table: frame needs this setting"):
        chainrule.dataset("frame", target="a")
    with pytest.raises(SettingError, match=r"targets: frame has no such setting; did you mean target"):
        chainrule.dataset("frame", table={"a": [1]}, targets="a")

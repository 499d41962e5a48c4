"""Columns of a table that are no numbers, or no features."""

import re
import warnings
from datetime import date

import numpy as np
import pytest

import chainrule
from chainrule import ChainruleWarning, DataError, SettingError
from chainrule.rows import Raw
from chainrule_data import csv_table, read_csv

PEOPLE = """\
id,name,age,colour,smoker,born,grade,kind
7,Ann,31,red,yes,1970-01-02,1,a
8,Bob,,blue,no,2024-02-29T12:00,2,b
9,"Di, Eve",45.5,NA,1,1969-12-31T00:00+00:00,1,a
10,Flo,20,red,F,2000-01-01,x,b
"""
SAID = {
    "categories": ["colour", "grade"],
    "booleans": ["smoker"],
    "dates": ["born"],
    "drop": ["name"],
    "identifiers": ["id"],
}


@pytest.fixture
def table(tmp_path):
    """A function that writes a table and returns its path."""

    def write(content=PEOPLE, name="table.csv"):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        return path

    return write


def refused(path, reason, **settings):
    """Expect a DataError that begins with the file and goes on with `reason`, a pattern."""
    with pytest.raises(DataError, match=re.escape(str(path)) + reason):
        read_csv(path, **{"target": "kind", **settings})


def test_columns_are_read_as_they_are_said_to_be(table):
    data = read_csv(table(), "kind", missing="mean", **SAID)
    born = [1, (date(2024, 2, 29) - date(1970, 1, 1)).days + 0.5, -1, 10957]
    expected = [[31, 0, 1, born[0], 0], [np.nan, 1, 0, born[1], 1], [45.5, 2, 1, born[2], 0], [20, 0, 0, born[3], 2]]
    np.testing.assert_array_equal(data.x.array, expected)
    assert data.x.columns == (
        ("age", None),
        ("colour", ("red", "blue", "")),
        ("smoker", None),
        ("born", None),
        ("grade", ("1", "2", "x")),
    )
    assert (data.y.tolist(), data.classes, data.target) == ([0, 1, 0, 1], ("a", "b"), "kind")
    assert list(data.roles.items()) == [
        ("age", "number"),
        ("colour", "word"),
        ("smoker", "boolean"),
        ("born", "date"),
        ("grade", "word"),
        ("kind", "target"),
        ("id", "identifier"),
        ("name", "dropped"),
    ]


def test_a_set_is_split_and_then_prepared(table):
    data = chainrule.dataset("csv", path=table(), target="kind", missing="mean", standardize=True, split="none", **SAID)
    assert data.columns[:4] == ("age", "colour=", "colour=blue", "colour=red")
    np.testing.assert_allclose(data.x[:, 0].sum(), 0, atol=1e-12)
    assert data.preparation.state["age"]["count"] == 3


def test_automatic_categories_are_the_columns_with_a_word_in_them(table):
    path = table()
    message = f"{path}, line 5: column 'grade' is taken for words, as 'x' is no number"
    with pytest.warns(ChainruleWarning, match=re.escape(message)) as told:
        data = read_csv(path, "kind", categories="auto", missing="mean")
    assert len(told) == 1
    words = {column.name: column.words for column in data.x.columns}
    assert words["grade"] == ("1", "2", "x")
    assert words["smoker"] == ("yes", "no", "1", "F")
    assert words["name"] == ("Ann", "Bob", "Di, Eve", "Flo")
    assert (words["id"], words["age"]) == (None, None)


def test_a_table_of_numbers_is_as_ever_with_automatic_categories(table):
    path = table("a,b,y\n1,2,0\n3,4,1\n")
    data = read_csv(path, "y", categories="auto", standardize=True)
    assert data.x.columns == (("a", None), ("b", None))
    assert isinstance(read_csv(path, "y", categories="auto").x, np.ndarray)


def test_a_large_table_with_words_stays_in_its_file(table, monkeypatch):
    monkeypatch.setattr(csv_table, "IN_MEMORY", 6)
    data = chainrule.dataset(
        "csv",
        path=table(),
        target="kind",
        missing="mean",
        split="ordered",
        **{**SAID, "drop": ["name", "grade"], "categories": ["colour"]},
    )
    assert not isinstance(data.x, np.ndarray)
    assert (data.x[:1].shape, data.x_test[:].shape) == ((1, 6), (1, 6))


def test_the_numbers_of_a_headerless_table_s_columns_are_their_names(table):
    data = chainrule.dataset(
        "csv", path=table("1,red,a\n2,blue,b\n3,red,a\n"), target=-1, header=False, categories=[1], split="none"
    )
    assert data.x.tolist() == [[1, 0, 1], [2, 1, 0], [3, 0, 1]]


def test_columns_that_are_left_out_may_hold_anything(table):
    data = read_csv(table(), "kind", columns=["id"])
    assert data.x.tolist() == [[7], [8], [9], [10]]
    data = read_csv(table(), "kind", drop=["name", "age", "colour", "smoker", "born", "grade"])
    assert (data.x.shape, data.columns) == ((4, 1), ("id",))


ROLES = {"age": "number", "colour": "word", "smoker": "boolean", "born": "date", "kind": "target", "id": "identifier"}


def test_a_table_is_read_by_the_roles_of_an_earlier_one(table):
    path = table("born,note,colour,smoker,id,age\n1970-01-02,hello,5,true,a9,7\n")
    message = f"{path}: columns that the network does not know are left out: note"
    with pytest.warns(ChainruleWarning, match=re.escape(message)):
        data = read_csv(path, "kind", labelled=False, roles=ROLES, categories=["other"])
    assert [column.name for column in data.x.columns] == ["age", "colour", "smoker", "born"]
    assert (data.x.array.tolist(), data.x.columns[1].words) == ([[7, 0, 1, 1]], ("5",))


def test_the_order_of_a_headerless_table_s_columns_is_told_where_they_have_names(table):
    roles = {"a": "number", "b": "word"}
    with pytest.warns(ChainruleWarning, match="has no header: its columns are taken for a, b, in this order"):
        assert isinstance(read_csv(table("1,2\n"), None, header=False, roles=roles).x, Raw)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_csv(table("1,x\n"), None, header=False, roles={"0": "number", "1": "word"}).x.shape == (1, 2)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (
            {},
            ", line 2, column 'name': expected a finite number, got 'Ann'; categories = [\"name\"] takes its words fo",
        ),
        (
            {"drop": ["name"]},
            ', line 2, column \'colour\': .*; categories = \\["colour"\\] takes .*, drop = \\["colour',
        ),
        (SAID, ", line 3, column 'age': expected a finite number, got an empty cell; .*; missing = \"mean\" takes the"),
        ({**SAID, "drop": ["nam"]}, ", line 1: no column 'nam'; did you mean 'name'"),
        ({**SAID, "identifiers": ["nam"]}, ", line 1: no column 'nam'; did you mean 'name'"),
        (
            {"drop": ["name"], "booleans": ["age"], "categories": ["colour"]},
            ", line 2, column 'age': expected true or false, yes or no, 1 o",
        ),
        (
            {**SAID, "dates": ["smoker"], "booleans": []},
            ", line 2, column 'smoker': expected a date such as 2024-12-31",
        ),
    ],
)
def test_cells_and_columns_that_are_not_as_they_are_said_to_be_are_named(table, settings, reason):
    reason = reason if "\\" in reason else re.escape(reason).replace(r"\.\*", ".*")
    refused(table(), reason, **{"missing": "error", **settings})


def test_a_missing_truth_or_date_is_told_what_to_do(table):
    for name, said in (("smoker", {"booleans": ["a"]}), ("born", {"dates": ["a"]})):
        path = table("a,kind\n,x\n1,y\n")
        refused(
            path, f", line 2, column 'a': expected {'a date' if name == 'born' else 'true'}.*; the value is", **said
        )
        data = read_csv(table("a,kind\n,x\n"), "kind", missing="drop", **said)
        assert np.isnan(data.x.array).all()


def test_a_number_with_a_decimal_comma_is_no_word(table):
    refused(table('a,kind\n"1,5",x\n'), ", line 2, column 'a': expected a finite number, got '1,5'", categories="auto")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"categories": "colour"}, r"categories: expected a list of columns, or \"auto\", got 'colour'"),
        ({"columns": 0}, "columns: expected a list of names, or their number, got 0"),
        (
            {"columns": ["a", "b"], "drop": ["a"]},
            "columns: expected features, none that is left out .*, got 'a, dropped'",
        ),
        ({"columns": ["a"], "weights": "a"}, "columns: expected features, none that is left out .*, got 'a, weight'"),
        ({"columns": ["kind", "a"]}, "columns: expected features, none that is left out .*, got 'kind, target'"),
        ({"drop": "auto"}, "drop: expected a list of columns, got 'auto'"),
        ({"dates": [1.5]}, r"dates: expected a list of columns, got \[1.5\]"),
        ({"booleans": "a"}, "booleans: expected a list of columns, got 'a'"),
        ({"identifiers": "a"}, "identifiers: expected a list of columns, got 'a'"),
        ({"identifiers": ["a"], "drop": ["a"]}, "identifiers: expected columns that are in one list, got 'a, in drop'"),
        ({"columns": "a"}, "columns: expected a list of names, or their number, got 'a'"),
        ({"weights": True}, "weights: expected the name of a column, got True"),
        ({"weights": "kind"}, "weights: expected another column than the target, got 'kind'"),
        ({"booleans": ["a"], "drop": ["a"]}, "drop: expected columns that are in one list, got 'a, in booleans'"),
        (
            {"roles": {"a": "odd"}},
            "roles: expected a table of columns, each one of number, word, boolean, date, target",
        ),
        ({"roles": {"a": "target"}}, "roles: expected a table of columns"),
        ({"roles": ["a"]}, "roles: expected a table of columns"),
        ({"missing": "median"}, "missing: expected one of 'error', 'drop', 'mean', got 'median'"),
        ({"standardize": "yes"}, "standardize: expected True, False or \"features\", got 'yes'"),
        ({"unknown": 0}, "unknown: expected one of 'zeros', 'error', got 0"),
    ],
)
def test_what_says_nothing_of_columns_is_refused(table, settings, message):
    with pytest.raises(SettingError, match=message):
        read_csv(table("a,kind\n1,x\n"), "kind", **settings)


def test_two_features_of_one_name_cannot_be_prepared(table):
    with pytest.raises(DataError, match="more than one column 'a'; give each a name of its own"):
        chainrule.dataset("csv", path=table("a,a,y\n1,2,0\n1,2,1\n"), target="y", standardize=True, split="none")

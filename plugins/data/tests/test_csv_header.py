"""The first line of a table, and which column is what."""

import re
import warnings

import pytest

from chainrule import ChainruleWarning, DataError, SettingError
from chainrule_data import csv_header, csv_reader, read_csv

HABERMAN = "30,64,1,1\n30,62,3,1\n30,65,0,1\n31,59,2,1\n"
INDEX = r"the first column has no name, and is left out as the row numbers of a data frame"


@pytest.fixture
def table(tmp_path):
    """A function that writes a table and returns its path."""

    def write(content):
        path = tmp_path / "table.csv"
        path.write_text(content, encoding="utf-8")
        return path

    return write


def refused(path, reason, **settings):
    """Expect a DataError that begins with the file and goes on with `reason`, a pattern."""
    with pytest.raises(DataError, match=re.escape(str(path)) + reason):
        read_csv(path, **{"target": -1, **settings})


# A header, or a sample


@pytest.mark.parametrize(
    ("content", "got"),
    [
        (HABERMAN, "numbers"),
        ("30,64,1,1\n", "numbers"),
        ("5.1,3.5,setosa\n4.9,3.0,setosa\n", "numbers and 'setosa'"),
        ("1990,1991,1992\n1,2,3\n", "numbers"),
        ("0,0,7\n0,1,2\n", "numbers"),
        ("5.1,,3\n1,2,3\n", "numbers"),
        ("M,0.45,15\nF,0.53,7\n", "numbers and 'M'"),
        ("NA,0.45,15\n1,0.53,7\n", "numbers"),
        ("1e0,nan\n2,3\n", "numbers"),
        ("-,0.45,15\n1,0.53,7\n", "numbers"),
        ("None,0.45,15\n1,0.53,7\n", "numbers"),
        ("yes,no\nno,no\n", "words"),
        ("0,1,y\n1,2,3\n", "numbers and 'y'"),
        ("5.1,x,3\n1,2,3\n", "numbers and 'x'"),
        ("id,2019,2020\n1,2,3\n", "numbers and 'id'"),
        ("5.1,na\n", "numbers and 'na'"),
    ],
)
@pytest.mark.parametrize("target", [-1, 1, None])
def test_a_first_line_that_may_be_either_is_refused_with_the_setting_that_tells(table, content, got, target):
    hint = "header = true takes that line for names, header = false for a sample"
    path = table("\n" + content)
    refused(path, f", line 2: expected a header, or a sample, got {got}, which may be either; {hint}$", target=target)


@pytest.mark.parametrize("target", [-1, 3])
def test_header_says_whether_whole_numbers_are_a_sample_or_names(table, target):
    path = table(HABERMAN)
    data = read_csv(path, target, header=False)
    assert data.x.tolist() == [[30, 64, 1], [30, 62, 3], [30, 65, 0], [31, 59, 2]]
    assert data.y.tolist() == [1, 1, 1, 1]
    assert (data.columns, data.target) == (None, None)
    data = read_csv(path, target, header=True)
    assert data.x.tolist() == [[30, 62, 3], [30, 65, 0], [31, 59, 2]]
    assert (data.columns, data.target) == (("30", "64", "1"), "1")


@pytest.mark.parametrize(
    ("content", "target", "columns"),
    [
        ("a,y\n1,2\n", -1, ("a",)),
        ("a,-,y\n1,2,3\n", -1, ("a", "-")),
        ("a,b,y\n?,NA,yes\n,2,no\n1,2,no\n", -1, ("a", "b")),
        ("1990,1991,kind\n1,2,tall\n", "kind", ("1990", "1991")),
        ("a;b;y\n1,5;2,5;tall\n".replace(";", "|"), "y", ("a", "b")),
    ],
)
def test_a_word_above_a_number_or_the_name_of_the_target_makes_a_header(table, content, target, columns):
    delimiter, decimal = ("|", ",") if "|" in content else (",", ".")
    path = table(content)
    if "?" in content:
        refused(path, r", line 2, column 'a': expected a finite number, got '\?'; the value is missing", target=target)
        return
    data = read_csv(path, target, delimiter=delimiter, decimal=decimal)
    assert data.columns == columns


@pytest.mark.parametrize(
    "cell",
    ["n.a.", "x", "5.1cm", "12%", "<5", r"\N", "#DIV/0!", "2020-01-01", "True", "1e", "0x1A", "1_0", "1 234", "%"],
)
@pytest.mark.parametrize("line", ["5.1,{},1", "5.1,1,{}", "5.1,{},tall"])
def test_a_dirty_cell_among_numbers_makes_no_header(table, cell, line):
    """Else the first sample is lost without a word."""
    path = table(line.format(cell) + "\n4.9,3.0,0\n4.0,2.5,1\n")
    hint = "header = true takes that line for names, header = false for a sample"
    refused(path, f", line 1: expected a header, or a sample, got numbers.*, which may be either; {hint}$")


@pytest.mark.parametrize("cell", ["n.a.", "#DIV/0!", "12%"])
@pytest.mark.filterwarnings("ignore:.* has no header")
def test_a_dirty_cell_of_a_later_table_s_first_sample_is_named(table, cell):
    path = table(f"5.1,{cell},1\n4.9,3.0,0\n")
    hint = "without a header, the first line is a sample"
    refused(path, f", line 1, column '1': expected a finite number, got '{cell}'; {hint}$", columns=["a", "b"])


def test_the_names_of_the_columns_are_kept_as_they_are_written(table):
    data = read_csv(table(' "a, b", ç ,kind\n1,2,x\n'), "kind")
    assert (data.columns, data.target, data.classes) == (("a, b", "ç"), "kind", ("x",))
    assert read_csv(table("a,b\n1,2\n"), None).target is None


def test_names_where_a_sample_is_said_to_be_are_told(table):
    hint = "without a header, the first line is a sample"
    refused(table("a,y\n1,2\n"), f", line 1, column '0': expected a finite number, got 'a'; {hint}", header=False)


def test_of_a_wide_table_few_lines_are_held_to_tell(table, monkeypatch):
    looked_at = []
    monkeypatch.setattr(csv_header, "CELLS", 12)
    monkeypatch.setattr(csv_reader, "is_header", lambda path, first, following, *_: looked_at.append(following) or True)
    data = read_csv(table("a,b,c,d,y\n" + "1,2,3,4,0\n" * 9), "y")
    assert len(data.x) == 9
    assert len(looked_at[0]) == 3


# By name


@pytest.mark.parametrize("header", [None, True])
@pytest.mark.parametrize(
    "content",
    [
        "a,b,c,y\n1,2,3,no\n4,5,6,yes\n",
        "c,y,a,b\n3,no,1,2\n6,yes,4,5\n",
        "y, b ,c,a\nno,2,3,1\nyes,5,6,4\n",
    ],
)
def test_columns_are_taken_by_name_whatever_their_order(table, content, header):
    data = read_csv(table(content), "y", header, columns=["a", "b", "c"])
    assert data.x.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert (data.y.tolist(), data.classes) == ([0, 1], ("no", "yes"))
    assert (data.columns, data.target) == (("a", "b", "c"), "y")


@pytest.mark.parametrize(("content", "x"), [("b,a\n2,1\n", [[1, 2]]), ("b,y,a\n2,,1\n", [[1, 2]]), ("1,2\n", [[1, 2]])])
def test_what_is_not_labelled_may_lack_its_targets(table, content, x):
    """They are not looked at, either."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ChainruleWarning)
        data = read_csv(table(content), "y", columns=["a", "b"], labelled=False)
    assert (data.x.tolist(), data.y) == (x, None)


@pytest.mark.parametrize(("content", "x"), [("1,2\n", [[1, 2]]), ("7,1,2\n", [[1, 2]])])
def test_a_position_of_targets_that_may_be_missing_is_a_feature_where_none_is_too_many(table, content, x):
    data = read_csv(table(content), 0, columns=2, labelled=False)
    assert (data.x.tolist(), data.y) == (x, None)


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        ("b,y", r", line 1: no column 'a'; the network takes a, b$"),
        ("aa,b,y", r", line 1: no column 'a'; is it 'aa'\? the network takes a, b$"),
        ("a,b,a,y", r", line 1: more than one column 'a'; give each a name of its own"),
        ("a,b,y,y", r", line 1: more than one column 'y'; give each a name of its own"),
        ("a,b", r", line 1: no column 'y'; the columns are a, b"),
        ("A,B,y", r", line 1: no column 'a'; is it 'A'\? the network takes a, b"),
        ("a,b,Y", r", line 1: no column 'y'; did you mean 'Y'\?"),
    ],
)
def test_a_missing_and_a_doubled_column_are_named(table, first, reason):
    row = ",".join("1" * len(first.split(",")))
    refused(table(f"{first}\n{row}\n"), reason, target="y", columns=["a", "b"])


def test_columns_that_are_not_among_those_named_are_left_out_with_their_words(table):
    data = read_csv(table("name,a,b\nAnn,1,2\n"), target=None, columns=["b", "a"])
    assert (data.x.tolist(), data.columns) == ([[2, 1]], ("b", "a"))
    assert data.roles == {"b": "number", "a": "number", "name": "dropped"}


def test_without_a_header_the_order_counts_and_is_told(table):
    path = table("1,2,0\n3,4,1\n")
    with pytest.warns(ChainruleWarning, match="table.csv has no header: its columns are taken for a, b, in this order"):
        data = read_csv(path, -1, columns=["a", "b"])
    assert data.x.tolist() == [[1, 2], [3, 4]]


def test_names_that_nobody_knows_are_no_order_and_that_is_told(table):
    path = table("b,a\n1,2\n")
    message = "table.csv: its columns are taken in their order, as the network does not know them by name"
    with pytest.warns(ChainruleWarning, match=message):
        assert read_csv(path, None, columns=2).x.tolist() == [[1, 2]]


@pytest.mark.parametrize("columns", [["a"], 1])
@pytest.mark.parametrize("content", ["a\n1\n", "1\n"])
def test_one_column_has_no_order(table, columns, content):
    assert read_csv(table(content), None, columns=columns).x.tolist() == [[1]]


def test_a_header_of_numbers_is_known_by_its_names(table):
    path = table("2,0,1\n7,5,6\n")
    assert read_csv(path, None, columns=["0", "1", "2"]).x.tolist() == [[5, 6, 7]]
    two = table("0,1\n1,1\n")
    refused(two, ", line 1: expected a header, or a sample, got numbers, which may be either", columns=["0", "1"])


@pytest.mark.parametrize("columns", ["ab", [1, 2], 2.0, True])
def test_columns_are_names_or_their_number(table, columns):
    with pytest.raises(SettingError, match="columns: expected a list of names, or their number, got"):
        read_csv(table("a,b\n1,2\n"), "b", columns=columns)


# The row numbers of a data frame


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (",a,b,y\n0,1,2,0\n1,3,4,1\n", INDEX),
        ('"","a","b","y"\n"1",1,2,0\n"2",3,4,1\n', INDEX),  # as R writes it
        (",a,b,y\n17,1,2,0\n4,3,4,1\n", INDEX),  # of rows that were shuffled
        (",a,b,y\n0.0,1,2,0\n1.0,3,4,1\n", INDEX),
        (",a,b,y\n2020-01-01,1,2,0\n2020-01-02,3,4,1\n", INDEX),
        (",a,b,y\nAnn,1,2,0\nBob,3,4,1\n", INDEX),
        ("Unnamed: 0,a,b,y\n0,1,2,0\n1,3,4,1\n", INDEX),
        (",Unnamed: 0,a,b,y\n0,0,1,2,0\n1,1,3,4,1\n", "the first 2 columns have no names"),
    ],
)
@pytest.mark.parametrize("target", ["y", -1])
@pytest.mark.parametrize("columns", [None, ["a", "b"]])
def test_a_first_column_without_a_name_is_left_out_with_a_warning(table, content, message, target, columns):
    path = table(content)
    with pytest.warns(ChainruleWarning, match=re.escape(str(path)) + ": " + message) as told:
        data = read_csv(path, target, columns=columns)
    assert len(told) == 1
    assert (data.x.tolist(), data.y.tolist()) == ([[1, 2], [3, 4]], [0, 1])
    assert data.columns == ("a", "b")


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (["3.5", "1.2"], ", line 2, column 0, which has no name: expected the number or the label of a row, got '3.5'"),
        (["3", "1.2"], ", line 3, column 0, which has no name: expected the number or the label of a row, got '1.2'"),
        (
            ["1e400", "2"],
            ", line 2, column 0, which has no name: expected the number or the label of a row, got '1e400'",
        ),
        (["1", ""], ", line 3, column 0, which has no name: expected the number or the label of a row, got ''"),
        (['"3,5"', "1"], ", line 2, column 0, which has no name: expected the number or the label of a row, got '3,5'"),
        (
            ["5", "7", "5"],
            ", column 0, which has no name: expected another number or label in each row, got 2 different",
        ),
        (["5", "5.0"], ", column 0, which has no name: expected another number or label in each row, got 1 different"),
        (
            ["a", "b", "a", "a"],
            ", column 0, which has no name: expected another number or label in each row, got 2 dif",
        ),
    ],
)
@pytest.mark.parametrize("columns", [None, ["a"]])
@pytest.mark.parametrize("name", ["", "Unnamed: 0"])
def test_a_first_column_without_a_name_that_labels_no_rows_is_not_lost(table, cells, reason, columns, name):
    path = table(f"{name},a,y\n" + "".join(f"{cell},{i},0\n" for i, cell in enumerate(cells)))
    refused(path, f"{reason}.*; give the column a name, and it is a feature, or take it out", columns=columns)


def test_the_second_of_the_columns_without_a_name_is_looked_at_too(table):
    refused(table(",Unnamed: 0,a,y\n0,0.5,1,0\n1,1,3,1\n"), ", line 2, column 1, which has no name: expected the")


def test_the_row_numbers_may_be_the_target_and_a_named_one_is_a_feature(table):
    assert read_csv(table(",a\n0,1\n1,3\n"), 0).y.tolist() == [0, 1]
    assert read_csv(table("id,a,y\n0,1,0\n1,3,1\n"), "y").columns == ("id", "a")
    assert read_csv(table(",y\n0,1\n1,3\n"), "y").x.tolist() == [[0], [1]]

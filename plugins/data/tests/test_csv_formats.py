"""How tables are written: delimiters, decimals, comments, gzip, and cells without a number."""

import gzip
import re
import zlib

import pytest

from chainrule import DataError, SettingError
from chainrule_data import csv_lines, read_csv


@pytest.fixture
def table(tmp_path):
    """A function that writes a table and returns its path."""

    def write(content, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def refused(path, reason, **settings):
    """Expect a DataError that begins with the file and goes on with `reason`, a pattern."""
    with pytest.raises(DataError, match=re.escape(str(path)) + reason):
        read_csv(path, **{"target": "y", **settings})


# Delimiters


@pytest.mark.parametrize(("delimiter", "shown"), [(";", ";"), ("\t", r"\\t"), ("|", r"\|"), (" ", " ")])
@pytest.mark.parametrize("target", ["y", -1, None])
@pytest.mark.parametrize("first", ["a,b,y", "1,2,3"])
def test_another_delimiter_is_named(table, delimiter, shown, target, first):
    path = table(f"{first}\n1,2,0\n3,4,1\n".replace(",", delimiter))
    got = re.escape(repr(first.replace(",", delimiter)))
    reason = rf', line 1: expected columns, got one, {got}; delimiter = "{shown}" reads them$'
    refused(path, reason, target=target)
    if first == "a,b,y":
        assert read_csv(path, "y", delimiter=delimiter).x.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("name", ["table.tsv", "TABLE.TSV", "table.tsv.gz"])
def test_the_suffix_says_that_tabs_delimit_unless_the_setting_does(table, name):
    content = "a\tb, c\ty\n1\t2\t0\n3\t4\t1\n"
    path = table(gzip.compress(content.encode()) if name.endswith("gz") else content, name)
    data = read_csv(path, "y")
    assert (data.columns, data.x.tolist()) == (("a", "b, c"), [[1, 2], [3, 4]])
    commas = table("a,y\n1,0\n2,1\n", name)
    assert read_csv(commas, "y", delimiter=",").x.tolist() == [[1], [2]]
    refused(commas, r', line 1: .*; delimiter = "," reads them')
    decimals = table("a\ty\n1,5\t0\n", name)
    assert read_csv(decimals, "y", decimal=",").x.tolist() == [[1.5]]


@pytest.mark.parametrize(
    ("content", "settings", "hint"),
    [
        ("a;y\n1;0\n", {}, 'delimiter = ","'),
        ("a,y\n1,0\n", {"delimiter": "\t"}, r'delimiter = "\t"'),
        ("1,5;2,25;0\n3,5;2,0;1\n", {}, 'delimiter = ","'),
        ("a;y\n1,5;0\n", {"delimiter": ";"}, 'decimal = "."'),
        ('a,y\n"1,5",0\n', {}, 'decimal = "."'),
        ("a;y\n1.5;0\n", {"delimiter": ";", "decimal": ","}, 'decimal = ","'),
        ("a,y\n1,0\n# the end\n", {"comment": "%"}, 'comment = "%"'),
    ],
)
def test_of_a_later_table_it_is_told_how_to_write_it_as_no_setting_reads_it(table, content, settings, hint):
    reason = f".*; this table is read with {hint}: write it so$"
    refused(table(content), reason.replace("\\", "\\\\"), columns=["a"], **settings)


def test_a_later_table_has_no_comments_where_the_first_had_none(table):
    refused(table("# by hand\na,y\n1,0\n"), ".*, got a comment; take the lines of comment out$", columns=["a"])


def test_a_comma_is_named_where_the_recipe_says_another(table):
    refused(table("a,b,y\n1,2,0\n"), r', line 1: .*; delimiter = "," reads them', delimiter=";")


def test_semicolons_are_named_beside_decimal_commas(table):
    path = table("a;b;y\n1,5;2,25;0\n-3,0;4e1;1\n")
    refused(path, r', line 1: expected columns, got one, .*; delimiter = ";" reads them')
    refused(
        path, r""", line 2, column 'a': expected a finite number, got '1,5'; decimal = "," reads it""", delimiter=";"
    )
    data = read_csv(path, "y", delimiter=";", decimal=",")
    assert (data.x.tolist(), data.y.tolist()) == ([[1.5, 2.25], [-3, 40]], [0, 1])
    bare = table("1,5;2,25;0\n3,5;2,0;1\n")
    refused(bare, r', line 1: .* which may be either; delimiter = ";" reads numbers that are', target=-1)


@pytest.mark.parametrize("name", ["sepal width", "a;b", "a|b"])
def test_a_name_may_have_what_delimits_elsewhere(table, name):
    assert read_csv(table(f"{name}\n5\n6\n"), None).columns == (name,)


@pytest.mark.parametrize(
    "content",
    [
        "a b y\n1 2 0\n3 4 1\n",
        "  a   b y  \n  1   2 0 \n3     4   1\n",
        "a\tb \t y\n1\t\t2\t0\n3 \t 4\t1\n",
        "a b y\n  \n1 2 0\n3 4 1",
    ],
)
def test_a_space_delimits_in_runs_with_tabs_among_them(table, content):
    data = read_csv(table(content), "y", delimiter=" ")
    assert (data.columns, data.x.tolist(), data.y.tolist()) == (("a", "b"), [[1, 2], [3, 4]], [0, 1])


def test_runs_of_spaces_hold_quoted_words(table):
    data = read_csv(
        table('18.0   8    "chevrolet malibu"\n15.0   4\t"buick  skylark"\n'), -1, header=False, delimiter=" "
    )
    assert (data.x.tolist(), data.classes) == ([[18, 8], [15, 4]], ("buick  skylark", "chevrolet malibu"))


@pytest.mark.parametrize("content", ['a, "b, c", y\n1, "2", "d, e"\n', 'a,   "b, c",y\n1,"2", "d, e"\n'])
def test_a_quote_may_follow_a_space(table, content):
    data = read_csv(table(content), "y")
    assert (data.columns, data.x.tolist(), data.classes) == (("a", "b, c"), [[1, 2]], ("d, e",))


# Decimals


@pytest.mark.parametrize("cell", ["5,1", "1,000"])
def test_a_decimal_comma_in_quotes_wants_another_delimiter(table, cell):
    """As decimal = "," alone would be refused."""
    hint = 'write it without a comma, or the table with delimiter = ";" and decimal = ","'
    refused(table(f'a,b,y\n1,2,0\n1,"{cell}",0\n'), f", line 3, column 'b': .*, got '{cell}'; {hint}$")


def test_a_comma_that_may_part_thousands_is_told_what_it_would_be_read_as(table):
    refused(table("a;y\n1,000;0\n"), """, line 2, column 'a': .*; decimal = "," reads it as 1$""", delimiter=";")


@pytest.mark.parametrize(
    ("cell", "hint"), [("1.5", '; with decimal = "," a number has no point'), ("x", "; categories = ")]
)
def test_a_point_among_decimal_commas_is_refused_as_it_may_part_thousands(table, cell, hint):
    path = table(f"a;y\n1,5;0\n{cell};1\n")
    refused(path, f", line 3, column 'a': expected a finite number, got '{cell}'{hint}", delimiter=";", decimal=",")


def test_targets_have_decimal_commas_too(table):
    path = table("a;y\n1,5;0,5\n2;1,0\n")
    assert read_csv(path, "y", delimiter=";", decimal=",").y.tolist() == [0.5, 1]
    assert read_csv(path, "y", delimiter=";", decimal=",", classes=True).classes == ("0.5", "1")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"decimal": ","}, 'decimal: expected "." or ",", and another than the delimiter, got \','),
        ({"decimal": "·"}, "decimal: expected "),
        ({"decimal": 1}, "decimal: expected "),
        ({"comment": ""}, "comment: expected what a line of comment begins with, got ''"),
        ({"comment": " "}, "comment: expected "),
        ({"comment": True}, "comment: expected "),
        ({"comment": ","}, "comment: expected "),
        ({"classes": "no"}, "classes: expected true or false, got 'no'"),
        ({"labelled": 1}, "labelled: expected true or false, got 1"),
    ],
)
def test_wrong_settings_are_refused(table, settings, message):
    with pytest.raises(SettingError, match=f"^{re.escape(message)}"):
        read_csv(table("a,y\n1,2\n"), "y", **settings)


# Comments


def test_lines_of_comment_are_left_out_and_counted(table):
    path = table('# made by hand\n#\na,y\n1,0\n  # in between, with one quote "\n2,1\n')
    assert read_csv(path, "y", comment="#").x.tolist() == [[1], [2]]
    path.write_text(path.read_text() + "3,x\n")
    refused(path, ", line 7, column 'y'", comment="#")
    assert read_csv(table("a,y\n% a\n1,0\n%%\n2,1\n"), "y", comment="%").y.tolist() == [0, 1]


@pytest.mark.parametrize("mark", "#%")
@pytest.mark.parametrize("target", ["y", -1])
def test_comments_are_told_where_no_setting_leaves_them_out(table, mark, target):
    hint = f'; comment = "{mark}" leaves out the lines that begin so$'
    refused(table(f"{mark} made by hand\na,y\n1,0\n"), rf", line 1: .*, got a comment{hint}", target=target)
    refused(table(f"a,y\n1,0\n{mark} the end\n"), rf", line 3: expected 2 columns, got 1{hint}", target=target)
    refused(table(f"a,y\n1,0\n{mark} x,y\n"), rf", line 3, column 'a': .*{hint}", target=target)


def test_a_name_may_begin_as_comments_elsewhere(table):
    assert read_csv(table("# a,y\n1,0\n"), "y").columns == ("# a",)  # as numpy.savetxt writes it


# gzip


@pytest.mark.parametrize("name", ["table.csv.gz", "table.csv"])
def test_a_gzipped_table_is_read_as_it_is(table, name):
    path = table(gzip.compress(b"\xef\xbb\xbfa,y\r\n1,no\r\n2,yes\r\n"), name)
    data = read_csv(path, "y")
    assert (data.columns, data.x.tolist(), data.classes) == (("a",), [[1], [2]], ("no", "yes"))


def test_a_gzipped_table_that_is_damaged_is_told(table):
    whole = gzip.compress(b"a,y\n" + b"1,2\n" * 5000)
    refused(table(whole[:-9], "table.csv.gz"), ": cannot be read: EOFError")
    refused(table(whole[:20] + b"\0\0" + whole[22:], "table.csv.gz"), ": cannot be read: ")


def test_a_gzipped_line_without_an_end_fills_no_memory(table, monkeypatch):
    monkeypatch.setattr(csv_lines, "LONGEST", 1000)
    path = table(zlib.compress(b"a,y\n1,2\n" + b"1" * 10**6, wbits=31), "table.csv.gz")
    refused(path, ", line 3: expected a line of at most 1,000 characters, got more")


# Cells without a number


@pytest.mark.parametrize("cell", ["", " ", "?", "NA", "N/A", "nan", "NaN", "NULL", "null", "<NA>", "NAN"])
@pytest.mark.parametrize("space", ["", " "])
def test_a_missing_value_is_called_so_with_what_to_do(table, cell, space):
    cell = space + cell
    got = "an empty cell" if not cell.strip() else "'.*'"
    hint = "; the value is missing: fill it in, or drop the row$"
    path = table(f"a,b,y\n1,2,0\n3,{cell},1\n")
    others = '; missing = "mean" takes the mean, missing = "drop" drops it'
    refused(path, f", line 3, column 'b': expected a finite number, got {got}{hint[:-1]}{others}$")
    if cell.strip() == "NAN":
        return
    for others in ("1", "yes"):
        path = table(f"a,y\n1,{others}\n3,{cell}\n")
        reason = f", line 3, column 'y': the target: expected a value in every row, got {got}{hint}"
        refused(path, reason)
        refused(path, reason, classes=True)


@pytest.mark.parametrize("cell", ["none", "None", "-", "."])
def test_what_may_be_a_class_is_one(table, cell):
    assert read_csv(table(f"a,y\n1,mild\n2,{cell}\n"), "y").classes == tuple(sorted(["mild", cell]))

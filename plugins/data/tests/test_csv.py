import errno
import io
import os
import re
import tempfile

import numpy as np
import pytest

from chainrule import DataError, SettingError
from chainrule_data import csv_table, files, read_csv


@pytest.fixture
def table(tmp_path):
    """A function that writes a table and returns its path."""

    def write(content):
        path = tmp_path / "table.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def refused(path, reason, **settings):
    """Expect a DataError that begins with the file and goes on with `reason`, a pattern."""
    with pytest.raises(DataError, match=re.escape(str(path)) + reason):
        read_csv(path, **{"target": -1, **settings})


# What is read


@pytest.mark.parametrize("count", [1, 3, 4, 5, 8, 9, 50])
def test_a_table_that_is_larger_than_what_is_held_in_memory_is_read_all_the_same(table, monkeypatch, count):
    expected = np.random.default_rng(count).normal(size=(count, 3))
    path = table("".join(f"{a},{i % 2},{b},{c}\n" for i, (a, b, c) in enumerate(expected.tolist())))
    monkeypatch.setattr(csv_table, "IN_MEMORY", 12)
    data = read_csv(path, target=1, header=False)
    np.testing.assert_array_equal(data.x, expected)
    assert data.x.dtype == np.float64
    assert data.y.tolist() == [i % 2 for i in range(count)]
    assert isinstance(data.x, np.memmap) == (count > 3)


def test_no_room_for_a_large_table_is_told(table, monkeypatch):
    class Full(io.BytesIO):
        def write(self, _):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(csv_table, "IN_MEMORY", 2)
    monkeypatch.setattr(files, "TemporaryFile", Full)
    path = table("1,2\n3,4\n5,6\n")
    with pytest.raises(DataError) as caught:
        read_csv(path, target=-1, header=False)
    assert str(caught.value) == (
        f"{path}: temporary files: expected room for the numbers of a large table, "
        "got No space left on device; the variable TMPDIR names another folder"
    )


def test_a_temporary_file_is_made_for_a_large_table_alone(table, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    path = table("1,2\n3,4\n5,6\n")
    assert read_csv(path, target=-1, header=False).x.tolist() == [[1], [3], [5]]
    monkeypatch.setattr(csv_table, "IN_MEMORY", 2)
    with pytest.raises(DataError, match=r"temporary files: expected room for .*, got No such file or directory; the"):
        read_csv(path, target=-1, header=False)


def test_a_target_by_name_leaves_the_other_columns_as_features(table):
    data = read_csv(table("a,y,b\n1,0,2.5\n3,1,-4e1\n"), target="y")
    assert data.x.tolist() == [[1, 2.5], [3, -40]]
    assert data.x.dtype == np.float64
    assert data.y.tolist() == [0, 1]
    assert data.classes is None


@pytest.mark.parametrize(("target", "y"), [(0, [1, 3]), (1, [0, 1]), (-1, [2, 4]), (-3, [1, 3])])
def test_a_target_by_position_counts_from_0_or_from_the_end(table, target, y):
    assert read_csv(table("a,b,c\n1,0,2\n3,1,4\n"), target=target).y.tolist() == y


def test_without_a_header_the_first_line_is_a_sample(table):
    data = read_csv(table("1,2,0\n3,4,1\n"), target=-1, header=False)
    assert data.x.tolist() == [[1, 2], [3, 4]]
    assert data.y.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("cells", "y", "kind"),
    [
        (["2", "-1", "2"], [2, -1, 2], "i"),
        (["2", "0.5", "1e3"], [2, 0.5, 1000], "f"),
        (["99999999999999999999", "0", "1"], [1e20, 0, 1], "f"),
    ],
)
def test_a_target_of_numbers_keeps_its_kind(table, cells, y, kind):
    data = read_csv(table("a,y\n" + "".join(f"1,{cell}\n" for cell in cells)), target="y")
    assert data.y.tolist() == y
    assert data.y.dtype.kind == kind
    assert data.classes is None


def test_a_target_of_words_becomes_classes_in_alphabetical_order(table):
    data = read_csv(table("a,y\n1,setosa\n2,iris\n3,setosa\n4,aster\n"), target="y")
    assert data.classes == ("aster", "iris", "setosa")
    assert data.y.tolist() == [2, 1, 2, 0]


def test_a_word_among_numbers_is_told_unless_all_are_meant_as_classes(table):
    mixed = table("a,y\n1,10\n2,9\n3,3.5x\n")
    refused(mixed, r", line 4, column 'y': the target: expected .* not both, got '3.5x'; .*classes = true", target="y")
    assert read_csv(mixed, target="y", classes=True).classes == ("10", "3.5x", "9")


def test_numbers_become_classes_in_their_own_order_when_asked(table):
    data = read_csv(table("a,y\n1,10\n2,1\n3,9\n4,1\n"), target="y", classes=True)
    assert data.classes == ("1", "9", "10")
    assert data.y.tolist() == [2, 0, 1, 0]


@pytest.mark.parametrize(
    ("labels", "classes", "y"),
    [
        (["1", "1.0", "2"], ("1", "2"), [0, 0, 1]),
        (["10.0", "9", "1e1", "+9"], ("9", "10"), [1, 0, 1, 0]),
        (["0.50", "-0.0", "0", ".5"], ("0", "0.5"), [1, 0, 0, 1]),
        (["1.0", "2", "rest", "1"], ("1", "2", "rest"), [0, 1, 2, 0]),
        (["9007199254740993", "9007199254740992"], ("9007199254740993", "9007199254740992"), None),  # one float
    ],
)
def test_numbers_that_are_names_of_classes_are_one_where_they_are_equal(table, labels, classes, y):
    """A float column of pandas has 1.0 where there was 1, as soon as a value was missing."""
    data = read_csv(table("a,y\n" + "".join(f"1,{label}\n" for label in labels)), target="y", classes=True)
    assert set(data.classes) == set(classes)
    if y is not None:
        assert (data.classes, data.y.tolist()) == (classes, y)


def test_whole_numbers_with_a_point_are_integers(table):
    y = read_csv(table("a,y\n1,1.0\n2,0.0\n"), target="y").y
    assert (y.tolist(), y.dtype.kind) == ([1, 0], "i")


def test_spaces_around_names_cells_and_classes_mean_nothing(table):
    data = read_csv(table(" a , y\n 1 , no\n2,no \n3, yes \n"), target="y")
    assert data.x.tolist() == [[1], [2], [3]]
    assert data.classes == ("no", "yes")


def test_a_byte_order_mark_is_no_part_of_the_first_name(table):
    assert read_csv(table(b"\xef\xbb\xbfy,a\n1,2\n"), target="y").y.tolist() == [1]


def test_blank_lines_are_skipped(table):
    data = read_csv(table("\n\na,y\n\n1,0\n\n2,1\n\n\n"), target="y")
    assert data.x.tolist() == [[1], [2]]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_ending_is_read(table, newline):
    assert read_csv(table(newline.join(["a,y", "1,0", "2,1"])), target="y").x.tolist() == [[1], [2]]


@pytest.mark.parametrize("delimiter", [";", "\t", " "])
def test_another_delimiter_separates_the_cells(table, delimiter):
    content = "a,y\n1,0\n2,1\n".replace(",", delimiter)
    assert read_csv(table(content), target="y", delimiter=delimiter).x.tolist() == [[1], [2]]


def test_quoted_cells_may_hold_the_delimiter(table):
    data = read_csv(table('a,"y, of course"\n"1","b, c"\n'), target="y, of course")
    assert (data.x.tolist(), data.classes) == ([[1]], ("b, c",))


# What is refused: the table


def test_a_missing_file_is_told_with_what_its_path_is_relative_to(tmp_path):
    refused(tmp_path / "nope.csv", ": no such file; a path in a recipe is relative to the recipe")


def test_a_folder_is_told_to_be_one(tmp_path):
    refused(tmp_path, ": cannot be read: IsADirectoryError")


@pytest.mark.parametrize("content", ["", "\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_told(table, content):
    refused(table(content), ", line 1: expected a table, got an empty file")


def test_a_header_without_rows_names_the_line_after_it(table):
    refused(table("a,y\n"), ", line 2: expected at least one row of numbers, got the end of the file")


def test_one_column_has_no_features(table):
    refused(table("y\n1\n2\n"), ", line 1: expected a feature beside the target, got one column")


def test_a_short_line_is_named(table):
    refused(table("a,b,y\n1,2,0\n\n3,1\n"), ", line 4: expected 3 columns, got 2")


def test_a_long_line_is_named(table):
    refused(table("a,y\n1,2,\n"), ", line 2: expected 2 columns, got 3")


def test_an_unknown_target_column_gets_a_near_match(table):
    refused(table("a,species\n1,2\n"), ", line 1: no column 'specis'; did you mean 'species'", target="specis")


def test_an_unknown_target_column_without_a_near_match_gets_the_names(table):
    refused(table("a,species\n1,2\n"), ", line 1: no column 'y'; the columns are a, species", target="y")
    sample = ", line 1: no column 'y'; the first line looks like a sample: header = false, and target = -1"
    refused(table("0.1,0.9\n0.2,0.8\n"), sample, target="y", header=True)


@pytest.mark.parametrize("target", [2, -3])
def test_a_target_position_beyond_the_columns_gets_their_range(table, target):
    refused(table("a,y\n1,2\n"), f": target: expected a column from 0 to 1, got {target}", target=target)


def test_a_target_name_without_a_header_is_told_to_be_a_position(table):
    refused(
        table("1,2\n"),
        ": target: expected a whole number, got 'y'; a table without a header has positions, such as 0",
        target="y",
        header=False,
    )


@pytest.mark.parametrize("delimiter", ["", ";;", 3])
def test_a_delimiter_of_other_than_one_character_is_a_wrong_setting(table, delimiter):
    with pytest.raises(SettingError, match="delimiter: expected "):
        read_csv(table("a,y\n1,2\n"), target="y", delimiter=delimiter)


def test_a_header_setting_that_is_no_bool_is_refused_not_guessed(table):
    with pytest.raises(SettingError, match=r"header: expected .*, got 'no'"):
        read_csv(table("1,2\n3,4\n"), target=0, header="no")


# What is refused: a cell


@pytest.mark.parametrize("cell", ["x", "1,5", "nan", "inf", "-Infinity", "1e400", "1_0", "0x10"])
def test_a_cell_that_is_no_finite_number_is_told_with_line_and_column(table, cell):
    path = table(f"a;b;y\n1;2;0\n\n3;{cell};1\n")
    refused(path, f", line 4, column 'b': expected a finite number, got {re.escape(repr(cell))}", delimiter=";")


def test_a_column_without_a_name_is_told_by_its_position(table):
    refused(table("1,2,0\n3,x,1\n"), ", line 2, column '1': expected a finite number, got 'x'", header=False)


@pytest.mark.parametrize("cells", [["1", ""], ["b", " "]])
def test_an_empty_target_cell_is_told_with_its_line(table, cells):
    refused(
        table(f"a,y\n1,{cells[0]}\n2,{cells[1]}\n"),
        r", line 3\b.*expected a value in every row, got an empty cell; the value is missing: fill it in",
    )


def test_a_target_that_is_not_finite_is_told_with_its_line(table):
    refused(table("a,y\n1,2\n3,4\n5,inf\n"), r", line 4\b.*expected finite numbers or class names, not both, got 'inf'")


def test_a_nul_byte_in_a_number_is_told_with_line_and_column(table):
    refused(table("a,y\n1\0,2\n"), r", line 2, column 'a': expected a finite number, got '1\\x00'")


@pytest.mark.parametrize("lines", [1, 5000])
def test_a_byte_that_is_not_utf8_is_told_with_its_line(table, lines):
    content = b"a,y\n" + b"1,2\n" * lines + b"1,\xe9\n"
    refused(table(content), rf", line {lines + 2}\b.*(utf|UTF)-8")


def test_the_bytes_of_a_picture_are_told_to_be_no_text(table):
    refused(table(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), ".*(utf|UTF)-8")


def test_a_quote_that_never_ends_is_told_with_its_line(table):
    refused(table('a,y\n1,2\n"3,4\n'), r", line 3\b.*unexpected end of data")


def test_text_after_a_quoted_cell_is_told_with_its_line(table):
    refused(table('a,y\n1,2\n"3"4,5\n'), r", line 3\b.*',' expected after")

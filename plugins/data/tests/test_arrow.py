"""Parquet and Arrow, written by pyarrow; the numbers and classes are those of the same table as csv."""

import re
import sys
import tracemalloc
from decimal import Decimal

import numpy as np
import pytest

import chainrule
from chainrule import ChainruleWarning, DataError, PluginError, SettingError
from chainrule_data import read_arrow, read_csv, read_parquet, typed_tables

pa = pytest.importorskip("pyarrow", reason="it is of the group more: uv run --group more pytest")
feather, parquet = pytest.importorskip("pyarrow.feather"), pytest.importorskip("pyarrow.parquet")

TABLE = {"width": [0.5, 1, 2, 4], "height": [3, 1, 4, 1], "kind": ["b", "a", "b", "c"]}
READERS = {"parquet": read_parquet, "arrow": read_arrow}


@pytest.fixture(params=READERS)
def form(request):
    return request.param


@pytest.fixture
def read(form, tmp_path):
    """A function that writes columns, and reads them as `target` and further settings say."""

    def read(table, target="kind", /, **settings):
        return READERS[form](save(tmp_path / f"table.{form}", table), target, **settings)

    return read


@pytest.fixture
def refused(read, form, tmp_path):
    """Expect a DataError that begins with the file and goes on with `reason`."""

    def refused(table, reason, target="kind", /, **settings):
        with pytest.raises(DataError) as told:
            read(table, target, **settings)
        assert str(told.value) == f"{tmp_path / f'table.{form}'}{reason}"

    return refused


def save(path, columns, **how):
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    if path.suffix == ".parquet":
        parquet.write_table(table, path, **how)
    else:
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table, **how)
    return path


# What is read


def test_it_is_what_the_same_table_is_as_csv(read, tmp_path):
    lines = [",".join(map(str, row)) for row in [TABLE, *zip(*TABLE.values(), strict=True)]]
    (tmp_path / "table.csv").write_text("\n".join(lines))
    data, same = read(TABLE), read_csv(tmp_path / "table.csv", "kind")
    assert np.array_equal(data.x, same.x)
    assert np.array_equal(data.y, same.y)
    assert data.x.dtype == same.x.dtype == np.float64
    assert (data.classes, data.columns, data.target) == (same.classes, same.columns, same.target)
    assert data.classes == ("a", "b", "c")


@pytest.mark.parametrize(
    "kind", ["int8", "uint16", "int64", "float16", "float32", "float64", "bool", "decimal128(5, 2)"]
)
def test_features_of_every_kind_of_number(read, kind):
    arrow = pa.decimal128(5, 2) if kind.startswith("decimal") else pa.bool_() if kind == "bool" else getattr(pa, kind)()
    values = (
        [Decimal("1.25"), Decimal("0")] if kind.startswith("decimal") else [True, False] if kind == "bool" else [1, 0]
    )
    values = np.array(values, np.float16) if kind == "float16" else values
    data = read({"a": pa.array(values, arrow), "b": [7, 8]}, None)
    assert data.x.tolist() == [[float(values[0]), 7], [0, 8]]
    assert (data.y, data.classes, data.target) == (None, None, None)


@pytest.mark.parametrize(
    "values, classes, y, names",
    [
        (["no", "yes", " no"], False, [0, 1, 0], ("no", "yes")),
        (pa.array(["no", "yes", "no"]).dictionary_encode(), False, [0, 1, 0], ("no", "yes")),
        (pa.array(["no", "yes", "no"], pa.large_string()), False, [0, 1, 0], ("no", "yes")),
        ([True, True, False], False, [1, 1, 0], ("False", "True")),
        ([3, 1, 3], False, [3, 1, 3], None),
        ([3.0, 1.0, 3.0], False, [3, 1, 3], None),
        ([3, 1, 3], True, [1, 0, 1], ("1", "3")),
        ([0.5, 1.5, 0.5], False, [0.5, 1.5, 0.5], None),
        ([Decimal("0.5"), Decimal("1.5"), Decimal("0.5")], False, [0.5, 1.5, 0.5], None),
        (["10", "9", "10"], True, [1, 0, 1], ("9", "10")),
    ],
)
def test_targets_are_read_as_those_of_any_table(read, values, classes, y, names):
    data = read({"a": [1, 2, 3], "kind": values}, classes=classes)
    assert (data.y.tolist(), data.classes) == (y, names)


@pytest.mark.parametrize("target, columns", [(0, ("b", "c")), (-1, ("a", "b")), ("b", ("a", "c"))])
def test_the_target_is_a_name_or_a_position(read, target, columns):
    data = read({"a": [1, 2], "b": [3, 4], "c": [5, 6]}, target)
    assert (data.columns, len(data.y)) == (columns, 2)


def test_columns_come_in_the_order_of_an_earlier_table(read):
    data = read(TABLE, columns=["height", "width"])
    assert data.columns == ("height", "width")
    assert data.x.tolist() == [[3, 0.5], [1, 1], [4, 2], [1, 4]]


def test_a_number_of_columns_is_taken_in_order_with_a_warning(read):
    with pytest.warns(ChainruleWarning, match="its columns are taken in their order"):
        assert read(TABLE, columns=2).columns == ("width", "height")


def test_without_labels_the_target_may_be_there_or_not(read):
    for columns in (TABLE, {name: TABLE[name] for name in ("width", "height")}):
        data = read(columns, columns=["width", "height"], labelled=False)
        assert (data.y, data.x.shape) == (None, (4, 2))
    assert read({"a": [1], "b": [2]}, -1, columns=["a", "b"], labelled=False).x.tolist() == [[1, 2]]
    assert read({"a": [1], "b": [2], "c": [3]}, -1, columns=["a", "b"], labelled=False).x.tolist() == [[1, 2]]


def test_many_parts_are_read_in_order(form, tmp_path, monkeypatch):
    monkeypatch.setattr(typed_tables, "ROWS", 7)
    numbers, words = np.arange(100.0), [f"k{i % 13:02}" for i in range(100)]
    settings = {"row_group_size": 9} if form == "parquet" else {"max_chunksize": 9}
    path = save(tmp_path / f"table.{form}", {"a": numbers, "b": -numbers, "kind": words}, **settings)
    data = READERS[form](path, "kind")
    assert np.array_equal(data.x, np.stack([numbers, -numbers], axis=1))
    assert [data.classes[k] for k in data.y] == words


def test_a_folder_of_files_is_one_table(form, tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    for i, letters in enumerate(("ab", "bc", "ca")):
        save(folder / f"{i}.{form}", {"a": [2 * i, 2 * i + 1], "kind": list(letters)})
    data = READERS[form](folder, "kind")
    assert data.x.tolist() == [[i] for i in range(6)]
    assert data.y.tolist() == [0, 1, 1, 2, 2, 0]


def test_what_pandas_and_feather_write_is_read(tmp_path):
    feather.write_feather(pa.table(TABLE), tmp_path / "table.feather")  # compressed, as it does by default
    data = chainrule.dataset("arrow", path=tmp_path / "table.feather", target="kind", split="none")
    assert data.x.tolist() == [[0.5, 3], [1, 1], [2, 4], [4, 1]]


def test_a_large_table_lies_in_a_temporary_file(read, monkeypatch):
    monkeypatch.setattr(typed_tables, "IN_MEMORY", 10)
    monkeypatch.setattr(typed_tables, "ROWS", 4)
    numbers = np.arange(50.0)
    data = read({"a": numbers, "b": -numbers, "kind": numbers > 20})
    assert isinstance(data.x, np.memmap)
    assert np.array_equal(data.x, np.stack([numbers, -numbers], axis=1))
    assert data.y.tolist() == (numbers > 20).tolist()


def test_memory_is_that_of_a_part(read):
    columns = {f"c{i}": np.arange(200_000.0) for i in range(20)}  # 32 MB
    tracemalloc.start()
    try:
        data = read({**columns, "kind": np.zeros(200_000, np.int8)})
        assert tracemalloc.get_traced_memory()[1] < data.x.nbytes * 0.8
        assert data.x[-1].tolist() == [199_999] * 20
    finally:
        tracemalloc.stop()


def test_the_split_is_that_of_any_data(form, tmp_path):
    path = save(tmp_path / f"table.{form}", {"a": range(20), "kind": ["a", "b"] * 10})
    data = chainrule.dataset(form, path=path, target="kind", test_fraction=0.2)
    assert (len(data.x), sorted(data.y_test.tolist())) == (16, [0, 0, 1, 1])


# What is wrong


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"classes": 1}, "classes: expected true or false, got 1"),
        ({"labelled": "no"}, "labelled: expected true or false, got 'no'"),
        ({"columns": "width"}, "columns: expected a list of names, or their number, got 'width'"),
        ({"columns": [1]}, "columns: expected a list of names, or their number, got [1]"),
        ({"columns": True}, "columns: expected a list of names, or their number, got True"),
    ],
)
def test_wrong_settings_are_told(read, settings, message):
    with pytest.raises(SettingError) as told:
        read(TABLE, **settings)
    assert str(told.value) == message


@pytest.mark.parametrize(
    "target, told",
    [
        ("kinds", ": no column 'kinds'; did you mean 'kind'?"),
        ("z", ": no column 'z'; the columns are width, height, kind"),
        (3, ": target: expected a column from 0 to 2, got 3"),
        (-4, ": target: expected a column from 0 to 2, got -4"),
        (True, ": target: expected a column from 0 to 2, got True"),
        (0.5, ": target: expected a column from 0 to 2, got 0.5"),
    ],
)
def test_a_target_that_is_not_there_is_told(refused, target, told):
    refused(TABLE, told, target)


def test_columns_that_are_others_are_told(refused):
    told = ": no column 'depth'; is it 'height'? the network takes width, depth"
    refused({**TABLE}, told.replace("is it 'height'? ", ""), columns=["width", "depth"])


def test_columns_are_the_features_alone(read):
    assert read(TABLE, columns=["width"]).x.tolist() == [[0.5], [1], [2], [4]]


def test_a_column_twice_is_told(refused):
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2]), pa.array([0])], ["a", "a", "kind"])
    refused(table, ": more than one column of one name; give each a name of its own")


@pytest.mark.parametrize("values", [["x", "y"], ["x", None]])
def test_words_that_are_not_said_to_be_kinds_are_told(refused, values):
    told = "expected numbers, booleans, dates or categories, got string"
    hint = 'categories = ["b"] takes its words for kinds, drop = ["b"] leaves the column out'
    refused({"a": [1, 2], "b": values}, f", column 'b': {told}; {hint}", None)


def test_what_is_no_value_is_told(refused, form):
    kind = "list<element: int64>" if form == "parquet" else "list<item: int64>"
    told = f"expected numbers, words, booleans or dates, got {kind}"
    refused({"a": [1, 2], "b": [[1], [2]]}, f", column 'b': {told}; drop = [\"b\"] leaves the column out", None)


@pytest.mark.parametrize("value, got", [(None, "none"), (np.nan, "none"), (np.inf, "inf")])
def test_a_value_that_is_missing_is_told_with_its_row(refused, monkeypatch, value, got):
    monkeypatch.setattr(typed_tables, "ROWS", 2)
    values = pa.array([1, 2, 3, value], pa.float64())
    hint = 'the value is missing: fill it in, or drop the row; missing = "mean" fills in the mean of the training part'
    hint += ', missing = "drop" leaves such rows out of it'
    told = f", row 3, column 'b': expected a finite number, got {got}" + f"; {hint}" * (got == "none")
    refused({"a": [1, 2, 3, 4], "b": values}, told, None)


def test_a_target_that_is_missing_is_told_with_its_row(refused):
    told = ": expected a value in every row, got none; the value is missing: fill it in, or drop the row"
    refused({"a": [1, 2], "kind": ["x", None]}, f", column 'kind', row 1: the target{told}")
    refused({"a": [1, 2], "kind": [None, 2]}, f", column 'kind', row 0: the target{told}")


def test_a_target_of_another_kind_is_told(refused):
    dates = pa.array([0, 1], pa.date32())
    refused(
        {"a": [1, 2], "kind": dates},
        ", column 'kind': the target: expected numbers, booleans or words, got date32[day]",
    )
    mend = "mend the cell; or, if these are names of classes, set classes = true"
    told = f", column 'kind', row 1: the target: expected finite numbers or class names, not both, got 'x'; {mend}"
    refused({"a": [1, 2], "kind": ["1", "x"]}, told)


def test_a_table_of_nothing_is_told(refused):
    refused({"kind": [1]}, ": expected a feature beside the target, got one column")
    refused({}, ": expected a feature beside the target, got none", None)
    refused({"a": pa.array([], pa.int64()), "kind": pa.array([], pa.int64())}, ": expected at least one row, got none")


def test_a_damaged_file_is_told(form, tmp_path):
    path = save(tmp_path / f"table.{form}", TABLE)
    whole = path.read_bytes()
    for content in (b"", b"no table", whole[:40], whole[:-20], whole[:-30] + b"\0" * 30):
        path.write_bytes(content)
        with pytest.raises(DataError, match=re.escape(str(path)) + ": cannot be read: .*; it may be damaged"):
            READERS[form](path, "kind")


def test_a_file_that_is_not_there_is_told(form, tmp_path):
    with pytest.raises(DataError, match=r": no such file; a path in a recipe is relative to the recipe$"):
        READERS[form](tmp_path / f"gone.{form}", "kind")


def test_without_pyarrow_what_brings_it_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(PluginError) as told:
        read_parquet(tmp_path / "table.parquet", "kind")
    assert str(told.value) == "pyarrow, which reads Parquet and Arrow, is not installed; pip install pyarrow"

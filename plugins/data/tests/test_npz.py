import io
import os
import re
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

import chainrule
from chainrule import DataError, SettingError
from chainrule_data import read_csv, read_npz

X = np.array([[0.5, -1, 2], [3, 4.25, 5], [6, 7, -8], [9, 1, 0.125]])
Y = np.array([0, 1, 0, 2])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "arrays.npz"


@pytest.fixture(params=[np.savez, np.savez_compressed])
def save(request):
    return request.param


def member(shape="(2,)", descr="'<f8'", data=b""):
    """The bytes of an array's file whose header says what it likes."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def zipped(path, content, compression=zipfile.ZIP_STORED):
    """Write a file whose array x is `content`; return its path."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("x.npy", content)
    return path


def refused(path, reason, **keys):
    """Expect a DataError that begins with the file and goes on with `reason`, a pattern."""
    with pytest.raises(DataError, match=re.escape(str(path)) + reason):
        read_npz(path, **keys)


# What is read


def test_a_validation_part_may_have_keys_of_its_own(path, save):
    save(path, x=X, y=["b", "a", "b", "c"], held=X[:2], held_y=["c", "a"])
    data = chainrule.dataset("npz", path=path, x_validation="held", y_validation="held_y", split="none")
    np.testing.assert_array_equal(data.x_validation, X[:2])
    assert (data.y.tolist(), data.y_validation.tolist()) == ([1, 0, 1, 2], [2, 0])


def test_a_validation_part_by_name_has_as_many_keys_as_training(path, save):
    save(path, a=X, b=X, y=Y, c=X[:2], d=X[:2], t=Y[:2])
    data = read_npz(path, x=["a", "b"], x_validation=["c", "d"], y_validation="t")
    assert [*data.x_validation.arrays] == ["a", "b"]
    message = "^x_validation: expected as many keys as x has, for a, b, in this order, got 'c'"
    with pytest.raises(SettingError, match=message):
        read_npz(path, x=["a", "b"], x_validation="c", y_validation="t")
    with pytest.raises(DataError, match="both x_validation and y_validation, or neither, got one of them"):
        read_npz(path, x="a", x_validation="c")
    refused(path, ": no array 'z'", x="a", x_validation="z", y_validation="t")


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", ">f4", ">i2"])
def test_arrays_come_back_as_they_were_saved(path, save, order, dtype):
    x = np.abs(X).reshape(4, 3, 1).repeat(2, axis=2).astype(dtype, order=order)
    save(path, x=x, y=Y)
    data = read_npz(path)
    assert np.array_equal(data.x, x)
    assert data.x.dtype == x.dtype
    assert data.y.tolist() == Y.tolist()
    assert data.x_test is None
    assert data.y_test is None


def test_keys_say_which_arrays_are_which(path, save):
    save(path, a=X, b=Y, c=X[:2] + 1, d=Y[:2])
    data = read_npz(path, x="a", y="b", x_test="c", y_test="d")
    assert np.array_equal(data.x, X)
    assert np.array_equal(data.x_test, X[:2] + 1)
    assert data.y_test.tolist() == [0, 1]


def test_the_test_part_of_the_file_is_the_test_part_of_the_data_set(path):
    np.savez(path, x=X, y=Y, u=X[:1], v=Y[:1])
    data = chainrule.dataset("npz", path=path, x_test="u", y_test="v")
    assert (data.x.shape, data.x_test.shape) == ((4, 3), (1, 3))


# Labels, read as those of a table: what is expected is what csv makes of the same cells

LABELS = {
    "floats of whole numbers": np.array([1.0, 3.0, 2.0, 1.0]),
    "a column": np.array([[1], [3], [2], [1]]),
    "a column of floats": np.array([[1.0], [3.0], [2.0], [1.0]], np.float32),
    "booleans": np.array([True, False, False, True]),
    "a column of booleans": np.array([[True], [True], [False], [True]]),
    "words": np.array(["setosa", "iris ", "aster", "setosa"]),
    "bytes": np.array([b"b", b"a", b"b", b"c"]),
    "numbers as words": np.array(["10", "9", "1", "9"]),
    "integers": np.array([10, 9, 1, 9], ">i2"),
    "fractions": np.array([0.5, 1.0, 2.0, 0.5]),
}


@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("name", LABELS)
def test_labels_are_read_as_csv_reads_them(path, tmp_path, name, classes):
    labels = LABELS[name]
    np.savez(path, x=X, y=labels)
    cells = [cell.decode() if isinstance(cell, bytes) else str(cell) for cell in labels.reshape(-1).tolist()]
    if labels.dtype.kind == "f" and name != "fractions":
        cells = [cell.removesuffix(".0") for cell in cells]  # as a name of a class, 1.0 is the number 1
    table = tmp_path / "table.csv"
    table.write_text("a,y\n" + "".join(f"1,{cell}\n" for cell in cells))
    expected = read_csv(table, "y", classes=classes)
    data = read_npz(path, classes=classes)
    assert (data.y.tolist(), data.classes) == (expected.y.tolist(), expected.classes)
    assert data.y.dtype.kind == expected.y.dtype.kind


def test_words_are_classes_in_alphabetical_order(path):
    np.savez(path, x=X, y=np.array(["b", "c", "a", "b"]))
    data = read_npz(path)
    assert (data.y.tolist(), data.classes) == ([1, 2, 0, 1], ("a", "b", "c"))


def test_one_boolean_alone_keeps_its_number(path):
    np.savez(path, x=X, y=np.ones(4, bool))
    data = read_npz(path)
    assert (data.y.tolist(), data.classes) == ([1, 1, 1, 1], ("False", "True"))


def test_both_parts_have_the_same_numbers_of_classes(path):
    np.savez(path, x=X, y=np.array(["b", "d", "b", "d"]), u=X[:3], v=np.array([["c"], ["b"], ["d"]]))
    data = read_npz(path, x_test="u", y_test="v")
    assert data.classes == ("b", "c", "d")
    assert (data.y.tolist(), data.y_test.tolist()) == ([0, 2, 0, 2], [1, 0, 2])


@pytest.mark.parametrize("targets", [np.eye(4)[:, :3], X, np.array([[0.5], [1.5], [2], [3]]), np.array([0.5, 1, 2, 3])])
def test_targets_that_are_no_labels_stay(path, targets):
    np.savez(path, x=X, y=targets)
    data = read_npz(path)
    assert data.y.dtype == targets.dtype
    np.testing.assert_array_equal(data.y, targets)
    assert data.classes is None


@pytest.mark.parametrize(
    ("labels", "classes", "reason"),
    [
        (
            np.array(["a", "?", "b", "a"]),
            False,
            r", 'y', row 1: the target: expected a value in every row, got '\?'; the",
        ),
        (
            np.array(["a", "b", "", "a"]),
            False,
            r", 'y', row 2: the target: .*, got an empty cell; the value is missing",
        ),
        (np.array(["1", "2", "NA", "1"]), True, r", 'y', row 2: the target: .*, got 'NA'; the value is missing: fill"),
        (np.array([1, 2, np.nan, 1]), True, r", 'y', row 2: the target: expected a value in every row, got 'nan'; the"),
        (np.array([1, 2, np.nan, 1]), False, r": y, row 2: expected a finite number, got nan"),
        (np.array(["1", "2", "x", "1"]), False, r", 'y', row 2: the target: .*not both, got 'x'; .*classes = true"),
        (np.array([["a", "b"]] * 4), False, r", 'y': expected one label for each sample, got <U1 \(4, 2\)"),
        (np.eye(4), True, r", 'y': expected one label for each sample, got float64 \(4, 4\)"),
    ],
)
def test_labels_that_are_missing_or_not_one_a_sample_are_told_with_their_place(path, labels, classes, reason):
    np.savez(path, x=X, y=labels)
    refused(path, reason, classes=classes)


def test_a_setting_of_classes_that_is_no_bool_is_refused(path):
    np.savez(path, x=X, y=Y)
    with pytest.raises(SettingError, match="classes: expected true or false, got 'yes'"):
        read_npz(path, classes="yes")


# What is refused: the file


def test_a_missing_file_is_told(path):
    refused(path, ": no such file")


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"PK\x03\x04"])
def test_a_file_that_is_no_zip_is_told(path, content):
    path.write_bytes(content)
    refused(path, ": cannot be read: BadZipFile")


def test_a_single_array_file_is_told_to_be_no_npz(path):
    with path.open("wb") as file:
        np.save(file, X)
    refused(path, ": cannot be read: BadZipFile: File is not a zip file")


def test_a_missing_key_gets_the_keys_of_the_file(path):
    np.savez(path, x=X, labels=Y)
    refused(path, ": no array 'y'; the file has x, labels")


def test_a_file_cut_anywhere_is_refused(path, save):
    save(path, x=X, y=Y)
    content = path.read_bytes()
    for size in range(0, len(content), 7):
        path.write_bytes(content[:size])
        refused(path, "")


def test_a_flipped_bit_is_refused_or_changes_nothing(path, save):
    save(path, x=X, y=Y)
    content = path.read_bytes()
    for place in range(0, len(content), 3):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            data = read_npz(path)
        except DataError:
            continue
        assert np.array_equal(data.x, X), place
        assert data.y.tolist() == Y.tolist(), place


def test_a_flipped_bit_of_a_number_is_told_by_its_checksum(path):
    np.savez(path, x=X, y=Y)
    content = path.read_bytes()
    path.write_bytes(content.replace(np.float64(4.25).tobytes(), np.float64(4.5).tobytes()))
    refused(path, ": cannot be read: BadZipFile: Bad CRC-32 for file 'x.npy'")


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_stream_is_refused_whatever_compressed_it(path, compression):
    buffer = io.BytesIO()
    np.save(buffer, np.arange(500.0))
    content = bytearray(zipped(path, buffer.getvalue(), compression).read_bytes())
    content[80:90] = bytes(10)
    path.write_bytes(content)
    refused(path, "", y="x")


def test_an_encrypted_member_is_refused(path):
    np.savez(path, x=X, y=Y)
    content = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + flags] |= 1
    path.write_bytes(content)
    refused(path, ": cannot be read: RuntimeError: .*encrypted")


# What is refused: a header


def test_a_header_that_promises_a_million_million_numbers_reserves_no_memory(path):
    zipped(path, member(shape="(1000000000000,)", data=bytes(16)))
    tracemalloc.start()
    try:
        refused(path, r", array x\.npy, byte \d+: expected the 8,000,000,000,000 bytes declared, got 16", y="x")
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()


def test_a_header_of_an_absurd_length_is_not_read(path):
    zipped(path, b"\x93NUMPY\x02\x00" + struct.pack("<I", 1 << 31) + b"{")
    refused(path, r", array x\.npy, byte 8: expected a header of at most 65536 bytes, got 2147483648", y="x")


def test_more_numbers_than_declared_are_refused(path):
    zipped(path, member(shape="(2,)", data=bytes(24)))
    refused(path, r", array x\.npy, byte \d+: expected the 16 bytes declared, got 24", y="x")


@pytest.mark.parametrize("content", [b"", b"\x93NUMP", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"])
def test_a_member_that_is_no_array_is_told(path, content):
    zipped(path, content)
    refused(path, r", array x\.npy, byte 0: expected NumPy's magic string, got b'", y="x")


def test_a_member_of_another_name_than_numpys_is_refused(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x", member(data=bytes(16)))
    refused(path, ".*x.npy", y="x")


@pytest.mark.parametrize(
    "content",
    [
        member(shape="(2"),
        member(shape="(-1, -2)", data=bytes(16)),
        member(shape=f"(0, {10**30})"),
        member(shape=f"({10**30},)", descr="'<U0'"),
        member(shape=str((1,) * 100), data=bytes(8)),
        member(shape="{[]: 1}"),
        member(shape="-" * 9000 + "1"),
        member(descr="()"),
        member(descr="['a', 3]"),
        member(descr="'nonsense'"),
    ],
    ids=[
        "unfinished",
        "negative",
        "zero times huge",
        "huge times zero",
        "a hundred axes",
        "no dict",
        "deeply nested",
        "empty dtype",
        "half a dtype",
        "unknown dtype",
    ],
)
def test_a_forged_header_is_refused(path, content):
    zipped(path, content)
    refused(path, "", y="x")


# What is refused: an array


class Trap:
    """Unpickling it makes a folder."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def test_pickled_objects_are_refused_without_unpickling_them(path, save, tmp_path):
    folder = tmp_path / "sprung"
    save(path, x=np.array([Trap(folder), Trap(folder)], object), y=Y[:2])
    refused(
        path,
        r", array x\.npy: expected numbers or text, got pickled objects; pickles are never read: words are kept as an",
    )
    assert not folder.exists()

    with np.load(path, allow_pickle=True) as arrays, pytest.raises(FileExistsError):
        _ = arrays["x"]
    assert folder.exists(), "the trap works where it is unpickled"


@pytest.mark.parametrize(
    ("array", "kind"),
    [
        (np.ones(4, np.complex64), "complex64 (4,)"),
        (np.zeros(4, "datetime64[s]"), "datetime64[s] (4,)"),
        (np.zeros(4, [("a", "f4")]), "[('a', '<f4')] (4,)"),
        (np.array(1.5), "float64 ()"),
    ],
    ids=lambda value: None if isinstance(value, str) else value.dtype.name,
)
def test_an_array_of_anything_but_real_numbers_is_refused(path, array, kind):
    np.savez(path, x=X, y=array)
    refused(path, re.escape(f", 'y': expected an array of real numbers, or of words, got {kind}"))
    np.savez(path, x=array, y=Y)
    refused(path, re.escape(f", 'x': expected an array of real numbers, got {kind}"))


def test_samples_of_words_are_refused(path):
    np.savez(path, x=np.array([["a"], ["b"]]), y=Y[:2])
    refused(path, r", 'x': expected an array of real numbers, got <U1 \(2, 1\)")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_number_that_is_not_finite_is_told_with_row_and_column(path, value):
    x = X.copy()
    x[2, 1] = value
    np.savez(path, x=x, y=Y)
    with pytest.raises(DataError, match=f"x, row 2, column 1: expected a finite number, got {value}"):
        read_npz(path)


def test_unequal_numbers_of_samples_and_targets_are_told(path):
    np.savez(path, x=X, y=Y[:3])
    with pytest.raises(DataError, match="x: expected as many samples as targets, got 4 and 3"):
        read_npz(path)


def test_an_array_without_samples_is_refused(path):
    np.savez(path, x=X[:0], y=Y[:0])
    with pytest.raises(DataError, match="x: expected at least one sample, got none"):
        read_npz(path)


def test_half_a_test_part_is_refused(path):
    np.savez(path, x=X, y=Y)
    with pytest.raises(DataError, match="expected both x_test and y_test, or neither"):
        read_npz(path, x_test="x")


def test_a_test_part_of_another_shape_is_refused(path):
    np.savez(path, x=X, y=Y, u=X[:, :2], v=Y)
    with pytest.raises(DataError, match=r"x_test: expected samples of \(3,\), as in x, got \(2,\)"):
        chainrule.dataset("npz", path=path, x_test="u", y_test="v", shape=[3, 1])


def test_a_nan_names_the_file_with_row_and_column(tmp_path):
    x = np.ones((3, 2))
    x[1, 1] = np.nan
    np.savez(tmp_path / "gap.npz", x=x, y=np.arange(3))
    with pytest.raises(DataError, match=r"gap\.npz: x, row 1, column 1: expected a finite number, got nan"):
        read_npz(tmp_path / "gap.npz")


# Several arrays by name

PAIRS = {"left": X, "right": np.arange(8, dtype=np.uint8).reshape(4, 2), "there": np.ones((4, 3), bool), "y": Y}


def test_keys_in_a_list_are_arrays_by_name(path, save):
    save(path, **PAIRS)
    data = read_npz(path, x=["left", "right", "there"])
    assert data.input_shape == {"left": (3,), "right": (2,), "there": (3,)}
    for name in data.input_shape:
        np.testing.assert_array_equal(data.x[name], PAIRS[name])
        assert data.x[name].dtype == PAIRS[name].dtype
    assert data.y.tolist() == Y.tolist()
    alone = read_npz(path, x=["left"])
    np.testing.assert_array_equal(alone.x, X)


def test_a_test_part_has_the_names_of_the_training_part(path):
    np.savez(path, **PAIRS, a=X[:1] + 1, b=PAIRS["right"][:1], v=Y[:1])
    data = chainrule.dataset("npz", path=path, x=["left", "right"], x_test=["a", "b"], y_test="v")
    assert (len(data.x), len(data.x_test)) == (4, 1)
    assert [*data.x_test.arrays] == ["left", "right"]
    np.testing.assert_array_equal(data.x_test["left"], X[:1] + 1)


@pytest.mark.parametrize("split", [None, "stratified", "random", "ordered"])
def test_arrays_by_name_are_split_by_the_same_rows(path, split):
    left = np.arange(40.0).reshape(20, 2)
    np.savez(path, left=left, right=left[:, :1] + 100, y=np.arange(20) % 2)
    data = chainrule.dataset("npz", path=path, x=["left", "right"], split=split)
    assert (len(data.x), len(data.x_test)) == (16, 4)
    for part in (data.x, data.x_test):
        np.testing.assert_array_equal(part["left"][:, :1] + 100, part["right"])
    np.testing.assert_array_equal(data.x["left"][:, 0] // 2 % 2, data.y)
    whole = chainrule.dataset("npz", path=path, x=["left", "right"], split="none")
    assert (len(whole.x), whole.x_test) == (20, None)


def test_targets_may_have_names_too(path):
    np.savez(path, x=X, kind=np.array([[1.0], [0], [1], [2]]), size=X[:, :1], t=Y[:1], u=X[:1, :1], v=X[:1])
    data = read_npz(path, y=["kind", "size"], x_test="v", y_test=["t", "u"])
    assert (data.y["kind"].tolist(), data.y["kind"].dtype) == ([1, 0, 1, 2], np.int64)
    np.testing.assert_array_equal(data.y["size"], X[:, :1])
    assert [*data.y_test.arrays] == ["kind", "size"]
    assert data.classes is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"x": []}, r"^x: expected the key of an array, or a list of keys that differ, got \[\]"),
        ({"x": None}, r"^x: expected the key of an array, or a list"),
        ({"x": ["left", 3]}, r"^x: expected the key of an array, .* got \['left', 3\]"),
        ({"x": ["left", "left"]}, r"^x: expected .* a list of keys that differ, got \['left', 'left'\]"),
        ({"y": {"a": "y"}}, r"^y: expected the key of an array"),
        (
            {"x": ["left", "right"], "x_test": "left"},
            r"^x_test: expected as many keys as x has, for left, right, in this order, got 'left'",
        ),
        ({"x_test": ["left", "right"], "x": "left"}, r"^x_test: expected as many keys as x has, for left, in this"),
        ({"y": ["y", "left"], "classes": True}, r"^classes: expected false, as targets by name have no names of"),
    ],
)
def test_keys_that_cannot_be(path, settings, message):
    np.savez(path, **PAIRS)
    with pytest.raises(SettingError, match=message):
        read_npz(path, **settings)


def test_what_is_wrong_with_arrays_by_name_is_told_with_their_names(path):
    np.savez(path, **PAIRS, short=X[:3], gap=np.where(X == 5, np.nan, X), words=np.array(["a", "b", "a", "c"]))
    refused(path, ": no array 'middle'; the file has left, right, there, y, short, gap, words", x=["left", "middle"])
    refused(path, r": x: expected arrays of the same samples by name, got {'left': 4, 'short': 3}", x=["left", "short"])
    refused(path, r": x 'gap', row 1, column 2: expected a finite number, got nan", x=["left", "gap"])
    refused(path, r", 'words': expected an array of real numbers, got <U1 \(4,\)", x=["left", "words"])
    refused(path, r", 'words': expected an array of real numbers, got <U1 \(4,\)", x="left", y=["y", "words"])
    refused(path, r": y: expected arrays of the same samples by name", x="left", y=["y", "short"])
    for name, value in (("scale", 0.5), ("shape", [6])):
        with pytest.raises(SettingError, match=f"^{name}: expected none: x are several arrays by name, got"):
            chainrule.dataset("npz", path=path, x=["left", "right"], **{name: value})

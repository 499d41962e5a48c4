import gzip
import math
import re
import struct
import tracemalloc

import numpy as np
import pytest

from chainrule import DataError, SettingError
from chainrule_data import read_idx
from chainrule_data.idx_reader import read_array

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}
PICTURES = np.arange(24).reshape(4, 3, 2)
LABELS = np.array([2, 0, 1, 2])


def header(code, *shape):
    return bytes([0, 0, code, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)


def idx(array, kind="u1"):
    return header(CODES[kind], *array.shape) + array.astype(">" + kind).tobytes()


@pytest.fixture(params=[False, True], ids=["plain", "gzipped"])
def write(request, tmp_path):
    """A function that writes bytes, gzipped or not, and returns the path."""

    def write(content, name="file"):
        path = tmp_path / name
        path.write_bytes(gzip.compress(content) if request.param else content)
        return path

    return write


@pytest.fixture
def plain(tmp_path):
    """A function that writes bytes as they are, and returns the path."""

    def write(content, name="file"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


def refused(path, reason):
    """Expect a DataError that begins with the file and goes on with `reason`, a pattern."""
    with pytest.raises(DataError, match=re.escape(str(path)) + reason):
        read_array(path)


# What is read


@pytest.mark.parametrize("kind", CODES)
def test_each_type_is_read(write, kind):
    array = PICTURES if kind == "u1" else PICTURES - 11.5 if kind in ("f4", "f8") else 11 - PICTURES
    came = read_array(write(idx(array, kind)))
    assert np.array_equal(came, array)
    assert came.dtype.newbyteorder("=") == kind


@pytest.mark.parametrize("shape", [(24,), (4, 6), (2, 3, 2, 2)])
def test_any_number_of_axes_is_read(write, shape):
    assert np.array_equal(read_array(write(idx(PICTURES.reshape(shape)))), PICTURES.reshape(shape))


def test_pictures_become_channels_last_and_labels_integers(write):
    data = read_idx(write(idx(PICTURES), "images"), write(idx(LABELS), "labels"))
    assert data.x.shape == (4, 3, 2, 1)
    assert np.array_equal(data.x[..., 0], PICTURES)
    assert data.y.tolist() == LABELS.tolist()
    assert data.y.dtype == np.int64
    assert data.x_test is None


def test_a_test_part_is_read(write):
    files = [write(idx(a), n) for n, a in (("a", PICTURES), ("b", LABELS), ("c", PICTURES[:1] + 9), ("d", LABELS[:1]))]
    data = read_idx(*files)
    assert np.array_equal(data.x_test[..., 0], PICTURES[:1] + 9)
    assert data.y_test.tolist() == [2]


def test_a_plain_file_stays_on_disk(plain):
    x = read_idx(plain(idx(PICTURES), "images"), plain(idx(LABELS), "labels")).x
    assert isinstance(x.base, np.memmap)
    assert not x.flags.writeable


def test_zeros_after_a_gzipped_file_mean_nothing(plain):
    assert np.array_equal(read_array(plain(gzip.compress(idx(PICTURES)) + bytes(16))), PICTURES)


# What is refused: the file


def test_a_missing_file_is_told(tmp_path):
    refused(tmp_path / "nope", ": no such file")


@pytest.mark.parametrize("content", [b"", b"\0\0", b"\x89PNG\r\n", b"\0\0\x07\x01\0\0\0\x01a", b"\0\0\x08\0a"])
def test_a_bad_magic_number_is_told_with_its_byte(write, content):
    refused(write(content), ", byte 0: expected the four bytes of an IDX header, got b'")


def test_a_truncated_header_is_told_with_its_byte(write):
    refused(write(idx(PICTURES)[:9]), ", byte 4: expected the sizes of 3 axes, got the end of the file")


@pytest.mark.parametrize("missing", [1, 24])
def test_a_truncated_file_is_told_with_what_is_there(write, missing):
    reason = f", byte 16: expected the 24 bytes that the header declares, got {24 - missing}"
    refused(write(idx(PICTURES)[:-missing]), reason)


def test_a_file_that_is_too_long_is_told(write):
    refused(write(idx(PICTURES) + b"!"), ", byte 16: expected the 24 bytes that the header declares, got more")


def test_a_file_without_items_is_told(write):
    refused(write(header(0x08, 0, 3)), r", byte 4: expected at least one item, got a header that declares \(0, 3\)")


def test_more_axes_than_an_array_can_have_are_refused(write):
    refused(write(header(0x08, *[1] * 255) + b"a"), ", byte ")


@pytest.mark.parametrize("shape", [(10**6, 10**6), (3 * 10**9,), (2**32 - 1,) * 20])
def test_a_header_that_promises_more_than_there_is_reserves_no_memory(write, shape):
    path = write(header(0x08, *shape) + bytes(100))
    tracemalloc.start()
    try:
        refused(path, rf", byte \d+: expected .*{math.prod(shape):,}")
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()


def test_a_gzipped_file_that_inflates_beyond_its_header_is_not_inflated(plain):
    path = plain(gzip.compress(idx(PICTURES) + bytes(200_000_000), compresslevel=1))
    tracemalloc.start()
    try:
        refused(path, ", byte 16: expected the 24 bytes that the header declares, got more")
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()


def test_a_gzipped_file_cut_anywhere_is_refused(plain):
    content = gzip.compress(idx(PICTURES))
    for size in range(2, len(content)):
        refused(plain(content[:size]), ": cannot be read: EOFError: Compressed file ended")


def test_a_damaged_gzipped_file_is_refused_or_changes_nothing(plain):
    content = gzip.compress(idx(PICTURES))
    refusals = 0
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        try:
            came = read_array(plain(damaged))
        except DataError:
            refusals += 1
        else:
            assert np.array_equal(came, PICTURES), place
    assert refusals > len(content) / 2


def test_a_gzipped_file_with_a_wrong_checksum_is_told(plain):
    content = bytearray(gzip.compress(idx(PICTURES)))
    content[-6] ^= 1
    refused(plain(content), ": cannot be read: BadGzipFile: CRC check failed")


# What is refused: the pair


@pytest.mark.parametrize(
    ("labels", "got"), [(idx(LABELS + 0.5, "f4"), r">f4 \(4,\)"), (idx(PICTURES), r"uint8 \(4, 3, 2\)")]
)
def test_labels_that_are_no_list_of_whole_numbers_are_refused(write, labels, got):
    path = write(labels, "labels")
    with pytest.raises(
        DataError, match=re.escape(str(path)) + f": expected one whole number for each picture, got {got}"
    ):
        read_idx(write(idx(PICTURES), "images"), path)


def test_unequal_numbers_of_pictures_and_labels_are_told(write):
    with pytest.raises(DataError, match="expected as many samples as targets, got 4 and 3"):
        read_idx(write(idx(PICTURES), "images"), write(idx(LABELS[:3]), "labels"))


def test_a_validation_part_may_have_files_of_its_own(write):
    files = {"images": write(idx(PICTURES), "images"), "labels": write(idx(LABELS), "labels")}
    own = {"validation_images": write(idx(PICTURES[1:3]), "i"), "validation_labels": write(idx(LABELS[1:3]), "l")}
    found = read_idx(**files, **own)
    np.testing.assert_array_equal(found.x_validation, found.x[1:3])
    assert found.y_validation.tolist() == found.y[1:3].tolist()
    assert found.x_test is None


@pytest.mark.parametrize("part", ["test", "validation"])
@pytest.mark.parametrize("which", ["images", "labels"])
def test_half_a_part_is_refused(write, part, which):
    files = {"images": write(idx(PICTURES), "images"), "labels": write(idx(LABELS), "labels")}
    message = f"idx: expected both {part}_images and {part}_labels, or neither, got one of them"
    with pytest.raises(DataError, match=message):
        read_idx(**files, **{f"{part}_{which}": files["images"]})


def test_a_picture_that_is_not_finite_is_told_with_row_and_column(write):
    pictures = PICTURES.astype(float)
    pictures[2, 1, 0] = np.nan
    images, labels = write(idx(pictures, "f4"), "images"), write(idx(LABELS), "labels")
    with pytest.raises(DataError, match="x, row 2, column 1, 0, 0: expected a finite number, got nan"):
        read_idx(images, labels)


# Labels


@pytest.mark.parametrize("labels", [LABELS + 1, (LABELS + 1)[:, np.newaxis]])
@pytest.mark.parametrize("kind", ["u1", "i4", "f4"])
def test_labels_from_1_are_classes_when_asked(write, labels, kind):
    images, numbers = write(idx(PICTURES), "images"), write(idx(labels, kind), "labels")
    data = read_idx(images, numbers)
    assert (data.y.tolist(), data.y.dtype.kind, data.classes) == ([3, 1, 2, 3], "i", None)
    data = read_idx(images, numbers, classes=True)
    assert (data.y.tolist(), data.classes) == ([2, 0, 1, 2], ("1", "2", "3"))


def test_both_parts_have_the_same_numbers_of_classes(write):
    images, first, other = write(idx(PICTURES), "x"), write(idx(LABELS + 7), "y"), write(idx(LABELS * 0 + 8), "t")
    data = read_idx(images, first, images, other, classes=True)
    assert (data.y.tolist(), data.y_test.tolist(), data.classes) == ([2, 0, 1, 2], [1] * 4, ("7", "8", "9"))


def test_fractions_are_no_labels(write):
    with pytest.raises(DataError, match=r"labels: expected one whole number for each picture, got >f4 \(4,\)"):
        read_idx(write(idx(PICTURES), "images"), write(idx(LABELS + 0.5, "f4"), "labels"))


def test_a_setting_of_classes_that_is_no_bool_is_refused(write):
    path = write(idx(PICTURES))
    with pytest.raises(SettingError, match="classes: expected true or false, got 1"):
        read_idx(path, None, classes=1)

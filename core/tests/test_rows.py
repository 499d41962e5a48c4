"""Rows that are read when they are used: indexed as the array, by whatever the file can."""

import pickle
import tracemalloc

import numpy as np
import pytest

from chainrule import DataError, Dataset
from chainrule.admission import as_array
from chainrule.data import prepare
from chainrule.rows import Rows, indexable, read

SOURCE = np.arange(60.0).reshape(10, 6)
CHOSEN = np.array([9, 7, 5, 3, 1])


class Stored:
    """As h5py's: by a slice that goes forward, a row, or rows in increasing order, each once; `asked` notes them."""

    def __init__(self, array):
        self._array, self.shape, self.dtype, self.asked = array, array.shape, array.dtype, []

    def __getitem__(self, index):
        self.asked.append(index)
        if isinstance(index, slice) and (index.step or 1) < 1:
            raise ValueError(f"Step must be >= 1 (got {index.step})")
        if isinstance(index, np.ndarray) and (index.ndim != 1 or (np.diff(index) <= 0).any() or index.min() < 0):
            raise TypeError("Indexing elements must be in increasing order")
        return self._array[index].copy()

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("it is read whole")


class Masking(Stored):
    """As netCDF4's: what it reads is masked."""

    def __getitem__(self, index):
        return np.ma.masked_equal(super().__getitem__(index), 13.0)


INDICES = [
    2,
    -1,
    np.int64(3),
    np.array(2),
    slice(1, 3),
    slice(None),
    slice(None, None, -2),
    slice(4, 1),
    [4, 0],
    [],
    np.array([3, 3, -1]),
    np.array([[0, 1], [4, 4]]),
    np.array([True, False, False, True, False]),
    np.zeros(5, bool),
    ...,
    (),
    None,
    (..., 0),
    (..., 1, 0),
    (..., None),
    (..., slice(0, 1)),
    (slice(None), 1),
    (slice(1, 4), slice(None), 0),
    (2, 1, 0),
    (2, ..., 0),
    (-1, [1, 0]),
    ([0, 2], [1, 2]),
    ([[0], [2]], [1, 2]),
    (np.array([True, False, True, False, False]), 1),
    (np.array([True, False, True, False, False]), slice(None), 1),
    (slice(1, 4), [0, 2]),
    (slice(None), [[0, 1]], None, 1),
    (slice(None), None, [2, 1]),
    (0, slice(None), [1, 0]),
    (..., [0, 1]),
    np.arange(30).reshape(5, 3, 2) % 4 == 0,
    (np.arange(15).reshape(5, 3) % 2 == 0, 1),
]


@pytest.mark.parametrize("index", INDICES, ids=repr)
@pytest.mark.parametrize("source", [SOURCE, Stored(SOURCE)], ids=["an array", "a file"])
def test_rows_are_indexed_as_the_array_is(source, index):
    array = 2 * SOURCE.reshape(10, 3, 2)[CHOSEN]
    rows = Rows(source, CHOSEN, 2.0, (3, 2))
    np.testing.assert_array_equal(rows[index], array[index], strict=True)
    whole = 2 * SOURCE[:5].reshape(5, 3, 2)
    np.testing.assert_array_equal(Rows(Stored(SOURCE[:5]), None, 2.0, (3, 2))[index], whole[index], strict=True)


@pytest.mark.parametrize("index", [5, -6, [0, 5], (0, 3), np.zeros(4, bool), np.zeros((5, 2), bool), (0, 0, 0, 0)])
@pytest.mark.parametrize("source", [SOURCE[:5], Stored(SOURCE[:5])], ids=["an array", "a file"])
def test_what_is_out_of_bounds_for_the_array_is_so_for_the_rows(source, index):
    with pytest.raises(IndexError):
        SOURCE[:5].reshape(5, 3, 2)[index]
    with pytest.raises(IndexError):
        Rows(source, None, None, (3, 2))[index]


@pytest.mark.parametrize("index", [1, slice(1, 3), [3, 0, 3], (slice(2), 0), ([1, 2], ..., 0), (0, [1, 2])], ids=repr)
def test_only_the_rows_that_are_asked_for_are_read(index):
    source = Stored(SOURCE)
    Rows(source, CHOSEN, 2.0, (3, 2))[index]
    (asked,) = source.asked
    assert 0 < len(SOURCE[asked]) <= 3


def test_rows_are_calculated_with_as_the_array_is():
    array = 2 * SOURCE.reshape(10, 3, 2)[CHOSEN]
    rows = Rows(Stored(SOURCE), CHOSEN, 2.0, (3, 2))
    for came, expected in [
        (rows == 18, array == 18),
        (rows != 18, array != 18),
        (rows > 4, array > 4),
        (1 - rows / 2, 1 - array / 2),
        (rows + rows, array + array),
        (-rows, -array),
        (rows @ np.ones(2), array @ np.ones(2)),
        (np.exp(-rows), np.exp(-array)),
        (np.add.reduce(rows), np.add.reduce(array)),
        (np.mean(rows, axis=(0, 1)), array.mean(axis=(0, 1))),
        (rows.mean(), array.mean()),
        (rows.std(axis=0), array.std(axis=0)),
        (rows.max(), array.max()),
        (rows.astype(int), array.astype(int)),
        (rows.reshape(5, -1), array.reshape(5, -1)),
        (rows.T, array.T),
        (np.concatenate([rows, rows]), np.concatenate([array, array])),
        (list(rows), list(array)),
    ]:
        np.testing.assert_array_equal(came, expected)
    assert (rows.shape, rows.ndim, rows.size, rows.nbytes, len(rows)) == ((5, 3, 2), 3, 30, 240, 5)
    assert rows.tolist() == array.tolist()


def test_nothing_that_is_written_into_rows_is_lost_without_a_word():
    rows = Rows(Stored(SOURCE), CHOSEN)
    with pytest.raises(TypeError):
        rows[0] = 1
    with pytest.raises(TypeError):
        rows += 1
    for change in (lambda: rows.sort(), lambda: rows.fill(0)):
        with pytest.raises(ValueError, match="read-only"):
            change()
    with pytest.raises(AttributeError, match="'Rows' object has no attribute 'means'"):
        rows.means()


def test_rows_tell_their_shape_and_dtype():
    assert repr(Rows(SOURCE, CHOSEN, 2.0, (3, 2))) == "Rows(shape=(5, 3, 2), dtype=float64)"
    assert repr(Rows(Stored(SOURCE.astype(np.uint8)), None, 0.5)) == "Rows(shape=(10, 6), dtype=float32)"


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float16, np.float32, np.float64, ">f8", bool])
@pytest.mark.parametrize("scale", [None, 0.5])
def test_the_dtype_is_that_of_what_is_read(dtype, scale):
    for source in (np.ones((3, 2), dtype), Stored(np.ones((3, 2), dtype))):
        rows = Rows(source, None, scale)
        assert rows.dtype == rows[:].dtype == np.asarray(rows).dtype == rows[[0]].dtype


def test_a_source_that_tells_no_dtype_is_asked_for_a_row():
    source = Stored(SOURCE)
    source.dtype = "double"
    assert Rows(source).dtype == np.float64
    assert source.asked == [slice(0, 1, 1)]


def test_rows_become_an_array_of_their_own_when_a_copy_is_wanted():
    rows = Rows(SOURCE)
    assert not np.shares_memory(np.array(rows), SOURCE)
    assert np.asarray(rows, np.float32).dtype == np.float32
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(Rows(SOURCE, CHOSEN, 2.0)))[:], 2 * SOURCE[CHOSEN])


def test_a_file_is_asked_for_rows_in_its_own_order_and_each_once():
    source = Stored(SOURCE)
    np.testing.assert_array_equal(read(source, np.array([7, 2, 7, -1, 2])), SOURCE[[7, 2, 7, 9, 2]])
    assert source.asked[0].tolist() == [2, 7, 9]
    np.testing.assert_array_equal(read(source, np.array([2, 5])), SOURCE[[2, 5]])
    assert source.asked[1].tolist() == [2, 5]


@pytest.mark.parametrize("index", [0, slice(0, 2), [2, 0]])
def test_what_a_library_raises_is_told_as_an_error_of_the_data(index):
    class Broken(Stored):
        def __getitem__(self, index):
            raise OSError("Can't synchronously read data (wrong B-tree signature)")

    message = r"^rows of a Broken: Can't .* \(wrong B-tree signature\); np.asarray\(x\) makes an array of it"
    with pytest.raises(DataError, match=message) as caught:
        Rows(Broken(SOURCE))[index]
    assert isinstance(caught.value.__cause__, OSError)


class Closed(Stored):
    """As h5py's when its file is closed: it tells neither shape nor dtype any more."""

    closed = False
    shape = property(lambda self: self._told(self._array.shape))
    dtype = property(lambda self: self._told(self._array.dtype))

    def __init__(self, array):
        self._array, self.asked = array, []

    def __getitem__(self, index):
        return self._told(super().__getitem__(index))

    def __len__(self):
        return len(self._array)

    def __iter__(self):
        raise AssertionError("it is read row by row")

    def _told(self, answer):
        if self.closed:
            raise KeyError("Unable to synchronously open object")
        return answer


@pytest.mark.parametrize(
    "ask",
    [
        lambda source, rows: rows[:2],
        lambda source, rows: rows[[2, 0]],
        lambda source, rows: len(rows),
        lambda source, rows: rows.nbytes,
        lambda source, rows: rows.mean(),
        lambda source, rows: rows.dtype,
        lambda source, rows: Rows(source),
        lambda source, rows: Dataset(source, None),
        lambda source, rows: as_array("x", source),
        lambda source, rows: prepare(Dataset(rows, None), scale=2.0),
    ],
    ids=["a slice", "rows", "len", "nbytes", "mean", "dtype", "Rows", "Dataset", "as_array", "prepare"],
)
def test_a_file_that_was_closed_is_told_as_an_error_of_the_data(ask):
    source = Closed(SOURCE)
    rows = Rows(source)
    source.closed = True
    message = r"^(rows of a|x|x, a)( Closed)?: 'Unable to .* open object'; (make it NumPy's|np.asarray\(x\) .* open$)"
    with pytest.raises(DataError, match=message) as caught:
        ask(source, rows)
    assert isinstance(caught.value.__cause__, KeyError)


def test_masked_rows_are_refused_when_they_are_read():
    dataset = prepare(Dataset(Masking(SOURCE), np.arange(10) % 2), split="none")
    np.testing.assert_array_equal(dataset.x[:2], SOURCE[:2])
    for ask in (lambda: dataset.x[2], lambda: dataset.x[[0, 2]], lambda: dataset.x[:3], lambda: dataset.x.mean()):
        with pytest.raises(DataError, match=r"expected a value in every place, got a masked one at \(\d, 1\)"):
            ask()


def test_a_stored_set_larger_than_memory_is_split_scaled_and_read_a_batch_at_a_time():
    class Endless:
        """Ten million rows of 8 kB that nobody has."""

        shape, dtype = (10_000_000, 32, 32), np.dtype(np.float64)

        def __getitem__(self, index):
            rows = np.arange(*index.indices(len(self))) if isinstance(index, slice) else index
            return np.broadcast_to(rows[:, None, None], (len(rows), 32, 32)).astype(float)

        def __len__(self):
            return self.shape[0]

    tracemalloc.start()
    try:
        dataset = prepare(Dataset(Endless(), None), scale=0.5, shape=(1024,), split="none")
        batch = dataset.x[[9_999_999, 3, 3]]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert batch[:, 7].tolist() == [9_999_999 / 2, 1.5, 1.5]
    assert peak < 1 << 20
    assert indexable(dataset.x) is dataset.x

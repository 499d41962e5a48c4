"""What is taken for an array, and what a refusal says. Foreign libraries are stood in for by what they do."""

import sys
from array import array
from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pytest

from chainrule import DataError, Dataset, TargetError, numerical_jacobian
from chainrule.admission import as_array, has_rows, real_array
from chainrule.rows import Rows, indexable

MASKED = np.ma.array([[1.0, 2.0], [3.0, np.nan]], mask=[[0, 0], [0, 1]])


class Sparse:
    """As scipy.sparse's: it has a shape and rows, and NumPy makes one object of it."""

    shape, toarray = (2, 2), None

    def __len__(self):
        raise TypeError("sparse array length is ambiguous")

    def __getitem__(self, index):
        return self


class Tensor:
    """As torch's that requires a gradient."""

    shape, requires_grad, __dlpack__, detach = (2, 2), True, None, None

    def __getitem__(self, index):
        return self

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.")


class Narrow(Tensor):
    """As torch's of 16 bits that NumPy does not have."""

    requires_grad = False

    def __array__(self, dtype=None, copy=None):
        raise TypeError("Got unsupported ScalarType BFloat16")


class Archive:
    """As zarr's groups: arrays by name, and no mapping."""

    keys, __len__, __iter__ = None, lambda self: 1, lambda self: iter(["x"])


class Table:
    """As a data frame of polars: rows by position, columns by name, and an array for the asking."""

    shape, columns = (2, 2), ["a", "b"]

    def __getitem__(self, index):
        assert index in self.columns, "rows are read all at once"
        return [1.0, 3.0] if index == "a" else [2.0, 4.0]

    def __array__(self, dtype=None, copy=None):
        return np.array([[1.0, 2.0], [3.0, 4.0]])


class Missing:
    """As pandas' NA."""

    def __repr__(self):
        return "<NA>"


@pytest.mark.parametrize(
    "given, message",
    [
        (None, "^x: expected an array of numbers, got None$"),
        ((i for i in range(3)), r"got a generator; list\(x\) makes a list, and np.stack\(list\(x\)\) an array"),
        (map(abs, [1]), r"got a map; list\(x\) makes a list"),
        ({1: 2}.values(), r"got a dict_values; list\(x\)"),
        ({1, 2}, r"got a set; list\(x\)"),
        (Archive(), r"got a Archive; choose one of its arrays, such as x\['x'\], or join"),
        (Narrow(), "^x: Got unsupported ScalarType BFloat16; make it NumPy's first"),
        (SimpleNamespace(x=1), "got a SimpleNamespace$"),
        ("x.npy", "got a str; the name of a file is no data: read it first"),
        (b"x", "got a bytes; the name of a file"),
        (Sparse(), r"got a Sparse; x.toarray\(\) makes a dense array"),
        (Tensor(), r"^x: Can't call numpy\(\) on Tensor that requires grad.; x.detach\(\).numpy\(\) makes an array"),
        ([[1, 2], [3]], r"^x: .*inhomogeneous.*; give every row the same length"),
        (5, "^x: expected rows of samples, got a single number"),
    ],
    ids=lambda given: type(given).__name__,
)
def test_what_is_no_array_of_rows_is_refused_with_what_makes_one_of_it(given, message):
    with pytest.raises(DataError, match=message):
        indexable(given, "x")


def test_arrays_by_name_are_no_array():
    with pytest.raises(
        DataError, match=r"got a dict; choose one of its arrays, such as x\['a'\], or join columns: np.sta"
    ):
        as_array("x", {"a": [1], "b": [2]})


@pytest.mark.parametrize(
    "given, message",
    [
        (np.array([[1, None]], object), r"got object, with None at \(0, 1\); every entry has to be a number"),
        (np.array([1.0, Missing()], object), "got object, with <NA> at 1; every entry"),
        (np.array([[1, "red"]], object), r"got object, with 'red' at \(0, 1\)"),
        (np.array(["a" * 99, 1], object), "got object, with 'a{39}… at 0;"),
        (np.array([1, 2.5], object), r"got object; x.astype\(float\)"),
        (np.array(["1", "2"]), r"got <U1; for numbers that are written as text, x.astype\(float\)"),
        (np.array([1j]), r"got complex128; take x.real, x.imag or abs\(x\)"),
        (np.array(["2020-01-01"], "M8[D]"), r"got datetime64\[D\]; \(x - x.min\(\)\) / np.timedelta64\(1, 'D'\)"),
        (np.array([timedelta(1)], "m8[s]"), r"got timedelta64\[s\]; x / np.timedelta64\(1, 'D'\)"),
        (np.array([(1, 2.0)], [("a", int), ("b", float)]), r".*; np.stack\(\[x\[name\] for name in x.dtype.names\]"),
    ],
)
def test_another_dtype_is_refused_with_what_makes_numbers_of_it(given, message):
    with pytest.raises(DataError, match="^x: expected real numbers, " + message):
        real_array("x", given)
    with pytest.raises(DataError, match="expected real numbers, " + message):
        Dataset(given, np.zeros(len(given)))


def test_the_hints_are_right():
    dates = np.array(["2020-01-01", "2020-01-03"], "M8[s]")
    assert ((dates - dates.min()) / np.timedelta64(1, "D")).tolist() == [0, 2]
    fields = np.array([(1, 2.0), (3, 4.0)], [("a", int), ("b", float)])
    assert np.stack([fields[name] for name in fields.dtype.names], axis=-1).tolist() == [[1, 2], [3, 4]]
    columns = {"a": [1, 2], "b": [3, 4]}
    assert np.stack(list(columns.values()), axis=1).tolist() == [[1, 3], [2, 4]]


@pytest.mark.parametrize(
    "given, place",
    [
        (MASKED, r"\(1, 1\)"),
        (MASKED[1], "1"),
        ([MASKED[0], MASKED[1]], r"\(1, 1\)"),
        ([[1.0, 2.0], [3.0, np.ma.masked]], r"\(1, 1\)"),
        ([MASKED, MASKED], r"\(0, 1, 1\)"),
        (np.ma.array([1, 2, 3], mask=[0, 1, 1]), "1"),
    ],
)
def test_masked_entries_are_refused_with_their_place(given, place):
    message = rf"^x: expected a value in every place, got a masked one at {place}; drop the rows .* x.filled\(0\)"
    for enter in (as_array, real_array, lambda what, array: indexable(array, what)):
        with pytest.raises(DataError, match=message):
            enter("x", given)
    with pytest.raises(TargetError, match=message):
        as_array("x", given, TargetError)


def test_a_masked_array_without_a_masked_entry_is_its_values():
    for mask in (False, [[False, False], [False, False]]):
        whole = np.ma.array([[1.0, 2.0], [3.0, 4.0]], mask=mask)
        came = as_array("x", whole)
        assert type(came) is np.ndarray
        np.testing.assert_array_equal(came, [[1, 2], [3, 4]])
        assert type(Dataset(whole, [0, 1]).x) is np.ndarray


@pytest.mark.parametrize("part", ["x", "y", "x_test", "y_test"])
def test_a_data_set_takes_no_masked_arrays(part):
    parts = {name: np.ones((2, 2)) for name in ("x", "y", "x_test", "y_test")}
    with pytest.raises(DataError, match=rf"^{part}: expected a value in every place, got a masked one at \(1, 1\)"):
        Dataset(**{**parts, part: MASKED})


def test_numbers_at_which_a_function_is_differentiated_are_not_masked():
    with pytest.raises(DataError, match=r"^at: expected a value in every place, got a masked one at 1"):
        numerical_jacobian(np.sum, np.ma.array([1.0, 2.0], mask=[0, 1]))
    with pytest.raises(DataError, match=r"^the function's value: expected a value in every place, got a masked one at"):
        numerical_jacobian(lambda x: np.ma.masked_less(x, 1.5), [1.0, 2.0])
    assert numerical_jacobian(lambda x: 2 * float(x[0]), [1.0]) == pytest.approx(2)


@pytest.mark.parametrize(
    "given",
    [
        [[1, 2], [3, 4]],
        memoryview(np.array([[1.0, 2.0], [3.0, 4.0]])),
        np.array([[1, 2], [3, 4]]).view(np.matrix),
        Table(),
        np.array([[1, 2], [3, 4]], ">i4"),
    ],
    ids=lambda given: type(given).__name__,
)
def test_what_is_in_memory_becomes_an_array(given):
    came = indexable(given)
    assert type(came) is np.ndarray
    np.testing.assert_array_equal(came, [[1, 2], [3, 4]])
    np.testing.assert_array_equal(came[0], [1, 2])


def test_an_array_is_itself_and_what_is_mapped_stays_so(tmp_path):
    plain, mapped = np.ones((2, 2)), np.memmap(tmp_path / "x", np.float32, "w+", shape=(2, 2))
    assert indexable(plain) is as_array("x", plain) is plain
    assert indexable(mapped) is mapped
    assert np.asarray(indexable(array("d", [1, 2]))).tolist() == [1, 2]


def test_errors_of_memory_are_not_told_as_errors_of_the_data():
    class Huge:
        def __array__(self, dtype=None, copy=None):
            raise MemoryError

    with pytest.raises(MemoryError):
        as_array("x", Huge())


def test_what_is_read_by_rows_is_told_from_what_is_in_memory():
    stored = SimpleNamespace(shape=(2, 2))
    assert not has_rows(stored)  # no rows
    assert not any(map(has_rows, (np.ones(2), np.float32(1), memoryview(b"ab"), Sparse(), Tensor(), Table(), [1], 5)))
    assert has_rows(Rows(np.ones((2, 2))))


def test_numpy_s_masked_arrays_are_not_imported_for_the_check():
    import subprocess

    code = "import sys, chainrule.admission as a; a.as_array('x', [[1.0, 2.0]]); print('numpy.ma' in sys.modules)"
    unused = "import sys, numpy; print('numpy.ma' in sys.modules)"
    came, usual = (subprocess.check_output([sys.executable, "-c", text]) for text in (code, unused))
    assert came == usual

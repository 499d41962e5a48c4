"""What optimizers and hooks keep comes back as it was, to the layout in memory."""

import numpy as np
import pytest

from chainrule import CheckpointError
from chainrule_runs.tensors import TensorFile, dump
from chainrule_runs.tree import pack, unpack


def nested(depth):
    tree = 1.0
    for _ in range(depth):
        tree = [tree]
    return tree


def through_a_file(tree, path):
    arrays = {}
    path.write_bytes(dump(arrays, {"tree": pack(tree, "kept", arrays)}))
    file = TensorFile(path)
    return unpack(file.facts["tree"], file.read())


def assert_alike(came, tree):
    assert type(came) is type(tree)
    if isinstance(tree, np.ndarray):
        assert (came.dtype, came.shape, came.flags.f_contiguous) == (tree.dtype, tree.shape, tree.flags.f_contiguous)
        assert came.tobytes() == tree.tobytes()
        assert came.flags.writeable
    elif isinstance(tree, np.generic):
        assert (came.dtype, came.tobytes()) == (tree.dtype, tree.tobytes())
    elif isinstance(tree, dict):
        assert list(came) == list(tree)
        for key in tree:
            assert_alike(came[key], tree[key])
    elif isinstance(tree, list | tuple):
        assert len(came) == len(tree)
        for entry, own in zip(came, tree, strict=True):
            assert_alike(entry, own)
    else:
        assert repr(came) == repr(tree)


ARRAYS = {
    "vector": np.arange(5, dtype=np.float32),
    "bits": np.array([0x7FC00001, 0xFF800000, 0x80000000, 1], np.uint32).view(np.float32),
    "matrix": np.arange(6.0).reshape(2, 3),
    "Fortran": np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)),
    "zero axes": np.array(7.0),
    "empty": np.zeros(0),
    "an axis of zero": np.zeros((3, 0, 2), np.float32),
    "bool": np.array([[True, False]]),
    "half": np.arange(3, dtype=np.float16),
    **{f"{kind}": np.array([1, 2], kind) for kind in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")},
}


@pytest.mark.parametrize(
    "tree",
    [
        None,
        True,
        -7,
        10**40,
        0.1,
        -0.0,
        float("nan"),
        float("-inf"),
        "",
        "\ud800\0 ü",
        np.float32(0.1),
        np.float64(0.1),
        np.bool_(True),
        np.int64(-1),
        {},
        [],
        (),
        {"": [(), {"a": None}]},
        ARRAYS,
        {"\ud800": np.ones(2), "a\0b": np.ones(1), "../../x": np.ones(1), "__metadata__": np.ones(1)},
        {"a.b": np.ones(2), "a": {"b": np.zeros(3)}, "a.c[0]": np.ones(4), "a.c": [np.zeros(5)]},
        nested(90),
    ],
    ids=lambda tree: repr(tree)[:30],
)
def test_a_tree_comes_back_as_it_was(tree, tmp_path):
    assert_alike(through_a_file(tree, tmp_path / "file"), tree)


def test_a_view_comes_back_with_its_numbers(tmp_path):
    x = np.arange(24.0).reshape(4, 6)
    for view in (x[::2, ::-1], x[:, 2], x.T[1:], np.broadcast_to(x[0], (3, 6))):
        came = through_a_file(view, tmp_path / "file")
        np.testing.assert_array_equal(came, view)
        assert came.flags.writeable


class Own:
    pass


LOOP = []
LOOP.append(LOOP)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"a": [Own()]}, r"kept\.a\[0\] cannot be written to a checkpoint: expected .* got Own; keep no other"),
        ({1: 2.0}, "kept cannot be written .* got dict with a key that is no string"),
        ({"a": {1, 2}}, r"kept\.a cannot .* got set"),
        ({"a": 1j}, r"kept\.a cannot .* got complex"),
        ({"a": b"1"}, r"kept\.a cannot .* got bytes"),
        ({"a": np.ones(2, ">f8")}, r"kept\.a cannot .* got ndarray of >f8"),
        ({"a": np.ones(2, complex)}, r"kept\.a cannot .* got ndarray of complex128"),
        ({"a": np.array([None])}, r"kept\.a cannot .* got ndarray of object"),
        ({"a": np.array(["x"])}, r"kept\.a cannot .* got ndarray of <U1"),
        ({"a": np.ma.masked_array([1.0, 2.0], [True, False])}, r"kept\.a cannot .* got MaskedArray of float64"),
        ({"a": np.longdouble(1)}, r"kept\.a cannot .* got longdouble"),
        (nested(101), r"kept(\[0\])+ cannot be written to a checkpoint: expected at most 100 levels"),
        (nested(100_000), "expected at most 100 levels"),
        (LOOP, "expected at most 100 levels"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_kept_is_named(tree, message):
    with pytest.raises(CheckpointError, match=message):
        pack(tree, "kept", {})


@pytest.mark.parametrize(
    "tree", [10**5000, ["x" * 3_000_000], {"x" * 3_000_000: 1}, [0.1] * 500_000], ids=["digits", "text", "key", "list"]
)
def test_what_could_not_be_read_again_is_not_written(tree):
    with pytest.raises(CheckpointError, match=r"cannot be written to a checkpoint: .*; keep large things in arrays"):
        dump({}, {"kept": pack(tree, "kept", {})})


def test_too_many_arrays_are_not_written():
    arrays = {}
    packed = pack([np.ones(1)] * 60_000, "kept", arrays)
    with pytest.raises(CheckpointError, match="keep large things in arrays"):
        dump(arrays, {"kept": packed})

"""Files that others made: whatever they hold, an error of ours, and no more memory than they take themselves."""

import json
import os
import struct
import tracemalloc

import numpy as np
import pytest
import safetensors.numpy

from chainrule import CheckpointError
from chainrule_runs.tensors import HEADER_LIMIT, KEY, TensorFile, dump

ARRAYS = {"0.W": np.arange(6, dtype=np.float32).reshape(2, 3), "0.b": np.array([1.0, -0.0]), "n": np.array(7)}
FACTS = {"format": 1, "classes": ["ü", "\ud800"], "scale": 0.1}


def forge(header, content=b"", size=None):
    """Return a file of a header and what follows it; `size` is what it says of its header."""
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(header) if size is None else size) + header + content


def entry(dtype="F32", shape=(1,), offsets=(0, 4)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def metadata(text="0 {}"):
    return {"__metadata__": {KEY: text}}


def load(path):
    return TensorFile(path).read()


def test_what_is_written_is_read_by_us_and_by_safetensors_alone(tmp_path):
    (tmp_path / "file").write_bytes(dump(ARRAYS, FACTS))
    file = TensorFile(tmp_path / "file")
    assert file.facts == FACTS
    assert file.declared == {name: (array.dtype, array.shape) for name, array in ARRAYS.items()}
    for found in (file.read(), safetensors.numpy.load_file(tmp_path / "file")):
        assert {name: array.tobytes() for name, array in found.items()} == {
            name: array.tobytes() for name, array in ARRAYS.items()
        }
    assert dump(dict(reversed(ARRAYS.items())), FACTS) == dump(ARRAYS, FACTS)


def test_no_arrays_are_a_file_too(tmp_path):
    (tmp_path / "file").write_bytes(dump({}, FACTS))
    assert load(tmp_path / "file") == {}


MANY = {f"{i:x}": entry("U8", (1,), (i, i + 1)) for i in range(10**5)}
HEADERS = {
    "nothing": b"",
    "seven bytes": b"\1\0\0\0\0\0\0",
    "a header of 0 bytes": forge(b"", size=0),
    "a header of 2^63 bytes": forge(b"{}", size=2**63),
    "a header of 2^64 - 1 bytes": forge(b"{}", size=2**64 - 1),
    "a header beyond the file": forge(b"{}", size=3),
    "a header beyond the limit": forge(b"{" + b" " * HEADER_LIMIT + b"}"),
    "no JSON": forge(b"\x80{}"),
    "a list": forge([]),
    "an unfinished object": forge(b'{"a":{'),
    "nested deeply": forge(b'{"a":' * 100_000),
    "lists nested deeply": forge(b"[" * 1_000_000),
    "no metadata": forge({"a": entry()}, b"1234"),
    "metadata of numbers": forge({"__metadata__": {KEY: 1}}),
    "metadata without our key": forge({"__metadata__": {"format": "pt"}}),
    "metadata without facts": forge(metadata("0")),
    "metadata twice": forge(b'{"__metadata__":{"chainrule":"0 {}"},"__metadata__":{"chainrule":"0 {}"}}'),
    "facts of no JSON": forge(metadata("0 {")),
    "facts that are a list": forge(metadata("0 []")),
    "facts nested deeply": forge(metadata("0 " + "[" * 100_000)),
    "facts with an int of 5,000 digits": forge(metadata('0 {"a": 1' + "0" * 5000 + "}")),
    "another checksum": forge(metadata("0 {}")),
    "a shape that declares 2^60 bytes": forge({**metadata(), "a": entry("U8", (2**60,), (0, 2**60))}),
    "a shape that is larger than its bytes": forge({**metadata(), "a": entry("F32", (2**60,))}, b"1234"),
    "a shape whose product overflows": forge({**metadata(), "a": entry("F32", (2**32, 2**32, 2))}, b"1234"),
    "a shape whose product overflows to its size": forge({**metadata(), "a": entry("U8", (2**63, 2), (0, 0))}),
    "an axis of 2^63 beside one of 0": forge({**metadata(), "a": entry("F32", (2**63, 0), (0, 0))}),
    "an axis of 2^64": forge({**metadata(), "a": entry("F32", (2**64,))}, b"1234"),
    "a hundred axes": forge({**metadata(), "a": entry("F32", (1,) * 100)}, b"1234"),
    "a negative axis": forge({**metadata(), "a": entry("F32", (-1,))}, b"1234"),
    "a fractional axis": forge({**metadata(), "a": entry("F32", (1.5,))}, b"1234"),
    "overlapping offsets": forge({**metadata(), "a": entry(), "b": entry(offsets=(2, 6))}, b"123456"),
    "equal offsets": forge({**metadata(), "a": entry(), "b": entry()}, b"1234"),
    "reversed offsets": forge({**metadata(), "a": entry(offsets=(4, 0))}, b"1234"),
    "reversed offsets of a long name": forge({**metadata(), "x" * 10**6: entry(offsets=(4, 0))}, b"1234"),
    "negative offsets": forge({**metadata(), "a": entry(offsets=(-4, 0))}, b"1234"),
    "offsets with a gap": forge({**metadata(), "a": entry(), "b": entry(offsets=(8, 12))}, b"1234    5678"),
    "offsets beyond the file": forge({**metadata(), "a": entry(offsets=(4, 8))}, b"1234"),
    "bytes after the last array": forge({**metadata(), "a": entry()}, b"12345"),
    "a byte too few": forge({**metadata(), "a": entry()}, b"123"),
    **{
        f"dtype {dtype}": forge({**metadata(), "a": entry(dtype, (8,), (0, size))}, bytes(size))
        for dtype, size in {"BF16": 16, "C64": 64, "F8_E4M3": 8, "F4": 4, "U128": 128, "f32": 32, "O": 64}.items()
    },
    "a dtype that is a number": forge({**metadata(), "a": entry(4)}, b"1234"),
    "a key twice": forge(
        b'{"__metadata__":{"chainrule":"0 {}"},"a":%b,"a":%b}' % ((json.dumps(entry()).encode(),) * 2), b"1234"
    ),
    "a lone surrogate in a name": forge(b'{"\\ud800":' + json.dumps(entry()).encode() + b"}", b"1234"),
    "100,000 arrays": forge(json.dumps(MANY, separators=(",", ":")).encode(), bytes(10**5)),
    "as many arrays as the header takes": forge(
        json.dumps({**metadata(), **dict(list(MANY.items())[:33_000])}, separators=(",", ":")).encode(), bytes(33_000)
    ),
    "as many empty lists as the header takes": forge(metadata("0 {" + '"a":[' + "[[]]," * 400_000 + "0]}")),
    **{
        f"the name {name[:9]!r}": forge({**metadata(), name: entry()}, b"1234")
        for name in ("", "../../x", "/etc/passwd", "x" * 10**6, "a\0b", "\n", "__metadata__x")
    },
}


@pytest.mark.parametrize("content", HEADERS.values(), ids=HEADERS)
def test_a_forged_file_is_refused_and_takes_no_memory(content, tmp_path):
    path = tmp_path / "file.safetensors"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError) as error:
            load(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert str(path) in str(error.value)
    assert len(str(error.value)) < 1000
    assert peak < 90e6


FIFO = pytest.param(os.mkfifo, id="a FIFO") if hasattr(os, "mkfifo") else None


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda path: None, id="nothing"),
        pytest.param(lambda path: path.mkdir(), id="a folder"),
        pytest.param(lambda path: path.symlink_to(path.name), id="a link to itself"),
        pytest.param(lambda path: path.symlink_to("/dev/zero"), id="a link to a device"),
        pytest.param(lambda path: path.symlink_to("nowhere"), id="a link to nowhere"),
        *([FIFO] if FIFO else []),
    ],
)
def test_what_is_no_file_is_refused_and_not_waited_for(make, tmp_path):
    path = tmp_path / "file.safetensors"
    make(path)
    with pytest.raises(CheckpointError, match=r"file\.safetensors"):
        load(path)


def test_a_link_to_a_file_is_followed(tmp_path):
    (tmp_path / "file").write_bytes(dump(ARRAYS, FACTS))
    (tmp_path / "link").symlink_to("file")
    assert load(tmp_path / "link").keys() == ARRAYS.keys()


def test_a_path_below_a_file_is_no_file(tmp_path):
    (tmp_path / "file").write_bytes(dump(ARRAYS, FACTS))
    with pytest.raises(CheckpointError, match="cannot be read: Not a directory"):
        load(tmp_path / "file" / "x.safetensors")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_named(tmp_path):
    (tmp_path / "file").write_bytes(dump(ARRAYS, FACTS))
    (tmp_path / "file").chmod(0)
    with pytest.raises(CheckpointError, match="cannot be read: Permission denied"):
        load(tmp_path / "file")


def test_a_terabyte_with_nothing_in_it_is_refused(tmp_path):
    path, size = tmp_path / "file", 1 << 40
    header = forge({**metadata(), "a": entry("U8", (size,), (0, size))})
    with path.open("wb") as file:
        file.write(header)
        try:
            file.truncate(len(header) + size)
        except OSError:
            pytest.skip("no file system for such a file")
    with pytest.raises(CheckpointError, match=r"expected no more bytes than there is memory, got 1,099,511,627,776"):
        load(path)


def test_a_file_that_is_replaced_while_it_is_read_is_the_one_that_was_opened(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(dump({"a": np.ones(3)}, {"n": 1}))
    file = TensorFile(path)
    (tmp_path / "new").write_bytes(dump({"b": np.zeros(5)}, {"n": 2}))
    (tmp_path / "new").replace(path)
    assert file.read()["a"].tolist() == [1, 1, 1]


@pytest.mark.parametrize("size", [0, 1, 1000])
def test_every_flipped_bit_and_every_truncation_is_found(size, tmp_path):
    """All positions of a small file, 200 of a larger one; a file that is refused cannot be a wrong θ."""
    whole = dump({"theta": np.linspace(-1, 1, size, dtype=np.float32)}, {"epoch": 3})
    rng = np.random.default_rng(0)
    places = range(len(whole)) if size < 1000 else rng.choice(len(whole), 200, replace=False)
    path = tmp_path / "file"
    for place in map(int, places):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        for content in (bytes(damaged), whole[:place]):
            path.write_bytes(content)
            try:
                found, facts = load(path), TensorFile(path).facts
            except CheckpointError:
                continue
            # JSON has spaces and escapes that mean the same.
            assert (found["theta"].tobytes(), facts) == (load_bytes(whole), {"epoch": 3})


def load_bytes(content):
    return safetensors.numpy.load(content)["theta"].tobytes()

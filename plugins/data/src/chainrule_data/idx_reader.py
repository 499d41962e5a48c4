"""IDX, the format in which MNIST was published."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from chainrule import Array, DataError, Dataset, SettingError

from .files import GZIP, check_declared, reading
from .labels import read_labels

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
CHUNK = 1 << 20
MOST_AXES = 32  # of an array, in every NumPy that we support


def read_idx(
    images: Path,
    labels: Path | None,
    test_images: Path | None = None,
    test_labels: Path | None = None,
    classes: bool = False,
    validation_images: Path | None = None,
    validation_labels: Path | None = None,
) -> Dataset:
    """Read pictures and their classes, gzipped or not; what is not gzipped stays on disk, memory-mapped.

    With `classes`, labels are names of classes, in their own order: those of 1 to 26 are numbered from 0.

    Shapes:   images (N, H, W) become x (N, H, W, 1), channels last; labels (N,) or (N, 1) become y, which None leaves
              out.
    Raises:   SettingError; DataError for a file that is damaged, truncated or too long, and for one whose header
              declares more than there is, or than fits in memory.
    Source:   Y. LeCun, C. Cortes and C. Burges, The MNIST database, "File formats".
    """
    if not isinstance(classes, bool):
        raise SettingError("classes", expected="true or false", got=classes)
    further = {"test": (test_images, test_labels), "validation": (validation_images, validation_labels)}
    for part, pair in further.items():
        if (pair[0] is None) != (pair[1] is None):
            raise DataError("idx", expected=f"both {part}_images and {part}_labels, or neither", got="one of them")
    paths = {str(path): path for path in (labels, test_labels, validation_labels) if path is not None}
    y, names = read_labels({name: _classes(path) for name, path in paths.items()}, classes)
    arrays: dict[str, Any] = {}
    for part, (pictures, own) in further.items():
        if pictures is not None:
            arrays |= {f"x_{part}": _pictures(pictures), f"y_{part}": y[str(own)]}
    return Dataset(_pictures(images), y.get(str(labels)), **arrays, classes=names)


def _pictures(path: Path) -> Array:
    array = read_array(path)
    return array[..., np.newaxis] if array.ndim == 3 else array


def _classes(path: Path) -> Array:
    array = read_array(path)
    labels = array.reshape(len(array)) if array.shape[1:] in ((), (1,)) else None
    if labels is None or (labels.dtype.kind == "f" and not (labels == np.trunc(labels)).all()):
        raise DataError(f"{path}", expected="one whole number for each picture", got=f"{array.dtype} {array.shape}")
    return labels.astype(np.int64)


def read_array(path: Path) -> Array:
    """Return the array of one IDX file.

    Format:   two zero bytes; a byte for the type; a byte for the number of axes; each axis as four bytes, big-endian;
              the numbers, big-endian and row-major.
    """
    path = Path(path)
    with reading(path, zlib.error), path.open("rb") as file:
        zipped = file.read(2) == GZIP
        file.seek(0)
        if zipped:
            with cast(IO[bytes], gzip.GzipFile(fileobj=file)) as stream:
                return _read_stream(path, stream)
        dtype, shape, offset = _read_header(path, file)
        _check_length(path, offset, math.prod(shape) * dtype.itemsize, path.stat().st_size - offset)
    return np.memmap(path, dtype, "r", offset, shape)


def _read_header(path: Path, stream: IO[bytes]) -> tuple[np.dtype[np.generic], tuple[int, ...], int]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in TYPES or magic[3] == 0:
        raise DataError(f"{path}, byte 0", expected="the four bytes of an IDX header", got=repr(magic))
    axes = magic[3]
    if axes > MOST_AXES:
        raise DataError(f"{path}, byte 3", expected=f"at most {MOST_AXES} axes", got=axes)
    sizes = stream.read(4 * axes)
    if len(sizes) < 4 * axes:
        raise DataError(f"{path}, byte 4", expected=f"the sizes of {axes} axes", got="the end of the file")
    shape = tuple(int(n) for n in np.frombuffer(sizes, ">u4"))
    if 0 in shape:
        raise DataError(f"{path}, byte 4", expected="at least one item", got=f"a header that declares {shape}")
    return np.dtype(TYPES[magic[2]]), shape, 4 + 4 * axes


def _read_stream(path: Path, stream: IO[bytes]) -> Array:
    """Read what was gzipped, growing with what comes, never with what was promised."""
    dtype, shape, offset = _read_header(path, stream)
    declared = math.prod(shape) * dtype.itemsize
    check_declared(path, "byte 4", declared)
    content = bytearray()
    while len(content) <= declared and (chunk := stream.read(min(CHUNK, declared + 1 - len(content)))):
        content += chunk
    _check_length(path, offset, declared, len(content))
    return np.frombuffer(content, dtype).reshape(shape)


def _check_length(path: Path, offset: int, declared: int, there: int) -> None:
    if there != declared:
        got = f"{there:,}" if there < declared else "more"
        raise DataError(f"{path}, byte {offset}", expected=f"the {declared:,} bytes that the header declares", got=got)

"""Pictures in folders, a folder for each class, through pillow."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule import Array, DataError, Dataset, PluginError, Shape, axis_pair, boolean, one_of
from chainrule.data import IN_MEMORY
from chainrule.errors import warn

from .files import reading

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg")
MODES = {"rgb": ("RGB", 3), "grey": ("L", 1)}
"""Of a colour setting: pillow's mode, and the number of channels."""
DEEP = ("I", "F")
"""What pillow's modes begin with whose values are no bytes, and would be cut off."""
ORIENTATION, LYING = 0x0112, 5
"""The tag of EXIF that says how the camera was held, and the first value by which height and width change places."""
SHOWN = 5
"""Files that a warning names."""


def read_images(
    path: Path,
    size: int | Sequence[int] | None = None,
    colour: str = "rgb",
    test_path: Path | None = None,
    labelled: bool = True,
    validation_path: Path | None = None,
) -> Dataset:
    """Read pictures, PNG or JPEG, whose class is the name of the folder that they lie in; `path` has a folder for each.

    They are resized to `size`, (height, width) or one number for both, whatever their proportions; without it all must
    have the same. `colour` is "rgb" or "grey"; transparency is left out, and a camera's rotation is done. Classes are
    numbered in alphabetical order, and samples are in that of their folders and names. `test_path` is such a folder of
    the test part, and `validation_path` of the validation part. What is larger than 16 MiB stays in its files, and is
    read when it is used.

    `path` may be one picture, whose class is its folder's name. What is not `labelled` may lie in `path` itself, and
    `kept` are then the names of the files of a folder, under "file".

    Shapes:   x (N, height, width, 3), or (N, height, width, 1), uint8 of 0 to 255; y (N,).
    Raises:   SettingError; PluginError without pillow; DataError for a folder without pictures, one of other sizes, a
              class of another part that training has no pictures of, and a damaged file, when it is read.
    """
    one_of("colour", colour, tuple(MODES))
    boolean("labelled", labelled)
    wanted = None if size is None else axis_pair("size", size)
    files, labels = _find(Path(path), labelled)
    fixed = wanted is None
    x = _pictures(Pictures(files, wanted or _common_size(files), colour, fixed))
    names = tuple(sorted(set(labels))) if labelled else None
    further: dict[str, Any] = {}
    if not labelled and Path(path).is_dir():
        further["kept"] = {"file": [file.relative_to(path).as_posix() for file in files]}
    for part, folder in {"test": test_path, "validation": validation_path}.items():
        if folder is not None:
            others, own = _find(Path(folder), labelled)
            further[f"x_{part}"] = _pictures(Pictures(others, x.shape[1:3], colour, fixed))
            further[f"y_{part}"] = _codes(Path(folder), own, names)
    return Dataset(x, _codes(Path(path), labels, names), **further, classes=names)


def _codes(path: Path, labels: Sequence[str], names: tuple[str, ...] | None) -> Array | None:
    """Return the number of each class. Raises:   DataError for one that is not known."""
    if names is None:
        return None
    unknown = sorted({*labels} - {*names})
    if unknown:
        hint = "that part has classes that training knows nothing of"
        raise DataError(f"{path / unknown[0]}", expected=f"a class of {', '.join(names)}", got=unknown[0], hint=hint)
    code = {name: i for i, name in enumerate(names)}
    return np.array([code[label] for label in labels])


def _find(path: Path, labelled: bool) -> tuple[list[Path], list[str]]:
    """Return the pictures, and the name of the folder of each. Raises:   DataError."""
    with reading(path):
        if path.is_file():
            return [path], [path.absolute().parent.name]
        inside = _entries(path)
        loose = [entry for entry in inside if not entry.is_dir()]
        entries = [*loose, *(entry for folder in inside if folder.is_dir() for entry in _entries(folder))]
    files = [entry for entry in entries if _is_picture(entry)]
    wrong = next(filter(_is_picture, loose), None) if labelled else None
    if wrong is not None or not files:
        expected = f"pictures of {', '.join(SUFFIXES)}" + ", in a folder for each class" * labelled
        raise DataError(f"{path}", expected=expected, got="none" if wrong is None else f"{wrong.name} in none")
    others = [str(entry.relative_to(path)) for entry in entries if not _is_picture(entry)]
    if others:
        shown = ", ".join(others[:SHOWN]) + ", …" * (len(others) > SHOWN)
        warn(f"{path}: what is no picture of {', '.join(SUFFIXES)} is left out: {shown}")
    return files, [file.parent.name for file in files]


def _entries(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


def _is_picture(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES


def _pictures(pictures: Pictures) -> Any:
    """Return them as an array if they are small together; else they are read by their rows."""
    return pictures[:] if np.prod(pictures.shape, dtype=float) <= IN_MEMORY else pictures


def _common_size(files: list[Path]) -> tuple[int, int]:
    """Return the size that all have, by their headers. Raises:   DataError."""
    first: tuple[int, int] | None = None
    for file in files:
        with _opened(file) as picture:
            own = _upright(picture)
        if first is None:
            first = own
        elif own != first:
            raise _other_size(file, f"{_shown(first)}, as {files[0]}", own)
    assert first is not None  # there are files
    return first


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures that lie in files, read when rows are asked for; those that are not `fixed` are resized."""

    files: list[Path]
    size: tuple[int, int]
    colour: str
    fixed: bool

    dtype = np.dtype(np.uint8)

    @property
    def shape(self) -> Shape:
        """(N, height, width, channels)."""
        return len(self.files), *self.size, MODES[self.colour][1]

    def __getitem__(self, rows: Any) -> Array:
        files = self.files[rows] if isinstance(rows, slice) else [self.files[row] for row in rows]
        found = np.empty((len(files), *self.shape[1:]), np.uint8)
        for file, into in zip(files, found, strict=True):
            into[...] = self._read(file)
        return found

    def _read(self, file: Path) -> Array:
        from PIL import ImageOps
        from PIL.Image import Resampling

        with _opened(file) as picture:
            if picture.mode.startswith(DEEP):
                hint = "save it with 8 bits a channel"
                raise DataError(f"{file}", expected="a picture of 8 bits a channel", got=picture.mode, hint=hint)
            if self.fixed and _upright(picture) != self.size:
                raise _other_size(file, f"{_shown(self.size)}, as the others", _upright(picture))
            upright = ImageOps.exif_transpose(picture).convert(MODES[self.colour][0])
            height, width = self.size
            if upright.size != (width, height):
                upright = upright.resize((width, height), Resampling.BILINEAR)
            return np.asarray(upright).reshape(self.shape[1:])


@contextmanager
def _opened(file: Path) -> Iterator[Image]:
    """Open a picture, whose pixels are not read yet. Raises:   PluginError without pillow; DataError."""
    try:
        from PIL import Image
    except ImportError as error:
        raise PluginError("pillow, which reads pictures, is not installed", hint="pip install pillow") from error
    failures = (SyntaxError, ValueError, struct.error, Image.DecompressionBombError)
    with reading(file, *failures), Image.open(file, formats=("PNG", "JPEG")) as picture:
        yield picture


def _upright(picture: Image) -> tuple[int, int]:
    """Return height and width as they are once the camera's rotation is done."""
    width, height = picture.size
    return (width, height) if picture.getexif().get(ORIENTATION, 1) >= LYING else (height, width)


def _other_size(file: Path, expected: str, size: tuple[int, int]) -> DataError:
    return DataError(f"{file}", expected=expected, got=_shown(size), hint="size = [height, width] resizes them all")


def _shown(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]}"

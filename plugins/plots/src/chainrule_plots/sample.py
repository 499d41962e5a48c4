"""The sample whose activations are drawn: a row of the run's data, or a file."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from chainrule import Array, DataError, Dataset, Network, ShapeError

SUFFIXES = ".npy, .npz or .csv"
MAGIC = (b"\x93NUMPY", b"PK\x03\x04")


@dataclass(frozen=True, eq=False)
class Part:
    """The samples that a picture is about: the test part of a data set, or the training part where there is none."""

    name: str
    x: Any
    y: Any

    @classmethod
    def of(cls, dataset: Dataset) -> Part:
        """Return the part of a data set."""
        if dataset.x_test is None:
            return cls("training data (no test part)", dataset.x, dataset.y)
        return cls("test data", dataset.x_test, dataset.y_test)

    def row(self, number: int) -> tuple[Array, Array | None]:
        """Return one sample and its target, as batches of one. Raises:   DataError."""
        size = len(self.x)
        if not 0 <= number < size:
            raise DataError(f"--activations: row of the {self.name}", expected=f"0 to {size - 1}", got=number)
        rows = slice(number, number + 1)
        return np.asarray(self.x[rows]), None if self.y is None else np.asarray(self.y[rows])


def row_number(text: str) -> int | None:
    """Return the number that INPUT is, None where it is the name of a file."""
    try:
        return int(text)
    except ValueError:
        return None


def read_sample(path: Path, network: Network) -> Array:
    """Read one sample, scaled as the network takes it: an array, or a row of numbers in the order of memory.

    Raises:   DataError; ShapeError with both shapes.
    """
    where = f"--activations {path}"
    if path.suffix not in (".npy", ".npz", ".csv"):
        raise DataError(where, expected=f"the number of a row, or a file {SUFFIXES}", got=path.suffix or "no suffix")
    try:
        sample = _read_csv(path, network) if path.suffix == ".csv" else _read_array(path)
    except (OSError, ValueError, EOFError, BadZipFile) as error:  # NumPy's, and no UTF-8
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{where}: {reason}") from error
    if sample.shape != network.input_shape:
        hint = "that is a batch: keep one of its rows" if sample.shape[1:] == network.input_shape else None
        raise ShapeError(where, expected=network.input_shape, got=sample.shape, hint=hint)
    if sample.dtype.kind == "f" and not np.isfinite(sample).all():
        raise DataError(where, expected="finite numbers", got="nan or inf")
    whole = sample.dtype.kind == "f" and bool((sample == np.floor(sample)).all())
    return sample.astype(np.int64) if network.chain.integer_input and whole else sample


def _read_array(path: Path) -> Array:
    """Read the one array of a file. Raises:   ValueError; OSError; EOFError; BadZipFile."""
    with path.open("rb") as file:
        if not file.peek(6).startswith(MAGIC):
            raise ValueError("not a file that numpy.save or numpy.savez wrote")
        loaded: Any = np.load(file, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        if len(loaded.files) != 1:
            raise ValueError(f"one array is wanted, and it has {len(loaded.files)}: {', '.join(loaded.files)}")
        sample: Array = loaded[loaded.files[0]]
        return sample


def _read_csv(path: Path, network: Network) -> Array:
    """Read one row of numbers, in the shape of a sample if it is as long. Raises:   ValueError; OSError."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    if len(rows) != 1:
        raise ValueError(f"one row of numbers is wanted, and it has {len(rows)}")
    numbers = np.array([float(cell) for cell in rows[0]])
    fits = numbers.size == np.prod(network.input_shape, dtype=int)
    return numbers.reshape(network.input_shape) if fits else numbers

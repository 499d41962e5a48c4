"""Safetensors files with facts, a checksum over all of it, and nothing believed before it is checked."""

from __future__ import annotations

import hashlib
import json
import math
import os
import reprlib
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError, safe_open

from chainrule import Array, CheckpointError

from .atomic import telling

HEADER_LIMIT = 1 << 21
"""Bytes of a header: names, dtypes, shapes and facts. Parsed, a forged one takes about thirty times as many."""
KEY = "chainrule"
"""Of the one entry in the metadata: the checksum, a space, and the facts as JSON. Two would come in any order."""
_DTYPES = {
    "BOOL": np.bool_,
    "I8": np.int8, "I16": np.int16, "I32": np.int32, "I64": np.int64,
    "U8": np.uint8, "U16": np.uint16, "U32": np.uint32, "U64": np.uint64,
    "F16": np.float16, "F32": np.float32, "F64": np.float64,
}  # fmt: skip
DTYPES = {np.dtype(kind) for kind in _DTYPES.values()}


def dump(arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> bytes:
    """Return the file: the arrays by name, and the facts in its metadata. Equal content has equal bytes.

    Raises:   CheckpointError for facts that are no JSON, or take more than `TensorFile` reads.
    """
    arrays = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    try:
        text = json.dumps(facts, ensure_ascii=True)
    except (TypeError, ValueError, RecursionError) as error:  # a ValueError is for an int of too many digits
        raise CheckpointError(f"{_REFUSED}: {error}", hint=_KEEP_ARRAYS) from error
    content = safetensors.numpy.save(arrays, {KEY: f"{_checksum(text, arrays)} {text}"})
    size = int.from_bytes(content[:8], "little")
    if size > HEADER_LIMIT:
        expected = f"at most {HEADER_LIMIT:,} bytes of names, shapes and facts"
        raise CheckpointError(_REFUSED, expected=expected, got=f"{size:,}", hint=_KEEP_ARRAYS)
    return content


class TensorFile:
    """A file that `dump` wrote; `declared` are dtypes and shapes by name, and `facts` what was said of it.

    Nothing of an array is read before `read`, and what is read is not larger than the file.
    Raises:   CheckpointError, whatever the file holds.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._check_header()
        try:
            # Held open: what is read is what was looked at, even when a run renames its next file over it.
            file: Any = safe_open(path, "np")
            metadata = file.metadata() or {}
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
            declared = {name: (s.get_dtype(), tuple(s.get_shape())) for name, s in slices.items()}
        except (SafetensorError, OSError) as error:
            raise _no_tensors(path, error) from error
        self._file = file
        for name, (dtype, _) in declared.items():
            if dtype not in _DTYPES:
                raise CheckpointError(f"{path}: array {short(name)}", expected="numbers", got=dtype)
        self.declared = {name: (np.dtype(_DTYPES[dtype]), shape) for name, (dtype, shape) in declared.items()}
        self._stated, _, self._text = metadata.get(KEY, "").partition(" ")
        if not self._text:
            raise CheckpointError(f"{path}: no {KEY!r} in its metadata", hint="chainrule-runs did not write it")
        try:
            facts = json.loads(self._text)
        except (ValueError, RecursionError) as error:
            raise CheckpointError(f"{path}: its facts are no JSON: {error}", hint=_HINT) from error
        if not isinstance(facts, dict):
            raise CheckpointError(f"{path}: its facts", expected="an object", got=type(facts).__name__)
        self.facts: dict[str, Any] = facts

    def _check_header(self) -> None:
        with telling(self.path, "read"):
            there = self.path.stat()
            if not stat.S_ISREG(there.st_mode):  # to open a pipe would be to wait for who writes into it
                raise CheckpointError(f"{self.path} cannot be read: it is no file", hint=_HINT)
            with self.path.open("rb") as file:
                size = int.from_bytes(file.read(8), "little")
        most = min(there.st_size - 8, HEADER_LIMIT)
        if not 0 < size <= most:
            expected = f"a header of 1 to {max(most, 1):,} bytes"
            raise CheckpointError(f"{self.path}, byte 0", expected=expected, got=f"{size:,}", hint=_HINT)

    def check_format(self, number: int) -> None:
        """Refuse what another version wrote in another way. Raises:   CheckpointError."""
        came = self.facts.get("format")
        if type(came) is not int or came != number:
            hint = "another version of chainrule-runs wrote it"
            raise CheckpointError(f"{self.path}: format", expected=number, got=short(came), hint=hint)

    def read(self) -> dict[str, Array]:
        """Return the arrays. Raises:   CheckpointError when they, or the facts, are not those that were written."""
        declared = sum(dtype.itemsize * math.prod(shape) for dtype, shape in self.declared.values())
        if declared > _memory():
            got = f"{declared:,}"
            raise CheckpointError(f"{self.path}", expected="no more bytes than there is memory", got=got, hint=_HINT)
        try:
            arrays = {name: self._file.get_tensor(name) for name in self.declared}
        except (SafetensorError, OSError, ValueError, TypeError, OverflowError, MemoryError) as error:
            raise _no_tensors(self.path, error) from error
        came = _checksum(self._text, arrays)
        if came != self._stated:
            got = f"{came[:12]}…"
            raise CheckpointError(
                f"{self.path}: its content has changed",
                expected=f"checksum {short(self._stated)}",
                got=got,
                hint=_HINT,
            )
        return arrays


_HINT = "it is damaged, or another program wrote it"
_REFUSED = "what is known of the run cannot be written to a checkpoint"
_KEEP_ARRAYS = "keep large things in arrays"


def _no_tensors(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(f"{path} is no safetensors file: {str(error)[:200]}", hint=_HINT)


def _checksum(text: str, arrays: Mapping[str, Array]) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\n{name}\n{array.dtype.str}\n{array.shape}\n".encode(errors="surrogatepass"))
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _memory() -> float:
    """Return the bytes of memory of the machine, where they are known: a file of holes may declare any size."""
    if not hasattr(os, "sysconf"):
        return math.inf
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80


def short(value: Any) -> str:
    """Return a repr of limited length and depth: a forged file may hold anything."""
    return _SHORT.repr(value)

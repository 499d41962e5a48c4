"""Safetensors files with facts, a checksum over all of it, and nothing believed before it is checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError, safe_open

from chainrule import Array, CheckpointError

from .atomic import telling

HEADER_LIMIT = 1 << 22
"""Bytes of a header: names, dtypes, shapes and facts. It bounds the memory that a forged one can take."""
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
    """Return the file: the arrays by name, and the facts in its metadata. Equal content has equal bytes."""
    arrays = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    text = json.dumps(facts, ensure_ascii=True)
    return safetensors.numpy.save(arrays, {KEY: f"{_checksum(text, arrays)} {text}"})


class TensorFile:
    """A file that `dump` wrote; `declared` are dtypes and shapes by name, and `facts` what was said of it.

    Nothing of an array is read before `read`, and what is read is not larger than the file.
    Raises:   CheckpointError, whatever the file holds.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with telling(path, "read"):
            self._check_header()
        try:
            with safe_open(path, "np") as file:
                metadata = file.metadata() or {}
                slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
                declared = {name: (s.get_dtype(), tuple(s.get_shape())) for name, s in slices.items()}
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{path} is no safetensors file: {error}", hint=_HINT) from error
        for name, (dtype, _) in declared.items():
            if dtype not in _DTYPES:
                raise CheckpointError(f"{path}: array {name!r}", expected="numbers", got=dtype)
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
        with self.path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            there = self.path.stat().st_size - 8
        if not 0 < size <= min(there, HEADER_LIMIT):
            expected = f"a header of 1 to {min(max(there, 1), HEADER_LIMIT):,} bytes"
            raise CheckpointError(f"{self.path}, byte 0", expected=expected, got=f"{size:,}", hint=_HINT)

    def read(self) -> dict[str, Array]:
        """Return the arrays. Raises:   CheckpointError when they, or the facts, are not those that were written."""
        try:
            with safe_open(self.path, "np") as file:
                arrays = {name: file.get_tensor(name) for name in self.declared}
        except (SafetensorError, OSError, ValueError, TypeError) as error:
            raise CheckpointError(f"{self.path} is no safetensors file: {error}", hint=_HINT) from error
        came = _checksum(self._text, arrays)
        if came != self._stated:
            got = f"{came[:12]}…"
            raise CheckpointError(
                f"{self.path}: its content has changed", expected=f"checksum {self._stated}", got=got, hint=_HINT
            )
        return arrays


_HINT = "it is damaged, or another program wrote it"


def _checksum(text: str, arrays: Mapping[str, Array]) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\n{name}\n{array.dtype.str}\n{array.shape}\n".encode(errors="surrogatepass"))
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()

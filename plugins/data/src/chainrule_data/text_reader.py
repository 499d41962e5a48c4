"""Texts as windows of characters, each with the character that follows it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from chainrule import Array, DataError, Dataset, SettingError, boolean, positive_int, real

from .files import LIMIT, reading

SHIPPED = "alice.txt"


def read_text(
    path: Path | None = None,
    window: int = 64,
    step: int | None = None,
    vocabulary: Sequence[str] | None = None,
    split: str | None = None,
    test_fraction: float = 0.1,
    labelled: bool = True,
    validation_fraction: float = 0.0,
) -> Dataset:
    """Read a text of UTF-8: x (N, window) has the numbers of its characters, y (N, window) those that follow each.

    Without a path it is "Alice's Adventures in Wonderland", which ships. The test part is the text's end, by
    `test_fraction`; with `split = "none"` there is none. The validation part is the end of what is before
    it, by `validation_fraction`. A window of the training part begins every `step` characters, of the others every
    `window`, which is the default of all; what is left at the end of a part is in none.
    The names of the classes are the `vocabulary`: the characters of the training part in the order of their code
    points, unless they are given. A character is a code point, and every end of a line is a line feed. Without
    `labelled`, there is no y, and the last character may be the last of a window.

    Raises:   SettingError; DataError for a file that is no text, a part that is shorter than a window, or a character
              that is not in the vocabulary, with its line and column.
    """
    positive_int("window", window)
    step = window if step is None else positive_int("step", step)
    if split not in (None, "ordered", "none"):
        hint = "windows that overlap would be in both parts: the test part is the text's end"
        raise SettingError("split", expected='"ordered" or "none"', got=split, hint=hint)
    real("test_fraction", test_fraction, above=0, below=1)
    real("validation_fraction", validation_fraction, minimum=0, below=1)
    boolean("labelled", labelled)
    text, where = _read(path)
    before = len(text) if split == "none" else len(text) - round(len(text) * test_fraction)
    end = before - round(before * validation_fraction)
    whole = split == "none" and not validation_fraction
    parts = {"": (f"{where}: the {'text' if whole else 'training part'}", slice(end), step)}
    if validation_fraction:
        parts["_validation"] = (f"{where}: the validation part", slice(end, before), window)
    if split != "none":
        parts["_test"] = (f"{where}: the test part", slice(before, None), window)
    for what, part, _ in parts.values():
        _check_length(what, len(text[part]), window + labelled)
    known = tuple(sorted(set(text[:end]))) if vocabulary is None else _checked(vocabulary)
    codes = _codes(where, text, known, learned=vocabulary is None)
    arrays: dict[str, Any] = {}
    for name, (_, part, every) in parts.items():
        own = codes[part]
        arrays[f"x{name}"] = _windows(own[:-1] if labelled else own, window, every)
        arrays[f"y{name}"] = _windows(own[1:], window, every) if labelled else None
    return Dataset(**arrays, classes=known)


def _read(path: Path | None) -> tuple[str, str]:
    """Return a text, and what messages call it."""
    if path is None:
        return (resources.files(__package__) / SHIPPED).read_text("utf-8"), SHIPPED
    path = Path(path)
    with reading(path, UnicodeDecodeError):
        size = path.stat().st_size
        if 8 * size > LIMIT:
            hint = "train on a part of it"
            raise DataError(f"{path}", expected=f"a text of at most {LIMIT // 8:,} bytes", got=f"{size:,}", hint=hint)
        return path.read_text(encoding="utf-8-sig"), str(path)


def _checked(vocabulary: Sequence[str]) -> tuple[str, ...]:
    """Return the characters. Raises:   SettingError unless they are characters that differ."""
    single = isinstance(vocabulary, str | list | tuple) and all(isinstance(c, str) and len(c) == 1 for c in vocabulary)
    if not single or not vocabulary or len(set(vocabulary)) < len(vocabulary):
        raise SettingError("vocabulary", expected="characters that differ", got=vocabulary)
    return tuple(vocabulary)


def _codes(where: str, text: str, vocabulary: tuple[str, ...], learned: bool) -> Array:
    """Return the number of each character in the vocabulary. Raises:   DataError."""
    points = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    own = np.array(list(map(ord, vocabulary)), np.uint32)
    order = np.argsort(own)
    codes = order[np.minimum(np.searchsorted(own, points, sorter=order), len(own) - 1)]
    unknown = own[codes] != points
    if unknown.any():
        at = int(unknown.argmax())
        line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
        hint = "take it out, or train on a text that has it"
        if learned:
            hint = "the training part has none: take it out, give the vocabulary, or a smaller test_fraction"
        raise DataError(
            f"{where}, line {line}, column {column}",
            expected=f"one of the {len(vocabulary)} characters of the vocabulary",
            got=f"{text[at]!r} (U+{ord(text[at]):04X})",
            hint=hint,
        )
    return codes


def _check_length(what: str, length: int, least: int) -> None:
    if length < least:
        hint = "take a smaller window, or a longer text"
        raise DataError(what, expected=f"at least {least:,} characters", got=f"{length:,}", hint=hint)


def _windows(codes: Array, window: int, step: int) -> Array:
    """Return windows that share the memory of the codes, (N, window)."""
    return sliding_window_view(codes, window)[::step]

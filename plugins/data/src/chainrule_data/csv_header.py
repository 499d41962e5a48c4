"""The first line of a table: a header or a sample, and which column is what."""

from __future__ import annotations

import difflib
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chainrule import ChainruleWarning, DataError

from .csv_lines import MISSING, Format, Row

LOOKED_AT = 100
"""Lines after the first that are compared with it."""
INDEX = re.compile(r"(Unnamed: 0(\.\d+)*)?")
"""The name that pandas gives to the column of a data frame's row numbers, or to one that it wrote before: none."""


@dataclass(frozen=True)
class Columns:
    """Which columns of a table are features, in the order of x, and which is the target, None where there is none.

    `names` are those of all columns, their positions where `named` is False.
    """

    names: list[str]
    named: bool
    features: list[int]
    target: int | None


def is_header(
    path: Path,
    first: Row,
    following: Sequence[Row],
    form: Format,
    target: str | int | None,
    known: Sequence[str] | int | None,
) -> bool:
    """Return whether the first line has names, which it has where one of its words stands above a number.

    `known` are the columns of an earlier table, or their number: then numbers alone are a sample, and so is a line
    whose word in the column of the targets comes again below it.
    Raises:   DataError where it cannot be told: one sample more or less would not be seen.
    """
    number, cells = first[0], [cell.strip() for cell in first[1]]
    words = [i for i, cell in enumerate(cells) if cell not in MISSING and not _is_number(cell)]
    below = [[cell.strip() for cell in row] for _, row in following if len(row) == len(cells)]
    own = [] if known is None or isinstance(known, int) else list(known)
    names = [name for name in own if not _is_number(name)]
    by_name = isinstance(target, str) and (target in cells or not re.fullmatch("-?[0-9]+", target))
    if by_name and (known is None or target in cells):
        return True
    if any(name in cells for name in names) or any(_is_number(row[i]) for i in words for row in below):
        return True
    all_there = bool(own) and set(own) <= set(cells)
    if all_there and len(own) > 2:
        return True
    if known is not None and not words and not all_there:
        return False
    if known is not None and len(words) == 1 and (names or any(row[words[0]] == cells[words[0]] for row in below)):
        return False
    if words and not below and known is None:
        return True  # there are no rows, which is told later
    hint = "header = true takes that line for names, header = false for a sample"
    if known is not None:
        hint = "write the names of the columns above it"
    hints = [form.hint(cell) for cell in cells if not _is_number(cell) and cell not in MISSING]
    got = "words" if len(words) == len(cells) else f"numbers and {cells[words[0]]!r}" if words else "numbers"
    raise DataError(
        f"{path}, line {number}",
        expected="a header, or a sample",
        got=f"{got}, which may be either",
        hint=next(filter(None, hints), hint),
    )


def _is_number(cell: str) -> bool:
    """Return whether a cell is a number to anybody."""
    return any(Format(";", decimal).number(cell) is not None for decimal in ".,")


def find_columns(
    path: Path,
    first: Row,
    named: bool,
    target: str | int | None,
    known: Sequence[str] | int | None,
    labelled: bool,
) -> Columns:
    """Return which column is what; a target that is not `labelled` is left out, if it is there.

    Columns are taken by name, where both the table and `known` have names, and by order elsewhere. The row numbers of a
    data frame, a first column without a name, are left out with a warning.
    Raises:   DataError for a column, or a target, that is missing, unknown, or there twice.
    """
    place, count = f"{path}, line {first[0]}", len(first[1])
    names = [cell.strip() for cell in first[1]] if named else [str(i) for i in range(count)]
    own = known if known is not None and not isinstance(known, int) else None
    size = known if isinstance(known, int) else None if own is None else len(own)
    column = _target(path, place, names, named, target, labelled)
    features = [i for i in range(count) if i != column]
    if named and (own is None or names[0] not in own):
        features = _without_index(path, names, features)
    if column is not None and not labelled and isinstance(target, int) and size is not None and len(features) < size:
        features, column = sorted([*features, column]), None  # it is no target, but the last feature
    if named and own is not None:
        features = _by_name(place, names, features, own)
    elif own is not None and len(own) == len(features) > 1:
        _warn(f"{path} has no header: its columns are taken for {_listed(own)}, in this order")
    elif named and size is not None and size == len(features) > 1:
        _warn(f"{path}: its columns are taken in their order, as the network does not know them by name")
    return Columns(names, named, features, column if labelled else None)


def _target(
    path: Path, place: str, names: list[str], named: bool, target: str | int | None, labelled: bool
) -> int | None:
    if target is None or (isinstance(target, str) and target in names and named):
        if target is not None and names.count(str(target)) > 1:
            raise DataError(f"{place}: more than one column {target!r}", hint="give each a name of its own")
        return None if target is None else names.index(str(target))
    if isinstance(target, str) and not re.fullmatch("-?[0-9]+", target):
        if not labelled:
            return None
        if not named:
            hint = "a table without a header has positions, such as 0 or -1 (the last)"
            raise DataError(f"{path}: target", expected="a whole number", got=repr(target), hint=hint)
        raise DataError(f"{place}: no column {target!r}", hint=_near(target, names))
    position = int(target)
    if not -len(names) <= position < len(names):
        raise DataError(f"{path}: target", expected=f"a column from 0 to {len(names) - 1}", got=position)
    return position % len(names)


def _without_index(path: Path, names: list[str], features: list[int]) -> list[int]:
    """Leave out the first columns without a name, unless there are no others."""
    count = 0
    while count < len(features) - 1 and features[count] == count and INDEX.fullmatch(names[count]):
        count += 1
    if count:
        what = "the first column has no name" if count == 1 else f"the first {count} columns have no names"
        _warn(f"{path}: {what}, and is left out as the row numbers of a data frame; one with a name is a feature")
    return features[count:]


def _by_name(place: str, names: list[str], features: list[int], own: Sequence[str]) -> list[int]:
    there = [names[i] for i in features]
    if there == list(own):
        return features
    for name in own:
        if name not in there:
            near = difflib.get_close_matches(name, [other for other in there if other not in own], n=1)
            hint = f"is it {near[0]!r}? " if near else ""
            raise DataError(f"{place}: no column {name!r}", hint=f"{hint}the network takes {_listed(own)}")
    for name in there:
        if name not in own:
            hint = f"the network takes {_listed(own)}; leave the column out, or name it as the target"
            raise DataError(f"{place}: unknown column {name!r}", hint=hint)
        if there.count(name) > 1:
            raise DataError(f"{place}: more than one column {name!r}", hint="give each a name of its own")
    return [features[there.index(name)] for name in own]


def _near(name: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"the columns are {_listed(names)}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + (", …" if len(names) > 20 else "")


def _warn(message: str) -> None:
    warnings.warn(message, ChainruleWarning, stacklevel=2)

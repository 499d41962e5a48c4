"""The first line of a table: a header or a sample, and which column is what."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from chainrule import DataError
from chainrule.errors import warn
from chainrule.frames import MISSING

from .csv_lines import Format, Row

LINES, CELLS = 100, 1 << 16
"""After the first: so many lines are compared with it, and as many fewer as they are long."""
NO_NAMES = {"none", "nil", "missing", "unknown"}
"""Words that are in place of a value, rather than above it."""
POSITION = "-?[0-9]+"
INDEX = re.compile(r"(Unnamed: 0(\.\d+)*)?")
"""The name that pandas gives to the column of a data frame's row numbers, or to one that it wrote before: none."""


@dataclass(frozen=True)
class Columns:
    """Which columns of a table are features, in the order of x, and which is the target, None where there is none.

    `names` are those of all columns, their positions where `named` is False; `index` are those of row labels, `unknown`
    the names of those that are left out, as they are none of the earlier table's.
    """

    names: list[str]
    named: bool
    features: list[int]
    target: int | None
    index: list[int]
    unknown: list[str]


def look_ahead(rows: Iterator[Row]) -> list[Row]:
    """Return the next lines, which are to be compared with the first."""
    following: list[Row] = []
    while len(following) < LINES and len(following) * len(following[0][1] if following else ()) < CELLS:
        row = next(rows, None)
        if row is None:
            break
        following.append(row)
    return following


def is_header(
    path: Path,
    first: Row,
    following: Sequence[Row],
    form: Format,
    target: str | int | None,
    known: Sequence[str] | int | None,
) -> bool:
    """Return whether the first line has names, as far as names that are known, and the lines below it, tell.

    `known` are the columns of an earlier table, or their number.
    Raises:   DataError where it cannot be told: one sample more or less would not be seen.
    """
    cells = [cell.strip() for cell in first[1]]
    below = [[cell.strip() for cell in row] for _, row in following if len(row) == len(cells)]
    own = [] if known is None or isinstance(known, int) else list(known)
    if _has_names(cells, target, own, known is not None):
        return True
    words = [i for i, cell in enumerate(cells) if _is_word(cell)]
    if not any(map(_is_number, cells)):  # a word among numbers may be a cell that is to be mended
        if any(_is_number(row[i]) for i in words for row in below):
            return True
        if known is None and words and not below:
            return True  # there are no rows, which is told later
    if known is not None and _is_sample(cells, below, words, own):
        return False
    hint = "header = true takes that line for names, header = false for a sample"
    if known is not None:
        hint = "write the names of the columns above it"
    hints = [form.hint(cell, i) for i, cell in enumerate(cells) if not _is_number(cell) and cell not in MISSING]
    got = "words" if len(words) == len(cells) else f"numbers and {cells[words[0]]!r}" if words else "numbers"
    raise DataError(
        f"{path}, line {first[0]}",
        expected="a header, or a sample",
        got=f"{got}, which may be either",
        hint=next(filter(None, hints), hint),
    )


def _has_names(cells: list[str], target: str | int | None, own: list[str], is_later: bool) -> bool:
    """Return whether the target is among the cells, or must be, or else columns of an earlier table.

    Columns that are called 0 and 1 alone are none: a sample may be so.
    """
    if isinstance(target, str) and (target in cells or not (is_later or re.fullmatch(POSITION, target))):
        return True
    return any(_is_word(name) and name in cells for name in own) or (len(own) > 2 and set(own) <= set(cells))


def _is_sample(cells: list[str], below: list[list[str]], words: list[int], own: list[str]) -> bool:
    """Return whether a line beside an earlier table is a sample: numbers, and perhaps a class.

    A word is a class where it comes again below it, or names are known that are others.
    """
    if not words:
        return not own or not set(own) <= set(cells)
    again = any(row[words[0]] == cells[words[0]] for row in below)
    return len(words) == 1 and (again or any(map(_is_word, own)))


def _is_number(cell: str) -> bool:
    """Return whether a cell is a number to anybody."""
    return any(Format(";", decimal).number(cell) is not None for decimal in ".,")


def _is_word(cell: str) -> bool:
    """Return whether a cell is neither a number nor a way to say that there is none."""
    says_none = cell in MISSING or cell.lower() in NO_NAMES or not any(map(str.isalnum, cell))
    return not says_none and not _is_number(cell)


def find_columns(
    path: Path | str,
    place: str,
    names: list[str],
    named: bool,
    target: str | int | None,
    known: Sequence[str] | int | None,
    labelled: bool,
    others: Collection[str] = (),
) -> Columns:
    """Return which column is what; a target that is not `labelled` is left out, if it is there, and so are `others`.

    Columns are taken by name, where both the table and `known` have names, and by order elsewhere. A first
    column without a name is none of the features, but the index.
    Raises:   DataError for a column, or a target, that is missing, or there twice.
    """
    own = known if known is not None and not isinstance(known, int) else None
    size = known if isinstance(known, int) else None if own is None else len(own)
    column = _target(path, place, names, named, target, labelled)
    features = [i for i in range(len(names)) if i != column and names[i] not in others]
    index = _index(names, features) if named and (own is None or names[0] not in own) else []
    features = features[len(index) :]
    if column is not None and not labelled and isinstance(target, int) and size is not None and len(features) < size:
        features, column = sorted([*features, column]), None  # it is no target, but the last feature
    unknown: list[str] = []
    if named and own is not None:
        unknown = [names[i] for i in features if names[i] not in own]
        features = _by_name(place, names, features, own)
    elif own is not None and len(own) == len(features) > 1 and any(map(_is_word, own)):
        warn(f"{path} has no header: its columns are taken for {_listed(own)}, in this order")
    elif named and size is not None and size == len(features) > 1:
        warn(f"{path}: its columns are taken in their order, as the network does not know them by name")
    return Columns(names, named, features, column if labelled else None, index, unknown)


def _target(
    path: Path | str, place: str, names: list[str], named: bool, target: str | int | None, labelled: bool
) -> int | None:
    if target is None or (isinstance(target, str) and target in names and named):
        if target is not None and names.count(str(target)) > 1:
            raise DataError(f"{place}: more than one column {target!r}", hint="give each a name of its own")
        return None if target is None else names.index(str(target))
    if isinstance(target, str) and not re.fullmatch(POSITION, target):
        if not labelled:
            return None
        if not named:
            hint = "a table without a header has positions, such as 0 or -1 (the last), as in --target -1"
            raise DataError(f"{path}: target", expected="a whole number", got=repr(target), hint=hint)
        raise DataError(f"{place}: no column {target!r}", hint=near(target, names))
    position = int(target)
    if not -len(names) <= position < len(names):
        raise DataError(f"{path}: target", expected=f"a column from 0 to {len(names) - 1}", got=position)
    return position % len(names)


def _index(names: list[str], features: list[int]) -> list[int]:
    """Return the first columns without a name, unless there are no others."""
    count = 0
    while count < len(features) - 1 and features[count] == count and INDEX.fullmatch(names[count]):
        count += 1
    return features[:count]


def _by_name(place: str, names: list[str], features: list[int], own: Sequence[str]) -> list[int]:
    there = [names[i] for i in features]
    if there == list(own):
        return features
    for name in own:
        if name not in there:
            similar = _nearest(name, [other for other in there if other not in own])
            hint = "" if similar is None else f"is it {similar!r}? "
            raise DataError(f"{place}: no column {name!r}", hint=f"{hint}the network takes {_listed(own)}")
    for name in there:
        if name in own and there.count(name) > 1:
            raise DataError(f"{place}: more than one column {name!r}", hint="give each a name of its own")
    return [features[there.index(name)] for name in own]


def near(name: str, names: Sequence[str]) -> str:
    """Return what to do about a name that no column has."""
    similar = _nearest(name, names)
    if all(map(_is_number, names)):
        return "the first line looks like a sample: header = false, and target = -1 for the last column"
    return f"the columns are {_listed(names)}" if similar is None else f"did you mean {similar!r}?"


def _nearest(name: str, names: Sequence[str]) -> str | None:
    """Return the most similar of the names, whatever their case, None where none is similar."""
    spelled = {other.casefold(): other for other in names}
    near = difflib.get_close_matches(name.casefold(), spelled, n=1)
    return spelled[near[0]] if near else None


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + (", …" if len(names) > 20 else "")

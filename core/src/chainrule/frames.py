"""Tables in memory, columns by name: what a data frame of any library holds, as numbers and words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from numbers import Number
from typing import Any

import numpy as np

from .arrays import Array
from .errors import ChainruleError, DataError

NUMBER, WORD, BOOLEAN, DATE = KINDS = ("number", "word", "boolean", "date")
"""What a column may hold."""
MISSING = frozenset(["", "?", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NaT", "NULL", "null"])
"""How tables say that there is no value."""
TRUTH = {"true": 1.0, "t": 1.0, "yes": 1.0, "y": 1.0, "1": 1.0, "false": 0.0, "f": 0.0, "no": 0.0, "n": 0.0, "0": 0.0}
EXPECTED = {
    NUMBER: "a finite number",
    WORD: "a word",
    BOOLEAN: "true or false, yes or no, 1 or 0",
    DATE: "a date such as 2024-12-31, or 2024-12-31T23:59",
}
CATEGORIES = ("category", "categorical", "enum", "dictionary")
"""What the types of columns begin with that have few words by their definition, in lower case."""
WAY = "chainrule.data.prepare(Dataset(x, y), preparation=TablePreparation(…)) makes numbers of it"


def is_frame(given: Any) -> bool:
    """Return whether something gives columns by their names, as the data frames of pandas and polars do."""
    return hasattr(given, "columns") and hasattr(given, "__getitem__") and not hasattr(given, "column_names")


def names_of(what: str, table: Any, kind: type[ChainruleError] = DataError) -> dict[str, Any]:
    """Return what the columns of a frame, or of a mapping, are called there, by the texts of it.

    Raises:   an error of `kind` for two of one name.
    """
    keys: dict[str, Any] = {}
    for key in table if isinstance(table, Mapping) else table.columns:
        if str(key) in keys:
            raise kind(f"{what}: more than one column {str(key)!r}", hint="give each a name of its own")
        keys[str(key)] = key
    return keys


def columns_of(what: str, table: Any) -> dict[str, Any]:
    """Return the columns of a frame, or of a mapping, by the texts of their names. Raises:   as `names_of`."""
    return {name: table[key] for name, key in names_of(what, table).items()}


def values_of(place: str, column: Any, kind: type[ChainruleError] = DataError) -> Array:
    """Return the values of a column, (N,). Raises:   an error of `kind` for what has no single one in each row."""
    values = np.asarray(column) if hasattr(column, "__array__") else np.array([*column], object)
    if values.ndim != 1:
        raise kind(place, expected="one value in each row", got=f"an array of shape {values.shape}")
    return values


def is_category(column: Any) -> bool:
    """Return whether a column's type says that it has few words."""
    return str(getattr(column, "dtype", "")).lower().startswith(CATEGORIES)


def kind_of(column: Any, values: Array) -> str | None:
    """Return which of `KINDS` a column is by its type, or by what it holds; None for what is of none."""
    if is_category(column):
        return WORD
    plain = {"f": NUMBER, "i": NUMBER, "u": NUMBER, "b": BOOLEAN, "M": DATE, "U": WORD}
    if values.dtype.kind != "O":
        return plain.get(values.dtype.kind)
    types = {type(value) for value in values.tolist()}
    if any(issubclass(own, str) for own in types):
        return WORD
    types = {own for own in types if own.__name__ not in ("NoneType", "NAType", "NaTType")}
    dates = {own for own in types if issubclass(own, date | np.datetime64)}
    if dates:
        return DATE if types <= {*dates, float} else None
    if types and all(issubclass(own, bool | np.bool_) for own in types):
        return BOOLEAN
    return NUMBER if all(issubclass(own, Number) and not issubclass(own, complex) for own in types) else None


class Values:
    """The values of one column, part by part, as numbers, float64; of words, the codes of `words`.

    A value that is missing is NaN; among words it is a word of its own, the empty one. Dates are days since 1970, in
    UTC where they do not say; booleans are 1 and 0; anything that has a text may be a word.
    """

    def __init__(self, name: str, kind: str) -> None:
        self.name = name
        self.kind = kind
        self._codes: dict[str, int] = {}

    @property
    def words(self) -> tuple[str, ...] | None:
        """The words by their codes, None of a column of numbers."""
        return tuple(self._codes) if self.kind == WORD else None

    def read(self, values: Array, first: int = 0) -> Array:
        """Return the numbers of values, whose rows are counted from `first`. Raises:   DataError for what has none."""
        if values.dtype.kind in "fiub" and self.kind in (NUMBER, BOOLEAN):
            found = values.astype(np.float64)
            return found if self.kind == NUMBER or values.dtype.kind == "b" else self._each(values, first)
        if self.kind == DATE and values.dtype.kind == "M":
            return np.asarray(_days(values))
        return self._each(values, first)

    def _each(self, values: Array, first: int) -> Array:
        number: Callable[[Any], float] = {WORD: self._code, BOOLEAN: truth, DATE: days_of}.get(self.kind, number_of)
        found = np.empty(len(values))
        listed = values if values.dtype.kind == "M" else values.tolist()  # which makes numbers of times
        for row, value in enumerate(listed):
            try:
                found[row] = np.nan if self.kind != WORD and is_missing(value) else number(value)
            except (TypeError, ValueError, KeyError, OverflowError) as error:
                place = f"row {first + row}, column {self.name!r}"
                raise DataError(place, expected=EXPECTED[self.kind], got=repr(value)) from error
        return found

    def _code(self, value: Any) -> int:
        return self._codes.setdefault(word(value), len(self._codes))


def is_missing(value: Any) -> bool:
    """Return whether a value says that there is none."""
    text = str(value).strip() if isinstance(value, str) or type(value).__name__ in ("NAType", "NaTType") else None
    return value is None or text in MISSING or bool(text is None and value != value)  # NaN alone differs from itself


def word(value: Any) -> str:
    """Return the text that a file would have of a value: of a whole number without a point, of a missing one none."""
    if isinstance(value, str):
        text = value.strip()
        return "" if text in MISSING else text
    if is_missing(value):
        return ""
    whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return str(int(value)) if whole else str(value).strip()


def number_of(value: Any) -> float:
    """Return the number that a value is, or that a text says. Raises:   ValueError, TypeError."""
    if isinstance(value, np.datetime64) or "_" in str(value):  # Python reads 1_0 as 10
        raise ValueError("no number")
    return float(value)


def truth(value: Any) -> float:
    """Return 1 or 0 for what says true or false. Raises:   KeyError."""
    return TRUTH[word(value).casefold()]


def days_of(value: Any) -> float:
    """Return the days from 1970-01-01 to a date, or a text of ISO 8601, in UTC where it does not say.

    Raises:   ValueError, TypeError.
    """
    when: Any = datetime.fromisoformat(value.strip()) if isinstance(value, str) else value
    if not isinstance(when, date | np.datetime64):
        raise TypeError("no date")
    if isinstance(when, datetime) and when.tzinfo is not None:
        when = when.astimezone(UTC).replace(tzinfo=None)
    return float(_days(np.datetime64(when, "us")))


def _days(times: Any) -> Any:
    """Return the days of datetime64, NaN of one that is missing."""
    return (times.astype("M8[us]") - np.datetime64(0, "us")) / np.timedelta64(1, "s") / 86400


def plain_numbers(what: str, frame: Any, kind: type[ChainruleError] = DataError) -> Array:
    """Return the numbers of a frame, (N, C), in a dtype that holds them all.

    Raises:   an error of `kind` for two columns of one name, and for words, dates and missing values, with row and
              column, and with what prepares them.
    """
    names = names_of(what, frame, kind)
    if not names:
        raise kind(what, expected="columns of numbers", got="none")
    columns = [_plain(what, name, frame[key], kind) for name, key in names.items()]
    whole = np.asarray(frame) if hasattr(frame, "__array__") else None
    if whole is None or whole.dtype.kind not in "fiub":
        whole = np.stack(columns, axis=1)
    if whole.dtype.kind == "f" and np.isnan(whole).any():
        row, column = (int(i) for i in np.argwhere(np.isnan(whole))[0])
        raise _unprepared(f"{what}, row {row}, column {[*names][column]!r}", "no value", kind)
    return whole


def _plain(what: str, name: str, column: Any, kind: type[ChainruleError]) -> Array:
    values = values_of(f"{what}, column {name!r}", column, kind)
    own = kind_of(column, values)
    if own in (NUMBER, BOOLEAN):
        return values if values.dtype.kind in "fiub" else Values(name, NUMBER).read(values)  # such as Decimal
    shown = f"{own}s" if own else str(getattr(column, "dtype", values.dtype))
    raise _unprepared(f"{what}, column {name!r}", shown, kind)


def _unprepared(place: str, got: str, kind: type[ChainruleError]) -> ChainruleError:
    return kind(place, expected="numbers", got=got, hint=WAY)

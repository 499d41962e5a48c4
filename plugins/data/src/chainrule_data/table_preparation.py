"""What a table's columns are made into: missing numbers filled in, words as zeros and ones, numbers standardized."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from chainrule import Array, DataError, Preparation, SettingError, one_of, positive_int
from chainrule.errors import warn
from chainrule.rows import Column
from chainrule.settings import plain_number

MISSING, UNKNOWN, FEATURES = ("error", "drop", "mean"), ("zeros", "error"), "features"
HINT = 'missing = "mean" fills in the mean of the training part, missing = "drop" leaves such rows out of it'


@dataclass(frozen=True)
class TablePreparation(Preparation):
    """Fill in, spread and standardize the columns of a table, or the numbers of any array.

    Formula:  of numbers (x - μ) / σ, where `standardize`; of words one number for each word w of the training part,
              1 where it is w, else 0.

    With `standardize=True` a recipe's targets that are numbers are standardised, too, with "features" they are not.

    μ and σ are the training part's, σ the root of the mean square deviation, 1 for a column that is constant. A missing
    number is an error, or becomes μ: with `missing = "drop"`, where rows that lack one are not trained on, too. A word
    that training never saw is all zeros, with a warning, or an error. A column of over `most_words` words, and one
    without a number, is left out, with a warning.

    Shapes:   (B, C) to (B, C'); without words, (B, *shape) to (B, *shape).
    Raises:   SettingError; DataError with row and column for a missing number, an infinite one, or an unknown word.
    Source:   Chan, Golub and LeVeque (1983), The American Statistician 37, for the deviations of two parts.
    """

    standardize: bool | str = False
    missing: str = "error"
    unknown: str = "zeros"
    most_words: int = 100

    def __post_init__(self) -> None:
        if not isinstance(self.standardize, bool) and self.standardize != FEATURES:
            expected, hint = f'True, False or "{FEATURES}"', plain_number(self.standardize)
            raise SettingError("standardize", expected=expected, got=self.standardize, hint=hint)
        one_of("missing", self.missing, MISSING)
        one_of("unknown", self.unknown, UNKNOWN)
        positive_int("most_words", self.most_words)
        fits = isinstance(self.state, dict) and self.state and all(map(_is_learned, self.state.values()))
        if self.state is not None and not fits:
            raise SettingError("state", expected="what was learned of each column", got=self.state)

    def fit(self, rows: Array, columns: tuple[Column, ...]) -> Self:
        """Return what has learned from these rows alone."""
        flat, columns = _flat(rows), _named(rows, columns)
        state: dict[str, Any] = {}
        self._check(flat, columns)
        with np.errstate(over="ignore", invalid="ignore"):
            for i, (name, words) in enumerate(columns):
                if name in state:
                    raise DataError(f"more than one column {name!r}", hint="give each a name of its own")
                state[name] = _moments(flat[:, i]) if words is None else self._seen(flat[:, i], words)
        return replace(self, state=state)

    def merge(self, later: Self) -> Self:
        """Return what has learned from the rows of both."""
        state = {}
        for name, own in self.state.items():
            other = later.state[name]
            if "words" in own:
                both = None if own["words"] is None or other["words"] is None else {*own["words"], *other["words"]}
                state[name] = self._few(both)
            else:
                state[name] = _together(own, other)
        return replace(self, state=state)

    def apply(self, rows: Array, columns: tuple[Column, ...]) -> Array:
        """Return samples, in the order of the training's columns."""
        flat, plan = _flat(rows), self._plan(rows, columns)
        self._check(flat, _named(rows, columns))
        made = np.zeros((len(flat), plan.width), flat.dtype)
        values = flat[:, plan.numbers]
        values = (values - plan.mean) / plan.deviation if self.standardize else values.copy()
        if self.missing != "error":
            np.copyto(values, 0.0 if self.standardize else plan.mean, where=np.isnan(values), casting="same_kind")
        made[:, plan.places] = values
        if len(plan.words):
            codes = flat[:, plan.words].astype(np.int64)
            places = plan.place_of[codes + plan.first]
            seen = places >= 0
            if self.unknown == "error" and not seen.all():
                column, row = (int(k) for k in np.argwhere(~seen.T)[0])
                name, words = columns[plan.words[column]]
                where, hint = f"row {row}, column {name!r}", 'unknown = "zeros" takes such a word for none'
                got = repr((words or ())[int(codes[row, column])])
                raise DataError(where, expected="a word of the training part", got=got, hint=hint)
            starts = np.arange(len(made))[:, None] * plan.width
            made.reshape(-1)[(starts + places)[seen]] = 1
        return made if columns or plan.width != flat.shape[1] else made.reshape(rows.shape)

    def teaches(self, rows: Array, columns: tuple[Column, ...]) -> Array | None:
        """Return the rows whose numbers are all there, where others are dropped."""
        return np.asarray(~np.isnan(_flat(rows)).any(axis=1)) if self.missing == "drop" else None

    def remarks(self, rows: Array, columns: tuple[Column, ...]) -> Mapping[str, int]:
        """Return how many rows have words that training never saw, by column."""
        found = {}
        for name, (i, words) in self._places(rows, columns).items():
            own = self.state[name].get("words")
            new = [k for k, word in enumerate(words or ()) if own is not None and word not in own]
            count = int(np.isin(rows[:, i], new).sum()) if new else 0
            if count and self.unknown == "zeros":
                shown = ", ".join(repr(words[k]) for k in new[:5]) + ", …" * (len(new) > 5) if words else ""
                found[f"rows with a word in column {name!r} that training never saw, {shown}, which count as none"] = (
                    count
                )
        return found

    def finish(self) -> Self:
        """Warn of columns that are left out. Raises:   DataError where none is left, or one's numbers are too large."""
        for name, facts in self.state.items():
            if name not in self._used():
                over = f"over {self.most_words} different words"
                why = over if "words" in facts else "no number in the training part"
                warn(f"column {name!r} has {why}, and is left out")
        if not self._used():
            raise DataError("the columns", expected="one that can be learned from", got="none")
        for name, facts in self._used().items():
            if "words" not in facts and not np.isfinite(facts["squares"]):
                raise DataError(f"column {name!r}", expected="numbers whose squares are finite", got="larger ones")
        return self

    @property
    def standardizes_targets(self) -> bool:
        """Whether `standardize` is not that of the features alone."""
        return self.standardize is True

    def names(self, columns: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Return the names of the numbers of a sample, `colour=red` for a word."""
        return None if columns is None else tuple(self._outputs())

    def _used(self) -> dict[str, Any]:
        """Return what was learned of the columns that are not left out."""
        return {
            name: facts
            for name, facts in self.state.items()
            if (facts["words"] is not None if "words" in facts else facts["count"])
        }

    def _outputs(self) -> list[str]:
        return [
            output
            for name, facts in self._used().items()
            for output in ([f"{name}={word}" for word in facts["words"]] if "words" in facts else [name])
        ]

    def _seen(self, codes: Array, words: tuple[str, ...]) -> dict[str, Any]:
        there = np.zeros(len(words), bool)
        there[codes.astype(np.int64)] = True
        return self._few({words[code] for code in np.flatnonzero(there)})

    def _few(self, words: set[str] | None) -> dict[str, Any]:
        return {"words": None if words is None or len(words) > self.most_words else sorted(words)}

    def _places(self, rows: Array, columns: tuple[Column, ...]) -> dict[str, tuple[int, tuple[str, ...] | None]]:
        """Return where each column of the training is. Raises:   DataError for columns that are other."""
        there = {name: (i, words) for i, (name, words) in enumerate(_named(rows, columns))}
        for name, facts in self.state.items():
            if name not in there:
                raise DataError(f"no column {name!r}", hint=f"the training had {', '.join([*self.state][:20])}")
            if ("words" in facts) != (there[name][1] is not None):
                expected, got = ("words", "numbers") if "words" in facts else ("numbers", "words")
                raise DataError(f"column {name!r}", expected=f"{expected}, as in training", got=got)
        if not columns and len(there) != len(self.state):
            raise DataError("a row", expected=f"{len(self.state)} numbers, as in training", got=len(there))
        return {name: there[name] for name in self.state}

    def _check(self, flat: Array, columns: tuple[Column, ...]) -> None:
        """Refuse infinite numbers, and missing ones where they are an error. Raises:   DataError."""
        wrong = np.isinf(flat) if self.missing != "error" else ~np.isfinite(flat)
        if wrong.any():
            row, i = (int(k) for k in np.argwhere(wrong)[0])
            missing = bool(np.isnan(flat[row, i]))
            place, got = f"row {row}, column {columns[i].name!r}", "none" if missing else f"{flat[row, i]}"
            raise DataError(place, expected="a finite number", got=got, hint=HINT if missing else None)

    def _plan(self, rows: Array, columns: tuple[Column, ...]) -> _Plan:
        """Return what is done to rows of these columns; that of the last ones is kept, as they come batch by batch."""
        kept: _Plan | None = self.__dict__.get("_kept")
        if kept is not None and kept.columns is columns and (columns or kept.shape == rows.shape[1:]):
            return kept
        places, at = self._places(rows, columns), 0
        numbers: list[tuple[float, ...]] = []
        sources: list[int] = []
        place_of: list[int] = []
        first: list[int] = []
        for name, facts in self._used().items():
            i, words = places[name]
            if words is None:
                numbers.append((i, at, facts["mean"], _deviation(facts)))
            else:
                place = {word: at + k for k, word in enumerate(facts["words"])}
                sources.append(i)
                first.append(len(place_of))
                place_of += [place.get(word, -1) for word in words]
            at += 1 if words is None else len(facts["words"])
        taken = np.array(numbers, np.float64).reshape(-1, 4).T
        source, target = (span(part) for part in taken[:2].astype(np.int64))
        spread = np.array(sources, np.int64), np.array(first, np.int64), np.array(place_of, np.int64)
        plan = _Plan(columns, rows.shape[1:], at, source, target, taken[2], taken[3], *spread)
        self.__dict__["_kept"] = plan
        return plan


@dataclass(frozen=True)
class _Plan:
    """Which numbers of a row become which of a sample, and how.

    Of the columns of words, the place of each code, those of a column's from `first` on; -1 for none.
    """

    columns: tuple[Column, ...]
    shape: tuple[int, ...]
    width: int
    numbers: Array | slice
    places: Array | slice
    mean: Array
    deviation: Array
    words: Array
    first: Array
    place_of: Array


def span(places: Array | list[int]) -> Array | slice:
    """Return places as a slice where they follow each other: what it takes is no copy."""
    places = np.asarray(places, np.int64)
    if len(places) and (np.diff(places) == 1).all():
        return slice(int(places[0]), int(places[-1]) + 1)
    return places


def _is_learned(facts: Any) -> bool:
    """Return whether facts are those of a column of words, or of numbers."""
    if isinstance(facts, dict) and facts.keys() == {"words"}:
        words = facts["words"]
        return words is None or (isinstance(words, list) and all(isinstance(word, str) for word in words))
    numbers = isinstance(facts, dict) and facts.keys() == {"count", "mean", "squares"}
    return numbers and all(type(fact) in (int, float) for fact in facts.values())


def _flat(rows: Array) -> Array:
    """Return rows of numbers, (B, C): float64 where they were, or the table has words, else float32."""
    flat = np.asarray(rows).reshape(len(rows), -1)
    return flat if flat.dtype in (np.float32, np.float64) else flat.astype(np.float32)


def _named(rows: Array, columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """Return the columns; of an array, their numbers."""
    return columns or tuple(Column(str(i)) for i in range(int(np.prod(rows.shape[1:]))))


def _moments(values: Array) -> dict[str, Any]:
    """Return number, mean, and sum of squared deviations of what is there, which is exactly 0 where all are equal."""
    there = values[~np.isnan(values)].astype(np.float64)
    if not len(there):
        return {"count": 0, "mean": 0.0, "squares": 0.0}
    mean = there[0] + (there - there[0]).sum() / len(there)
    return {"count": len(there), "mean": float(mean), "squares": float(((there - mean) ** 2).sum())}


def _together(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    """Return the moments of two parts. Source:   Chan, Golub and LeVeque (1983), eq. 2.1."""
    if not a["count"] or not b["count"]:
        return a if a["count"] else b
    count, between = a["count"] + b["count"], b["mean"] - a["mean"]
    mean = a["mean"] + between * b["count"] / count
    squares = a["squares"] + b["squares"] + between * between * a["count"] * b["count"] / count
    return {"count": count, "mean": mean, "squares": squares}


def _deviation(facts: dict[str, Any]) -> float:
    return float(np.sqrt(facts["squares"] / facts["count"])) or 1.0

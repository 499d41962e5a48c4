"""What every reader of tables does, whatever a table is written in: which columns are what, and the set they make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import Array, DataError, Dataset, SettingError
from chainrule.errors import warn
from chainrule.frames import KINDS, NUMBER, WORD
from chainrule.rows import Column, Raw

from .csv_header import Columns, find_columns, near
from .table_preparation import TablePreparation
from .table_roles import OUT, TARGET, WEIGHT, Wishes, check_roles

WEIGHTS = "a weight, a finite number from 0 on"


@dataclass(frozen=True)
class Asked:
    """What a reader of tables is asked for: the target, the features, and what is said of columns.

    `roles` are those of an earlier table, and stand before the wishes; `keep` are columns whose texts are kept.
    Raises:   SettingError.
    """

    target: str | int | None
    classes: bool
    columns: Sequence[str] | int | None
    labelled: bool
    wishes: Wishes
    roles: Mapping[str, str] | None
    keep: Sequence[str]

    def __post_init__(self) -> None:
        for name, value in (("classes", self.classes), ("labelled", self.labelled)):
            if not isinstance(value, bool):
                raise SettingError(name, expected="true or false", got=value)
        listed = isinstance(self.columns, list | tuple)
        names: Sequence[Any] = self.columns if isinstance(self.columns, list | tuple) else ()
        number = type(self.columns) is int and self.columns > 0
        if self.columns is not None and not number and not (listed and all(isinstance(name, str) for name in names)):
            raise SettingError("columns", expected="a list of names, or their number", got=self.columns)
        out = {name: role for name, role in self.wishes.roles.items() if role in OUT} | {self.target: TARGET}
        wrong = [name for name in names if self.roles is None and name in out]
        if wrong:
            expected, got = "features, none that is left out or the target", f"{wrong[0]}, {out[wrong[0]]}"
            raise SettingError("columns", expected=expected, got=got)
        if not isinstance(self.keep, list | tuple) or not all(isinstance(name, str) for name in self.keep):
            raise SettingError("keep", expected="a list of columns", got=self.keep)
        check_roles(self.roles)

    @property
    def known(self) -> list[str]:
        """The features of the earlier table, in their order."""
        return [name for name, role in (self.roles or {}).items() if role in KINDS]

    @property
    def features(self) -> Sequence[str] | int | None:
        """The features that are asked for by name, or their number."""
        return self.columns if self.roles is None else self.known

    @property
    def said(self) -> Mapping[str, str]:
        """The roles that are said, by the names of the columns."""
        return self.wishes.roles if self.roles is None else self.roles

    def weight(self, found: Columns) -> str | None:
        """Return the column of the samples' weights, None where there is none, or no target that they are for.

        Raises:   SettingError where it is the target.
        """
        named = (name for name, role in self.said.items() if role == WEIGHT and name in found.names)
        name = next(named, None) if self.labelled else None
        if name is not None and found.target is not None and found.names[found.target] == name:
            raise SettingError("weights", expected="another column than the target", got=name)
        return name

    def find(self, path: Path | str, place: str, names: list[str], named: bool) -> Columns:
        """Return which of all columns is what, and warn of those that the earlier table did not have.

        Raises:   DataError for what is said of a column that is not there.
        """
        others = {name for name, role in self.said.items() if role in OUT}
        found = find_columns(path, place, names, named, self.target, self.features, self.labelled, others)
        if self.roles is not None and not named:  # its columns are taken by order
            known_as = dict(zip(found.features, self.known, strict=False))
            found = replace(found, names=[known_as.get(i, name) for i, name in enumerate(found.names)])
        if self.roles is None:
            _check_named(place, self.said, found)
        _check_named(place, self.keep, found)
        unknown = [name for name in found.unknown if name not in self.keep]
        if self.roles is not None and unknown:
            warn(f"{path}: columns that the network does not know are left out: {', '.join(unknown)}")
        return found


def _check_named(place: str, said: Iterable[str], found: Columns) -> None:
    """Refuse what is said of a column that is not there. Raises:   DataError."""
    for name in said:
        if name not in found.names:
            raise DataError(f"{place}: no column {name!r}", hint=near(name, found.names))


def check_weight(place: str, weight: float | None, got: Any) -> float:
    """Return a weight. Raises:   DataError for what is none."""
    if weight is None or not 0 <= weight < np.inf:
        raise DataError(place, expected=WEIGHTS, got=got)
    return weight


def check_weights(place: str, weights: Array) -> Array:
    """Return the weights of all samples. Raises:   DataError where none counts."""
    if not weights.any():
        raise DataError(place, expected="a sample that counts", got="0 for each")
    return weights


def dataset_of(
    x: Array,
    columns: Sequence[Column],
    roles: Mapping[str, str],
    preparation: TablePreparation,
    y: Array | None,
    *,
    named: bool = True,
    target: str | None = None,
    **further: Any,
) -> Dataset:
    """Return a set of what was read: its rows are `Raw` where they are to be prepared, its roles told where they say
    something.
    """
    to_prepare = preparation != TablePreparation() or WORD in roles.values()
    told = to_prepare or not {*roles.values()} <= {NUMBER, TARGET}
    return Dataset(
        Raw(x, preparation, tuple(columns)) if to_prepare else x,
        y,
        columns=tuple(column.name for column in columns) if named else None,
        target=target if named else None,
        roles=roles if told else None,
        **further,
    )

"""What each column of a table is to a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chainrule import SettingError
from chainrule.frames import BOOLEAN, DATE, KINDS, NUMBER, WORD

from .csv_header import Columns

TARGET = "target"
IDENTIFIER, WEIGHT, DROPPED = OUT = ("identifier", "weight", "dropped")
"""The roles of columns that are left out."""


@dataclass(frozen=True)
class Wishes:
    """What is said of columns by their names: of which kind they are, and which are no features.

    Raises:   SettingError.
    """

    categories: Any = ()
    dates: Any = ()
    booleans: Any = ()
    drop: Any = ()
    identifiers: Any = ()
    weights: Any = None

    def __post_init__(self) -> None:
        said: dict[str, str] = {}
        for name, given in list(vars(self).items()):
            if name == "categories" and given == "auto":
                continue
            one = name == "weights" and type(given) in (str, int)
            columns = () if given is None else (given,) if one else given
            listed = isinstance(columns, list | tuple) and all(type(entry) in (str, int) for entry in columns)
            if not listed or (name == "weights" and columns and not one):
                wanted = {"categories": 'a list of columns, or "auto"', "weights": "the name of a column"}
                raise SettingError(name, expected=wanted.get(name, "a list of columns"), got=given)
            object.__setattr__(self, name, tuple(map(str, columns)))
            for column in map(str, columns):
                if column in said:
                    raise SettingError(
                        name, expected="columns that are in one list", got=f"{column}, in {said[column]}"
                    )
                said[column] = name

    @property
    def automatic(self) -> bool:
        """Whether every column with a word in it is one of words."""
        return bool(self.categories == "auto")

    @property
    def roles(self) -> dict[str, str]:
        """The roles that are said, by the names of the columns."""
        said = {WORD: () if self.automatic else self.categories, DATE: self.dates, BOOLEAN: self.booleans}
        said |= {DROPPED: self.drop, IDENTIFIER: self.identifiers, WEIGHT: self.weights}
        return {column: role for role, columns in said.items() for column in columns}


def check_roles(roles: Any) -> Mapping[str, str] | None:
    """Return the roles of an earlier table's columns. Raises:   SettingError for what are none."""
    fits = isinstance(roles, Mapping) and all(
        isinstance(name, str) and role in (*KINDS, TARGET, *OUT) for name, role in roles.items()
    )
    if roles is not None and not (fits and any(role in KINDS for role in roles.values())):
        expected = f"a table of columns, each one of {', '.join((*KINDS, TARGET, *OUT))}, and a feature among them"
        raise SettingError("roles", expected=expected, got=roles)
    return None if roles is None else {**roles}


def roles_of(columns: Columns, said: Mapping[str, str]) -> dict[str, str]:
    """Return the role of each column, the features first, in their order; row labels have none."""
    names = columns.names
    roles = {names[i]: said.get(names[i], NUMBER) for i in columns.features}
    if columns.target is not None:
        roles[names[columns.target]] = TARGET
    for i, name in enumerate(names):
        if name not in roles and i not in columns.index:
            roles[name] = said[name] if said.get(name) in OUT else DROPPED
    return roles

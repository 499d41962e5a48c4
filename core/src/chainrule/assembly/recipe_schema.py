"""Which keys a recipe has, and what they hold."""

from __future__ import annotations

import difflib
from typing import Any

from ..errors import RecipeError
from ..settings import plain_number

Table = dict[str, Any]
"""What TOML reads: keys and strings, numbers, lists, further tables."""
LEVELS = 100
"""How deep the tables and lists of a recipe may be."""
_ANY: tuple[type, ...] = (object,)
_TYPE_NAMES = {dict: "a table", list: "a list", str: "a string", int: "a whole number"}
SECTIONS: dict[str, dict[str, tuple[tuple[type, ...], bool]]] = {
    "": {
        "data": ((dict,), False),
        "network": ((dict,), True),
        "training": ((dict,), False),
        "prefer": ((list,), False),
        "modules": ((str,), False),
        "versions": ((dict,), False),
    },
    "data": {"use": ((str,), True), "*": (_ANY, False)},
    "network": {
        "layers": ((list,), False),
        "nodes": ((list,), False),
        "inputs": ((list,), False),
        "outputs": ((list,), False),
        "ties": ((dict,), False),
        "dtype": ((str,), False),
        "input_shape": ((list, dict), False),
    },
    "training": {
        "loss": ((str, dict), True),
        "optimizer": ((str, dict), True),
        "batch_size": ((int, str), True),
        "epochs": ((int,), True),
        "seed": ((int,), False),
        "shards": (_ANY, False),
        "class_weight": ((str, dict), False),
        "metrics": ((list, dict), False),
        "frozen": ((list,), False),
        "engine": ((str, dict), False),
        "hooks": ((list,), False),
    },
}
"""Section → key → (types, whether it must be there); a section that takes further keys has "*"."""


def check_nesting(table: Table) -> None:
    """Refuse what is so deep that building it would end in Python's limit of recursion. Raises:   RecipeError."""
    level: list[Any] = [table]
    for _ in range(LEVELS):
        entries = (entry for value in level for entry in (value.values() if isinstance(value, dict) else value))
        level = [entry for entry in entries if isinstance(entry, dict | list)]
    if level:
        raise RecipeError("recipe", expected=f"tables and lists of at most {LEVELS} levels", got="more")


def check_table(table: Table, section: str) -> None:
    """Refuse unknown and missing keys, and values of the wrong type. Raises:   RecipeError."""
    keys = SECTIONS[section]
    prefix = f"{section}." if section else ""
    known = ", ".join(key for key in keys if key != "*")
    for key, value in table.items():
        if key not in keys and "*" not in keys:
            near = difflib.get_close_matches(key, keys, n=1) or [f"{s}.{key}" for s in SECTIONS if key in SECTIONS[s]]
            hint = f"did you mean {near[0]}?" if near else f"the keys here are {known}"
            raise RecipeError(f"{prefix}{key}: unknown key", hint=hint)
        types = keys.get(key, (_ANY, False))[0]
        if types != _ANY and (not isinstance(value, types) or isinstance(value, bool)):
            expected = " or ".join(_TYPE_NAMES[type_] for type_ in types)
            raise RecipeError(f"{prefix}{key}", expected=expected, got=repr(value), hint=plain_number(value))
    for key, (_, required) in keys.items():
        if required and key not in table:
            raise RecipeError(f"{prefix}{key}: missing key", hint=f"the keys here are {known}")

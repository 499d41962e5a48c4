"""A line to paste that repeats one check of one case."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

from .blame import without_addresses
from .cases import Case
from .importable import home_of, importable

_USERS = {
    "invalid": ("errors.settings",),
    "reference": (".reference", ".extremes"),
    "laws": ("forward.laws",),
}
"""The checks that look at a declaration that often cannot be written in a line."""


def reproduction(case: Case, check_id: str, seed: int) -> str:
    """Return a Python line; `case` stands for the case itself where it cannot be written out.

    What has no bearing on the check, such as a reference that is a lambda, is left out.
    """
    run = f"seed={seed}, only={check_id!r}"
    left_out = {"expected_failures"} | {name for name, users in _USERS.items() if not check_id.endswith(users)}
    kind = type(case).__name__
    imports: dict[str, str] = {}
    try:
        written = f"{kind}({_arguments(case, left_out, imports)})"
    except ValueError:
        return f"print(check(case, {run}))  # case: {case.id}"
    lines = [f"from {module} import {name}" for name, module in sorted(imports.items())]
    return "; ".join([f"from chainrule.conformance import {kind}, check", *lines, f"print(check({written}, {run}))"])


def _arguments(case: Case, left_out: set[str], imports: dict[str, str]) -> str:
    parts = []
    for field in fields(case):
        value = getattr(case, field.name)
        needed = field.default is MISSING and field.default_factory is MISSING
        if field.name in left_out or not (needed or _is_set(value)):
            continue
        parts.append(_write(value, imports) if needed else f"{field.name}={_write(value, imports)}")
    return ", ".join(parts)


def _is_set(value: Any) -> bool:
    return value is not None and value is not False and value != {} and value != ()


def _write(value: Any, imports: dict[str, str]) -> str:
    """Return Python that makes the value, collecting what it must import. Raises:   ValueError where there is none."""
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    if isinstance(value, tuple | list):
        inner = ", ".join(_write(entry, imports) for entry in value)
        return f"({inner}{',' * (len(value) == 1)})" if isinstance(value, tuple) else f"[{inner}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_write(entry, imports)}" for key, entry in value.items()) + "}"
    if callable(value) and importable(value):
        imports[value.__qualname__] = home_of(value)
        return str(value.__qualname__)
    written = repr(value)
    if not importable(type(value)) or without_addresses(written) != written:
        raise ValueError(written)
    imports[type(value).__qualname__] = home_of(type(value))
    for name in getattr(value, "__dataclass_fields__", ()):
        _write(getattr(value, name, None), imports)
    return written

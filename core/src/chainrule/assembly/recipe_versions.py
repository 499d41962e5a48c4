"""The versions that a run was made with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import registry
from .recipe_schema import Table
from .recipe_tables import expanded


def versions_of(table: Table, prefer: Sequence[str], folder: Path) -> dict[str, str]:
    """Return the versions of NumPy, of chainrule, and of every distribution that a recipe's names come from.

    Preferred ones that offer rewritings are among them.
    """
    from importlib_metadata import version

    training, network = table.get("training", {}), table["network"]
    written = [network.get("layers", []), network.get("nodes", [])]
    used: dict[str, Any] = {
        "data": table.get("data", {}),
        "layers": [written, expanded(written, prefer, folder)],
        "losses": training.get("loss", {}),
        "optimizers": training.get("optimizer", {}),
        "hooks": training.get("hooks", []),
        "metrics": training.get("metrics", []),
    }
    found = {name: version(name) for name in ("chainrule", "numpy")}
    for group, tables in used.items():
        for name in names(tables):
            within = (registry.default.entry(kind, name, prefer) for kind in (group, "compositions", *registry.KINDS))
            entry = next(filter(None, within), None)
            if entry is not None:
                found[entry.distribution] = entry.version
                if group != "hooks" and entry.distribution != "chainrule":
                    found |= _dependencies(entry.distribution)
    for entry in registry.default.rewriting_entries(prefer):
        found |= {entry.distribution: entry.version} | _dependencies(entry.distribution)
    return dict(sorted(found.items()))


def _dependencies(distribution: str) -> dict[str, str]:
    """Return the versions of what a distribution depends on, extras aside."""
    from importlib_metadata import PackageNotFoundError, requires, version

    found = {}
    for requirement in requires(distribution) or ():
        name = re.match(r"[\w.-]+", requirement)
        if name is not None and "extra ==" not in requirement:
            with suppress(PackageNotFoundError):  # its marker is for another machine
                found[registry.normalized(name[0])] = version(name[0])
    return found


def names(value: Any) -> Iterator[str]:
    """Yield every name that a value uses, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for entry in value:
            yield from names(entry)
    elif isinstance(value, dict):
        for key, entry in value.items():
            if key == "use" or isinstance(entry, dict | list):
                yield from names(entry)

"""What the distributions of this project offer, installed or not, so that an error can say which one brings a name.

Each distribution's own `pyproject.toml` says it. In a clone those are read; a wheel carries `offers.json`, which is
made of them when it is built. This module imports nothing of chainrule: `hatch_build.py` runs it alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NAME = "offers.json"
PREFIX = "chainrule."
Offers = Mapping[str, Mapping[str, list[str]]]
"""Distribution → group → names."""


def known() -> Offers:
    """Return what each distribution offers, as the clone says that chainrule was installed from, or else its wheel."""
    import json  # what this module imports is needed for messages alone
    from importlib import resources

    clone = clone_folder()
    if clone is not None:
        return of_clone(clone)
    try:
        found: Offers = json.loads((resources.files("chainrule") / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # it was not built as a wheel
        return {}
    return found


def of_clone(folder: Path) -> dict[str, dict[str, list[str]]]:
    """Return what each distribution of a clone offers."""
    found = {}
    for table in _projects(folder).values():
        points = table.get("entry-points", {})
        groups = {group: sorted(names) for group, names in points.items() if group.startswith(PREFIX)}
        found[table["name"]] = {group.removeprefix(PREFIX): names for group, names in groups.items()}
    return found


def bringing(group: str, name: str | None = None) -> list[str]:
    """Return the distributions that offer a name, or anything in a group; one that stands back where no other does."""
    found = {
        distribution: "alternatives" in groups
        for distribution, groups in known().items()
        if (groups.get(group) if name is None else name in groups.get(group, ()))
    }
    return [distribution for distribution, back in found.items() if not back] or list(found)


def install(*distributions: str) -> str:
    """Return the command that installs distributions: in a clone, from their folders, which no index has to have.

    One may be `name==version`, and is taken from the clone where that has the version.
    """
    import shlex

    clone, folders = clone_folder(), dict[str, Path]()
    for folder, table in ({} if clone is None else _projects(clone)).items():
        folders |= {table["name"]: folder, f"{table['name']}=={table.get('version')}": folder}
    words = [_shown(folders[name]) if name in folders else name for name in distributions]
    return shlex.join(["pip", "install", *words])


def clone_folder() -> Path | None:
    """Return the clone that chainrule was installed from, None where there is none."""
    import json
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    from importlib_metadata import PackageNotFoundError, distribution

    try:
        origin = json.loads(distribution("chainrule").read_text("direct_url.json") or "{}")
        url = urlsplit(str(origin.get("url", "")))
        clone = Path(url2pathname(url.path)).parent
    except (PackageNotFoundError, OSError, ValueError, AttributeError):
        return None
    return clone if url.scheme == "file" and (clone / "plugins").is_dir() else None


def _projects(clone: Path) -> dict[Path, dict[str, Any]]:
    """Return the `project` table of each distribution of a clone, by its folder."""
    import tomllib

    found = {}
    for file in [clone / "core" / "pyproject.toml", *sorted(clone.glob("plugins/*/pyproject.toml"))]:
        try:
            table = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
            found[file.parent] = {**table, "name": str(table["name"])}
        except (OSError, ValueError, KeyError, TypeError):  # whoever writes one just now is not to be told so here
            continue
    return found


def _shown(folder: Path) -> str:
    """Return a folder as pip takes it, as short as the current folder allows."""
    try:
        return os.path.join(os.curdir, folder.relative_to(Path.cwd()))
    except (ValueError, OSError):  # it is elsewhere, or there is no current folder
        return str(folder)
